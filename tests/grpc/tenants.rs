//! Two tenants with identical ids, interleaved: neither sees the other.

use futures::TryStreamExt;
use holdfast::client::Client;
use holdfast::proto::v1;
use v1::subscribe_request::Start;
use v1::subscribe_response::Content;

use crate::requests::*;
use crate::server::{Server, reason};

/// What one tenant can see.
async fn seen(client: &Client, last: u64) -> (Vec<v1::Event>, Vec<v1::StockBalance>, usize) {
    let start = Some(Start::From(v1::SubscribeFrom::Beginning.into()));
    let request = v1::SubscribeRequest { start, ..Default::default() };
    let mut feed = client.events().subscribe(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(message) = feed.try_next().await.unwrap() {
        match message.content.unwrap() {
            Content::Event(event) => events.push(event),
            Content::CaughtUp(caught_up) if caught_up.position >= last => break,
            _ => {}
        }
    }
    let balances = client.list_stock_balances(Default::default()).await.unwrap().stock_balances;
    let open = client.list_reservations(Default::default()).await.unwrap().reservations;
    (events, balances, open.len())
}

#[test]
fn tenants_with_the_same_ids_live_side_by_side() {
    let server = Server::start();
    server.run(async {
        let (red, blue) = (server.client_of("red").await, server.client_of("blue").await);
        // The same request ids with other contents: in one tenant that would be refused.
        for (n, sku) in ["A", "B"].into_iter().enumerate() {
            let receipt =
                v1::ReceiveStockRequest { request_id: uuid(n as u128), ..receive(sku, 5) };
            let red_receipt = red.receive_stock(receipt.clone()).await.unwrap();
            let receipt = v1::ReceiveStockRequest { quantity: 7, ..receipt };
            let blue_receipt = blue.receive_stock(receipt).await.unwrap();
            assert_eq!((red_receipt.version, blue_receipt.version), (1, 1));
        }
        let wish = v1::CreateReservationRequest { request_id: uuid(10), ..hold(&[("A", 5)]) };
        let red_hold = red.create_reservation(wish.clone()).await.unwrap().reservation.unwrap();
        let blue_hold = blue.create_reservation(wish).await.unwrap().reservation.unwrap();
        assert_ne!(red_hold.reservation_id, blue_hold.reservation_id, "derived with the tenant");

        let named = v1::CreateReservationRequest { reservation_id: uuid(20), ..hold(&[("B", 1)]) };
        red.create_reservation(named.clone()).await.unwrap();
        let other = v1::CreateReservationRequest { lines: vec![line("B", 3)], ..named };
        blue.create_reservation(other).await.unwrap();
        red.cancel_reservation(cancel(&uuid(20))).await.unwrap();
        let placed = v1::CreateSalesOrderRequest {
            sales_order_id: uuid(30),
            ..order_to_its_end(&[("A", 1)])
        };
        let rejected = red.create_sales_order(placed.clone()).await.unwrap().sales_order.unwrap();
        assert_eq!(rejected.state(), v1::SalesOrderState::Rejected);
        assert_eq!(rejected.rejection.unwrap().shortages[0].available, 0);
        let completed = blue.create_sales_order(placed).await.unwrap().sales_order.unwrap();
        assert_eq!(completed.state(), v1::SalesOrderState::Completed);

        // Not even that it exists is told.
        let blues = reservation_of(&blue_hold.reservation_id);
        assert_eq!(reason(red.get_reservation(blues).await), "RESERVATION_NOT_FOUND");
        let stream = Some(reservation_stream(&blue_hold.reservation_id));
        let history = v1::ReadStreamRequest { stream, ..Default::default() };
        assert_eq!(reason(red.read_stream(history).await), "RESERVATION_NOT_FOUND");
        let kept = blue.get_reservation(reservation_of(&uuid(20))).await.unwrap();
        assert_eq!(kept.reservation.unwrap().state(), v1::ReservationState::Held);
        let refused = red.create_reservation(hold(&[("A", 1)])).await.unwrap_err();
        let blocker = v1::StockBlocker { on_hand: 5, held: 5 };
        let blocked = refused.shortages[0].blocker;
        assert_eq!(blocked, Some(v1::shortage::Blocker::StockBlocker(blocker)));

        let last = red.get_statistics(Default::default()).await.unwrap().durable_position;
        let (red_events, red_balances, red_open) = seen(&red, last).await;
        let (blue_events, blue_balances, blue_open) = seen(&blue, last).await;
        assert_eq!((red_open, blue_open), (1, 2));
        let figures = |mut balances: Vec<v1::StockBalance>| {
            balances.sort_by_key(|it| it.stock.clone().unwrap().sku);
            balances.iter().map(|it| (it.on_hand, it.held)).collect::<Vec<_>>()
        };
        assert_eq!(figures(red_balances), [(5, 5), (5, 0)]);
        assert_eq!(figures(blue_balances), [(6, 5), (7, 3)]);
        let mut positions: Vec<_> =
            red_events.iter().chain(&blue_events).map(|event| event.position).collect();
        positions.sort_unstable();
        assert_eq!(positions, (1..=last).collect::<Vec<_>>(), "each event is one tenant's");
        let nobody = server.client().await;
        assert_eq!(seen(&nobody, last).await, (Vec::new(), Vec::new(), 0));
    });
}
