//! Every reason that a client can meet, as it looks on the wire.

use std::collections::BTreeSet;

use futures::future::join_all;
use holdfast::client::Family;
use holdfast::proto::v1;
use tonic::Code;

use crate::requests::*;
use crate::server::{Server, eventually, reason};

#[test]
fn a_reservation_that_falls_short_names_every_line_and_when_that_was_decided() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 5)).await.unwrap();
        client.create_reservation(hold(&[("A", 2)])).await.unwrap();
        let mut wish = hold(&[("B", 7), ("A", 3), ("A", 1)]);
        wish.lines[0].line_id = "first".to_owned();
        let refused = client.create_reservation(wish).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::FailedPrecondition, "INSUFFICIENT_STOCK")
        );
        assert_eq!(refused.shortages_total, 2);
        let [unknown, second] = refused.shortages.as_slice() else { panic!("{refused}") };
        assert_eq!(
            (unknown.line_id.as_str(), unknown.requested, unknown.available),
            ("first", 7, 0)
        );
        assert_eq!(unknown.blocker, None);
        assert_eq!((second.line_id.as_str(), second.requested, second.available), ("3", 1, 0));
        let blocker = v1::StockBlocker { on_hand: 5, held: 2 };
        assert_eq!(second.blocker, Some(v1::shortage::Blocker::StockBlocker(blocker)));
        // Received, claimed, created: what was asked was decided after that, and wrote nothing on
        // the reservation.
        let decided: u64 = refused.metadata["position"].parse().unwrap();
        assert!(second.position >= 3 && second.position <= decided, "{refused}");
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        assert_eq!(balance.stock_balance.unwrap().held, 2);
    });
}

#[test]
fn a_correction_never_goes_below_what_is_held_nor_beyond_what_can_be_counted() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 5)).await.unwrap();
        client.create_reservation(hold(&[("A", 4)])).await.unwrap();
        let refused = client.adjust_stock(adjust("A", -2)).await.unwrap_err();
        assert_eq!(refused.reason, "INSUFFICIENT_STOCK");
        let [shortage] = refused.shortages.as_slice() else { panic!("{refused}") };
        assert_eq!((shortage.line_id.as_str(), shortage.requested, shortage.available), ("", 2, 1));
        client.adjust_stock(adjust("A", -1)).await.unwrap();

        let too_many = client.receive_stock(receive("A", i64::MAX as u64)).await.unwrap_err();
        assert_eq!(too_many.reason, "QUANTITY_OVERFLOW");
    });
}

#[test]
fn a_command_in_the_wrong_state_is_refused_with_the_state() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 5)).await.unwrap();
        let made = client.create_reservation(hold(&[("A", 1)])).await.unwrap();
        let id = made.reservation.unwrap().reservation_id;
        client.cancel_reservation(cancel(&id)).await.unwrap();
        let refused = client.confirm_reservation(confirm(&id)).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::FailedPrecondition, "INVALID_TRANSITION")
        );
        let varies = (refused.metadata["from"].as_str(), refused.metadata["command"].as_str());
        assert_eq!(varies, ("CANCELLED", "ConfirmReservation"));
        assert_eq!(reason(client.commit_reservation(commit(&id)).await), "INVALID_TRANSITION");
        assert_eq!(reason(client.extend_reservation(extend(&id, 60)).await), "INVALID_TRANSITION");
    });
}

#[test]
fn whoever_is_not_there_is_not_found() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let nobody = uuid(404);
        let claims = v1::ListClaimsRequest { stock: Some(stock("A")), ..Default::default() };
        let reasons = [
            reason(client.get_stock_balance(balance_of("A")).await),
            reason(client.adjust_stock(adjust("A", 1)).await),
            reason(client.list_claims(claims).await),
        ];
        assert_eq!(reasons, ["STOCK_BALANCE_NOT_FOUND"; 3]);
        let listed = client.list_stock_balances(Default::default()).await.unwrap();
        assert!(listed.stock_balances.is_empty(), "asking for a balance does not make it");
        let reasons = [
            reason(client.get_reservation(reservation_of(&nobody)).await),
            reason(client.confirm_reservation(confirm(&nobody)).await),
            reason(client.commit_reservation(commit(&nobody)).await),
            reason(client.cancel_reservation(cancel(&nobody)).await),
            reason(client.extend_reservation(extend(&nobody, 60)).await),
        ];
        assert_eq!(reasons, ["RESERVATION_NOT_FOUND"; 5]);
        let reasons = [
            reason(client.get_sales_order(order_of(&nobody)).await),
            reason(client.cancel_sales_order(cancel_order(&nobody)).await),
        ];
        assert_eq!(reasons, ["SALES_ORDER_NOT_FOUND"; 2]);
        for (stream, expected) in [
            (stock_stream("A"), "STOCK_BALANCE_NOT_FOUND"),
            (reservation_stream(&nobody), "RESERVATION_NOT_FOUND"),
            (order_stream(&nobody), "SALES_ORDER_NOT_FOUND"),
        ] {
            let request = v1::ReadStreamRequest { stream: Some(stream), ..Default::default() };
            let refused = client.read_stream(request).await.unwrap_err();
            assert_eq!((refused.code, refused.reason.as_str()), (Code::NotFound, expected));
        }
    });
}

#[test]
fn an_orders_own_reservation_takes_commands_from_nobody_else() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 5)).await.unwrap();
        let ended = client.create_sales_order(order_to_its_end(&[("A", 1)])).await.unwrap();
        let id = ended.sales_order.unwrap().sales_order_id;
        let refused = client.cancel_reservation(cancel(&id)).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::FailedPrecondition, "OWNED_BY_ORDER")
        );
        assert_eq!(refused.metadata["sales_order_id"], id);
        let reasons = [
            reason(client.confirm_reservation(confirm(&id)).await),
            reason(client.commit_reservation(commit(&id)).await),
            reason(client.extend_reservation(extend(&id, 60)).await),
        ];
        assert_eq!(reasons, ["OWNED_BY_ORDER"; 3]);
    });
}

#[test]
fn every_field_that_is_wrong_is_named_at_once() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let mut wish = hold_for(0, &[("A", 0), (" B", 1), ("C", 1)]);
        wish.request_id = "7".to_owned();
        wish.lines[2].resource = None;
        wish.customer = "x".repeat(257);
        let refused = client.create_reservation(wish).await.unwrap_err();
        assert_eq!((refused.code, refused.family()), (Code::InvalidArgument, Family::Invalid));
        assert_eq!(refused.reason, "INVALID_ARGUMENT");
        let fields: BTreeSet<_> = refused.fields.iter().map(|it| it.field.as_str()).collect();
        let expected = [
            "request_id",
            "lines[0].quantity",
            "lines[1].stock.sku",
            "lines[2].resource",
            "ttl",
            "customer",
        ];
        assert_eq!(fields, BTreeSet::from(expected));

        let mut prices = order(&[("A", 1), ("A", 1)]);
        prices.lines[0].unit_price = Some(eur(1, 500));
        prices.lines[1].unit_price.as_mut().unwrap().currency_code = "GBP".to_owned();
        let refused = client.create_sales_order(prices).await.unwrap_err();
        let fields: Vec<_> = refused.fields.iter().map(|it| it.field.as_str()).collect();
        assert!(fields.contains(&"lines[0].unit_price.nanos"), "{refused}");

        let far = client.create_reservation(hold_for(31 * 86_400, &[("A", 1)])).await.unwrap_err();
        assert_eq!(far.fields[0].field, "ttl");
        let much = hold(&vec![("A", 1); 1_001]);
        let much = client.create_reservation(much).await.unwrap_err();
        assert_eq!(much.fields[0].field, "lines");
    });
}

#[test]
fn a_request_id_of_the_last_day_is_not_forgotten_for_another() {
    let server = Server::with(|config| config.entities.resource_requests_remembered = 2);
    server.run(async {
        let client = server.client().await;
        let first = receive("A", 1);
        client.receive_stock(first.clone()).await.unwrap();
        client.receive_stock(receive("A", 1)).await.unwrap();
        let refused = client.receive_stock(receive("A", 1)).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::ResourceExhausted, "TOO_MANY_REQUESTS")
        );
        assert!(refused.retry_delay.is_some_and(|delay| delay.as_secs() > 23 * 3_600));
        assert_eq!(client.receive_stock(first).await.unwrap().version, 1);
        // Claims are no requests of the resource: they go on.
        client.create_reservation(hold(&[("A", 1)])).await.unwrap();
    });
}

#[test]
fn what_is_too_much_at_once_is_turned_away_and_not_executed() {
    let server = Server::with(|config| config.limits.commands_in_flight_max = 1);
    server.run(async {
        let client = server.client().await;
        let mut accepted = 0;
        let turned_away = loop {
            let sent = join_all((0..50).map(|_| client.receive_stock(receive("A", 1)))).await;
            accepted += sent.iter().filter(|answer| answer.is_ok()).count() as u64;
            if let Some(error) = sent.into_iter().find_map(Result::err) {
                break error;
            }
        };
        assert_eq!(
            (turned_away.code, turned_away.reason.as_str()),
            (Code::ResourceExhausted, "OVERLOADED")
        );
        assert_eq!(turned_away.family(), Family::TurnedAway);
        assert!(turned_away.retry_delay.is_some());
        let balance = eventually("the balance", || async {
            client.get_stock_balance(balance_of("A")).await.ok()
        })
        .await;
        assert_eq!(balance.stock_balance.unwrap().on_hand, accepted);
    });
}
