//! Following the log, and reading one entity's history.

use futures::TryStreamExt;
use holdfast::client::Client;
use holdfast::proto::v1;
use tonic::{Code, Streaming};
use v1::subscribe_request::Start;
use v1::subscribe_response::Content;

use crate::requests::*;
use crate::server::Server;

/// Whether an event should pass a filter.
type Passes<'a> = &'a dyn Fn(&v1::Event) -> bool;

fn after(position: u64) -> v1::SubscribeRequest {
    v1::SubscribeRequest { start: Some(Start::AfterPosition(position)), ..Default::default() }
}

fn beginning() -> v1::SubscribeRequest {
    let start = Some(Start::From(v1::SubscribeFrom::Beginning.into()));
    v1::SubscribeRequest { start, ..Default::default() }
}

async fn subscribe(
    client: &Client,
    request: v1::SubscribeRequest,
) -> Streaming<v1::SubscribeResponse> {
    let mut feed = client.events().subscribe(request).await.unwrap().into_inner();
    let first = feed.try_next().await.unwrap().unwrap().content.unwrap();
    assert!(matches!(first, Content::Confirmed(_)), "{first:?}");
    feed
}

/// The next events up to one at a position, in order.
async fn up_to(feed: &mut Streaming<v1::SubscribeResponse>, position: u64) -> Vec<v1::Event> {
    let mut events = Vec::new();
    while let Some(message) = feed.try_next().await.unwrap() {
        if let Some(Content::Event(event)) = message.content {
            let is_last = event.position >= position;
            events.push(event);
            if is_last {
                return events;
            }
        }
    }
    panic!("the feed ended before position {position}")
}

/// Two receipts, a hold that is confirmed, and an order that is completed; the last position.
async fn some_history(client: &Client) -> u64 {
    client.receive_stock(receive("A", 10)).await.unwrap();
    client.receive_stock(receive("B", 10)).await.unwrap();
    let made = client.create_reservation(hold(&[("A", 1), ("B", 1)])).await.unwrap();
    let id = made.reservation.unwrap().reservation_id;
    client.confirm_reservation(confirm(&id)).await.unwrap();
    client.create_sales_order(order_to_its_end(&[("A", 2)])).await.unwrap();
    client.get_statistics(Default::default()).await.unwrap().durable_position
}

#[test]
fn a_subscriber_gets_everything_once_in_order_and_goes_on_live() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let last = some_history(&client).await;
        let mut feed = subscribe(&client, beginning()).await;
        let told = up_to(&mut feed, last).await;
        let positions: Vec<_> = told.iter().map(|event| event.position).collect();
        assert_eq!(positions, (1..=last).collect::<Vec<_>>());
        let first = &told[0];
        assert_eq!((first.principal.as_str(), first.version), ("anonymous", 1));
        assert!(first.source.starts_with("test/1"), "{}", first.source);
        assert_eq!((&first.correlation_id, first.causation_id.as_str()), (&first.request_id, ""));

        let mut caught_up = false;
        let receipt = receive("A", 1);
        let sending = client.receive_stock(receipt.clone());
        let (live, received) = tokio::join!(
            async {
                loop {
                    match feed.try_next().await.unwrap().unwrap().content.unwrap() {
                        Content::Event(event) => break event,
                        Content::CaughtUp(_) => caught_up = true,
                        _ => {}
                    }
                }
            },
            sending
        );
        assert!(caught_up, "a subscriber is told when it has everything");
        assert_eq!(live.position, received.unwrap().position);
        assert_eq!(live.request_id, receipt.request_id);

        // Whoever comes back gets the rest, with the same ids.
        let again = up_to(&mut subscribe(&client, after(5)).await, last).await;
        assert_eq!(again, told[5..]);
    });
}

#[test]
fn filters_run_on_the_server() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let last = some_history(&client).await;
        let all = up_to(&mut subscribe(&client, beginning()).await, last).await;
        let of_stock = |event: &v1::Event| {
            matches!(&event.stream.as_ref().unwrap().id, Some(v1::entity_id::Id::StockBalance(_)))
        };
        let is_claim =
            |event: &v1::Event| matches!(event.body, Some(v1::event::Body::ClaimMade(_)));
        let kinds = vec![v1::EntityKind::StockBalance.into()];
        let event_types = vec![v1::EventType::ClaimMade.into()];
        let cases: [(v1::SubscribeRequest, Passes<'_>); 4] = [
            (v1::SubscribeRequest { kinds: kinds.clone(), ..beginning() }, &of_stock),
            (v1::SubscribeRequest { event_types: event_types.clone(), ..beginning() }, &is_claim),
            (v1::SubscribeRequest { stream: Some(stock_stream("B")), ..beginning() }, &|event| {
                event.stream == Some(stock_stream("B"))
            }),
            (
                v1::SubscribeRequest {
                    kinds,
                    event_types,
                    stream: Some(stock_stream("A")),
                    ..beginning()
                },
                &|event| is_claim(event) && event.stream == Some(stock_stream("A")),
            ),
        ];
        for (request, passes) in cases {
            let expected: Vec<_> = all.iter().filter(|event| passes(event)).cloned().collect();
            let end = expected.last().unwrap().position;
            let told = up_to(&mut subscribe(&client, request.clone()).await, end).await;
            assert_eq!(told, expected, "{request:?}");
        }
    });
}

#[test]
fn a_position_that_the_log_does_not_reach_is_out_of_range() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 1)).await.unwrap();
        let refused = client.events().subscribe(after(2)).await.unwrap_err();
        let refused = holdfast::client::CallError::from(refused);
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::OutOfRange, "POSITION_OUT_OF_RANGE")
        );
        let varies = (refused.metadata["position"].as_str(), refused.metadata["last"].as_str());
        assert_eq!(varies, ("2", "1"));
    });
}

/// A whole history, page by page.
async fn history(client: &Client, request: v1::ReadStreamRequest) -> (Vec<v1::Event>, usize) {
    let (mut events, mut pages, mut page_token) = (Vec::new(), 0, String::new());
    loop {
        let request = v1::ReadStreamRequest { page_token, ..request.clone() };
        let page = client.read_stream(request).await.unwrap();
        events.extend(page.events);
        pages += 1;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return (events, pages);
        }
    }
}

#[test]
fn a_history_is_read_in_pages_forwards_and_backwards_from_any_version() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let mut positions = Vec::new();
        for n in 0..600 {
            positions.push(client.receive_stock(receive("A", 1 + n)).await.unwrap().position);
            if n % 100 == 0 {
                client.receive_stock(receive("B", 1)).await.unwrap();
            }
        }
        let request =
            |direction: v1::ReadDirection, from_version, page_size| v1::ReadStreamRequest {
                stream: Some(stock_stream("A")),
                direction: direction.into(),
                from_version,
                page_size,
                page_token: String::new(),
            };
        use v1::ReadDirection::{Backwards, Forwards};
        let (forwards, pages) = history(&client, request(Forwards, 0, 70)).await;
        assert_eq!(pages, 9);
        assert_eq!(forwards.iter().map(|event| event.position).collect::<Vec<_>>(), positions);
        let versions: Vec<_> = forwards.iter().map(|event| event.version).collect();
        assert_eq!(versions, (1..=600).collect::<Vec<_>>());
        let (mut backwards, pages) = history(&client, request(Backwards, 0, 0)).await;
        assert_eq!(pages, 12);
        backwards.reverse();
        assert_eq!(backwards, forwards);
        assert_eq!(history(&client, request(Forwards, 590, 1_000)).await.0, forwards[589..]);
        let (tail, _) = history(&client, request(Backwards, 3, 2)).await;
        assert_eq!(tail.iter().map(|event| event.version).collect::<Vec<_>>(), [3, 2, 1]);
        assert!(history(&client, request(Forwards, 601, 0)).await.0.is_empty());
    });
}
