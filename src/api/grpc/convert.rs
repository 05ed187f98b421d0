//! From the domain's views to the wire's messages.
//!
//! Nothing here can fail: whatever the domain holds, the wire can say. Where an entity isn't there,
//! there is no message.
//!
//! Not here: reading requests, which is `validate`; events, which have a file of their own.

use std::collections::BTreeMap;

use super::calendar_view::{self, calendar};
use super::errors::{QUANTITY_OVERFLOW, REQUEST_ID_REUSED, shortage_reason};
use super::gateway::Done;
use crate::actors::delivery::Shown;
use crate::actors::engine::EntityCount;
use crate::domain::calendar::{Kind, Span};
use crate::domain::claim::{Blocker, Shortfall, StockFigures, Wish};
use crate::domain::ids::{EntityId, EntityKind, ResourceKey, StockKey};
use crate::domain::money::{Amount, Currency, UnitPrice};
use crate::domain::name::Label;
use crate::domain::process::Refusal;
use crate::domain::rejection::Shortage;
use crate::domain::time::Timestamp;
use crate::domain::view::View;
use crate::domain::wanted::Wanted;
use crate::domain::{reservation, sales_order};
use crate::proto::{Money, v1};
use crate::snapshot::store::SnapshotInfo;

/// The answers to commands that took effect: the entity as it is now, and when the command did.
macro_rules! accepted {
    ($($answer:ident { $entity:ident })*) => {$(
        impl From<Done> for v1::$answer {
            fn from(Done { id, accepted }: Done) -> Self {
                Self {
                    $entity: $entity(&id, &accepted.now),
                    version: accepted.version.0,
                    position: accepted.position.0,
                }
            }
        }
    )*};
}

accepted! {
    ReceiveStockResponse { stock_balance }
    AdjustStockResponse { stock_balance }
    CreateReservationResponse { reservation }
    ConfirmReservationResponse { reservation }
    CommitReservationResponse { reservation }
    CancelReservationResponse { reservation }
    ExtendReservationResponse { reservation }
    ChangeReservationResponse { reservation }
    CreateSalesOrderResponse { sales_order }
    CancelSalesOrderResponse { sales_order }
    CreateCalendarResponse { calendar }
    UpdateCalendarRulesResponse { calendar }
    SetCapacityResponse { calendar }
    CloseDatesResponse { calendar }
    OpenDatesResponse { calendar }
    RetireCalendarResponse { calendar }
}

/// What a line is for, as the member of a message.
macro_rules! resource {
    ($module:ident, $wanted:expr) => {
        match $wanted {
            Wanted::Stock(key) => v1::$module::Resource::Stock(stock(key)),
            Wanted::Time { calendar, span: Span::Slots { start, end } } => {
                v1::$module::Resource::Slots(calendar_view::slots(calendar, *start, *end))
            }
            Wanted::Time { calendar, span: Span::Nights { check_in, check_out } } => {
                let nights = calendar_view::nights(calendar, *check_in, *check_out);
                v1::$module::Resource::Nights(nights)
            }
        }
    };
}

/// An instant.
pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    // Below 2^54 seconds and 10^9 nanoseconds: both fit.
    let seconds = (time.0 / 1_000) as i64;
    let nanos = (time.0 % 1_000) as i32 * 1_000_000;
    prost_types::Timestamp { seconds, nanos }
}

/// The name of a balance.
pub(super) fn stock(key: &StockKey) -> v1::StockResource {
    let (sku, location) = (key.sku.as_str().to_owned(), key.location.as_str().to_owned());
    v1::StockResource { sku, location }
}

/// A total: minor units become units and nanos.
pub(super) fn amount(amount: Amount, currency: Currency) -> Money {
    // ISO 4217 knows no more than 4 decimals.
    let decimals = currency.decimals().min(9);
    let minor_per_unit = 10u64.pow(decimals);
    let nanos_per_minor = 10i32.pow(9 - decimals);
    Money {
        currency_code: currency.code().to_owned(),
        units: (amount.minor / minor_per_unit) as i64,
        nanos: (amount.minor % minor_per_unit) as i32 * nanos_per_minor,
    }
}

/// A price: millionths become units and nanos.
pub(super) fn unit_price(price: UnitPrice, currency: Currency) -> Money {
    Money {
        currency_code: currency.code().to_owned(),
        units: (price.millionths / 1_000_000) as i64,
        nanos: (price.millionths % 1_000_000) as i32 * 1_000,
    }
}

/// A stock balance, where it is one and exists.
pub(super) fn stock_balance(id: &EntityId, shown: &Shown) -> Option<v1::StockBalance> {
    let (EntityId::Resource(ResourceKey::Stock(key)), View::StockBalance(view)) = (id, &shown.view)
    else {
        return None;
    };
    Some(v1::StockBalance {
        stock: Some(stock(key)),
        on_hand: view.figures.on_hand,
        held: view.figures.held,
        available: view.figures.available(),
        version: shown.version.0,
        update_time: Some(timestamp(view.updated)),
    })
}

/// A claim on a stock balance, where it is one.
pub(super) fn claim(claim: &Wish) -> Option<v1::Claim> {
    let Wish::Stock(claim) = claim else { return None };
    Some(v1::Claim {
        reservation_id: claim.reservation.to_string(),
        reservation_version: claim.reservation_version.0,
        held: claim.held,
        expire_time: claim.deadline.map(timestamp),
    })
}

/// A line of a reservation.
pub(super) fn reservation_line(line: &reservation::Line) -> v1::ReservationLine {
    let resource = Some(resource!(reservation_line, &line.wanted));
    v1::ReservationLine { line_id: line.id.as_str().to_owned(), resource, quantity: line.quantity }
}

/// What a client attached to a reservation.
pub(super) fn attributes(attributes: &BTreeMap<Label, Label>) -> BTreeMap<String, String> {
    let text = |(name, value): (&Label, &Label)| (name.to_string(), value.to_string());
    attributes.iter().map(text).collect()
}

/// Where a reservation stands.
pub(super) fn reservation_state(state: reservation::State) -> v1::ReservationState {
    match state {
        reservation::State::Held => v1::ReservationState::Held,
        reservation::State::Confirmed => v1::ReservationState::Confirmed,
        reservation::State::Committed => v1::ReservationState::Committed,
        reservation::State::Cancelled => v1::ReservationState::Cancelled,
        reservation::State::Expired => v1::ReservationState::Expired,
    }
}

/// A reservation, where it is one and exists.
pub(super) fn reservation(id: &EntityId, shown: &Shown) -> Option<v1::Reservation> {
    let (EntityId::Reservation(id), View::Reservation(details)) = (id, &shown.view) else {
        return None;
    };
    let is_whole = !details.is_partly_used();
    let left = details.left().filter(|_| !is_whole);
    let tells_deadline =
        matches!(details.state, reservation::State::Held | reservation::State::Expired);
    Some(v1::Reservation {
        reservation_id: id.to_string(),
        state: reservation_state(details.state).into(),
        lines: lines(&details.lines).collect(),
        expire_time: details.deadline.filter(|_| tells_deadline).map(timestamp),
        customer: details.customer.as_str().to_owned(),
        external_reference: details.external_reference.as_str().to_owned(),
        attributes: attributes(&details.attributes),
        sales_order_id: details.owner.map(|owner| owner.to_string()).unwrap_or_default(),
        cancel_reason: details.cancel_reason.as_str().to_owned(),
        version: shown.version.0,
        create_time: Some(timestamp(details.created)),
        update_time: Some(timestamp(details.updated)),
        committed: line_parts(details.committed()),
        left: line_parts(left),
        change_lines: details.change.iter().flat_map(|change| lines(&change.lines)).collect(),
    })
}

/// Units of lines, of which those of one line follow each other.
pub(super) fn line_parts(parts: impl Iterator<Item = reservation::LinePart>) -> Vec<v1::LineParts> {
    let mut lines: Vec<v1::LineParts> = Vec::new();
    for reservation::LinePart { line, span, quantity } in parts {
        let part = v1::LinePart { quantity, when: span.map(calendar_view::line_part_when) };
        match lines.last_mut().filter(|last| last.line_id == line.as_str()) {
            Some(last) => last.parts.push(part),
            None => {
                let line_id = line.as_str().to_owned();
                lines.push(v1::LineParts { line_id, parts: vec![part] });
            }
        }
    }
    lines
}

fn lines(lines: &[reservation::Line]) -> impl Iterator<Item = v1::ReservationLine> {
    lines.iter().map(reservation_line)
}

/// A line of a sales order.
pub(super) fn sales_order_line(line: &sales_order::Line, currency: Currency) -> v1::SalesOrderLine {
    let resource = Some(resource!(sales_order_line, &line.request.wanted));
    v1::SalesOrderLine {
        line_id: line.request.id.as_str().to_owned(),
        resource,
        quantity: line.request.quantity,
        unit_price: Some(unit_price(line.request.unit_price, currency)),
        total: Some(amount(line.total, currency)),
    }
}

/// Where a sales order stands.
pub(super) fn sales_order_state(state: sales_order::State) -> v1::SalesOrderState {
    match state {
        sales_order::State::Created => v1::SalesOrderState::Created,
        sales_order::State::Confirmed => v1::SalesOrderState::Confirmed,
        sales_order::State::Delivered => v1::SalesOrderState::Delivered,
        sales_order::State::Completed => v1::SalesOrderState::Completed,
        sales_order::State::Rejected => v1::SalesOrderState::Rejected,
        sales_order::State::Cancelled => v1::SalesOrderState::Cancelled,
    }
}

/// Why a sales order was rejected.
pub(super) fn sales_order_rejection(refusal: &Refusal) -> v1::SalesOrderRejection {
    let (reason, shortages) = match refusal {
        Refusal::Short(lines) => (shortage_reason(lines), lines.iter().map(shortage).collect()),
        Refusal::ReservationIdTaken => (REQUEST_ID_REUSED, Vec::new()),
        Refusal::Overflow => (QUANTITY_OVERFLOW, Vec::new()),
    };
    v1::SalesOrderRejection { reason: reason.to_owned(), shortages }
}

/// A sales order, where it is one and exists.
pub(super) fn sales_order(id: &EntityId, shown: &Shown) -> Option<v1::SalesOrder> {
    let (EntityId::SalesOrder(id), View::SalesOrder(details)) = (id, &shown.view) else {
        return None;
    };
    let line = |line| sales_order_line(line, details.currency);
    Some(v1::SalesOrder {
        sales_order_id: id.to_string(),
        state: sales_order_state(details.state).into(),
        ended: details.is_finished(),
        customer: details.customer.as_str().to_owned(),
        lines: details.lines.iter().map(line).collect(),
        total: Some(amount(details.total, details.currency)),
        rejection: details.refusal.as_ref().map(sales_order_rejection),
        cancel_reason: details.cancel_reason.as_str().to_owned(),
        version: shown.version.0,
        create_time: Some(timestamp(details.created)),
        update_time: Some(timestamp(details.updated)),
    })
}

/// A line that fell short.
pub(super) fn shortage(shortage: &Shortage) -> v1::Shortage {
    let Shortage { line, wanted, requested, shortfall } = shortage;
    shortage_of(line.as_str(), Some(wanted), *requested, shortfall)
}

/// What fell short, perhaps where no line asked for it.
pub(super) fn shortage_of(
    line_id: &str,
    wanted: Option<&Wanted>,
    requested: u64,
    shortfall: &Shortfall,
) -> v1::Shortage {
    use v1::shortage::Blocker as WireBlocker;
    let kind = match wanted {
        Some(Wanted::Time { span, .. }) => span.kind(),
        Some(Wanted::Stock(_)) | None => Kind::Slots,
    };
    let blocker = |blocker| match blocker {
        Blocker::Stock(StockFigures { on_hand, held }) => {
            WireBlocker::StockBlocker(v1::StockBlocker { on_hand, held })
        }
        Blocker::Calendar(obstacle) => {
            WireBlocker::CalendarBlocker(calendar_view::blocker(&obstacle, kind))
        }
    };
    v1::Shortage {
        line_id: line_id.to_owned(),
        resource: wanted.map(|wanted| resource!(shortage, wanted)),
        requested,
        available: shortfall.available,
        position: shortfall.position.0,
        blocker: shortfall.blocker.map(blocker),
    }
}

/// The name of an entity.
pub(super) fn entity_id(id: &EntityId) -> v1::EntityId {
    use v1::entity_id::Id;
    let id = match id {
        EntityId::Resource(ResourceKey::Stock(key)) => Some(Id::StockBalance(stock(key))),
        EntityId::Resource(ResourceKey::Calendar(id)) => Some(Id::CalendarId(id.to_string())),
        EntityId::Reservation(id) => Some(Id::ReservationId(id.to_string())),
        EntityId::SalesOrder(id) => Some(Id::SalesOrderId(id.to_string())),
    };
    v1::EntityId { id }
}

/// A kind of entity.
pub(super) fn entity_kind(kind: EntityKind) -> v1::EntityKind {
    match kind {
        EntityKind::StockBalance => v1::EntityKind::StockBalance,
        EntityKind::Reservation => v1::EntityKind::Reservation,
        EntityKind::SalesOrder => v1::EntityKind::SalesOrder,
        EntityKind::Calendar => v1::EntityKind::Calendar,
    }
}

/// How many entities of one kind are in one state.
pub(super) fn entity_count(count: &EntityCount) -> v1::EntityCount {
    let state = match count.kind {
        EntityKind::StockBalance => "",
        EntityKind::Reservation | EntityKind::SalesOrder | EntityKind::Calendar => count.state,
    };
    v1::EntityCount {
        kind: entity_kind(count.kind).into(),
        state: state.to_owned(),
        active: count.active,
        passive: count.passive,
    }
}

/// A snapshot file.
pub(super) fn snapshot(info: &SnapshotInfo) -> v1::Snapshot {
    v1::Snapshot {
        position: info.header.position.0,
        barrier_position: info.footer.end.barrier.0,
        time: Some(timestamp(info.footer.end.time)),
        size_bytes: info.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(currency: &str, units: i64, nanos: i32) -> Money {
        Money { currency_code: currency.to_owned(), units, nanos }
    }

    #[test]
    fn money_on_the_wire_is_what_the_domain_counted() {
        let [gbp, jpy, kwd] = ["GBP", "JPY", "KWD"].map(|code| Currency::new(code).unwrap());
        assert_eq!(amount(Amount { minor: 695 }, gbp), money("GBP", 6, 950_000_000));
        assert_eq!(amount(Amount { minor: 695 }, jpy), money("JPY", 695, 0));
        assert_eq!(amount(Amount { minor: 1_001 }, kwd), money("KWD", 1, 1_000_000));
        assert_eq!(
            amount(Amount::MAX, gbp),
            money("GBP", 92_233_720_368_547_758, 70_000_000),
            "2^63 - 1 pence"
        );
        let price = UnitPrice { millionths: 1_234_567 };
        assert_eq!(unit_price(price, gbp), money("GBP", 1, 234_567_000));
    }

    #[test]
    fn an_instant_keeps_its_milliseconds() {
        let time = timestamp(Timestamp(1_700_000_000_123));
        assert_eq!((time.seconds, time.nanos), (1_700_000_000, 123_000_000));
        assert_eq!(timestamp(Timestamp::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}
