//! A day of slots, drawn hour by hour.
//!
//! ```text
//! 08:00  ────────━━━━━━━━████████  0-4 of 4 claimed  0-4 free
//! ```
//!
//! A row is an hour, two characters are five minutes. The words beside it say the same, so that
//! nothing depends on the drawing, nor on colours.
//!
//! Not here: asking for it.

use std::fmt;
use std::ops::Range;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use super::moment;
use super::month::short;
use crate::cli::parse;
use crate::cli::when;
use crate::proto::v1::{self, availability::When};

const CELL_MS: i64 = 5 * 60_000;
const HOUR_MS: i64 = 60 * 60_000;

/// A day of one calendar.
#[derive(Debug, Serialize)]
pub struct Day {
    /// Which calendar.
    pub calendar_id: String,
    /// Whose date and hours these are.
    pub time_zone: String,
    /// Whether it takes no new claims.
    pub retired: bool,
    /// Which date.
    pub date: String,
    /// Its hours: 24, but for days on which the clocks change.
    pub hours: Vec<Hour>,
    #[serde(skip)]
    named: String,
}

/// An hour.
#[derive(Debug, Serialize)]
pub struct Hour {
    /// When it begins.
    pub start_time: Option<String>,
    /// Whether a rule keeps any unit from being had throughout.
    pub closed: bool,
    /// The units that there are while it is open.
    pub capacity: Bounds,
    /// The units that are claimed while it is open.
    pub claimed: Bounds,
    /// The units that a new claim can have while it is open.
    pub available: Bounds,
    #[serde(skip)]
    label: String,
    #[serde(skip)]
    strip: String,
}

/// The least and the most of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// The least.
    pub min: u32,
    /// The most.
    pub max: u32,
}

/// What is the same between two instants, in milliseconds since 1970.
struct Piece {
    time: Range<i64>,
    is_open: bool,
    capacity: u32,
    claimed: u32,
    available: u32,
}

impl Day {
    /// A day of slots, from what there is; nothing beyond the years that can be told.
    pub fn new(
        calendar: &v1::Calendar,
        date: civil::Date,
        zone: &TimeZone,
        availabilities: &[v1::Availability],
    ) -> Option<Self> {
        let (from, until) =
            (when::start_of(date, zone)?, when::start_of(date.tomorrow().ok()?, zone)?);
        let clocks_change = zone.to_offset(from) != zone.to_offset(until);
        let label = if clocks_change { "%H:%M %:z" } else { "%H:%M" };
        let pieces: Vec<_> = availabilities.iter().filter_map(Piece::new).collect();
        let starts = (0..).map_while(|hour: i64| from.checked_add(hour.hours()).ok());
        let hours = starts.take_while(|start| *start < until).map(|start| {
            let label = start.to_zoned(zone.clone()).strftime(label).to_string();
            Hour::new(start, label, &pieces)
        });
        Some(Self {
            calendar_id: calendar.calendar_id.clone(),
            time_zone: calendar.time_zone.clone(),
            retired: calendar.retired,
            date: date.to_string(),
            hours: hours.collect(),
            named: date.strftime("%A %-d %B %Y").to_string(),
        })
    }
}

impl Piece {
    fn new(availability: &v1::Availability) -> Option<Self> {
        let Some(When::Interval(interval)) = availability.when else { return None };
        let start = parse::from_wire_moment(interval.start_time?)?.as_millisecond();
        let end = parse::from_wire_moment(interval.end_time?)?.as_millisecond();
        let v1::Availability { capacity, claimed, available, .. } = *availability;
        let is_open = availability.closure() == v1::Closure::Unspecified;
        Some(Self { time: start..end, is_open, capacity, claimed, available })
    }

    fn meets(&self, time: &Range<i64>) -> bool {
        self.time.start < time.end && time.start < self.time.end
    }
}

impl Hour {
    fn new(start: Timestamp, label: String, pieces: &[Piece]) -> Self {
        let start_ms = start.as_millisecond();
        let within = start_ms..start_ms + HOUR_MS;
        let open: Vec<_> =
            pieces.iter().filter(|piece| piece.is_open && piece.meets(&within)).collect();
        let cells = (0..HOUR_MS / CELL_MS).map(|cell| start_ms + cell * CELL_MS);
        Self {
            start_time: moment(Some(parse::to_wire_moment(start))),
            closed: open.is_empty(),
            capacity: Bounds::of(open.iter().map(|piece| piece.capacity)),
            claimed: Bounds::of(open.iter().map(|piece| piece.claimed)),
            available: Bounds::of(open.iter().map(|piece| piece.available)),
            label,
            strip: cells.map(|at| mark(pieces, &(at..at + CELL_MS))).collect(),
        }
    }
}

/// Five minutes: the least that can be had in them counts.
fn mark(pieces: &[Piece], time: &Range<i64>) -> &'static str {
    let open = || pieces.iter().filter(|piece| piece.is_open && piece.meets(time));
    match open().map(|piece| piece.available).min() {
        None => "··",
        Some(0) => "██",
        Some(_) if open().any(|piece| piece.claimed > 0) => "━━",
        Some(_) => "──",
    }
}

impl Bounds {
    /// Of nothing, 0.
    fn of(units: impl Iterator<Item = u32> + Clone) -> Self {
        let (min, max) = (units.clone().min(), units.max());
        Self { min: min.unwrap_or_default(), max: max.unwrap_or_default() }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.min == self.max {
            true => f.pad(&short(self.min)),
            false => f.pad(&format!("{}-{}", short(self.min), short(self.max))),
        }
    }
}

impl Hour {
    fn taken(&self) -> String {
        match self.closed {
            true => "closed".to_owned(),
            false => format!("{} of {} claimed", self.claimed, self.capacity),
        }
    }

    fn left(&self) -> String {
        match self.available.max {
            _ if self.closed => String::new(),
            0 => "full".to_owned(),
            _ => format!("{} free", self.available),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calendar_id, time_zone, named, .. } = self;
        let retired = if self.retired { ", retired" } else { "" };
        writeln!(f, "{calendar_id}: slots of {named}, {time_zone}{retired}\n")?;
        let taken: Vec<_> = self.hours.iter().map(Hour::taken).collect();
        let width = taken.iter().map(String::len).max().unwrap_or_default();
        for (hour, taken) in self.hours.iter().zip(&taken) {
            let row = format!("{}  {}  {taken:<width$}  {}", hour.label, hour.strip, hour.left());
            writeln!(f, "{}", row.trim_end())?;
        }
        f.write_str("\n━ some claimed  ─ none claimed  █ full  · closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAY: &str = "BAY";

    fn calendar(time_zone: &str) -> v1::Calendar {
        let [calendar_id, time_zone] = [BAY, time_zone].map(str::to_owned);
        v1::Calendar { calendar_id, time_zone, ..Default::default() }
    }

    fn piece(from: &str, until: &str, claimed: u32) -> v1::Availability {
        let at = |text: &str| parse::moment(text).ok();
        let interval = v1::TimeInterval { start_time: at(from), end_time: at(until) };
        let (when, available) = (Some(When::Interval(interval)), 4 - claimed);
        v1::Availability { when, capacity: 4, claimed, available, ..Default::default() }
    }

    fn shut(from: &str, until: &str) -> v1::Availability {
        let closure = v1::Closure::Closed.into();
        v1::Availability { closure, available: 0, ..piece(from, until, 0) }
    }

    fn drawn(date: civil::Date, zone: &str, pieces: &[v1::Availability]) -> String {
        Day::new(&calendar(zone), date, &when::zone(zone).unwrap(), pieces).unwrap().to_string()
    }

    #[test]
    fn a_day_tells_each_hour_and_when_in_it() {
        let pieces = [
            shut("2026-12-24T00:00Z", "2026-12-24T08:00Z"),
            piece("2026-12-24T08:00Z", "2026-12-24T09:20Z", 0),
            piece("2026-12-24T09:20Z", "2026-12-24T09:40Z", 1),
            piece("2026-12-24T09:40Z", "2026-12-24T11:00Z", 4),
            piece("2026-12-24T11:00Z", "2026-12-24T12:02Z", 0),
            shut("2026-12-24T12:02Z", "2026-12-25T00:00Z"),
        ];
        let drawn = drawn(civil::date(2026, 12, 24), "Europe/Lisbon", &pieces);
        let lines: Vec<_> = drawn.lines().collect();
        assert_eq!(lines[..2], ["BAY: slots of Thursday 24 December 2026, Europe/Lisbon", ""]);
        assert_eq!(
            lines[9..16],
            [
                "07:00  ························  closed",
                "08:00  ────────────────────────  0 of 4 claimed    4 free",
                "09:00  ────────━━━━━━━━████████  0-4 of 4 claimed  0-4 free",
                "10:00  ████████████████████████  4 of 4 claimed    full",
                "11:00  ────────────────────────  0 of 4 claimed    4 free",
                "12:00  ──······················  0 of 4 claimed    4 free",
                "13:00  ························  closed",
            ]
        );
        assert_eq!(lines.len(), 2 + 24 + 2);
        assert_eq!(lines[27], "━ some claimed  ─ none claimed  █ full  · closed");
    }

    #[test]
    fn a_day_on_which_the_clocks_change_has_as_many_hours_as_it_lasts_and_names_them() {
        let whole = [piece("2026-01-01T00:00Z", "2027-01-01T00:00Z", 0)];
        let hours = |date, zone: &str| -> Vec<String> {
            let drawn = drawn(date, zone, &whole);
            let rows = drawn.lines().filter(|line| line.ends_with("free"));
            rows.map(|row| row.split("  ").next().unwrap().to_owned()).collect()
        };
        let spring = hours(civil::date(2026, 3, 29), "Europe/Lisbon");
        assert_eq!((spring.len(), &*spring[0], &*spring[1]), (23, "00:00 +00:00", "02:00 +01:00"));
        let autumn = hours(civil::date(2026, 10, 25), "Europe/Lisbon");
        assert_eq!((autumn.len(), &*autumn[1], &*autumn[2]), (25, "01:00 +01:00", "01:00 +00:00"));
    }

    #[test]
    fn the_widest_row_fits_into_80_columns() {
        let most = |claimed, available| v1::Availability {
            capacity: 8_888,
            available,
            ..piece("2026-10-25T00:00Z", "2026-10-25T23:00Z", claimed)
        };
        let mut pieces = [most(0, 8_888), most(4, 1_000)];
        pieces[1].claimed = 7_888;
        let drawn = drawn(civil::date(2026, 10, 25), "Europe/Lisbon", &pieces);
        assert!(drawn.contains("0-7888 of 8888 claimed  1000-8888 free"), "{drawn}");
        let widest = drawn.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}");
    }
}
