//! Every way in which the domain says no.
//!
//! A rejection is a decision, not a failure: nothing went wrong, and the same command may be
//! decided anew later. Each names its cause and what one needs to act on it.
//!
//! Not here: codes and reasons of the wire.

use serde::{Deserialize, Serialize};

use super::calendar::{Conflict, Flaw};
use super::claim::{Shortfall, StockFigures};
use super::ids::{EntityKind, SalesOrderId, Version};
use super::name::LineId;
use super::reservation::CommitFlaw;
use super::time::Timestamp;
use super::wanted::Wanted;

/// One line that can't be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Which line.
    pub line: LineId,
    /// What it asked for.
    pub wanted: Wanted,
    /// How much it asked for.
    pub requested: u64,
    /// How much it could have had (after the lines before it on the same resource), when, and
    /// what stood in the way.
    pub shortfall: Shortfall,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Some lines of a reservation can't be had; in the order of the client's lines.
    #[error("{} line(s) can't be had: there is too little left", .0.len())]
    Short(Vec<Shortage>),
    /// There is no such entity.
    #[error("there is no such {}", .0.name().replace('_', " "))]
    NotFound(EntityKind),
    /// The id is taken by a command with another payload.
    #[error("this id was used before with another payload; choose a new one")]
    RequestIdReused,
    /// The entity isn't at the version that was expected.
    #[error("expected version {expected}, but the entity is at {current}")]
    VersionConflict {
        /// What the client expected.
        expected: Version,
        /// What it is.
        current: Version,
    },
    /// More commands came within a day than the entity remembers for retries.
    #[error(
        "the entity remembers {remembered} request ids of the last 24 hours and can't remember \
         more without forgetting one"
    )]
    TooManyRequests {
        /// How many are remembered.
        remembered: usize,
        /// When the oldest may be forgotten.
        retry_at: Timestamp,
    },
    /// The hold's deadline has passed.
    #[error("the hold ran out at its deadline")]
    HoldExpired {
        /// The deadline.
        deadline: Timestamp,
    },
    /// The entity is in a state in which the command has no meaning.
    #[error("{command} is not possible in state {from}")]
    InvalidTransition {
        /// The state it is in.
        from: &'static str,
        /// The command's name.
        command: &'static str,
    },
    /// The reservation is driven by a sales order and takes commands from it alone.
    #[error("the reservation belongs to sales order {0}, which alone commands it")]
    OwnedByOrder(SalesOrderId),
    /// On hand would fall below what is held.
    #[error(
        "{requested} units can't be taken away: {} are on hand and {} of them are held",
        .stock.on_hand,
        .stock.held
    )]
    BelowHeld {
        /// Units to be taken away.
        requested: u64,
        /// What is there.
        stock: StockFigures,
    },
    /// A sum is larger than the server counts.
    #[error("a quantity or an amount would be larger than the server can count")]
    Overflow,
    /// A deadline that is too near, too far, or not after the one that stands.
    #[error("the deadline must be from {earliest_ms} to {latest_ms} (ms since 1970)", earliest_ms = .earliest.0, latest_ms = .latest.0)]
    DeadlineOutOfRange {
        /// The earliest that would be accepted.
        earliest: Timestamp,
        /// The latest that would be accepted.
        latest: Timestamp,
    },
    /// Claims that stand would no longer fit.
    #[error("{total} claim(s) that stand would no longer fit; accept the conflicts to go on")]
    ClaimsInConflict {
        /// The first of them, by when they begin.
        conflicts: Vec<Conflict>,
        /// How many there are.
        total: usize,
    },
    /// A rule of a calendar that can't hold.
    #[error("{0}")]
    InvalidRule(Flaw),
    /// What a calendar offers would change at too many dates and instants.
    #[error(
        "a calendar's rules can change at {changes_max} dates and instants at the most; set the same for \
         dates that are neighbours, such as those that are past, to make room"
    )]
    TooManyRules {
        /// How many there can be.
        changes_max: usize,
    },
    /// A line of a commit can't be meant.
    #[error("what line {} of the commit names {flaw}", .place + 1)]
    InvalidCommit {
        /// Which of the commit's lines, from 0.
        place: usize,
        /// Why not.
        flaw: CommitFlaw,
    },
    /// More is to be used than is left.
    #[error("{requested} units of line {line} can't be used: {left} are left until then")]
    MoreThanLeft {
        /// Which line.
        line: LineId,
        /// Units to be used.
        requested: u64,
        /// Units that are left before the end that was named.
        left: u64,
    },
    /// Some of it is used, so its lines stay as they are.
    #[error(
        "the reservation is used in part, so its lines can't be changed; commit or cancel the rest"
    )]
    PartlyUsed,
    /// A command would touch too much of what holds in a calendar.
    #[error(
        "these rules touch more than {work_max} dates and instants at which what holds changes; set fewer \
         with one command, or for less time"
    )]
    TooMuchToSet {
        /// How many they can.
        work_max: usize,
    },
    /// More claims would no longer fit than one command can say.
    #[error(
        "more than {conflicts_max} claims that stand would no longer fit; set it for less time at once"
    )]
    TooManyConflicts {
        /// How many can come into conflict.
        conflicts_max: usize,
    },
    /// The entity is still deciding an earlier command, and too many wait behind it.
    ///
    /// Certainly not executed.
    #[error("too many commands wait for this entity")]
    QueueFull,
}
