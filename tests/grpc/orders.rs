//! Sales orders, which the server drives by itself.

use futures::TryStreamExt;
use holdfast::proto::v1;
use v1::SalesOrderState::{Completed, Rejected};

use crate::requests::*;
use crate::server::{Server, reason};

#[test]
fn an_order_is_completed_and_its_prices_are_kept_as_they_were() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10)).await.unwrap();
        let mut request = order_to_its_end(&[("A", 3), ("A", 1)]);
        request.customer = "Ada".to_owned();
        request.lines[1].unit_price = Some(eur(0, 5_000_000));
        let created = client.create_sales_order(request).await.unwrap();
        assert_eq!(created.version, 1);
        let order = created.sales_order.unwrap();
        assert_eq!((order.state(), order.ended), (Completed, true));
        assert_eq!(order.lines[1].unit_price, Some(eur(0, 5_000_000)));
        // 0.005 is rounded half to even.
        let totals: Vec<_> = order.lines.iter().map(|line| line.total.clone().unwrap()).collect();
        assert_eq!(totals, [eur(4, 500_000_000), eur(0, 0)]);
        assert_eq!(order.total, Some(eur(4, 500_000_000)));

        let got = client.get_sales_order(order_of(&order.sales_order_id)).await.unwrap();
        assert_eq!(got.sales_order, Some(order.clone()));
        let taken = client.get_reservation(reservation_of(&order.sales_order_id)).await.unwrap();
        let taken = taken.reservation.unwrap();
        assert_eq!(taken.state(), v1::ReservationState::Committed);
        assert_eq!(taken.sales_order_id, order.sales_order_id);
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        assert_eq!(balance.stock_balance.unwrap().on_hand, 6);

        let late = client.cancel_sales_order(cancel_order(&order.sales_order_id)).await;
        let late = late.unwrap_err();
        assert_eq!(late.reason, "INVALID_TRANSITION");
        let varies = (late.metadata["from"].as_str(), late.metadata["command"].as_str());
        assert_eq!(varies, ("COMPLETED", "CancelSalesOrder"));
    });
}

#[test]
fn an_order_that_falls_short_is_rejected_with_every_line_and_holds_nothing() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 2)).await.unwrap();
        let request = order_to_its_end(&[("A", 2), ("A", 1), ("B", 5)]);
        let order = client.create_sales_order(request).await.unwrap().sales_order.unwrap();
        assert_eq!((order.state(), order.ended), (Rejected, true));
        let rejection = order.rejection.unwrap();
        assert_eq!(rejection.reason, "INSUFFICIENT_STOCK");
        let short: Vec<_> = rejection
            .shortages
            .iter()
            .map(|it| (it.line_id.as_str(), it.requested, it.available))
            .collect();
        assert_eq!(short, [("2", 1, 0), ("3", 5, 0)]);
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        assert_eq!(balance.stock_balance.unwrap().available, 2);
        let none = client.get_reservation(reservation_of(&order.sales_order_id)).await;
        assert_eq!(reason(none), "RESERVATION_NOT_FOUND");
    });
}

#[test]
fn a_watcher_sees_an_order_to_its_end() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 5)).await.unwrap();
        let created = client.create_sales_order(order(&[("A", 2)])).await.unwrap();
        let id = created.sales_order.unwrap().sales_order_id;
        let watch = v1::WatchSalesOrderRequest { sales_order_id: id };
        let told = client.sales_orders().watch_sales_order(watch).await.unwrap().into_inner();
        let told: Vec<_> = told.try_collect().await.unwrap();
        let orders: Vec<_> = told.into_iter().map(|it| it.sales_order.unwrap()).collect();
        assert!(orders.is_sorted_by(|one, next| one.version < next.version), "{orders:?}");
        let (last, before) = orders.split_last().unwrap();
        assert_eq!((last.state(), last.ended), (Completed, true));
        assert!(before.iter().all(|order| !order.ended), "{before:?}");

        let nobody = v1::WatchSalesOrderRequest { sales_order_id: uuid(404) };
        let refused = match client.sales_orders().watch_sales_order(nobody).await {
            Err(status) => status,
            Ok(told) => told.into_inner().try_next().await.unwrap_err(),
        };
        assert_eq!(refused.code(), tonic::Code::NotFound);
    });
}

#[test]
fn an_order_that_is_cancelled_in_time_gives_everything_back_and_any_other_is_completed() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 200)).await.unwrap();
        let orders = (0..100u128).map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                let id = uuid(n);
                let request = v1::CreateSalesOrderRequest {
                    sales_order_id: id.clone(),
                    ..order(&[("A", 2)])
                };
                // Sent together: the cancelling races with the delivery.
                let (created, cancelled) = tokio::join!(
                    client.create_sales_order(request.clone()),
                    client.cancel_sales_order(cancel_order(&id))
                );
                created.unwrap();
                let waiting = v1::CreateSalesOrderRequest {
                    wait: v1::SalesOrderWait::Ended.into(),
                    ..request
                };
                let ended = client.create_sales_order(waiting).await.unwrap().sales_order.unwrap();
                (cancelled, ended.state())
            })
        });
        let mut completed = 0;
        for order in orders.collect::<Vec<_>>() {
            let (cancelled, state) = order.await.unwrap();
            match cancelled {
                Ok(_) => assert_eq!(state, v1::SalesOrderState::Cancelled),
                Err(error) => {
                    let too = ["INVALID_TRANSITION", "SALES_ORDER_NOT_FOUND"];
                    assert!(too.contains(&error.reason.as_str()), "{error}");
                    assert_eq!(state, Completed);
                    completed += 1;
                }
            }
        }
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        let balance = balance.stock_balance.unwrap();
        assert_eq!((balance.on_hand, balance.held), (200 - 2 * completed, 0));
    });
}
