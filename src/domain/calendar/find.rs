//! The next times at which something can be had.
//!
//! Each start is tried by the code that decides a claim. Where one is refused, what stands in its
//! way says from when on it is worth trying again, so a calendar that is full for weeks is passed
//! over piece by piece and not minute by minute.

use super::State;
use super::claim::{Cause, ClaimLine};
use super::date::Date;
use super::rules::General;
use super::span::Kind;
use crate::domain::name::LineId;
use crate::domain::time::Timestamp;

/// How many starts are tried at the most.
const TRIED_MAX: usize = 1_000;

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
        for _ in 0..TRIED_MAX {
            if at >= search.until || starts.len() == search.count {
                break;
            }
            let next = match self.lack_at(search, at, now) {
                None => {
                    starts.push(at);
                    Some(at)
                }
                Some(cause) => worth_trying(cause, at),
            };
            let Some(next) = next else { return Found { starts, looked_until: search.until } };
            at = on_grid(next.max(at.saturating_add(1)), grid);
        }
        Found { starts, looked_until: at.min(search.until) }
    }

    fn lack_at(&self, search: &Search, at: i64, now: Timestamp) -> Option<Cause> {
        let span = self.rules.kind().span(at, at.saturating_add(search.length));
        self.lack(
            &ClaimLine { id: LineId::counted(0), span, held: search.units, committed: 0 },
            now,
        )
    }
}

/// The first multiple of the grid from a moment on.
fn on_grid(at: i64, grid: i64) -> i64 {
    let past = at.rem_euclid(grid);
    if past == 0 { at } else { at.saturating_add(grid - past) }
}

/// From when on another start may fit, after one that doesn't for this cause; none where no other
/// will. Whatever begins before a piece of time that is taken or closed ends, and after the one that
/// met it first, meets it too.
fn worth_trying(cause: Cause, at: i64) -> Option<i64> {
    match cause {
        Cause::Taken(span) | Cause::Closed(span) | Cause::OutsideHours(span) => Some(span.to()),
        Cause::TooSoon { earliest } => Some(earliest),
        Cause::ClosedToArrival(_)
        | Cause::ClosedToDeparture(_)
        | Cause::StayTooShort { .. }
        | Cause::StayTooLong { .. } => Some(at.saturating_add(1)),
        Cause::SlotTooShort { .. }
        | Cause::SlotTooLong { .. }
        | Cause::OffGrid { .. }
        | Cause::TooFarAhead { .. }
        | Cause::NoSpan
        | Cause::WrongKind { .. }
        | Cause::Retired
        | Cause::Unknown
        | Cause::Full => None,
    }
}
