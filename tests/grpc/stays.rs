//! Reservations of stock, slots and nights together.

use std::collections::BTreeSet;

use holdfast::client::Client;
use holdfast::proto::v1;
use tonic::Code;
use v1::CalendarBlockerCause::{Taken, UnknownCalendar, WrongKind};
use v1::calendar_blocker::{Limit, When};
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command;

use crate::requests::*;
use crate::server::{Server, reason};

/// Two rooms, one bay, five breakfasts.
async fn furnish(client: &Client) {
    client.create_calendar(rooms("DOUBLE", 2)).await.unwrap();
    client.create_calendar(bays("BAY", 1)).await.unwrap();
    client.receive_stock(receive("BREAKFAST", 5)).await.unwrap();
}

/// A room for three nights, a bay for the first day, and two breakfasts.
fn stay() -> v1::CreateReservationRequest {
    let lines =
        vec![nights_line("DOUBLE", 24, 27), slots_line("BAY", 600, 720), line("BREAKFAST", 2)];
    v1::CreateReservationRequest { lines, ..hold(&[]) }
}

fn blocker(shortage: &v1::Shortage) -> &v1::CalendarBlocker {
    match &shortage.blocker {
        Some(v1::shortage::Blocker::CalendarBlocker(blocker)) => blocker,
        other => panic!("{other:?}"),
    }
}

async fn held(client: &Client) -> (u64, u64, u64) {
    let claims = async |id: &str| {
        client.get_calendar(calendar_of(id)).await.unwrap().calendar.unwrap().claims_count
    };
    let stock = client.get_stock_balance(balance_of("BREAKFAST")).await.unwrap();
    (claims("DOUBLE").await, claims("BAY").await, stock.stock_balance.unwrap().held)
}

#[test]
fn a_stay_with_parking_and_breakfast_is_held_as_one_and_told_as_it_was_asked() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let wish = stay();
        let made = client.create_reservation(wish.clone()).await.unwrap().reservation.unwrap();
        let id = made.reservation_id.clone();
        let got = client.get_reservation(reservation_of(&id)).await.unwrap().reservation.unwrap();
        let listed = client.list_reservations(Default::default()).await.unwrap().reservations;
        for told in [&made, &got, &listed[0]] {
            let resources = told.lines.iter().map(|line| &line.resource);
            assert!(resources.eq(wish.lines.iter().map(|line| &line.resource)), "{told:?}");
        }
        assert_eq!(held(&client).await, (1, 1, 2));
        client.commit_reservation(commit(&id)).await.unwrap();
        assert_eq!(held(&client).await, (1, 1, 0), "what was used stays claimed in a calendar");
    });
}

#[test]
fn a_refused_stay_holds_nothing_and_names_the_night_and_until_when_it_is_held() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let mut first = stay();
        first.lines[0] = v1::ReservationLine { quantity: 2, ..nights_line("DOUBLE", 25, 26) };
        let first = client.create_reservation(first).await.unwrap().reservation.unwrap();

        let refused = client.create_reservation(stay()).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::FailedPrecondition, "NIGHT_UNAVAILABLE")
        );
        let [room, bay] = &refused.shortages[..] else { panic!("{refused}") };
        assert_eq!((room.line_id.as_str(), room.requested, room.available), ("1", 1, 0));
        let resource = v1::shortage::Resource::Nights(nights_of("DOUBLE", 24, 27));
        assert_eq!(room.resource, Some(resource));
        assert_eq!(blocker(room).cause(), Taken);
        assert_eq!(blocker(room).when, Some(When::Nights(december(25, 26))));
        assert_eq!(blocker(room).expire_time, first.expire_time);
        assert_eq!(blocker(bay).when, Some(When::Interval(interval(600, 730))), "and turnover");
        assert!(refused.to_string().contains("taken 2030-12-25/2030-12-26"), "{refused}");
        assert_eq!(held(&client).await, (1, 1, 2), "what the first holds");

        let mut by_the_bay = stay();
        by_the_bay.lines.swap(0, 1);
        assert_eq!(reason(client.create_reservation(by_the_bay).await), "SLOT_UNAVAILABLE");
    });
}

#[test]
fn a_calendar_that_is_not_there_or_counts_something_else_is_named() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let lines = vec![nights_line("SUITE", 24, 27), nights_line("BAY", 24, 27)];
        let wish = v1::CreateReservationRequest { lines, ..hold(&[]) };
        let refused = client.create_reservation(wish).await.unwrap_err();
        let [unknown, wrong] = &refused.shortages[..] else { panic!("{refused}") };
        assert_eq!(blocker(unknown).cause(), UnknownCalendar);
        assert_eq!(blocker(wrong).cause(), WrongKind);
        let slots = Limit::LimitKind(v1::CalendarKind::Slots.into());
        assert_eq!(blocker(wrong).limit, Some(slots));
    });
}

#[test]
fn every_field_of_a_time_that_is_wrong_is_named() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let changed = |mut line: v1::ReservationLine, change: fn(&mut v1::SlotsResource)| {
            let Some(v1::reservation_line::Resource::Slots(slots)) = &mut line.resource else {
                panic!()
            };
            change(slots);
            line
        };
        let moved = |mut line: v1::ReservationLine, change: fn(&mut v1::NightsResource)| {
            let Some(v1::reservation_line::Resource::Nights(nights)) = &mut line.resource else {
                panic!()
            };
            change(nights);
            line
        };
        let lines = vec![
            slots_line("", 0, 60),
            changed(slots_line("BAY", 0, 60), |slots| slots.start_time = None),
            slots_line("BAY", 60, 60),
            nights_line(" ", 24, 27),
            moved(nights_line("DOUBLE", 24, 27), |nights| nights.check_out_date = None),
            moved(nights_line("DOUBLE", 24, 27), |nights| {
                nights.check_in_date = Some(date(2030, 2, 29));
            }),
            nights_line("DOUBLE", 27, 24),
            v1::ReservationLine { quantity: 0, ..nights_line("DOUBLE", 24, 27) },
        ];
        let wish = v1::CreateReservationRequest { lines, ..hold(&[]) };
        let refused = client.create_reservation(wish).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument);
        let fields: BTreeSet<_> = refused.fields.iter().map(|it| it.field.as_str()).collect();
        let expected = [
            "lines[0].slots.calendar_id",
            "lines[1].slots.start_time",
            "lines[2].slots.end_time",
            "lines[3].nights.calendar_id",
            "lines[4].nights.check_out_date",
            "lines[5].nights.check_in_date",
            "lines[6].nights.check_out_date",
            "lines[7].quantity",
        ];
        assert_eq!(fields, BTreeSet::from(expected));
    });
}

#[test]
fn an_order_is_delivered_and_rejected_by_what_its_calendars_have() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let room = v1::sales_order_line::Resource::Nights(nights_of("DOUBLE", 24, 27));
        let mut wish = order_to_its_end(&[("BREAKFAST", 2), ("BREAKFAST", 1)]);
        wish.lines[0].resource = Some(room);
        let ended = client.create_sales_order(wish.clone()).await.unwrap().sales_order.unwrap();
        assert_eq!(ended.state(), v1::SalesOrderState::Completed);
        assert_eq!(ended.lines[0].resource, wish.lines[0].resource);
        let again = v1::CreateSalesOrderRequest { request_id: fresh(), ..wish };
        let ended = client.create_sales_order(again).await.unwrap().sales_order.unwrap();
        assert_eq!(ended.state(), v1::SalesOrderState::Rejected);
        let rejection = ended.rejection.unwrap();
        assert_eq!(rejection.reason, "NIGHT_UNAVAILABLE");
        assert_eq!(blocker(&rejection.shortages[0]).when, Some(When::Nights(december(24, 25))));
    });
}

#[test]
fn calendars_and_stays_go_over_a_stream_of_commands_too() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let pipeline = client.pipeline();
        let create = Command::CreateCalendar(rooms("DOUBLE", 1));
        assert!(matches!(pipeline.send(create).await, Ok(Outcome::CreateCalendar(_))));
        let wish = v1::CreateReservationRequest {
            lines: vec![nights_line("DOUBLE", 24, 27)],
            ..confirmed(&[])
        };
        pipeline.send(Command::CreateReservation(wish)).await.unwrap();
        let refused = pipeline.send(Command::CloseDates(close("DOUBLE", 24, 25))).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.reason.as_str(), refused.conflicts.len()), ("CLAIMS_IN_CONFLICT", 1));
    });
}
