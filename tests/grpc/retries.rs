//! The same command again, and commands that are meant for a version.

use std::collections::BTreeSet;

use holdfast::proto::v1;

use crate::requests::*;
use crate::server::{Server, reason};

/// Sends a command, something else, and the command again: the answers must agree.
macro_rules! twice {
    ($client:ident.$method:ident($request:expr)) => {{
        let request = $request;
        let first = $client.$method(request.clone()).await.unwrap();
        $client.receive_stock(receive("A", 1)).await.unwrap();
        let again = $client.$method(request.clone()).await.unwrap();
        assert_eq!((again.version, again.position), (first.version, first.position));
        (request, first)
    }};
}

#[test]
fn a_command_that_is_sent_again_answers_with_the_same_version_and_position() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let (_, received) = twice!(client.receive_stock(receive("A", 10)));
        assert_eq!(received.version, 1);
        twice!(client.adjust_stock(adjust("A", -1)));
        let (_, made) = twice!(client.create_reservation(hold(&[("A", 1)])));
        let id = made.reservation.unwrap().reservation_id;
        let (extending, _) = twice!(client.extend_reservation(extend(&id, 7_200)));
        twice!(client.change_reservation(change(&id, vec![line("A", 2)])));
        twice!(client.confirm_reservation(confirm(&id)));
        twice!(client.commit_reservation(commit(&id)));
        // Long after, and whatever has become of it since.
        let extended = client.extend_reservation(extending).await.unwrap();
        assert_eq!(extended.version, 2);
        assert_eq!(extended.reservation.unwrap().state(), v1::ReservationState::Committed);
        let (_, made) = twice!(client.create_reservation(hold(&[("A", 1)])));
        twice!(client.cancel_reservation(cancel(&made.reservation.unwrap().reservation_id)));
        let (_, placed) = twice!(client.create_sales_order(order_to_its_end(&[("A", 1)])));
        assert_eq!(placed.version, 1);

        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        let balance = balance.stock_balance.unwrap();
        // 10 - 1, ten receipts between, two units committed, one ordered.
        assert_eq!((balance.on_hand, balance.held), (16, 0));
    });
}

#[test]
fn a_command_that_is_sent_many_times_at_once_takes_effect_once() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        let (receipt, wish) = (receive("A", 5), hold(&[("A", 3), ("A", 1)]));
        let sent = (0..32).map(|_| {
            let (client, receipt, wish) = (client.clone(), receipt.clone(), wish.clone());
            tokio::spawn(async move {
                let received = client.receive_stock(receipt).await.unwrap();
                let made = client.create_reservation(wish).await.unwrap();
                (received.version, received.position, made.version, made.position)
            })
        });
        let mut answers = BTreeSet::new();
        for one in sent.collect::<Vec<_>>() {
            answers.insert(one.await.unwrap());
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        let balance = balance.stock_balance.unwrap();
        assert_eq!((balance.on_hand, balance.held), (15, 4));
    });
}

#[test]
fn a_refused_command_is_decided_anew() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let wish = hold(&[("A", 1)]);
        let refused = client.create_reservation(wish.clone()).await;
        assert_eq!(reason(refused), "INSUFFICIENT_STOCK");
        client.receive_stock(receive("A", 1)).await.unwrap();
        client.create_reservation(wish).await.unwrap();
    });
}

#[test]
fn an_equal_creation_under_a_new_request_id_finds_what_is_there_and_another_is_refused() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        let named = |lines| v1::CreateReservationRequest { reservation_id: uuid(1), ..hold(lines) };
        let made = client.create_reservation(named(&[("A", 1)])).await.unwrap();
        let found = client.create_reservation(named(&[("A", 1)])).await.unwrap();
        assert_eq!((found.version, found.position), (made.version, made.position));
        let other = client.create_reservation(named(&[("A", 2)])).await;
        assert_eq!(reason(other), "REQUEST_ID_REUSED");

        let receipt = receive("A", 5);
        client.receive_stock(receipt.clone()).await.unwrap();
        let other = v1::ReceiveStockRequest { quantity: 6, ..receipt };
        let other = client.receive_stock(other).await.unwrap_err();
        assert_eq!(
            (other.code, other.reason.as_str()),
            (tonic::Code::AlreadyExists, "REQUEST_ID_REUSED")
        );
    });
}

#[test]
fn a_command_meant_for_another_version_is_refused_with_the_current_one() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let first = v1::ReceiveStockRequest { expected_version: Some(0), ..receive("A", 10) };
        client.receive_stock(first.clone()).await.unwrap();
        let late = v1::ReceiveStockRequest { expected_version: Some(0), ..receive("A", 10) };
        let conflict = client.receive_stock(late).await.unwrap_err();
        assert_eq!(
            (conflict.code, conflict.reason.as_str()),
            (tonic::Code::Aborted, "VERSION_CONFLICT")
        );
        let varies =
            (conflict.metadata["expected"].as_str(), conflict.metadata["current"].as_str());
        assert_eq!(varies, ("0", "1"));
        assert_eq!(conflict.metadata["position"], "1");
        // The request id is looked at before the version.
        client.receive_stock(first).await.unwrap();
    });
}
