//! What every entity has in common: a version, a place in the log, a memory of commands.
//!
//! An [`Aggregate`] decides and evolves; an [`Entity`] is an aggregate with what is the same for
//! all of them. The order of checks on a command is fixed: request id → version → state.
//!
//! Not here: who sends messages, where events are written, when somebody is answered.

use super::calendar::{Answer, Question};
use super::claim::Wish;
use super::command::{Command, Intent, Message};
use super::event::{Body, Fingerprint, LANDMARK_EVERY, RequestMark};
use super::ids::{EntityId, EntityKind, Position, ReservationId, SalesOrderId, Version};
use super::process::Step;
use super::rejection::Rejection;
use super::request::{Request, RequestMemory};
use super::time::Timestamp;
use super::view::View;

/// What a decision may look at besides the entity's own state.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The entity's own id.
    pub id: &'a EntityId,
    /// Its version before the decision.
    pub version: Version,
    /// The time of the decision; never before that of an earlier one.
    pub now: Timestamp,
    /// The log's last position before the decision.
    pub log_position: Position,
    /// The sales order on whose behalf the command comes, if one is.
    pub issuer: Option<SalesOrderId>,
    /// The command that is being decided, where a client or a process sent it.
    pub request: Option<Request>,
    /// Whether that is to take effect.
    pub intent: Intent,
}

/// What an aggregate decided.
#[derive(Debug)]
pub struct Decision<E> {
    /// What happens, in order; all of it or nothing.
    pub events: Vec<E>,
    /// What others are told once the events are appended.
    pub messages: Vec<Message>,
    /// What whoever asked is told.
    pub outcome: Outcome,
}

/// What whoever asked is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Accepted,
    /// It is refused. There may be events all the same, of what the refusal found out.
    Rejected(Rejection),
    /// The answer needs other entities; it will come with a later decision.
    Waits,
    /// Nobody asked.
    Silent,
}

impl<E> Decision<E> {
    /// Done, by these events.
    pub fn accepted(events: Vec<E>) -> Self {
        Self { events, messages: Vec::new(), outcome: Outcome::Accepted }
    }

    /// Refused.
    pub fn rejected(rejection: Rejection) -> Self {
        Self { events: Vec::new(), messages: Vec::new(), outcome: Outcome::Rejected(rejection) }
    }

    /// Nothing to do, and nobody to tell.
    pub fn nothing() -> Self {
        Self { events: Vec::new(), messages: Vec::new(), outcome: Outcome::Silent }
    }

    /// The same, telling others too.
    pub fn telling(mut self, messages: Vec<Message>) -> Self {
        self.messages = messages;
        self
    }
}

/// What the table of entities knows of one without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The state's name, in capitals.
    pub state: &'static str,
    /// When the entity must be woken.
    pub deadline: Option<Timestamp>,
    /// Whether it can never change again.
    pub finished: bool,
    /// Whether a command has begun of which an end is still to be recorded.
    pub under_way: bool,
    /// When it was created.
    pub created: Timestamp,
}

impl Summary {
    /// Of an entity to which nothing has happened.
    pub const NONE: Self = Self {
        state: "NONE",
        deadline: None,
        finished: false,
        under_way: false,
        created: Timestamp(0),
    };
}

/// What is waited for between two decisions of one command; never durable.
pub trait Transient: Default + Unpin + 'static {
    /// Whether a command is being decided.
    fn is_waiting(&self) -> bool;
}

impl Transient for () {
    fn is_waiting(&self) -> bool {
        false
    }
}

/// A kind of entity: how it decides, and how its state follows from its events.
pub trait Aggregate: Clone + Default + Send + Unpin + 'static {
    /// Which kind.
    const KIND: EntityKind;
    /// Whether it begins with one creating command, which is remembered for ever.
    const CREATED_ONCE: bool;
    /// What it can be told.
    type Command;
    /// What can happen to it.
    type Event;
    /// What it keeps while it waits for others.
    type Transient: Transient;

    /// Takes out the command for this kind, or nothing where it is for another.
    fn command(command: Command) -> Option<Self::Command>;

    /// Whether this command may bring the entity into being.
    fn begins(command: &Self::Command) -> bool;

    /// Decides. Bounded, and free of panics whatever it is given.
    fn decide(
        &self,
        transient: &mut Self::Transient,
        command: Self::Command,
        context: &Context<'_>,
    ) -> Decision<Self::Event>;

    /// Follows an event. Can't fail: whatever could was decided before.
    fn evolve(&mut self, event: &Self::Event, version: Version, time: Timestamp);

    /// What the table should know.
    fn summary(&self) -> Summary;

    /// Whether it has begun with this command and waits to go on with it. Such a command was checked
    /// when it began.
    fn goes_on_with(&self, _: &Request) -> bool {
        false
    }

    /// Whether a command needn't wait for the one that is being decided, since it may end that.
    fn lets_through(&self, _: &Command) -> bool {
        false
    }

    /// What whoever waited for an answer is told, where something else has ended what was to be
    /// answered.
    fn cut_short(&self) -> Option<Rejection> {
        None
    }

    /// What the order process should do next for it.
    fn next_step(&self, _id: &EntityId) -> Option<Step> {
        None
    }

    /// Answers what only a calendar can be asked.
    fn answer(&self, _: &Question, _: Timestamp, _: Position) -> Answer {
        Answer::Nothing
    }

    /// The claims on it after one reservation's, at most `count`.
    fn claims_after(&self, _after: Option<ReservationId>, _count: usize) -> Vec<Wish> {
        Vec::new()
    }

    /// Whether it is small enough to be packed and unpacked between two messages.
    fn is_small(&self) -> bool {
        true
    }

    /// What a reader is shown.
    fn view(&self) -> View;

    /// The event as the log holds it.
    fn into_body(event: Self::Event) -> Body;

    /// The event of this kind, or nothing where the log holds one of another.
    fn from_body(body: &Body) -> Option<&Self::Event>;
}

/// The command that brought an entity into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Creation {
    /// What it said.
    pub fingerprint: Fingerprint,
    /// The position of its event.
    pub position: Position,
}

/// An aggregate with its version, its place in the log and its memory: the durable record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entity<A> {
    /// What it is.
    pub state: A,
    /// The version of its last event; 0 before the first.
    pub version: Version,
    /// The position of its last event.
    pub position: Position,
    /// The position of its last event whose version [`LANDMARK_EVERY`] divides.
    pub landmark: Position,
    /// What it began with, where that is one command.
    pub creation: Option<Creation>,
    /// The commands that it has accepted.
    pub requests: RequestMemory,
}

/// What the checks before a decision found.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// Decide it.
    New(RequestMark),
    /// It was accepted before: this was its effect.
    Repeated {
        /// The version after it.
        version: Version,
        /// The position of its last event.
        position: Position,
    },
}

/// Where the next event of an entity links back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// The version it will have.
    pub version: Version,
    /// The event before it.
    pub previous: Position,
    /// The landmark before it, where it is one itself.
    pub landmark: Position,
}

impl<A: Aggregate> Entity<A> {
    /// Whether anything ever happened to it.
    pub fn exists(&self) -> bool {
        self.version > Version(0)
    }

    /// Checks a client's command before it is decided: request id, then version.
    ///
    /// # Errors
    /// [`Rejection::RequestIdReused`], [`Rejection::TooManyRequests`] and
    /// [`Rejection::VersionConflict`].
    pub fn check(
        &self,
        request: &Request,
        expected_version: Option<Version>,
        command: &A::Command,
        remembered_max: usize,
        now: Timestamp,
    ) -> Result<Checked, Rejection> {
        if let Some(known) = self.requests.find(request)? {
            return Ok(Checked::Repeated { version: known.version, position: known.position });
        }
        if let Some(creation) = self.creation
            && A::begins(command)
        {
            return if creation.fingerprint == request.fingerprint {
                Ok(Checked::Repeated { version: Version(1), position: creation.position })
            } else {
                Err(Rejection::RequestIdReused)
            };
        }
        let Request { id, fingerprint } = *request;
        if self.state.goes_on_with(request) {
            let forgets = self.requests.room(remembered_max, now).unwrap_or(0);
            return Ok(Checked::New(RequestMark { id, fingerprint, forgets }));
        }
        let forgets = self.requests.room(remembered_max, now)?;
        match expected_version {
            Some(expected) if expected != self.version && (self.exists() || A::begins(command)) => {
                Err(Rejection::VersionConflict { expected, current: self.version })
            }
            _ => Ok(Checked::New(RequestMark { id, fingerprint, forgets })),
        }
    }

    /// Where the next event will link back to.
    pub fn links(&self) -> Links {
        let version = self.version.next();
        let is_landmark = version.0.is_multiple_of(LANDMARK_EVERY);
        let landmark = if is_landmark { self.landmark } else { Position::START };
        Links { version, previous: self.position, landmark }
    }

    /// Follows the next event.
    pub fn evolve(&mut self, event: &A::Event, time: Timestamp) {
        self.version = self.version.next();
        self.state.evolve(event, self.version, time);
    }

    /// Notes where the `count` events that it has just followed stand in the log, and the command
    /// that they are the effect of.
    pub fn placed(
        &mut self,
        last: Position,
        count: u64,
        request: Option<&RequestMark>,
        time: Timestamp,
    ) {
        self.position = last;
        let past_landmark = self.version.0 % LANDMARK_EVERY;
        if past_landmark < count {
            self.landmark = Position(last.0 - past_landmark);
        }
        let Some(mark) = request else { return };
        debug_assert!(self.version.0 > count || count == 1, "a creation is one event");
        if A::CREATED_ONCE && self.version == Version(1) {
            self.creation = Some(Creation { fingerprint: mark.fingerprint, position: last });
        }
        self.requests.note(mark, self.version, last, time);
    }
}
