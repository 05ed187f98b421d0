//! How a reservation gathers its claims before it exists.
//!
//! ```text
//!   claim 1 ──granted──▶ claim 2 ──granted──▶ … ──granted──▶ ReservationCreated
//!                           │
//!                         short
//!                           ▼
//!     release what was granted, check the rest ──all answered──▶ rejected, every short line named
//! ```
//!
//! Resources are asked one after the other in the order of their keys, so two reservations that
//! want the same things meet at the first of them, and nobody waits for anybody in a circle.
//!
//! Invariant: a refused reservation appends nothing to its own stream, and holds nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::calendar::LineShortfall;
use super::super::claim::{ClaimAnswer, ClaimOutcome, Shortfall, Wish};
use super::super::command::Message;
use super::super::entity::{Decision, Outcome};
use super::super::ids::{ReservationId, ResourceKey, Version};
use super::super::rejection::{Rejection, Shortage};
use super::super::time::Timestamp;
use super::asked::{Asked, asked};
use super::{Create, Event, Line, Waiting};

/// A creation under way.
#[derive(Debug)]
pub(super) struct Asking {
    create: Create,
    deadline: Option<Timestamp>,
    /// What is asked for, in the order of asking.
    wanted: Vec<(ResourceKey, Asked)>,
    /// How many have granted.
    granted: usize,
    /// What fell short, once something did.
    short: Vec<(ResourceKey, Lack)>,
    /// Whose checks are still unanswered, once something fell short.
    unanswered: BTreeSet<ResourceKey>,
}

/// What a resource lacks.
#[derive(Debug, Clone)]
enum Lack {
    /// So much is left for all lines together.
    Units(Shortfall),
    /// These lines can't be had, in the order of the client's.
    Lines(VecDeque<LineShortfall>),
}

/// The version that the reservation will have when it exists.
const FIRST: Version = Version(1);

pub(super) fn begin(
    waiting: &mut Waiting,
    create: Create,
    id: ReservationId,
    now: Timestamp,
) -> Decision<Event> {
    let deadline = match create.term.deadline(now) {
        Ok(deadline) => deadline,
        Err(rejection) => return Decision::rejected(rejection),
    };
    let Some(wanted) = asked(&create.lines) else {
        return Decision::rejected(Rejection::Overflow);
    };
    let wanted = wanted.into_iter().filter(|(_, asked)| !asked.is_nothing()).collect();
    let (short, unanswered) = (Vec::new(), BTreeSet::new());
    let asking = Asking { create, deadline, wanted, granted: 0, short, unanswered };
    let first = asking.wanted.first().map(|(key, asked)| asking.wish(asked, id).tell(key.clone()));
    let Some(first) = first else { return Decision::accepted(vec![asking.created()]) };
    waiting.asking = Some(asking);
    Decision { events: Vec::new(), messages: vec![first], outcome: Outcome::Waits }
}

pub(super) fn go_on(
    waiting: &mut Waiting,
    answer: ClaimAnswer,
    id: ReservationId,
) -> Decision<Event> {
    let Some(mut asking) = waiting.asking.take() else { return Decision::nothing() };
    let decision = if asking.short.is_empty() {
        asking.claim_answered(answer, id)
    } else {
        asking.check_answered(answer)
    };
    if matches!(decision.outcome, Outcome::Waits) {
        waiting.asking = Some(asking);
    }
    decision
}

impl Asking {
    fn wish(&self, asked: &Asked, id: ReservationId) -> Wish {
        asked.wish(self.deadline, id, FIRST)
    }

    fn claim_answered(&mut self, answer: ClaimAnswer, id: ReservationId) -> Decision<Event> {
        let is_expected =
            self.wanted.get(self.granted).is_some_and(|(key, _)| *key == answer.resource);
        if !is_expected {
            return waits(Vec::new());
        }
        match Lack::of(answer.outcome) {
            None => self.grant(id),
            Some(lack) => {
                self.short.push((answer.resource, lack));
                self.turn_back(id)
            }
        }
    }

    fn grant(&mut self, id: ReservationId) -> Decision<Event> {
        self.granted += 1;
        match self.wanted.get(self.granted) {
            Some((key, asked)) => waits(vec![self.wish(asked, id).tell(key.clone())]),
            None => Decision::accepted(vec![self.created()]),
        }
    }

    /// Gives back what was granted and asks the rest, so that every short line can be named.
    fn turn_back(&mut self, id: ReservationId) -> Decision<Event> {
        let (granted, rest) = self.wanted.split_at(self.granted);
        let rest = &rest[1..];
        self.unanswered = rest.iter().map(|(key, _)| key.clone()).collect();
        let release = |(key, asked): &(_, Asked)| asked.released(id, FIRST).tell(Clone::clone(key));
        let check = |(key, asked): &(_, Asked)| self.wish(asked, id).ask(Clone::clone(key));
        let messages = granted.iter().map(release).chain(rest.iter().map(check)).collect();
        if self.unanswered.is_empty() {
            return self.refuse().telling(messages);
        }
        waits(messages)
    }

    fn check_answered(&mut self, answer: ClaimAnswer) -> Decision<Event> {
        if !self.unanswered.remove(&answer.resource) {
            return waits(Vec::new());
        }
        if let Some(lack) = Lack::of(answer.outcome) {
            self.short.push((answer.resource, lack));
        }
        if !self.unanswered.is_empty() {
            return waits(Vec::new());
        }
        self.refuse()
    }

    fn refuse(&self) -> Decision<Event> {
        Decision::rejected(Rejection::Short(shortages(&self.create.lines, &self.short)))
    }

    fn created(&self) -> Event {
        let Create { lines, customer, external_reference, attributes, owner, .. } =
            self.create.clone();
        let deadline = self.deadline;
        Event::Created { lines, deadline, customer, external_reference, attributes, owner }
    }
}

fn waits(messages: Vec<Message>) -> Decision<Event> {
    Decision { events: Vec::new(), messages, outcome: Outcome::Waits }
}

impl Lack {
    fn of(outcome: ClaimOutcome) -> Option<Self> {
        match outcome {
            ClaimOutcome::Granted => None,
            ClaimOutcome::Short(shortfall) => Some(Self::Units(shortfall)),
            ClaimOutcome::ShortLines(lines) => Some(Self::Lines(lines.into_vec().into())),
        }
    }

    /// What a line lacks, which is the next of its resource's lines.
    fn of_line(&mut self, line: &Line) -> Option<Shortfall> {
        match self {
            Self::Lines(lines) => {
                lines.front().filter(|short| short.line == line.id)?;
                lines.pop_front().map(|short| short.shortfall)
            }
            Self::Units(left) => {
                let shortfall = *left;
                left.available = left.available.saturating_sub(line.quantity);
                (line.quantity > shortfall.available).then_some(shortfall)
            }
        }
    }
}

/// Spreads what the short resources had left over their lines, in the client's order, and names
/// each line that didn't get all it asked for.
fn shortages(lines: &[Line], short: &[(ResourceKey, Lack)]) -> Vec<Shortage> {
    let mut left: BTreeMap<_, _> = short.iter().map(|(key, lack)| (key, lack.clone())).collect();
    let mut named = Vec::new();
    for line in lines {
        let resource = line.wanted.resource();
        let lack = left.get_mut(&resource).and_then(|lack| lack.of_line(line));
        let Some(shortfall) = lack else { continue };
        let Line { id: line, wanted, quantity: requested } = line.clone();
        named.push(Shortage { line, wanted, requested, shortfall });
    }
    named
}
