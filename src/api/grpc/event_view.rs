//! Events as clients see them.
//!
//! Not here: whether a client may see an event. The feed tells each tenant its own.

use uuid::Uuid;

use super::calendar_view::{self, duration};
use super::convert::{
    amount, attributes, entity_id, line_parts, reservation_line, sales_order_line,
    sales_order_rejection, timestamp,
};
use crate::domain::calendar::{Part, Standing};
use crate::domain::event::{Body, Event};
use crate::domain::ids::{RequestId, SalesOrderId};
use crate::domain::{calendar, reservation, sales_order, stock_balance};
use crate::proto::v1;
use crate::proto::v1::event::Body as WireBody;

/// A claim as it stands after an event.
macro_rules! standing {
    ($message:ident, $claim:expr) => {{
        let claim = $claim;
        WireBody::$message(v1::$message {
            reservation_id: claim.reservation.to_string(),
            reservation_version: claim.reservation_version.0,
            held: claim.held,
            expire_time: claim.deadline.map(timestamp),
            committed: claim.committed,
            parts: Vec::new(),
            change_parts: Vec::new(),
        })
    }};
}

/// An event of the log with this id.
pub(super) fn event(event: &Event, log_id: Uuid) -> v1::Event {
    let origin = &event.origin;
    v1::Event {
        event_id: event.id(log_id).to_string(),
        position: event.position.0,
        stream: Some(entity_id(&event.stream.id)),
        version: event.version.0,
        time: Some(timestamp(event.time)),
        principal: origin.principal.as_str().into(),
        source: origin.source.as_str().into(),
        request_id: request_id(event).map(|id| id.to_string()).unwrap_or_default(),
        correlation_id: origin.correlation_id.to_string(),
        causation_id: event.causation_id.map(|id| id.to_string()).unwrap_or_default(),
        body: match &event.body {
            Body::StockBalance(event) => Some(of_stock_balance(event)),
            Body::Reservation(event) => Some(of_reservation(event)),
            Body::SalesOrder(event) => Some(of_sales_order(event)),
            Body::Calendar(event) => Some(of_calendar(event)),
        },
    }
}

/// The command behind an event: also one that is remembered only when it has ended.
fn request_id(event: &Event) -> Option<RequestId> {
    match &event.body {
        Body::Reservation(reservation::Event::ChangeStarted { request, .. }) => Some(request.id),
        _ => event.request.map(|request| request.id),
    }
}

fn of_stock_balance(event: &stock_balance::Event) -> WireBody {
    use stock_balance::Event;
    match event {
        Event::Received { quantity, reference } => WireBody::StockReceived(v1::StockReceived {
            quantity: *quantity,
            reference: reference.as_str().into(),
        }),
        Event::Adjusted { on_hand, delta, reason } => WireBody::StockAdjusted(v1::StockAdjusted {
            on_hand: *on_hand,
            delta: *delta,
            reason: reason.as_str().into(),
        }),
        Event::ClaimMade(claim) => standing!(ClaimMade, claim),
        Event::ClaimChanged(claim) => standing!(ClaimChanged, claim),
        Event::ClaimCommitted(claim) => WireBody::ClaimCommitted(v1::ClaimCommitted {
            reservation_id: claim.reservation.to_string(),
            reservation_version: claim.reservation_version.0,
            held: claim.held,
            committed: claim.committed,
            parts: Vec::new(),
        }),
        Event::ClaimReleased { claim, released } => WireBody::ClaimReleased(v1::ClaimReleased {
            reservation_id: claim.reservation.to_string(),
            reservation_version: claim.reservation_version.0,
            released: *released,
        }),
    }
}

fn of_calendar(event: &calendar::Event) -> WireBody {
    use calendar::Event;
    match event {
        Event::Created(create) => WireBody::CalendarCreated(calendar_view::created(create)),
        Event::Set(setting) => calendar_view::set(setting),
        Event::Retired => WireBody::CalendarRetired(v1::CalendarRetired {}),
        Event::ClaimsInConflict(conflicts) => {
            let conflicts = conflicts.iter().map(calendar_view::conflict).collect();
            WireBody::ClaimsInConflict(v1::ClaimsInConflict { conflicts })
        }
        Event::ClaimMade(standing) => WireBody::ClaimMade(claim_made(standing, &[])),
        Event::ClaimChanged(standing) => {
            WireBody::ClaimChanged(claim_changed(claim_made(standing, &[])))
        }
        Event::ClaimWidened { standing, change } if standing.parts.is_empty() => {
            WireBody::ClaimMade(claim_made(standing, change))
        }
        Event::ClaimWidened { standing, change } => {
            WireBody::ClaimChanged(claim_changed(claim_made(standing, change)))
        }
        Event::ClaimCommitted(standing) => {
            let v1::ClaimMade {
                reservation_id, reservation_version, held, committed, parts, ..
            } = claim_made(standing, &[]);
            WireBody::ClaimCommitted(v1::ClaimCommitted {
                reservation_id,
                reservation_version,
                held,
                committed,
                parts,
            })
        }
        Event::ClaimReleased { reservation, reservation_version } => {
            WireBody::ClaimReleased(v1::ClaimReleased {
                reservation_id: reservation.to_string(),
                reservation_version: reservation_version.0,
                released: 0,
            })
        }
    }
}

/// A claim on a calendar as it stands, and what it is to be.
fn claim_made(standing: &Standing, change: &[Part]) -> v1::ClaimMade {
    let sum = |units: fn(&Part) -> u64| {
        standing.parts.iter().fold(0, |sum: u64, part| sum.saturating_add(units(part)))
    };
    v1::ClaimMade {
        reservation_id: standing.reservation.to_string(),
        reservation_version: standing.reservation_version.0,
        held: sum(|part| part.line.held),
        expire_time: standing.deadline.map(timestamp),
        committed: sum(|part| part.line.committed),
        parts: standing.followed().map(claim_part).collect(),
        change_parts: change.iter().map(|part| claim_part((part, false))).collect(),
    }
}

fn claim_changed(claim: v1::ClaimMade) -> v1::ClaimChanged {
    let v1::ClaimMade {
        reservation_id,
        reservation_version,
        held,
        expire_time,
        committed,
        parts,
        change_parts,
    } = claim;
    v1::ClaimChanged {
        reservation_id,
        reservation_version,
        held,
        expire_time,
        committed,
        parts,
        change_parts,
    }
}

fn claim_part((part, is_followed): (&Part, bool)) -> v1::ClaimPart {
    let Part { line, turnover_ms } = part;
    let turnover_ms = if is_followed { 0 } else { *turnover_ms };
    v1::ClaimPart {
        line_id: line.id.as_str().to_owned(),
        when: Some(calendar_view::part_when(line.span)),
        held: line.held,
        committed: line.committed,
        turnover: Some(duration(u64::from(turnover_ms))),
    }
}

fn of_reservation(event: &reservation::Event) -> WireBody {
    use reservation::Event;
    match event {
        Event::Created {
            lines,
            deadline,
            customer,
            external_reference,
            attributes: given,
            owner,
        } => WireBody::ReservationCreated(v1::ReservationCreated {
            lines: lines.iter().map(reservation_line).collect(),
            expire_time: deadline.map(timestamp),
            customer: customer.as_str().into(),
            external_reference: external_reference.as_str().into(),
            attributes: attributes(given),
            sales_order_id: owner.as_ref().map(SalesOrderId::to_string).unwrap_or_default(),
        }),
        Event::Extended { deadline } => {
            let expire_time = Some(timestamp(*deadline));
            WireBody::ReservationExtended(v1::ReservationExtended { expire_time })
        }
        Event::Confirmed => WireBody::ReservationConfirmed(v1::ReservationConfirmed {}),
        Event::Committed => WireBody::ReservationCommitted(v1::ReservationCommitted {
            lines: Vec::new(),
            r#final: true,
        }),
        Event::Cancelled { reason } => {
            let reason = reason.as_str().into();
            WireBody::ReservationCancelled(v1::ReservationCancelled { reason })
        }
        Event::Expired { deadline } => {
            let expire_time = Some(timestamp(*deadline));
            WireBody::ReservationExpired(v1::ReservationExpired { expire_time })
        }
        Event::CommittedInPart { parts, is_final } => {
            WireBody::ReservationCommitted(v1::ReservationCommitted {
                lines: line_parts(parts.iter().cloned()),
                r#final: *is_final,
            })
        }
        Event::ChangeStarted { lines, .. } => {
            let lines = lines.iter().map(reservation_line).collect();
            WireBody::ReservationChangeStarted(v1::ReservationChangeStarted { lines })
        }
        Event::Changed { lines } => {
            let lines = lines.iter().map(reservation_line).collect();
            WireBody::ReservationChanged(v1::ReservationChanged { lines })
        }
        Event::ChangeRefused => WireBody::ReservationChangeRefused(v1::ReservationChangeRefused {}),
    }
}

fn of_sales_order(event: &sales_order::Event) -> WireBody {
    use sales_order::Event;
    match event {
        Event::Created { customer, currency, lines, total } => {
            WireBody::SalesOrderCreated(v1::SalesOrderCreated {
                customer: customer.as_str().into(),
                currency_code: currency.code().into(),
                lines: lines.iter().map(|line| sales_order_line(line, *currency)).collect(),
                total: Some(amount(*total, *currency)),
            })
        }
        Event::Reserved { reservation } => {
            let reservation_id = reservation.to_string();
            WireBody::SalesOrderReserved(v1::SalesOrderReserved { reservation_id })
        }
        Event::Rejected(refusal) => {
            let rejection = Some(sales_order_rejection(refusal));
            WireBody::SalesOrderRejected(v1::SalesOrderRejected { rejection })
        }
        Event::Confirmed => WireBody::SalesOrderConfirmed(v1::SalesOrderConfirmed {}),
        Event::Delivered => WireBody::SalesOrderDelivered(v1::SalesOrderDelivered {}),
        Event::Completed => WireBody::SalesOrderCompleted(v1::SalesOrderCompleted {}),
        Event::Cancelled { reason } => {
            let reason = reason.as_str().into();
            WireBody::SalesOrderCancelled(v1::SalesOrderCancelled { reason })
        }
        Event::Released => WireBody::SalesOrderReleased(v1::SalesOrderReleased {}),
    }
}

#[cfg(test)]
mod tests;
