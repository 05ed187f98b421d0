//! Calendars: what is told of them and set, and time in lines.

use holdfast::domain::calendar::*;
use holdfast::domain::ids::*;
use holdfast::domain::name::CalendarId;
use holdfast::domain::time::Timestamp;
use holdfast::proto::{self, v1};
use v1::sequenced_command::Command as Wire;

use super::{instant, span, time};
use crate::model::CalendarSight;

/// What holds at all times, as one of two members of a message.
macro_rules! rules {
    ($module:ident, $general:expr) => {
        match $general {
            General::Slots(rules) => v1::$module::Rules::SlotRules(slot_rules(rules)),
            General::Nights(rules) => v1::$module::Rules::NightRules(v1::NightRules {
                ahead_min_days: rules.ahead_min_days,
                ahead_max_days: rules.ahead_max_days,
            }),
        }
    };
}

pub fn date(date: Date) -> proto::Date {
    let (year, month, day) = date.civil();
    proto::Date { year, month: month.into(), day: day.into() }
}

pub fn date_of(told: &proto::Date) -> Option<Date> {
    Date::of_civil(told.year, told.month as u8, told.day as u8)
}

pub fn slots(calendar: &CalendarId, start: Timestamp, end: Timestamp) -> v1::SlotsResource {
    let (start_time, end_time) = (Some(time(start)), Some(time(end)));
    v1::SlotsResource { calendar_id: calendar.to_string(), start_time, end_time }
}

pub fn nights(calendar: &CalendarId, check_in: Date, check_out: Date) -> v1::NightsResource {
    let (check_in_date, check_out_date) = (Some(date(check_in)), Some(date(check_out)));
    v1::NightsResource { calendar_id: calendar.to_string(), check_in_date, check_out_date }
}

pub fn interval(start: Timestamp, end: Timestamp) -> v1::TimeInterval {
    v1::TimeInterval { start_time: Some(time(start)), end_time: Some(time(end)) }
}

pub fn dates(start: Date, end: Date) -> v1::DateInterval {
    v1::DateInterval { start_date: Some(date(start)), end_date: Some(date(end)) }
}

pub fn span_of_slots(
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
) -> Option<Span> {
    Some(Span::Slots { start: instant(&start?), end: instant(&end?) })
}

pub fn span_of_nights(
    check_in: Option<&proto::Date>,
    check_out: Option<&proto::Date>,
) -> Option<Span> {
    Some(Span::Nights { check_in: date_of(check_in?)?, check_out: date_of(check_out?)? })
}

/// For when units of a line are.
pub fn part_when(span: Span) -> v1::line_part::When {
    match span {
        Span::Slots { start, end } => v1::line_part::When::Interval(interval(start, end)),
        Span::Nights { check_in, check_out } => {
            v1::line_part::When::Nights(dates(check_in, check_out))
        }
    }
}

pub fn span_of_interval(told: &v1::TimeInterval) -> Option<Span> {
    span_of_slots(told.start_time, told.end_time)
}

pub fn span_of_dates(told: &v1::DateInterval) -> Option<Span> {
    span_of_nights(told.start_date.as_ref(), told.end_date.as_ref())
}

fn slot_rules(rules: &SlotRules) -> v1::SlotRules {
    v1::SlotRules {
        granularity: Some(span(rules.granularity_ms)),
        length_min: Some(span(rules.length_min_ms)),
        length_max: Some(span(rules.length_max_ms)),
        turnover: Some(span(rules.turnover_ms.into())),
        ahead_min: rules.ahead_min_ms.map(span),
        ahead_max: rules.ahead_max_ms.map(span),
    }
}

/// A calendar as an answer tells it.
pub fn calendar(id: &CalendarId, sight: &CalendarSight, version: Version) -> v1::Calendar {
    v1::Calendar {
        calendar_id: id.to_string(),
        time_zone: sight.zone.clone(),
        capacity: sight.capacity,
        rules: Some(rules!(calendar, &sight.general)),
        retired: sight.is_retired,
        claims_count: sight.claims as u64,
        version: version.0,
        create_time: Some(time(sight.created)),
        update_time: Some(time(sight.updated)),
    }
}

fn some_dates(range: DateRange, weekdays: Weekdays) -> v1::CalendarDates {
    let named = (0..7).filter(|day| weekdays != Weekdays::ALL && weekdays.contains(*day));
    v1::CalendarDates {
        start_date: Some(date(range.from)),
        end_date: Some(date(range.until)),
        weekdays: named.map(|day| day as i32 + 1).collect(),
    }
}

fn period(when: &When) -> Option<v1::CalendarPeriod> {
    use v1::calendar_period::Period;
    let period = match *when {
        When::Always => return None,
        When::Dates { range, weekdays } => Period::Dates(some_dates(range, weekdays)),
        When::Interval { start, end } => Period::Interval(interval(start, end)),
    };
    Some(v1::CalendarPeriod { period: Some(period) })
}

fn day_rules(setting: &DaySetting) -> v1::DayRules {
    use v1::day_rules::{CapacityRule, HoursRule};
    let rules = &setting.rules;
    let stay = |set: &Set<u16>| match set {
        Set::Keep => None,
        Set::Lift => Some(0),
        Set::To(nights) => Some((*nights).into()),
    };
    let opening = |opening: &Opening| v1::Opening {
        opens_minutes: opening.opens.into(),
        closes_minutes: opening.closes.into(),
    };
    v1::DayRules {
        dates: Some(some_dates(setting.range, setting.weekdays)),
        closed: rules.closed,
        closed_to_arrival: rules.closed_to_arrival,
        closed_to_departure: rules.closed_to_departure,
        stay_min_nights: stay(&rules.stay_min),
        stay_max_nights: stay(&rules.stay_max),
        capacity_rule: match rules.capacity {
            Set::Keep => None,
            Set::Lift => Some(CapacityRule::DefaultCapacity(true)),
            Set::To(units) => Some(CapacityRule::Capacity(units)),
        },
        overbooking: rules.overbooking,
        hours_rule: match &rules.hours {
            Set::Keep => None,
            Set::Lift => Some(HoursRule::AlwaysOpen(true)),
            Set::To(hours) => Some(HoursRule::Hours(v1::OpeningHours {
                openings: hours.iter().map(opening).collect(),
            })),
        },
    }
}

/// A command to a calendar as a client sends it.
pub fn command(
    calendar: &CalendarId,
    command: &Command,
    request_id: String,
    expected_version: Option<u64>,
) -> Wire {
    let calendar_id = calendar.to_string();
    let (setting, accept_conflicts) = match command {
        Command::Create(create) => {
            return Wire::CreateCalendar(v1::CreateCalendarRequest {
                request_id,
                expected_version,
                calendar_id,
                time_zone: create.zone.to_string(),
                capacity: create.capacity,
                rules: Some(rules!(create_calendar_request, &create.general)),
            });
        }
        Command::Retire => {
            return Wire::RetireCalendar(v1::RetireCalendarRequest {
                request_id,
                expected_version,
                calendar_id,
            });
        }
        Command::Set { setting, accept_conflicts } => (setting, *accept_conflicts),
        Command::Claim(_) | Command::Check(_) | Command::Demand(_) => {
            unreachable!("no client can say {command:?}")
        }
    };
    match &**setting {
        Setting::Rules(change) => {
            let general = change.general.as_ref();
            Wire::UpdateCalendarRules(v1::UpdateCalendarRulesRequest {
                request_id,
                expected_version,
                calendar_id,
                rules: general.map(|general| rules!(update_calendar_rules_request, general)),
                days: change.days.iter().map(day_rules).collect(),
                accept_conflicts,
            })
        }
        Setting::Capacity(when, units) => {
            use v1::set_capacity_request::CapacityRule;
            let rule = units.map_or(CapacityRule::DefaultCapacity(true), CapacityRule::Capacity);
            Wire::SetCapacity(v1::SetCapacityRequest {
                request_id,
                expected_version,
                calendar_id,
                period: period(when),
                capacity_rule: Some(rule),
                accept_conflicts,
            })
        }
        Setting::Closed(when, true) => Wire::CloseDates(v1::CloseDatesRequest {
            request_id,
            expected_version,
            calendar_id,
            period: period(when),
            accept_conflicts,
        }),
        Setting::Closed(when, false) => Wire::OpenDates(v1::OpenDatesRequest {
            request_id,
            expected_version,
            calendar_id,
            period: period(when),
        }),
    }
}
