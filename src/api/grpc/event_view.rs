//! Events as clients see them.
//!
//! Not here: whether a client may see an event. The feed tells each tenant its own.

use prost_types::Timestamp as ProtoTimestamp;
use uuid::Uuid;

use crate::domain::claim::{Blocker, Claim};
use crate::domain::event::{Body, Event};
use crate::domain::ids::{EntityId, ResourceKey, SalesOrderId, StockKey};
use crate::domain::money::{Amount, Currency, UnitPrice};
use crate::domain::process::Refusal;
use crate::domain::rejection::Shortage;
use crate::domain::time::Timestamp;
use crate::domain::{reservation, sales_order, stock_balance};
use crate::proto::Money;
use crate::proto::v1::event::Body as Shown;
use crate::proto::v1::{self, entity_id, reservation_line, sales_order_line, shortage};

const NANOS_PER_UNIT: u64 = 1_000_000_000;
const MILLIONTHS_PER_UNIT: u64 = 1_000_000;

/// An event of the log with this id.
pub(super) fn event(event: &Event, log_id: Uuid) -> v1::Event {
    let origin = &event.origin;
    v1::Event {
        event_id: event.id(log_id).to_string(),
        position: event.position.0,
        stream: Some(entity(&event.stream.id)),
        version: event.version.0,
        time: Some(timestamp(event.time)),
        principal: origin.principal.as_str().into(),
        source: origin.source.as_str().into(),
        request_id: event.request.map(|request| request.id.to_string()).unwrap_or_default(),
        correlation_id: origin.correlation_id.to_string(),
        causation_id: event.causation_id.map(|id| id.to_string()).unwrap_or_default(),
        body: Some(match &event.body {
            Body::StockBalance(event) => of_stock_balance(event),
            Body::Reservation(event) => of_reservation(event),
            Body::SalesOrder(event) => of_sales_order(event),
        }),
    }
}

/// An instant.
pub(super) fn timestamp(time: Timestamp) -> ProtoTimestamp {
    let seconds = i64::try_from(time.0 / 1_000).unwrap_or(i64::MAX);
    let nanos = (time.0 % 1_000) as i32 * 1_000_000;
    ProtoTimestamp { seconds, nanos }
}

fn of_stock_balance(event: &stock_balance::Event) -> Shown {
    use stock_balance::Event;
    match event {
        Event::Received { quantity, reference } => Shown::StockReceived(v1::StockReceived {
            quantity: *quantity,
            reference: reference.as_str().into(),
        }),
        Event::Adjusted { on_hand, delta, reason } => Shown::StockAdjusted(v1::StockAdjusted {
            on_hand: *on_hand,
            delta: *delta,
            reason: reason.as_str().into(),
        }),
        Event::ClaimMade(claim) => Shown::ClaimMade(claim_made(claim)),
        Event::ClaimChanged(claim) => Shown::ClaimChanged(claim_changed(claim)),
        Event::ClaimCommitted(claim) => Shown::ClaimCommitted(v1::ClaimCommitted {
            reservation_id: claim.reservation.to_string(),
            reservation_version: claim.reservation_version.0,
            held: claim.held,
            committed: claim.committed,
        }),
        Event::ClaimReleased { claim, released } => Shown::ClaimReleased(v1::ClaimReleased {
            reservation_id: claim.reservation.to_string(),
            reservation_version: claim.reservation_version.0,
            released: *released,
        }),
    }
}

fn claim_made(claim: &Claim) -> v1::ClaimMade {
    v1::ClaimMade {
        reservation_id: claim.reservation.to_string(),
        reservation_version: claim.reservation_version.0,
        held: claim.held,
        expire_time: claim.deadline.map(timestamp),
        committed: claim.committed,
    }
}

fn claim_changed(claim: &Claim) -> v1::ClaimChanged {
    v1::ClaimChanged {
        reservation_id: claim.reservation.to_string(),
        reservation_version: claim.reservation_version.0,
        held: claim.held,
        expire_time: claim.deadline.map(timestamp),
        committed: claim.committed,
    }
}

fn of_reservation(event: &reservation::Event) -> Shown {
    use reservation::Event;
    match event {
        Event::Created { lines, deadline, customer, external_reference, attributes, owner } => {
            Shown::ReservationCreated(v1::ReservationCreated {
                lines: lines.iter().map(reservation_line).collect(),
                expire_time: deadline.map(timestamp),
                customer: customer.as_str().into(),
                external_reference: external_reference.as_str().into(),
                attributes: attributes
                    .iter()
                    .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                    .collect(),
                sales_order_id: owner.as_ref().map(SalesOrderId::to_string).unwrap_or_default(),
            })
        }
        Event::Extended { deadline } => {
            let expire_time = Some(timestamp(*deadline));
            Shown::ReservationExtended(v1::ReservationExtended { expire_time })
        }
        Event::Confirmed => Shown::ReservationConfirmed(v1::ReservationConfirmed {}),
        Event::Committed => Shown::ReservationCommitted(v1::ReservationCommitted {}),
        Event::Cancelled { reason } => {
            let reason = reason.as_str().into();
            Shown::ReservationCancelled(v1::ReservationCancelled { reason })
        }
        Event::Expired { deadline } => {
            let expire_time = Some(timestamp(*deadline));
            Shown::ReservationExpired(v1::ReservationExpired { expire_time })
        }
    }
}

fn of_sales_order(event: &sales_order::Event) -> Shown {
    use sales_order::Event;
    match event {
        Event::Created { customer, currency, lines, total } => {
            Shown::SalesOrderCreated(v1::SalesOrderCreated {
                customer: customer.as_str().into(),
                currency_code: currency.code().into(),
                lines: lines.iter().map(|line| sales_order_line(line, *currency)).collect(),
                total: Some(amount(*total, *currency)),
            })
        }
        Event::Reserved { reservation } => {
            let reservation_id = reservation.to_string();
            Shown::SalesOrderReserved(v1::SalesOrderReserved { reservation_id })
        }
        Event::Rejected(refusal) => {
            let rejection = Some(rejection(refusal));
            Shown::SalesOrderRejected(v1::SalesOrderRejected { rejection })
        }
        Event::Confirmed => Shown::SalesOrderConfirmed(v1::SalesOrderConfirmed {}),
        Event::Delivered => Shown::SalesOrderDelivered(v1::SalesOrderDelivered {}),
        Event::Completed => Shown::SalesOrderCompleted(v1::SalesOrderCompleted {}),
        Event::Cancelled { reason } => {
            let reason = reason.as_str().into();
            Shown::SalesOrderCancelled(v1::SalesOrderCancelled { reason })
        }
        Event::Released => Shown::SalesOrderReleased(v1::SalesOrderReleased {}),
    }
}

fn entity(id: &EntityId) -> v1::EntityId {
    let id = match id {
        EntityId::Resource(ResourceKey::Stock(key)) => entity_id::Id::StockBalance(stock(key)),
        EntityId::Reservation(id) => entity_id::Id::ReservationId(id.to_string()),
        EntityId::SalesOrder(id) => entity_id::Id::SalesOrderId(id.to_string()),
    };
    v1::EntityId { id: Some(id) }
}

fn stock(key: &StockKey) -> v1::StockResource {
    v1::StockResource { sku: key.sku.as_str().into(), location: key.location.as_str().into() }
}

fn reservation_line(line: &reservation::Line) -> v1::ReservationLine {
    let ResourceKey::Stock(key) = &line.resource;
    v1::ReservationLine {
        line_id: line.id.as_str().into(),
        resource: Some(reservation_line::Resource::Stock(stock(key))),
        quantity: line.quantity,
    }
}

fn sales_order_line(line: &sales_order::Line, currency: Currency) -> v1::SalesOrderLine {
    let request = &line.request;
    let ResourceKey::Stock(key) = &request.resource;
    v1::SalesOrderLine {
        line_id: request.id.as_str().into(),
        resource: Some(sales_order_line::Resource::Stock(stock(key))),
        quantity: request.quantity,
        unit_price: Some(unit_price(request.unit_price, currency)),
        total: Some(amount(line.total, currency)),
    }
}

fn rejection(refusal: &Refusal) -> v1::SalesOrderRejection {
    let (reason, lines): (_, &[Shortage]) = match refusal {
        Refusal::Short(lines) => ("INSUFFICIENT_STOCK", lines),
        Refusal::ReservationIdTaken => ("REQUEST_ID_REUSED", &[]),
        Refusal::Overflow => ("OVERFLOW", &[]),
    };
    let shortages = lines.iter().map(shortage).collect();
    v1::SalesOrderRejection { reason: reason.into(), shortages }
}

fn shortage(line: &Shortage) -> v1::Shortage {
    let ResourceKey::Stock(key) = &line.resource;
    let blocker = line.shortfall.blocker.map(|Blocker::Stock(figures)| {
        let blocker = v1::StockBlocker { on_hand: figures.on_hand, held: figures.held };
        shortage::Blocker::StockBlocker(blocker)
    });
    v1::Shortage {
        line_id: line.line.as_str().into(),
        requested: line.requested,
        available: line.shortfall.available,
        position: line.shortfall.position.0,
        resource: Some(shortage::Resource::Stock(stock(key))),
        blocker,
    }
}

fn amount(amount: Amount, currency: Currency) -> Money {
    money(amount.minor, 10u64.pow(currency.decimals()), currency)
}

fn unit_price(price: UnitPrice, currency: Currency) -> Money {
    money(price.millionths, MILLIONTHS_PER_UNIT, currency)
}

/// So many parts of which `parts_per_unit` make one unit of the currency.
fn money(parts: u64, parts_per_unit: u64, currency: Currency) -> Money {
    let nanos = (parts % parts_per_unit) * (NANOS_PER_UNIT / parts_per_unit);
    Money {
        currency_code: currency.code().into(),
        units: i64::try_from(parts / parts_per_unit).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos).unwrap_or(i32::MAX),
    }
}

#[cfg(test)]
mod tests;
