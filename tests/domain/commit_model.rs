//! The slow and obvious model of a reservation that is committed in parts: each unit of each line on its
//! own, with the tick up to which it is used.
//!
//! Not here: what is told both, and how they are compared.

use std::collections::BTreeMap;

use holdfast::domain::calendar::{Date, Kind};
use holdfast::domain::ids::ResourceKey;
use holdfast::domain::name::{CalendarId, LineId};
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{End, LinePart};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;

use super::times::utc;
use super::words::*;

/// Six of them are an hour of slots, one is a night, and stock has a single one.
pub const TICK_MS: i64 = 10 * 60_000;
pub const HOUR: i64 = 6;

/// What a line is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    Stock,
    Slots,
    Nights,
}

impl Of {
    pub fn resource(self) -> ResourceKey {
        match self {
            Self::Stock => sku("A"),
            Self::Slots => ResourceKey::Calendar(CalendarId::new("BAY").unwrap()),
            Self::Nights => ResourceKey::Calendar(CalendarId::new("DOUBLE").unwrap()),
        }
    }

    pub fn kind(self) -> Kind {
        if self == Self::Slots { Kind::Slots } else { Kind::Nights }
    }

    /// The calendar's own name for a tick.
    pub fn moment(self, tick: i64) -> i64 {
        match self {
            Self::Stock => tick,
            Self::Slots => utc("2026-12-24T10:00:00Z").0 as i64 + tick * TICK_MS,
            Self::Nights => 20_800 + tick,
        }
    }

    pub fn wanted(self, from: i64, to: i64) -> Wanted {
        match self.resource() {
            ResourceKey::Stock(key) => Wanted::Stock(key),
            ResourceKey::Calendar(calendar) => {
                let span = self.kind().span(self.moment(from), self.moment(to));
                Wanted::Time { calendar, span }
            }
        }
    }

    pub fn end(self, tick: i64) -> End {
        match self {
            Self::Stock | Self::Slots => End::Time(Timestamp(self.moment(tick) as u64)),
            Self::Nights => End::Date(Date(self.moment(tick) as i32)),
        }
    }

    pub fn contains(self, part: &LinePart, tick: i64) -> bool {
        part.span.is_none_or(|span| (span.from()..span.to()).contains(&self.moment(tick)))
    }
}

/// A line of the model: of each unit, the tick up to which it is used.
#[derive(Debug, Clone)]
pub struct Units {
    pub of: Of,
    pub from: i64,
    pub to: i64,
    pub until: Vec<i64>,
}

#[derive(Debug, Clone)]
pub struct Model {
    pub lines: Vec<Units>,
    pub is_open: bool,
    /// In ticks, of slots.
    pub turnover: i64,
}

/// What is named of a line: how many, and at which of its ticks it ends.
pub type Named = BTreeMap<usize, (Option<u64>, Option<i64>)>;

impl Units {
    /// Uses units; else tells how many could have been used.
    pub fn take(&mut self, quantity: Option<u64>, end: Option<i64>) -> Result<(), u64> {
        let end = end.unwrap_or(self.to);
        self.until.sort_unstable();
        let left = self.until.iter().filter(|until| **until < end).count();
        let quantity = quantity.unwrap_or((left as u64).max(1));
        if quantity > left as u64 {
            return Err(left as u64);
        }
        self.until.iter_mut().take(quantity as usize).for_each(|until| *until = end);
        Ok(())
    }

    pub fn count(&self, is_meant: impl Fn(i64) -> bool) -> u64 {
        self.until.iter().filter(|until| is_meant(**until)).count() as u64
    }

    pub fn used_at(&self, tick: i64) -> u64 {
        self.count(|until| self.from <= tick && tick < until)
    }

    pub fn left_at(&self, tick: i64) -> u64 {
        self.count(|until| until <= tick && (self.from..self.to).contains(&tick))
    }
}

impl Model {
    pub fn part(&mut self, named: &Named, is_final: bool) -> Result<(), Rejection> {
        let before = self.clone();
        for (nth, (quantity, end)) in named {
            if let Err(left) = self.lines[*nth].take(*quantity, *end) {
                *self = before;
                let (line, requested) = (LineId::counted(*nth), quantity.unwrap_or(1));
                return Err(Rejection::MoreThanLeft { line, requested, left });
            }
        }
        let is_left = self.lines.iter().any(|line| line.count(|until| until < line.to) > 0);
        self.is_open = is_left && !is_final;
        Ok(())
    }

    /// Units of a calendar that are taken at a tick, with the turnover after the last use.
    pub fn taken_at(&self, of: Of, tick: i64) -> u64 {
        let turnover = if of == Of::Slots { self.turnover } else { 0 };
        let lines = self.lines.iter().filter(|line| line.of == of);
        let taken = lines.map(|line| {
            line.count(|until| {
                let end = if self.is_open { line.to } else { until };
                line.from < end && (line.from..end + turnover).contains(&tick)
            })
        });
        taken.sum()
    }
}
