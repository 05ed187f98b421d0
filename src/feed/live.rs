//! What the writer feeds: the latest events for those who follow, and nothing for nobody.
//!
//! ```text
//!   tell(batch):  lock ─▶ inboxes of watched streams ─▶ ring, while followed ─▶ unlock ─▶ wake
//! ```
//!
//! The lock is held for as long as one batch takes, and by readers only to take a batch's
//! reference; never across an await, and nobody is woken under it. Where an inbox's lock is
//! taken too, this one comes first.
//!
//! Not here: filters. A batch is shared by all who follow, and each looks through it by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::catch_up::{Reading, Slice};
use super::filter::Criteria;
use super::ring::Ring;
use super::standing::{Standing, Standings};
use super::watch::{self, Registration, Taken, Watch, Watches};
use super::{Limits, SubscribeError};
use crate::domain::event::Event;
use crate::domain::ids::Position;
use crate::journal::{Audience, LogReader};

/// What a feed and everything made by it have in common.
pub(super) struct Shared {
    pub(super) reader: Arc<dyn LogReader>,
    pub(super) reading: Reading,
    pub(super) limits: Limits,
    live: Mutex<Live>,
    /// Wakes those who follow the ring.
    arrived: Notify,
    /// Read before each item, so it needs no lock.
    closed: AtomicBool,
}

pub(super) struct Live {
    last: Position,
    ring: Ring,
    followers: usize,
    subscriptions: Vec<Arc<Standing>>,
    watches: Watches,
}

impl Shared {
    pub(super) fn new(
        reader: Arc<dyn LogReader>,
        last: Position,
        reading: Reading,
        limits: Limits,
    ) -> Self {
        let live = Live {
            last,
            ring: Ring::new(limits.ring_events_max),
            followers: 0,
            subscriptions: Vec::new(),
            watches: Watches::default(),
        };
        Self {
            reader,
            reading,
            limits,
            live: Mutex::new(live),
            arrived: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().expect("no holder of the feed's lock can panic")
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let watches = {
            let mut live = self.lock();
            live.ring.clear();
            live.watches.all()
        };
        watches.iter().for_each(|watch| watch.arrived.notify_one());
        self.arrived.notify_waiters();
    }
}

impl Live {
    pub(super) fn last(&self) -> Position {
        self.last
    }

    pub(super) fn standings(&self) -> Standings {
        Standings::of(self.subscriptions.iter().map(|standing| &**standing), self.last)
    }

    pub(super) fn watches_mut(&mut self) -> &mut Watches {
        &mut self.watches
    }

    /// The position after which the ring has everything.
    fn floor(&self) -> Position {
        self.ring.floor().unwrap_or(self.last)
    }

    #[cfg(test)]
    pub(super) fn ring_events(&self) -> usize {
        self.ring.events()
    }

    #[cfg(test)]
    pub(super) fn watches_count(&self) -> usize {
        self.watches.count()
    }
}

/// Where the writer tells of durable events.
pub struct LiveAudience {
    shared: Arc<Shared>,
    /// Kept for its room.
    woken: Vec<Arc<Watch>>,
}

impl LiveAudience {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, woken: Vec::new() }
    }
}

impl Audience for LiveAudience {
    fn tell(&mut self, events: Vec<Event>) {
        let Some(last) = events.last().map(|event| event.position) else { return };
        let mut live = self.shared.lock();
        live.last = last;
        live.watches.offer(&events, &mut self.woken);
        let is_followed = live.followers > 0 && !self.shared.is_closed();
        if is_followed {
            live.ring.push(events.into());
        }
        drop(live);
        self.woken.drain(..).for_each(|watch| watch.arrived.notify_one());
        if is_followed {
            self.shared.arrived.notify_waiters();
        }
    }
}

/// One subscription among those that there may be, until this is dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    /// Where the subscription stands.
    pub(super) standing: Arc<Standing>,
}

impl Place {
    pub(super) fn take(shared: &Arc<Shared>, standing: Standing) -> Result<Self, SubscribeError> {
        let subscriptions_max = shared.limits.subscriptions_max;
        let mut live = shared.lock();
        if live.subscriptions.len() >= subscriptions_max {
            return Err(SubscribeError::TooMany { subscriptions_max });
        }
        let standing = Arc::new(standing);
        live.subscriptions.push(standing.clone());
        drop(live);
        Ok(Self { shared: shared.clone(), standing })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let standing = &self.standing;
        self.shared.lock().subscriptions.retain(|other| !Arc::ptr_eq(other, standing));
    }
}

/// The ring is kept for as long as there is one of these.
pub(super) struct Follower {
    shared: Arc<Shared>,
}

impl Follower {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.lock().followers += 1;
        Self { shared: shared.clone() }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut live = self.shared.lock();
        live.followers -= 1;
        if live.followers == 0 {
            live.ring.clear();
        }
    }
}

/// How one subscription learns of what happens now.
pub(super) enum Line {
    /// Through the ring: for many streams.
    Ring(Follower),
    /// Through an inbox of its own: for one stream.
    Stream(Registration),
}

/// What came over a line.
pub(super) enum Fetched {
    /// Some events, of which those that match are here; perhaps none.
    Slice(Slice),
    /// What follows isn't here any more.
    Lost,
    /// Nothing follows yet.
    Nothing,
}

impl Line {
    /// From here on, what becomes durable gathers.
    pub(super) fn begin(shared: &Arc<Shared>, criteria: &Criteria) -> Self {
        match criteria.stream() {
            None => Self::Ring(Follower::new(shared)),
            Some(key) => {
                let events_max = shared.limits.inbox_events_max.max(1);
                let watch = Watch::new(events_max, watch::ANY);
                Self::Stream(Registration::new(shared, key.clone(), watch))
            }
        }
    }

    /// A wake-up for what arrives after this call.
    pub(super) fn arrival(&self) -> Notified<'_> {
        match self {
            Self::Ring(follower) => follower.shared.arrived.notified(),
            Self::Stream(registration) => registration.watch.arrived.notified(),
        }
    }

    /// Takes what follows `at`.
    pub(super) fn fetch(&self, at: Position, criteria: &Criteria) -> Fetched {
        match self {
            Self::Ring(follower) => follower.fetch(at, criteria),
            Self::Stream(registration) => match registration.watch.take() {
                Taken::Missed => Fetched::Lost,
                Taken::Nothing => Fetched::Nothing,
                Taken::Events(mut events) => {
                    let through = events.back().map_or(at, |last| last.position);
                    events.retain(|event| event.position > at && criteria.match_event(event));
                    Fetched::Slice(Slice { events, through })
                }
            },
        }
    }

    /// How far a subscriber that has taken everything up to `at` has really come: events of other
    /// streams don't come over the line of one.
    pub(super) fn quiet_at(&self, shared: &Shared, at: Position) -> Position {
        let Self::Stream(registration) = self else { return at };
        let live = shared.lock();
        if registration.watch.is_quiet() { at.max(live.last) } else { at }
    }
}

impl Follower {
    fn fetch(&self, at: Position, criteria: &Criteria) -> Fetched {
        let live = self.shared.lock();
        if live.floor() > at {
            return Fetched::Lost;
        }
        let Some(batch) = live.ring.after(at) else { return Fetched::Nothing };
        drop(live);
        let is_wanted = |event: &&Event| event.position > at && criteria.match_event(event);
        let events = batch.iter().filter(is_wanted).cloned().map(Arc::new).collect();
        let through = batch.last().map_or(at, |last| last.position);
        Fetched::Slice(Slice { events, through })
    }
}
