//! Follows the log from page to page and puts its events together again.
//!
//! Takes pages in order, checks each against those before it, and hands out events, spanning
//! ones only once they are whole. After an error the walk is where it was before the page.
//!
//! Not here: finding the pages. Whoever has them feeds them in.

use std::ops::ControlFlow;

use super::page::{Chain, FRAME_PREFIX_BYTES, Page, PageError, PageKey, Scratch, decode, u32_at};
use crate::domain::ids::Position;

/// A place between two pages of the log, and what must follow there.
#[derive(Debug)]
pub struct PageWalk {
    /// The position that follows; while an event is open, that event's.
    next: Position,
    chain: Chain,
    open: Option<Open>,
    /// Bytes of the open event, kept as a field so that its room is used again.
    event: Vec<u8>,
    within_commit: bool,
    /// Where packed pages are unpacked; while one is being read, elsewhere.
    scratch: Scratch,
}

/// An event whose last pages have not come yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    length: usize,
    part_next: u16,
}

impl PageWalk {
    /// A walk that expects a page whose first event is at `next`, and `chain` before it.
    pub fn at(next: Position, chain: Chain) -> Self {
        let (open, event, within_commit) = (None, Vec::new(), false);
        Self { next, chain, open, event, within_commit, scratch: Scratch::default() }
    }

    /// The position that follows.
    pub fn next(&self) -> Position {
        self.next
    }

    /// The position before the one that follows.
    pub fn last(&self) -> Position {
        Position(self.next.0.saturating_sub(1))
    }

    /// The chain value that must follow.
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// Whether the page before ended a commit, or no page was seen yet.
    pub fn is_between_commits(&self) -> bool {
        !self.within_commit
    }

    /// Takes the page that follows and the key that it was found under, and hands its events to
    /// `visit` until that breaks off.
    ///
    /// # Errors
    /// [`PageError`], by the rules in the [page](super::page)'s doc.
    pub fn step(
        &mut self,
        key: PageKey,
        bytes: &[u8],
        visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, PageError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let taken = decode(bytes, &mut scratch).and_then(|page| self.take(key, &page, visit));
        self.scratch = scratch;
        taken
    }

    fn take(
        &mut self,
        key: PageKey,
        page: &Page<'_>,
        visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, PageError> {
        if page.key() != key {
            return Err(PageError::Key { own: page.key() });
        }
        self.check(page)?;
        self.chain = page.after();
        self.within_commit = !page.is_commit_end();
        if page.continues() || page.goes_on() {
            return Ok(self.take_part(page, visit));
        }
        self.next = page.last().next();
        for (position, event) in page.events() {
            if visit(position, event).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn check(&self, page: &Page<'_>) -> Result<(), PageError> {
        let found = page.key().first;
        if found != self.next {
            return Err(PageError::Position { expected: self.next, found });
        }
        if page.before() != self.chain {
            return Err(PageError::Chain);
        }
        let fits = match self.open {
            None => !page.continues(),
            Some(open) => {
                let bytes = self.event.len() + page.payload().len();
                let bytes_fit =
                    if page.goes_on() { bytes < open.length } else { bytes == open.length };
                page.continues() && page.key().part == open.part_next && bytes_fit
            }
        };
        if fits { Ok(()) } else { Err(PageError::Span { position: found }) }
    }

    fn take_part(
        &mut self,
        page: &Page<'_>,
        visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match &mut self.open {
            None => {
                let length = u32_at(page.payload(), 0) as usize;
                self.event.clear();
                self.event.extend_from_slice(&page.payload()[FRAME_PREFIX_BYTES..]);
                self.open = Some(Open { length, part_next: 1 });
            }
            Some(open) => {
                open.part_next = open.part_next.saturating_add(1);
                self.event.extend_from_slice(page.payload());
            }
        }
        if page.goes_on() {
            return ControlFlow::Continue(());
        }
        self.open = None;
        let position = self.next;
        self.next = position.next();
        visit(position, &self.event)
    }
}
