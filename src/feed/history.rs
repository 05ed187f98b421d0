//! Reads one stream by walking back through the log.
//!
//! ```text
//!   asked for: versions 300 to 310 of a stream that ends at 1,000
//!
//!   310 ◀─ … ◀─ 511 ◀─ 512 ◀════ 768 ◀─ 769 ◀─ … ◀─ 1000
//!   └ previous ─┘       landmark         previous
//! ```
//!
//! It costs as many reads as there are events asked for, one for every 256 after them, and at
//! most 512 more. Memory is bounded by what is asked for.
//!
//! Invariant: every event on the way is of the stream and has the version that it must have;
//! else the log is damaged, and nothing is told of it.
//!
//! Not here: where a stream ends. Its entity knows.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use crate::codec::{CodecError, v1};
use crate::domain::event::{Event, LANDMARK_EVERY};
use crate::domain::ids::{EntityKey, Position, Version};
use crate::journal::{LogReader, StoreError};

/// A stream's last event that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEnd {
    /// Which stream.
    pub key: EntityKey,
    /// The last event's version.
    pub version: Version,
    /// The last event's position.
    pub position: Position,
}

/// In which order a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From lower versions to higher.
    Forwards,
    /// From higher versions to lower.
    Backwards,
}

/// Which part of a stream is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The version to begin with, included. Before the first counts as the first. After the last,
    /// there is nothing forwards, and backwards the last is the begin.
    pub from: Version,
    /// In which order.
    pub direction: Direction,
    /// The most events.
    pub count: usize,
    /// It ends earlier where its events would have more bytes than this as stored, but holds one
    /// event at least.
    pub bytes_max: usize,
}

/// Why a stream couldn't be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The log couldn't be read.
    #[error("can't read the log for a stream's history: {0}")]
    Log(#[from] StoreError),
    /// An event of the log couldn't be decoded.
    #[error("the event at position {position} {source}; restore the data folder from a backup")]
    Event {
        /// Where it stands.
        position: Position,
        /// In what way.
        source: CodecError,
    },
    /// A stream's link leads to another event than it must.
    #[error(
        "the log is damaged: position {position} must hold version {version} of {key}, and holds {found}; restore the data folder from a backup"
    )]
    Damaged {
        /// Where the link leads.
        position: Position,
        /// Whose event should be there.
        key: Box<EntityKey>,
        /// Which of its events.
        version: Version,
        /// What is there.
        found: String,
    },
    /// The server stops.
    #[error("the read was given up because the server stops; read again after its restart")]
    Stopping,
}

/// Reads a stretch of a stream, in the order asked for.
///
/// # Errors
/// [`HistoryError`].
pub fn read_stream(
    reader: &dyn LogReader,
    end: &StreamEnd,
    stretch: Stretch,
) -> Result<Vec<Event>, HistoryError> {
    let Some((lowest, highest)) = versions(end.version, &stretch) else { return Ok(Vec::new()) };
    let mut walk = Walk { reader, key: &end.key, version: end.version, position: end.position };
    let mut gathered = Gathered::new(stretch.bytes_max);
    walk.descend_to(highest)?;
    while walk.version >= lowest {
        let (event, bytes) = walk.read()?;
        walk.step(walk.version.0 - 1, event.previous);
        match stretch.direction {
            Direction::Forwards => gathered.put_before(event, bytes),
            Direction::Backwards if !gathered.put_after(event, bytes) => break,
            Direction::Backwards => {}
        }
    }
    Ok(gathered.events.into_iter().map(|(event, _)| event).collect())
}

/// The lowest and the highest version of the stretch; nothing where it is empty.
fn versions(last: Version, stretch: &Stretch) -> Option<(Version, Version)> {
    let more = (stretch.count as u64).checked_sub(1)?;
    let from = stretch.from.max(Version(1));
    let (lowest, highest) = match stretch.direction {
        Direction::Forwards => (from, Version(from.0.saturating_add(more)).min(last)),
        Direction::Backwards => {
            let highest = from.min(last);
            (Version(highest.0.saturating_sub(more).max(1)), highest)
        }
    };
    (lowest <= highest).then_some((lowest, highest))
}

/// A place in a stream: the event to be read next, from the end on back.
struct Walk<'a> {
    reader: &'a dyn LogReader,
    key: &'a EntityKey,
    version: Version,
    position: Position,
}

impl Walk<'_> {
    /// Goes back to a version, over landmarks where they don't lead past it.
    fn descend_to(&mut self, version: Version) -> Result<(), HistoryError> {
        while self.version > version {
            let (event, _) = self.read()?;
            let by_landmark = self.version.0.checked_sub(LANDMARK_EVERY);
            match by_landmark {
                Some(earlier) if event.landmark != Position::START && earlier >= version.0 => {
                    self.step(earlier, event.landmark);
                }
                _ => self.step(self.version.0 - 1, event.previous),
            }
        }
        Ok(())
    }

    fn step(&mut self, version: u64, position: Position) {
        self.version = Version(version);
        self.position = position;
    }

    /// The event here, and how many bytes it has as stored.
    fn read(&self) -> Result<(Event, usize), HistoryError> {
        let position = self.position;
        let mut found = None;
        self.reader.read(position, position, &mut |at, stored| {
            found = Some((v1::decode_event(at, stored), stored.len()));
            ControlFlow::Break(())
        })?;
        let Some((decoded, bytes)) = found else { return Err(self.damaged("nothing".into())) };
        let event = decoded.map_err(|source| HistoryError::Event { position, source })?;
        if event.position != position || event.stream != *self.key || event.version != self.version
        {
            return Err(self.damaged(format!("version {} of {}", event.version, event.stream)));
        }
        Ok((event, bytes))
    }

    fn damaged(&self, found: String) -> HistoryError {
        let (position, version) = (self.position, self.version);
        HistoryError::Damaged { position, key: Box::new(self.key.clone()), version, found }
    }
}

/// Events in the order asked for, within a bound of bytes.
struct Gathered {
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    bytes_max: usize,
}

impl Gathered {
    fn new(bytes_max: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Puts an event first. Where that is too much, the last ones go: whoever reads forwards gets
    /// them with the next page.
    fn put_before(&mut self, event: Event, bytes: usize) {
        self.events.push_front((event, bytes));
        self.bytes += bytes;
        while self.bytes > self.bytes_max
            && self.events.len() > 1
            && let Some((_, bytes)) = self.events.pop_back()
        {
            self.bytes -= bytes;
        }
    }

    /// Puts an event last, or tells that it doesn't fit.
    fn put_after(&mut self, event: Event, bytes: usize) -> bool {
        if self.bytes + bytes > self.bytes_max && !self.events.is_empty() {
            return false;
        }
        self.events.push_back((event, bytes));
        self.bytes += bytes;
        true
    }
}
