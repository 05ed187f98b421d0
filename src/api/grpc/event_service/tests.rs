//! The service as a client meets it, without the network.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic::metadata::MetadataValue;
use tonic_types::StatusExt;

use super::*;
use crate::actors::delivery::Shown;
use crate::clock::ManualClock;
use crate::domain::ids::{EntityKey, Position};
use crate::domain::time::Timestamp;
use crate::domain::view::View;
use crate::feed::tests::world::{SMALL, World, large, order, reservation, stock};
use crate::feed::{Limits, Reading};
use crate::proto::v1::{entity_id, subscribe_request};

const TENANT_KEY: &str = "x-tenant-id";
const PAGE_BYTES_MAX: usize = 4 << 20;

/// Where each stream of a world ends.
struct Ends(HashMap<EntityKey, StreamEnd>);

impl Look for Ends {
    async fn look(&self, key: &EntityKey) -> Result<Shown, Failure> {
        let missing = Failure::NotFound(key.kind(), Position(7));
        let end = self.0.get(key).ok_or(missing)?;
        Ok(Shown { version: end.version, position: end.position, view: View::Nothing })
    }
}

fn service(world: &World, known: &[EntityKey]) -> EventApi<Ends> {
    let ends = known.iter().map(|key| (key.clone(), world.end_of(key)));
    let clock = Arc::new(ManualClock::at(Timestamp(5_000)));
    EventApi {
        entities: Ends(ends.collect()),
        feed: world.feed.clone(),
        shower: Shower { log_id: Uuid::from_u128(1), clock },
        answer_bytes_max: PAGE_BYTES_MAX,
    }
}

fn as_tenant<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(tenant).unwrap();
    request.metadata_mut().insert(TENANT_KEY, value);
    request
}

fn named(key: &EntityKey) -> Option<v1::EntityId> {
    Some(convert::entity_id(&key.id))
}

fn from_beginning() -> v1::SubscribeRequest {
    let start = subscribe_request::Start::From(v1::SubscribeFrom::Beginning as i32);
    v1::SubscribeRequest { start: Some(start), ..Default::default() }
}

type Messages = ReceiverStream<Result<v1::SubscribeResponse, Status>>;

async fn next(messages: &mut Messages) -> Content {
    messages.next().await.unwrap().unwrap().content.unwrap()
}

fn reason_of(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// The fields that are said to be wrong.
fn fields_of(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument);
    let told = status.get_details_bad_request().unwrap().field_violations;
    told.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tenant_subscribes_to_its_own_events_alone() {
    let mut world = World::new(SMALL, Reading::Inline);
    world.tell(&[stock("east", "A"), stock("west", "A"), stock("default", "A")]).await;
    let service = service(&world, &[]);
    for (tenant, position) in [(Some("east"), 1), (Some("west"), 2), (None, 3)] {
        let request = match tenant {
            Some(tenant) => as_tenant(tenant, from_beginning()),
            None => Request::new(from_beginning()),
        };
        let mut messages = service.subscribe(request).await.unwrap().into_inner();
        assert!(matches!(next(&mut messages).await, Content::Confirmed(_)));
        let Content::Event(event) = next(&mut messages).await else { panic!("no event") };
        assert_eq!(event.position, position);
        assert_eq!(next(&mut messages).await, Content::CaughtUp(v1::CaughtUp { position: 3 }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_filters_beats_and_ends_with_the_server() {
    let mut world = World::new(SMALL, Reading::Inline);
    let orders = v1::SubscribeRequest {
        kinds: vec![v1::EntityKind::SalesOrder as i32],
        event_types: vec![v1::EventType::SalesOrderDelivered as i32],
        ..Default::default()
    };
    let service = service(&world, &[]);
    let mut messages = service.subscribe(as_tenant("east", orders)).await.unwrap().into_inner();
    assert!(matches!(next(&mut messages).await, Content::Confirmed(_)));
    assert!(matches!(next(&mut messages).await, Content::CaughtUp(_)));
    world.tell(&[stock("east", "A"), order("east", 1), order("east", 1)]).await;
    let Content::Event(event) = next(&mut messages).await else { panic!("no event") };
    assert_eq!(event.position, 3);
    let time = Some(convert::timestamp(Timestamp(5_000)));
    let heartbeat = Content::Heartbeat(v1::Heartbeat { position: 3, time });
    assert_eq!(next(&mut messages).await, heartbeat);
    world.feed.close();
    let status = messages.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::Unavailable, "STOPPING"));
    assert!(status.get_details_retry_info().is_some());
    assert!(messages.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_its_subscription() {
    let world = World::new(Limits { subscriptions_max: 1, ..SMALL }, Reading::Inline);
    let service = service(&world, &[]);
    let subscribe = || service.subscribe(as_tenant("east", from_beginning()));
    let mut first = subscribe().await.unwrap().into_inner();
    while !matches!(next(&mut first).await, Content::CaughtUp(_)) {}
    let status = subscribe().await.map(|_| ()).unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason_of(&status), "OVERLOADED");
    assert!(status.get_details_retry_info().is_some());
    drop(first);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(subscribe().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_past_the_end_is_out_of_range() {
    let mut world = World::new(SMALL, Reading::Inline);
    world.tell(&[stock("east", "A")]).await;
    let start = Some(subscribe_request::Start::AfterPosition(2));
    let request = v1::SubscribeRequest { start, ..Default::default() };
    let answer = service(&world, &[]).subscribe(as_tenant("east", request)).await;
    let status = answer.map(|_| ()).unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "POSITION_OUT_OF_RANGE");
    assert_eq!((info.metadata["position"].as_str(), info.metadata["last"].as_str()), ("2", "1"));
}

#[tokio::test(start_paused = true)]
async fn a_field_that_cant_be_read_is_named() {
    let world = World::new(SMALL, Reading::Inline);
    let service = service(&world, &[]);
    let empty = v1::SubscribeRequest::default;
    let sku = |sku: &str| {
        let stock = v1::StockResource { sku: sku.into(), ..Default::default() };
        Some(v1::EntityId { id: Some(entity_id::Id::StockBalance(stock)) })
    };
    let from = Some(subscribe_request::Start::From(7));
    for (request, field) in [
        (v1::SubscribeRequest { start: from, ..empty() }, "from"),
        (v1::SubscribeRequest { kinds: vec![1, 0], ..empty() }, "kinds[1]"),
        (v1::SubscribeRequest { kinds: vec![1; 101], ..empty() }, "kinds"),
        (v1::SubscribeRequest { event_types: vec![99], ..empty() }, "event_types[0]"),
        (v1::SubscribeRequest { stream: Some(Default::default()), ..empty() }, "stream"),
        (v1::SubscribeRequest { stream: sku(""), ..empty() }, "stream.stock_balance.sku"),
    ] {
        let status = service.subscribe(as_tenant("east", request)).await.map(|_| ()).unwrap_err();
        assert_eq!(fields_of(&status), [field]);
    }
    let status = service.subscribe(as_tenant("no way", empty())).await.map(|_| ()).unwrap_err();
    assert_eq!(fields_of(&status), [TENANT_KEY]);
    let status = service.read_stream(Request::new(Default::default())).await.unwrap_err();
    assert_eq!(fields_of(&status), ["stream"]);
}

#[tokio::test(start_paused = true)]
async fn all_fields_that_cant_be_read_are_named_at_once() {
    let world = World::new(SMALL, Reading::Inline);
    let service = service(&world, &[]);
    let stream =
        |id: &str| Some(v1::EntityId { id: Some(entity_id::Id::ReservationId(id.to_owned())) });
    let request = v1::SubscribeRequest {
        start: Some(subscribe_request::Start::From(7)),
        kinds: vec![0, 1, 9],
        stream: stream("0190d5c47a1e7c3b9a523f0e6d8b1c47"),
        event_types: vec![0],
    };
    let status = service.subscribe(as_tenant("no way", request)).await.map(|_| ()).unwrap_err();
    let wrong =
        [TENANT_KEY, "from", "kinds[0]", "kinds[2]", "stream.reservation_id", "event_types[0]"];
    assert_eq!(fields_of(&status), wrong);
    let request = v1::ReadStreamRequest { stream: stream(""), direction: 9, ..Default::default() };
    let status = service.read_stream(as_tenant("no way", request)).await.unwrap_err();
    assert_eq!(fields_of(&status), [TENANT_KEY, "stream.reservation_id", "direction"]);
}

/// Reads page after page; tells the events' versions, and each page's length.
async fn pages(
    service: &EventApi<Ends>,
    key: &EntityKey,
    mut request: v1::ReadStreamRequest,
) -> (Vec<u64>, Vec<usize>) {
    request.stream = named(key);
    let (mut versions, mut lengths) = (Vec::new(), Vec::new());
    loop {
        let asked = as_tenant(key.tenant.as_str(), request.clone());
        let page = service.read_stream(asked).await.unwrap().into_inner();
        assert!(page.encoded_len() <= PAGE_BYTES_MAX, "{} bytes", page.encoded_len());
        assert!(page.events.iter().all(|event| event.stream == request.stream));
        versions.extend(page.events.iter().map(|event| event.version));
        lengths.push(page.events.len());
        if page.next_page_token.is_empty() {
            return (versions, lengths);
        }
        request.page_token = page.next_page_token;
    }
}

fn read(direction: v1::ReadDirection, from_version: u64, page_size: u32) -> v1::ReadStreamRequest {
    v1::ReadStreamRequest {
        direction: direction as i32,
        from_version,
        page_size,
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_is_read_in_pages_both_ways() {
    use v1::ReadDirection::{Backwards, Forwards, Unspecified};
    let mut world = World::new(SMALL, Reading::Inline);
    let (key, other) = (order("east", 1), order("west", 1));
    for _ in 0..21 {
        world.tell(&[vec![key.clone(); 60], vec![other.clone(); 7]].concat()).await;
    }
    let service = service(&world, &[key.clone(), other.clone()]);
    let up: Vec<u64> = (1..=1_260).collect();
    let down: Vec<u64> = (1..=1_260).rev().collect();

    let (versions, lengths) = pages(&service, &key, read(Unspecified, 0, 0)).await;
    assert_eq!((versions, &lengths[..2], lengths.len()), (up.clone(), &[50, 50][..], 26));
    let (versions, lengths) = pages(&service, &key, read(Forwards, 2, 4_000_000_000)).await;
    assert_eq!((versions, lengths), (up[1..].to_vec(), vec![1_000, 259]));
    let (versions, lengths) = pages(&service, &key, read(Backwards, 0, 1_000)).await;
    assert_eq!((versions, lengths), (down.clone(), vec![1_000, 260]));
    let (versions, _) = pages(&service, &key, read(Backwards, 700, 33)).await;
    assert_eq!(versions, down[560..]);
    let (versions, _) = pages(&service, &key, read(Backwards, 9_999, 700)).await;
    assert_eq!(versions, down);
    let (versions, _) = pages(&service, &key, read(Forwards, 9_999, 700)).await;
    assert!(versions.is_empty());
    let (versions, _) = pages(&service, &other, read(Forwards, 0, 0)).await;
    assert_eq!(versions, up[..147]);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_large_events_ends_early() {
    let mut world = World::new(SMALL, Reading::Inline);
    let key = large("east");
    for _ in 0..30 {
        world.tell(std::slice::from_ref(&key)).await;
    }
    let service = service(&world, std::slice::from_ref(&key));
    let mut request = read(v1::ReadDirection::Forwards, 0, 1_000);
    request.stream = named(&key);
    let page = service.read_stream(as_tenant("east", request)).await.unwrap().into_inner();
    assert!(!page.next_page_token.is_empty());
    let bytes = page.encoded_len();
    assert!((PAGE_BYTES_MAX - 300_000..=PAGE_BYTES_MAX).contains(&bytes), "{bytes} bytes");

    let up: Vec<u64> = (1..=30).collect();
    for direction in [v1::ReadDirection::Forwards, v1::ReadDirection::Backwards] {
        let (mut versions, lengths) = pages(&service, &key, read(direction, 0, 1_000)).await;
        versions.sort_unstable();
        assert_eq!(versions, up);
        assert!(lengths.len() > 1, "{lengths:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_of_nobody_or_of_another_tenant_is_not_found() {
    let mut world = World::new(SMALL, Reading::Inline);
    let keys = [stock("east", "A"), reservation("east", 1), order("east", 1)];
    world.tell(&keys).await;
    let service = service(&world, &keys);
    let reasons = ["STOCK_BALANCE_NOT_FOUND", "RESERVATION_NOT_FOUND", "SALES_ORDER_NOT_FOUND"];
    for (key, reason) in keys.iter().zip(reasons) {
        let request = || v1::ReadStreamRequest { stream: named(key), ..Default::default() };
        assert!(service.read_stream(as_tenant("east", request())).await.is_ok());
        let status = service.read_stream(as_tenant("west", request())).await.unwrap_err();
        assert_eq!((status.code(), reason_of(&status).as_str()), (Code::NotFound, reason));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_serves_its_own_stream_and_direction_alone() {
    let mut world = World::new(SMALL, Reading::Inline);
    let (key, other) = (order("east", 1), order("east", 2));
    world.tell(&[key.clone(), key.clone(), other.clone(), other.clone()]).await;
    let service = service(&world, &[key.clone(), other.clone()]);
    let ask = |key: &EntityKey, direction, token: &str| {
        let mut request = read(direction, 0, 1);
        request.stream = named(key);
        request.page_token = token.into();
        service.read_stream(as_tenant("east", request))
    };
    use v1::ReadDirection::{Backwards, Forwards};
    let token = ask(&key, Forwards, "").await.unwrap().into_inner().next_page_token;
    assert!(ask(&key, Forwards, &token).await.is_ok());
    for (key, direction, token) in [
        (&other, Forwards, token.as_str()),
        (&key, Backwards, token.as_str()),
        (&key, Forwards, "2"),
        (&key, Forwards, "rubbish-0000000000000000"),
    ] {
        let status = ask(key, direction, token).await.unwrap_err();
        assert_eq!(fields_of(&status), ["page_token"]);
    }
}
