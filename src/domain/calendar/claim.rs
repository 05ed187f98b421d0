//! What reservations and calendars say to each other.
//!
//! A claim is absolute, like one on stock: *reservation R, at its version v, wants this held (until
//! this deadline) and that committed in all*. Of a line that is used in part there are several pieces,
//! each with a span of its own: of some units what was used, and then what is held of the same. Where a
//! piece follows another of its line at once, there is no turnover in between.
//!
//! While a reservation is changed, a claim says both what it has and what it is to have instead. Both
//! stand until the next wish says which it is, and at each moment whichever takes more counts.
//!
//! Not here: what a calendar does with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::date::Date;
use super::span::{Kind, Span};
use crate::domain::claim::Shortfall;
use crate::domain::ids::{ReservationId, Version};
use crate::domain::name::LineId;
use crate::domain::time::Timestamp;

/// What a reservation wants of one calendar, in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who wants it.
    pub reservation: ReservationId,
    /// The reservation's version that this is the wish of.
    pub reservation_version: Version,
    /// Until when; none for a confirmed reservation. Only told, the calendar never acts on it.
    pub deadline: Option<Timestamp>,
    /// What is wanted; nothing where all is to be released.
    pub lines: Arc<[ClaimLine]>,
    /// While the reservation is changed: what is wanted instead once that is done.
    pub change: Option<Arc<[ClaimLine]>>,
}

/// One line of a claim, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimLine {
    /// Which line of the reservation.
    pub id: LineId,
    /// When.
    pub span: Span,
    /// Units to be held from now on.
    pub held: u64,
    /// Units that were used then, in total.
    pub committed: u64,
}

impl Claim {
    /// Nothing is wanted any more.
    pub fn release(reservation: ReservationId, reservation_version: Version) -> Self {
        let lines = Arc::new([]);
        Self { reservation, reservation_version, deadline: None, lines, change: None }
    }

    /// Whether nothing is wanted.
    pub fn is_release(&self) -> bool {
        self.all().all(|line| line.total() == 0)
    }

    /// The lines that it is to have in the end.
    pub(super) fn wanted(&self) -> &[ClaimLine] {
        self.change.as_ref().unwrap_or(&self.lines)
    }

    /// Of how many pieces it is: of a line that is used up in part, what is held and what is used.
    pub fn pieces(&self) -> usize {
        let pieces =
            |line: &ClaimLine| usize::from(line.held > 0) + usize::from(line.committed > 0);
        self.all().map(pieces).sum()
    }

    /// Whether something is to be held.
    pub fn is_holding(&self) -> bool {
        self.all().any(|line| line.held > 0)
    }

    /// Whether something was used.
    pub fn is_committed(&self) -> bool {
        self.all().any(|line| line.committed > 0)
    }

    fn all(&self) -> impl Iterator<Item = &ClaimLine> {
        self.lines.iter().chain(self.change.iter().flat_map(|lines| lines.iter()))
    }
}

impl ClaimLine {
    /// Units that it takes.
    pub fn total(&self) -> u64 {
        self.held.saturating_add(self.committed)
    }
}

/// When the pieces of each line begin, where there is more than one.
pub(super) struct Beginnings<'a>(BTreeSet<(&'a LineId, i64)>);

impl<'a> Beginnings<'a> {
    pub(super) fn of(lines: impl ExactSizeIterator<Item = &'a ClaimLine>) -> Self {
        if lines.len() < 2 {
            return Self(BTreeSet::new());
        }
        let some = lines.filter(|line| line.total() > 0);
        Self(some.map(|line| (&line.id, line.span.from())).collect())
    }

    /// Whether another piece of its line follows one at its end.
    pub(super) fn follow(&self, line: &ClaimLine) -> bool {
        self.0.contains(&(&line.id, line.span.to()))
    }
}

/// A claim as it stands from an event on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose it is.
    pub reservation: ReservationId,
    /// The reservation's version that it is the wish of.
    pub reservation_version: Version,
    /// Until when; none for a confirmed reservation.
    pub deadline: Option<Timestamp>,
    /// What is claimed.
    pub parts: Arc<[Part]>,
}

impl Standing {
    /// Its parts, and whether another of the same line follows at each one's end.
    pub fn followed(&self) -> impl Iterator<Item = (&Part, bool)> {
        let beginnings = Beginnings::of(self.parts.iter().map(|part| &part.line));
        self.parts.iter().map(move |part| (part, beginnings.follow(&part.line)))
    }
}

/// A line as it stands, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What was wanted.
    pub line: ClaimLine,
    /// For how long after its span the units can't be had by others, unless another piece of the line
    /// follows. Recorded, so that a later change of rules doesn't move what stands.
    pub turnover_ms: u32,
}

/// A line that can't be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineShortfall {
    /// Which line.
    pub line: LineId,
    /// How much of it could have been had, when that was so, and what stands in the way.
    pub shortfall: Shortfall,
}

/// What stands in the way of a line on a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The first thing that does.
    pub cause: Cause,
    /// The earliest deadline of a hold that does.
    pub deadline: Option<Timestamp>,
}

/// Why a line can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Too few units are left then.
    Taken(Span),
    /// It is closed then.
    Closed(Span),
    /// It isn't open at that time of the day.
    OutsideHours(Span),
    /// Nobody can arrive then.
    ClosedToArrival(Date),
    /// Nobody can depart then.
    ClosedToDeparture(Date),
    /// Who arrives then stays for more nights.
    StayTooShort {
        /// The fewest.
        nights_min: u32,
    },
    /// Who arrives then stays for fewer nights.
    StayTooLong {
        /// The most.
        nights_max: u32,
    },
    /// The slot is too short.
    SlotTooShort {
        /// The shortest.
        length_min_ms: u64,
    },
    /// The slot is too long.
    SlotTooLong {
        /// The longest.
        length_max_ms: u64,
    },
    /// The slot begins or ends at a time that is no multiple of the granularity.
    OffGrid {
        /// The granularity.
        granularity_ms: u64,
    },
    /// It begins too soon after it is claimed.
    TooSoon {
        /// The earliest that would be accepted: milliseconds since 1970, or the date.
        earliest: i64,
    },
    /// It begins too long after it is claimed.
    TooFarAhead {
        /// The latest that would be accepted: milliseconds since 1970, or the date.
        latest: i64,
    },
    /// The span ends before it begins, or lies beyond the years that are accepted.
    NoSpan,
    /// The calendar counts something else.
    WrongKind {
        /// What it counts.
        kind: Kind,
    },
    /// The calendar takes no new claims.
    Retired,
    /// There is no such calendar.
    Unknown,
    /// As many pieces of claims stand in the calendar as it takes on.
    Full,
    /// The claim's lines up to this one are together too long.
    ClaimTooLong {
        /// The most that they can be.
        days_max: u32,
    },
}

/// A claim that no longer fits what the owner has set since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Whose it is.
    pub reservation: ReservationId,
    /// The first of its spans that doesn't fit.
    pub span: Span,
}
