//! Capacity over time, in slots or nights.
//!
//! ```text
//!   CreateCalendar ──▶ OPEN ──RetireCalendar──▶ RETIRED (no new claims)
//! ```
//!
//! In reading order: the words (`date`, `span`, `zone`, `claim`), what an owner sets (`rules`, `flaw`) and
//! what that comes to over time (`offer`); how claims are kept (`rows`, `course`, `entries`, `book`);
//! whether one fits (`claiming`), and what no longer does (`conflicts`); and what a reader is told
//! (`question`, with `availability` and `find`).
//!
//! Invariants: a claim fitted when it was made: at every moment of its time and the turnover after
//! it, no more was claimed than there was capacity, with the overbooking that was allowed. What an
//! owner sets later breaks no claim without an event that names it.
//!
//! Not here: deadlines. A claim says until when it stands, but only its reservation ends it. Nor what
//! a calendar's lines are for, or cost.

mod availability;
mod book;
mod claim;
mod claiming;
mod conflicts;
mod course;
mod date;
mod entries;
mod find;
mod flaw;
mod offer;
mod question;
mod rows;
mod rules;
mod span;
mod zone;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::claim::{ClaimAnswer, ClaimOutcome, Wish};
use super::command::{self, Message};
use super::entity::{Aggregate, Context, Decision, Outcome, Summary};
use super::event::Body;
use super::ids::{EntityId, EntityKind, Position, ReservationId, Version};
use super::rejection::Rejection;
use super::time::Timestamp;
use super::view::View;
use book::Book;
use claiming::Short;
use entries::Entry;

pub use availability::{Available, ClaimPiece, Place};
pub use book::{FOLDED_CHANGES_MAX, PIECES_MAX, Start};
pub use claim::{Cause, Claim, ClaimLine, Conflict, LineShortfall, Obstacle, Part, Standing};
pub use date::{Date, DateRange, Weekdays};
pub use find::{Found, Search};
pub use flaw::{Flaw, FlawAt};
pub use offer::Closure;
pub use question::{Answer, Question};
pub use rules::{
    CHANGES_MAX, Create, Day, DayRules, DaySetting, General, NightRules, OPENINGS_MAX, Opening,
    Rules, RulesChange, Set, Setting, SlotRules, TURNOVER_MS_MAX, UNITS_MAX, WORK_MAX, When,
};
pub use span::{CLAIM_DAYS_MAX, Kind, NIGHTS_MAX, SLOT_END_MAX, SLOT_MS_MAX, Span};
pub use zone::is_zone;

/// How many conflicts one event names at the most; more are named by more events.
pub const CONFLICTS_PER_EVENT: usize = 200;

/// How many claims one setting brings into conflict at the most.
pub const CONFLICTS_MAX: usize = 10_000;

/// How many conflicts a refusal names at the most.
pub const CONFLICTS_TOLD_MAX: usize = 100;

/// What a calendar can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Come into being.
    Create(Arc<Create>),
    /// Have something else hold from now on.
    Set {
        /// What.
        setting: Arc<Setting>,
        /// Whether claims that stand may no longer fit.
        accept_conflicts: bool,
    },
    /// Take no new claims. Those that stand stay.
    Retire,
    /// A reservation says what it wants in all.
    Claim(Claim),
    /// A reservation asks whether a claim would fit, without effect.
    Check(Claim),
    /// A reservation that is about to change says what it has and what it is to have, and waits for
    /// the answer: also where it has said so before, and doesn't know what it was told.
    Demand(Claim),
}

/// What can happen to a calendar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It came into being.
    Created(Arc<Create>),
    /// Something else holds from now on.
    Set(Arc<Setting>),
    /// It takes no new claims.
    Retired,
    /// What was set leaves these claims without what they claim. All of them are named, by as many
    /// events as it takes.
    ClaimsInConflict(Arc<[Conflict]>),
    /// A reservation's first claim.
    ClaimMade(Standing),
    /// A claim's time, units or deadline is another.
    ClaimChanged(Standing),
    /// Claimed units were used up.
    ClaimCommitted(Standing),
    /// Nothing is held any more.
    ClaimReleased {
        /// By which reservation.
        reservation: ReservationId,
        /// The reservation's version that it is the wish of.
        reservation_version: Version,
    },
    /// A claim, perhaps the first, while its reservation is changed: what that is to have instead is
    /// claimed too, and at each moment whichever takes more counts.
    ClaimWidened {
        /// What it has; without parts where it has nothing yet.
        standing: Standing,
        /// What it is to have instead.
        change: Arc<[Part]>,
    },
}

/// Capacity over time, or nothing yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    created: Timestamp,
    updated: Timestamp,
    state: Option<State>,
}

/// A calendar that exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    // Shared with captures and readers.
    rules: Arc<Rules>,
    is_retired: bool,
    book: Book,
}

/// A calendar as a reader is shown it.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// What is in force.
    pub rules: Arc<Rules>,
    /// Whether it takes no new claims.
    pub is_retired: bool,
    /// How many reservations have a claim.
    pub claims: usize,
    /// When it came into being.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

impl Command {
    /// The command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "CreateCalendar",
            Self::Set { setting, .. } => match **setting {
                Setting::Rules(_) => "UpdateCalendarRules",
                Setting::Capacity(..) => "SetCapacity",
                Setting::Closed(_, true) => "CloseDates",
                Setting::Closed(_, false) => "OpenDates",
            },
            Self::Retire => "RetireCalendar",
            Self::Claim(_) => "Claim",
            Self::Check(_) => "CheckClaim",
            Self::Demand(_) => "DemandClaim",
        }
    }
}

impl Event {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created(_) => "CalendarCreated",
            Self::Set(setting) => match **setting {
                Setting::Rules(_) => "CalendarRulesChanged",
                Setting::Capacity(..) => "CapacityChanged",
                Setting::Closed(_, true) => "DatesClosed",
                Setting::Closed(_, false) => "DatesOpened",
            },
            Self::Retired => "CalendarRetired",
            Self::ClaimsInConflict(_) => "ClaimsInConflict",
            Self::ClaimMade(_) => "ClaimMade",
            Self::ClaimChanged(_) => "ClaimChanged",
            Self::ClaimCommitted(_) => "ClaimCommitted",
            Self::ClaimReleased { .. } => "ClaimReleased",
            Self::ClaimWidened { standing, .. } if standing.parts.is_empty() => "ClaimMade",
            Self::ClaimWidened { .. } => "ClaimChanged",
        }
    }
}

impl State {
    fn set(
        &self,
        setting: Arc<Setting>,
        accept_conflicts: bool,
        now: Timestamp,
    ) -> Decision<Event> {
        let mut conflicts = match self.conflicts_of(&setting, now) {
            Ok(conflicts) => conflicts,
            Err(rejection) => return Decision::rejected(rejection),
        };
        if conflicts.len() > CONFLICTS_MAX {
            let conflicts_max = CONFLICTS_MAX;
            return Decision::rejected(Rejection::TooManyConflicts { conflicts_max });
        }
        if !accept_conflicts && !conflicts.is_empty() {
            let total = conflicts.len();
            conflicts.truncate(CONFLICTS_TOLD_MAX);
            return Decision::rejected(Rejection::ClaimsInConflict { conflicts, total });
        }
        let named = conflicts.chunks(CONFLICTS_PER_EVENT);
        let named = named.map(|conflicts| Event::ClaimsInConflict(conflicts.into()));
        Decision::accepted([Event::Set(setting)].into_iter().chain(named).collect())
    }

    /// The claims that a setting would bring into conflict, or why it can't be made.
    fn conflicts_of(&self, setting: &Setting, now: Timestamp) -> Result<Vec<Conflict>, Rejection> {
        if let Some(flaw) = setting.flaw(self.rules.kind()) {
            return Err(Rejection::InvalidRule(flaw));
        }
        if self.rules.work_of(setting) > WORK_MAX {
            return Err(Rejection::TooMuchToSet { work_max: WORK_MAX });
        }
        let mut after = Rules::clone(&self.rules);
        after.follow(setting);
        if after.changes() > CHANGES_MAX {
            return Err(Rejection::TooManyRules { changes_max: CHANGES_MAX });
        }
        Ok(self.new_conflicts(setting, &after, now))
    }

    fn retire(&self) -> Decision<Event> {
        if self.is_retired {
            let (from, command) = ("RETIRED", "RetireCalendar");
            return Decision::rejected(Rejection::InvalidTransition { from, command });
        }
        Decision::accepted(vec![Event::Retired])
    }

    fn evolve(&mut self, event: &Event, time: Timestamp) {
        match event {
            Event::Created(_) | Event::ClaimsInConflict(_) => {}
            Event::Set(setting) => Arc::make_mut(&mut self.rules).follow(setting),
            Event::Retired => self.is_retired = true,
            Event::ClaimMade(standing)
            | Event::ClaimChanged(standing)
            | Event::ClaimCommitted(standing) => self.book.put(Entry::new(standing)),
            Event::ClaimWidened { standing, change } => {
                self.book.put(Entry::widened(standing, change));
            }
            Event::ClaimReleased { reservation, reservation_version } => {
                if let Some(entry) = self.book.get(*reservation) {
                    let released = entry.released(*reservation_version);
                    self.book.put(released);
                }
            }
        }
        self.book.fold(time);
    }
}

fn create(create: Arc<Create>) -> Decision<Event> {
    if let Some(flaw) = create.flaw() {
        return Decision::rejected(Rejection::InvalidRule(flaw));
    }
    Decision::accepted(vec![Event::Created(create)])
}

impl Calendar {
    /// What it is, once it exists.
    pub fn details(&self) -> Option<Details> {
        let State { rules, is_retired, book } = self.state.as_ref()?;
        let (rules, is_retired, claims) = (rules.clone(), *is_retired, book.len());
        let Self { created, updated, .. } = *self;
        Some(Details { rules, is_retired, claims, created, updated })
    }

    /// What there is between two moments, without a gap, in at most `count` pieces: for slots,
    /// neighbours that are equal are one; for nights, each is told.
    pub fn available(&self, from: i64, to: i64, count: usize) -> Vec<Available> {
        self.state.as_ref().map_or_else(Vec::new, |state| state.available(from, to, count))
    }

    /// From which moment on what is claimed is told exactly. Before it, as much is told always as ever
    /// was at one time then.
    pub fn exact_from(&self) -> i64 {
        self.state.as_ref().map_or(i64::MIN, |state| state.book.exact_from())
    }

    /// What a claim changes: nothing, one event, or these lines can't be had.
    fn claim(&self, wish: &Claim, now: Timestamp) -> Result<Option<Event>, Vec<Short>> {
        match &self.state {
            Some(state) => state.claim(wish, now),
            None => match claiming::unknown(&wish.lines) {
                short if short.is_empty() => Ok(None),
                short => Err(short),
            },
        }
    }

    fn is_waited_for(&self, wish: &Claim, now: Timestamp) -> bool {
        let state = self.state.as_ref();
        state.map_or_else(|| wish.is_holding(), |state| state.is_waited_for(wish, now))
    }

    /// Follows a wish and says what became of it.
    fn answered(&self, wish: &Claim, context: &Context<'_>) -> Decision<Event> {
        let (events, outcome) = match self.claim(wish, context.now) {
            Ok(event) => (Vec::from_iter(event), ClaimOutcome::Granted),
            Err(short) => (Vec::new(), told(short, context)),
        };
        let messages = Vec::from_iter(reply(wish.reservation, outcome, context));
        Decision { events, messages, outcome: Outcome::Silent }
    }
}

fn told(short: Vec<Short>, context: &Context<'_>) -> ClaimOutcome {
    let lines = short.into_iter().map(|short| short.told(context.log_position));
    ClaimOutcome::ShortLines(lines.collect())
}

fn reply(to: ReservationId, outcome: ClaimOutcome, context: &Context<'_>) -> Option<Message> {
    let EntityId::Resource(resource) = context.id else { return None };
    let answer = ClaimAnswer { resource: resource.clone(), outcome };
    Some(Message {
        to: EntityId::Reservation(to),
        command: command::Command::Reservation(super::reservation::Command::Answered(answer)),
    })
}

impl Aggregate for Calendar {
    const KIND: EntityKind = EntityKind::Calendar;
    const CREATED_ONCE: bool = true;
    type Command = Command;
    type Event = Event;
    type Transient = ();

    fn command(command: command::Command) -> Option<Command> {
        match command {
            command::Command::Calendar(command) => Some(command),
            _ => None,
        }
    }

    fn begins(command: &Command) -> bool {
        matches!(command, Command::Create(_))
    }

    fn decide(&self, _: &mut (), command: Command, context: &Context<'_>) -> Decision<Event> {
        match (&self.state, command) {
            (None, Command::Create(calendar)) => create(calendar),
            (Some(_), Command::Create(_)) => Decision::rejected(Rejection::RequestIdReused),
            (Some(state), Command::Set { setting, accept_conflicts }) => {
                state.set(setting, accept_conflicts, context.now)
            }
            (Some(state), Command::Retire) => state.retire(),
            (None, Command::Set { .. } | Command::Retire) => {
                Decision::rejected(Rejection::NotFound(EntityKind::Calendar))
            }
            (_, Command::Claim(wish)) if self.is_waited_for(&wish, context.now) => {
                self.answered(&wish, context)
            }
            (_, Command::Claim(wish)) => self.answered(&wish, context).telling(Vec::new()),
            (_, Command::Demand(wish)) => self.answered(&wish, context),
            (_, Command::Check(wish)) => {
                Decision { events: Vec::new(), ..self.answered(&wish, context) }
            }
        }
    }

    fn evolve(&mut self, event: &Event, _: Version, time: Timestamp) {
        self.updated = time;
        match (&mut self.state, event) {
            (Some(state), event) => state.evolve(event, time),
            (None, Event::Created(create)) => {
                let rules = Arc::new(Rules::new(create));
                let book = Book::new(rules.kind());
                self.created = time;
                self.state = Some(State { rules, is_retired: false, book });
            }
            (None, _) => {}
        }
    }

    fn summary(&self) -> Summary {
        let Some(state) = &self.state else { return Summary::NONE };
        let name = if state.is_retired { "RETIRED" } else { "OPEN" };
        let created = self.created;
        Summary { state: name, deadline: None, finished: false, under_way: false, created }
    }

    fn answer(&self, question: &Question, now: Timestamp, position: Position) -> Answer {
        Self::answer(self, question, now, position)
    }

    fn claims_after(&self, after: Option<ReservationId>, count: usize) -> Vec<Wish> {
        let Some(state) = &self.state else { return Vec::new() };
        let kind = state.rules.kind();
        let claims = state.book.after(after).take(count);
        claims.map(|entry| Wish::Calendar(entry.claim(kind))).collect()
    }

    fn is_small(&self) -> bool {
        self.state.as_ref().is_none_or(|state| {
            let rows = state.book.pieces() + state.book.folded_len() + state.rules.changes();
            rows <= 1_000
        })
    }

    fn view(&self) -> View {
        self.details().map_or(View::Nothing, |details| View::Calendar(Arc::new(details)))
    }

    fn into_body(event: Event) -> Body {
        Body::Calendar(event)
    }

    fn from_body(body: &Body) -> Option<&Event> {
        match body {
            Body::Calendar(event) => Some(event),
            _ => None,
        }
    }
}
