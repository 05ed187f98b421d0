//! Takes the actions of a hotel's day: books, cancels and commits.
//!
//! All go over one stream of commands, and may be under way side by side; the end of a booking waits
//! for that booking to be answered. Where the booking was refused, its end is left out.

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use tokio::sync::SetOnce;
use uuid::Uuid;

use super::bookings::{Action, Booking, End, RoomType, Step};
use crate::cli::failure::Failure;
use crate::cli::parse::to_wire_date;
use crate::client::{CallError, Pipeline};
use crate::proto::v1;

const TIME_ZONE: &str = "Europe/Lisbon";
/// What a booking is refused with where a room is missing.
const NO_ROOM: &str = "NIGHT_UNAVAILABLE";
/// How many calendars may be on their way into being at once.
const CREATIONS_IN_FLIGHT: usize = 64;

/// What actions came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    pub(super) bookings_accepted: u64,
    pub(super) bookings_rejected: u64,
    pub(super) cancelled: u64,
    pub(super) committed: u64,
    pub(super) nights_committed: u64,
}

impl Figures {
    /// Adds another action's figures.
    pub(super) fn add(&mut self, other: Self) {
        self.bookings_accepted += other.bookings_accepted;
        self.bookings_rejected += other.bookings_rejected;
        self.cancelled += other.cancelled;
        self.committed += other.committed;
        self.nights_committed += other.nights_committed;
    }
}

pub(super) struct Desk<'a> {
    pipeline: Pipeline,
    room_types: &'a [RoomType],
    bookings: &'a [Booking],
    /// The reservation of each booking, as soon as that is answered; none where it was refused.
    reservations: Vec<SetOnce<Option<String>>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        pipeline: Pipeline,
        room_types: &'a [RoomType],
        bookings: &'a [Booking],
    ) -> Self {
        let reservations = bookings.iter().map(|_| SetOnce::new()).collect();
        Self { pipeline, room_types, bookings, reservations }
    }

    /// Brings a calendar into being for each type of rooms.
    ///
    /// # Errors
    /// Where the server doesn't take one.
    pub(super) async fn open(&self) -> Result<(), CallError> {
        stream::iter(self.room_types)
            .map(|room_type| self.pipeline.create_calendar(calendar(room_type)))
            .buffer_unordered(CREATIONS_IN_FLIGHT)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Takes one action, and waits until it is done.
    ///
    /// # Errors
    /// Where the server gives no answer or one that no booking should have; it names the booking.
    pub(super) async fn take(&self, action: &Action) -> Result<Figures, Failure> {
        let booking = &self.bookings[action.booking];
        let reservation = &self.reservations[action.booking];
        let taken = match action.step {
            Step::Book => self.book(booking, reservation).await,
            Step::End => self.end(booking, reservation).await,
        };
        taken.map_err(|error| {
            let failure = Failure::from(error);
            Failure::Failed(format!("the booking of line {}: {failure}", booking.line))
        })
    }

    async fn book(
        &self,
        booking: &Booking,
        reservation: &SetOnce<Option<String>>,
    ) -> Result<Figures, CallError> {
        let calendar_id = self.room_types[booking.room_type].calendar.to_string();
        let made = match self.pipeline.create_reservation(stay(booking, calendar_id)).await {
            Ok(answer) => Some(answer.reservation.unwrap_or_default().reservation_id),
            Err(error) if error.reason == NO_ROOM => None,
            Err(error) => return Err(error),
        };
        let figures = match made {
            Some(_) => Figures { bookings_accepted: 1, ..Default::default() },
            None => Figures { bookings_rejected: 1, ..Default::default() },
        };
        // A booking is made once, so nothing was known before.
        let _ = reservation.set(made);
        Ok(figures)
    }

    async fn end(
        &self,
        booking: &Booking,
        reservation: &SetOnce<Option<String>>,
    ) -> Result<Figures, CallError> {
        let Some(reservation_id) = reservation.wait().await.clone() else {
            return Ok(Figures::default());
        };
        let request_id = Uuid::new_v4().to_string();
        match booking.end {
            End::Cancelled => {
                let request = v1::CancelReservationRequest {
                    request_id,
                    reservation_id,
                    ..Default::default()
                };
                self.pipeline.cancel_reservation(request).await?;
                Ok(Figures { cancelled: 1, ..Default::default() })
            }
            End::Committed => {
                let request = v1::CommitReservationRequest {
                    request_id,
                    reservation_id,
                    ..Default::default()
                };
                self.pipeline.commit_reservation(request).await?;
                let nights_committed = booking.nights();
                Ok(Figures { committed: 1, nights_committed, ..Default::default() })
            }
        }
    }
}

fn calendar(room_type: &RoomType) -> v1::CreateCalendarRequest {
    v1::CreateCalendarRequest {
        request_id: Uuid::new_v4().to_string(),
        calendar_id: room_type.calendar.to_string(),
        time_zone: TIME_ZONE.to_owned(),
        capacity: room_type.rooms,
        rules: Some(v1::create_calendar_request::Rules::NightRules(v1::NightRules::default())),
        ..Default::default()
    }
}

/// One room, confirmed at once.
fn stay(booking: &Booking, calendar_id: String) -> v1::CreateReservationRequest {
    let nights = v1::NightsResource {
        calendar_id,
        check_in_date: Some(to_wire_date(booking.check_in)),
        check_out_date: Some(to_wire_date(booking.check_out)),
    };
    let line = v1::ReservationLine {
        line_id: String::new(),
        resource: Some(v1::reservation_line::Resource::Nights(nights)),
        quantity: 1,
    };
    v1::CreateReservationRequest {
        request_id: Uuid::new_v4().to_string(),
        lines: vec![line],
        lifetime: Some(v1::create_reservation_request::Lifetime::Confirmed(true)),
        ..Default::default()
    }
}
