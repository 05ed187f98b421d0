//! The one queue in front of the log.
//!
//! ```text
//!   actors ──append──▶ [ entry | entry | entry ] ──take──▶ writer ──▶ disk
//!             │                                              │
//!             └─ positions are given here, in one step       └─ replies are released here
//! ```
//!
//! Invariants: entries leave in the order they came, and positions are given in that order. So
//! an entity may act on another's event before it is durable: if the effect survives, so did its
//! cause. What leaves the process waits for the disk, reads and refusals too: they are entries
//! without events.
//!
//! Not here: a bound. Commands are admitted at the edge, and work that the server makes for
//! itself is paced by [`Journal::waiting`] and [`Journal::room`].

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use super::room::{Room, SharedRoom};
use crate::domain::event::Event;
use crate::domain::ids::Position;

/// What happens once an entry is durable; told the last position that was given when the entry
/// was appended.
pub type Release = Box<dyn FnOnce(Position) + Send>;

/// One decision on its way to the disk.
pub struct Entry {
    /// What happened; nothing for a read or a refusal.
    pub events: Vec<Event>,
    /// The last position given when this was appended, its own events included.
    pub last: Position,
    /// Who waits for it.
    pub release: Option<Release>,
}

/// The way to the log, for everyone who decides.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Copies of what the queue knows, to be read without its lock.
    assigned: AtomicU64,
    durable: AtomicU64,
    waiting: AtomicU64,
    room: SharedRoom,
}

struct Queue {
    entries: VecDeque<Entry>,
    /// What the entries hold; one without events counts as one.
    events: usize,
    last: Position,
    /// Whether the writer has taken entries whose release is still to come.
    is_committing: bool,
    is_closed: bool,
    writer: Option<Waker>,
}

impl Journal {
    /// A queue in front of a log that ends at `last`.
    pub fn new(last: Position) -> Self {
        let queue = Queue {
            entries: VecDeque::new(),
            events: 0,
            last,
            is_committing: false,
            is_closed: false,
            writer: None,
        };
        let shared = Shared {
            queue: Mutex::new(queue),
            assigned: AtomicU64::new(last.0),
            durable: AtomicU64::new(last.0),
            waiting: AtomicU64::new(0),
            room: SharedRoom::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Appends a decision: gives its events, which are of one stream, their positions and links,
    /// and passes `release` along to be called once everything up to here is durable. Returns
    /// the last position given.
    ///
    /// An entry without events is released at once where nothing is under way.
    pub fn append(&self, mut events: Vec<Event>, release: Option<Release>) -> Position {
        let mut queue = self.lock();
        if events.is_empty() && queue.entries.is_empty() && !queue.is_committing {
            let last = queue.last;
            drop(queue);
            if let Some(release) = release {
                release(last);
            }
            return last;
        }
        for (nth, event) in events.iter_mut().enumerate() {
            if nth > 0 {
                event.previous = queue.last;
            }
            queue.last = queue.last.next();
            event.position = queue.last;
        }
        let last = queue.last;
        self.shared.assigned.store(last.0, Ordering::Release);
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        queue.events += weight(&events);
        queue.entries.push_back(Entry { events, last, release });
        let writer = queue.writer.take();
        drop(queue);
        if let Some(writer) = writer {
            writer.wake();
        }
        last
    }

    /// The last position that was given.
    pub fn assigned(&self) -> Position {
        Position(self.shared.assigned.load(Ordering::Acquire))
    }

    /// The last position that would survive a power cut.
    pub fn durable(&self) -> Position {
        Position(self.shared.durable.load(Ordering::Acquire))
    }

    /// How many entries wait for the disk.
    pub fn waiting(&self) -> u64 {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// What the log's disk has room for, as far as is known.
    pub fn room(&self) -> Room {
        self.shared.room.get()
    }

    /// Whoever watches the disk says what it has room for.
    pub fn set_room(&self, room: Room) {
        self.shared.room.set(room);
    }

    /// Nothing more will be appended; the writer ends when it has written what is there.
    pub fn close(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        if let Some(writer) = queue.writer.take() {
            writer.wake();
        }
    }

    /// Waits for an entry to take; false once the queue is closed and empty.
    pub(super) async fn arrival(&self) -> bool {
        poll_fn(|context| {
            let mut queue = self.lock();
            if !queue.entries.is_empty() {
                return Poll::Ready(true);
            }
            if queue.is_closed {
                return Poll::Ready(false);
            }
            queue.writer = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Takes whole entries from the front until they hold `events_max` events or more; `into` is
    /// empty.
    pub(super) fn take(&self, events_max: usize, into: &mut VecDeque<Entry>) {
        debug_assert!(into.is_empty());
        let mut queue = self.lock();
        if queue.events <= events_max {
            // All of it, in one step, so that nobody who appends waits for long.
            std::mem::swap(&mut queue.entries, into);
            queue.events = 0;
        } else {
            let mut taken = 0;
            while taken < events_max
                && let Some(entry) = queue.entries.pop_front()
            {
                taken += weight(&entry.events);
                into.push_back(entry);
            }
            queue.events -= taken;
        }
        queue.is_committing = !into.is_empty();
    }

    /// What was taken is durable.
    pub(super) fn committed(&self, last: Position, entries: usize) {
        self.shared.durable.store(last.0, Ordering::Release);
        self.shared.waiting.fetch_sub(entries as u64, Ordering::Relaxed);
        self.lock().is_committing = false;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().expect("no holder of the queue's lock can panic")
    }
}

/// How much of a commit an entry takes up.
fn weight(events: &[Event]) -> usize {
    events.len().max(1)
}
