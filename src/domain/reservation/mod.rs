//! Lines that live and die together.
//!
//! ```text
//!             Create                Confirm             Commit
//!   (asking) ────────▶ HELD ──────────────▶ CONFIRMED ─────────▶ COMMITTED
//!                       │ ├── deadline ──▶ EXPIRED │
//!                       └─┴── Cancel ────────────▶ CANCELLED
//! ```
//!
//! Invariants: a reservation exists once it has all its claims. A hold past its deadline is
//! never confirmed: whoever finds it first, the clock or a command, records that it expired.
//!
//! A commit may use a part, and leave the rest to be given back or CONFIRMED for the next. What was used
//! stays used, whatever becomes of the rest.
//!
//! `asked` says what the lines want of each resource, `asking` gathers claims, for `creation` and for
//! `changing`, `used` knows what is used and what is left, and `lifecycle` decides the rest. Not here:
//! who owns units; a resource alone knows what is left of it.

mod asked;
mod asking;
mod changing;
mod creation;
mod lifecycle;
mod used;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::claim::{ClaimAnswer, Wish};
use super::command::{self, Message};
use super::entity::{Aggregate, Context, Decision, Outcome, Summary, Transient};
use super::event::Body;
use super::ids::{EntityId, EntityKind, ReservationId, ResourceKey, SalesOrderId, Version};
use super::name::{Label, LineId};
use super::rejection::Rejection;
use super::request::Request;
use super::time::Timestamp;
use super::view::View;
use super::wanted::Wanted;
use asked::{Asked, asked_in_pieces};
use changing::Changing;
use creation::Creation;

pub use used::{CommitFlaw, CommitLine, End, LinePart, Used};

/// The shortest hold: 1 second.
pub const HOLD_MS_MIN: u64 = 1_000;
/// The longest hold: 30 days.
pub const HOLD_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;
/// A hold where the client says nothing: 15 minutes.
pub const HOLD_MS_DEFAULT: u64 = 15 * 60 * 1_000;

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which line; unique within its reservation.
    pub id: LineId,
    /// Of what.
    pub wanted: Wanted,
    /// How much; above 0.
    pub quantity: u64,
}

/// How long a reservation stands by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Term {
    /// For so many milliseconds from the decision.
    For(u64),
    /// Until then.
    Until(Timestamp),
    /// For ever: confirmed at once.
    Confirmed,
}

/// What a reservation is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// What is wanted: all or none.
    pub lines: Arc<[Line]>,
    /// For how long.
    pub term: Term,
    /// Who it is for; only carried.
    pub customer: Label,
    /// What the client calls it elsewhere; only carried.
    pub external_reference: Label,
    /// Whatever else the client wants to find again; only carried.
    pub attributes: BTreeMap<Label, Label>,
    /// The sales order that drives it, if one does.
    pub owner: Option<SalesOrderId>,
}

/// What a reservation can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Come into being.
    Create(Create),
    /// Stand without a deadline.
    Confirm,
    /// Be used, all that is left: the units leave on hand. A hold is confirmed first.
    Commit,
    /// Give everything back.
    Cancel {
        /// Why.
        reason: Label,
    },
    /// Stand longer.
    Extend(Term),
    /// The deadline may have come.
    Expire,
    /// A resource's answer to a claim.
    Answered(ClaimAnswer),
    /// Be used in part. A hold is confirmed first.
    CommitPart {
        /// What is used; all that is left where no line is named.
        lines: Arc<[CommitLine]>,
        /// Whether the rest is given back; else it stands without a deadline.
        is_final: bool,
    },
    /// Have these lines from now on, all or none.
    Change(Arc<[Line]>),
}

/// What can happen to a reservation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It has all its claims.
    Created {
        /// What is held.
        lines: Arc<[Line]>,
        /// Until when; none where it was confirmed at once.
        deadline: Option<Timestamp>,
        /// Who it is for.
        customer: Label,
        /// What the client calls it elsewhere.
        external_reference: Label,
        /// Whatever else the client gave.
        attributes: BTreeMap<Label, Label>,
        /// The sales order that drives it.
        owner: Option<SalesOrderId>,
    },
    /// It stands longer.
    Extended {
        /// Until when.
        deadline: Timestamp,
    },
    /// It stands without a deadline.
    Confirmed,
    /// It was used, all of it at once.
    Committed,
    /// Everything was given back.
    Cancelled {
        /// Why.
        reason: Label,
    },
    /// Its deadline passed, and everything was given back.
    Expired {
        /// The deadline.
        deadline: Timestamp,
    },
    /// Some of it was used, or the rest.
    CommittedInPart {
        /// What was used now, in the order of the lines.
        parts: Arc<[LinePart]>,
        /// Whether that was the last: nothing is left, or the rest was given back.
        is_final: bool,
    },
    /// Its resources are asked for what other lines want more of them.
    ChangeStarted {
        /// All the lines that it is to have.
        lines: Arc<[Line]>,
        /// The command that says so, to go on with after a crash.
        request: Request,
    },
    /// It has other lines.
    Changed {
        /// All of them.
        lines: Arc<[Line]>,
    },
    /// It keeps the lines that it had.
    ChangeRefused,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Held until its deadline.
    Held,
    /// Held without one.
    Confirmed,
    /// Used, and nothing is left: the rest was used before or given back.
    Committed,
    /// Given back.
    Cancelled,
    /// Given back by the clock.
    Expired,
}

/// A reservation that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Where it stands.
    pub state: State,
    /// What it holds or held.
    pub lines: Arc<[Line]>,
    /// How far the lines are used, by line and moment; nothing where none is or all are.
    pub used: Vec<Used>,
    /// The deadline of a hold, or the one that an expired hold had.
    pub deadline: Option<Timestamp>,
    /// Who it is for.
    pub customer: Label,
    /// What the client calls it elsewhere.
    pub external_reference: Label,
    /// Whatever else the client gave.
    pub attributes: BTreeMap<Label, Label>,
    /// The sales order that drives it.
    pub owner: Option<SalesOrderId>,
    /// Why it was cancelled.
    pub cancel_reason: Label,
    /// When it came into being.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Its version when its resources were last told what it wants.
    pub claims_version: Version,
    /// A change of its lines that has begun. Until it ends, those that it has stay its own.
    pub change: Option<Arc<Change>>,
}

/// A change of lines that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// All the lines that there are to be.
    pub lines: Arc<[Line]>,
    /// The command that says so.
    pub request: Request,
    /// The reservation's version when it began: that of the claims that hold old and new.
    pub version: Version,
}

/// A reservation, or nothing yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reservation {
    // Shared with the readers that it was shown to.
    pub(crate) details: Option<Arc<Details>>,
}

/// What a reservation waits for while it asks its resources.
#[derive(Debug, Default)]
pub struct Waiting {
    pending: Option<Pending>,
}

/// For what.
#[derive(Debug)]
enum Pending {
    Creation(Creation),
    Change(Changing),
}

impl Transient for Waiting {
    fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }
}

impl Command {
    /// The command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "CreateReservation",
            Self::Confirm => "ConfirmReservation",
            Self::Commit | Self::CommitPart { .. } => "CommitReservation",
            Self::Cancel { .. } => "CancelReservation",
            Self::Extend(_) => "ExtendReservation",
            Self::Expire => "ExpireReservation",
            Self::Answered(_) => "AnswerClaim",
            Self::Change(_) => "ChangeReservation",
        }
    }
}

impl Event {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "ReservationCreated",
            Self::Extended { .. } => "ReservationExtended",
            Self::Confirmed => "ReservationConfirmed",
            Self::Committed | Self::CommittedInPart { .. } => "ReservationCommitted",
            Self::Cancelled { .. } => "ReservationCancelled",
            Self::Expired { .. } => "ReservationExpired",
            Self::ChangeStarted { .. } => "ReservationChangeStarted",
            Self::Changed { .. } => "ReservationChanged",
            Self::ChangeRefused => "ReservationChangeRefused",
        }
    }
}

impl State {
    /// The state's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Confirmed => "CONFIRMED",
            Self::Committed => "COMMITTED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether it can never change again.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Committed | Self::Cancelled | Self::Expired)
    }

    /// What the table should know of a reservation in this state.
    pub fn summary(self, created: Timestamp, deadline: Option<Timestamp>) -> Summary {
        Summary {
            state: self.name(),
            deadline: deadline.filter(|_| self == Self::Held),
            finished: self.is_finished(),
            under_way: false,
            created,
        }
    }
}

impl Term {
    /// The deadline, counted from `now`.
    ///
    /// # Errors
    /// [`Rejection::DeadlineOutOfRange`], where it is nearer than [`HOLD_MS_MIN`] or further than
    /// [`HOLD_MS_MAX`].
    fn deadline(self, now: Timestamp) -> Result<Option<Timestamp>, Rejection> {
        let deadline = match self {
            Self::Confirmed => return Ok(None),
            Self::For(span_ms) => now.plus_ms(span_ms),
            Self::Until(deadline) => deadline,
        };
        let (earliest, latest) = (now.plus_ms(HOLD_MS_MIN), now.plus_ms(HOLD_MS_MAX));
        if deadline < earliest || deadline > latest {
            return Err(Rejection::DeadlineOutOfRange { earliest, latest });
        }
        Ok(Some(deadline))
    }
}

impl Details {
    /// What this reservation wants of one of its resources, in all; a release where it has no
    /// line there.
    pub fn claim_on(&self, resource: &ResourceKey, id: ReservationId) -> Wish {
        let mut asked = Asked::nothing_of(resource);
        for (nth, line) in self.lines.iter().enumerate() {
            if line.wanted.is_of(resource) {
                // Lines whose sum can't be counted were never granted.
                let _ = self.pieces(nth, line).try_for_each(|piece| asked.add(line, piece));
            }
        }
        self.wish(&asked, id)
    }

    fn wish(&self, asked: &Asked, id: ReservationId) -> Wish {
        let deadline = self.deadline.filter(|_| self.state == State::Held);
        asked.wish(deadline, id, self.claims_version)
    }

    /// What every resource is told, one message each; also those that these lines of another time
    /// are of.
    fn claims<'a>(
        &self,
        others: impl IntoIterator<Item = &'a Line>,
        id: ReservationId,
    ) -> Vec<Message> {
        let asked = asked_in_pieces(&self.lines, |nth, line| self.pieces(nth, line));
        let mut all = asked.unwrap_or_default();
        for line in others {
            let resource = line.wanted.resource();
            let nothing = Asked::nothing_of(&resource);
            all.entry(resource).or_insert(nothing);
        }
        all.into_iter().map(|(key, asked)| self.wish(&asked, id).tell(key)).collect()
    }
}

/// Asks others, and comes back to it when they have answered.
fn waits(messages: Vec<Message>) -> Decision<Event> {
    Decision { events: Vec::new(), messages, outcome: Outcome::Waits }
}

impl Reservation {
    /// What it is, once it exists.
    pub fn details(&self) -> Option<&Arc<Details>> {
        self.details.as_ref()
    }

    /// The change of lines that has begun and not ended.
    pub fn change(&self) -> Option<&Change> {
        self.details.as_ref()?.change.as_deref()
    }
}

impl Aggregate for Reservation {
    const KIND: EntityKind = EntityKind::Reservation;
    const CREATED_ONCE: bool = true;
    type Command = Command;
    type Event = Event;
    type Transient = Waiting;

    fn command(command: command::Command) -> Option<Command> {
        match command {
            command::Command::Reservation(command) => Some(command),
            _ => None,
        }
    }

    fn begins(command: &Command) -> bool {
        matches!(command, Command::Create(_))
    }

    fn decide(
        &self,
        waiting: &mut Waiting,
        command: Command,
        context: &Context<'_>,
    ) -> Decision<Event> {
        let EntityId::Reservation(id) = *context.id else { return Decision::nothing() };
        match (&self.details, command) {
            (None, Command::Create(create)) => creation::begin(waiting, create, id, context),
            (None, Command::Answered(answer)) => match waiting.pending.take() {
                Some(Pending::Creation(creation)) => creation.go_on(waiting, answer),
                Some(Pending::Change(_)) | None => Decision::nothing(),
            },
            (None, Command::Expire) => Decision::nothing(),
            (None, _) => Decision::rejected(Rejection::NotFound(EntityKind::Reservation)),
            (Some(details), command) => lifecycle::decide(waiting, details, command, id, context),
        }
    }

    fn evolve(&mut self, event: &Event, version: Version, time: Timestamp) {
        match &mut self.details {
            None => self.details = lifecycle::created(event, version, time).map(Arc::new),
            Some(details) => lifecycle::evolve(Arc::make_mut(details), event, version, time),
        }
    }

    fn summary(&self) -> Summary {
        let Some(details) = &self.details else { return Summary::NONE };
        let summary = details.state.summary(details.created, details.deadline);
        Summary { under_way: details.change.is_some(), ..summary }
    }

    fn goes_on_with(&self, request: &Request) -> bool {
        self.change().is_some_and(|change| change.request == *request)
    }

    fn lets_through(&self, command: &command::Command) -> bool {
        let is_cancel = matches!(command, command::Command::Reservation(Command::Cancel { .. }));
        is_cancel && self.change().is_some()
    }

    fn cut_short(&self) -> Option<Rejection> {
        let Details { state, deadline, .. } = **self.details.as_ref()?;
        Some(match state {
            State::Expired => Rejection::HoldExpired { deadline: deadline.unwrap_or_default() },
            from => {
                Rejection::InvalidTransition { from: from.name(), command: "ChangeReservation" }
            }
        })
    }

    fn view(&self) -> View {
        self.details.clone().map_or(View::Nothing, View::Reservation)
    }

    fn into_body(event: Event) -> Body {
        Body::Reservation(event)
    }

    fn from_body(body: &Body) -> Option<&Event> {
        match body {
            Body::Reservation(event) => Some(event),
            _ => None,
        }
    }
}
