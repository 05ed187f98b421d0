//! Group commit: what gathered while one commit was on its way to the disk is the next.
//!
//! ```text
//!   take ──▶ encode ──▶ store.commit (write, flush, sync) ──▶ feed ──▶ replies
//!     ▲                                                                   │
//!     └───────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A lone command never waits for company, and under load a commit is as large as the time that
//! the one before it took.
//!
//! Invariants: nothing is told to anyone before the commit that holds it has returned. The first
//! failed commit is the last: nobody can know what a second sync would have kept.
//!
//! Not here: a thread. Whoever runs the writer decides where it turns, and one who simulates a slow
//! disk, when.

use std::collections::VecDeque;
use std::time::Instant;

use super::commit::Commit;
use super::queue::{Entry, Journal};
use super::store::{Store, StoreError};
use crate::codec::v1;
use crate::domain::event::Event;
use crate::domain::ids::Position;
use crate::telemetry;

/// Who is told of events once they are durable.
pub trait Audience: Send {
    /// These events, which follow each other, are durable.
    fn tell(&mut self, events: Vec<Event>);
}

/// Takes from the queue, writes, and releases.
pub struct Writer<S> {
    journal: Journal,
    store: S,
    audience: Box<dyn Audience>,
    events_max: usize,
    entries: VecDeque<Entry>,
    commit: Commit,
}

impl<S: Store> Writer<S> {
    /// A writer whose commits hold `events_max` events, or one decision's where that has more.
    pub fn new(journal: Journal, store: S, audience: Box<dyn Audience>, events_max: usize) -> Self {
        let commit = Commit::new(store.last().next());
        Self { journal, store, audience, events_max, entries: VecDeque::new(), commit }
    }

    /// Writes until the queue is closed and empty.
    ///
    /// # Errors
    /// [`StoreError`], of the first commit that failed. Whoever waits for it or for a later one is
    /// never answered.
    pub async fn run(mut self) -> Result<S, StoreError> {
        while self.arrival().await {
            self.turn()?;
        }
        Ok(self.store)
    }

    /// Waits until there is something to write; false once the queue is closed and empty.
    pub async fn arrival(&mut self) -> bool {
        self.journal.arrival().await
    }

    /// One commit, of what is there.
    ///
    /// # Errors
    /// [`StoreError`]; then there may be no other turn.
    pub fn turn(&mut self) -> Result<(), StoreError> {
        self.journal.take(self.events_max, &mut self.entries);
        self.commit.begin(self.store.last().next());
        for event in self.entries.iter().flat_map(|entry| &entry.events) {
            self.commit.push_with(|bytes| v1::encode_event(event, bytes))?;
        }
        if !self.commit.is_empty() {
            let begun = Instant::now();
            let page_bytes = self.store.commit(&self.commit)?;
            telemetry::journal_commit(telemetry::JournalCommit {
                events: self.commit.count(),
                payload_bytes: self.commit.bytes_len() as u64,
                page_bytes,
                took: begun.elapsed(),
            });
        }
        self.release();
        Ok(())
    }

    /// Tells everyone, events before replies: whoever has an answer finds its event in the feed.
    fn release(&mut self) {
        let last = self.store.last();
        self.journal.committed(last, self.entries.len());
        let events: Vec<Event> =
            self.entries.iter_mut().flat_map(|entry| std::mem::take(&mut entry.events)).collect();
        if !events.is_empty() {
            self.audience.tell(events);
        }
        for Entry { last, release, .. } in self.entries.drain(..) {
            debug_assert!(last <= self.store.last() || last == Position::START);
            if let Some(release) = release {
                release(last);
            }
        }
    }
}
