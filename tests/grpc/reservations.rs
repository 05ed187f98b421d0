//! Reservations from their creation to each of their ends.

use holdfast::client::Client;
use holdfast::proto::v1;
use v1::ReservationState::{Cancelled, Committed, Confirmed, Expired, Held};

use crate::requests::*;
use crate::server::{Server, eventually};

async fn on_hand_and_held(client: &Client, sku: &str) -> (u64, u64) {
    let balance = client.get_stock_balance(balance_of(sku)).await.unwrap().stock_balance.unwrap();
    (balance.on_hand, balance.held)
}

#[test]
fn a_hold_is_extended_confirmed_and_committed() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        client.receive_stock(receive("B", 5)).await.unwrap();
        let request = v1::CreateReservationRequest {
            reservation_id: uuid(7),
            customer: "Ada".to_owned(),
            external_reference: "cart 3".to_owned(),
            attributes: [("channel".to_owned(), "web".to_owned())].into(),
            ..hold(&[("A", 2), ("B", 1)])
        };
        let created = client.create_reservation(request).await.unwrap();
        assert_eq!(created.version, 1);
        let held = created.reservation.unwrap();
        assert_eq!((held.state(), held.reservation_id.as_str()), (Held, uuid(7).as_str()));
        assert_eq!((held.customer.as_str(), held.external_reference.as_str()), ("Ada", "cart 3"));
        assert_eq!(held.attributes["channel"], "web");
        let ids: Vec<_> = held.lines.iter().map(|line| line.line_id.as_str()).collect();
        assert_eq!(ids, ["1", "2"]);
        assert_eq!(held.expire_time.unwrap().seconds, held.create_time.unwrap().seconds + 3_600);

        let extended = client.extend_reservation(extend(&uuid(7), 7_200)).await.unwrap();
        assert_eq!(extended.version, 2);
        let until = extended.reservation.unwrap().expire_time.unwrap();
        assert!(until.seconds >= held.expire_time.unwrap().seconds + 3_600);

        let lasting = client.confirm_reservation(confirm(&uuid(7))).await.unwrap();
        let reservation = lasting.reservation.unwrap();
        assert_eq!((lasting.version, reservation.state()), (3, Confirmed));
        assert_eq!(reservation.expire_time, None);

        let taken = client.commit_reservation(commit(&uuid(7))).await.unwrap();
        assert_eq!((taken.version, taken.reservation.unwrap().state()), (4, Committed));
        let got = client.get_reservation(reservation_of(&uuid(7))).await.unwrap();
        assert_eq!(got.reservation.unwrap().version, 4);
        assert_eq!(on_hand_and_held(&client, "A").await, (8, 0));
        assert_eq!(on_hand_and_held(&client, "B").await, (4, 0));
    });
}

#[test]
fn a_commit_confirms_a_hold_first() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        let held = client.create_reservation(hold(&[("A", 2)])).await.unwrap();
        let id = held.reservation.unwrap().reservation_id;
        let taken = client.commit_reservation(commit(&id)).await.unwrap();
        assert_eq!((taken.version, taken.reservation.unwrap().state()), (3, Committed));
    });
}

#[test]
fn a_cancelled_reservation_gives_everything_back() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        for request in [hold(&[("A", 10)]), confirmed(&[("A", 10)])] {
            let made = client.create_reservation(request).await.unwrap().reservation.unwrap();
            let ended = client.cancel_reservation(cancel(&made.reservation_id)).await.unwrap();
            let ended = ended.reservation.unwrap();
            assert_eq!(
                (ended.state(), ended.cancel_reason.as_str()),
                (Cancelled, "changed my mind")
            );
            assert_eq!(on_hand_and_held(&client, "A").await, (10, 0));
        }
    });
}

#[test]
fn a_hold_expires_by_itself_and_its_units_are_free() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 1)).await.unwrap();
        let held = client.create_reservation(hold_for(1, &[("A", 1)])).await.unwrap();
        let held = held.reservation.unwrap();
        let ended = eventually("the hold's end", || async {
            let got = client.get_reservation(reservation_of(&held.reservation_id)).await.unwrap();
            got.reservation.filter(|it| it.state() == Expired)
        })
        .await;
        assert_eq!(ended.expire_time, held.expire_time);
        eventually("its units", || async {
            client.create_reservation(hold(&[("A", 1)])).await.ok()
        })
        .await;
        let late = client.confirm_reservation(confirm(&held.reservation_id)).await.unwrap_err();
        assert_eq!(late.reason, "HOLD_EXPIRED");
        assert!(late.metadata.contains_key("expire_time"), "{late}");
    });
}

#[test]
fn of_many_who_want_the_last_units_each_unit_goes_to_one() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 20)).await.unwrap();
        client.receive_stock(receive("B", 20)).await.unwrap();
        let wishes = (0..64).map(|n| {
            let lines = if n % 2 == 0 { [("A", 1), ("B", 1)] } else { [("B", 1), ("A", 1)] };
            let client = client.clone();
            tokio::spawn(async move { client.create_reservation(confirmed(&lines)).await })
        });
        let mut granted = 0;
        for wish in wishes.collect::<Vec<_>>() {
            match wish.await.unwrap() {
                Ok(_) => granted += 1,
                Err(error) => assert_eq!(error.reason, "INSUFFICIENT_STOCK"),
            }
        }
        assert_eq!(granted, 20);
        assert_eq!(on_hand_and_held(&client, "A").await, (20, 20));
        assert_eq!(on_hand_and_held(&client, "B").await, (20, 20));
    });
}
