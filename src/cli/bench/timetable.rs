//! Which slot and which stay has which number, so that what is measured is granted.
//!
//! ```text
//!   a bay, day by day       │##│ 0│..│..│    ## is taken before the measurement, on 100 days;
//!   in quarters of an hour  │##│ 1│..│..│    then each day has a quarter in its turn, and after 100
//!                           │##│ 2│..│..│    the first day has its next
//!
//!   a hotel, room by room   │#│##│###│####│#####│######│#######│#│##│…
//!   in nights                │#│##│###│####│#####│######│#######│#│##│…
//! ```
//!
//! A room's stays are of 1 to 7 nights, one after the other; the next room's begin a night later. Half of
//! a hotel's rooms are taken before the measurement, in groups of five, which makes a fifth of the claims
//! that single rooms would. After the last number all begins anew, and what was had before is refused.
//!
//! Not here: whose slot or stay it is.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::calendar::{Date, Span};
use crate::domain::time::Timestamp;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const QUARTER_MS: u64 = 15 * 60 * 1_000;
const QUARTERS_OF_A_DAY: u32 = 96;
/// How many days a bay is used for.
const BAY_DAYS: u32 = 100;

/// How many rooms a hotel has.
pub(super) const ROOMS: u32 = 50;
/// How many rooms a group takes.
pub(super) const ROOMS_OF_A_GROUP: u32 = 5;
const STAYS_OF_A_ROUND: u32 = 7;
/// One night, two nights, and so on to seven.
const NIGHTS_OF_A_ROUND: u32 = 28;
/// With the nights by which rooms differ, two years.
const ROUNDS: u32 = 25;
const STAYS_OF_A_ROOM: u32 = ROUNDS * STAYS_OF_A_ROUND;

/// The time that calendars are used for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timetable {
    first_day: u32,
}

impl Timetable {
    /// From tomorrow on.
    pub(super) fn from_tomorrow() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let today = u32::try_from(now.as_millis() / u128::from(DAY_MS)).unwrap_or_default();
        Self { first_day: today + 1 }
    }

    /// The slots of a bay that are taken before the measurement.
    pub(super) fn first_slots(self) -> impl Iterator<Item = Span> {
        (0..BAY_DAYS).map(move |day| self.quarter(day, 0))
    }

    /// A slot of a bay for the measurement, by its number.
    pub(super) fn slot(self, number: u32) -> Span {
        let (round, day) = (number / BAY_DAYS, number % BAY_DAYS);
        self.quarter(day, 1 + round % (QUARTERS_OF_A_DAY - 1))
    }

    fn quarter(self, day: u32, nth: u32) -> Span {
        let begin_ms = u64::from(self.first_day + day) * DAY_MS + u64::from(nth) * QUARTER_MS;
        Span::Slots { start: Timestamp(begin_ms), end: Timestamp(begin_ms + QUARTER_MS) }
    }

    /// The stays in a hotel that are taken before the measurement, of a group each.
    pub(super) fn first_stays(self) -> impl Iterator<Item = Span> {
        let groups = ROOMS / 2 / ROOMS_OF_A_GROUP;
        (0..groups * STAYS_OF_A_ROOM).map(move |number| self.stay(number))
    }

    /// A stay in a hotel for the measurement, by its number.
    pub(super) fn stay(self, number: u32) -> Span {
        let (room, stay) = (number / STAYS_OF_A_ROOM % (ROOMS / 2), number % STAYS_OF_A_ROOM);
        let (round, before) = (stay / STAYS_OF_A_ROUND, stay % STAYS_OF_A_ROUND);
        let nights_before = before * (before + 1) / 2;
        let night = room % NIGHTS_OF_A_ROUND + round * NIGHTS_OF_A_ROUND + nights_before;
        let check_in = Date(self.first_day.cast_signed()).plus(night.cast_signed());
        Span::Nights { check_in, check_out: check_in.plus(before.cast_signed() + 1) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    /// How many units are taken at each moment, in steps.
    fn taken(spans: impl Iterator<Item = (Span, u32)>, step: i64) -> HashMap<i64, u32> {
        let mut taken = HashMap::new();
        for (span, units) in spans {
            for moment in span.from() / step..span.to() / step {
                *taken.entry(moment).or_default() += units;
            }
        }
        taken
    }

    #[test]
    fn a_bay_has_every_quarter_once_and_a_hundred_before() {
        let timetable = Timetable::from_tomorrow();
        assert_eq!(timetable.first_slots().count(), 100);
        let measured = (0..BAY_DAYS * (QUARTERS_OF_A_DAY - 1)).map(|nth| timetable.slot(nth));
        let all = timetable.first_slots().chain(measured).map(|span| (span, 1));
        let taken = taken(all, QUARTER_MS as i64);
        assert_eq!(taken.len() as u32, BAY_DAYS * QUARTERS_OF_A_DAY);
        assert!(taken.values().all(|units| *units == 1));
    }

    #[test]
    fn a_hotel_is_half_full_before_and_never_more_than_full() {
        let timetable = Timetable::from_tomorrow();
        let first = || timetable.first_stays().map(|span| (span, ROOMS_OF_A_GROUP));
        let nights = ROUNDS * NIGHTS_OF_A_ROUND;
        let half = taken(first(), 1);
        assert!(half.len() as u32 >= nights && half.len() <= 730);
        let full = half.values().filter(|units| **units == ROOMS / 2).count();
        assert!(full as u32 >= nights - NIGHTS_OF_A_ROUND, "{full}");
        let lengths: HashSet<_> = first().map(|(span, _)| span.to() - span.from()).collect();
        assert_eq!(lengths, HashSet::from_iter(1..=7));
        let measured = (0..STAYS_OF_A_ROOM * ROOMS / 2).map(|nth| (timetable.stay(nth), 1));
        let all = taken(first().chain(measured), 1);
        assert!(all.len() <= 730 && all.values().all(|units| *units <= ROOMS));
    }
}
