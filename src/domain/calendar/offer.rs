//! What a calendar offers over time, whoever has claimed what of it.
//!
//! ```text
//!   rules   ──▶ │ 6 units │ closed │   10 units   │ closed │ …      one stretch after the other,
//!                                                                    without a gap
//! ```
//!
//! For slots, a date is closed from its midnight to the next in the calendar's zone; hours that go
//! past midnight are those of the date on which they begin, and a closed date has none. What is set
//! between two instants holds before what is set for the date: it is closed if either is, and has
//! the interval's capacity.
//!
//! Not here: claims.

use std::ops::ControlFlow;

use super::course::Course;
use super::date::Date;
use super::rules::{Day, Interval, Opening, Rules};
use super::span::{Kind, day};
use super::zone::Zone;

/// Why nothing can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closure {
    /// It is closed.
    Closed,
    /// It isn't open at that time of the day.
    OutsideHours,
}

/// Moments for which the same holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first moment.
    pub from: i64,
    /// The moment after the last.
    pub to: i64,
    /// Units.
    pub capacity: u32,
    /// Units that may be claimed beyond those.
    pub overbooking: u32,
    /// Why nothing can be had, where nothing can.
    pub closure: Option<Closure>,
}

impl Stretch {
    /// Units that may be claimed.
    pub fn limit(&self) -> u32 {
        self.capacity.saturating_add(self.overbooking)
    }
}

/// Who is told of stretches, and whether there should be more.
type Each<'a> = &'a mut dyn FnMut(Stretch) -> ControlFlow<()>;

impl Rules {
    /// Tells of the stretches between two moments, until told to stop.
    pub fn stretches(&self, from: i64, to: i64, each: Each<'_>) {
        let _ = match self.kind() {
            Kind::Nights => self.nights(from, to, each),
            Kind::Slots => self.slots(from, to, each),
        };
    }

    fn nights(&self, from: i64, to: i64, each: Each<'_>) -> ControlFlow<()> {
        for week in self.days.segments(from, to) {
            let Some(days) = week.value else {
                each(self.stretch(week.from, week.to, None, None))?;
                continue;
            };
            for moment in week.from..week.to {
                let rules = &days[day(moment).weekday()];
                each(self.stretch(moment, moment + 1, Some(rules), None))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn slots(&self, from: i64, to: i64, each: Each<'_>) -> ControlFlow<()> {
        if self.days.is_empty() {
            return self.open_slots(from, to, None, each);
        }
        let Some(zone) = Zone::find(&self.zone) else {
            // There was one when the calendar was made.
            let stretch = self.stretch(from, to, None, None);
            return each(Stretch { closure: Some(Closure::Closed), ..stretch });
        };
        let (mut at, mut date) = (from, zone.date_at(from));
        let mut before = self.openings(&zone, date.plus(-1));
        while at < to {
            let openings = self.openings(&zone, date);
            let end = zone.start_of(date.plus(1)).min(to);
            if end > at {
                self.slots_of_date(date, (at, end), [&before, &openings], each)?;
                at = end;
            }
            (before, date) = (openings, date.plus(1));
        }
        ControlFlow::Continue(())
    }

    /// What there is of one date between two instants, by the openings of the date before and its own.
    fn slots_of_date(
        &self,
        date: Date,
        (from, to): (i64, i64),
        openings: [&[(i64, i64)]; 2],
        each: Each<'_>,
    ) -> ControlFlow<()> {
        let rules = self.day(date);
        if rules.is_none_or(|rules| rules.closed || rules.hours.is_none()) {
            return self.open_slots(from, to, rules, each);
        }
        let mut is_open = Course::default();
        for (opens, closes) in openings.into_iter().flatten() {
            is_open.change(*opens, *closes, |is_open| *is_open = true);
        }
        for open in is_open.segments(from, to) {
            if open.value == Some(&true) {
                self.open_slots(open.from, open.to, rules, each)?;
            } else {
                let outside = Some(Closure::OutsideHours);
                let mut shut = |stretch: Stretch| {
                    each(Stretch { closure: stretch.closure.or(outside), ..stretch })
                };
                self.open_slots(open.from, open.to, rules, &mut shut)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// From when to when it is open by the hours of a date.
    fn openings(&self, zone: &Zone, date: Date) -> Vec<(i64, i64)> {
        let day = self.day(date).filter(|day| !day.closed);
        let hours = day.and_then(|day| day.hours.as_deref()).unwrap_or_default();
        let instants = |opening: &Opening| {
            (zone.opening(date, opening.opens), zone.closing(date, opening.closes))
        };
        hours.iter().map(instants).collect()
    }

    /// What there is between two instants of one date at which it is open.
    fn open_slots(
        &self,
        from: i64,
        to: i64,
        rules: Option<&Day>,
        each: Each<'_>,
    ) -> ControlFlow<()> {
        for interval in self.intervals.segments(from, to) {
            each(self.stretch(interval.from, interval.to, rules, interval.value))?;
        }
        ControlFlow::Continue(())
    }

    fn stretch(&self, from: i64, to: i64, day: Option<&Day>, over: Option<&Interval>) -> Stretch {
        let over = over.copied().unwrap_or_default();
        let of_day = day.and_then(|day| day.capacity).unwrap_or(self.capacity);
        let is_closed = over.closed || day.is_some_and(|day| day.closed);
        Stretch {
            from,
            to,
            capacity: over.capacity.unwrap_or(of_day),
            overbooking: day.map_or(0, |day| day.overbooking),
            closure: is_closed.then_some(Closure::Closed),
        }
    }
}
