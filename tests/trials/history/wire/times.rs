//! What stands in the way of time, and what calendars answer.

use holdfast::domain::calendar::*;
use holdfast::domain::claim::{Blocker, Shortfall};
use holdfast::domain::ids::*;
use holdfast::domain::name::{CalendarId, LineId};
use holdfast::domain::time::Timestamp;
use holdfast::proto::v1;
use uuid::Uuid;

use super::calendars::{
    date, date_of, dates, interval, nights, slots, span_of_dates, span_of_interval,
};
use super::{instant, span, time};

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
        Cause::Full | Cause::ClaimTooLong { .. } => {
            unreachable!("nobody here claims so much: {obstacle:?}")
        }
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
        Told::NoSpan | Told::CalendarFull | Told::ClaimTooLong | Told::Unspecified => return None,
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
