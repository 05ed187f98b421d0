//! Reservations that get other lines.

use holdfast::client::Client;
use holdfast::proto::v1;
use tonic::Code;
use v1::event::Body;
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

/// A room for three nights and two breakfasts.
async fn stay(client: &Client) -> String {
    let lines = vec![nights_line("DOUBLE", 24, 27), line("BREAKFAST", 2)];
    let wish = v1::CreateReservationRequest { lines, ..hold(&[]) };
    client.create_reservation(wish).await.unwrap().reservation.unwrap().reservation_id
}

/// A night later, one breakfast more, and a bay.
fn longer() -> Vec<v1::ReservationLine> {
    vec![nights_line("DOUBLE", 24, 28), line("BREAKFAST", 3), slots_line("BAY", 600, 720)]
}

async fn held(client: &Client) -> (u64, u64, u64) {
    let claims = async |id: &str| {
        client.get_calendar(calendar_of(id)).await.unwrap().calendar.unwrap().claims_count
    };
    let stock = client.get_stock_balance(balance_of("BREAKFAST")).await.unwrap();
    (claims("DOUBLE").await, claims("BAY").await, stock.stock_balance.unwrap().held)
}

fn resources(reservation: &v1::Reservation) -> Vec<Option<v1::reservation_line::Resource>> {
    reservation.lines.iter().map(|line| line.resource.clone()).collect()
}

#[test]
fn a_stay_is_changed_in_one_step_and_its_history_tells_how() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let id = stay(&client).await;
        let wish = change(&id, longer());
        let answer = client.change_reservation(wish.clone()).await.unwrap();
        let changed = answer.reservation.unwrap();
        assert_eq!((answer.version, changed.version), (3, 3));
        assert_eq!(changed.state(), v1::ReservationState::Held);
        let wanted: Vec<_> = longer().into_iter().map(|line| line.resource).collect();
        assert_eq!(resources(&changed), wanted);
        assert!(changed.change_lines.is_empty() && changed.expire_time.is_some());
        let got = client.get_reservation(reservation_of(&id)).await.unwrap().reservation.unwrap();
        assert_eq!(got, changed);
        assert_eq!(held(&client).await, (1, 1, 3));

        let stream = Some(reservation_stream(&id));
        let read = v1::ReadStreamRequest { stream, ..Default::default() };
        let history = client.read_stream(read).await.unwrap().events;
        let [_, started, ended] = &history[..] else { panic!("{history:?}") };
        assert!(
            matches!(&started.body, Some(Body::ReservationChangeStarted(it)) if it.lines.len() == 3)
        );
        assert!(matches!(&ended.body, Some(Body::ReservationChanged(it)) if it.lines.len() == 3));
        assert_eq!([&started.request_id, &ended.request_id], [&wish.request_id; 2]);

        // A cart goes on changing until it is checked out.
        let fewer =
            client.change_reservation(change(&id, vec![line("BREAKFAST", 1)])).await.unwrap();
        assert_eq!(fewer.version, 4);
        assert_eq!(held(&client).await, (0, 0, 1));
        client.commit_reservation(commit(&id)).await.unwrap();
        let late = client.change_reservation(change(&id, longer())).await.unwrap_err();
        assert_eq!(late.reason, "INVALID_TRANSITION");
        assert_eq!(late.metadata["command"], "ChangeReservation");
    });
}

#[test]
fn a_refused_change_names_every_line_and_keeps_everything_as_it_was() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let id = stay(&client).await;
        let lines = vec![slots_line("BAY", 600, 720)];
        let other = v1::CreateReservationRequest { lines, ..hold(&[]) };
        let other = client.create_reservation(other).await.unwrap().reservation.unwrap();
        let mut lines = longer();
        lines[1].quantity = 6;
        let wish = change(&id, lines);
        let refused = client.change_reservation(wish.clone()).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::FailedPrecondition, "INSUFFICIENT_STOCK")
        );
        let short: Vec<_> =
            refused.shortages.iter().map(|it| (&*it.line_id, it.available)).collect();
        assert_eq!(short, [("2", 5), ("3", 0)]);
        assert_eq!(held(&client).await, (1, 1, 2));
        let kept = client.get_reservation(reservation_of(&id)).await.unwrap().reservation.unwrap();
        assert_eq!((kept.lines.len(), kept.version), (2, 3));

        client.cancel_reservation(cancel(&other.reservation_id)).await.unwrap();
        client.receive_stock(receive("BREAKFAST", 1)).await.unwrap();
        client.change_reservation(wish).await.unwrap();
        assert_eq!(held(&client).await, (1, 1, 6));
    });
}

#[test]
fn what_is_only_validated_is_answered_in_full_and_leaves_nothing_behind() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let id = stay(&client).await;
        let before = client.get_reservation(reservation_of(&id)).await.unwrap();
        let wish = change(&id, longer());
        let tried = v1::ChangeReservationRequest { validate_only: true, ..wish.clone() };
        let foretold = client.change_reservation(tried.clone()).await.unwrap();
        let creation = v1::CreateReservationRequest { lines: longer(), ..hold(&[]) };
        let trial = v1::CreateReservationRequest { validate_only: true, ..creation.clone() };
        let foretold_creation = client.create_reservation(trial.clone()).await.unwrap();
        let after = client.get_reservation(reservation_of(&id)).await.unwrap();
        assert_eq!(after, before, "nothing was written, so the log is where it was");
        assert_eq!(held(&client).await, (1, 0, 2));

        let made = client.change_reservation(wish).await.unwrap();
        assert_eq!(foretold.version, made.version);
        let [foretold, made] = [foretold, made].map(|answer| answer.reservation.unwrap());
        assert_eq!((foretold.version, &foretold.lines), (made.version, &made.lines));
        let creation_foretold = foretold_creation.reservation.unwrap();
        assert_eq!((creation_foretold.version, creation_foretold.lines.len()), (1, 3));
        // By now breakfasts and the bay are taken, as a real creation would find.
        for wish in [trial, creation] {
            let refused = client.create_reservation(wish).await.unwrap_err();
            assert_eq!(
                (refused.reason.as_str(), refused.shortages.len()),
                ("INSUFFICIENT_STOCK", 2)
            );
        }
        // Sent again, it is answered as the real one was.
        assert_eq!(client.change_reservation(tried).await.unwrap().version, made.version);
    });
}

#[test]
fn changes_go_over_a_stream_of_commands_and_their_fields_are_bounded() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        furnish(&client).await;
        let id = stay(&client).await;
        let pipeline = client.pipeline();
        let wish = Command::ChangeReservation(change(&id, longer()));
        let Ok(Outcome::ChangeReservation(changed)) = pipeline.send(wish).await else { panic!() };
        assert_eq!(changed.version, 3);
        let twice = v1::ReservationLine { line_id: "a".to_owned(), ..line("A", 0) };
        for (lines, fields) in [
            (vec![], vec!["lines"]),
            (vec![line("A", 1); 1_001], vec!["lines"]),
            (
                vec![twice.clone(), twice],
                vec!["lines[0].quantity", "lines[1].line_id", "lines[1].quantity"],
            ),
        ] {
            let refused = client.change_reservation(change(&id, lines)).await.unwrap_err();
            assert_eq!(refused.code, Code::InvalidArgument);
            let found: Vec<_> = refused.fields.iter().map(|it| it.field.as_str()).collect();
            assert_eq!(found, fields);
        }
        let nobody = client.change_reservation(change(&uuid(9), longer())).await;
        assert_eq!(reason(nobody), "RESERVATION_NOT_FOUND");
    });
}
