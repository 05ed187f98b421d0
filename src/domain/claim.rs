//! What reservations and resources say to each other.
//!
//! ```text
//!   reservation R                          resource
//!        │  Claim { R at version v: held, deadline, committed }
//!        ├──────────────────────────────────▶│  absolute: "this is what I want in all"
//!        │  ClaimAnswer { Granted | Short }  │
//!        │◀──────────────────────────────────┤
//! ```
//!
//! A claim is absolute, so saying it twice changes nothing, and carries the reservation's
//! version, so an old one can't undo a new one.
//!
//! Not here: what a resource does with it; that is the resource's own decision.

use serde::{Deserialize, Serialize};

use super::calendar::{self, LineShortfall, Obstacle};
use super::command::{Command, Message};
use super::ids::{EntityId, Position, ReservationId, ResourceKey, Version};
use super::stock_balance;
use super::time::Timestamp;

/// What a reservation wants of one stock balance, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who wants it.
    pub reservation: ReservationId,
    /// The reservation's version that this is the wish of.
    pub reservation_version: Version,
    /// Units to be held from now on.
    pub held: u64,
    /// Until when; none for a confirmed reservation. Only told, the resource never acts on it.
    pub deadline: Option<Timestamp>,
    /// Units that were used up, in total over the reservation's life.
    pub committed: u64,
}

impl Claim {
    /// Nothing is wanted any more.
    pub fn release(reservation: ReservationId, reservation_version: Version) -> Self {
        Self { reservation, reservation_version, held: 0, deadline: None, committed: 0 }
    }

    /// Units that it takes of what the resource ever had.
    pub fn total(&self) -> u64 {
        self.held.saturating_add(self.committed)
    }

    /// Whether nothing is wanted.
    pub fn is_release(&self) -> bool {
        self.held == 0 && self.committed == 0
    }
}

/// What a reservation wants of one resource, in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Of a stock balance.
    Stock(Claim),
    /// Of a calendar.
    Calendar(calendar::Claim),
}

impl Wish {
    /// Who wants it.
    pub fn reservation(&self) -> ReservationId {
        match self {
            Self::Stock(claim) => claim.reservation,
            Self::Calendar(claim) => claim.reservation,
        }
    }

    /// The reservation's version that this is the wish of.
    pub fn reservation_version(&self) -> Version {
        match self {
            Self::Stock(claim) => claim.reservation_version,
            Self::Calendar(claim) => claim.reservation_version,
        }
    }

    /// Whether nothing is wanted.
    pub fn is_release(&self) -> bool {
        match self {
            Self::Stock(claim) => claim.is_release(),
            Self::Calendar(claim) => claim.is_release(),
        }
    }

    /// Whether something is to be held.
    pub fn is_holding(&self) -> bool {
        match self {
            Self::Stock(claim) => claim.held > 0,
            Self::Calendar(claim) => claim.is_holding(),
        }
    }

    /// The same reservation wants nothing any more.
    pub fn released(&self) -> Self {
        let (id, version) = (self.reservation(), self.reservation_version());
        match self {
            Self::Stock(_) => Self::Stock(Claim::release(id, version)),
            Self::Calendar(_) => Self::Calendar(calendar::Claim::release(id, version)),
        }
    }

    /// What the resource is told.
    pub fn command(self) -> Command {
        match self {
            Self::Stock(claim) => Command::StockBalance(stock_balance::Command::Claim(claim)),
            Self::Calendar(claim) => Command::Calendar(calendar::Command::Claim(claim)),
        }
    }

    /// Has a resource told of it.
    pub fn tell(self, resource: ResourceKey) -> Message {
        Message { to: EntityId::Resource(resource), command: self.command() }
    }

    /// Has a resource told of it that answers in any case.
    pub fn demand(self, resource: ResourceKey) -> Message {
        let command = match self {
            Self::Stock(claim) => Command::StockBalance(stock_balance::Command::Demand(claim)),
            Self::Calendar(claim) => Command::Calendar(calendar::Command::Demand(claim)),
        };
        Message { to: EntityId::Resource(resource), command }
    }

    /// Has a resource asked whether it would fit.
    pub fn ask(self, resource: ResourceKey) -> Message {
        let command = match self {
            Self::Stock(claim) => Command::StockBalance(stock_balance::Command::Check(claim)),
            Self::Calendar(claim) => Command::Calendar(calendar::Command::Check(claim)),
        };
        Message { to: EntityId::Resource(resource), command }
    }
}

/// What a resource says to a claim, or to the question whether one would fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimAnswer {
    /// Which resource speaks.
    pub resource: ResourceKey,
    /// What it says.
    pub outcome: ClaimOutcome,
}

/// Whether a claim fitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimOutcome {
    /// It stands; or, where it was only asked for, it would have.
    Granted,
    /// There is too little.
    Short(Shortfall),
    /// These lines can't be had.
    ShortLines(Box<[LineShortfall]>),
}

/// How much there was, when, and what stood in the way of more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// Units that could have been had.
    pub available: u64,
    /// The log's last position when that was so.
    pub position: Position,
    /// What stood in the way; none where the resource doesn't exist.
    pub blocker: Option<Blocker>,
}

/// What stands in the way of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocker {
    /// What is on hand is held by others.
    Stock(StockFigures),
    /// Something in a calendar.
    Calendar(Obstacle),
}

/// What a stock balance has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockFigures {
    /// Units that are here.
    pub on_hand: u64,
    /// Units of these that are claimed.
    pub held: u64,
}

impl StockFigures {
    /// Units that a new claim could have.
    pub fn available(&self) -> u64 {
        self.on_hand.saturating_sub(self.held)
    }
}
