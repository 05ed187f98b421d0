//! Stock balances, and what an operator asks.

use holdfast::proto::v1;

use crate::requests::*;
use crate::server::Server;

#[test]
fn a_balance_counts_what_comes_in_and_what_is_corrected() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let received = client.receive_stock(receive("A b", 10)).await.unwrap();
        assert_eq!((received.version, received.position), (1, 1));
        let balance = received.stock_balance.unwrap();
        assert_eq!((balance.on_hand, balance.held, balance.available), (10, 0, 10));

        let adjusted = client.adjust_stock(adjust("A b", -3)).await.unwrap();
        assert_eq!((adjusted.version, adjusted.position), (2, 2));
        let counted = v1::AdjustStockRequest {
            adjustment: Some(v1::adjust_stock_request::Adjustment::CountedOnHand(8)),
            expected_version: Some(2),
            ..adjust("A b", 1)
        };
        assert_eq!(client.adjust_stock(counted).await.unwrap().version, 3);

        let got = client.get_stock_balance(balance_of("A b")).await.unwrap();
        assert_eq!(got.position, 3);
        let balance = got.stock_balance.unwrap();
        assert_eq!((balance.on_hand, balance.available, balance.version), (8, 8, 3));
        assert!(balance.update_time.is_some());

        let elsewhere = v1::StockResource { location: "Köln 2".to_owned(), ..stock("A b") };
        let there = v1::ReceiveStockRequest { stock: Some(elsewhere.clone()), ..receive("A b", 1) };
        client.receive_stock(there).await.unwrap();
        let listed = client.list_stock_balances(Default::default()).await.unwrap();
        let mut names: Vec<_> =
            listed.stock_balances.into_iter().map(|it| (it.stock.unwrap(), it.on_hand)).collect();
        names.sort_by(|(one, _), (other, _)| one.location.cmp(&other.location));
        assert_eq!(names, [(stock("A b"), 8), (elsewhere, 1)]);
        assert_eq!(listed.next_page_token, "");
    });
}

#[test]
fn claims_say_who_holds_what_until_when() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        let held = client.create_reservation(hold(&[("A", 2), ("A", 1)])).await.unwrap();
        let held = held.reservation.unwrap();
        let lasting = client.create_reservation(confirmed(&[("A", 4)])).await.unwrap();
        let lasting = lasting.reservation.unwrap();

        let request = v1::ListClaimsRequest { stock: Some(stock("A")), ..Default::default() };
        let mut claims = client.list_claims(request).await.unwrap().claims;
        claims.sort_by_key(|claim| claim.held);
        let claimed: Vec<_> =
            claims.iter().map(|it| (it.reservation_id.as_str(), it.held, it.expire_time)).collect();
        let expected = [
            (held.reservation_id.as_str(), 3, held.expire_time),
            (lasting.reservation_id.as_str(), 4, None),
        ];
        assert_eq!(claimed, expected);
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        let balance = balance.stock_balance.unwrap();
        assert_eq!((balance.on_hand, balance.held, balance.available), (10, 7, 3));
    });
}

#[test]
fn an_operator_takes_a_snapshot_and_sees_how_the_server_is_doing() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        client.create_reservation(hold(&[("A", 2)])).await.unwrap();
        client.create_sales_order(order_to_its_end(&[("A", 3)])).await.unwrap();

        let taken = client.take_snapshot(v1::TakeSnapshotRequest {}).await.unwrap();
        let taken = taken.snapshot.unwrap();
        assert!(taken.size_bytes > 0 && taken.barrier_position >= taken.position);
        let file = format!("snapshots/{:020}.snap", taken.position);
        assert!(server.data_dir().join(&file).exists(), "{file}");

        let request = v1::GetStatisticsRequest { include_digest: true };
        let told = client.get_statistics(request).await.unwrap();
        assert_eq!(told.last_snapshot, Some(taken));
        assert_eq!(told.assigned_position, told.durable_position);
        let digest = told.digest.unwrap();
        assert_eq!((digest.position, digest.sha256.len()), (told.durable_position, 64));
        assert_eq!((told.commands_in_flight, told.archived_entities), (0, 0));
        assert_eq!(told.server_version, env!("CARGO_PKG_VERSION"));
        let mut counts: Vec<_> = told
            .entities
            .iter()
            .map(|it| (it.kind(), it.state.as_str(), it.active + it.passive))
            .collect();
        counts.sort();
        let expected = [
            (v1::EntityKind::StockBalance, "", 1),
            (v1::EntityKind::Reservation, "COMMITTED", 1),
            (v1::EntityKind::Reservation, "HELD", 1),
            (v1::EntityKind::SalesOrder, "COMPLETED", 1),
        ];
        assert_eq!(counts, expected);

        let accepted = client.admin().accept_clock(v1::AcceptClockRequest {}).await.unwrap();
        assert!(accepted.into_inner().time.unwrap().seconds >= told.start_time.unwrap().seconds);
    });
}
