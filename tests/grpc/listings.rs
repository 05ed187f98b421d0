//! Lists that are longer than a page.

use std::collections::BTreeSet;

use futures::StreamExt;
use holdfast::client::Client;
use holdfast::proto::v1;

use crate::requests::*;
use crate::server::{Server, reason};

/// Sends many commands, some of them at once.
async fn all<T>(sent: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures::stream::iter(sent).buffered(64).collect().await
}

async fn reservations(
    client: &Client,
    request: v1::ListReservationsRequest,
) -> (Vec<v1::Reservation>, usize) {
    let (mut found, mut pages, mut page_token) = (Vec::new(), 0, String::new());
    loop {
        let request = v1::ListReservationsRequest { page_token, ..request.clone() };
        let page = client.list_reservations(request).await.unwrap();
        found.extend(page.reservations);
        pages += 1;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return (found, pages);
        }
    }
}

#[test]
fn every_balance_is_listed_once_over_many_pages() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let skus: BTreeSet<_> = (0..1_205).map(|n| format!("sku {n}")).collect();
        for answer in all(skus.iter().map(|sku| client.receive_stock(receive(sku, 1)))).await {
            answer.unwrap();
        }
        for (page_size, expected_pages) in [(0, 25), (500, 3), (u32::MAX, 2)] {
            let (mut found, mut pages, mut page_token) = (Vec::new(), 0, String::new());
            loop {
                let request = v1::ListStockBalancesRequest { page_size, page_token };
                let page = client.list_stock_balances(request).await.unwrap();
                found.extend(page.stock_balances.into_iter().map(|it| it.stock.unwrap().sku));
                pages += 1;
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            assert_eq!((pages, found.len()), (expected_pages, skus.len()));
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), skus);
        }
        let page = client.list_stock_balances(Default::default()).await.unwrap();
        let elsewhere = v1::ListClaimsRequest {
            stock: Some(stock("sku 1")),
            page_token: page.next_page_token,
            page_size: 0,
        };
        let refused = client.list_claims(elsewhere).await.unwrap_err();
        assert_eq!(refused.fields[0].field, "page_token");
    });
}

#[test]
fn open_reservations_are_listed_by_state_and_age_and_finished_ones_are_not() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10_000)).await.unwrap();
        let made = all((0..300).map(|n| {
            let wish = if n % 3 == 0 { confirmed(&[("A", 1)]) } else { hold(&[("A", 1)]) };
            client.create_reservation(wish)
        }))
        .await;
        let made: Vec<_> = made.into_iter().map(|it| it.unwrap().reservation.unwrap()).collect();
        let ids = |some: &[v1::Reservation]| -> BTreeSet<String> {
            some.iter().map(|it| it.reservation_id.clone()).collect()
        };
        let held: Vec<_> =
            made.iter().filter(|it| it.state() == v1::ReservationState::Held).cloned().collect();
        for it in &made[..30] {
            client.cancel_reservation(cancel(&it.reservation_id)).await.unwrap();
        }
        let gone = ids(&made[..30]);

        let request = v1::ListReservationsRequest { page_size: 100, ..Default::default() };
        let (open, pages) = reservations(&client, request.clone()).await;
        assert_eq!((open.len(), pages), (270, 3));
        assert_eq!(ids(&open), &ids(&made) - &gone);
        let states = vec![v1::ReservationState::Held.into()];
        let only_held = v1::ListReservationsRequest { states, ..request.clone() };
        let (found, _) = reservations(&client, only_held).await;
        assert_eq!(ids(&found), &ids(&held) - &gone);

        // What is older than a moment and what is not are all there are.
        let middle = made[150].create_time;
        let older = v1::ListReservationsRequest { created_before: middle, ..request.clone() };
        let younger = v1::ListReservationsRequest { created_from: middle, ..request.clone() };
        let (older, younger) =
            (reservations(&client, older).await.0, reservations(&client, younger).await.0);
        let time = |it: &v1::Reservation| it.create_time.map(|time| (time.seconds, time.nanos));
        let middle = middle.map(|time| (time.seconds, time.nanos));
        assert!(older.iter().all(|it| time(it) < middle));
        assert!(younger.iter().all(|it| time(it) >= middle));
        assert_eq!(older.len() + younger.len(), 270);

        let states = vec![v1::ReservationState::Expired.into()];
        let refused =
            client.list_reservations(v1::ListReservationsRequest { states, ..request }).await;
        assert_eq!(reason(refused), "INVALID_ARGUMENT");
    });
}

#[test]
fn every_claim_on_a_hot_resource_is_listed_once() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 10_000)).await.unwrap();
        let made = all((0..130).map(|_| client.create_reservation(hold(&[("A", 1)])))).await;
        let ids: BTreeSet<_> =
            made.into_iter().map(|it| it.unwrap().reservation.unwrap().reservation_id).collect();
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request =
                v1::ListClaimsRequest { stock: Some(stock("A")), page_size: 50, page_token };
            let page = client.list_claims(request).await.unwrap();
            found.extend(page.claims.into_iter().map(|claim| claim.reservation_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<_>>()), (130, ids));
    });
}
