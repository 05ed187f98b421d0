//! How a reservation comes to be: claim by claim, in the order of its resources' keys.
//!
//! Before it exists there is nothing of it in the log but claims, and those are of some creation that
//! a client has sent, or an order's process.

use holdfast::domain::claim::Wish;
use holdfast::domain::command;
use holdfast::domain::event::{Body, Event, RequestMark};
use holdfast::domain::ids::*;
use holdfast::domain::reservation::{Command, Create, Event as Happened, HOLD_MS_MIN, Term};
use holdfast::domain::time::Timestamp;

use super::portion::{Portion, portions};
use super::{Checked, Model, beside, check, order_of, reservation_of};
use crate::sent::{Registry, Sent};

/// When a decision was made. That of a creation lies before its event: between the two it asks its
/// resources.
pub(super) fn decided_at(sent: &Sent, body: &Body, time: Timestamp) -> Result<Timestamp, String> {
    let command::Command::Reservation(Command::Create(create)) = &sent.command else {
        return Ok(time);
    };
    let Body::Reservation(Happened::Created { deadline, .. }) = body else { return Ok(time) };
    let decided = match (create.term, deadline) {
        (Term::For(span_ms), Some(deadline)) => deadline.0.checked_sub(span_ms).map(Timestamp),
        // Any moment at which the deadline was allowed will do.
        (Term::Until(_), Some(deadline)) => {
            Some(Timestamp(deadline.0.saturating_sub(HOLD_MS_MIN)).min(time))
        }
        _ => Some(time),
    };
    let decided = decided.filter(|decided| (sent.since..=time).contains(decided));
    decided.ok_or_else(|| format!("no such deadline follows from {create:?}"))
}

impl Model {
    /// What the process of the order with this reservation's id has sent it under a request id.
    pub(super) fn step(&self, event: &Event, mark: &RequestMark) -> Option<Sent> {
        let order = order_of(&event.stream)?;
        let key = beside(&event.stream, EntityId::SalesOrder(order));
        let command = self.entities.orders.get(&key)?.step(order, mark.id)?;
        let created = self.stream(&key).moment(Version(1))?;
        Some(Sent {
            key: event.stream.clone(),
            command: command::Command::Reservation(command),
            request: mark.id,
            expected: None,
            origin: event.origin.clone(),
            floor: created.position,
            since: created.time,
        })
    }

    /// Checks that a claim is the next that some creation of its reservation needs.
    pub(super) fn check_wanted(&self, event: &Event, claim: &Wish, sent: &Registry) -> Checked {
        let key = reservation_of(&event.stream.tenant, claim.reservation());
        let exists = self.entities.reservations.contains_key(&key);
        check(!exists, || "its reservation exists already".into())?;
        let is_of = |create: &Create, since| self.is_next_claim(event, claim, create, since);
        let of_client = sent.creations(&key).any(|(sent, create)| is_of(create, sent.since));
        let of_order = || {
            let order = order_of(&key)?;
            let order_key = beside(&key, EntityId::SalesOrder(order));
            let create = self.entities.orders.get(&order_key)?.reservation(order);
            Some(is_of(&create, self.stream(&order_key).moment(Version(1))?.time))
        };
        let is_wanted = of_client || of_order() == Some(true);
        check(is_wanted, || format!("no creation of {key} needs {claim:?} next"))
    }

    fn is_next_claim(
        &self,
        event: &Event,
        claim: &Wish,
        create: &Create,
        since: Timestamp,
    ) -> bool {
        let (Some(wanted), EntityId::Resource(resource)) =
            (portions(&create.lines), &event.stream.id)
        else {
            return false;
        };
        let (id, deadline) = (claim.reservation(), deadline_of(claim));
        let is_in_time = match (create.term, deadline) {
            (Term::Confirmed, None) => true,
            (Term::Until(deadline), Some(said)) => deadline == said,
            (Term::For(span_ms), Some(said)) => said
                .0
                .checked_sub(span_ms)
                .is_some_and(|decided| (since.0..=event.time.0).contains(&decided)),
            _ => false,
        };
        let first = |portion: &Portion| portion.wish(id, Version(1), deadline);
        let has_all_before =
            wanted.iter().take_while(|(key, _)| *key < resource).all(|(key, portion)| {
                let at = beside(&event.stream, EntityId::Resource(key.clone()));
                self.claim_now(&at, id) == Some(first(portion))
            });
        wanted.get(resource).map(first).as_ref() == Some(claim) && is_in_time && has_all_before
    }

    /// Checks that a reservation that has just come to be holds all that its lines want.
    pub(super) fn check_holds_all(&self, key: &EntityKey, id: ReservationId) -> Checked {
        let known = &self.entities.reservations[key];
        let stream = self.stream(key);
        for resource in portions(known.lines()).ok_or("its sums are too large")?.keys() {
            let at = beside(key, EntityId::Resource(resource.clone()));
            let standing = self.claim_now(&at, id);
            let wish = known.wish(stream, resource, id, Version(1));
            check(standing == wish, || {
                format!("{key} wants {wish:?} of {resource} and has {standing:?}")
            })?;
        }
        Ok(())
    }
}

fn deadline_of(claim: &Wish) -> Option<Timestamp> {
    match claim {
        Wish::Stock(claim) => claim.deadline,
        Wish::Calendar(claim) => claim.deadline,
    }
}
