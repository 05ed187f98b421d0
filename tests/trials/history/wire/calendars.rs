//! Calendars, and time in lines, refusals and answers.

use holdfast::domain::calendar::*;
use holdfast::domain::claim::{Blocker, Shortfall};
use holdfast::domain::ids::*;
use holdfast::domain::name::{CalendarId, LineId};
use holdfast::domain::time::Timestamp;
use holdfast::proto::{self, v1};
use uuid::Uuid;
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

fn date_of(told: &proto::Date) -> Option<Date> {
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

fn interval(start: Timestamp, end: Timestamp) -> v1::TimeInterval {
    v1::TimeInterval { start_time: Some(time(start)), end_time: Some(time(end)) }
}

fn dates(start: Date, end: Date) -> v1::DateInterval {
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

fn span_of_interval(told: &v1::TimeInterval) -> Option<Span> {
    span_of_slots(told.start_time, told.end_time)
}

fn span_of_dates(told: &v1::DateInterval) -> Option<Span> {
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
        Command::Claim(_) | Command::Check(_) => unreachable!("no client can say {command:?}"),
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

/// What stands in the way of a line, as it is told.
pub fn blocker(obstacle: &Obstacle, kind: Kind) -> v1::CalendarBlocker {
    use v1::CalendarBlockerCause as Told;
    use v1::calendar_blocker::{Limit, When};
    let when = |span: Span| match span {
        Span::Slots { start, end } => When::Interval(interval(start, end)),
        Span::Nights { check_in, check_out } => When::Nights(dates(check_in, check_out)),
    };
    let limit = |at: i64| match kind {
        Kind::Slots => Limit::LimitTime(time(Timestamp(at as u64))),
        Kind::Nights => Limit::LimitDate(date(Date(at as i32))),
    };
    let length = |span_ms: u64| Limit::LimitDuration(span(span_ms));
    let (cause, when, limit) = match obstacle.cause {
        Cause::Taken(span) => (Told::Taken, Some(when(span)), None),
        Cause::Closed(span) => (Told::Closed, Some(when(span)), None),
        Cause::OutsideHours(span) => (Told::OutsideHours, Some(when(span)), None),
        Cause::ClosedToArrival(day) => (Told::ClosedToArrival, Some(When::Date(date(day))), None),
        Cause::ClosedToDeparture(day) => {
            (Told::ClosedToDeparture, Some(When::Date(date(day))), None)
        }
        Cause::StayTooShort { nights_min } => {
            (Told::StayTooShort, None, Some(Limit::LimitNights(nights_min)))
        }
        Cause::StayTooLong { nights_max } => {
            (Told::StayTooLong, None, Some(Limit::LimitNights(nights_max)))
        }
        Cause::SlotTooShort { length_min_ms } => {
            (Told::SlotTooShort, None, Some(length(length_min_ms)))
        }
        Cause::SlotTooLong { length_max_ms } => {
            (Told::SlotTooLong, None, Some(length(length_max_ms)))
        }
        Cause::OffGrid { granularity_ms } => (Told::OffGrid, None, Some(length(granularity_ms))),
        Cause::TooSoon { earliest } => (Told::TooSoon, None, Some(limit(earliest))),
        Cause::TooFarAhead { latest } => (Told::TooFarAhead, None, Some(limit(latest))),
        Cause::NoSpan => (Told::NoSpan, None, None),
        Cause::WrongKind { kind } => {
            let kind = match kind {
                Kind::Slots => v1::CalendarKind::Slots,
                Kind::Nights => v1::CalendarKind::Nights,
            };
            (Told::WrongKind, None, Some(Limit::LimitKind(kind.into())))
        }
        Cause::Retired => (Told::Retired, None, None),
        Cause::Unknown => (Told::UnknownCalendar, None, None),
    };
    let expire_time = obstacle.deadline.map(time);
    v1::CalendarBlocker { cause: cause.into(), when, limit, expire_time }
}

/// What stood in the way, by what was told.
pub fn obstacle(told: &v1::CalendarBlocker) -> Option<Obstacle> {
    use v1::CalendarBlockerCause as Told;
    use v1::calendar_blocker::{Limit, When};
    let taken = || match told.when.as_ref()? {
        When::Interval(interval) => span_of_interval(interval),
        When::Nights(nights) => span_of_dates(nights),
        When::Date(_) => None,
    };
    let day = || match told.when.as_ref()? {
        When::Date(date) => date_of(date),
        When::Interval(_) | When::Nights(_) => None,
    };
    let nights = || match told.limit {
        Some(Limit::LimitNights(nights)) => Some(nights),
        _ => None,
    };
    let length_ms = || match told.limit {
        Some(Limit::LimitDuration(span)) => {
            Some(span.seconds as u64 * 1_000 + span.nanos as u64 / 1_000_000)
        }
        _ => None,
    };
    let moment = || match told.limit.as_ref()? {
        Limit::LimitTime(time) => Some(instant(time).0 as i64),
        Limit::LimitDate(date) => date_of(date).map(|date| date.0.into()),
        _ => None,
    };
    let kind = || match told.limit {
        Some(Limit::LimitKind(kind)) if kind == v1::CalendarKind::Slots as i32 => Some(Kind::Slots),
        Some(Limit::LimitKind(kind)) if kind == v1::CalendarKind::Nights as i32 => {
            Some(Kind::Nights)
        }
        _ => None,
    };
    let cause = match Told::try_from(told.cause).ok()? {
        Told::Taken => Cause::Taken(taken()?),
        Told::Closed => Cause::Closed(taken()?),
        Told::OutsideHours => Cause::OutsideHours(taken()?),
        Told::ClosedToArrival => Cause::ClosedToArrival(day()?),
        Told::ClosedToDeparture => Cause::ClosedToDeparture(day()?),
        Told::StayTooShort => Cause::StayTooShort { nights_min: nights()? },
        Told::StayTooLong => Cause::StayTooLong { nights_max: nights()? },
        Told::SlotTooShort => Cause::SlotTooShort { length_min_ms: length_ms()? },
        Told::SlotTooLong => Cause::SlotTooLong { length_max_ms: length_ms()? },
        Told::OffGrid => Cause::OffGrid { granularity_ms: length_ms()? },
        Told::TooSoon => Cause::TooSoon { earliest: moment()? },
        Told::TooFarAhead => Cause::TooFarAhead { latest: moment()? },
        Told::WrongKind => Cause::WrongKind { kind: kind()? },
        Told::Retired => Cause::Retired,
        Told::UnknownCalendar => Cause::Unknown,
        Told::NoSpan | Told::Unspecified => return None,
    };
    Some(Obstacle { cause, deadline: told.expire_time.as_ref().map(instant) })
}

/// A claim in conflict, by what was told.
pub fn conflict(told: &v1::Conflict) -> Option<Conflict> {
    use v1::conflict::When;
    let reservation = ReservationId(Uuid::parse_str(&told.reservation_id).ok()?);
    let span = match told.when.as_ref()? {
        When::Interval(interval) => span_of_interval(interval),
        When::Nights(nights) => span_of_dates(nights),
    };
    Some(Conflict { reservation, span: span? })
}

/// The question whether a line could be had, where it is one that can be asked so.
pub fn check(calendar: &CalendarId, line: &ClaimLine) -> v1::CheckAvailabilityRequest {
    use v1::check_availability_request::Resource;
    let resource = match line.span {
        Span::Slots { start, end } => Resource::Slots(slots(calendar, start, end)),
        Span::Nights { check_in, check_out } => {
            Resource::Nights(nights(calendar, check_in, check_out))
        }
    };
    v1::CheckAvailabilityRequest { resource: Some(resource), quantity: line.held }
}

/// What was answered to that.
pub fn fits(told: &v1::CheckAvailabilityResponse) -> Option<Answer> {
    let short = |told: &v1::Shortage| {
        let Some(v1::shortage::Blocker::CalendarBlocker(blocker)) = &told.blocker else {
            return None;
        };
        let shortfall = Shortfall {
            available: told.available,
            position: Position(told.position),
            blocker: Some(Blocker::Calendar(obstacle(blocker)?)),
        };
        Some(LineShortfall { line: LineId::counted(0), shortfall })
    };
    match &told.shortage {
        None => told.fits.then_some(Answer::Fits([].into())),
        Some(told) => Some(Answer::Fits([short(told)?].into())),
    }
}

/// The question what there is between two moments.
pub fn available(calendar: &CalendarId, range: Span, count: usize) -> v1::GetAvailabilityRequest {
    use v1::get_availability_request::Range;
    let range = match range {
        Span::Slots { start, end } => Range::Interval(interval(start, end)),
        Span::Nights { check_in, check_out } => Range::Dates(dates(check_in, check_out)),
    };
    v1::GetAvailabilityRequest {
        calendar_id: calendar.to_string(),
        range: Some(range),
        page_size: count as u32,
        page_token: String::new(),
    }
}

/// What was answered to that.
pub fn pieces(told: &v1::GetAvailabilityResponse) -> Option<Answer> {
    let piece = |told: &v1::Availability| {
        let (from, to) = match told.when.as_ref()? {
            v1::availability::When::Interval(interval) => {
                let span = span_of_interval(interval)?;
                (span.from(), span.to())
            }
            v1::availability::When::Night(night) => {
                let night = i64::from(date_of(night)?.0);
                (night, night + 1)
            }
        };
        let closure = match v1::Closure::try_from(told.closure).ok()? {
            v1::Closure::Unspecified => None,
            v1::Closure::Closed => Some(Closure::Closed),
            v1::Closure::OutsideHours => Some(Closure::OutsideHours),
        };
        let v1::Availability { capacity, overbooking, claimed, available, .. } = *told;
        Some(Available { from, to, capacity, overbooking, claimed, available, closure })
    };
    told.availabilities.iter().map(piece).collect::<Option<_>>().map(Answer::Available)
}
