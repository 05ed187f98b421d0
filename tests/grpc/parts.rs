//! Reservations that are committed in parts: what is used, what is left, and every refusal.

use holdfast::client::Client;
use holdfast::proto::v1;
use tonic::Code;
use v1::ReservationState::{Committed, Confirmed};
use v1::commit_line::End;
use v1::event::Body;
use v1::line_part::When;

use crate::requests::*;
use crate::server::{Server, reason};

/// Two rooms for three nights, a bay for two hours, and three breakfasts: confirmed.
async fn stay(client: &Client) -> String {
    client.create_calendar(rooms("DOUBLE", 2)).await.unwrap();
    client.create_calendar(bays("BAY", 1)).await.unwrap();
    client.receive_stock(receive("BREAKFAST", 5)).await.unwrap();
    let room = v1::ReservationLine { quantity: 2, ..nights_line("DOUBLE", 24, 27) };
    let lines = vec![room, slots_line("BAY", 600, 720), line("BREAKFAST", 3)];
    let wish = v1::CreateReservationRequest { lines, ..confirmed(&[]) };
    client.create_reservation(wish).await.unwrap().reservation.unwrap().reservation_id
}

fn used(line_id: &str, quantity: Option<u64>, end: Option<End>) -> v1::CommitLine {
    v1::CommitLine { line_id: line_id.to_owned(), quantity, end }
}

fn until(minutes: i64) -> Option<End> {
    Some(End::EndTime(eve(minutes)))
}

fn until_day(day: i32) -> Option<End> {
    Some(End::CheckOutDate(date(2030, 12, day)))
}

fn part(id: &str, lines: Vec<v1::CommitLine>, is_final: bool) -> v1::CommitReservationRequest {
    v1::CommitReservationRequest { lines, r#final: Some(is_final), ..commit(id) }
}

fn parts(line_id: &str, parts: &[(u64, Option<When>)]) -> v1::LineParts {
    let part =
        |(quantity, when): &(u64, Option<When>)| v1::LinePart { quantity: *quantity, when: *when };
    v1::LineParts { line_id: line_id.to_owned(), parts: parts.iter().map(part).collect() }
}

fn minutes(from: i64, to: i64) -> Option<When> {
    Some(When::Interval(interval(from, to)))
}

fn days(from: i32, to: i32) -> Option<When> {
    Some(When::Nights(december(from, to)))
}

/// Whether somebody else could have the bay then.
async fn is_bay_free(client: &Client, from: i64, to: i64) -> bool {
    let lines = vec![slots_line("BAY", from, to)];
    let wish = v1::CreateReservationRequest { lines, ..hold(&[]) };
    let Ok(made) = client.create_reservation(wish).await else { return false };
    let id = made.reservation.unwrap().reservation_id;
    client.cancel_reservation(cancel(&id)).await.unwrap();
    true
}

async fn breakfasts(client: &Client) -> (u64, u64) {
    let told = client.get_stock_balance(balance_of("BREAKFAST")).await.unwrap();
    let balance = told.stock_balance.unwrap();
    (balance.on_hand, balance.held)
}

#[test]
fn the_car_leaves_early_the_guest_a_day_early_and_what_is_left_is_told_until_it_is_given_back() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let id = stay(&client).await;
        let lines = vec![used("2", None, until(663)), used("3", Some(1), None)];
        let told = client.commit_reservation(part(&id, lines, false)).await.unwrap();
        let now = told.reservation.unwrap();
        assert_eq!((told.version, now.state()), (2, Confirmed));
        let of_bay = parts("2", &[(1, minutes(600, 663))]);
        assert_eq!(now.committed, [of_bay, parts("3", &[(1, None)])]);
        let left = [
            parts("1", &[(2, days(24, 27))]),
            parts("2", &[(1, minutes(663, 720))]),
            parts("3", &[(2, None)]),
        ];
        assert_eq!(now.left, left);
        assert_eq!(breakfasts(&client).await, (4, 2));
        assert!(!is_bay_free(&client, 673, 700).await, "the rest stays confirmed");

        let lines = vec![used("1", Some(1), until_day(26))];
        let told = client.commit_reservation(part(&id, lines, true)).await.unwrap();
        let now = told.reservation.unwrap();
        assert_eq!((now.state(), now.left), (Committed, vec![]));
        assert_eq!(now.committed[0], parts("1", &[(1, days(24, 26))]));
        assert_eq!(breakfasts(&client).await, (4, 0));
        assert!(!is_bay_free(&client, 672, 700).await, "the turnover follows what was used");
        assert!(is_bay_free(&client, 673, 700).await);
        let both = v1::ReservationLine { quantity: 2, ..nights_line("DOUBLE", 26, 27) };
        let wish = v1::CreateReservationRequest { lines: vec![both], ..hold(&[]) };
        client.create_reservation(wish).await.unwrap();
        let again = part(&id, vec![used("3", None, None)], false);
        assert_eq!(reason(client.commit_reservation(again).await), "INVALID_TRANSITION");
    });
}

#[test]
fn without_lines_all_that_is_left_is_committed_and_without_final_the_rest_is_given_back() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let id = stay(&client).await;
        let some = part(&id, vec![used("3", Some(1), None)], false);
        client.commit_reservation(some).await.unwrap();
        let told = client.commit_reservation(commit(&id)).await.unwrap().reservation.unwrap();
        assert_eq!((told.state(), told.left), (Committed, vec![]));
        let all = [
            parts("1", &[(2, days(24, 27))]),
            parts("2", &[(1, minutes(600, 720))]),
            parts("3", &[(3, None)]),
        ];
        assert_eq!(told.committed, all);
        assert_eq!(breakfasts(&client).await, (2, 0));

        let held = client.create_reservation(hold(&[("BREAKFAST", 2)])).await.unwrap();
        let id = held.reservation.unwrap().reservation_id;
        let some = v1::CommitReservationRequest { r#final: None, ..part(&id, vec![], true) };
        let some = v1::CommitReservationRequest { lines: vec![used("1", Some(1), None)], ..some };
        let told = client.commit_reservation(some).await.unwrap();
        assert_eq!((told.version, told.reservation.unwrap().state()), (3, Committed));
        assert_eq!(breakfasts(&client).await, (1, 0));
    });
}

#[test]
fn a_line_of_a_commit_that_can_not_be_meant_is_named_by_its_field() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let id = stay(&client).await;
        let fine = || used("3", Some(1), None);
        let cases = [
            (used("4", None, None), "line_id"),
            (used("3", None, until(630)), "end_time"),
            (used("3", None, until_day(25)), "check_out_date"),
            (used("2", None, until_day(25)), "check_out_date"),
            (used("1", None, until(630)), "end_time"),
            (used("2", None, until(600)), "end_time"),
            (used("2", None, until(721)), "end_time"),
            (used("1", None, until_day(24)), "check_out_date"),
            (used("1", None, until_day(28)), "check_out_date"),
            (used("1", Some(0), None), "quantity"),
            (used("1", Some(1 << 63), None), "quantity"),
            (used("", None, None), "line_id"),
            (fine(), "line_id"),
            (used("1", None, until_day(32)), "check_out_date"),
        ];
        for (line, field) in cases {
            let first = if line.end.is_some() { used("2", None, None) } else { fine() };
            let first = if line.line_id == "2" { fine() } else { first };
            let request = part(&id, vec![first, line.clone()], false);
            let refused = client.commit_reservation(request).await.unwrap_err();
            assert_eq!(refused.code, Code::InvalidArgument, "{line:?}: {refused}");
            let fields: Vec<_> = refused.fields.iter().map(|it| it.field.as_str()).collect();
            assert_eq!(fields, [format!("lines[1].{field}")], "{line:?}");
        }
        assert_eq!(breakfasts(&client).await, (5, 3), "nothing was used");
    });
}

#[test]
fn more_than_is_left_is_refused_with_what_is_left() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let id = stay(&client).await;
        let some = vec![used("1", Some(1), until_day(26)), used("3", Some(2), None)];
        client.commit_reservation(part(&id, some, false)).await.unwrap();
        let cases = [
            (used("3", Some(2), None), ("3", "2", "1")),
            (used("1", Some(2), until_day(26)), ("1", "2", "1")),
            (used("1", Some(3), None), ("1", "3", "2")),
        ];
        for (line, (line_id, requested, left)) in cases {
            let request = part(&id, vec![line], true);
            let refused = client.commit_reservation(request).await.unwrap_err();
            let expected = (Code::FailedPrecondition, "MORE_THAN_LEFT");
            assert_eq!((refused.code, refused.reason.as_str()), expected);
            let told = ["line_id", "requested", "left"].map(|key| refused.metadata[key].as_str());
            assert_eq!(told, [line_id, requested, left]);
        }
    });
}

#[test]
fn a_commit_of_a_part_takes_effect_once_and_an_order_keeps_its_reservation_to_itself() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let id = stay(&client).await;
        let request = part(&id, vec![used("3", Some(1), None)], false);
        let first = client.commit_reservation(request.clone()).await.unwrap();
        let again = client.commit_reservation(request.clone()).await.unwrap();
        assert_eq!((again.version, again.position), (first.version, first.position));
        assert_eq!(breakfasts(&client).await, (4, 2));
        let other = v1::CommitReservationRequest { r#final: Some(true), ..request };
        assert_eq!(reason(client.commit_reservation(other).await), "REQUEST_ID_REUSED");

        let ended = client.create_sales_order(order_to_its_end(&[("BREAKFAST", 1)])).await.unwrap();
        let own = ended.sales_order.unwrap().sales_order_id;
        let request = part(&own, vec![used("1", Some(1), None)], false);
        assert_eq!(reason(client.commit_reservation(request).await), "OWNED_BY_ORDER");
    });
}

#[test]
fn the_events_of_commits_tell_what_each_used_and_which_was_the_last() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let id = stay(&client).await;
        let commits = [
            part(&id, vec![used("1", Some(1), until_day(25))], false),
            part(&id, vec![used("1", Some(2), until_day(26))], false),
            commit(&id),
        ];
        for request in commits {
            client.commit_reservation(request).await.unwrap();
        }
        let stream = Some(reservation_stream(&id));
        let request = v1::ReadStreamRequest { stream, ..Default::default() };
        let told = client.read_stream(request).await.unwrap().events;
        let told: Vec<_> = told
            .into_iter()
            .filter_map(|event| match event.body {
                Some(Body::ReservationCommitted(committed)) => Some(committed),
                _ => None,
            })
            .collect();
        let of_room = |of_parts: &[(u64, Option<When>)]| vec![parts("1", of_parts)];
        assert_eq!(told[0].lines, of_room(&[(1, days(24, 25))]));
        assert_eq!(told[1].lines, of_room(&[(1, days(24, 26)), (1, days(25, 26))]));
        let rest = [
            parts("1", &[(2, days(26, 27))]),
            parts("2", &[(1, minutes(600, 720))]),
            parts("3", &[(3, None)]),
        ];
        assert_eq!(told[2].lines, rest);
        assert_eq!(
            told.iter().map(|event| event.r#final).collect::<Vec<_>>(),
            [false, false, true]
        );
    });
}
