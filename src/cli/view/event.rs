//! Events.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::calendar_event as calendar;
use super::claimed::Line;
use super::order::{self, PricedLine};
use super::parts::LineParts;
use super::{Amount, Stock, moment};
use crate::proto::v1::{self, entity_id, event::Body};

/// An event.
#[derive(Debug, Serialize)]
pub struct Event {
    /// Its place in the log.
    pub position: u64,
    /// Its id.
    pub event_id: String,
    /// What happened, such as `StockReceived`; `Unknown` where this client is too old for it.
    pub r#type: &'static str,
    /// The entity that it happened to.
    pub stream: Stream,
    /// That entity's version with it.
    pub version: u64,
    /// When it was decided.
    pub time: Option<String>,
    /// Who caused it.
    pub principal: String,
    /// With what.
    pub source: String,
    /// The command that caused it.
    pub request_id: String,
    /// Common to all that one cause set off.
    pub correlation_id: String,
    /// The event that set it off.
    pub causation_id: String,
    /// What is particular to its type.
    pub body: Value,
}

/// An entity as an event names it.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Stream {
    /// A stock balance.
    StockBalance(Stock),
    /// A reservation.
    Reservation {
        /// Its id.
        reservation_id: String,
    },
    /// A sales order.
    SalesOrder {
        /// Its id.
        sales_order_id: String,
    },
    /// A calendar.
    Calendar {
        /// Its id.
        calendar_id: String,
    },
    /// A kind that this client is too old for.
    Unknown,
}

impl From<v1::EntityId> for Stream {
    fn from(entity: v1::EntityId) -> Self {
        match entity.id {
            Some(entity_id::Id::StockBalance(stock)) => Self::StockBalance(stock.into()),
            Some(entity_id::Id::ReservationId(reservation_id)) => {
                Self::Reservation { reservation_id }
            }
            Some(entity_id::Id::SalesOrderId(sales_order_id)) => {
                Self::SalesOrder { sales_order_id }
            }
            Some(entity_id::Id::CalendarId(calendar_id)) => Self::Calendar { calendar_id },
            None => Self::Unknown,
        }
    }
}

/// As `events read` takes it.
impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StockBalance(stock) => write!(f, "{stock}"),
            Self::Reservation { reservation_id } => write!(f, "reservation:{reservation_id}"),
            Self::SalesOrder { sales_order_id } => write!(f, "order:{sales_order_id}"),
            Self::Calendar { calendar_id } => write!(f, "calendar:{calendar_id}"),
            Self::Unknown => f.write_str("an entity unknown to this client"),
        }
    }
}

impl From<v1::Event> for Event {
    fn from(event: v1::Event) -> Self {
        let (kind, body) = event.body.map_or(("Unknown", json!({})), tell);
        Self {
            position: event.position,
            event_id: event.event_id,
            r#type: kind,
            stream: event.stream.unwrap_or_default().into(),
            version: event.version,
            time: moment(event.time),
            principal: event.principal,
            source: event.source,
            request_id: event.request_id,
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
            body,
        }
    }
}

/// The name of an event's type, and what is particular to it.
fn tell(body: Body) -> (&'static str, Value) {
    match body {
        Body::StockReceived(e) => ("StockReceived", stock_received(e)),
        Body::StockAdjusted(e) => ("StockAdjusted", stock_adjusted(e)),
        Body::ClaimMade(e) => ("ClaimMade", claim_made(e)),
        Body::ClaimChanged(e) => ("ClaimChanged", claim_changed(e)),
        Body::ClaimCommitted(e) => ("ClaimCommitted", claim_committed(e)),
        Body::ClaimReleased(e) => ("ClaimReleased", claim_released(e)),
        Body::ReservationCreated(e) => ("ReservationCreated", reservation_created(e)),
        Body::ReservationExtended(e) => ("ReservationExtended", deadline(e.expire_time)),
        Body::ReservationConfirmed(_) => ("ReservationConfirmed", json!({})),
        Body::ReservationCommitted(e) => ("ReservationCommitted", reservation_committed(e)),
        Body::ReservationCancelled(e) => ("ReservationCancelled", json!({ "reason": e.reason })),
        Body::ReservationExpired(e) => ("ReservationExpired", deadline(e.expire_time)),
        Body::ReservationChangeStarted(e) => ("ReservationChangeStarted", lines(e.lines)),
        Body::ReservationChanged(e) => ("ReservationChanged", lines(e.lines)),
        Body::ReservationChangeRefused(_) => ("ReservationChangeRefused", json!({})),
        Body::SalesOrderCreated(e) => ("SalesOrderCreated", order_created(e)),
        Body::SalesOrderReserved(e) => ("SalesOrderReserved", order_reserved(e)),
        Body::SalesOrderRejected(e) => ("SalesOrderRejected", order_rejected(e)),
        Body::SalesOrderConfirmed(_) => ("SalesOrderConfirmed", json!({})),
        Body::SalesOrderDelivered(_) => ("SalesOrderDelivered", json!({})),
        Body::SalesOrderCompleted(_) => ("SalesOrderCompleted", json!({})),
        Body::SalesOrderCancelled(e) => ("SalesOrderCancelled", json!({ "reason": e.reason })),
        Body::SalesOrderReleased(_) => ("SalesOrderReleased", json!({})),
        Body::CalendarCreated(e) => ("CalendarCreated", calendar::created(e)),
        Body::CalendarRulesChanged(e) => ("CalendarRulesChanged", calendar::rules_changed(e)),
        Body::CapacityChanged(e) => ("CapacityChanged", calendar::capacity_changed(e)),
        Body::DatesClosed(e) => ("DatesClosed", json!({ "period": calendar::period(e.period) })),
        Body::DatesOpened(e) => ("DatesOpened", json!({ "period": calendar::period(e.period) })),
        Body::CalendarRetired(_) => ("CalendarRetired", json!({})),
        Body::ClaimsInConflict(e) => ("ClaimsInConflict", calendar::in_conflict(e)),
    }
}

fn stock_received(event: v1::StockReceived) -> Value {
    json!({ "quantity": event.quantity, "reference": event.reference })
}

fn stock_adjusted(event: v1::StockAdjusted) -> Value {
    json!({ "on_hand": event.on_hand, "delta": event.delta, "reason": event.reason })
}

fn claim_made(event: v1::ClaimMade) -> Value {
    json!({
        "reservation_id": event.reservation_id,
        "reservation_version": event.reservation_version,
        "held": event.held,
        "expire_time": moment(event.expire_time),
        "committed": event.committed,
        "parts": calendar::parts(event.parts),
        "change_parts": calendar::parts(event.change_parts),
    })
}

fn claim_changed(event: v1::ClaimChanged) -> Value {
    json!({
        "reservation_id": event.reservation_id,
        "reservation_version": event.reservation_version,
        "held": event.held,
        "expire_time": moment(event.expire_time),
        "committed": event.committed,
        "parts": calendar::parts(event.parts),
        "change_parts": calendar::parts(event.change_parts),
    })
}

fn claim_committed(event: v1::ClaimCommitted) -> Value {
    json!({
        "reservation_id": event.reservation_id,
        "reservation_version": event.reservation_version,
        "held": event.held,
        "committed": event.committed,
        "parts": calendar::parts(event.parts),
    })
}

fn claim_released(event: v1::ClaimReleased) -> Value {
    json!({
        "reservation_id": event.reservation_id,
        "reservation_version": event.reservation_version,
        "released": event.released,
    })
}

fn reservation_committed(event: v1::ReservationCommitted) -> Value {
    let lines: Vec<_> = event.lines.into_iter().map(LineParts::from).collect();
    json!({ "lines": lines, "final": event.r#final })
}

fn deadline(expire_time: Option<prost_types::Timestamp>) -> Value {
    json!({ "expire_time": moment(expire_time) })
}

fn lines(lines: Vec<v1::ReservationLine>) -> Value {
    let lines: Vec<_> = lines.into_iter().map(Line::from).collect();
    json!({ "lines": lines })
}

fn reservation_created(event: v1::ReservationCreated) -> Value {
    let lines: Vec<_> = event.lines.into_iter().map(Line::from).collect();
    json!({
        "lines": lines,
        "expire_time": moment(event.expire_time),
        "customer": event.customer,
        "external_reference": event.external_reference,
        "attributes": event.attributes,
        "sales_order_id": event.sales_order_id,
    })
}

fn order_created(event: v1::SalesOrderCreated) -> Value {
    let lines: Vec<_> = event.lines.into_iter().map(PricedLine::from).collect();
    json!({
        "customer": event.customer,
        "currency": event.currency_code,
        "lines": lines,
        "total": event.total.map(Amount::from),
    })
}

fn order_reserved(event: v1::SalesOrderReserved) -> Value {
    json!({ "reservation_id": event.reservation_id })
}

fn order_rejected(event: v1::SalesOrderRejected) -> Value {
    json!({ "rejection": event.rejection.map(order::Rejection::from) })
}

/// One line: where, when, to what, what, and the particulars that are set and short.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.as_deref().unwrap_or("-");
        write!(
            f,
            "{:>8}  {time}  {} v{}  {}",
            self.position, self.stream, self.version, self.r#type
        )?;
        let Value::Object(body) = &self.body else { return Ok(()) };
        for (key, value) in body {
            match value {
                Value::String(text) if !text.is_empty() => write!(f, " {key}={text:?}")?,
                Value::Number(number) => write!(f, " {key}={number}")?,
                Value::Array(items) => write!(f, " {key}={}", items.len())?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_in_one_line_and_in_full() {
        let stock = v1::StockResource { sku: "MUG".into(), location: String::new() };
        let received = v1::StockReceived { quantity: 5, reference: "note 7".into() };
        let event = Event::from(v1::Event {
            position: 17,
            stream: Some(v1::EntityId { id: Some(entity_id::Id::StockBalance(stock)) }),
            version: 3,
            time: Some(prost_types::Timestamp { seconds: 1_260_000_000, nanos: 0 }),
            body: Some(Body::StockReceived(received)),
            ..Default::default()
        });
        assert_eq!(
            event.to_string(),
            "      17  2009-12-05T08:00:00.000Z  stock:MUG v3  StockReceived quantity=5 reference=\"note 7\""
        );
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["stream"]["kind"], "stock_balance");
        assert_eq!(json["stream"]["sku"], "MUG");
        assert_eq!(json["body"]["quantity"], 5);
    }
}
