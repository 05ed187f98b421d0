//! What an owner can set, and what of it is in force.
//!
//! Rules by civil dates are kept as what holds from one date to the next, for each day of the week,
//! so a look at a date costs the same however many settings there were. Of two settings of the same
//! thing for the same date, the later wins.
//!
//! Not here: what the rules come to for a piece of time; that is `offer`'s. Nor what can't be set; that is
//! `flaw`'s.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::course::Course;
use super::date::{Date, DateRange, Weekdays};
use super::span::{Kind, SLOT_END_MAX, SLOT_MS_MAX};
use super::zone::DAY_MINUTES;
use crate::domain::name::ZoneName;
use crate::domain::time::Timestamp;

/// The most units that a calendar has at one time, and the most that are overbooked.
pub const UNITS_MAX: u32 = 1_000_000_000;
/// The longest turnover: a week.
pub const TURNOVER_MS_MAX: u32 = 7 * 24 * 60 * 60 * 1_000;
/// How often in a day something can open.
pub const OPENINGS_MAX: usize = 24;
/// How many dates or instants there can be at which what holds changes.
pub const CHANGES_MAX: usize = 10_000;
/// How much of what holds one command can touch: for each of its rules, the dates and instants within
/// its time at which what holds changes.
pub const WORK_MAX: usize = 100_000;

/// What a calendar is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// Whose civil dates and times of the day are meant.
    pub zone: ZoneName,
    /// Units, wherever nothing else is set.
    pub capacity: u32,
    /// What holds at all times; its kind is the calendar's for ever.
    pub general: General,
}

/// What holds at all times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum General {
    /// For slots.
    Slots(SlotRules),
    /// For nights.
    Nights(NightRules),
}

/// What holds for slots at all times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRules {
    /// Starts and ends are multiples of this since 1970; above 0.
    pub granularity_ms: u64,
    /// The shortest slot.
    pub length_min_ms: u64,
    /// The longest slot; at most [`SLOT_MS_MAX`].
    pub length_max_ms: u64,
    /// For how long a unit can't be had again after a slot; at most [`TURNOVER_MS_MAX`].
    pub turnover_ms: u32,
    /// A slot begins at least so long after it is claimed; none allows the past too.
    pub ahead_min_ms: Option<u64>,
    /// A slot begins at most so long after it is claimed.
    pub ahead_max_ms: Option<u64>,
}

impl Default for SlotRules {
    fn default() -> Self {
        Self {
            granularity_ms: 60_000,
            length_min_ms: 0,
            length_max_ms: SLOT_MS_MAX,
            turnover_ms: 0,
            ahead_min_ms: None,
            ahead_max_ms: None,
        }
    }
}

/// What holds for nights at all times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightRules {
    /// The check-in is at least so many days after the date of the claim; none allows the past too.
    pub ahead_min_days: Option<u32>,
    /// The check-in is at most so many days after the date of the claim.
    pub ahead_max_days: Option<u32>,
}

impl General {
    /// Which kind of calendar it is for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Slots(_) => Kind::Slots,
            Self::Nights(_) => Kind::Nights,
        }
    }
}

/// When something is open: from one time of the day to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    /// Minutes since the day began, below 24:00.
    pub opens: u16,
    /// Minutes since the day began, after it opens and at most 24 hours later. 24:00 is the end of
    /// the day, what is later is on the next day.
    pub closes: u16,
}

impl Opening {
    /// Whether it closes after it opens, within 24 hours.
    pub fn is_sound(self) -> bool {
        self.opens < DAY_MINUTES
            && self.opens < self.closes
            && self.closes <= self.opens + DAY_MINUTES
    }
}

/// What holds on a date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Nothing can be had.
    pub closed: bool,
    /// Nobody can arrive.
    pub closed_to_arrival: bool,
    /// Nobody can depart.
    pub closed_to_departure: bool,
    /// The fewest nights of who arrives.
    pub stay_min: Option<u16>,
    /// The most nights of who arrives.
    pub stay_max: Option<u16>,
    /// Units; none where it is as everywhere.
    pub capacity: Option<u32>,
    /// Units that may be claimed beyond those.
    pub overbooking: u32,
    /// When it is open; none where it always is.
    pub hours: Option<Arc<[Opening]>>,
}

/// What holds on the days of a week, from Monday.
pub type Week = Arc<[Day; 7]>;

/// What is to become of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Set<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It holds no longer.
    Lift,
    /// It is this from now on.
    To(T),
}

impl<T: Clone> Set<T> {
    fn on(&self, rule: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Lift => *rule = None,
            Self::To(value) => *rule = Some(value.clone()),
        }
    }

    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Self::To(value) => Some(value),
            Self::Keep | Self::Lift => None,
        }
    }
}

/// What is to hold on some dates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRules {
    /// Whether nothing can be had; none leaves it.
    pub closed: Option<bool>,
    /// Whether nobody can arrive; none leaves it.
    pub closed_to_arrival: Option<bool>,
    /// Whether nobody can depart; none leaves it.
    pub closed_to_departure: Option<bool>,
    /// The fewest nights of who arrives.
    pub stay_min: Set<u16>,
    /// The most nights of who arrives.
    pub stay_max: Set<u16>,
    /// Units.
    pub capacity: Set<u32>,
    /// Units that may be claimed beyond those; none leaves it.
    pub overbooking: Option<u32>,
    /// When it is open, at most [`OPENINGS_MAX`] times a day.
    pub hours: Set<Arc<[Opening]>>,
}

impl DayRules {
    fn on(&self, day: &mut Day) {
        day.closed = self.closed.unwrap_or(day.closed);
        day.closed_to_arrival = self.closed_to_arrival.unwrap_or(day.closed_to_arrival);
        day.closed_to_departure = self.closed_to_departure.unwrap_or(day.closed_to_departure);
        day.overbooking = self.overbooking.unwrap_or(day.overbooking);
        self.stay_min.on(&mut day.stay_min);
        self.stay_max.on(&mut day.stay_max);
        self.capacity.on(&mut day.capacity);
        self.hours.on(&mut day.hours);
    }

    /// Whether something that could be had may not be had after it.
    pub(super) fn may_take_away(&self) -> bool {
        self.closed == Some(true)
            || self.capacity != Set::Keep
            || self.overbooking.is_some()
            || self.hours != Set::Keep
    }
}

/// For when something is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Wherever nothing else is set.
    Always,
    /// On some days of the week between two dates.
    Dates {
        /// Between which dates.
        range: DateRange,
        /// On which days of the week.
        weekdays: Weekdays,
    },
    /// Between two instants, of slots alone.
    Interval {
        /// From when.
        start: Timestamp,
        /// Until when.
        end: Timestamp,
    },
}

/// What is to hold on which dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySetting {
    /// Between which dates.
    pub range: DateRange,
    /// On which days of the week.
    pub weekdays: Weekdays,
    /// What is to hold there.
    pub rules: DayRules,
}

/// Several rules at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesChange {
    /// What holds at all times from now on; none leaves it.
    pub general: Option<General>,
    /// What holds on some dates, in this order.
    pub days: Arc<[DaySetting]>,
}

/// One thing that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// Several rules.
    Rules(RulesChange),
    /// How many units there are; none takes back what was set for then.
    Capacity(When, Option<u32>),
    /// Nothing can be had then, or again.
    Closed(When, bool),
}

/// What holds between two instants, whatever holds on the date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Nothing can be had.
    pub closed: bool,
    /// Units; none where they are those of the date.
    pub capacity: Option<u32>,
}

/// Everything that is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Whose civil dates and times of the day are meant.
    pub zone: ZoneName,
    /// Units, wherever nothing else is set.
    pub capacity: u32,
    /// What holds at all times.
    pub general: General,
    /// What holds by date.
    pub(super) days: Course<Week>,
    /// What holds by instant, in slots.
    pub(super) intervals: Course<Interval>,
}

impl Rules {
    /// Those of a calendar that has just come into being.
    pub(super) fn new(create: &Create) -> Self {
        let Create { zone, capacity, general } = create.clone();
        let (days, intervals) = (Course::default(), Course::default());
        Self { zone, capacity, general, days, intervals }
    }

    /// The calendar's kind.
    pub fn kind(&self) -> Kind {
        self.general.kind()
    }

    /// What holds on a date; none where nothing was set for it.
    pub fn day(&self, date: Date) -> Option<&Day> {
        let week = self.days.at(date.0.into())?;
        Some(&week[date.weekday()])
    }

    /// Whether anything was set by dates.
    pub fn goes_by_dates(&self) -> bool {
        !self.days.is_empty()
    }

    /// At how many dates and instants what holds changes.
    pub(super) fn changes(&self) -> usize {
        self.days.len() + self.intervals.len()
    }

    /// How much of what holds a setting touches, counted up to a little beyond the most.
    pub(super) fn work_of(&self, setting: &Setting) -> usize {
        let Setting::Rules(RulesChange { days, .. }) = setting else { return self.changes() };
        let mut work = 0;
        for (nth, day) in days.iter().enumerate() {
            let (from, until) = (day.range.from.0.into(), day.range.until.0.into());
            let known = self.days.changes(from).take_while(|(at, _)| *at < until).count();
            // Each of them adds two changes at the most.
            let before = days[..nth].iter().filter(|other| other.range.overlaps(day.range)).count();
            work += known + 2 * (1 + before);
            if work > WORK_MAX {
                break;
            }
        }
        work
    }

    /// How long a unit can't be had again after a claim.
    pub(super) fn turnover_ms(&self) -> u32 {
        match &self.general {
            General::Slots(rules) => rules.turnover_ms,
            General::Nights(_) => 0,
        }
    }

    /// Has this hold from now on.
    pub(super) fn follow(&mut self, setting: &Setting) {
        match setting {
            Setting::Rules(RulesChange { general, days }) => {
                if let Some(general) = general {
                    self.general = general.clone();
                }
                for setting in days.iter() {
                    self.set_days(setting.range, setting.weekdays, &setting.rules);
                }
            }
            Setting::Capacity(When::Always, units) => self.capacity = units.unwrap_or_default(),
            Setting::Capacity(When::Dates { range, weekdays }, units) => {
                let capacity = units.map_or(Set::Lift, Set::To);
                let rules = DayRules { capacity, ..DayRules::default() };
                self.set_days(*range, *weekdays, &rules);
            }
            Setting::Capacity(When::Interval { start, end }, units) => {
                self.set_interval(*start, *end, |interval| interval.capacity = *units);
            }
            Setting::Closed(when, closed) => self.close(*when, *closed),
        }
    }

    fn close(&mut self, when: When, closed: bool) {
        let rules = DayRules { closed: Some(closed), ..DayRules::default() };
        match when {
            When::Always => self.set_days(DateRange::ALL, Weekdays::ALL, &rules),
            When::Dates { range, weekdays } => self.set_days(range, weekdays, &rules),
            When::Interval { start, end } => {
                self.set_interval(start, end, |interval| interval.closed = closed);
            }
        }
    }

    fn set_days(&mut self, range: DateRange, weekdays: Weekdays, rules: &DayRules) {
        self.days.change(range.from.0.into(), range.until.0.into(), |week| {
            let days = Arc::make_mut(week).iter_mut().enumerate();
            days.filter(|(day, _)| weekdays.contains(*day)).for_each(|(_, day)| rules.on(day));
        });
    }

    fn set_interval(&mut self, start: Timestamp, end: Timestamp, set: impl FnMut(&mut Interval)) {
        let [from, to] = [start, end].map(|at| at.0.min(SLOT_END_MAX.0) as i64);
        self.intervals.change(from, to, set);
    }
}
