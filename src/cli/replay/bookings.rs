//! Reads the rooms and the bookings of hotels, and says what is done with each booking when.
//!
//! ```text
//!   a row ──▶ book, on arrival − lead time ──▶ cancel or commit, on the date of its status,
//!                                              which is never before it was booked
//! ```
//!
//! The files are read and checked whole before anything is done with them. A row of no nights is no
//! booking: it is checked for itself and skipped, whatever its room.
//!
//! Not here: the server. What this gives is the same whatever the server says.

use std::collections::{HashMap, HashSet};

use super::table::{self, Broken};
use crate::domain::calendar::{Date, NIGHTS_MAX, UNITS_MAX};
use crate::domain::name::CalendarId;

const ROOM_COLUMNS: [&str; 3] = ["hotel", "room_type", "rooms"];
const BOOKING_COLUMNS: [&str; 10] = [
    "hotel",
    "lead_time",
    "arrival_date_year",
    "arrival_date_month",
    "arrival_date_day_of_month",
    "stays_in_weekend_nights",
    "stays_in_week_nights",
    "reserved_room_type",
    "reservation_status",
    "reservation_status_date",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Rooms of one type in one hotel. They sort as their hotels and types do, byte by byte.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RoomType {
    pub(super) hotel: String,
    pub(super) room_type: String,
    pub(super) calendar: CalendarId,
    pub(super) rooms: u32,
}

/// One row that asks for nights.
#[derive(Debug, PartialEq)]
pub(super) struct Booking {
    /// Where its row begins in the file.
    pub(super) line: u64,
    /// The place of its type among the room types.
    pub(super) room_type: usize,
    pub(super) check_in: Date,
    pub(super) check_out: Date,
    booked_on: Date,
    pub(super) end: End,
    ended_on: Date,
}

/// How a booking ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Cancelled,
    Committed,
}

/// All bookings of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Bookings {
    /// In the order of their rows.
    pub(super) bookings: Vec<Booking>,
    /// How many rows have no nights.
    pub(super) skipped: u64,
}

/// What is done with one booking. They sort in the order in which they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Action {
    on: Date,
    /// The booking's place among all.
    pub(super) booking: usize,
    pub(super) step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Book,
    End,
}

impl Booking {
    /// How many nights it is for.
    pub(super) fn nights(&self) -> u64 {
        self.check_in.0.abs_diff(self.check_out.0).into()
    }
}

impl Bookings {
    /// Everything that is done, in order: by date, on one date by row, and of one row the booking
    /// first.
    pub(super) fn actions(&self) -> Vec<Action> {
        let of_one =
            |(booking, asked): (usize, &Booking)| {
                [(asked.booked_on, Step::Book), (asked.ended_on, Step::End)]
                    .map(|(on, step)| Action { on, booking, step })
            };
        let mut actions: Vec<_> = self.bookings.iter().enumerate().flat_map(of_one).collect();
        actions.sort_unstable();
        actions
    }
}

/// Reads the table of rooms; gives the types in their order.
///
/// # Errors
/// [`Broken`], with the first row that is.
pub(super) fn read_rooms(data: &[u8]) -> Result<Vec<RoomType>, Broken> {
    let (mut types, mut calendars) = (Vec::new(), HashSet::new());
    table::read_rows(data, ROOM_COLUMNS, |_, [hotel, room_type, rooms]| {
        let calendar = CalendarId::new(&format!("{hotel}/{room_type}"))
            .map_err(|error| format!("hotel and room type together {error}"))?;
        if !calendars.insert(calendar.clone()) {
            return Err(format!("the rooms of {calendar} were told before"));
        }
        let rooms = number("rooms", rooms)?;
        if rooms > UNITS_MAX {
            return Err(format!("{rooms} rooms are too many: a calendar has {UNITS_MAX} at most"));
        }
        let (hotel, room_type) = (hotel.to_owned(), room_type.to_owned());
        types.push(RoomType { hotel, room_type, calendar, rooms });
        Ok(())
    })?;
    types.sort_unstable();
    Ok(types)
}

/// Reads bookings of rooms of these types.
///
/// # Errors
/// [`Broken`], with the first row that is, or that asks for a room of no such type.
pub(super) fn read_bookings(data: &[u8], types: &[RoomType]) -> Result<Bookings, Broken> {
    let places: HashMap<_, _> = types
        .iter()
        .enumerate()
        .map(|(place, kind)| ((kind.hotel.as_str(), kind.room_type.as_str()), place))
        .collect();
    let (mut bookings, mut skipped) = (Vec::new(), 0);
    table::read_rows(data, BOOKING_COLUMNS, |line, fields| {
        let Row { hotel, room_type, check_in, nights, booked_on, end, ended_on } =
            Row::read(fields)?;
        if nights == 0 {
            skipped += 1;
            return Ok(());
        }
        let place = places.get(&(hotel, room_type));
        let room_type = *place.ok_or_else(|| {
            format!("the table of rooms has no room type `{room_type}` of `{hotel}`")
        })?;
        let check_out = check_in.plus(nights);
        if !check_out.is_sound() {
            return Err("the stay ends beyond the year 9999".to_owned());
        }
        bookings.push(Booking { line, room_type, check_in, check_out, booked_on, end, ended_on });
        Ok(())
    })?;
    Ok(Bookings { bookings, skipped })
}

/// One row's fields, checked for themselves.
struct Row<'a> {
    hotel: &'a str,
    room_type: &'a str,
    check_in: Date,
    nights: i32,
    booked_on: Date,
    end: End,
    ended_on: Date,
}

impl<'a> Row<'a> {
    fn read(fields: [&'a str; BOOKING_COLUMNS.len()]) -> Result<Self, String> {
        let [
            hotel,
            lead_time,
            year,
            month,
            day,
            weekend_nights,
            week_nights,
            room_type,
            status,
            on,
        ] = fields;
        let check_in = arrival(year, month, day)?;
        // It only has to sort, so one before the first year is as good as any.
        let booked_on = Date(check_in.0.saturating_sub_unsigned(number("lead_time", lead_time)?));
        let nights = number("stays_in_weekend_nights", weekend_nights)?
            .saturating_add(number("stays_in_week_nights", week_nights)?);
        if nights > NIGHTS_MAX {
            return Err(format!("a stay of {nights} nights is too long: {NIGHTS_MAX} is the most"));
        }
        Ok(Self {
            hotel,
            room_type,
            check_in,
            nights: nights.cast_signed(),
            booked_on,
            end: end(status)?,
            ended_on: status_date(on)?.max(booked_on),
        })
    }
}

fn number(column: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{column} is no whole number: `{text}`"))
}

fn arrival(year: &str, month: &str, day: &str) -> Result<Date, String> {
    let month_number = MONTHS.iter().zip(1..).find(|(name, _)| **name == month);
    let date = || Date::of_civil(year.parse().ok()?, month_number?.1, day.parse().ok()?);
    date().ok_or_else(|| {
        format!("the arrival is no date such as 2015, July, 1: {year}, {month}, {day}")
    })
}

fn end(status: &str) -> Result<End, String> {
    match status {
        "Canceled" => Ok(End::Cancelled),
        "Check-Out" | "No-Show" => Ok(End::Committed),
        _ => Err(format!(
            "reservation_status is none of Canceled, Check-Out and No-Show: `{status}`"
        )),
    }
}

fn status_date(text: &str) -> Result<Date, String> {
    let date = || {
        let [year, month, day] = text.split('-').collect::<Vec<_>>().try_into().ok()?;
        Date::of_civil(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    };
    date().ok_or_else(|| format!("reservation_status_date is no date such as 2015-07-01: `{text}`"))
}
