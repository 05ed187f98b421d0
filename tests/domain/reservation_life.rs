//! What becomes of a reservation that exists.

use holdfast::domain::claim::{Claim, ClaimOutcome};
use holdfast::domain::command::Command;
use holdfast::domain::entity::{Aggregate, Outcome};
use holdfast::domain::ids::EntityKind;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, Details, Event, HOLD_MS_MAX, Reservation, State, Term};
use holdfast::domain::time::Timestamp;

use super::stage::{Stage, given};
use super::words::*;

const WANTED: [(&str, u64); 3] = [("B", 2), ("A", 1), ("B", 3)];
const DEADLINE: Timestamp = Timestamp(NOON.0 + 60_000);
const EXPIRED: Event = Event::Expired { deadline: DEADLINE };

fn history(state: State) -> Vec<Event> {
    let hold = created(&WANTED, Some(DEADLINE));
    match state {
        State::Held => vec![hold],
        State::Confirmed => vec![created(&WANTED, None)],
        State::Committed => vec![created(&WANTED, None), Event::Committed],
        State::Cancelled => vec![hold, Event::Cancelled { reason: label("no more") }],
        State::Expired => vec![hold, EXPIRED],
    }
}

fn in_state(state: State) -> Stage<Reservation> {
    given(reservation_id(1), history(state))
}

fn details(stage: &Stage<Reservation>) -> &Details {
    stage.entity.state.details().unwrap()
}

fn confirm() -> Command {
    to_reservation(reservation::Command::Confirm)
}

fn commit() -> Command {
    to_reservation(reservation::Command::Commit)
}

fn extend(term: Term) -> Command {
    to_reservation(reservation::Command::Extend(term))
}

fn expire() -> Command {
    to_reservation(reservation::Command::Expire)
}

#[test]
fn every_command_in_every_state_has_its_meaning() {
    use State::*;
    let later = after_ms(90_000);
    let to_later = Event::Extended { deadline: later };
    let cancelled = || Event::Cancelled { reason: label("no more") };
    let not_from =
        |from: State, command| Err(Rejection::InvalidTransition { from: from.name(), command });
    let ran_out = || Err(Rejection::HoldExpired { deadline: DEADLINE });
    let longer = || extend(Term::Until(later));
    let table = [
        (Held, confirm(), Ok(vec![Event::Confirmed])),
        (Held, commit(), Ok(vec![Event::Confirmed, Event::Committed])),
        (Held, cancel(), Ok(vec![cancelled()])),
        (Held, longer(), Ok(vec![to_later])),
        (Confirmed, confirm(), not_from(Confirmed, "ConfirmReservation")),
        (Confirmed, commit(), Ok(vec![Event::Committed])),
        (Confirmed, cancel(), Ok(vec![cancelled()])),
        (Confirmed, longer(), not_from(Confirmed, "ExtendReservation")),
        (Committed, confirm(), not_from(Committed, "ConfirmReservation")),
        (Committed, commit(), not_from(Committed, "CommitReservation")),
        (Committed, cancel(), not_from(Committed, "CancelReservation")),
        (Committed, longer(), not_from(Committed, "ExtendReservation")),
        (Cancelled, confirm(), not_from(Cancelled, "ConfirmReservation")),
        (Cancelled, commit(), not_from(Cancelled, "CommitReservation")),
        (Cancelled, cancel(), not_from(Cancelled, "CancelReservation")),
        (Cancelled, longer(), not_from(Cancelled, "ExtendReservation")),
        (Expired, confirm(), ran_out()),
        (Expired, commit(), ran_out()),
        (Expired, cancel(), ran_out()),
        (Expired, longer(), ran_out()),
    ];
    for (state, command, expected) in table {
        let stage = in_state(state).when(command);
        match expected {
            Ok(events) => stage.accepted().then(events),
            Err(rejection) => stage.then_rejected(rejection).then_nothing().telling([]),
        };
    }
}

#[test]
fn what_only_the_inside_says_has_no_effect_on_a_reservation_that_is_not_due() {
    use State::*;
    for state in [Held, Confirmed, Committed, Cancelled, Expired] {
        let answer = answered("A", ClaimOutcome::Granted);
        for command in [expire(), answer, answered("A", short(0))] {
            in_state(state).told(command).silent().then_nothing().telling([]);
        }
    }
    for state in [Confirmed, Committed, Cancelled, Expired] {
        in_state(state).at(after_ms(1 << 40)).told(expire()).silent().then_nothing();
    }
}

#[test]
fn what_does_not_exist_is_not_found() {
    for command in [confirm(), commit(), cancel(), extend(Term::For(5_000))] {
        given::<Reservation>(reservation_id(1), [])
            .when(command)
            .then_rejected(Rejection::NotFound(EntityKind::Reservation))
            .then_nothing();
    }
    given::<Reservation>(reservation_id(1), []).told(expire()).silent().then_nothing();
}

#[test]
fn each_event_tells_every_resource_what_is_wanted_after_it() {
    let both = |version, claim: fn(u128, u64, u64) -> Claim| {
        [tells("A", claim(1, version, 1)), tells("B", claim(1, version, 5))]
    };
    let held_until = |version, deadline| {
        let until = |claim| Claim { deadline: Some(deadline), ..claim };
        [tells("A", until(held(1, version, 1))), tells("B", until(held(1, version, 5)))]
    };
    let nothing = |version| [tells("A", held(1, version, 0)), tells("B", held(1, version, 0))];
    let stage = in_state(State::Held)
        .when(extend(Term::For(70_000)))
        .telling(held_until(2, after_ms(70_000)))
        .when(confirm())
        .telling(both(3, held))
        .when(commit())
        .telling(both(4, committed));
    assert_eq!(details(&stage).claims_version.0, 4);
    in_state(State::Held).when(commit()).telling(both(3, committed));
    in_state(State::Held).when(cancel()).telling(nothing(2));
    in_state(State::Confirmed).when(cancel()).telling(nothing(2));
    in_state(State::Held).at(DEADLINE).told(expire()).telling(nothing(2));
}

#[test]
fn the_wish_that_a_restart_reads_from_the_record_is_the_one_that_was_told() {
    let says = |stage: &Stage<Reservation>| {
        ["A", "B"].map(|name| details(stage).claim_on(&sku(name), reservation(1)).tell(sku(name)))
    };
    for command in [extend(Term::For(70_000)), confirm(), commit(), cancel()] {
        let stage = in_state(State::Held).when(command);
        let told = says(&stage);
        stage.telling(told);
    }
    let stage = in_state(State::Held).at(DEADLINE).told(expire());
    let told = says(&stage);
    let stage = stage.telling(told);
    assert!(details(&stage).claim_on(&sku("Z"), reservation(1)).is_release());
}

#[test]
fn a_hold_ends_at_its_deadline_and_not_a_millisecond_before() {
    in_state(State::Held).at(Timestamp(DEADLINE.0 - 1)).told(expire()).then_nothing();
    in_state(State::Held).at(Timestamp(DEADLINE.0 - 1)).when(confirm()).accepted();
    let stage = in_state(State::Held).at(DEADLINE).told(expire()).then([EXPIRED]).silent();
    assert_eq!(details(&stage).state, State::Expired);
    assert_eq!(details(&stage).deadline, Some(DEADLINE));
}

#[test]
fn a_command_that_finds_the_deadline_passed_records_it_and_is_refused() {
    let ran_out = || Rejection::HoldExpired { deadline: DEADLINE };
    for command in [confirm(), commit(), cancel(), extend(Term::For(5_000))] {
        let stage = in_state(State::Held)
            .at(DEADLINE)
            .when(command.clone())
            .then_rejected(ran_out())
            .then([EXPIRED])
            .telling([tells("A", held(1, 2, 0)), tells("B", held(1, 2, 0))]);
        // No other reading of a clock undoes it.
        stage.at(NOON).when(command).then_rejected(ran_out()).then_nothing();
    }
}

#[test]
fn a_confirmed_reservation_has_no_deadline() {
    let stage = in_state(State::Held).when(confirm()).at(after_ms(1 << 40)).when(commit());
    assert_eq!(details(&stage.accepted()).deadline, None);
}

#[test]
fn a_hold_is_only_ever_extended() {
    let range = |now: Timestamp, standing: Timestamp| Rejection::DeadlineOutOfRange {
        earliest: Timestamp(standing.0 + 1),
        latest: now.plus_ms(HOLD_MS_MAX),
    };
    in_state(State::Held)
        .when(extend(Term::Until(DEADLINE)))
        .then_rejected(range(NOON, DEADLINE))
        .when(extend(Term::For(59_999)))
        .then_rejected(range(NOON, DEADLINE))
        .when(extend(Term::Confirmed))
        .then_rejected(range(NOON, DEADLINE))
        .then_nothing()
        .when(extend(Term::For(HOLD_MS_MAX + 1)))
        .then_rejected(Rejection::DeadlineOutOfRange {
            earliest: after_ms(1_000),
            latest: after_ms(HOLD_MS_MAX),
        })
        .when(extend(Term::For(60_001)))
        .then([Event::Extended { deadline: after_ms(60_001) }])
        .at(DEADLINE)
        .when(confirm())
        .accepted();
}

#[test]
fn what_belongs_to_an_order_takes_commands_from_it_alone() {
    let owned = |deadline| {
        let Event::Created { lines, customer, external_reference, attributes, .. } =
            created(&WANTED, deadline)
        else {
            panic!()
        };
        let owner = Some(order(1));
        Event::Created { lines, deadline, customer, external_reference, attributes, owner }
    };
    for issuer in [None, Some(order(2))] {
        for command in [confirm(), commit(), cancel(), extend(Term::For(70_000))] {
            let refused = Rejection::OwnedByOrder(order(1));
            given::<Reservation>(reservation_id(1), [owned(Some(DEADLINE))])
                .by(issuer)
                .when(command.clone())
                .then_rejected(refused.clone())
                .then_nothing()
                .at(DEADLINE)
                .when(command)
                .then_rejected(refused)
                .then([EXPIRED]);
        }
    }
    given::<Reservation>(reservation_id(1), [owned(None)])
        .by(Some(order(1)))
        .when(commit())
        .accepted();
}

#[test]
fn an_order_leaves_a_clients_reservation_alone() {
    for command in [commit(), cancel()] {
        in_state(State::Held)
            .by(Some(order(1)))
            .when(command)
            .then_rejected(Rejection::NotFound(EntityKind::Reservation))
            .then_nothing();
    }
}

#[test]
fn what_the_table_is_told_follows_the_state() {
    use State::*;
    for (state, name, deadline, finished) in [
        (Held, "HELD", Some(DEADLINE), false),
        (Confirmed, "CONFIRMED", None, false),
        (Committed, "COMMITTED", None, true),
        (Cancelled, "CANCELLED", None, true),
        (Expired, "EXPIRED", None, true),
    ] {
        let stage = in_state(state);
        let summary = stage.entity.state.summary();
        assert_eq!(
            (summary.state, summary.deadline, summary.finished, summary.created),
            (name, deadline, finished, NOON)
        );
        assert_eq!(stage.outcome, Outcome::Silent);
    }
}

#[test]
fn what_the_client_said_is_carried_unchanged() {
    let stage = in_state(State::Held).at(after_ms(7)).when(cancel());
    let details = details(&stage);
    let wanted = creation(&WANTED, Term::Confirmed);
    assert_eq!(details.lines, wanted.lines);
    assert_eq!(details.customer, wanted.customer);
    assert_eq!(details.external_reference, wanted.external_reference);
    assert_eq!(details.attributes, wanted.attributes);
    assert_eq!(details.cancel_reason, label("no more"));
    assert_eq!((details.created, details.updated), (NOON, after_ms(7)));
}
