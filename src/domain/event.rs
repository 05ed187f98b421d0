//! What happened, and what is told with it.
//!
//! Every event stands in one stream, at a version that is dense from 1, and in the one log, at
//! a position. It names the position of its stream's event before it, so a stream is read by
//! walking back:
//!
//! ```text
//!   version      1 ◀── 2 ◀── … ◀── 256 ◀── 257 ◀── … ◀── 512 ◀── 513
//!                                   ▲────── landmark ─────┘
//! ```

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::{EntityKey, Position, RequestId, Version};
use super::name::Label;
use super::time::Timestamp;
use super::{calendar, reservation, sales_order, stock_balance};

/// Every so many versions an event also names the one as many versions before it.
pub const LANDMARK_EVERY: u64 = 256;

/// One event, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Where it stands in the log.
    pub position: Position,
    /// Whose event it is.
    pub stream: EntityKey,
    /// Its version in that stream.
    pub version: Version,
    /// The position of the stream's event before it; [`Position::START`] for the first.
    pub previous: Position,
    /// At versions divisible by [`LANDMARK_EVERY`]: the position of the event as many versions
    /// earlier; else [`Position::START`].
    pub landmark: Position,
    /// When it was decided.
    pub time: Timestamp,
    /// Who was behind it.
    pub origin: Arc<Origin>,
    /// The id of the event that caused it; none where a command did.
    pub causation_id: Option<Uuid>,
    /// The command that it is the effect of, where a client or a process sent one.
    pub request: Option<RequestMark>,
    /// What happened.
    pub body: Body,
}

/// What a state depends on of an event: all but who was behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where the event stands in the log.
    pub position: Position,
    /// Its version in its stream.
    pub version: Version,
    /// The position of the stream's event before it.
    pub previous: Position,
    /// When it was decided.
    pub time: Timestamp,
    /// The command that it is the effect of.
    pub request: Option<RequestMark>,
    /// What happened.
    pub body: Body,
}

impl Event {
    /// What a state depends on of it.
    pub fn change(&self) -> Change {
        let Self { position, version, previous, time, request, .. } = *self;
        Change { position, version, previous, time, request, body: self.body.clone() }
    }

    /// The event's id: the same whenever and by whomever it is read.
    pub fn id(&self, log_id: Uuid) -> Uuid {
        event_id(log_id, self.position)
    }
}

/// The id of the event at a position: UUIDv8 (RFC 9562 §5.8) of the log's own id and the position.
pub fn event_id(log_id: Uuid, position: Position) -> Uuid {
    let mut bytes = *log_id.as_bytes();
    for (byte, other) in bytes[8..].iter_mut().zip(position.0.to_be_bytes()) {
        *byte ^= other;
    }
    bytes[..8].rotate_left(3);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Who was behind a command and everything that followed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who asked.
    pub principal: Label,
    /// With what: the client's user agent.
    pub source: Label,
    /// What belongs together: one id for a command and all that followed from it.
    pub correlation_id: Uuid,
}

/// A hash over a command's payload, by which a retry is told from another command.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 16]);

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The accepted command behind an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestMark {
    /// What the client called it.
    pub id: RequestId,
    /// What it said.
    pub fingerprint: Fingerprint,
    /// How many of the oldest remembered request ids make room for it. Recorded, so that replay
    /// forgets the same ones whatever the limits are by then.
    pub forgets: u32,
}

/// What happened, by kind of entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// To a stock balance.
    StockBalance(stock_balance::Event),
    /// To a reservation.
    Reservation(reservation::Event),
    /// To a sales order.
    SalesOrder(sales_order::Event),
    /// To a calendar.
    Calendar(calendar::Event),
}

impl Body {
    /// The event's name, such as `StockReceived`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StockBalance(event) => event.name(),
            Self::Reservation(event) => event.name(),
            Self::SalesOrder(event) => event.name(),
            Self::Calendar(event) => event.name(),
        }
    }
}
