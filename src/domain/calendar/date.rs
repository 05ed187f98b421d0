//! Civil dates, weekdays, and ranges of dates.
//!
//! A date is a number of days, so a stay is a difference of two, whatever zone it is in.
//!
//! Not here: zones, and so which date it is at an instant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A civil date: days since 1970-01-01, in the proleptic Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Date(pub i32);

impl Date {
    /// The earliest that is accepted: 0001-01-01.
    pub const MIN: Self = Self(-719_162);
    /// The latest that is accepted: 9999-12-31.
    pub const MAX: Self = Self(2_932_896);

    /// Year, month and day, from 1. After Howard Hinnant, `civil_from_days`, in
    /// "chrono-Compatible Low-Level Date Algorithms".
    pub fn civil(self) -> (i32, u8, u8) {
        let days = i64::from(self.0) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months count from March, so that a leap day comes last.
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, years) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = year_of_era + era * 400 + years;
        (year as i32, month as u8, day as u8)
    }

    /// The date of year, month and day, from 1; nothing where there is none, or none between
    /// [`Date::MIN`] and [`Date::MAX`]. The way back from [`Date::civil`], after the same source.
    pub fn of_civil(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(1..=9_999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let (year_from_march, month_from_march) =
            if month > 2 { (year, i32::from(month) - 3) } else { (year - 1, i32::from(month) + 9) };
        let era = year_from_march.div_euclid(400);
        let year_of_era = year_from_march.rem_euclid(400);
        let day_of_year = (153 * month_from_march + 2) / 5 + i32::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let date = Self(era * 146_097 + day_of_era - 719_468);
        (date.civil() == (year, month, day)).then_some(date)
    }

    /// Which day of the week it is, from 0 for Monday.
    pub fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        self.0.saturating_add(3).rem_euclid(7) as usize
    }

    /// So many days later, or earlier.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Whether it is between [`Date::MIN`] and [`Date::MAX`].
    pub fn is_sound(self) -> bool {
        (Self::MIN..=Self::MAX).contains(&self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Every day of the week.
    pub const ALL: Self = Self(0b111_1111);

    /// These, each from 0 for Monday to 6 for Sunday; others count for nothing.
    pub fn of(days: &[usize]) -> Self {
        let bits = days.iter().filter(|day| **day < 7).fold(0, |bits, day| bits | 1 << day);
        Self(bits)
    }

    /// Whether a day of the week is among them.
    pub fn contains(self, day: usize) -> bool {
        day < 7 && self.0 & 1 << day != 0
    }
}

/// Dates from one, up to and without another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRange {
    /// The first.
    pub from: Date,
    /// The one after the last.
    pub until: Date,
}

impl DateRange {
    /// Every date.
    pub const ALL: Self = Self { from: Date::MIN, until: Date(Date::MAX.0 + 1) };

    /// Whether there is a date that another has too.
    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    /// Whether there is a date in it, and none that isn't accepted.
    pub fn is_sound(self) -> bool {
        self.from < self.until && self.from >= Self::ALL.from && self.until <= Self::ALL.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_one_that_the_calendar_on_the_wall_shows() {
        let cases = [
            ((1970, 1, 1), 0, 3),
            ((2000, 2, 29), 11_016, 1),
            ((2024, 12, 31), 20_088, 1),
            ((2025, 1, 1), 20_089, 2),
            ((1, 1, 1), Date::MIN.0, 0),
            ((9_999, 12, 31), Date::MAX.0, 4),
        ];
        for ((year, month, day), days, weekday) in cases {
            let date = Date::of_civil(year, month, day).unwrap();
            assert_eq!((date.0, date.weekday()), (days, weekday), "{date}");
            assert_eq!(date.civil(), (year, month, day));
        }
        assert_eq!(Date(11_016).to_string(), "2000-02-29");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for (year, month, day) in [(2023, 2, 29), (1900, 2, 29), (2024, 13, 1), (2024, 4, 31)] {
            assert_eq!(Date::of_civil(year, month, day), None);
        }
        assert_eq!(Date::of_civil(0, 12, 31), None);
        assert_eq!(Date::of_civil(10_000, 1, 1), None);
    }
}
