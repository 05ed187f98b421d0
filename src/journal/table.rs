//! Which segments there are, and reading across them while the writer appends.
//!
//! Readers share the current segment's database with the writer. A closed one is opened when
//! somebody reads it, and the few opened last are kept. A database can be open only once, so
//! the table remembers every segment that anybody still holds.
//!
//! ```text
//!  layout (RwLock, held for a look)        recent (Mutex, held while one is opened)
//!    first │ open: Weak ──────────────┐      keeps the few closed ones that were opened last
//!    first │ open: Weak ─▶ Segment ◀──┼────── Arc
//!    first │ open: Weak ─▶ Segment ◀── Arc: the writer
//! ```
//!
//! The writer takes the layout only to add a segment, so it never waits for one to be opened.
//!
//! Not here: sled, and checking the log as a whole.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use super::segments;
use super::sled_store::{Segment, Use};
use super::store::{LogReader, StoreError, StoreSize};
use crate::codec::PageWalk;
use crate::codec::page::{PageError, PageKey, Scratch, decode};
use crate::domain::ids::Position;

/// How many closed segments are kept open though nobody is reading them.
const RECENT_MAX: usize = 3;

/// The segments of an open log.
pub(super) struct Table {
    log: PathBuf,
    /// In the order of their positions; never empty.
    layout: RwLock<Vec<Entry>>,
    recent: Mutex<VecDeque<Arc<Segment>>>,
    /// The last durable position.
    last: AtomicU64,
}

struct Entry {
    first: Position,
    open: Weak<Segment>,
}

impl Table {
    pub(super) fn new(
        log: PathBuf,
        firsts: &[Position],
        current: &Arc<Segment>,
        last: Position,
    ) -> Self {
        let entry = |first: &Position| {
            let is_current = *first == current.first();
            let open = if is_current { Arc::downgrade(current) } else { Weak::new() };
            Entry { first: *first, open }
        };
        Self {
            log,
            layout: RwLock::new(firsts.iter().map(entry).collect()),
            recent: Mutex::new(VecDeque::new()),
            last: AtomicU64::new(last.0),
        }
    }

    /// Adds the segment that the writer has begun.
    pub(super) fn push(&self, current: &Arc<Segment>) {
        let entry = Entry { first: current.first(), open: Arc::downgrade(current) };
        self.layout.write().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Lets readers see everything through `last`, which must be durable.
    pub(super) fn advance(&self, last: Position) {
        self.last.store(last.0, Ordering::Release);
    }

    /// The first positions of all segments, in order.
    pub(super) fn firsts(&self) -> Vec<Position> {
        let layout = self.layout.read().unwrap_or_else(PoisonError::into_inner);
        layout.iter().map(|entry| entry.first).collect()
    }

    /// The segment in which the event at this position begins.
    pub(super) fn segment_of(&self, position: Position) -> Result<Arc<Segment>, StoreError> {
        let find = || self.find(position).ok_or_else(|| self.gap(Position::START, position));
        let (_, open) = find()?;
        if let Some(segment) = open {
            return Ok(segment);
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // Another reader may have opened it while this one waited.
        let (first, open) = find()?;
        if let Some(segment) = open {
            return Ok(segment);
        }
        let segment = Arc::new(Segment::open(&self.log, first, Use::Reading)?);
        self.remember(&segment);
        recent.push_back(segment.clone());
        let surplus = if recent.len() > RECENT_MAX { recent.pop_front() } else { None };
        drop(recent);
        // Closing a database takes a while: nobody should wait for it.
        drop(surplus);
        Ok(segment)
    }

    fn find(&self, position: Position) -> Option<(Position, Option<Arc<Segment>>)> {
        let layout = self.layout.read().unwrap_or_else(PoisonError::into_inner);
        let after = layout.partition_point(|entry| entry.first <= position);
        let entry = layout.get(after.checked_sub(1)?)?;
        Some((entry.first, entry.open.upgrade()))
    }

    fn remember(&self, segment: &Arc<Segment>) {
        let mut layout = self.layout.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = layout.iter_mut().find(|entry| entry.first == segment.first()) {
            entry.open = Arc::downgrade(segment);
        }
    }

    fn gap(&self, last: Position, next: Position) -> StoreError {
        StoreError::Gap { place: self.log.display().to_string(), last, next }
    }

    /// A walk that begins with the page in which `from` begins, and that page's key.
    fn begin(&self, segment: &Segment, from: Position) -> Result<(PageWalk, PageKey), StoreError> {
        let Some((key, bytes)) = segment.page_below(PageKey::above_beginning_of(from))? else {
            return Err(self.gap(Position(segment.first().0.saturating_sub(1)), from));
        };
        let mut scratch = Scratch::default();
        let page = decode(&bytes, &mut scratch).map_err(|reason| damaged(segment, key, reason))?;
        Ok((PageWalk::at(page.key().first, page.before()), key))
    }
}

impl LogReader for Table {
    fn last(&self) -> Position {
        Position(self.last.load(Ordering::Acquire))
    }

    fn size(&self) -> Result<StoreSize, StoreError> {
        let firsts = self.firsts();
        let mut bytes = 0;
        for first in &firsts {
            bytes += segments::bytes_on_disk(&segments::path(&self.log, *first))?;
        }
        Ok(StoreSize { segments: firsts.len(), bytes })
    }

    fn read(
        &self,
        from: Position,
        through: Position,
        visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let from = from.max(Position(1));
        let through = through.min(self.last());
        if from > through {
            return Ok(());
        }
        let mut segment = self.segment_of(from)?;
        let (mut walk, mut key) = self.begin(&segment, from)?;
        let stopped = Cell::new(false);
        let mut within = |position, event: &[u8]| {
            if position < from {
                return ControlFlow::Continue(());
            }
            stopped.set(visit(position, event).is_break() || position >= through);
            if stopped.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        loop {
            let before = walk.next();
            segment
                .pages(key, &mut |key, bytes| step(&segment, &mut walk, key, bytes, &mut within))?;
            if stopped.get() {
                return Ok(());
            }
            if walk.next() == before {
                return Err(self.gap(walk.last(), walk.next()));
            }
            key = PageKey { first: walk.next(), part: 0 };
            segment = self.segment_of(walk.next())?;
        }
    }
}

/// Takes the page that follows in a segment.
pub(super) fn step(
    segment: &Segment,
    walk: &mut PageWalk,
    key: PageKey,
    bytes: &[u8],
    visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StoreError> {
    walk.step(key, bytes, visit).map_err(|reason| damaged(segment, key, reason))
}

/// A page that is not believed, and where it lies.
pub(super) fn damaged(segment: &Segment, key: PageKey, reason: PageError) -> StoreError {
    StoreError::Damaged { key, place: segment.place(), reason }
}
