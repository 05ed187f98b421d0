//! What a calendar offers, moment by moment.
//!
//! Slow and obvious: what holds at a moment is found by going through all that was ever set, oldest
//! first. A moment is a night, or a quarter of an hour, which all slots, turnovers, hours and changes
//! of clocks in trials are multiples of.

use std::sync::Arc;

use holdfast::domain::calendar::{
    Closure, Create, Date, Day, DayRules, General, Kind, Set, Setting, Span, When,
};
use holdfast::domain::time::Timestamp;
use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A moment of slots.
pub const QUARTER_MS: i64 = 15 * 60_000;

/// What its owner has set.
#[derive(Clone)]
pub struct Rules {
    zone: TimeZone,
    pub capacity: u32,
    pub general: General,
    set: Vec<Arc<Setting>>,
}

/// What there is at a moment, whoever has claimed it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offered {
    pub capacity: u32,
    pub overbooking: u32,
    pub closure: Option<Closure>,
}

impl Offered {
    pub fn limit(self) -> u64 {
        u64::from(self.capacity) + u64::from(self.overbooking)
    }
}

fn set<T: Clone>(rule: &mut Option<T>, to: &Set<T>) {
    match to {
        Set::Keep => {}
        Set::Lift => *rule = None,
        Set::To(value) => *rule = Some(value.clone()),
    }
}

fn set_day(day: &mut Day, rules: &DayRules) {
    rules.closed.iter().for_each(|closed| day.closed = *closed);
    rules.closed_to_arrival.iter().for_each(|closed| day.closed_to_arrival = *closed);
    rules.closed_to_departure.iter().for_each(|closed| day.closed_to_departure = *closed);
    rules.overbooking.iter().for_each(|units| day.overbooking = *units);
    set(&mut day.stay_min, &rules.stay_min);
    set(&mut day.stay_max, &rules.stay_max);
    set(&mut day.capacity, &rules.capacity);
    set(&mut day.hours, &rules.hours);
}

fn is_on(when: When, date: Date) -> bool {
    match when {
        When::Always => true,
        When::Dates { range, weekdays } => {
            range.from <= date && date < range.until && weekdays.contains(date.weekday())
        }
        When::Interval { .. } => false,
    }
}

impl Rules {
    pub fn new(create: &Create) -> Self {
        let zone = TimeZoneDatabase::bundled().get(create.zone.as_str()).unwrap();
        let (capacity, general) = (create.capacity, create.general.clone());
        Self { zone, capacity, general, set: Vec::new() }
    }

    /// What holds once this is set.
    pub fn with(&self, setting: &Arc<Setting>) -> Self {
        let mut after = self.clone();
        match &**setting {
            Setting::Rules(change) => {
                after.general = change.general.clone().unwrap_or(after.general)
            }
            Setting::Capacity(When::Always, units) => after.capacity = units.unwrap_or_default(),
            Setting::Capacity(..) | Setting::Closed(..) => {}
        }
        after.set.push(setting.clone());
        after
    }

    pub fn kind(&self) -> Kind {
        match self.general {
            General::Slots(_) => Kind::Slots,
            General::Nights(_) => Kind::Nights,
        }
    }

    pub fn turnover_ms(&self) -> u32 {
        match &self.general {
            General::Slots(rules) => rules.turnover_ms,
            General::Nights(_) => 0,
        }
    }

    /// How many of what spans are told in a moment has.
    pub fn moment_size(&self) -> i64 {
        match self.kind() {
            Kind::Slots => QUARTER_MS,
            Kind::Nights => 1,
        }
    }

    /// The span from one moment up to another.
    pub fn span(&self, from: i64, to: i64) -> Span {
        let [from, to] = [from, to].map(|moment| moment * self.moment_size());
        match self.kind() {
            Kind::Slots => Span::Slots { start: Timestamp(from as u64), end: Timestamp(to as u64) },
            Kind::Nights => {
                Span::Nights { check_in: Date(from as i32), check_out: Date(to as i32) }
            }
        }
    }

    /// What was set for a date.
    pub fn day(&self, date: Date) -> Day {
        let mut day = Day::default();
        for setting in &self.set {
            match &**setting {
                Setting::Rules(change) => {
                    for one in change.days.iter() {
                        let when = When::Dates { range: one.range, weekdays: one.weekdays };
                        if is_on(when, date) {
                            set_day(&mut day, &one.rules);
                        }
                    }
                }
                Setting::Closed(when, closed) if is_on(*when, date) => day.closed = *closed,
                Setting::Capacity(when @ When::Dates { .. }, units) if is_on(*when, date) => {
                    day.capacity = *units;
                }
                Setting::Closed(..) | Setting::Capacity(..) => {}
            }
        }
        day
    }

    /// Whether what was set for an instant closes it, and to how many units.
    fn interval(&self, at_ms: i64) -> (bool, Option<u32>) {
        let is_in = |when: &When| match when {
            When::Interval { start, end } => (start.0..end.0).contains(&(at_ms as u64)),
            When::Always | When::Dates { .. } => false,
        };
        let (mut is_closed, mut capacity) = (false, None);
        for setting in &self.set {
            match &**setting {
                Setting::Closed(when, closed) if is_in(when) => is_closed = *closed,
                Setting::Capacity(when, units) if is_in(when) => capacity = *units,
                Setting::Closed(..) | Setting::Capacity(..) | Setting::Rules(_) => {}
            }
        }
        (is_closed, capacity)
    }

    /// What there is at a moment.
    pub fn at(&self, moment: i64) -> Offered {
        let (date, at_ms) = match self.kind() {
            Kind::Nights => (Date(moment as i32), None),
            Kind::Slots => {
                let at_ms = moment * QUARTER_MS;
                (self.date_at(at_ms), Some(at_ms))
            }
        };
        let day = self.day(date);
        let (is_closed, of_interval) = at_ms.map_or((false, None), |at_ms| self.interval(at_ms));
        let is_outside = at_ms.is_some_and(|at_ms| !self.is_open(date, &day, at_ms));
        Offered {
            capacity: of_interval.or(day.capacity).unwrap_or(self.capacity),
            overbooking: day.overbooking,
            closure: if is_closed || day.closed {
                Some(Closure::Closed)
            } else {
                is_outside.then_some(Closure::OutsideHours)
            },
        }
    }

    /// Whether its hours have it open on a date: those of the date, or what is left of those of the
    /// date before.
    fn is_open(&self, date: Date, day: &Day, at_ms: i64) -> bool {
        let is_open_by = |date: Date, day: &Day| {
            let hours = day.hours.iter().flat_map(|hours| hours.iter()).filter(|_| !day.closed);
            hours.into_iter().any(|opening| {
                let opens = self.wall(date, opening.opens).compatible();
                let closes = self.wall(date, opening.closes).later();
                let [opens, closes] = [opens, closes].map(|at| at.unwrap().as_millisecond());
                (opens..closes).contains(&at_ms)
            })
        };
        let before = date.plus(-1);
        day.hours.is_none() || is_open_by(date, day) || is_open_by(before, &self.day(before))
    }

    /// What the clock on the wall shows so many minutes after a date has begun.
    fn wall(&self, date: Date, minutes: u16) -> jiff::tz::AmbiguousTimestamp {
        let (year, month, day) = date.civil();
        let midnight = civil::date(year as i16, month as i8, day as i8).at(0, 0, 0, 0);
        let wall = midnight + jiff::SignedDuration::from_mins(minutes.into());
        self.zone.to_ambiguous_timestamp(wall)
    }

    /// The instant at which a date begins.
    pub fn start_of(&self, date: Date) -> Timestamp {
        let begins = self.wall(date, 0).compatible().unwrap();
        Timestamp(begins.as_millisecond() as u64)
    }

    /// The date in its zone.
    pub fn date_at(&self, at_ms: i64) -> Date {
        let instant = jiff::Timestamp::from_millisecond(at_ms).unwrap();
        let date = self.zone.to_datetime(instant).date();
        Date::of_civil(date.year().into(), date.month() as u8, date.day() as u8).unwrap()
    }
}
