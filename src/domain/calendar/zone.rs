//! Time zones, from the data that come with the server.
//!
//! Nothing is read from the system, so every server of one version says the same.
//!
//! Whoever asks finds the zone by its name, once for each look at a time. That takes a lock of the library's
//! own, for reading and for the moment of a search in a short list: the one exception to the rule that nobody
//! here waits for another. It is only written to when a zone is met for the first time. A zone that a calendar
//! kept would be one more thing beside its stored state.
//!
//! Not here: events. What follows an event never asks a zone, so new zone data change no past.

use jiff::civil;
use jiff::tz::{AmbiguousTimestamp, TimeZone, TimeZoneDatabase};

use super::date::Date;
use super::span::DAY_MS;
use crate::domain::name::ZoneName;

/// Minutes of a day by the clock on the wall.
pub const DAY_MINUTES: u16 = 24 * 60;

/// A time zone.
#[derive(Debug)]
pub struct Zone(TimeZone);

/// Whether there is a zone of this name.
pub fn is_zone(name: &ZoneName) -> bool {
    Zone::find(name).is_some()
}

impl Zone {
    /// The zone of this name, whose case doesn't matter; nothing where there is none.
    pub fn find(name: &ZoneName) -> Option<Self> {
        let found = TimeZoneDatabase::bundled().get(name.as_str()).ok()?;
        (!found.is_unknown()).then_some(Self(found))
    }

    /// Which date it is there at an instant, in milliseconds since 1970.
    pub fn date_at(&self, instant_ms: i64) -> Date {
        let instant = jiff::Timestamp::from_millisecond(instant_ms);
        let local = self.0.to_datetime(instant.unwrap_or(jiff::Timestamp::MAX)).date();
        let [month, day] = [local.month(), local.day()].map(i8::unsigned_abs);
        Date::of_civil(local.year().into(), month, day).unwrap_or(Date::MAX)
    }

    /// The instant at which a date begins. One that was left out when a zone crossed the date line
    /// begins where the next one does.
    pub fn start_of(&self, date: Date) -> i64 {
        self.opening(date, 0)
    }

    /// The instant of a time of the day, in minutes, at which something opens; times past 24:00
    /// are of the next days.
    ///
    /// Where the clocks leap over that time, it is as much later as they leap. Where they show it
    /// twice, it is the first.
    pub fn opening(&self, date: Date, minutes: u16) -> i64 {
        self.instant(date, minutes, AmbiguousTimestamp::compatible)
    }

    /// The instant of a time of the day, in minutes, at which something closes; times past 24:00
    /// are of the next days.
    ///
    /// Where the clocks leap over that time, it is as much later as they leap. Where they show it
    /// twice, it is the second.
    pub fn closing(&self, date: Date, minutes: u16) -> i64 {
        self.instant(date, minutes, AmbiguousTimestamp::later)
    }

    fn instant(
        &self,
        date: Date,
        minutes: u16,
        choose: impl FnOnce(AmbiguousTimestamp) -> Result<jiff::Timestamp, jiff::Error>,
    ) -> i64 {
        let date = date.plus((minutes / DAY_MINUTES).into());
        let minutes = minutes % DAY_MINUTES;
        let local = wall(date, minutes).map(|wall| self.0.to_ambiguous_timestamp(wall));
        let chosen = local.and_then(|local| choose(local).ok());
        // Dates outside the accepted years, which nothing that was let in gets to.
        let beyond = || i64::from(date.0) * DAY_MS + i64::from(minutes) * 60_000;
        chosen.map_or_else(beyond, jiff::Timestamp::as_millisecond)
    }
}

/// What the clock on the wall shows.
fn wall(date: Date, minutes: u16) -> Option<civil::DateTime> {
    let (year, month, day) = date.civil();
    let date = civil::Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    let [hour, minute] = [minutes / 60, minutes % 60].map(|part| i8::try_from(part).ok());
    Some(date.ok()?.at(hour?, minute?, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::find(&ZoneName::new(name).unwrap()).unwrap()
    }

    fn date(year: i32, month: u8, day: u8) -> Date {
        Date::of_civil(year, month, day).unwrap()
    }

    fn utc(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_day_begins_when_it_does_there() {
        let cases = [
            ("Europe/Lisbon", (2026, 7, 1), "2026-06-30T23:00:00Z"),
            ("Pacific/Auckland", (2026, 1, 1), "2025-12-31T11:00:00Z"),
            ("Pacific/Pago_Pago", (2026, 1, 1), "2026-01-01T11:00:00Z"),
            // Clocks leap from 24:00 to 01:00, so this day has no midnight.
            ("America/Sao_Paulo", (2018, 11, 4), "2018-11-04T03:00:00Z"),
            // Samoa had no such day, when it crossed the date line.
            ("Pacific/Apia", (2011, 12, 30), "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", (2011, 12, 31), "2011-12-30T10:00:00Z"),
        ];
        for (name, (year, month, day), begins) in cases {
            let zone = zone(name);
            let date = date(year, month, day);
            assert_eq!(zone.start_of(date), utc(begins), "{name} {date}");
            let before = zone.date_at(utc(begins) - 1);
            assert!(before < date, "{name} {date}: {before}");
            assert!(zone.date_at(utc(begins)) >= date);
        }
    }

    #[test]
    fn what_the_clocks_leap_over_is_later_and_what_they_show_twice_opens_first_and_closes_last() {
        let (zone, spring, autumn) = (zone("Europe/Berlin"), date(2026, 3, 29), date(2026, 10, 25));
        let half_past_two = 2 * 60 + 30;
        assert_eq!(zone.opening(spring, half_past_two), utc("2026-03-29T01:30:00Z"));
        assert_eq!(zone.closing(spring, half_past_two), utc("2026-03-29T01:30:00Z"));
        assert_eq!(zone.opening(autumn, half_past_two), utc("2026-10-25T00:30:00Z"));
        assert_eq!(zone.closing(autumn, half_past_two), utc("2026-10-25T01:30:00Z"));
        assert_eq!(zone.closing(autumn, DAY_MINUTES), zone.start_of(autumn.plus(1)));
        assert_eq!(zone.start_of(autumn.plus(1)) - zone.start_of(autumn), DAY_MS + 3_600_000);
        assert_eq!(zone.closing(autumn, DAY_MINUTES + 60), utc("2026-10-26T00:00:00Z"));
    }

    #[test]
    fn a_zone_that_is_none_is_not_found() {
        let find = |name: &str| Zone::find(&ZoneName::new(name).unwrap());
        assert!(find("Europe/Atlantis").is_none());
        assert!(find("Etc/Unknown").is_none());
        assert!(find("utc").is_some());
    }
}
