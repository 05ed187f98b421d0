//! Entities as answers tell them.

use holdfast::domain::calendar::{Kind, Span};
use holdfast::domain::claim::{Blocker, StockFigures};
use holdfast::domain::ids::*;
use holdfast::domain::name::Label;
use holdfast::domain::process::Refusal;
use holdfast::domain::rejection::Shortage;
use holdfast::domain::view::View;
use holdfast::domain::wanted::Wanted;
use holdfast::domain::{reservation, sales_order};
use holdfast::proto::v1;

use super::{Told, amount, calendars, order_line, reservation_line, resource, stock, time, times};
use crate::model::{Reached, Sight};

/// What an answer has to tell of an entity.
pub fn entity(id: &EntityId, sight: &Sight, version: Version) -> Told {
    if version == Version(0) {
        return Told::Nothing;
    }
    let view = match (id, sight) {
        (EntityId::Resource(ResourceKey::Calendar(id)), Sight::Calendar(sight)) => {
            return Told::Calendar(calendars::calendar(id, sight, version));
        }
        (_, Sight::Other(view)) => view,
        (_, Sight::Calendar(_)) => return Told::Nothing,
    };
    match (id, view) {
        (EntityId::Resource(ResourceKey::Stock(key)), View::StockBalance(view)) => {
            Told::StockBalance(v1::StockBalance {
                stock: Some(stock(key)),
                on_hand: view.figures.on_hand,
                held: view.figures.held,
                available: view.figures.on_hand - view.figures.held,
                version: version.0,
                update_time: Some(time(view.updated)),
            })
        }
        (EntityId::Reservation(id), View::Reservation(details)) => {
            Told::Reservation(reservation(*id, details, version))
        }
        (EntityId::SalesOrder(id), View::SalesOrder(details)) => {
            Told::SalesOrder(order(*id, details, version))
        }
        _ => Told::Nothing,
    }
}

fn reservation(
    id: ReservationId,
    details: &reservation::Details,
    version: Version,
) -> v1::Reservation {
    use reservation::State;
    use v1::ReservationState as Told;
    let (state, has_deadline) = match details.state {
        State::Held => (Told::Held, true),
        State::Confirmed => (Told::Confirmed, false),
        State::Committed => (Told::Committed, false),
        State::Cancelled => (Told::Cancelled, false),
        State::Expired => (Told::Expired, true),
    };
    let text = |(name, value): (&Label, &Label)| (name.to_string(), value.to_string());
    v1::Reservation {
        change_lines: Vec::new(),
        reservation_id: id.to_string(),
        state: state.into(),
        lines: details.lines.iter().map(reservation_line).collect(),
        expire_time: details.deadline.filter(|_| has_deadline).map(time),
        customer: details.customer.to_string(),
        external_reference: details.external_reference.to_string(),
        attributes: details.attributes.iter().map(text).collect(),
        sales_order_id: details.owner.map_or(String::new(), |owner| owner.to_string()),
        cancel_reason: details.cancel_reason.to_string(),
        version: version.0,
        create_time: Some(time(details.created)),
        update_time: Some(time(details.updated)),
        committed: parts(details, true),
        left: if details.used.is_empty() { Vec::new() } else { parts(details, false) },
    }
}

/// What of each line is used, or is left.
fn parts(details: &reservation::Details, is_used: bool) -> Vec<v1::LineParts> {
    use reservation::State;
    let stands = matches!(details.state, State::Held | State::Confirmed);
    let reached = Reached::of(details);
    let mut told = Vec::new();
    for (nth, line) in details.lines.iter().enumerate() {
        let pieces = reached.pieces(nth, line, stands).into_iter();
        let parts: Vec<_> = pieces
            .filter(|piece| piece.is_used == is_used)
            .map(|piece| v1::LinePart {
                quantity: piece.units,
                when: piece.span.map(calendars::part_when),
            })
            .collect();
        if !parts.is_empty() {
            told.push(v1::LineParts { line_id: line.id.to_string(), parts });
        }
    }
    told
}

fn order(id: SalesOrderId, details: &sales_order::Details, version: Version) -> v1::SalesOrder {
    use sales_order::State;
    use v1::SalesOrderState as Told;
    let (state, ended) = match details.state {
        State::Created => (Told::Created, false),
        State::Confirmed => (Told::Confirmed, false),
        State::Delivered => (Told::Delivered, false),
        State::Completed => (Told::Completed, true),
        State::Rejected => (Told::Rejected, true),
        State::Cancelled => (Told::Cancelled, details.is_released),
    };
    let line =
        |line: &sales_order::Line| order_line(&line.request, details.currency, Some(line.total));
    v1::SalesOrder {
        sales_order_id: id.to_string(),
        state: state.into(),
        ended,
        customer: details.customer.to_string(),
        lines: details.lines.iter().map(line).collect(),
        total: Some(amount(details.total, details.currency)),
        rejection: details.refusal.as_ref().map(|refusal| {
            let (reason, short) = match refusal {
                Refusal::Short(short) => (short_reason(short), &short[..]),
                Refusal::ReservationIdTaken => ("REQUEST_ID_REUSED", &[][..]),
                Refusal::Overflow => ("QUANTITY_OVERFLOW", &[][..]),
            };
            let shortages = short.iter().map(shortage).collect();
            v1::SalesOrderRejection { reason: reason.to_owned(), shortages }
        }),
        cancel_reason: details.cancel_reason.to_string(),
        version: version.0,
        create_time: Some(time(details.created)),
        update_time: Some(time(details.updated)),
    }
}

fn shortage(shortage: &Shortage) -> v1::Shortage {
    let Shortage { line, wanted, requested, shortfall } = shortage;
    let kind = match wanted {
        Wanted::Stock(_) => Kind::Slots,
        Wanted::Time { span, .. } => span.kind(),
    };
    v1::Shortage {
        line_id: line.to_string(),
        resource: Some(resource!(shortage, wanted)),
        requested: *requested,
        available: shortfall.available,
        position: shortfall.position.0,
        blocker: shortfall.blocker.map(|blocker| match blocker {
            Blocker::Stock(StockFigures { on_hand, held }) => {
                v1::shortage::Blocker::StockBlocker(v1::StockBlocker { on_hand, held })
            }
            Blocker::Calendar(obstacle) => {
                v1::shortage::Blocker::CalendarBlocker(times::blocker(&obstacle, kind))
            }
        }),
    }
}

/// The reason of a refusal that names short lines: that of the first.
fn short_reason(short: &[Shortage]) -> &'static str {
    match short.first().map(|short| &short.wanted) {
        Some(Wanted::Stock(_)) | None => "INSUFFICIENT_STOCK",
        Some(Wanted::Time { span: Span::Slots { .. }, .. }) => "SLOT_UNAVAILABLE",
        Some(Wanted::Time { span: Span::Nights { .. }, .. }) => "NIGHT_UNAVAILABLE",
    }
}
