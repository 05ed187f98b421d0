//! `holdfast replay hotel`: the bookings of hotels.
//!
//! Each type of rooms is a calendar of nights, each row a reservation of one room that ends cancelled
//! or committed (see [`super::bookings`]). One after the other the figures are exact and can be worked
//! out by hand; side by side nothing may be sold twice and the sums must agree, which is checked at
//! the end.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::bookings::{self, Bookings, RoomType};
use super::desk::{Desk, Figures};
use super::in_turn::InTurn;
use super::occupancy::{self, Night};
use super::{seconds_since, sha256_of_lines, table};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::remote::Remote;
use crate::client::{Client, RetryPolicy};
use crate::proto::v1;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast replay hotel hotel_bookings.csv.gz --rooms \
    hotel_rooms.csv --in-flight 1\n\nBoth files are CSV, plain or gzip. The bookings have the columns \
    of the published set, of which\nhotel, lead_time, arrival_date_year, arrival_date_month, \
    arrival_date_day_of_month,\nstays_in_weekend_nights, stays_in_week_nights, reserved_room_type, \
    reservation_status and\nreservation_status_date are read; the rooms have hotel, room_type and \
    rooms.\n\nThe server must have no calendars.")]
pub(in crate::cli) struct Args {
    /// The bookings
    file: PathBuf,
    /// How many rooms there are of each type
    #[arg(long, value_name = "FILE")]
    rooms: PathBuf,
    /// How many bookings, cancellations and commits under way at once; with 1 the figures are exact
    #[arg(long, value_name = "N", default_value = "1")]
    in_flight: NonZero<u32>,
    #[command(flatten)]
    remote: Remote,
}

/// What came of it. Scripts rely on these keys.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) skipped: u64,
    pub(super) occupancy_sha256: String,
    pub(super) seconds: f64,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let room_types = table::read_file(&args.rooms, bookings::read_rooms)?;
    let bookings = table::read_file(&args.file, |data| bookings::read_bookings(data, &room_types))?;
    let client = args.remote.connect_with(RetryPolicy::patient()).await?;
    let interrupt = Interrupt::listen();
    let in_flight = args.in_flight.get() as usize;
    let season = Season { client, room_types, bookings, in_flight };
    let replayed = season.replay(&interrupt).await;
    let (report, nights) = replayed.map_err(|failure| args.remote.explain(failure))?;
    args.remote.output.print(&report)?;
    check(&report, &nights)
}

/// What is replayed, and to whom.
pub(super) struct Season {
    pub(super) client: Client,
    pub(super) room_types: Vec<RoomType>,
    pub(super) bookings: Bookings,
    pub(super) in_flight: usize,
}

impl Season {
    /// Takes all actions, and asks for what is committed; gives that too.
    ///
    /// # Errors
    /// Where the server has calendars, refuses what it must take, or the user ends it.
    pub(super) async fn replay(
        &self,
        interrupt: &Interrupt,
    ) -> Result<(Report, Vec<Night<'_>>), Failure> {
        self.refuse_calendars().await?;
        let begin = Instant::now();
        let Bookings { bookings, skipped } = &self.bookings;
        let desk = Desk::new(self.client.pipeline(), &self.room_types, bookings);
        desk.open().await?;
        let in_turn = InTurn { what: "actions", in_flight: self.in_flight, interrupt };
        let (actions, mut figures) = (self.bookings.actions(), Figures::default());
        in_turn.send(&actions, |action| desk.take(action), |taken| figures.add(taken)).await?;
        let nights = occupancy::ask(&self.client, &self.room_types, bookings).await?;
        let report = Report {
            figures,
            skipped: *skipped,
            occupancy_sha256: sha256_of_lines(nights.iter().map(Night::to_string)),
            seconds: seconds_since(begin),
        };
        Ok((report, nights))
    }

    async fn refuse_calendars(&self) -> Result<(), Failure> {
        let request = v1::ListCalendarsRequest { page_size: 1, ..Default::default() };
        let page = self.client.list_calendars(request).await?;
        match page.calendars.first() {
            None => Ok(()),
            Some(calendar) => Err(Failure::Failed(format!(
                "the server has calendars already, such as {}: replay against a fresh one, or as a \
                 tenant without any",
                calendar.calendar_id
            ))),
        }
    }
}

/// No night has more than there are rooms, every booking ended, and what was committed is what the
/// server has committed.
pub(super) fn check(report: &Report, nights: &[Night<'_>]) -> Result<(), Failure> {
    if let Some(night) = nights.iter().find(|night| night.units > night.room_type.rooms) {
        let rooms = night.room_type.rooms;
        return Err(Failure::Failed(format!("sold twice: {night}, of {rooms} rooms")));
    }
    let Figures { bookings_accepted, cancelled, committed, nights_committed, .. } = report.figures;
    let told: u64 = nights.iter().map(|night| u64::from(night.units)).sum();
    if bookings_accepted == cancelled + committed && nights_committed == told {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "the sums do not agree: of {bookings_accepted} accepted bookings {cancelled} were cancelled \
         and {committed} committed, with {nights_committed} nights, of which the server tells {told}"
    )))
}

/// As a line of what the digest is over.
impl fmt::Display for Night<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RoomType { hotel, room_type, .. } = self.room_type;
        write!(f, "{hotel},{room_type},{},{}", self.date, self.units)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figures, skipped, occupancy_sha256, seconds } = self;
        let Figures { bookings_accepted, bookings_rejected, .. } = figures;
        let Figures { cancelled, committed, nights_committed, .. } = figures;
        writeln!(f, "bookings: {bookings_accepted} accepted, {bookings_rejected} rejected")?;
        writeln!(f, "ended: {cancelled} cancelled, {committed} committed")?;
        writeln!(f, "rows skipped: {skipped}")?;
        writeln!(f, "committed: {nights_committed} nights, sha256 {occupancy_sha256}")?;
        write!(f, "in {seconds} s")
    }
}
