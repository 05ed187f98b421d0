//! Pieces of time that can be claimed: slots between two instants, nights between two dates.
//!
//! Both are half-open, and inside a calendar both are a piece of one line of numbers: milliseconds
//! for slots, days for nights. What is said of *moments* here holds for either.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::date::Date;
use crate::domain::time::Timestamp;

/// Milliseconds of a day that has no change of clocks in it.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The longest slot: 400 days.
pub const SLOT_MS_MAX: u64 = 400 * DAY_MS as u64;
/// The longest stay: 400 nights.
pub const NIGHTS_MAX: u32 = 400;
/// How many days the lines of one claim are together at the most: ten of the longest.
pub const CLAIM_DAYS_MAX: u32 = 4_000;
/// The latest end of a slot: the beginning of the year 9999, so that it is in that year or before
/// in every zone.
pub const SLOT_END_MAX: Timestamp = Timestamp(253_370_764_800_000);

/// What a calendar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Slots, in milliseconds.
    Slots,
    /// Nights, in days.
    Nights,
}

impl Kind {
    /// The kind's name, in capitals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slots => "SLOTS",
            Self::Nights => "NIGHTS",
        }
    }

    /// How many moments the lines of one claim are together at the most.
    pub(super) fn claim_max(self) -> i64 {
        match self {
            Self::Slots => i64::from(CLAIM_DAYS_MAX) * DAY_MS,
            Self::Nights => CLAIM_DAYS_MAX.into(),
        }
    }

    /// The span between two of this kind's moments.
    pub fn span(self, from: i64, to: i64) -> Span {
        match self {
            Self::Slots => Span::Slots { start: instant(from), end: instant(to) },
            Self::Nights => Span::Nights { check_in: day(from), check_out: day(to) },
        }
    }
}

/// The instant of a moment of slots.
pub(super) fn instant(moment: i64) -> Timestamp {
    Timestamp(moment.max(0) as u64)
}

/// The date of a moment of nights.
pub(super) fn day(moment: i64) -> Date {
    let bounded = moment.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    Date(bounded as i32)
}

/// A piece of time, from its beginning up to and without its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Span {
    /// Between two instants.
    Slots {
        /// When it begins.
        start: Timestamp,
        /// When it is over.
        end: Timestamp,
    },
    /// The nights between two dates.
    Nights {
        /// The date before the first night.
        check_in: Date,
        /// The date after the last night.
        check_out: Date,
    },
}

impl Span {
    /// Which kind of calendar it is for.
    pub fn kind(self) -> Kind {
        match self {
            Self::Slots { .. } => Kind::Slots,
            Self::Nights { .. } => Kind::Nights,
        }
    }

    /// Its first moment.
    pub fn from(self) -> i64 {
        match self {
            Self::Slots { start, .. } => start.0.min(i64::MAX as u64) as i64,
            Self::Nights { check_in, .. } => i64::from(check_in.0),
        }
    }

    /// The moment after it.
    pub fn to(self) -> i64 {
        match self {
            Self::Slots { end, .. } => end.0.min(i64::MAX as u64) as i64,
            Self::Nights { check_out, .. } => i64::from(check_out.0),
        }
    }

    /// Whether it ends after it begins, and lies in the years that are accepted.
    pub fn is_sound(self) -> bool {
        self.from() < self.to()
            && match self {
                Self::Slots { end, .. } => end <= SLOT_END_MAX,
                Self::Nights { check_in, check_out } => check_in.is_sound() && check_out.is_sound(),
            }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slots { start, end } => write!(f, "{}..{} ms", start.0, end.0),
            Self::Nights { check_in, check_out } => write!(f, "{check_in}..{check_out}"),
        }
    }
}
