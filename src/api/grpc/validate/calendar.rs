//! Commands to calendars.
//!
//! Not here: whether a rule is one for the calendar's kind, which only the calendar knows.

use std::fmt;
use std::sync::Arc;

use super::{Fields, ReadCommand, Wish};
use crate::domain::calendar::{
    self, Create, DateRange, DayRules, DaySetting, General, NIGHTS_MAX, NightRules, OPENINGS_MAX,
    Opening, RulesChange, SLOT_MS_MAX, Set, Setting, SlotRules, Span, TURNOVER_MS_MAX, UNITS_MAX,
    Weekdays, When,
};
use crate::domain::command::Command;
use crate::domain::ids::{EntityId, ResourceKey};
use crate::domain::name::{TenantId, ZoneName};
use crate::proto::v1;

/// The most rules for dates of one command.
const DAYS_MAX: usize = 400;
/// The furthest that a claim can be bound to lie ahead: about a hundred years.
const AHEAD_DAYS_MAX: u32 = 36_500;
const AHEAD_MS_MAX: u64 = AHEAD_DAYS_MAX as u64 * 86_400_000;

/// What holds at all times, as one of two members of a message.
macro_rules! general {
    ($fields:expr, $prefix:expr, $rules:expr, $module:ident) => {
        match $rules {
            v1::$module::Rules::SlotRules(rules) => {
                $fields.slot_rules(format_args!("{}slot_rules", $prefix), rules)
            }
            v1::$module::Rules::NightRules(rules) => {
                $fields.night_rules(format_args!("{}night_rules", $prefix), rules)
            }
        }
    };
}

impl Fields {
    fn slot_rules(&mut self, path: fmt::Arguments<'_>, rules: &v1::SlotRules) -> Option<General> {
        let standard = SlotRules::default();
        let mut length = |name: &str, given: &Option<prost_types::Duration>, least, most| {
            let read = given
                .as_ref()
                .map(|given| self.length(format_args!("{path}.{name}"), given, least..=most));
            // Nothing where it isn't set, and nothing at all where it can't be read.
            read.map_or(Some(None), |read| read.map(Some))
        };
        let granularity = length("granularity", &rules.granularity, 1, SLOT_MS_MAX);
        let length_min = length("length_min", &rules.length_min, 0, SLOT_MS_MAX);
        let length_max = length("length_max", &rules.length_max, 0, SLOT_MS_MAX);
        let turnover = length("turnover", &rules.turnover, 0, TURNOVER_MS_MAX.into());
        let ahead_min = length("ahead_min", &rules.ahead_min, 0, AHEAD_MS_MAX);
        let ahead_max = length("ahead_max", &rules.ahead_max, 0, AHEAD_MS_MAX);
        let length_min_ms = length_min?.unwrap_or(standard.length_min_ms);
        let length_max_ms = length_max?.unwrap_or(standard.length_max_ms);
        if length_min_ms > length_max_ms {
            self.refuse(format_args!("{path}.length_min"), "must be at most length_max");
            return None;
        }
        Some(General::Slots(SlotRules {
            granularity_ms: granularity?.unwrap_or(standard.granularity_ms),
            length_min_ms,
            length_max_ms,
            turnover_ms: turnover?.and_then(|ms| u32::try_from(ms).ok()).unwrap_or_default(),
            ahead_min_ms: ahead_min?,
            ahead_max_ms: ahead_max?,
        }))
    }

    fn night_rules(&mut self, path: fmt::Arguments<'_>, rules: &v1::NightRules) -> Option<General> {
        let v1::NightRules { ahead_min_days, ahead_max_days } = *rules;
        let mut is_sound = true;
        for (name, days) in [("ahead_min_days", ahead_min_days), ("ahead_max_days", ahead_max_days)]
        {
            if days.is_some_and(|days| days > AHEAD_DAYS_MAX) {
                let must = format_args!("must be at most {AHEAD_DAYS_MAX}");
                self.refuse(format_args!("{path}.{name}"), must);
                is_sound = false;
            }
        }
        is_sound.then_some(General::Nights(NightRules { ahead_min_days, ahead_max_days }))
    }

    fn unit_count(&mut self, path: fmt::Arguments<'_>, units: u32) -> Option<u32> {
        if units > UNITS_MAX {
            self.refuse(path, format_args!("must be at most {UNITS_MAX}"));
            return None;
        }
        Some(units)
    }

    fn some_dates(
        &mut self,
        path: fmt::Arguments<'_>,
        dates: &v1::CalendarDates,
    ) -> Option<(DateRange, Weekdays)> {
        let all = DateRange::ALL;
        let [from, until] =
            [("start_date", &dates.start_date, all.from), ("end_date", &dates.end_date, all.until)]
                .map(|(name, date, otherwise)| match date {
                    None => Some(otherwise),
                    Some(date) => self.date(format_args!("{path}.{name}"), date),
                });
        let weekdays = self.weekdays(path, &dates.weekdays);
        let range = DateRange { from: from?, until: until? };
        if !range.is_sound() {
            self.refuse(format_args!("{path}.end_date"), "must be after start_date");
            return None;
        }
        Some((range, weekdays?))
    }

    fn weekdays(&mut self, path: fmt::Arguments<'_>, given: &[i32]) -> Option<Weekdays> {
        if given.is_empty() {
            return Some(Weekdays::ALL);
        }
        if given.len() > 7 {
            self.refuse(format_args!("{path}.weekdays"), "must be at most 7");
            return None;
        }
        let days: Vec<_> = given.iter().filter(|day| (1..=7).contains(*day)).collect();
        if days.len() < given.len() {
            self.refuse(format_args!("{path}.weekdays"), "must be days of the week");
            return None;
        }
        let days: Vec<_> = days.into_iter().map(|day| *day as usize - 1).collect();
        Some(Weekdays::of(&days))
    }

    fn period(&mut self, prefix: &str, period: Option<&v1::CalendarPeriod>) -> Option<When> {
        use v1::calendar_period::Period;
        let Some(period) = period else { return Some(When::Always) };
        let path = format!("{prefix}period");
        match self.required(format_args!("{path}"), period.period.as_ref())? {
            Period::Dates(dates) => {
                let (range, weekdays) = self.some_dates(format_args!("{path}.dates"), dates)?;
                Some(When::Dates { range, weekdays })
            }
            Period::Interval(interval) => {
                match self.interval(format_args!("{path}.interval"), interval)? {
                    Span::Slots { start, end } => Some(When::Interval { start, end }),
                    Span::Nights { .. } => None,
                }
            }
        }
    }

    fn stay(&mut self, path: fmt::Arguments<'_>, nights: Option<u32>) -> Option<Set<u16>> {
        match nights {
            None => Some(Set::Keep),
            Some(0) => Some(Set::Lift),
            Some(nights) if nights <= NIGHTS_MAX => u16::try_from(nights).ok().map(Set::To),
            Some(_) => {
                self.refuse(path, format_args!("must be at most {NIGHTS_MAX}"));
                None
            }
        }
    }

    fn must_be_true(&mut self, path: fmt::Arguments<'_>, given: bool) -> Option<()> {
        if !given {
            self.refuse(path, "must be true where it is set");
        }
        given.then_some(())
    }

    fn day_setting(&mut self, path: fmt::Arguments<'_>, day: &v1::DayRules) -> Option<DaySetting> {
        use v1::day_rules::{CapacityRule, HoursRule};
        let dates = match &day.dates {
            None => Some((DateRange::ALL, Weekdays::ALL)),
            Some(dates) => self.some_dates(format_args!("{path}.dates"), dates),
        };
        let stay_min = self.stay(format_args!("{path}.stay_min_nights"), day.stay_min_nights);
        let stay_max = self.stay(format_args!("{path}.stay_max_nights"), day.stay_max_nights);
        let capacity = match day.capacity_rule {
            None => Some(Set::Keep),
            Some(CapacityRule::Capacity(units)) => {
                self.unit_count(format_args!("{path}.capacity"), units).map(Set::To)
            }
            Some(CapacityRule::DefaultCapacity(given)) => {
                let path = format_args!("{path}.default_capacity");
                self.must_be_true(path, given).map(|()| Set::Lift)
            }
        };
        let overbooking = match day.overbooking {
            None => Some(None),
            Some(units) => self.unit_count(format_args!("{path}.overbooking"), units).map(Some),
        };
        let hours = match &day.hours_rule {
            None => Some(Set::Keep),
            Some(HoursRule::Hours(hours)) => {
                self.hours(format_args!("{path}.hours.openings"), hours).map(Set::To)
            }
            Some(HoursRule::AlwaysOpen(given)) => {
                let path = format_args!("{path}.always_open");
                self.must_be_true(path, *given).map(|()| Set::Lift)
            }
        };
        let (range, weekdays) = dates?;
        let rules = DayRules {
            closed: day.closed,
            closed_to_arrival: day.closed_to_arrival,
            closed_to_departure: day.closed_to_departure,
            stay_min: stay_min?,
            stay_max: stay_max?,
            capacity: capacity?,
            overbooking: overbooking?,
            hours: hours?,
        };
        Some(DaySetting { range, weekdays, rules })
    }

    fn hours(
        &mut self,
        path: fmt::Arguments<'_>,
        hours: &v1::OpeningHours,
    ) -> Option<Arc<[Opening]>> {
        if hours.openings.len() > OPENINGS_MAX {
            self.refuse(path, format_args!("must be at most {OPENINGS_MAX}"));
            return None;
        }
        let opening = |(index, opening): (usize, &v1::Opening)| {
            let minutes = |minutes| u16::try_from(minutes).ok();
            let read = minutes(opening.opens_minutes).zip(minutes(opening.closes_minutes));
            let read = read.map(|(opens, closes)| Opening { opens, closes });
            let read = read.filter(|opening| opening.is_sound());
            if read.is_none() {
                let must = "must open within the day, and close later, by 24 hours at the most";
                self.refuse(format_args!("{path}[{index}]"), must);
            }
            read
        };
        hours.openings.iter().enumerate().map(opening).collect()
    }

    /// Several rules at once; `prefix` is before each field's path.
    pub(super) fn rules_change(
        &mut self,
        prefix: &str,
        request: &v1::UpdateCalendarRulesRequest,
    ) -> Option<Setting> {
        let general = match &request.rules {
            None => Some(None),
            Some(rules) => general!(self, prefix, rules, update_calendar_rules_request).map(Some),
        };
        let days = &request.days;
        let path = format_args!("{prefix}days");
        if days.len() > DAYS_MAX {
            self.refuse(path, format_args!("must be at most {DAYS_MAX}"));
            return None;
        }
        if days.is_empty() && request.rules.is_none() {
            self.refuse(path, "must be at least one where no other rule is set");
            return None;
        }
        let mut all = Some(Vec::with_capacity(days.len()));
        for (index, day) in days.iter().enumerate() {
            let setting = self.day_setting(format_args!("{path}[{index}]"), day);
            all = all.zip(setting).map(|(mut all, setting)| {
                all.push(setting);
                all
            });
        }
        Some(Setting::Rules(RulesChange { general: general?, days: all?.into() }))
    }

    /// Other units; `prefix` is before each field's path.
    pub(super) fn capacity_change(
        &mut self,
        prefix: &str,
        request: &v1::SetCapacityRequest,
    ) -> Option<Setting> {
        use v1::set_capacity_request::CapacityRule;
        let when = self.period(prefix, request.period.as_ref());
        let path = format_args!("{prefix}default_capacity");
        let units = match self.required(format_args!("{prefix}capacity"), request.capacity_rule)? {
            CapacityRule::Capacity(units) => {
                self.unit_count(format_args!("{prefix}capacity"), units).map(Some)
            }
            CapacityRule::DefaultCapacity(_) if request.period.is_none() => {
                self.refuse(path, "needs a period: there is always a capacity");
                None
            }
            CapacityRule::DefaultCapacity(given) => self.must_be_true(path, given).map(|()| None),
        };
        Some(Setting::Capacity(when?, units?))
    }

    /// A closure; `prefix` is before each field's path.
    pub(super) fn closure(
        &mut self,
        prefix: &str,
        request: &v1::CloseDatesRequest,
    ) -> Option<Setting> {
        Some(Setting::Closed(self.period(prefix, request.period.as_ref())?, true))
    }

    /// A command to a calendar.
    fn calendar_wish(
        &mut self,
        request_id: &str,
        calendar_id: &str,
        expected_version: Option<u64>,
        command: Option<calendar::Command>,
    ) -> Option<Wish> {
        let request_id = self.request_id(request_id);
        let id = self.calendar_id(format_args!("calendar_id"), calendar_id);
        let id = id.map(|id| EntityId::Resource(ResourceKey::Calendar(id)));
        Wish::of(request_id, expected_version, id, command.map(Command::Calendar))
    }
}

fn set(setting: Option<Setting>, accept_conflicts: bool) -> Option<calendar::Command> {
    let setting = Arc::new(setting?);
    Some(calendar::Command::Set { setting, accept_conflicts })
}

impl ReadCommand for v1::CreateCalendarRequest {
    const NAME: &'static str = "CreateCalendar";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let zone_path = format_args!("time_zone");
        let zone = fields.check(zone_path, ZoneName::new(&self.time_zone));
        let zone = zone.filter(|zone| {
            let is_zone = calendar::is_zone(zone);
            if !is_zone {
                fields.refuse(zone_path, "must be a zone of the IANA database");
            }
            is_zone
        });
        let capacity = fields.unit_count(format_args!("capacity"), self.capacity);
        let rules = fields.required(format_args!("rules"), self.rules.as_ref());
        let general = rules.and_then(|rules| general!(fields, "", rules, create_calendar_request));
        let create = || Some(Create { zone: zone?, capacity: capacity?, general: general? });
        let command = create().map(|create| calendar::Command::Create(Arc::new(create)));
        fields.calendar_wish(&self.request_id, &self.calendar_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::UpdateCalendarRulesRequest {
    const NAME: &'static str = "UpdateCalendarRules";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let command = set(fields.rules_change("", &self), self.accept_conflicts);
        fields.calendar_wish(&self.request_id, &self.calendar_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::SetCapacityRequest {
    const NAME: &'static str = "SetCapacity";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let command = set(fields.capacity_change("", &self), self.accept_conflicts);
        fields.calendar_wish(&self.request_id, &self.calendar_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::CloseDatesRequest {
    const NAME: &'static str = "CloseDates";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let command = set(fields.closure("", &self), self.accept_conflicts);
        fields.calendar_wish(&self.request_id, &self.calendar_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::OpenDatesRequest {
    const NAME: &'static str = "OpenDates";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let when = fields.period("", self.period.as_ref());
        let command = set(when.map(|when| Setting::Closed(when, false)), false);
        fields.calendar_wish(&self.request_id, &self.calendar_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::RetireCalendarRequest {
    const NAME: &'static str = "RetireCalendar";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let command = Some(calendar::Command::Retire);
        fields.calendar_wish(&self.request_id, &self.calendar_id, self.expected_version, command)
    }
}
