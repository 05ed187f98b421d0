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

use std::collections::{BTreeMap, BTreeSet};

use super::super::claim::{Claim, ClaimAnswer, ClaimOutcome, Shortfall};
use super::super::command::Message;
use super::super::entity::{Decision, Outcome};
use super::super::ids::{ReservationId, ResourceKey, Version};
use super::super::rejection::{Rejection, Shortage};
use super::super::time::Timestamp;
use super::{Create, Event, Line, Waiting, ask, quantities, tell};

/// A creation under way.
#[derive(Debug)]
pub(super) struct Asking {
    create: Create,
    deadline: Option<Timestamp>,
    /// What is asked for, in the order of asking.
    wanted: Vec<(ResourceKey, u64)>,
    /// How many have granted.
    granted: usize,
    /// What fell short, once something did.
    short: Vec<(ResourceKey, Shortfall)>,
    /// Whose checks are still unanswered, once something fell short.
    unanswered: BTreeSet<ResourceKey>,
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
    let Some(wanted) = quantities(&create.lines) else {
        return Decision::rejected(Rejection::Overflow);
    };
    // Of nothing there is always enough, and a claim of nothing would be a release.
    let wanted = wanted.into_iter().filter(|(_, sum)| *sum > 0).collect();
    let (short, unanswered) = (Vec::new(), BTreeSet::new());
    let asking = Asking { create, deadline, wanted, granted: 0, short, unanswered };
    let first = asking.wanted.first().map(|(key, sum)| tell(key.clone(), asking.claim(*sum, id)));
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
    fn claim(&self, held: u64, id: ReservationId) -> Claim {
        let deadline = self.deadline;
        Claim { held, deadline, ..Claim::release(id, FIRST) }
    }

    fn claim_answered(&mut self, answer: ClaimAnswer, id: ReservationId) -> Decision<Event> {
        let is_expected =
            self.wanted.get(self.granted).is_some_and(|(key, _)| *key == answer.resource);
        if !is_expected {
            return waits(Vec::new());
        }
        match answer.outcome {
            ClaimOutcome::Granted => self.grant(id),
            ClaimOutcome::Short(shortfall) => {
                self.short.push((answer.resource, shortfall));
                self.turn_back(id)
            }
        }
    }

    fn grant(&mut self, id: ReservationId) -> Decision<Event> {
        self.granted += 1;
        match self.wanted.get(self.granted) {
            Some((key, sum)) => waits(vec![tell(key.clone(), self.claim(*sum, id))]),
            None => Decision::accepted(vec![self.created()]),
        }
    }

    /// Gives back what was granted and asks the rest, so that every short line can be named.
    fn turn_back(&mut self, id: ReservationId) -> Decision<Event> {
        let (granted, rest) = self.wanted.split_at(self.granted);
        let rest = &rest[1..];
        self.unanswered = rest.iter().map(|(key, _)| key.clone()).collect();
        let releases = granted.iter().map(|(key, _)| tell(key.clone(), Claim::release(id, FIRST)));
        let checks = rest.iter().map(|(key, sum)| ask(key.clone(), self.claim(*sum, id)));
        let messages = releases.chain(checks).collect();
        if self.unanswered.is_empty() {
            return self.refuse().telling(messages);
        }
        waits(messages)
    }

    fn check_answered(&mut self, answer: ClaimAnswer) -> Decision<Event> {
        if !self.unanswered.remove(&answer.resource) {
            return waits(Vec::new());
        }
        if let ClaimOutcome::Short(shortfall) = answer.outcome {
            self.short.push((answer.resource, shortfall));
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

/// Spreads what the short resources had left over their lines, in the client's order, and names
/// each line that didn't get all it asked for.
fn shortages(lines: &[Line], short: &[(ResourceKey, Shortfall)]) -> Vec<Shortage> {
    let mut left: BTreeMap<_, _> = short.iter().map(|(key, shortfall)| (key, *shortfall)).collect();
    let mut named = Vec::new();
    for line in lines {
        let Some(shortfall) = left.get_mut(&line.resource) else { continue };
        if line.quantity > shortfall.available {
            named.push(Shortage {
                line: line.id.clone(),
                resource: line.resource.clone(),
                requested: line.quantity,
                shortfall: *shortfall,
            });
        }
        shortfall.available = shortfall.available.saturating_sub(line.quantity);
    }
    named
}
