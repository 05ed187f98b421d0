//! One who follows the log: from where it stands to the present, and on.
//!
//! ```text
//!  log    ────────────────────────────────┤ last
//!           at ──slice──▶ ──slice──▶      │
//!  FAR      reads slices, until one reaches the log's end
//!  NEAR                        line ├─────┼──────▶ gathers from `until` on
//!           reads on to `until`, so nothing lies between
//!  LIVE                             what came over the line, less what was read
//! ```
//!
//! Invariants: `at` only grows; everything up to it that matches was told. An event is told
//! only if it lies after `at`, so that none is told twice.
//!
//! Not here: threads. Where a slice is read is the feed's choice, and what a slice holds is kept
//! only for as long as it is being told.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::SubscribeError;
use super::catch_up::{Slice, read_slice};
use super::filter::{Criteria, Start};
use super::live::{Fetched, Line, Place, Shared};
use super::standing::Standing;
use crate::codec::CodecError;
use crate::domain::event::Event;
use crate::domain::ids::Position;
use crate::journal::StoreError;

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// The subscription stands; events after this position will be told. Always the first.
    Confirmed(Position),
    /// An event that passes the filter.
    Event(Arc<Event>),
    /// Everything up to here that passes the filter was told.
    Checkpoint(Position),
    /// What was already there is told; from here on events come as they happen.
    CaughtUp(Position),
    /// Events come from the log again, until the next [`Item::CaughtUp`], because the subscriber
    /// was too slow. Nothing is lost.
    FellBehind(Position),
    /// Nothing happened for a while; everything up to here was told.
    Heartbeat(Position),
}

impl Item {
    /// The position up to which the subscriber now has everything.
    pub fn position(&self) -> Position {
        match self {
            Self::Event(event) => event.position,
            Self::Confirmed(position)
            | Self::Checkpoint(position)
            | Self::CaughtUp(position)
            | Self::FellBehind(position)
            | Self::Heartbeat(position) => *position,
        }
    }
}

/// Why a subscription ended.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The feed has been closed.
    #[error("the feed was closed because the server stops; subscribe again after its restart")]
    Closed,
    /// The log couldn't be read.
    #[error("can't read the log for a subscriber: {0}")]
    Log(#[from] StoreError),
    /// An event of the log couldn't be decoded.
    #[error("the event at position {position} {source}; restore the data folder from a backup")]
    Event {
        /// Where it stands.
        position: Position,
        /// In what way.
        source: CodecError,
    },
    /// The log has no event where it says that it has.
    #[error("the log has no event at position {position}; restore the data folder from a backup")]
    Missing {
        /// Where there is none.
        position: Position,
    },
}

/// Events from one position on, as the filter lets them pass.
pub struct Subscription {
    shared: Arc<Shared>,
    criteria: Arc<Criteria>,
    stage: Stage,
    /// What is said before anything else.
    announcement: Option<Item>,
    slice: Slice,
    /// Everything up to here was told or doesn't match.
    at: Position,
    /// The last position that the subscriber heard of, and when.
    told: Position,
    spoke: Instant,
    place: Place,
}

enum Stage {
    Far,
    Near { line: Line, until: Position },
    Live(Line),
}

impl Subscription {
    pub(super) fn begin(
        shared: &Arc<Shared>,
        start: Start,
        criteria: Criteria,
    ) -> Result<Self, SubscribeError> {
        if shared.is_closed() {
            return Err(SubscribeError::Closed);
        }
        let at = position_of(shared, start)?;
        let place = Place::take(shared, Standing::new(at, criteria.stream().is_some()))?;
        Ok(Self {
            shared: shared.clone(),
            criteria: Arc::new(criteria),
            stage: Stage::Far,
            announcement: Some(Item::Confirmed(at)),
            slice: Slice::default(),
            at,
            told: at,
            spoke: Instant::now(),
            place,
        })
    }

    /// Waits for what is to be told next. Nothing is lost where the wait is given up.
    ///
    /// # Errors
    /// [`FeedError`], after which there is nothing more.
    pub async fn next(&mut self) -> Result<Item, FeedError> {
        loop {
            if self.shared.is_closed() {
                return Err(FeedError::Closed);
            }
            let item = self.take();
            self.place.standing.is_at(self.at, matches!(self.stage, Stage::Live(_)));
            if let Some(item) = item {
                self.told = item.position();
                self.spoke = Instant::now();
                return Ok(item);
            }
            self.advance().await?;
        }
    }

    fn take(&mut self) -> Option<Item> {
        if let Some(item) = self.announcement.take() {
            return Some(item);
        }
        if let Some(event) = self.slice.events.pop_front() {
            self.at = event.position;
            return Some(Item::Event(event));
        }
        self.at = self.at.max(self.slice.through);
        self.sign_of_life()
    }

    /// What is due to a subscriber that has heard nothing for a while.
    fn sign_of_life(&self) -> Option<Item> {
        let limits = &self.shared.limits;
        let passed = self.at.0 - self.told.0;
        let silence = self.spoke.elapsed();
        if passed >= limits.checkpoint_events.max(1)
            || (passed > 0 && silence >= limits.checkpoint_interval)
        {
            return Some(Item::Checkpoint(self.at));
        }
        (silence >= limits.heartbeat_interval).then_some(Item::Heartbeat(self.at))
    }

    async fn advance(&mut self) -> Result<(), FeedError> {
        match &self.stage {
            Stage::Far => self.approach().await,
            Stage::Near { until, .. } if self.at < *until => self.read_to(*until).await,
            Stage::Near { .. } => {
                self.join();
                Ok(())
            }
            Stage::Live(_) => {
                self.follow().await;
                Ok(())
            }
        }
    }

    /// Reads the next slice; where it reaches the log's end, lets the rest gather from now on.
    async fn approach(&mut self) -> Result<(), FeedError> {
        let last = self.shared.reader.last();
        if self.at < last {
            self.read_to(last).await?;
        }
        if self.at.max(self.slice.through) >= last {
            let line = Line::begin(&self.shared, &self.criteria);
            // Later than the line's beginning, so what lies between is there twice, not never.
            let until = self.shared.lock().last();
            self.stage = Stage::Near { line, until };
        }
        Ok(())
    }

    async fn read_to(&mut self, through: Position) -> Result<(), FeedError> {
        let (reader, criteria) = (self.shared.reader.clone(), self.criteria.clone());
        let (range, limits) = ((self.at.next(), through), self.shared.limits);
        let job = move || read_slice(&*reader, &criteria, range, &limits);
        self.slice = self.shared.reading.run(job).await.unwrap_or(Err(FeedError::Closed))?;
        Ok(())
    }

    /// Everything up to the line's beginning is told: go over to it. Where it broke meanwhile, the
    /// first look at it will find out.
    fn join(&mut self) {
        if let Stage::Near { line, .. } = std::mem::replace(&mut self.stage, Stage::Far) {
            self.announcement = Some(Item::CaughtUp(self.at));
            self.stage = Stage::Live(line);
        }
    }

    async fn follow(&mut self) {
        match self.fetch_or_wait().await {
            Fetched::Slice(slice) => self.slice = slice,
            Fetched::Lost => {
                self.stage = Stage::Far;
                self.announcement = Some(Item::FellBehind(self.at));
            }
            Fetched::Nothing => {}
        }
    }

    /// Takes what follows, or waits until something may, or until a sign of life is due.
    async fn fetch_or_wait(&self) -> Fetched {
        let Stage::Live(line) = &self.stage else { return Fetched::Nothing };
        // Made before anything is looked at, so that nothing can come unnoticed in between.
        let arrival = line.arrival();
        let fetched = line.fetch(self.at, &self.criteria);
        if self.shared.is_closed() || !matches!(fetched, Fetched::Nothing) {
            return fetched;
        }
        match timeout_at(self.sign_due(), arrival).await {
            Ok(()) => Fetched::Nothing,
            Err(_) => {
                let through = line.quiet_at(&self.shared, self.at);
                Fetched::Slice(Slice { through, ..Slice::default() })
            }
        }
    }

    fn sign_due(&self) -> Instant {
        let heartbeat = self.spoke + self.shared.limits.heartbeat_interval;
        let checkpoint = self.spoke + self.shared.limits.checkpoint_interval;
        if Instant::now() < checkpoint { checkpoint.min(heartbeat) } else { heartbeat }
    }
}

fn position_of(shared: &Shared, start: Start) -> Result<Position, SubscribeError> {
    let told = shared.lock().last();
    match start {
        Start::Beginning => Ok(Position::START),
        Start::End => Ok(told),
        Start::After(position) => {
            // A commit is durable a moment before it is told of.
            let last = told.max(shared.reader.last());
            if position > last {
                return Err(SubscribeError::OutOfRange { position, last });
            }
            Ok(position)
        }
    }
}
