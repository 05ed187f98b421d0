//! How a reservation comes into being, or doesn't.

use holdfast::domain::calendar::{Date, LineShortfall};
use holdfast::domain::claim::{Claim, ClaimAnswer, ClaimOutcome};
use holdfast::domain::entity::{Outcome, Transient};
use holdfast::domain::ids::ResourceKey;
use holdfast::domain::name::LineId;
use holdfast::domain::rejection::{Rejection, Shortage};
use holdfast::domain::reservation::{self, HOLD_MS_MAX, HOLD_MS_MIN, Reservation, State, Term};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;

use super::stage::{Stage, given};
use super::times::{calendar_key, stay};
use super::words::*;

const GRANTED: ClaimOutcome = ClaimOutcome::Granted;
const TERM: Term = Term::For(60_000);

fn nothing_yet() -> Stage<Reservation> {
    given(reservation_id(1), [])
}

/// What the reservation wants of a resource, until its deadline.
fn wish(quantity: u64) -> Claim {
    Claim { deadline: Some(after_ms(60_000)), ..held(1, 1, quantity) }
}

/// Names of lines that fell short, with what they asked for and what was left for them.
fn shortages(stage: &Stage<Reservation>) -> Vec<(&str, u64, u64)> {
    let Outcome::Rejected(Rejection::Short(short)) = &stage.outcome else {
        panic!("{:?}", stage.outcome)
    };
    let named = short.iter().map(|Shortage { line, requested, shortfall, .. }| {
        (line.as_str(), *requested, shortfall.available)
    });
    named.collect()
}

#[test]
fn resources_are_asked_one_after_the_other_in_the_order_of_their_keys() {
    let wanted = [("C", 3), ("A", 1), ("B", 2)];
    let stage = nothing_yet()
        .when(create(&wanted, TERM))
        .waits()
        .then_nothing()
        .telling([tells("A", wish(1))])
        .told(answered("A", GRANTED))
        .waits()
        .telling([tells("B", wish(2))])
        .told(answered("B", GRANTED))
        .waits()
        .telling([tells("C", wish(3))])
        .then_nothing()
        .told(answered("C", GRANTED))
        .accepted()
        .then([created(&wanted, Some(after_ms(60_000)))])
        .telling([]);
    let details = stage.entity.state.details().unwrap();
    assert_eq!((details.state, details.claims_version.0), (State::Held, 1));
    assert!(!stage.transient.is_waiting());
}

#[test]
fn lines_on_one_resource_count_together() {
    nothing_yet()
        .when(create(&[("A", 1), ("B", 5), ("A", 2)], TERM))
        .telling([tells("A", wish(3))]);
}

#[test]
fn of_nothing_there_is_always_enough() {
    let wanted = [("A", 0), ("B", 2), ("B", 0)];
    nothing_yet()
        .when(create(&wanted, TERM))
        .telling([tells("B", wish(2))])
        .told(answered("B", GRANTED))
        .accepted()
        .then([created(&wanted, Some(after_ms(60_000)))]);
    nothing_yet().when(create(&[("A", 0)], TERM)).accepted().telling([]);
}

#[test]
fn lines_that_are_together_more_than_can_be_counted_are_refused() {
    nothing_yet()
        .when(create(&[("A", u64::MAX), ("A", 1)], TERM))
        .then_rejected(Rejection::Overflow)
        .telling([]);
}

#[test]
fn a_reservation_may_be_confirmed_at_once() {
    let wanted = [("A", 1)];
    let stage = nothing_yet()
        .when(create(&wanted, Term::Confirmed))
        .telling([tells("A", held(1, 1, 1))])
        .told(answered("A", GRANTED))
        .then([created(&wanted, None)]);
    let details = stage.entity.state.details().unwrap();
    assert_eq!((details.state, details.deadline), (State::Confirmed, None));
}

#[test]
fn the_first_refusal_gives_back_what_was_granted_and_asks_the_rest() {
    let stage = nothing_yet()
        .when(create(&[("A", 1), ("B", 2), ("C", 3), ("D", 4)], TERM))
        .told(answered("A", GRANTED))
        .told(answered("B", short(1)))
        .waits()
        .telling([tells("A", held(1, 1, 0)), asks("C", wish(3)), asks("D", wish(4))])
        .told(answered("D", short(0)))
        .waits()
        .telling([])
        .told(answered("C", GRANTED))
        .then_nothing()
        .telling([]);
    assert_eq!(shortages(&stage), [("2", 2, 1), ("4", 4, 0)]);
    assert!(!stage.entity.exists() && !stage.transient.is_waiting());
}

#[test]
fn a_refusal_by_the_last_resource_needs_no_more_questions() {
    let stage = nothing_yet()
        .when(create(&[("A", 1), ("B", 2)], TERM))
        .told(answered("A", GRANTED))
        .told(answered("B", short(0)))
        .telling([tells("A", held(1, 1, 0))]);
    assert_eq!(shortages(&stage), [("2", 2, 0)]);
}

#[test]
fn what_is_left_is_spread_over_a_resources_lines_in_the_clients_order() {
    let stage = nothing_yet()
        .when(create(&[("B", 1), ("A", 2), ("A", 4), ("B", 1), ("A", 3)], TERM))
        .told(answered("A", short(5)))
        .told(answered("B", short(1)));
    assert_eq!(shortages(&stage), [("3", 4, 3), ("4", 1, 0), ("5", 3, 0)]);
    let Outcome::Rejected(Rejection::Short(short)) = &stage.outcome else { panic!() };
    assert_eq!(short[0].wanted, wanted_sku("A"));
    assert_eq!(short[0].shortfall.blocker, shortfall(5).blocker);
    assert_eq!(short[0].shortfall.position, shortfall(5).position);
}

#[test]
fn every_line_that_a_calendar_lacks_is_named_among_the_others_in_the_clients_order() {
    let ResourceKey::Calendar(calendar) = calendar_key() else { panic!() };
    let night = |n| Wanted::Time { calendar: calendar.clone(), span: stay(Date(n), 1) };
    let wanted = [night(1), wanted_sku("A"), night(2), night(3), wanted_sku("A"), night(4)];
    let line = |(nth, wanted): (usize, &Wanted)| {
        let id = LineId::counted(nth);
        reservation::Line { id, wanted: wanted.clone(), quantity: 2 }
    };
    let lines: Vec<_> = wanted.iter().enumerate().map(line).collect();
    let create = reservation::Create { lines: lines.into(), ..creation(&[], TERM) };
    let lacking = |nth: usize, available| LineShortfall {
        line: LineId::counted(nth),
        shortfall: shortfall(available),
    };
    let lines_short = ClaimOutcome::ShortLines([lacking(2, 1), lacking(5, 0)].into());
    let told = ClaimAnswer { resource: calendar_key(), outcome: lines_short };
    let stage = nothing_yet()
        .when(to_reservation(reservation::Command::Create(create)))
        .told(answered("A", short(3)))
        .told(to_reservation(reservation::Command::Answered(told)));
    assert_eq!(shortages(&stage), [("3", 2, 1), ("5", 2, 1), ("6", 2, 0)]);
}

#[test]
fn a_refused_reservation_may_be_tried_again() {
    nothing_yet()
        .when(create(&[("A", 2)], TERM))
        .told(answered("A", short(1)))
        .when(create(&[("A", 2)], TERM))
        .waits()
        .telling([tells("A", wish(2))])
        .told(answered("A", GRANTED))
        .accepted();
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    nothing_yet()
        .told(answered("A", GRANTED))
        .silent()
        .then_nothing()
        .when(create(&[("A", 1), ("B", 1)], TERM))
        .told(answered("B", GRANTED))
        .waits()
        .telling([])
        .told(answered("Z", short(0)))
        .waits()
        .telling([])
        .told(answered("A", GRANTED))
        .telling([tells("B", wish(1))])
        .told(answered("A", GRANTED))
        .waits()
        .telling([])
        .told(answered("B", GRANTED))
        .accepted()
        .told(answered("B", short(0)))
        .silent()
        .then_nothing();
}

#[test]
fn only_its_own_questions_are_waited_for_after_a_refusal() {
    let stage = nothing_yet()
        .when(create(&[("A", 1), ("B", 1), ("C", 1), ("D", 1)], TERM))
        .told(answered("A", GRANTED))
        .told(answered("B", short(0)))
        .told(answered("A", GRANTED))
        .waits()
        .told(answered("Z", short(0)))
        .waits()
        .told(answered("C", short(0)))
        .waits()
        .told(answered("C", short(0)))
        .waits()
        .told(answered("D", short(0)));
    assert_eq!(shortages(&stage), [("2", 1, 0), ("3", 1, 0), ("4", 1, 0)]);
}

#[test]
fn a_deadline_is_from_a_second_to_thirty_days_away() {
    let (earliest, latest) = (after_ms(HOLD_MS_MIN), after_ms(HOLD_MS_MAX));
    let out_of_range = || Rejection::DeadlineOutOfRange { earliest, latest };
    let until = |deadline| create(&[("A", 1)], Term::Until(deadline));
    for term in [Term::For(HOLD_MS_MIN), Term::For(HOLD_MS_MAX)] {
        nothing_yet().when(create(&[("A", 1)], term)).waits();
    }
    for deadline in [earliest, latest] {
        nothing_yet().when(until(deadline)).waits();
    }
    for term in [0, HOLD_MS_MIN - 1, HOLD_MS_MAX + 1, u64::MAX].map(Term::For) {
        nothing_yet().when(create(&[("A", 1)], term)).then_rejected(out_of_range()).telling([]);
    }
    for ms in [0, NOON.0, earliest.0 - 1, latest.0 + 1, u64::MAX] {
        nothing_yet().when(until(Timestamp(ms))).then_rejected(out_of_range());
    }
}

#[test]
fn a_deadline_counts_from_the_decision() {
    let wanted = [("A", 1)];
    nothing_yet()
        .when(create(&wanted, TERM))
        .at(after_ms(500))
        .told(answered("A", GRANTED))
        .then([created(&wanted, Some(after_ms(60_000)))]);
}

#[test]
fn the_clock_finds_nothing_to_end_while_resources_are_asked() {
    let stage = nothing_yet()
        .when(create(&[("A", 1)], TERM))
        .at(after_ms(70_000))
        .told(to_reservation(reservation::Command::Expire))
        .silent()
        .then_nothing();
    assert!(stage.transient.is_waiting());
}
