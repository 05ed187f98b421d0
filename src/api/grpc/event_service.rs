//! `EventService`: following the log, and one entity's history.
//!
//! A subscription is driven by a task of its own, behind a bounded queue: a client that reads
//! slowly holds up its own subscription and nothing else, and one that goes away ends it.
//!
//! Not here: what is told when. That is the feed's.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::errors::Failure;
use super::gateway::{self, Gateway};
use super::stream_watch::Look;
use super::validate::events::History;
use super::{convert, event_view, page};
use crate::api::admission::TurnedAway;
use crate::clock::Clock;
use crate::domain::ids::Version;
use crate::feed::{
    Direction, Feed, FeedError, HistoryError, Item, StreamEnd, Stretch, SubscribeError,
    Subscription,
};
use crate::proto::v1;
use crate::proto::v1::event_service_server::EventService;
use crate::proto::v1::subscribe_response::Content;

/// How many messages of one subscription wait for its client.
const QUEUE_MESSAGES_MAX: usize = 32;

/// The service.
pub(super) struct EventApi<L> {
    /// Where each stream ends, its entity knows.
    entities: L,
    feed: Feed,
    shower: Shower,
    answer_bytes_max: usize,
}

impl EventApi<Gateway> {
    /// The service, whose answers are at most this large.
    pub(super) fn new(gateway: Gateway, feed: Feed, answer_bytes_max: usize) -> Self {
        let engine = gateway.engine();
        let shower = Shower { log_id: engine.log_id(), clock: engine.clock().clone() };
        Self { entities: gateway, feed, shower, answer_bytes_max }
    }
}

impl<L: Look> EventApi<L> {
    async fn read(&self, asked: History) -> Result<v1::ReadStreamResponse, Failure> {
        let History { key, direction, from, size, scope } = asked;
        let shown = self.entities.look(&key).await?;
        let end = StreamEnd { key, version: shown.version, position: shown.position };
        let stretch = Stretch { from, direction, count: size, bytes_max: self.answer_bytes_max };
        let found = self.feed.history(end, stretch).await?;
        let events = found.iter().map(|event| event_view::event(event, self.shower.log_id));
        let events = page::fitting(events, self.answer_bytes_max);
        let last = events.last().map(|event| Version(event.version));
        let last = last.filter(|last| has_more(*last, direction, shown.version));
        let next_page_token = last.map(|last| scope.token(&last)).unwrap_or_default();
        Ok(v1::ReadStreamResponse { events, next_page_token })
    }
}

#[tonic::async_trait]
impl<L: Look> EventService for EventApi<L> {
    type SubscribeStream = ReceiverStream<Result<v1::SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let (tenant, (start, filter)) =
            gateway::ask(request, |fields, _, asked| fields.subscription(&asked))?;
        let subscription = self.feed.subscribe(tenant, start, filter).map_err(Failure::from)?;
        let (queue, messages) = mpsc::channel(QUEUE_MESSAGES_MAX);
        tokio::spawn(pass_on(subscription, queue, self.shower.clone()));
        Ok(Response::new(ReceiverStream::new(messages)))
    }

    async fn read_stream(
        &self,
        request: Request<v1::ReadStreamRequest>,
    ) -> Result<Response<v1::ReadStreamResponse>, Status> {
        let (_, asked) =
            gateway::ask(request, |fields, tenant, asked| fields.history(tenant, &asked))?;
        Ok(Response::new(self.read(asked).await?))
    }
}

/// Whether a history that was read so far goes on.
fn has_more(last: Version, direction: Direction, end: Version) -> bool {
    match direction {
        Direction::Forwards => last < end,
        Direction::Backwards => last > Version(1),
    }
}

/// Passes a subscription on until the client goes or the feed ends.
async fn pass_on(
    mut subscription: Subscription,
    queue: mpsc::Sender<Result<v1::SubscribeResponse, Status>>,
    shower: Shower,
) {
    loop {
        let next = tokio::select! {
            biased;
            () = queue.closed() => return,
            next = subscription.next() => next,
        };
        let message =
            next.map(|item| shower.message(item)).map_err(|error| Failure::from(error).into());
        let is_last = message.is_err();
        if queue.send(message).await.is_err() || is_last {
            return;
        }
    }
}

/// Shows what the feed tells, as of this log and at this time.
#[derive(Clone)]
struct Shower {
    log_id: Uuid,
    clock: Arc<dyn Clock>,
}

impl Shower {
    fn message(&self, item: Item) -> v1::SubscribeResponse {
        let position = item.position().0;
        let content = match item {
            Item::Confirmed(_) => Content::Confirmed(v1::SubscriptionConfirmed { position }),
            Item::Event(event) => Content::Event(event_view::event(&event, self.log_id)),
            Item::Checkpoint(_) => Content::Checkpoint(v1::Checkpoint { position }),
            Item::CaughtUp(_) => Content::CaughtUp(v1::CaughtUp { position }),
            Item::FellBehind(_) => Content::FellBehind(v1::FellBehind { position }),
            Item::Heartbeat(_) => {
                let time = Some(convert::timestamp(self.clock.now()));
                Content::Heartbeat(v1::Heartbeat { position, time })
            }
        };
        v1::SubscribeResponse { content: Some(content) }
    }
}

impl From<SubscribeError> for Failure {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::OutOfRange { position, last } => {
                Self::PositionOutOfRange { position, last }
            }
            SubscribeError::TooMany { subscriptions_max } => {
                Self::TooManySubscriptions(subscriptions_max)
            }
            SubscribeError::Closed => TurnedAway::Stopping.into(),
        }
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Closed => TurnedAway::Stopping.into(),
            error => unreadable(&error),
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Stopping => TurnedAway::Stopping.into(),
            error => unreadable(&error),
        }
    }
}

/// The details are for the operator: they go to the server's own log.
fn unreadable(error: &dyn std::error::Error) -> Failure {
    tracing::error!(%error, "events can't be read from the log");
    Failure::LogUnreadable
}

#[cfg(test)]
mod tests;
