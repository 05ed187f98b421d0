//! Why an owner can't set something: it means nothing for the calendar's kind, it is beyond a bound, or
//! nothing could be had under it.
//!
//! Not here: what the edge refuses by itself, for the form of a request.

use std::fmt;

use super::date::DateRange;
use super::rules::{
    Create, DayRules, DaySetting, General, NightRules, OPENINGS_MAX, RulesChange, Set, Setting,
    SlotRules, TURNOVER_MS_MAX, UNITS_MAX, When,
};
use super::span::{Kind, NIGHTS_MAX, SLOT_END_MAX, SLOT_MS_MAX};

/// Why something can't be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    /// Where it is.
    pub at: FlawAt,
    /// What it is.
    pub says: &'static str,
}

/// What of a setting has a flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlawAt {
    /// What holds at all times, for this kind.
    General(Kind),
    /// Of the rules for dates, the one with this number, from 0.
    Day(usize),
    /// The units.
    Capacity,
    /// For when it is set.
    When,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.says)
    }
}

const TOO_MANY_UNITS: &str = "units must be at most 1,000,000,000";

impl Create {
    /// Why there can't be such a calendar, where there can't.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        let flaw = Flaw { at: FlawAt::Capacity, says: TOO_MANY_UNITS };
        let units = (self.capacity > UNITS_MAX).then_some(flaw);
        units.or_else(|| self.general.flaw())
    }
}

impl Setting {
    /// Why it can't be set in a calendar of this kind, where it can't.
    pub fn flaw(&self, kind: Kind) -> Option<Flaw> {
        let of = |at| move |says| Flaw { at, says };
        match self {
            Self::Rules(RulesChange { general, days }) => {
                let general = general.as_ref();
                let other_kind = general.filter(|general| general.kind() != kind);
                let is_fixed = |general: &General| {
                    of(FlawAt::General(general.kind()))("a calendar's kind is fixed")
                };
                let mut days = days.iter().enumerate();
                let day = |(nth, day)| flaw_of_dates(day, kind).map(of(FlawAt::Day(nth)));
                other_kind
                    .map(is_fixed)
                    .or_else(|| general.and_then(General::flaw))
                    .or_else(|| days.find_map(day))
            }
            Self::Capacity(When::Always, None) => {
                Some(of(FlawAt::Capacity)("there is always a capacity"))
            }
            Self::Capacity(_, Some(units)) if *units > UNITS_MAX => {
                Some(of(FlawAt::Capacity)(TOO_MANY_UNITS))
            }
            Self::Capacity(when, _) | Self::Closed(when, _) => {
                when.flaw(kind).map(of(FlawAt::When))
            }
        }
    }
}

impl When {
    fn flaw(self, kind: Kind) -> Option<&'static str> {
        match self {
            Self::Always => None,
            Self::Dates { range, .. } => flaw_of_range(range),
            Self::Interval { .. } if kind == Kind::Nights => Some("nights are set by dates"),
            Self::Interval { start, end } => {
                let is_sound = start < end && end <= SLOT_END_MAX;
                (!is_sound).then_some("an interval must end after it begins, before the year 9999")
            }
        }
    }
}

fn flaw_of_range(range: DateRange) -> Option<&'static str> {
    (!range.is_sound()).then_some("dates must ascend, from year 1 to 9999")
}

fn flaw_of_dates(setting: &DaySetting, kind: Kind) -> Option<&'static str> {
    flaw_of_range(setting.range).or_else(|| setting.rules.flaw(kind))
}

impl General {
    /// Why it can't hold, where it can't.
    fn flaw(&self) -> Option<Flaw> {
        let says = match self {
            Self::Slots(rules) => rules.flaw(),
            Self::Nights(rules) => rules.flaw(),
        };
        says.map(|says| Flaw { at: FlawAt::General(self.kind()), says })
    }
}

impl SlotRules {
    fn flaw(&self) -> Option<&'static str> {
        if self.granularity_ms == 0 {
            return Some("the granularity must be above 0");
        }
        if self.length_max_ms > SLOT_MS_MAX || self.length_min_ms > self.length_max_ms {
            return Some("the lengths must ascend, and be at most 400 days");
        }
        let shortest = self.length_min_ms.max(1).checked_next_multiple_of(self.granularity_ms);
        if shortest.is_none_or(|shortest| shortest > self.length_max_ms) {
            return Some("a multiple of the granularity above 0 must lie within the lengths");
        }
        if self.turnover_ms > TURNOVER_MS_MAX {
            return Some("the turnover must be at most 7 days");
        }
        ascends(self.ahead_min_ms.zip(self.ahead_max_ms))
    }
}

impl NightRules {
    fn flaw(&self) -> Option<&'static str> {
        ascends(self.ahead_min_days.zip(self.ahead_max_days))
    }
}

fn ascends<T: PartialOrd>(ahead: Option<(T, T)>) -> Option<&'static str> {
    let descends = ahead.is_some_and(|(least, most)| least > most);
    descends.then_some("what it must be ahead at least is more than what it may be at most")
}

impl DayRules {
    /// Why it can't hold in a calendar of this kind, where it can't.
    fn flaw(&self, kind: Kind) -> Option<&'static str> {
        let units = [self.capacity.value().copied(), self.overbooking];
        if units.into_iter().flatten().any(|units| units > UNITS_MAX) {
            return Some(TOO_MANY_UNITS);
        }
        let stays = [&self.stay_min, &self.stay_max].map(Set::value);
        if stays.into_iter().flatten().any(|nights| !(1..=NIGHTS_MAX).contains(&(*nights).into())) {
            return Some("a stay must be of 1 to 400 nights");
        }
        let [stay_min, stay_max] = stays;
        if stay_min.zip(stay_max).is_some_and(|(fewest, most)| fewest > most) {
            return Some("the fewest nights of a stay are more than the most");
        }
        if let Some(hours) = self.hours.value()
            && (hours.len() > OPENINGS_MAX || !hours.iter().all(|opening| opening.is_sound()))
        {
            return Some("hours must be at most 24 times a day, each of at most 24 hours");
        }
        let is_for_nights = self.closed_to_arrival.is_some()
            || self.closed_to_departure.is_some()
            || self.overbooking.is_some()
            || self.stay_min != Set::Keep
            || self.stay_max != Set::Keep;
        match kind {
            Kind::Slots if is_for_nights => Some("arrivals and overbooking are rules for nights"),
            Kind::Nights if self.hours != Set::Keep => Some("hours are a rule for slots"),
            Kind::Slots | Kind::Nights => None,
        }
    }
}
