//! A month of a calendar, drawn week by week.
//!
//! ```text
//! Mon        Tue        Wed
//! 7  ██████  8  ━━━───  9  ······
//! 10/10      5/10       2/10
//! full       5 free     closed
//! ```
//!
//! Of nights, each is told by its units; of slots, a day by how much of its time is taken. The bar
//! repeats what the words say, so that nothing depends on it, nor on colours.
//!
//! Not here: asking for it.

use std::fmt;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use crate::cli::parse;
use crate::cli::when;
use crate::proto::v1::{self, availability::When};

/// Columns from one day to the next; a week is 77 wide.
const PITCH: usize = 11;
const BAR_CELLS: u64 = 6;
const MINUTE_MS: i64 = 60_000;

/// A month of one calendar.
#[derive(Debug, Serialize)]
pub struct Month<D> {
    /// Which calendar.
    pub calendar_id: String,
    /// Whose dates these are.
    pub time_zone: String,
    /// Whether it takes no new claims.
    pub retired: bool,
    /// Which month, such as `2026-12`.
    pub month: String,
    /// Its days, from the first on.
    pub days: Vec<D>,
    #[serde(skip)]
    first: civil::Date,
}

/// A night.
#[derive(Debug, Serialize)]
pub struct Night {
    /// The date on which it begins.
    pub night: String,
    /// The units that there are.
    pub capacity: u32,
    /// The units that may be claimed beyond those.
    pub overbooking: u32,
    /// The units that are claimed.
    pub claimed: u32,
    /// The units that a new claim can have.
    pub available: u32,
    /// Whether a rule keeps any from being had.
    pub closed: bool,
}

/// A day of slots.
#[derive(Debug, Serialize)]
pub struct Occupancy {
    /// Which date.
    pub date: String,
    /// For how long it is open, in minutes.
    pub open_minutes: i64,
    /// For how long at least one unit can be had, in minutes.
    pub free_minutes: i64,
    /// How much of the units' open time is claimed, in percent.
    pub used_percent: u64,
    #[serde(skip)]
    has_units: bool,
}

/// What a day's place in the month shows: how much of it is taken, and two lines of words.
struct Cell {
    bar: String,
    taken: String,
    left: String,
}

/// A day, as its place in the month shows it.
trait Drawn {
    /// What the calendar counts.
    const KIND: &'static str;
    /// What the words mean.
    const LEGEND: &'static str;

    fn cell(&self) -> Cell;
}

impl Month<Night> {
    /// A month of nights, from its first date and what there is.
    pub fn of_nights(
        calendar: &v1::Calendar,
        first: civil::Date,
        availabilities: &[v1::Availability],
    ) -> Self {
        Self::new(calendar, first, availabilities.iter().map(Night::new).collect())
    }
}

impl Month<Occupancy> {
    /// A month of slots, from its first date and what there is; nothing beyond the years that can be
    /// told.
    pub fn of_slots(
        calendar: &v1::Calendar,
        first: civil::Date,
        zone: &TimeZone,
        availabilities: &[v1::Availability],
    ) -> Option<Self> {
        let days = (0..first.days_in_month()).map(|day| {
            let date = first.checked_add(day.days()).ok()?;
            Occupancy::new(date, zone, availabilities)
        });
        Some(Self::new(calendar, first, days.collect::<Option<_>>()?))
    }
}

impl<D> Month<D> {
    fn new(calendar: &v1::Calendar, first: civil::Date, days: Vec<D>) -> Self {
        Self {
            calendar_id: calendar.calendar_id.clone(),
            time_zone: calendar.time_zone.clone(),
            retired: calendar.retired,
            month: first.strftime("%Y-%m").to_string(),
            days,
            first,
        }
    }
}

impl Night {
    fn new(availability: &v1::Availability) -> Self {
        let v1::Availability { capacity, overbooking, claimed, available, .. } = *availability;
        let night = match availability.when {
            Some(When::Night(date)) => date.to_string(),
            Some(When::Interval(_)) | None => String::new(),
        };
        let closed = availability.closure() != v1::Closure::Unspecified;
        Self { night, capacity, overbooking, claimed, available, closed }
    }
}

impl Drawn for Night {
    const KIND: &'static str = "nights";
    const LEGEND: &'static str = "5/10: 5 of 10 claimed; free: what a new claim can have";

    fn cell(&self) -> Cell {
        let Self { capacity, overbooking, claimed, available, .. } = *self;
        let limit = capacity.saturating_add(overbooking);
        let (bar, left) = match available {
            _ if self.closed => (closed_bar(), "closed".to_owned()),
            0 if limit == 0 && claimed == 0 => (String::new(), "none".to_owned()),
            0 if claimed > limit => (bar(1, 1), format!("{} over", short(claimed - limit))),
            0 => (bar(1, 1), "full".to_owned()),
            free => {
                let all = u64::from(claimed) + u64::from(free);
                (bar(claimed.into(), all), format!("{} free", short(free)))
            }
        };
        Cell { bar, taken: format!("{}/{}", short(claimed), short(capacity)), left }
    }
}

impl Occupancy {
    fn new(
        date: civil::Date,
        zone: &TimeZone,
        availabilities: &[v1::Availability],
    ) -> Option<Self> {
        let (from, until) =
            (when::start_of(date, zone)?, when::start_of(date.tomorrow().ok()?, zone)?);
        let [mut open_ms, mut free_ms] = [0_i64; 2];
        let [mut used, mut all] = [0_u128; 2];
        for piece in availabilities {
            let Some(length_ms) = shared_ms(piece, from, until) else { continue };
            if piece.closure() != v1::Closure::Unspecified {
                continue;
            }
            open_ms += length_ms;
            free_ms += if piece.available > 0 { length_ms } else { 0 };
            used += u128::from(piece.claimed) * u128::from(length_ms.unsigned_abs());
            all += u128::from(piece.capacity) * u128::from(length_ms.unsigned_abs());
        }
        Some(Self {
            date: date.to_string(),
            open_minutes: open_ms / MINUTE_MS,
            free_minutes: free_ms / MINUTE_MS,
            used_percent: u64::try_from(percent(used, all)).unwrap_or(u64::MAX),
            has_units: all > 0,
        })
    }
}

/// How long a piece is between two instants, in milliseconds.
fn shared_ms(piece: &v1::Availability, from: Timestamp, until: Timestamp) -> Option<i64> {
    let Some(When::Interval(interval)) = piece.when else { return None };
    let start = parse::from_wire_moment(interval.start_time?)?.max(from);
    let end = parse::from_wire_moment(interval.end_time?)?.min(until);
    (start < end).then(|| end.as_millisecond() - start.as_millisecond())
}

/// Rounded, but to 0 or 100 only where it is.
fn percent(used: u128, all: u128) -> u128 {
    if all == 0 || used == 0 {
        return 0;
    }
    let rounded = (used * 100 + all / 2) / all;
    if used < all { rounded.clamp(1, 99) } else { rounded }
}

impl Drawn for Occupancy {
    const KIND: &'static str = "slots";
    const LEGEND: &'static str =
        "% used: of the open time of all units; free: how long one is, h:mm";

    fn cell(&self) -> Cell {
        let Self { open_minutes, free_minutes, used_percent, has_units, .. } = *self;
        if open_minutes == 0 {
            return Cell { bar: closed_bar(), taken: String::new(), left: "closed".to_owned() };
        }
        if !has_units {
            return Cell { bar: String::new(), taken: String::new(), left: "none".to_owned() };
        }
        let left = match free_minutes {
            0 => "full".to_owned(),
            free => format!("{}:{:02} free", free / 60, free % 60),
        };
        Cell { bar: bar(used_percent, 100), taken: format!("{used_percent} % used"), left }
    }
}

fn closed_bar() -> String {
    "·".repeat(BAR_CELLS as usize)
}

/// How much is taken: nothing is drawn only where nothing is, and it is solid only where all is.
fn bar(taken: u64, all: u64) -> String {
    if taken >= all {
        return "█".repeat(BAR_CELLS as usize);
    }
    let rounded = (u128::from(taken) * u128::from(BAR_CELLS)).div_ceil(u128::from(all));
    let drawn = rounded.min(u128::from(BAR_CELLS) - 1) as usize;
    "━".repeat(drawn) + &"─".repeat(BAR_CELLS as usize - drawn)
}

/// In four characters at the most: thousands, millions and billions are rounded down.
pub(super) fn short(units: u32) -> String {
    match units {
        0..10_000 => units.to_string(),
        10_000..1_000_000 => format!("{}k", units / 1_000),
        1_000_000..1_000_000_000 => format!("{}M", units / 1_000_000),
        _ => format!("{}G", units / 1_000_000_000),
    }
}

impl<D: Drawn> fmt::Display for Month<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calendar_id, time_zone, first, .. } = self;
        let retired = if self.retired { ", retired" } else { "" };
        let month = first.strftime("%B %Y");
        writeln!(f, "{calendar_id}: {} of {month}, {time_zone}{retired}\n", D::KIND)?;
        write_row(f, &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])?;
        let before = self.first.weekday().to_monday_zero_offset() as usize;
        let blank = (0..before).map(|_| None);
        let days = self.days.iter().enumerate().map(|(day, drawn)| Some((day + 1, drawn.cell())));
        let cells: Vec<_> = blank.chain(days).collect();
        for week in cells.chunks(7) {
            write_week(f, week)?;
        }
        write!(f, "━ claimed  ─ free  █ full  · closed\n{}", D::LEGEND)
    }
}

fn write_week(f: &mut fmt::Formatter<'_>, week: &[Option<(usize, Cell)>]) -> fmt::Result {
    let row = |line: fn(&(usize, Cell)) -> String| -> Vec<String> {
        week.iter().map(|cell| cell.as_ref().map(line).unwrap_or_default()).collect()
    };
    write_row(f, &row(|(day, cell)| format!("{day:<2} {}", cell.bar)))?;
    write_row(f, &row(|(_, cell)| cell.taken.clone()))?;
    write_row(f, &row(|(_, cell)| cell.left.clone()))?;
    writeln!(f)
}

/// One line of a week; nothing stands at its end.
fn write_row(f: &mut fmt::Formatter<'_>, cells: &[impl fmt::Display]) -> fmt::Result {
    let line: String = cells.iter().map(|cell| format!("{:<PITCH$}", cell.to_string())).collect();
    writeln!(f, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(id: &str) -> v1::Calendar {
        let [calendar_id, time_zone] = [id, "Europe/Lisbon"].map(str::to_owned);
        v1::Calendar { calendar_id, time_zone, ..Default::default() }
    }

    fn date(day: i8) -> civil::Date {
        civil::date(2026, 12, day)
    }

    /// Ten rooms, of which so many are claimed.
    fn night(day: i8, claimed: u32) -> v1::Availability {
        let when = Some(When::Night(when::to_wire_date(date(day))));
        let available = 10_u32.saturating_sub(claimed);
        v1::Availability { when, capacity: 10, claimed, available, ..Default::default() }
    }

    #[test]
    fn a_month_of_nights_tells_what_is_claimed_free_and_closed() {
        let mut nights: Vec<_> = (1..=31).map(|day| night(day, 0)).collect();
        nights[9] = night(10, 1);
        nights[10] = night(11, 9);
        nights[11] = night(12, 10);
        nights[12] = v1::Availability { overbooking: 1, available: 1, ..night(13, 10) };
        nights[13] = night(14, 12);
        let closed = v1::Closure::Closed.into();
        nights[23] = v1::Availability { closure: closed, available: 0, ..night(24, 2) };
        nights[30] = v1::Availability { capacity: 0, available: 0, ..night(31, 0) };
        let month = Month::of_nights(&calendar("DOUBLE"), date(1), &nights);
        assert_eq!(
            month.to_string(),
            "\
DOUBLE: nights of December 2026, Europe/Lisbon

Mon        Tue        Wed        Thu        Fri        Sat        Sun
           1  ──────  2  ──────  3  ──────  4  ──────  5  ──────  6  ──────
           0/10       0/10       0/10       0/10       0/10       0/10
           10 free    10 free    10 free    10 free    10 free    10 free

7  ──────  8  ──────  9  ──────  10 ━─────  11 ━━━━━─  12 ██████  13 ━━━━━─
0/10       0/10       0/10       1/10       9/10       10/10      10/10
10 free    10 free    10 free    9 free     1 free     full       1 free

14 ██████  15 ──────  16 ──────  17 ──────  18 ──────  19 ──────  20 ──────
12/10      0/10       0/10       0/10       0/10       0/10       0/10
2 over     10 free    10 free    10 free    10 free    10 free    10 free

21 ──────  22 ──────  23 ──────  24 ······  25 ──────  26 ──────  27 ──────
0/10       0/10       0/10       2/10       0/10       0/10       0/10
10 free    10 free    10 free    closed     10 free    10 free    10 free

28 ──────  29 ──────  30 ──────  31
0/10       0/10       0/10       0/0
10 free    10 free    10 free    none

━ claimed  ─ free  █ full  · closed
5/10: 5 of 10 claimed; free: what a new claim can have"
        );
    }

    /// Between two times of December in Lisbon, where the clocks then show UTC.
    fn slot((from, until): (&str, &str), capacity: u32, claimed: u32) -> v1::Availability {
        let at = |text: &str| parse::moment(&format!("2026-12-{text}:00Z")).ok();
        let interval = v1::TimeInterval { start_time: at(from), end_time: at(until) };
        let when = Some(When::Interval(interval));
        v1::Availability {
            when,
            capacity,
            claimed,
            available: capacity - claimed,
            ..Default::default()
        }
    }

    fn shut(time: (&str, &str)) -> v1::Availability {
        v1::Availability {
            closure: v1::Closure::OutsideHours.into(),
            available: 0,
            ..slot(time, 4, 0)
        }
    }

    #[test]
    fn a_month_of_slots_tells_how_much_of_each_days_open_time_is_taken() {
        let pieces = [
            shut(("01T00:00", "01T08:00")),
            slot(("01T08:00", "01T10:00"), 4, 1),
            slot(("01T10:00", "01T12:00"), 4, 4),
            slot(("01T12:00", "01T18:30"), 4, 0),
            // Over midnight: each day has its part.
            shut(("01T18:30", "03T00:00")),
            slot(("03T00:00", "04T00:00"), 4, 4),
            slot(("04T00:00", "04T23:59"), 4, 4),
            slot(("04T23:59", "06T00:00"), 4, 0),
            slot(("06T00:00", "07T00:00"), 0, 0),
        ];
        let zone = when::zone("Europe/Lisbon").unwrap();
        let month = Month::of_slots(&calendar("BAY"), date(1), &zone, &pieces).unwrap();
        let drawn = month.to_string();
        let lines: Vec<_> = drawn.lines().take(6).collect();
        assert_eq!(
            lines,
            [
                "BAY: slots of December 2026, Europe/Lisbon",
                "",
                "Mon        Tue        Wed        Thu        Fri        Sat        Sun",
                "           1  ━━────  2  ······  3  ██████  4  ━━━━━─  5  ──────  6",
                "           24 % used             100 % used 99 % used  0 % used",
                "           8:30 free  closed     full       0:01 free  24:00 free none",
            ]
        );
    }

    #[test]
    fn the_widest_units_fit_into_80_columns() {
        let most = 1_000_000_000;
        let full = |day| v1::Availability {
            capacity: most,
            overbooking: most,
            available: most + 1,
            ..night(day, 999_999_999)
        };
        let nights: Vec<_> = (1..=31).map(full).collect();
        let drawn = Month::of_nights(&calendar("HALL"), date(1), &nights).to_string();
        assert!(drawn.contains("999M/1G    999M/1G") && drawn.contains("1G free"), "{drawn}");
        let widest = drawn.lines().skip(2).map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}");
    }
}
