//! Whoever waits for one stream, found by that stream.
//!
//! Thousands of orders are each watched by the caller that waits for its end, so an event must
//! reach its watchers without a look at the others, and one that nobody waits for must cost a
//! look into a table at most.
//!
//! Invariants: an inbox holds consecutive wanted events of its stream from the moment of registration
//! and at most its bound; what doesn't fit is marked as missed, and nothing is put behind the
//! hole. A registration ends with its guard.
//!
//! Not here: reading what was missed. That is in the log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::live::Shared;
use crate::domain::event::{Body, Event};
use crate::domain::ids::{EntityKey, EntityKind};

/// Which events of a stream somebody waits for.
pub(super) type Wanted = fn(&Body) -> bool;

/// Every event.
pub(super) const ANY: Wanted = |_| true;
/// What ends a sales order.
pub(super) const END: Wanted = |body| matches!(body, Body::SalesOrder(event) if event.is_last());

/// Wakes when its stream gets a durable event that it wants. Dropping it unregisters.
pub struct StreamWatcher {
    registration: Registration,
}

impl StreamWatcher {
    pub(super) fn register(shared: &Arc<Shared>, key: EntityKey, wanted: Wanted) -> Self {
        Self { registration: Registration::new(shared, key, Watch::new(0, wanted)) }
    }

    /// Waits until the stream got such an event since the last call, or since the watcher was
    /// made; any number of events count as one. False once the feed is closed. Nothing is lost
    /// where the wait is given up.
    pub async fn changed(&mut self) -> bool {
        let Registration { watch, shared, .. } = &self.registration;
        loop {
            if watch.take_missed() {
                return true;
            }
            if shared.is_closed() {
                return false;
            }
            watch.arrived.notified().await;
        }
    }
}

/// One who waits for a stream.
pub(super) struct Watch {
    wanted: Wanted,
    /// Keeps one wake-up for whoever comes to wait later.
    pub(super) arrived: Notify,
    inbox: Mutex<Inbox>,
}

struct Inbox {
    events: VecDeque<Arc<Event>>,
    /// 0 for a watcher: it only wants to know that it missed something.
    events_max: usize,
    missed: bool,
}

/// What an inbox held when it was emptied.
pub(super) enum Taken {
    /// These events, in order.
    Events(VecDeque<Arc<Event>>),
    /// No events, and none is missing.
    Nothing,
    /// No events, and at least one didn't fit.
    Missed,
}

impl Watch {
    /// A watch that keeps at most `events_max` events.
    pub(super) fn new(events_max: usize, wanted: Wanted) -> Self {
        let inbox = Inbox { events: VecDeque::new(), events_max, missed: false };
        Self { wanted, arrived: Notify::new(), inbox: Mutex::new(inbox) }
    }

    /// Puts the event in, and tells whether somebody may be waiting for it. `copy` is shared by
    /// all watches of a stream and made for the first that keeps events.
    fn offer(&self, event: &Event, copy: &mut Option<Arc<Event>>) -> bool {
        if !(self.wanted)(&event.body) {
            return false;
        }
        let mut inbox = self.lock();
        if inbox.missed {
            return false;
        }
        // Where something is in there already, its owner has been woken for that.
        let was_quiet = inbox.events.is_empty();
        if inbox.events.len() < inbox.events_max {
            let copy = copy.get_or_insert_with(|| Arc::new(event.clone()));
            inbox.events.push_back(copy.clone());
        } else {
            inbox.missed = true;
        }
        was_quiet
    }

    pub(super) fn take(&self) -> Taken {
        let mut inbox = self.lock();
        if !inbox.events.is_empty() {
            return Taken::Events(std::mem::take(&mut inbox.events));
        }
        if inbox.missed { Taken::Missed } else { Taken::Nothing }
    }

    /// Whether there is nothing to take.
    pub(super) fn is_quiet(&self) -> bool {
        let inbox = self.lock();
        inbox.events.is_empty() && !inbox.missed
    }

    fn take_missed(&self) -> bool {
        std::mem::take(&mut self.lock().missed)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().expect("no holder of an inbox's lock can panic")
    }
}

/// Every watch, by its stream.
#[derive(Default)]
pub(super) struct Watches {
    by_stream: HashMap<EntityKey, Vec<(u64, Arc<Watch>)>>,
    /// How many watches each kind of entity has: events of a kind that nobody watches aren't
    /// looked up.
    by_kind: [usize; EntityKind::ALL.len()],
    next_id: u64,
}

impl Watches {
    fn add(&mut self, key: EntityKey, watch: Arc<Watch>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.by_kind[key.kind() as usize] += 1;
        self.by_stream.entry(key).or_default().push((id, watch));
        id
    }

    fn remove(&mut self, key: &EntityKey, id: u64) {
        let Some(watches) = self.by_stream.get_mut(key) else { return };
        let before = watches.len();
        watches.retain(|(other, _)| *other != id);
        self.by_kind[key.kind() as usize] -= before - watches.len();
        if watches.is_empty() {
            self.by_stream.remove(key);
        }
    }

    /// Puts the events into the inboxes of their streams, and adds to `woken` who must be woken.
    pub(super) fn offer(&self, events: &[Event], woken: &mut Vec<Arc<Watch>>) {
        if self.by_stream.is_empty() {
            return;
        }
        for event in events {
            if self.by_kind[event.stream.kind() as usize] == 0 {
                continue;
            }
            let Some(watches) = self.by_stream.get(&event.stream) else { continue };
            let mut copy = None;
            let offered = watches.iter().filter(|(_, watch)| watch.offer(event, &mut copy));
            woken.extend(offered.map(|(_, watch)| watch.clone()));
        }
    }

    /// Every watch, in the order of registration, so that a simulation wakes them alike each time.
    pub(super) fn all(&self) -> Vec<Arc<Watch>> {
        let mut all: Vec<_> = self.by_stream.values().flatten().collect();
        all.sort_by_key(|(id, _)| *id);
        all.into_iter().map(|(_, watch)| watch.clone()).collect()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.by_stream.values().map(Vec::len).sum()
    }
}

/// A watch in the table, until this is dropped.
pub(super) struct Registration {
    pub(super) watch: Arc<Watch>,
    shared: Arc<Shared>,
    key: EntityKey,
    id: u64,
}

impl Registration {
    /// Puts a watch into the table.
    pub(super) fn new(shared: &Arc<Shared>, key: EntityKey, watch: Watch) -> Self {
        let watch = Arc::new(watch);
        let id = shared.lock().watches_mut().add(key.clone(), watch.clone());
        Self { watch, shared: shared.clone(), key, id }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.lock().watches_mut().remove(&self.key, self.id);
    }
}
