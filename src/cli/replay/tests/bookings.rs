//! What rooms and bookings are read as, and where they are found broken.

use super::{BOOKINGS_HEADER, ROOMS, bookings};
use crate::cli::replay::bookings::{Bookings, RoomType, Step, read_bookings, read_rooms};

fn rooms() -> Vec<RoomType> {
    read_rooms(ROOMS.as_bytes()).unwrap()
}

fn read(file: &str) -> Bookings {
    read_bookings(file.as_bytes(), &rooms()).unwrap()
}

/// The line that is broken, and why.
fn broken(file: &str) -> (u64, String) {
    let broken = read_bookings(file.as_bytes(), &rooms()).unwrap_err();
    (broken.line, broken.cause)
}

#[test]
fn a_booking_is_made_so_long_before_its_arrival_and_ends_not_before_that() {
    let file = bookings(&[
        ("City,A", 60, 1, 30, "Check-Out", "2016-03-31"),
        ("Sea,A", 0, 1, 0, "Canceled", "2016-02-01"),
        ("City,A", 0, 1, 1, "Canceled", "2016-01-01"),
        ("City,A", 1, 2, 1, "No-Show", "2016-03-02"),
    ]);
    let read = read(&file);
    assert_eq!((read.bookings.len(), read.skipped), (3, 1));
    let stay = &read.bookings[0];
    assert_eq!(format!("{:?}..{:?}", stay.check_in, stay.check_out), "2016-03-01..2016-03-31");
    assert_eq!((stay.line, stay.nights(), stay.room_type), (2, 30, 0));
    let actions = read.actions();
    let told: Vec<_> = actions.iter().map(|action| (action.booking, action.step)).collect();
    let (book, end) = (Step::Book, Step::End);
    // The second ends on the day on which it is made, before the third is made on the same day.
    assert_eq!(told, [(0, book), (1, book), (1, end), (2, book), (2, end), (0, end)]);
}

#[test]
fn room_types_stand_in_the_order_of_hotel_and_type() {
    let rooms = rooms();
    let told: Vec<_> = rooms.iter().map(|kind| (kind.calendar.as_str(), kind.rooms)).collect();
    assert_eq!(told, [("City/A", 2), ("City/B", 2), ("Sea/A", 1)]);
}

#[test]
fn a_broken_row_of_a_table_of_rooms_is_named_by_its_line() {
    let long = "x".repeat(200);
    for (row, why) in [
        ("Sea,A,2", "the rooms of Sea/A were told before"),
        ("Sea,C,-1", "rooms is no whole number: `-1`"),
        ("Sea,C,1000000001", "1000000001 rooms are too many"),
        ("Sea,C", "it has 2 columns where the header has 3"),
        (&format!("{long},C,1"), "hotel and room type together"),
    ] {
        let broken = read_rooms(format!("{ROOMS}\n\n{row}\nSea,D,1").as_bytes()).unwrap_err();
        assert_eq!(broken.line, 6, "{row}");
        assert!(broken.cause.contains(why), "{}", broken.cause);
    }
}

#[test]
fn a_broken_booking_is_named_by_the_line_it_begins_on() {
    let good = "2016-03-02,Canceled,City,B,1,2016,March,1,\"two\nlines\",1,1";
    for (bad, why) in [
        ("2016-03-02,Canceled,Sea,B,1,2016,March,1,x,1,1", "no room type `B` of `Sea`"),
        ("2016-03-02,Canceled,City,B,-1,2016,March,1,x,1,1", "lead_time is no whole number: `-1`"),
        ("2016-03-02,Canceled,City,B,1,2016,Mars,1,x,1,1", "the arrival is no date"),
        ("2016-03-02,Canceled,City,B,1,2015,February,29,x,1,1", "2015, February, 29"),
        ("2016-03-02,Canceled,City,B,1,2016,March,1,x,1.5,1", "stays_in_weekend_nights"),
        ("2016-03-02,Canceled,City,B,1,2016,March,1,x,200,201", "401 nights is too long"),
        ("2016-03-02,Canceled,City,B,1,9999,December,31,x,0,1", "beyond the year 9999"),
        ("2016-03-02,Checked,City,B,1,2016,March,1,x,1,1", "none of Canceled, Check-Out"),
        ("2016-03-32,Canceled,City,B,1,2016,March,1,x,1,1", "reservation_status_date is no date"),
        ("2016-03-02,Canceled,City,B,1,2016,March,1,x,1", "it has 10 columns"),
        ("2016-03-02,Lost,Moon,B,1,2016,March,1,x,0,0", "none of Canceled, Check-Out"),
    ] {
        let file = [BOOKINGS_HEADER, good, "", bad, good].join("\n");
        let (line, cause) = broken(&file);
        assert_eq!(line, 5, "{bad}");
        assert!(cause.contains(why), "{cause}");
    }
    assert_eq!(broken("hotel,lead_time\n").1, "there is no column `arrival_date_year`");
}

#[test]
fn a_row_of_no_nights_is_skipped_whatever_its_room() {
    let file = bookings(&[("Moon,A", 0, 1, 0, "Check-Out", "2016-03-01")]);
    assert_eq!(read(&file), Bookings { bookings: Vec::new(), skipped: 1 });
}
