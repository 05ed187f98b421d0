//! What comes next for a sales order.
//!
//! ```text
//!   CREATED ──Reserve──▶ CONFIRMED ──Deliver──▶ DELIVERED ──Commit──▶ COMPLETED
//!   CANCELLED ──Release──▶ (released, finished)
//! ```
//!
//! The next step follows from the order's record alone, so a process that lost its memory takes
//! up every order where its stream says it stands. Each step may be run again: its command has a
//! request id that follows from the order and the step.
//!
//! Not here: who runs a step, and when it is tried again.

use uuid::Uuid;

use super::ids::{RequestId, SalesOrderId};
use super::rejection::{Rejection, Shortage};
use super::reservation;
use super::sales_order;

/// One thing to be done for an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Make the order's reservation.
    Reserve(reservation::Create),
    /// Hand the goods over. Nobody outside is asked, so it is done as soon as it is begun.
    Deliver,
    /// Use the reservation up.
    Commit,
    /// Give the reservation back.
    Release,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepResult {
    /// The order is told.
    Tell(sales_order::Report),
    /// It was certainly not executed: try again later.
    Retry,
    /// It can't go on by itself.
    Stalled(Rejection),
}

impl Step {
    /// The step's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "reserve",
            Self::Deliver => "deliver",
            Self::Commit => "commit",
            Self::Release => "release",
        }
    }

    /// What the reservation is told, and nothing where the step needs none.
    pub fn command(&self) -> Option<reservation::Command> {
        match self {
            Self::Reserve(create) => Some(reservation::Command::Create(create.clone())),
            Self::Deliver => None,
            Self::Commit => Some(reservation::Command::Commit),
            Self::Release => Some(reservation::Command::Cancel {
                reason: super::name::Label::new("the sales order was cancelled")
                    .unwrap_or_else(|_| super::name::Label::empty()),
            }),
        }
    }

    /// What the step's command is called: the same each time it is run for the same order.
    pub fn request_id(&self, order: SalesOrderId) -> RequestId {
        RequestId(Uuid::new_v5(&order.0, self.name().as_bytes()))
    }

    /// What the reservation's answer means for the order.
    pub fn result(&self, answer: Result<(), Rejection>) -> StepResult {
        use sales_order::Report;
        match (self, answer) {
            (_, Err(Rejection::QueueFull)) => StepResult::Retry,
            (Self::Reserve(_), Ok(())) => StepResult::Tell(Report::Reserved),
            (Self::Reserve(_), Err(Rejection::Short(lines))) => refused(Refusal::Short(lines)),
            (Self::Reserve(_), Err(Rejection::RequestIdReused)) => {
                refused(Refusal::ReservationIdTaken)
            }
            (Self::Reserve(_), Err(Rejection::Overflow)) => refused(Refusal::Overflow),
            (Self::Deliver, _) => StepResult::Tell(Report::Delivered),
            (Self::Commit, Ok(())) => StepResult::Tell(Report::Committed),
            // Nothing to give back: it never came to be, belongs to somebody else, or ended.
            (
                Self::Release,
                Ok(())
                | Err(
                    Rejection::NotFound(_)
                    | Rejection::OwnedByOrder(_)
                    | Rejection::InvalidTransition { .. },
                ),
            ) => StepResult::Tell(Report::Released),
            (_, Err(rejection)) => StepResult::Stalled(rejection),
        }
    }
}

/// Why an order was rejected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Refusal {
    /// These lines fell short.
    Short(Vec<Shortage>),
    /// The order's id is that of a reservation which isn't the order's.
    ReservationIdTaken,
    /// The quantities on one resource are more than can be counted.
    Overflow,
}

fn refused(refusal: Refusal) -> StepResult {
    StepResult::Tell(sales_order::Report::Refused(refusal))
}
