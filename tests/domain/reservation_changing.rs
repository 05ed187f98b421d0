//! How a reservation gets other lines, or keeps those that it has.

use std::sync::Arc;

use holdfast::codec::fingerprint::fingerprint;
use holdfast::domain::calendar::{self, Date};
use holdfast::domain::claim::{Claim, ClaimOutcome, Wish};
use holdfast::domain::entity::{Aggregate, Outcome, Transient};
use holdfast::domain::ids::{RequestId, ResourceKey, Version};
use holdfast::domain::name::LineId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::request::Request;
use holdfast::domain::reservation::{self, Event, Line, Reservation, State};
use holdfast::domain::wanted::Wanted;
use uuid::Uuid;

use super::stage::{Stage, given};
use super::times::{calendar_key, lines_of, stay};
use super::words::*;

const GRANTED: ClaimOutcome = ClaimOutcome::Granted;
const BEFORE: [(&str, u64); 2] = [("A", 2), ("B", 1)];
const AFTER: [(&str, u64); 2] = [("A", 3), ("C", 1)];

/// Held until a minute after noon.
fn hold() -> Stage<Reservation> {
    given(reservation_id(1), [created(&BEFORE, Some(after_ms(60_000)))])
}

fn wish(version: u64, quantity: u64) -> Claim {
    let deadline = (quantity > 0).then_some(after_ms(60_000));
    Claim { deadline, ..held(1, version, quantity) }
}

fn request(id: u128) -> Request {
    Request { id: RequestId(Uuid::from_u128(id)), fingerprint: fingerprint(&change(&AFTER)) }
}

fn started(id: u128) -> Event {
    Event::ChangeStarted { lines: lines(&AFTER).into(), request: request(id) }
}

fn changed(wanted: &[(&str, u64)]) -> Event {
    Event::Changed { lines: lines(wanted).into() }
}

fn has(stage: &Stage<Reservation>, wanted: &[(&str, u64)]) -> bool {
    let details = stage.entity.state.details().unwrap();
    *details.lines == lines(wanted) && details.change.is_none()
}

/// Sent under request id 7; nobody has answered yet.
fn changing() -> Stage<Reservation> {
    hold().requested(7, None, change(&AFTER)).waits()
}

#[test]
fn those_that_are_to_give_more_are_asked_for_old_and_new_and_in_the_end_everyone_is_told() {
    let stage = changing()
        .then([started(7)])
        .telling([demands("A", wish(2, 3))])
        .told(answered("A", GRANTED))
        .waits()
        .then_nothing()
        .telling([demands("C", wish(2, 1))])
        .told(answered("C", GRANTED))
        .accepted()
        .then([changed(&AFTER)])
        .telling([tells("A", wish(3, 3)), tells("B", wish(3, 0)), tells("C", wish(3, 1))]);
    assert!(has(&stage, &AFTER) && !stage.transient.is_waiting());
    stage.requested(7, None, change(&AFTER)).repeated(3);
}

#[test]
fn of_a_calendar_old_and_new_are_demanded_beside_each_other() {
    let ResourceKey::Calendar(calendar) = calendar_key() else { panic!() };
    let line = |(n, day): (usize, i32)| Line {
        id: LineId::counted(n),
        wanted: Wanted::Time { calendar: calendar.clone(), span: stay(Date(day), 2) },
        quantity: 1,
    };
    let of = |days: &[i32]| days.iter().copied().enumerate().map(line).collect::<Arc<[Line]>>();
    let to = |days: &[i32]| to_reservation(reservation::Command::Change(of(days)));
    let mut before = created(&[], None);
    let Event::Created { lines, .. } = &mut before else { panic!() };
    *lines = of(&[20, 30]);
    let hold = || given::<Reservation>(reservation_id(1), [before.clone()]);
    let stage = hold().when(to(&[21, 30])).waits();
    let spans = |days: [i32; 2]| lines_of(&days.map(|day| (stay(Date(day), 2), 1)));
    let release = calendar::Claim::release(reservation(1), Version(2));
    let (lines, change) = (spans([20, 30]), Some(spans([21, 30])));
    let demanded = Wish::Calendar(calendar::Claim { lines, change, ..release });
    stage.telling([demanded.demand(calendar_key())]);
    // The same spans in another order, or fewer of them, need not be asked for.
    for fewer in [&[30, 20][..], &[30]] {
        let stage = hold().when(to(fewer)).accepted();
        assert_eq!(stage.messages.len(), 1);
    }
}

#[test]
fn a_refused_change_keeps_the_lines_and_may_be_tried_again() {
    let stage = changing()
        .told(answered("A", GRANTED))
        .told(answered("C", short(0)))
        .then([Event::ChangeRefused])
        .telling([tells("A", wish(3, 2)), tells("B", wish(3, 1)), tells("C", wish(3, 0))]);
    let Outcome::Rejected(Rejection::Short(short)) = &stage.outcome else { panic!() };
    assert_eq!(short.len(), 1);
    assert_eq!((short[0].line.as_str(), short[0].requested), ("2", 1));
    assert!(has(&stage, &BEFORE) && !stage.transient.is_waiting());
    stage
        .requested(7, None, change(&AFTER))
        .waits()
        .then([started(7)])
        .telling([demands("A", wish(4, 3))]);
}

#[test]
fn the_rest_is_only_asked_after_a_refusal_and_nothing_given_back_before_it_is_recorded() {
    let stage = hold()
        .when(change(&[("A", 3), ("B", 2), ("C", 1)]))
        .told(answered("A", GRANTED))
        .told(answered("B", short(1)))
        .waits()
        .then_nothing()
        .telling([asks("C", wish(2, 1))])
        .told(answered("C", short(0)))
        .then([Event::ChangeRefused])
        .telling([tells("A", wish(3, 2)), tells("B", wish(3, 1)), tells("C", wish(3, 0))]);
    let Outcome::Rejected(Rejection::Short(short)) = stage.outcome else { panic!() };
    assert_eq!(short.len(), 2);
}

#[test]
fn what_asks_for_no_more_is_changed_at_once_and_what_changes_nothing_is_not_recorded() {
    let stage = hold()
        .when(change(&[("A", 1)]))
        .accepted()
        .then([changed(&[("A", 1)])])
        .telling([tells("A", wish(2, 1)), tells("B", wish(2, 0))]);
    stage.when(change(&[("A", 1)])).accepted().then_nothing().telling([]);
    hold()
        .when(change(&[("A", u64::MAX), ("A", 1)]))
        .then_rejected(Rejection::Overflow)
        .then_nothing();
}

#[test]
fn an_answer_after_the_deadline_finds_the_hold_expired_and_releases_old_and_new() {
    let deadline = after_ms(60_000);
    let all = |version| ["A", "B", "C"].map(|name| tells(name, held(1, version, 0)));
    let stage = changing()
        .told(answered("A", GRANTED))
        .at(deadline)
        .told(answered("C", GRANTED))
        .then_rejected(Rejection::HoldExpired { deadline })
        .then([Event::Expired { deadline }])
        .telling(all(3));
    assert!(!stage.transient.is_waiting());
    // Where the clock is first, whoever waits is told why.
    let stage = changing()
        .at(deadline)
        .told(to_reservation(reservation::Command::Expire))
        .silent()
        .telling(all(3));
    assert!(!stage.transient.is_waiting());
    assert_eq!(stage.entity.state.cut_short(), Some(Rejection::HoldExpired { deadline }));
    stage.told(answered("A", GRANTED)).then_nothing().telling([]);
}

#[test]
fn cancelling_gets_through_and_releases_old_and_new() {
    let stage = changing();
    let state = &stage.entity.state;
    assert!(state.lets_through(&cancel()) && !state.lets_through(&change(&BEFORE)));
    assert!(!hold().entity.state.lets_through(&cancel()));
    let stage = stage
        .when(cancel())
        .accepted()
        .telling(["A", "B", "C"].map(|name| tells(name, held(1, 3, 0))));
    assert!(!stage.transient.is_waiting());
    let (from, command) = ("CANCELLED", "ChangeReservation");
    let expected = Rejection::InvalidTransition { from, command };
    assert_eq!(stage.entity.state.cut_short(), Some(expected.clone()));
    stage.when(change(&AFTER)).then_rejected(expected);
}

#[test]
fn after_a_crash_the_same_command_goes_on_and_nothing_else_is_decided() {
    let history = || [created(&BEFORE, Some(after_ms(60_000))), started(7)];
    let confirm = to_reservation(reservation::Command::Confirm);
    let stage = given(reservation_id(1), history())
        .remembering(1)
        .when(confirm)
        .then_nothing()
        .when(change(&BEFORE))
        .then_rejected(Rejection::QueueFull)
        // It was let in before, whatever is remembered or expected by now.
        .requested(7, Some(1), change(&AFTER))
        .waits()
        .then_nothing()
        .telling([demands("A", wish(2, 3))])
        .told(answered("A", GRANTED))
        .told(answered("C", GRANTED))
        .accepted()
        .then([changed(&AFTER)]);
    assert!(has(&stage, &AFTER));
    let cut_off: Stage<Reservation> = given(reservation_id(1), history());
    assert!(cut_off.entity.state.summary().under_way);
}

#[test]
fn a_change_that_is_only_tried_asks_everyone_at_once_and_has_no_effect() {
    let stage = hold()
        .trying()
        .when(change(&AFTER))
        .waits()
        .then_nothing()
        .telling([asks("A", wish(2, 3)), asks("C", wish(2, 1))])
        .told(answered("C", GRANTED))
        .told(answered("A", GRANTED))
        .accepted();
    let Event::ChangeStarted { .. } = stage.events[0] else { panic!("{:?}", stage.events) };
    assert_eq!(stage.events[1..], [changed(&AFTER)]);
    assert!(has(&stage, &BEFORE));
    let stage = hold()
        .trying()
        .when(change(&AFTER))
        .told(answered("A", short(2)))
        .told(answered("C", short(0)))
        .then_nothing()
        .telling([]);
    let Outcome::Rejected(Rejection::Short(short)) = stage.outcome else { panic!() };
    assert_eq!(short.len(), 2);
}

#[test]
fn what_has_ended_or_belongs_to_an_order_is_not_changed() {
    let ended = [Event::Committed, Event::Cancelled { reason: label("") }];
    for (end, state) in ended.into_iter().zip([State::Committed, State::Cancelled]) {
        let history = [created(&BEFORE, None), end];
        given::<Reservation>(reservation_id(1), history).when(change(&AFTER)).then_rejected(
            Rejection::InvalidTransition { from: state.name(), command: "ChangeReservation" },
        );
    }
    let mut owned = created(&BEFORE, None);
    let Event::Created { owner, .. } = &mut owned else { panic!() };
    *owner = Some(order(1));
    let stage = given::<Reservation>(reservation_id(1), [owned]).when(change(&AFTER));
    stage.then_rejected(Rejection::OwnedByOrder(order(1)));
}
