//! Request ids, then versions, then the state: the checks that every entity has in common.

use holdfast::domain::claim::ClaimOutcome;
use holdfast::domain::ids::{EntityKind, Version};
use holdfast::domain::rejection::Rejection;
use holdfast::domain::request::REMEMBERED_FOR_MS;
use holdfast::domain::reservation::{self, Reservation, Term};
use holdfast::domain::sales_order::SalesOrder;
use holdfast::domain::stock_balance::{Adjustment, StockBalance};

use super::stage::{Stage, given};
use super::words::*;

const TERM: Term = Term::For(60_000);
const GRANTED: ClaimOutcome = ClaimOutcome::Granted;

fn stock() -> Stage<StockBalance> {
    given(stock_id("A"), [])
}

fn commit() -> holdfast::domain::command::Command {
    to_reservation(reservation::Command::Commit)
}

fn hold() -> Stage<Reservation> {
    given(reservation_id(1), [])
        .requested(1, None, create(&[("A", 1)], TERM))
        .told(answered("A", GRANTED))
        .accepted()
}

#[test]
fn an_accepted_command_takes_effect_once() {
    stock()
        .requested(1, None, receive(5))
        .then([received(5)])
        .requested(2, None, receive(5))
        .then([received(5)])
        .requested(1, None, receive(5))
        .repeated(1)
        .then_nothing()
        .requested(2, None, receive(5))
        .repeated(2)
        .then_nothing();
}

#[test]
fn a_command_of_two_events_is_repeated_at_the_version_after_both() {
    hold()
        .requested(2, None, commit())
        .accepted()
        .requested(2, None, commit())
        .repeated(3)
        .then_nothing();
}

#[test]
fn a_request_id_with_another_payload_is_refused() {
    stock()
        .requested(1, None, receive(5))
        .requested(1, None, receive(6))
        .then_rejected(Rejection::RequestIdReused)
        .then_nothing();
}

#[test]
fn a_refused_command_is_decided_anew() {
    stock()
        .requested(1, None, adjust(Adjustment::By(1)))
        .then_rejected(Rejection::NotFound(EntityKind::StockBalance))
        .requested(2, None, receive(5))
        .requested(1, None, adjust(Adjustment::By(1)))
        .then([adjusted(6, 1)]);
}

#[test]
fn a_creation_is_found_by_its_payload_under_any_request_id() {
    hold()
        .requested(1, None, create(&[("A", 1)], TERM))
        .repeated(1)
        .requested(9, None, create(&[("A", 1)], TERM))
        .repeated(1)
        .then_nothing()
        .requested(9, None, create(&[("A", 2)], TERM))
        .then_rejected(Rejection::RequestIdReused);
    given::<SalesOrder>(order_id(1), [])
        .requested(1, None, place(&[("A", 1, 1)]))
        .requested(9, None, place(&[("A", 1, 1)]))
        .repeated(1)
        .requested(9, None, place(&[("A", 1, 2)]))
        .then_rejected(Rejection::RequestIdReused)
        .then_nothing();
}

#[test]
fn a_creation_is_remembered_for_ever() {
    let mut stage = hold().remembering(2);
    for day in 1..5 {
        let now = after_ms(day * REMEMBERED_FOR_MS);
        let until = Term::Until(now.plus_ms(REMEMBERED_FOR_MS + 60_000));
        let longer = to_reservation(reservation::Command::Extend(until));
        // The hold's deadline is always a minute into the next day.
        let now = if day == 1 { NOON } else { now };
        stage = stage.at(now).requested(u128::from(100 + day), None, longer).accepted();
    }
    stage.requested(1, None, create(&[("A", 1)], TERM)).repeated(1).then_nothing();
}

#[test]
fn a_receipt_is_no_creation_and_can_be_made_twice() {
    stock().requested(1, None, receive(5)).requested(2, None, receive(5)).then([received(5)]);
}

#[test]
fn an_expected_version_that_differs_is_refused() {
    let conflict = |expected, current| Rejection::VersionConflict {
        expected: Version(expected),
        current: Version(current),
    };
    stock()
        .requested(1, Some(1), receive(5))
        .then_rejected(conflict(1, 0))
        .requested(1, Some(0), receive(5))
        .accepted()
        .requested(2, Some(0), receive(5))
        .then_rejected(conflict(0, 1))
        .then_nothing()
        .requested(2, Some(1), receive(5))
        .accepted();
}

#[test]
fn what_does_not_exist_is_not_found_whatever_version_is_expected() {
    given::<Reservation>(reservation_id(1), [])
        .requested(1, Some(4), commit())
        .then_rejected(Rejection::NotFound(EntityKind::Reservation));
}

#[test]
fn the_request_id_is_looked_at_before_the_version_and_that_before_the_state() {
    let conflict = Rejection::VersionConflict { expected: Version(1), current: Version(3) };
    hold()
        .requested(2, Some(1), commit())
        .accepted()
        .requested(2, Some(1), commit())
        .repeated(3)
        .requested(2, Some(1), cancel())
        .then_rejected(Rejection::RequestIdReused)
        .requested(3, Some(1), commit())
        .then_rejected(conflict)
        .requested(3, Some(3), commit())
        .then_rejected(Rejection::InvalidTransition {
            from: "COMMITTED",
            command: "CommitReservation",
        });
}

#[test]
fn more_commands_than_are_remembered_in_a_day_are_refused() {
    let day_later = after_ms(REMEMBERED_FOR_MS);
    let full = stock()
        .remembering(2)
        .requested(1, None, receive(1))
        .at(after_ms(10))
        .requested(2, None, receive(1))
        .requested(3, None, receive(1))
        .then_rejected(Rejection::TooManyRequests { remembered: 2, retry_at: day_later })
        .then_nothing()
        .requested(2, None, receive(1))
        .repeated(2);
    full.at(day_later)
        .requested(3, None, receive(1))
        .accepted()
        .requested(1, None, receive(1))
        .then_rejected(Rejection::TooManyRequests {
            remembered: 2,
            retry_at: after_ms(10 + REMEMBERED_FOR_MS),
        })
        .requested(2, None, receive(1))
        .repeated(2);
}

#[test]
fn a_refusal_that_records_an_expiry_is_not_remembered_as_done() {
    let late = hold().at(after_ms(60_000)).requested(2, None, commit());
    assert_eq!(late.events.len(), 1);
    let late = late.requested(2, None, commit()).then_nothing();
    late.then_rejected(Rejection::HoldExpired { deadline: after_ms(60_000) });
}
