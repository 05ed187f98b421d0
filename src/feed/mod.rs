//! Tells whoever asks what has become durable: from the log first, then as it happens.
//!
//! ```text
//!   writer ──tell──▶ Live ─┬─▶ ring of the latest batches ──▶ subscribers of many streams
//!                          └─▶ watches, found by stream ────▶ subscribers of one stream, watchers
//!
//!   a subscription:   FAR ──near the end──▶ NEAR ──gap read──▶ LIVE
//!                      ▲  reads the log      │  reads the log,  │  reads the ring or its inbox
//!                      │                     │  the rest gathers│
//!                      └─────────────────────┴───fell behind────┘
//! ```
//!
//! In reading order: `filter` (who wants what), `ring`, `watch` and `live` (what the writer
//! feeds), `catch_up` (slices of the log), `subscription` (joins both), `history` (one stream,
//! by walking back), `standing` (how far each is behind).
//!
//! Invariants: nothing is told that isn't durable, or that is another tenant's. A subscriber
//! gets each event that passes its filter once, in the log's order. A position that is told says
//! that everything up to it was told or didn't pass the filter. Memory is bounded however slowly
//! anybody reads, and while nobody follows, nothing is kept.
//!
//! Not here: the wire, and who may read what beyond the tenant.

mod catch_up;
mod filter;
mod history;
mod live;
mod ring;
mod standing;
mod subscription;
mod watch;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use catch_up::Reading;
pub use filter::{Filter, Start};
pub use history::{Direction, HistoryError, StreamEnd, Stretch, read_stream};
pub use live::LiveAudience;
pub use standing::{Class, Standings};
pub use subscription::{FeedError, Item, Subscription};
pub use watch::StreamWatcher;

use crate::domain::event::Event;
use crate::domain::ids::{EntityKey, Position};
use crate::domain::name::TenantId;
use crate::journal::LogReader;
use filter::Criteria;
use live::Shared;

/// How much the feed keeps, and how often it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most events that the ring keeps for those who follow many streams.
    pub ring_events_max: usize,
    /// The most events that wait for one subscriber of one stream.
    pub inbox_events_max: usize,
    /// The most events of the log that one slice of a catch-up looks at.
    pub slice_events_max: u64,
    /// A slice ends once the events that it found have so many bytes as stored.
    pub slice_bytes_max: usize,
    /// A checkpoint is told when so many positions have passed by.
    pub checkpoint_events: u64,
    /// A checkpoint is told when positions have passed by for so long.
    pub checkpoint_interval: Duration,
    /// A heartbeat is told after so much silence.
    pub heartbeat_interval: Duration,
    /// The most subscriptions at a time.
    pub subscriptions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ring_events_max: 65_536,
            inbox_events_max: 256,
            slice_events_max: 2_048,
            slice_bytes_max: 512 * 1024,
            checkpoint_events: 10_000,
            checkpoint_interval: Duration::from_secs(5),
            heartbeat_interval: Duration::from_secs(10),
            subscriptions_max: 1_024,
        }
    }
}

/// Why there is no subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// It would start after the log's end.
    #[error("position {position} is past the log's last, {last}; start at {last} or before")]
    OutOfRange {
        /// What was asked for.
        position: Position,
        /// The log's last position.
        last: Position,
    },
    /// There are as many subscriptions as there may be.
    #[error("there are {subscriptions_max} subscriptions already; try again when one has ended")]
    TooMany {
        /// As many as there may be.
        subscriptions_max: usize,
    },
    /// The feed has been closed.
    #[error("the feed is closed because the server stops; subscribe again after its restart")]
    Closed,
}

/// The durable events, for whoever wants to read or follow them.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

impl Feed {
    /// A feed of a log that ends at `last`; commits after that are told to its
    /// [audience](Feed::audience).
    pub fn new(
        reader: Arc<dyn LogReader>,
        last: Position,
        reading: Reading,
        limits: Limits,
    ) -> Self {
        Self { shared: Arc::new(Shared::new(reader, last, reading, limits)) }
    }

    /// What the writer tells of durable events. There must be one teller, in the log's order.
    pub fn audience(&self) -> LiveAudience {
        LiveAudience::new(self.shared.clone())
    }

    /// Follows the tenant's events that pass the filter.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub fn subscribe(
        &self,
        tenant: TenantId,
        start: Start,
        filter: Filter,
    ) -> Result<Subscription, SubscribeError> {
        Subscription::begin(&self.shared, start, Criteria::new(tenant, filter))
    }

    /// Watches one stream from now on, without being told its events.
    pub fn watch_stream(&self, key: EntityKey) -> StreamWatcher {
        StreamWatcher::register(&self.shared, key, watch::ANY)
    }

    /// Watches one sales order from now on for its end alone: for whoever waits for that, nothing
    /// else is worth waking up.
    pub fn watch_end(&self, order: EntityKey) -> StreamWatcher {
        StreamWatcher::register(&self.shared, order, watch::END)
    }

    /// Reads a stretch of one stream, in the order asked for.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn history(
        &self,
        end: StreamEnd,
        stretch: Stretch,
    ) -> Result<Vec<Event>, HistoryError> {
        let reader = self.shared.reader.clone();
        self.shared
            .reading
            .run(move || read_stream(&*reader, &end, stretch))
            .await
            .unwrap_or(Err(HistoryError::Stopping))
    }

    /// The last position that was told.
    pub fn last(&self) -> Position {
        self.shared.lock().last()
    }

    /// How far subscribers are behind.
    pub fn standings(&self) -> Standings {
        self.shared.lock().standings()
    }

    /// Ends every subscription and every watcher, now and for ever.
    pub fn close(&self) {
        self.shared.close();
    }
}
