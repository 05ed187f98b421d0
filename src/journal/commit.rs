//! What is given to a store at once.
//!
//! Not here: pages. A commit doesn't know how it will be cut.

use crate::codec::page::{EVENT_BYTES_MAX, EventTooLong};
use crate::domain::ids::Position;

/// One commit: events that become durable together or not at all.
///
/// Its buffers keep their room when it is begun anew, so one commit serves a writer for ever.
#[derive(Debug, Clone)]
pub struct Commit {
    first: Position,
    bytes: Vec<u8>,
    /// Where each event's bytes end.
    ends: Vec<usize>,
}

impl Commit {
    /// A commit without events, whose first will have this position.
    pub fn new(first: Position) -> Self {
        Self { first, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Forgets the events and begins anew at this position.
    pub fn begin(&mut self, first: Position) {
        self.first = first;
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds an event and tells its position.
    ///
    /// # Errors
    /// [`EventTooLong`], and the commit is as it was.
    pub fn push(&mut self, event: &[u8]) -> Result<Position, EventTooLong> {
        self.push_with(|bytes| bytes.extend_from_slice(event))
    }

    /// Adds the event that `write` appends to the bytes that are there, and tells its position.
    ///
    /// # Errors
    /// [`EventTooLong`], and the commit is as it was.
    pub fn push_with(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Position, EventTooLong> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let bytes = self.bytes.len() - start;
        if bytes > EVENT_BYTES_MAX {
            self.bytes.truncate(start);
            return Err(EventTooLong { bytes });
        }
        self.ends.push(self.bytes.len());
        Ok(self.last())
    }

    /// The first event's position, also while there is none yet.
    pub fn first(&self) -> Position {
        self.first
    }

    /// The last event's position; without events, the position before the first.
    pub fn last(&self) -> Position {
        Position((self.first.0 + self.count()).saturating_sub(1))
    }

    /// How many events there are.
    pub fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The events' bytes altogether.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// The events in order.
    pub fn events(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let event = &self.bytes[start..end];
            start = end;
            event
        })
    }

    /// The events in order, with their positions.
    pub fn iter(&self) -> impl Iterator<Item = (Position, &[u8])> {
        (self.first.0..).map(Position).zip(self.events())
    }
}
