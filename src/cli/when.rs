//! Time as arguments: from an instant or a date up to and without another, as ISO 8601 has it.
//!
//! ```text
//! 2026-12-24T10:00Z/2026-12-24T12:00Z    from an instant to another
//! 2026-12-24T10:00+01:00/PT2H            from an instant on, for two hours
//! 2026-12-24/2026-12-27                  dates: the 24th, the 25th and the 26th
//! 2026-12-24/P3D                         the same
//! 2026-12-24                             one date
//! 2026-12-24/..   ../2026-12-24   ..     from a date on, before a date, all
//! ```
//!
//! What has a `T` in it is made of instants. What can't be read is told as in [`parse`].
//!
//! Not here: which zone a date is of. An instant carries its offset, and dates are the calendar's.

use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Span, Timestamp};

use crate::cli::parse;
use crate::proto::{self, v1};

/// Between two moments, both known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Instants.
    Interval(v1::TimeInterval),
    /// Dates.
    Dates(v1::DateInterval),
}

/// When something is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Period {
    /// Between two instants.
    Interval(v1::TimeInterval),
    /// From the first date, if there is one, up to and without the second, if there is one.
    Dates(Option<proto::Date>, Option<proto::Date>),
}

/// Reads `START/END` or `START/LENGTH` of instants.
///
/// # Errors
/// What is wrong with it.
pub fn interval(text: &str) -> Result<v1::TimeInterval, String> {
    let parts = text.split_once('/');
    let (start, end) = parts.ok_or("no end, as in 2026-12-24T10:00Z/PT2H")?;
    let start = instant(start)?;
    let end =
        if is_length(end) { start.checked_add(hours(end)?).ok() } else { Some(instant(end)?) };
    let end = end.filter(|end| *end > start).ok_or_else(|| ends_too_early(text))?;
    let [start_time, end_time] = [start, end].map(|at| Some(parse::to_wire_moment(at)));
    Ok(v1::TimeInterval { start_time, end_time })
}

/// Reads `START/END` or `START/LENGTH` of dates.
///
/// # Errors
/// What is wrong with it.
pub fn dates(text: &str) -> Result<v1::DateInterval, String> {
    let parts = text.split_once('/');
    let (start, end) = parts.ok_or("no end, as in 2026-12-24/2026-12-27")?;
    let start = date(start)?;
    let end = if is_length(end) { start.checked_add(days(end)?).ok() } else { Some(date(end)?) };
    let end = end.filter(|end| *end > start).ok_or_else(|| ends_too_early(text))?;
    let [start_date, end_date] = [start, end].map(|date| Some(to_wire_date(date)));
    Ok(v1::DateInterval { start_date, end_date })
}

/// Reads a date such as `2026-12-24`: as it is written, so that a time of the day isn't passed over
/// in silence.
///
/// # Errors
/// What is wrong with it.
pub fn date(text: &str) -> Result<civil::Date, String> {
    let read: Option<civil::Date> = text.parse().ok();
    read.filter(|date| date.to_string() == text).ok_or_else(|| no_date(text))
}

/// Reads a month such as `2026-12`, and gives its first date.
///
/// # Errors
/// What is wrong with it.
pub fn month(text: &str) -> Result<civil::Date, String> {
    date(&format!("{text}-01")).map_err(|_| "no month such as 2026-12".to_owned())
}

/// Reads what is between two moments, or one date.
///
/// # Errors
/// What is wrong with it.
pub fn range(text: &str) -> Result<Range, String> {
    if text.contains('T') {
        interval(text).map(Range::Interval)
    } else if text.contains('/') {
        dates(text).map(Range::Dates)
    } else {
        dates(&format!("{text}/P1D")).map(Range::Dates).map_err(|_| no_date(text))
    }
}

/// Reads what is between two moments, of which dates may be open, or one date.
///
/// # Errors
/// What is wrong with it.
pub fn period(text: &str) -> Result<Period, String> {
    match text.split_once('/') {
        None if text == OPEN => Ok(Period::Dates(None, None)),
        Some((OPEN, end)) => Ok(Period::Dates(None, Some(to_wire_date(date(end)?)))),
        Some((start, OPEN)) => Ok(Period::Dates(Some(to_wire_date(date(start)?)), None)),
        _ => range(text).map(|range| match range {
            Range::Interval(interval) => Period::Interval(interval),
            Range::Dates(dates) => Period::Dates(dates.start_date, dates.end_date),
        }),
    }
}

/// Where there is no first or no last date.
const OPEN: &str = "..";

fn is_length(text: &str) -> bool {
    text.starts_with('P')
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is no moment such as 2026-12-24T10:00Z"))
}

fn no_date(text: &str) -> String {
    format!("`{text}` is no date such as 2026-12-24")
}

/// Hours and less. Of slots a day has no length of its own: some have 23 hours.
fn hours(text: &str) -> Result<SignedDuration, String> {
    text.parse().map_err(|_| format!("`{text}` is no length of a slot such as PT2H or PT90M"))
}

fn days(text: &str) -> Result<Span, String> {
    text.parse().map_err(|_| format!("`{text}` is no number of days such as P3D"))
}

fn ends_too_early(text: &str) -> String {
    format!("`{text}` must end later than it begins, as 2026-12-24/2026-12-27 does")
}

/// The zone of a name of the IANA database, from the data that come with this program.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The instant at which a date begins in a zone; nothing beyond the years that are accepted.
pub fn start_of(date: civil::Date, zone: &TimeZone) -> Option<Timestamp> {
    date.to_zoned(zone.clone()).ok().map(|start| start.timestamp())
}

/// The interval of some dates in a zone; nothing beyond the years that are accepted.
pub fn interval_of(dates: v1::DateInterval, zone: &TimeZone) -> Option<v1::TimeInterval> {
    let at = |date: Option<proto::Date>| {
        start_of(from_wire_date(date?)?, zone).map(parse::to_wire_moment)
    };
    let (start, end) = (at(dates.start_date)?, at(dates.end_date)?);
    Some(v1::TimeInterval { start_time: Some(start), end_time: Some(end) })
}

/// A date as the wire carries it; nothing for what is no date.
pub fn from_wire_date(date: proto::Date) -> Option<civil::Date> {
    let proto::Date { year, month, day } = date;
    let [month, day] = [month, day].map(i8::try_from);
    civil::Date::new(i16::try_from(year).ok()?, month.ok()?, day.ok()?).ok()
}

/// A date as the wire carries it.
pub fn to_wire_date(date: civil::Date) -> proto::Date {
    let (month, day) = (date.month().into(), date.day().into());
    proto::Date { year: date.year().into(), month, day }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(year: i32, month: i32, day: i32) -> proto::Date {
        proto::Date { year, month, day }
    }

    #[test]
    fn an_interval_ends_at_an_instant_or_after_a_length() {
        let told = "2026-12-24T10:00:00Z/2026-12-24T12:00:00Z";
        for text in [
            "2026-12-24T10:00Z/2026-12-24T12:00Z",
            "2026-12-24T10:00Z/PT2H",
            "2026-12-24T11:00+01:00/PT120M",
            told,
        ] {
            assert_eq!(interval(text).unwrap().to_string(), told, "{text}");
        }
    }

    #[test]
    fn dates_end_before_a_date_or_after_a_number_of_days() {
        for text in ["2026-12-24/2026-12-27", "2026-12-24/P3D"] {
            assert_eq!(dates(text).unwrap().to_string(), "2026-12-24/2026-12-27");
        }
        assert_eq!(dates("2026-12-24/P2W").unwrap().to_string(), "2026-12-24/2027-01-07");
        assert_eq!(range("2026-12-31"), range("2026-12-31/2027-01-01"));
    }

    #[test]
    fn a_period_of_dates_may_be_open() {
        let [first, last] = [wire(2026, 12, 24), wire(2026, 12, 27)];
        assert_eq!(period("2026-12-24/.."), Ok(Period::Dates(Some(first), None)));
        assert_eq!(period("../2026-12-27"), Ok(Period::Dates(None, Some(last))));
        assert_eq!(period("2026-12-24/2026-12-27"), Ok(Period::Dates(Some(first), Some(last))));
        assert_eq!(period(".."), Ok(Period::Dates(None, None)));
        assert!(matches!(period("2026-12-24T10:00Z/PT2H"), Ok(Period::Interval(_))));
    }

    #[test]
    fn what_is_no_time_says_which_part_and_what_would_be_one() {
        let refused = |text: &str| range(text).unwrap_err();
        assert_eq!(refused("2026-13-24"), "`2026-13-24` is no date such as 2026-12-24");
        assert_eq!(refused("2026-12-24/27"), "`27` is no date such as 2026-12-24");
        assert_eq!(
            refused("2026-12-24T10:00/PT2H"),
            "`2026-12-24T10:00` is no moment such as 2026-12-24T10:00Z"
        );
        assert_eq!(
            refused("2026-12-24T10:00Z/P1D"),
            "`P1D` is no length of a slot such as PT2H or PT90M"
        );
        for backwards in ["2026-12-27/2026-12-24", "2026-12-24/PT2H", "2026-12-24/P0D"] {
            assert!(range(backwards).is_err(), "{backwards}");
        }
        assert!(refused("2026-12-27/2026-12-24").contains("must end later than it begins"));
        assert!(interval("2026-12-24T10:00Z").unwrap_err().starts_with("no end"));
        assert_eq!(month("2026-12").unwrap(), civil::date(2026, 12, 1));
        assert!(month("2026-12-24").is_err() && month("December").is_err());
    }
}
