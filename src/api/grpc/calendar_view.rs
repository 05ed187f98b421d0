//! Calendars and time as clients see them.
//!
//! Not here: what is told of every kind of resource, which is `convert`'s; and events of claims.

use super::convert::timestamp;
use crate::actors::delivery::Shown;
use crate::domain::calendar::{
    self, Available, Cause, ClaimPiece, Closure, Conflict, Date, DateRange, DaySetting, Found,
    General, Kind, NightRules, Obstacle, Opening, Set, Setting, SlotRules, Span, Weekdays, When,
};
use crate::domain::ids::{EntityId, ResourceKey};
use crate::domain::name::CalendarId;
use crate::domain::time::Timestamp;
use crate::domain::view::View;
use crate::proto::{self, v1};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// What is told by one of two members, `interval` or `nights`, of a message's `when`.
macro_rules! when {
    ($module:ident, $span:expr) => {
        match $span {
            Span::Slots { start, end } => v1::$module::When::Interval(interval(start, end)),
            Span::Nights { check_in, check_out } => {
                v1::$module::When::Nights(dates(check_in, check_out))
            }
        }
    };
}

/// What holds at all times, as the member of a message.
macro_rules! rules {
    ($module:ident, $general:expr) => {
        match $general {
            General::Slots(rules) => v1::$module::Rules::SlotRules(slot_rules(rules)),
            General::Nights(rules) => v1::$module::Rules::NightRules(night_rules(rules)),
        }
    };
}

/// A civil date.
pub(super) fn date(date: Date) -> proto::Date {
    let (year, month, day) = date.civil();
    proto::Date { year, month: month.into(), day: day.into() }
}

/// From one instant to another.
pub(super) fn interval(start: Timestamp, end: Timestamp) -> v1::TimeInterval {
    v1::TimeInterval { start_time: Some(timestamp(start)), end_time: Some(timestamp(end)) }
}

/// From one date to another.
pub(super) fn dates(start: Date, end: Date) -> v1::DateInterval {
    v1::DateInterval { start_date: Some(date(start)), end_date: Some(date(end)) }
}

/// A length of time.
pub(super) fn duration(span_ms: u64) -> prost_types::Duration {
    // Below 2^54 seconds and 10^9 nanoseconds: both fit.
    let nanos = (span_ms % 1_000) as i32 * 1_000_000;
    prost_types::Duration { seconds: (span_ms / 1_000) as i64, nanos }
}

/// A slot in a calendar.
pub(super) fn slots(calendar: &CalendarId, start: Timestamp, end: Timestamp) -> v1::SlotsResource {
    let (start_time, end_time) = (Some(timestamp(start)), Some(timestamp(end)));
    v1::SlotsResource { calendar_id: calendar.to_string(), start_time, end_time }
}

/// Nights in a calendar.
pub(super) fn nights(calendar: &CalendarId, check_in: Date, check_out: Date) -> v1::NightsResource {
    let (check_in_date, check_out_date) = (Some(date(check_in)), Some(date(check_out)));
    v1::NightsResource { calendar_id: calendar.to_string(), check_in_date, check_out_date }
}

fn slot_rules(rules: &SlotRules) -> v1::SlotRules {
    v1::SlotRules {
        granularity: Some(duration(rules.granularity_ms)),
        length_min: Some(duration(rules.length_min_ms)),
        length_max: Some(duration(rules.length_max_ms)),
        turnover: Some(duration(rules.turnover_ms.into())),
        ahead_min: rules.ahead_min_ms.map(duration),
        ahead_max: rules.ahead_max_ms.map(duration),
    }
}

fn night_rules(rules: &NightRules) -> v1::NightRules {
    let NightRules { ahead_min_days, ahead_max_days } = *rules;
    v1::NightRules { ahead_min_days, ahead_max_days }
}

/// A calendar, where it is one and exists.
pub(super) fn calendar(id: &EntityId, shown: &Shown) -> Option<v1::Calendar> {
    let (EntityId::Resource(ResourceKey::Calendar(id)), View::Calendar(details)) =
        (id, &shown.view)
    else {
        return None;
    };
    Some(v1::Calendar {
        calendar_id: id.to_string(),
        time_zone: details.rules.zone.to_string(),
        capacity: details.rules.capacity,
        rules: Some(rules!(calendar, &details.rules.general)),
        retired: details.is_retired,
        claims_count: details.claims as u64,
        version: shown.version.0,
        create_time: Some(timestamp(details.created)),
        update_time: Some(timestamp(details.updated)),
    })
}

/// A piece of a claim.
pub(super) fn claim(piece: &ClaimPiece) -> v1::CalendarClaim {
    let (_, reservation) = piece.place.start;
    v1::CalendarClaim {
        reservation_id: reservation.to_string(),
        when: Some(when!(calendar_claim, piece.span)),
        units: piece.units,
        committed: piece.is_committed,
        expire_time: piece.deadline.map(timestamp),
    }
}

/// For when a piece of a claim is.
pub(super) fn part_when(span: Span) -> v1::claim_part::When {
    when!(claim_part, span)
}

/// For when units of a line are.
pub(super) fn line_part_when(span: Span) -> v1::line_part::When {
    when!(line_part, span)
}

/// A claim in conflict.
pub(super) fn conflict(conflict: &Conflict) -> v1::Conflict {
    let Conflict { reservation, span } = *conflict;
    let when = Some(when!(conflict, span));
    v1::Conflict { reservation_id: reservation.to_string(), when }
}

/// What there is at a time.
pub(super) fn availability(kind: Kind, piece: &Available) -> v1::Availability {
    use v1::availability::When;
    let Available { from, to, capacity, overbooking, claimed, available, closure } = *piece;
    let when = match kind.span(from, to) {
        Span::Slots { start, end } => When::Interval(interval(start, end)),
        Span::Nights { check_in, .. } => When::Night(date(check_in)),
    };
    let closure = match closure {
        None => v1::Closure::Unspecified,
        Some(Closure::Closed) => v1::Closure::Closed,
        Some(Closure::OutsideHours) => v1::Closure::OutsideHours,
    };
    let (when, closure) = (Some(when), closure.into());
    v1::Availability { when, capacity, overbooking, claimed, available, closure }
}

/// When something can be had.
pub(super) fn found(kind: Kind, found: &Found) -> Vec<v1::FoundSlot> {
    use v1::found_slot::Start;
    let start = |at: &i64| match kind.span(*at, *at) {
        Span::Slots { start, .. } => Start::StartTime(timestamp(start)),
        Span::Nights { check_in, .. } => Start::CheckInDate(date(check_in)),
    };
    found.starts.iter().map(|at| v1::FoundSlot { start: Some(start(at)) }).collect()
}

/// What stands in the way of time of this kind.
pub(super) fn blocker(obstacle: &Obstacle, kind: Kind) -> v1::CalendarBlocker {
    use v1::CalendarBlockerCause as Wire;
    use v1::calendar_blocker::{Limit, When as At};
    let moment = |moment: i64| match kind.span(moment, moment) {
        Span::Slots { start, .. } => Limit::LimitTime(timestamp(start)),
        Span::Nights { check_in, .. } => Limit::LimitDate(date(check_in)),
    };
    let span = |span: Span| Some(when!(calendar_blocker, span));
    let length = |span_ms| Some(Limit::LimitDuration(duration(span_ms)));
    let (cause, when, limit) = match obstacle.cause {
        Cause::Taken(taken) => (Wire::Taken, span(taken), None),
        Cause::Closed(closed) => (Wire::Closed, span(closed), None),
        Cause::OutsideHours(outside) => (Wire::OutsideHours, span(outside), None),
        Cause::ClosedToArrival(day) => (Wire::ClosedToArrival, Some(At::Date(date(day))), None),
        Cause::ClosedToDeparture(day) => (Wire::ClosedToDeparture, Some(At::Date(date(day))), None),
        Cause::StayTooShort { nights_min } => {
            (Wire::StayTooShort, None, Some(Limit::LimitNights(nights_min)))
        }
        Cause::StayTooLong { nights_max } => {
            (Wire::StayTooLong, None, Some(Limit::LimitNights(nights_max)))
        }
        Cause::SlotTooShort { length_min_ms } => (Wire::SlotTooShort, None, length(length_min_ms)),
        Cause::SlotTooLong { length_max_ms } => (Wire::SlotTooLong, None, length(length_max_ms)),
        Cause::OffGrid { granularity_ms } => (Wire::OffGrid, None, length(granularity_ms)),
        Cause::TooSoon { earliest } => (Wire::TooSoon, None, Some(moment(earliest))),
        Cause::TooFarAhead { latest } => (Wire::TooFarAhead, None, Some(moment(latest))),
        Cause::NoSpan => (Wire::NoSpan, None, None),
        Cause::WrongKind { kind } => {
            (Wire::WrongKind, None, Some(Limit::LimitKind(calendar_kind(kind).into())))
        }
        Cause::Retired => (Wire::Retired, None, None),
        Cause::Unknown => (Wire::UnknownCalendar, None, None),
        Cause::Full => (Wire::CalendarFull, None, None),
        Cause::ClaimTooLong { days_max } => {
            let limit = match kind {
                Kind::Slots => length(u64::from(days_max) * DAY_MS),
                Kind::Nights => Some(Limit::LimitNights(days_max)),
            };
            (Wire::ClaimTooLong, None, limit)
        }
    };
    let expire_time = obstacle.deadline.map(timestamp);
    v1::CalendarBlocker { cause: cause.into(), when, limit, expire_time }
}

fn calendar_kind(kind: Kind) -> v1::CalendarKind {
    match kind {
        Kind::Slots => v1::CalendarKind::Slots,
        Kind::Nights => v1::CalendarKind::Nights,
    }
}

/// A calendar that came into being.
pub(super) fn created(create: &calendar::Create) -> v1::CalendarCreated {
    v1::CalendarCreated {
        time_zone: create.zone.to_string(),
        capacity: create.capacity,
        rules: Some(rules!(calendar_created, &create.general)),
    }
}

/// What was set.
pub(super) fn set(setting: &Setting) -> v1::event::Body {
    use v1::capacity_changed::CapacityRule;
    use v1::event::Body;
    match setting {
        Setting::Rules(change) => Body::CalendarRulesChanged(v1::CalendarRulesChanged {
            rules: change.general.as_ref().map(|general| rules!(calendar_rules_changed, general)),
            days: change.days.iter().map(day_rules).collect(),
        }),
        Setting::Capacity(when, units) => {
            let rule = units.map_or(CapacityRule::DefaultCapacity(true), CapacityRule::Capacity);
            let (period, capacity_rule) = (period(when), Some(rule));
            Body::CapacityChanged(v1::CapacityChanged { period, capacity_rule })
        }
        Setting::Closed(when, true) => Body::DatesClosed(v1::DatesClosed { period: period(when) }),
        Setting::Closed(when, false) => Body::DatesOpened(v1::DatesOpened { period: period(when) }),
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

fn some_dates(range: DateRange, weekdays: Weekdays) -> v1::CalendarDates {
    let DateRange { from, until } = DateRange::ALL;
    let named = (0..7).filter(|day| weekdays.contains(*day) && weekdays != Weekdays::ALL);
    v1::CalendarDates {
        start_date: (range.from != from).then(|| date(range.from)),
        end_date: (range.until != until).then(|| date(range.until)),
        weekdays: named.map(|day| day as i32 + 1).collect(),
    }
}

fn day_rules(setting: &DaySetting) -> v1::DayRules {
    use v1::day_rules::{CapacityRule, HoursRule};
    let rules = &setting.rules;
    let stay = |set: &Set<u16>| match set {
        Set::Keep => None,
        Set::Lift => Some(0),
        Set::To(nights) => Some((*nights).into()),
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
            Set::To(hours) => {
                let openings = hours.iter().map(opening).collect();
                Some(HoursRule::Hours(v1::OpeningHours { openings }))
            }
        },
    }
}

fn opening(opening: &Opening) -> v1::Opening {
    let Opening { opens, closes } = *opening;
    v1::Opening { opens_minutes: opens.into(), closes_minutes: closes.into() }
}
