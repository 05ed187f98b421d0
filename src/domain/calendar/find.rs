//! The next times at which something can be had.
//!
//! Each start is tried by the code that decides a claim. Where one is refused, what stands in its
//! way says from when on it is worth trying again: what is closed or taken is passed over as a whole,
//! however much shorter the slot is that was tried.
//!
//! An answer ends when so much was looked at, and says where to go on. At least one start is tried.

use std::ops::ControlFlow;

use super::State;
use super::claim::{Cause, ClaimLine};
use super::claiming::Tried;
use super::date::Date;
use super::rules::General;
use super::span::Kind;
use crate::domain::name::LineId;
use crate::domain::time::Timestamp;

/// How much is looked at for one answer: starts, stretches of what is offered, and levels of what is
/// claimed. The last start that is tried may go beyond.
const STEPS_MAX: usize = 20_000;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// The first start that would do.
    pub from: i64,
    /// The start after the last that would do.
    pub until: i64,
    /// For how long: milliseconds of a slot, or nights.
    pub length: i64,
    /// How many units.
    pub units: u64,
    /// How many starts.
    pub count: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Starts, the earliest first.
    pub starts: Vec<i64>,
    /// Up to and without which start was looked: where to go on.
    pub looked_until: i64,
}

impl State {
    /// The next starts at which a claim would fit.
    pub(super) fn find(&self, search: &Search, now: Timestamp) -> Found {
        let grid = match &self.rules.general {
            General::Slots(rules) => i64::try_from(rules.granularity_ms).unwrap_or(i64::MAX).max(1),
            General::Nights(_) => 1,
        };
        let mut starts = Vec::new();
        let first = match self.rules.kind() {
            Kind::Slots => 0,
            Kind::Nights => Date::MIN.0.into(),
        };
        let mut at = on_grid(search.from.max(first), grid);
        let mut steps = 0;
        while at < search.until && starts.len() < search.count && steps < STEPS_MAX {
            let Tried { lack, steps: taken } = self.try_at(search, at, now);
            steps += 1 + taken;
            let next = match lack.map(|cause| worth_trying(cause, at)) {
                None => {
                    starts.push(at);
                    at
                }
                Some(Next::Start(next)) => next,
                Some(Next::Room { after }) => self.next_room(after, search, &mut steps),
                Some(Next::Never) => search.until,
            };
            at = on_grid(next.max(at.saturating_add(1)), grid);
        }
        Found { starts, looked_until: at.min(search.until) }
    }

    fn try_at(&self, search: &Search, at: i64, now: Timestamp) -> Tried {
        let span = self.rules.kind().span(at, at.saturating_add(search.length));
        let (id, held) = (LineId::counted(0), search.units);
        self.try_line(&ClaimLine { id, span, held, committed: 0 }, now)
    }

    /// The first moment from one on at which it is open and units enough are left, or up to which
    /// there is none.
    fn next_room(&self, from: i64, search: &Search, steps: &mut usize) -> i64 {
        let mut none_until = from;
        self.rules.stretches(from, search.until, &mut |stretch| {
            for level in self.book.levels(stretch.from, stretch.to) {
                *steps += 1;
                let left = stretch.limit().saturating_sub(level.units);
                let has_room = stretch.closure.is_none() && u64::from(left) >= search.units;
                if has_room || *steps >= STEPS_MAX {
                    return ControlFlow::Break(());
                }
                none_until = level.to;
            }
            ControlFlow::Continue(())
        });
        none_until
    }
}

/// What is worth trying after a start that doesn't fit.
enum Next {
    /// This one, or one after it.
    Start(i64),
    /// One at which there is room, from this moment on.
    Room {
        /// Up to which there is none.
        after: i64,
    },
    /// None.
    Never,
}

/// The first multiple of the grid from a moment on.
fn on_grid(at: i64, grid: i64) -> i64 {
    let past = at.rem_euclid(grid);
    if past == 0 { at } else { at.saturating_add(grid - past) }
}

/// Which start may fit after one that doesn't for this cause. Whatever begins before a piece of time
/// that is taken or closed ends, and after the one that met it first, meets it too.
fn worth_trying(cause: Cause, at: i64) -> Next {
    match cause {
        Cause::Taken(span) | Cause::Closed(span) | Cause::OutsideHours(span) => {
            Next::Room { after: span.to() }
        }
        Cause::TooSoon { earliest } => Next::Start(earliest),
        Cause::ClosedToArrival(_)
        | Cause::ClosedToDeparture(_)
        | Cause::StayTooShort { .. }
        | Cause::StayTooLong { .. } => Next::Start(at.saturating_add(1)),
        Cause::SlotTooShort { .. }
        | Cause::SlotTooLong { .. }
        | Cause::OffGrid { .. }
        | Cause::TooFarAhead { .. }
        | Cause::NoSpan
        | Cause::WrongKind { .. }
        | Cause::Retired
        | Cause::Unknown
        | Cause::Full
        | Cause::ClaimTooLong { .. } => Next::Never,
    }
}
