//! Events over the wire: following the log, and one entity's history.
//!
//! A subscription is driven by a task of its own, behind a bounded queue: a client that reads
//! slowly holds up its own subscription and nothing else, and one that goes away ends it.
//!
//! Not here: what is told when. That is the feed's.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use uuid::Uuid;

use super::event_request::{self, InvalidField, PageRequest};
use super::event_view;
use crate::domain::event::Event;
use crate::domain::ids::{EntityKey, EntityKind, Position, Version};
use crate::domain::name::TenantId;
use crate::domain::time::Timestamp;
use crate::feed::{
    Direction, Feed, FeedError, HistoryError, Item, StreamEnd, Stretch, SubscribeError,
    Subscription,
};
use crate::proto::v1::{self, event_service_server, subscribe_response::Content};

/// How many messages of one subscription wait for its client.
const QUEUE_MESSAGES_MAX: usize = 32;
/// The largest page of a history, encoded: 4 MiB, as the largest message.
const PAGE_BYTES_MAX: usize = 4 << 20;
/// What a page has besides its events: the token.
const PAGE_TOKEN_BYTES_MAX: usize = 64;
/// What an event in a page has besides itself: a tag and a length.
const PAGE_EVENT_FRAME_BYTES_MAX: usize = 6;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Knows where each entity's stream ends.
pub trait LastOf: Send + Sync + 'static {
    /// The version and position of an entity's last event, told once that event is durable;
    /// nothing where there is no such entity.
    fn last(&self, key: EntityKey) -> impl Future<Output = Option<(Version, Position)>> + Send;
}

/// What time it is.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// See the proto file.
pub struct EventService<L> {
    feed: Feed,
    last_of: L,
    log_id: Uuid,
    now: Now,
}

impl<L: LastOf> EventService<L> {
    /// The events of the log with this id, by its feed.
    pub fn new(feed: Feed, last_of: L, log_id: Uuid, now: Now) -> Self {
        Self { feed, last_of, log_id, now }
    }

    /// Reads a page, within its bound of bytes. An entity whose history is read has events.
    async fn read_page(
        &self,
        page: PageRequest,
        (version, position): (Version, Position),
    ) -> Result<v1::ReadStreamResponse, Status> {
        let PageRequest { key, direction, from, size } = page;
        let end = StreamEnd { key: key.clone(), version, position };
        let stretch = Stretch { from, direction, count: size, bytes_max: PAGE_BYTES_MAX };
        let read = self.feed.history(end, stretch).await.map_err(of_history)?;
        let events = fit(&read, self.log_id);
        let last = events.len().checked_sub(1).and_then(|index| read.get(index));
        let next = next_version(last, direction, version);
        let next_page_token =
            next.map(|next| event_request::token(next, &key, direction)).unwrap_or_default();
        Ok(v1::ReadStreamResponse { events, next_page_token })
    }
}

#[tonic::async_trait]
impl<L: LastOf> event_service_server::EventService for EventService<L> {
    type SubscribeStream = ReceiverStream<Result<v1::SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let tenant = tenant(request.metadata())?;
        let request = request.get_ref();
        let start = event_request::start(request).map_err(of_field)?;
        let filter = event_request::filter(request).map_err(of_field)?;
        let subscription = self.feed.subscribe(tenant, start, filter).map_err(of_subscribe)?;
        let (queue, messages) = mpsc::channel(QUEUE_MESSAGES_MAX);
        tokio::spawn(pass_on(subscription, queue, self.log_id, self.now.clone()));
        Ok(Response::new(ReceiverStream::new(messages)))
    }

    async fn read_stream(
        &self,
        request: Request<v1::ReadStreamRequest>,
    ) -> Result<Response<v1::ReadStreamResponse>, Status> {
        let tenant = tenant(request.metadata())?;
        let page = event_request::page(request.get_ref(), tenant).map_err(of_field)?;
        let kind = page.key.kind();
        let last = self.last_of.last(page.key.clone()).await.ok_or_else(|| not_found(kind))?;
        self.read_page(page, last).await.map(Response::new)
    }
}

/// Passes a subscription on until the client goes or the feed ends.
async fn pass_on(
    mut subscription: Subscription,
    queue: mpsc::Sender<Result<v1::SubscribeResponse, Status>>,
    log_id: Uuid,
    now: Now,
) {
    loop {
        let next = tokio::select! {
            biased;
            () = queue.closed() => return,
            next = subscription.next() => next,
        };
        let message = match next {
            Ok(item) => Ok(response(item, log_id, &now)),
            Err(error) => Err(of_feed(error)),
        };
        let is_last = message.is_err();
        if queue.send(message).await.is_err() || is_last {
            return;
        }
    }
}

fn response(item: Item, log_id: Uuid, now: &Now) -> v1::SubscribeResponse {
    let position = item.position().0;
    let content = match item {
        Item::Confirmed(_) => Content::Confirmed(v1::SubscriptionConfirmed { position }),
        Item::Event(event) => Content::Event(event_view::event(&event, log_id)),
        Item::Checkpoint(_) => Content::Checkpoint(v1::Checkpoint { position }),
        Item::CaughtUp(_) => Content::CaughtUp(v1::CaughtUp { position }),
        Item::FellBehind(_) => Content::FellBehind(v1::FellBehind { position }),
        Item::Heartbeat(_) => {
            let time = Some(event_view::timestamp(now()));
            Content::Heartbeat(v1::Heartbeat { position, time })
        }
    };
    v1::SubscribeResponse { content: Some(content) }
}

/// As many of the events as a page may hold; one at least.
fn fit(events: &[Event], log_id: Uuid) -> Vec<v1::Event> {
    let mut page = Vec::new();
    let mut bytes = PAGE_TOKEN_BYTES_MAX;
    for event in events {
        let shown = event_view::event(event, log_id);
        bytes += shown.encoded_len() + PAGE_EVENT_FRAME_BYTES_MAX;
        if bytes > PAGE_BYTES_MAX && !page.is_empty() {
            break;
        }
        page.push(shown);
    }
    page
}

/// The version with which the next page begins, where there is one.
fn next_version(last: Option<&Event>, direction: Direction, end: Version) -> Option<Version> {
    let version = last?.version;
    match direction {
        Direction::Forwards => (version < end).then(|| version.next()),
        Direction::Backwards => (version > Version(1)).then(|| Version(version.0 - 1)),
    }
}

const DOMAIN: &str = "holdfast";
const TENANT_KEY: &str = "x-tenant-id";

fn tenant(metadata: &MetadataMap) -> Result<TenantId, Status> {
    let Some(value) = metadata.get(TENANT_KEY) else { return Ok(TenantId::default_tenant()) };
    let refused = |problem| of_field(InvalidField { field: TENANT_KEY.into(), problem });
    let text = value.to_str().map_err(|_| refused("must be ASCII".into()))?;
    TenantId::new(text).map_err(|error| refused(error.to_string()))
}

fn of_field(error: InvalidField) -> Status {
    let InvalidField { field, problem } = error;
    let message = format!("{field}: {problem}");
    let mut details = reason("INVALID_ARGUMENT", []);
    details.add_bad_request_violation(field, problem);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn not_found(kind: EntityKind) -> Status {
    let name = match kind {
        EntityKind::StockBalance => "STOCK_BALANCE_NOT_FOUND",
        EntityKind::Reservation => "RESERVATION_NOT_FOUND",
        EntityKind::SalesOrder => "SALES_ORDER_NOT_FOUND",
    };
    let message = format!("there is no such {}", kind.name());
    Status::with_error_details(Code::NotFound, message, reason(name, []))
}

fn of_subscribe(error: SubscribeError) -> Status {
    let message = error.to_string();
    match error {
        SubscribeError::OutOfRange { position, last } => {
            let varies = [("position", position.to_string()), ("last", last.to_string())];
            let details = reason("POSITION_OUT_OF_RANGE", varies);
            Status::with_error_details(Code::OutOfRange, message, details)
        }
        SubscribeError::TooMany { .. } => {
            let mut details = reason("OVERLOADED", []);
            details.set_retry_info(Some(RETRY_AFTER));
            Status::with_error_details(Code::ResourceExhausted, message, details)
        }
        SubscribeError::Closed => stopping(message),
    }
}

fn of_feed(error: FeedError) -> Status {
    match error {
        FeedError::Closed => stopping(error.to_string()),
        error => unreadable(&error),
    }
}

fn of_history(error: HistoryError) -> Status {
    match error {
        HistoryError::Stopping => stopping(error.to_string()),
        error => unreadable(&error),
    }
}

fn stopping(message: String) -> Status {
    let mut details = reason("STOPPING", []);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// What is wrong names files and other tenants' entities, so it is for the operator alone.
fn unreadable(error: &dyn std::error::Error) -> Status {
    tracing::error!(%error, "events can't be read from the log");
    let message = "the log can't be read there; tell the operator, who finds the cause in the logs";
    Status::with_error_details(Code::DataLoss, message, reason("LOG_UNREADABLE", []))
}

fn reason<const N: usize>(name: &str, varies: [(&str, String); N]) -> ErrorDetails {
    let varies: HashMap<String, String> =
        varies.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    ErrorDetails::with_error_info(name, DOMAIN, varies)
}

#[cfg(test)]
mod tests;
