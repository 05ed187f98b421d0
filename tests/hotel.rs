//! Two hotels' bookings, replayed over the real command line and worked out by hand beside it.
//!
//! The files lie in the folder that `HOLDFAST_TEST_DATA` names, `../shared/data` by default. Where
//! they aren't there, `scripts/test` leaves these tests out and counts them as skipped; run by
//! themselves they say so and pass. The first 10,000 rows are replayed; `HOLDFAST_HOTEL_ROWS` says
//! another number:
//!
//! ```text
//! HOLDFAST_HOTEL_ROWS=119390 cargo test --profile trial --test hotel
//! ```
#![allow(clippy::unwrap_used)]

#[path = "support/process.rs"]
mod process;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use holdfast::proto::{self, v1};
use jiff::ToSpan;
use jiff::civil::Date;
use server::Server;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const BOOKINGS: &str = "hotel_bookings.csv.gz";
const ROOMS: &str = "hotel_rooms.csv";
const ROWS: usize = 10_000;

/// Hotel and type of room.
type Kind = (String, String);
/// Units of each night of each kind.
type Nights = BTreeMap<(Kind, Date), u32>;
type Fields = BTreeMap<String, String>;

/// The files of a replay, the bookings cut after so many rows.
struct Files {
    rooms: PathBuf,
    bookings: PathBuf,
    _folder: TempDir,
}

fn files() -> Option<Files> {
    let folder = std::env::var_os("HOLDFAST_TEST_DATA").unwrap_or("../shared/data".into());
    let [rooms, all] = [ROOMS, BOOKINGS].map(|name| Path::new(&folder).join(name));
    if let Some(missing) = [&rooms, &all].into_iter().find(|path| !path.exists()) {
        let missing = missing.display();
        println!("SKIPPED: {missing} is not there; set HOLDFAST_TEST_DATA to its folder");
        return None;
    }
    let count = std::env::var("HOLDFAST_HOTEL_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bookings = folder.path().join("bookings.csv");
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(all).unwrap()));
    let mut writer = csv::Writer::from_path(&bookings).unwrap();
    writer.write_record(reader.headers().unwrap()).unwrap();
    for record in reader.records().take(count) {
        writer.write_record(&record.unwrap()).unwrap();
    }
    writer.flush().unwrap();
    Some(Files { rooms, bookings, _folder: folder })
}

fn records(path: &Path) -> Vec<Fields> {
    csv::Reader::from_path(path).unwrap().deserialize().map(|record| record.unwrap()).collect()
}

fn rooms(files: &Files) -> BTreeMap<Kind, u32> {
    let rooms = records(&files.rooms).into_iter();
    rooms
        .map(|row| {
            ((row["hotel"].clone(), row["room_type"].clone()), row["rooms"].parse().unwrap())
        })
        .collect()
}

/// One row, as far as the rules speak of it.
struct Stay {
    kind: Kind,
    nights: Vec<Date>,
    booked_on: Date,
    status: String,
    status_on: Date,
}

impl Stay {
    fn of(row: &Fields) -> Self {
        let [arrival_month, year, day, status_on] = [
            "arrival_date_month",
            "arrival_date_year",
            "arrival_date_day_of_month",
            "reservation_status_date",
        ]
        .map(|name| row[name].as_str());
        let arrival = format!("{day} {arrival_month} {year}");
        let arrival = Date::strptime("%d %B %Y", arrival).unwrap();
        let number = |name: &str| row[name].parse::<i64>().unwrap();
        let nights = number("stays_in_weekend_nights") + number("stays_in_week_nights");
        let booked_on = arrival - number("lead_time").days();
        Self {
            kind: (row["hotel"].clone(), row["reserved_room_type"].clone()),
            nights: (0..nights).map(|night| arrival + night.days()).collect(),
            booked_on,
            status: row["reservation_status"].clone(),
            status_on: booked_on.max(status_on.parse().unwrap()),
        }
    }
}

/// The figures, by the names that scripts know them by.
#[derive(Debug, Default, PartialEq, serde::Deserialize)]
struct Figures {
    bookings_accepted: u64,
    bookings_rejected: u64,
    cancelled: u64,
    committed: u64,
    skipped: u64,
    nights_committed: u64,
    occupancy_sha256: String,
}

/// The rules, read one action after the other. What is committed comes with the figures.
fn by_hand(stays: &[Stay], rooms: &BTreeMap<Kind, u32>) -> (Figures, Nights) {
    let mut figures = Figures::default();
    let mut actions = Vec::new();
    for (row, stay) in stays.iter().enumerate() {
        if stay.nights.is_empty() {
            figures.skipped += 1;
            continue;
        }
        actions.push((stay.booked_on, row, "books"));
        actions.push((stay.status_on, row, "ends"));
    }
    // Of one row, `books` comes before `ends`, as the letters do.
    actions.sort();
    let (mut taken, mut committed) = (Nights::new(), Nights::new());
    let mut accepted = vec![false; stays.len()];
    for (_, row, action) in actions {
        let stay = &stays[row];
        let night = |date: &Date| (stay.kind.clone(), *date);
        if action == "books" {
            let is_free = |date| taken.get(&night(date)).copied().unwrap_or(0) < rooms[&stay.kind];
            accepted[row] = stay.nights.iter().all(is_free);
            if !accepted[row] {
                figures.bookings_rejected += 1;
                continue;
            }
            figures.bookings_accepted += 1;
            for date in &stay.nights {
                *taken.entry(night(date)).or_default() += 1;
            }
        } else if accepted[row] && stay.status == "Canceled" {
            figures.cancelled += 1;
            for date in &stay.nights {
                *taken.get_mut(&night(date)).unwrap() -= 1;
            }
        } else if accepted[row] {
            figures.committed += 1;
            for date in &stay.nights {
                figures.nights_committed += 1;
                *committed.entry(night(date)).or_default() += 1;
            }
        }
    }
    figures.occupancy_sha256 = digest(&committed);
    (figures, committed)
}

fn digest(committed: &Nights) -> String {
    let line = |(((hotel, kind), date), units): (&(Kind, Date), &u32)| {
        format!("{hotel},{kind},{},{units}", date.strftime("%Y-%m-%d"))
    };
    let lines: Vec<_> = committed.iter().map(line).collect();
    Sha256::digest(lines.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the command line as a user would.
fn replay(server: &Server, files: &Files, in_flight: u32) -> Figures {
    let mut command = Command::new(process::HOLDFAST);
    process::set(&mut command, &[]);
    command.args(["replay", "hotel", files.bookings.to_str().unwrap(), "-o", "json"]);
    command.args(["--rooms", files.rooms.to_str().unwrap()]);
    command.args(["--in-flight", &in_flight.to_string()]);
    command.args(["--addr", &format!("http://{}", server.grpc())]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the server has claimed of each night, from the first that anybody asks for to the last.
fn claimed(server: &Server, stays: &[Stay], rooms: &BTreeMap<Kind, u32>) -> Nights {
    let nights = || stays.iter().flat_map(|stay| &stay.nights);
    let end_date = wire(nights().max().unwrap().tomorrow().unwrap());
    let dates = v1::DateInterval {
        start_date: Some(wire(*nights().min().unwrap())),
        end_date: Some(end_date),
    };
    let mut found = Nights::new();
    server.run(async {
        let client = server.client().await;
        let calendars = client.list_calendars(v1::ListCalendarsRequest::default()).await.unwrap();
        assert_eq!(calendars.calendars.len(), rooms.len());
        for calendar in calendars.calendars {
            let (hotel, room_type) = calendar.calendar_id.rsplit_once('/').unwrap();
            let kind = (hotel.to_owned(), room_type.to_owned());
            assert_eq!(calendar.capacity, rooms[&kind]);
            let mut request = v1::GetAvailabilityRequest {
                calendar_id: calendar.calendar_id,
                range: Some(v1::get_availability_request::Range::Dates(dates)),
                page_size: 1_000,
                page_token: String::new(),
            };
            loop {
                let page = client.get_availability(request.clone()).await.unwrap();
                for night in page.availabilities.into_iter().filter(|night| night.claimed > 0) {
                    let Some(v1::availability::When::Night(date)) = night.when else { panic!() };
                    let [month, day] = [date.month, date.day].map(|part| part as i8);
                    let date = jiff::civil::date(date.year as i16, month, day);
                    found.insert((kind.clone(), date), night.claimed);
                }
                request.page_token = page.next_page_token;
                if request.page_token.is_empty() {
                    break;
                }
            }
        }
    });
    found
}

fn wire(date: Date) -> proto::Date {
    proto::Date { year: date.year().into(), month: date.month().into(), day: date.day().into() }
}

#[test]
fn one_booking_after_the_other_comes_to_exactly_what_the_rules_say() {
    let Some(files) = files() else { return };
    let rooms = rooms(&files);
    let stays: Vec<_> = records(&files.bookings).iter().map(Stay::of).collect();
    let (expected, committed) = by_hand(&stays, &rooms);
    assert!(expected.bookings_rejected > 0 && expected.cancelled > 0, "{expected:?}");
    let server = Server::start();
    assert_eq!(replay(&server, &files, 1), expected);
    assert_eq!(claimed(&server, &stays, &rooms), committed);
}

#[test]
fn side_by_side_no_room_is_sold_twice_and_the_sums_agree() {
    let Some(files) = files() else { return };
    let rooms = rooms(&files);
    let stays: Vec<_> = records(&files.bookings).iter().map(Stay::of).collect();
    let (alone, _) = by_hand(&stays, &rooms);
    let server = Server::start();
    let together = replay(&server, &files, 256);
    assert_eq!(
        together.bookings_accepted + together.bookings_rejected,
        alone.bookings_accepted + alone.bookings_rejected
    );
    assert_eq!(together.cancelled + together.committed, together.bookings_accepted);
    assert_eq!(together.skipped, alone.skipped);
    let committed = claimed(&server, &stays, &rooms);
    assert!(committed.iter().all(|((kind, _), units)| *units <= rooms[kind]));
    let nights: u64 = committed.values().map(|units| u64::from(*units)).sum();
    assert_eq!(together.nights_committed, nights);
    assert_eq!(together.occupancy_sha256, digest(&committed));
}
