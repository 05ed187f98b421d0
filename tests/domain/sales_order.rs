//! What an order is, and how far its reports take it.

use holdfast::domain::entity::Aggregate;
use holdfast::domain::ids::EntityKind;
use holdfast::domain::money::{Amount, Currency};
use holdfast::domain::process::{Refusal, Step};
use holdfast::domain::rejection::{Rejection, Shortage};
use holdfast::domain::reservation::{self, Term};
use holdfast::domain::sales_order::{Details, Event, Report, SalesOrder, State};

use super::stage::{Stage, given};
use super::words::*;

const WANTED: [(&str, u64, u64); 2] = [("B", 2, 1_500_000), ("A", 1, 6_950_000)];

fn placed() -> Stage<SalesOrder> {
    given(order_id(1), []).when(place(&WANTED)).accepted()
}

fn refusal() -> Refusal {
    let [line, _] = order_lines(&WANTED).try_into().unwrap();
    Refusal::Short(vec![Shortage {
        line: line.id,
        wanted: line.wanted,
        requested: 2,
        shortfall: shortfall(1),
    }])
}

/// Every state; a cancelled order is there twice, before and after it was released.
fn in_every_state() -> Vec<(&'static str, Stage<SalesOrder>)> {
    let confirmed = || placed().told(report(Report::Reserved));
    let delivered = || confirmed().told(report(Report::Delivered));
    let cancelled = || placed().when(cancel_order());
    vec![
        ("CREATED", placed()),
        ("CONFIRMED", confirmed()),
        ("DELIVERED", delivered()),
        ("COMPLETED", delivered().told(report(Report::Committed))),
        ("REJECTED", placed().told(report(Report::Refused(refusal())))),
        ("CANCELLED", cancelled()),
        ("RELEASED", cancelled().told(report(Report::Released))),
    ]
}

fn details(stage: &Stage<SalesOrder>) -> &Details {
    stage.entity.state.details().unwrap()
}

fn names(stage: &Stage<SalesOrder>) -> Vec<&'static str> {
    stage.events.iter().map(Event::name).collect()
}

#[test]
fn an_order_is_finished_with_its_last_event_and_not_before() {
    for (state, stage) in in_every_state() {
        let last: Vec<_> = stage.events.iter().map(Event::is_last).collect();
        let (end, before) = last.split_last().unwrap();
        assert_eq!(*end, details(&stage).is_finished(), "{state}");
        assert!(!before.contains(&true), "{state}: {:?}", names(&stage));
    }
}

#[test]
fn an_order_keeps_its_prices_and_their_totals() {
    let stage = placed();
    let details = details(&stage);
    let totals: Vec<_> = details.lines.iter().map(|line| line.total.minor).collect();
    assert_eq!((totals, details.total), (vec![300, 695], Amount { minor: 995 }));
    assert_eq!(details.currency, Currency::new("GBP").unwrap());
    let kept: Vec<_> = details.lines.iter().map(|line| line.request.clone()).collect();
    assert_eq!(kept, order_lines(&WANTED));
    assert_eq!((details.state, details.customer.as_str()), (State::Created, "ada"));
}

#[test]
fn each_line_is_rounded_half_to_even_before_they_are_added() {
    let half_pennies = [("A", 1, 5_000), ("A", 1, 15_000), ("A", 3, 5_000), ("A", 1, 25_000)];
    let stage = given::<SalesOrder>(order_id(1), []).when(place(&half_pennies));
    let totals: Vec<_> = details(&stage).lines.iter().map(|line| line.total.minor).collect();
    assert_eq!((totals, details(&stage).total.minor), (vec![0, 2, 2, 2], 6));
}

#[test]
fn an_order_of_more_than_can_be_counted_is_refused() {
    // Three times a third of 2^63 - 1 pennies is the largest total; a penny more is too much.
    let third = i64::MAX as u64 / 3;
    assert_eq!(third * 3, i64::MAX as u64 - 1);
    let penny = 10_000;
    let most = [("A", third, penny), ("B", third, penny), ("C", third + 1, penny)];
    let stage = given::<SalesOrder>(order_id(1), []).when(place(&most)).accepted();
    assert_eq!(details(&stage).total, Amount::MAX);
    let too_much = [("A", third, penny), ("B", third, penny), ("C", third + 2, penny)];
    for wanted in [&too_much[..], &[("A", u64::MAX, u64::MAX)], &[("A", u64::MAX, penny)]] {
        given::<SalesOrder>(order_id(1), [])
            .when(place(wanted))
            .then_rejected(Rejection::Overflow)
            .then_nothing();
    }
}

#[test]
fn an_order_goes_from_created_to_completed() {
    let reserved = Event::Reserved { reservation: order(1).reservation() };
    let stage = placed()
        .told(report(Report::Reserved))
        .then([reserved, Event::Confirmed])
        .silent()
        .told(report(Report::Delivered))
        .then([Event::Delivered])
        .told(report(Report::Committed))
        .then([Event::Completed]);
    assert_eq!(details(&stage).state, State::Completed);
}

#[test]
fn a_report_moves_an_order_only_from_the_state_of_its_step() {
    let rejected = || Report::Refused(refusal());
    let reports =
        [Report::Reserved, rejected(), Report::Delivered, Report::Committed, Report::Released];
    let none: &[&str] = &[];
    let table = |state: &str, report: &Report| match (state, report) {
        ("CREATED", Report::Reserved) => &["SalesOrderReserved", "SalesOrderConfirmed"][..],
        ("CREATED", Report::Refused(_)) => &["SalesOrderRejected"],
        ("CONFIRMED", Report::Delivered) => &["SalesOrderDelivered"],
        ("DELIVERED", Report::Committed) => &["SalesOrderCompleted"],
        ("CANCELLED", Report::Released) => &["SalesOrderReleased"],
        _ => none,
    };
    for outcome in reports {
        for (state, stage) in in_every_state() {
            let stage = stage.told(report(outcome.clone())).silent().telling([]);
            assert_eq!(names(&stage), table(state, &outcome), "{state} {outcome:?}");
        }
        given::<SalesOrder>(order_id(1), []).told(report(outcome)).silent().then_nothing();
    }
}

#[test]
fn an_order_can_be_cancelled_until_it_is_delivered() {
    for (state, stage) in in_every_state() {
        let stage = stage.when(cancel_order());
        match state {
            "CREATED" | "CONFIRMED" => {
                let stage = stage.accepted().then([Event::Cancelled { reason: label("no more") }]);
                assert_eq!(details(&stage).cancel_reason, label("no more"));
            }
            _ => {
                let from = details(&stage).state.name();
                let command = "CancelSalesOrder";
                stage.then_rejected(Rejection::InvalidTransition { from, command }).then_nothing();
            }
        }
    }
    given::<SalesOrder>(order_id(1), [])
        .when(cancel_order())
        .then_rejected(Rejection::NotFound(EntityKind::SalesOrder));
}

#[test]
fn the_next_step_follows_from_the_record_alone() {
    for (state, stage) in in_every_state() {
        let step = stage.entity.state.next_step(&stage.key.id);
        let name = step.as_ref().map(Step::name);
        let expected = match state {
            "CREATED" => Some("reserve"),
            "CONFIRMED" => Some("deliver"),
            "DELIVERED" => Some("commit"),
            "CANCELLED" => Some("release"),
            _ => None,
        };
        assert_eq!(name, expected, "{state}");
        let is_finished = stage.entity.state.summary().finished;
        assert_eq!(is_finished, step.is_none(), "{state}: open as long as there is a step");
    }
    let nothing = given::<SalesOrder>(order_id(1), []);
    assert_eq!(nothing.entity.state.next_step(&nothing.key.id), None);
}

#[test]
fn the_reservation_is_the_orders_own_and_confirmed_at_once() {
    let stage = placed();
    let Some(Step::Reserve(create)) = stage.entity.state.next_step(&stage.key.id) else { panic!() };
    let expected = reservation::Create {
        lines: lines(&[("B", 2), ("A", 1)]).into(),
        term: Term::Confirmed,
        customer: label("ada"),
        external_reference: label(""),
        attributes: Default::default(),
        owner: Some(order(1)),
    };
    assert_eq!(create, expected);
    assert_eq!(order(1).reservation(), reservation(1));
}

#[test]
fn a_rejected_order_names_what_fell_short() {
    let stage = placed().told(report(Report::Refused(refusal())));
    assert_eq!(details(&stage).refusal, Some(refusal()));
}
