//! What becomes of a reservation that exists.

use super::super::entity::{Context, Decision};
use super::super::ids::{EntityKind, ReservationId, Version};
use super::super::name::Label;
use super::super::rejection::Rejection;
use super::super::time::Timestamp;
use super::{Command, Details, Event, State, Term, used};

pub(super) fn decide(
    details: &Details,
    command: Command,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    if let Some(deadline) = passed_deadline(details, context.now) {
        return expire(details, &command, deadline, id, context);
    }
    if let Command::Expire | Command::Answered(_) = command {
        return Decision::nothing();
    }
    if let Err(rejection) = check_owner(details, context) {
        return Decision::rejected(rejection);
    }
    match (details.state, command) {
        (State::Expired, _) => {
            let deadline = details.deadline.unwrap_or_default();
            Decision::rejected(Rejection::HoldExpired { deadline })
        }
        (State::Held, Command::Extend(term)) => extend(details, term, id, context),
        (State::Held, Command::Confirm) => change(details, vec![Event::Confirmed], id, context),
        (State::Held | State::Confirmed, Command::Commit) => {
            commit(details, Ok(used::commit_rest(details)), id, context)
        }
        (State::Held | State::Confirmed, Command::CommitPart { lines, is_final }) => {
            commit(details, used::commit(details, &lines, is_final), id, context)
        }
        (State::Held | State::Confirmed, Command::Cancel { reason }) => {
            change(details, vec![Event::Cancelled { reason }], id, context)
        }
        (from, command) => Decision::rejected(Rejection::InvalidTransition {
            from: from.name(),
            command: command.name(),
        }),
    }
}

fn passed_deadline(details: &Details, now: Timestamp) -> Option<Timestamp> {
    let deadline = details.deadline.filter(|_| details.state == State::Held)?;
    (now >= deadline).then_some(deadline)
}

/// The deadline has passed, whether or not the clock's own message has come: it is recorded now,
/// so that no later reading of a clock can undo the refusal.
fn expire(
    details: &Details,
    command: &Command,
    deadline: Timestamp,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let expired = change(details, vec![Event::Expired { deadline }], id, context);
    let outcome = match command {
        Command::Expire | Command::Answered(_) => super::super::entity::Outcome::Silent,
        _ => super::super::entity::Outcome::Rejected(
            check_owner(details, context).err().unwrap_or(Rejection::HoldExpired { deadline }),
        ),
    };
    Decision { outcome, ..expired }
}

/// An order commands its own reservation and no other: one that a client made under the order's
/// id is as good as none.
fn check_owner(details: &Details, context: &Context<'_>) -> Result<(), Rejection> {
    match (details.owner, context.issuer) {
        (owner, issuer) if owner == issuer => Ok(()),
        (Some(owner), _) => Err(Rejection::OwnedByOrder(owner)),
        // A client's own, under the id of an order: the order has none.
        (None, _) => Err(Rejection::NotFound(EntityKind::Reservation)),
    }
}

fn extend(
    details: &Details,
    term: Term,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let deadline = match term.deadline(context.now) {
        Ok(deadline) => deadline.unwrap_or(context.now),
        Err(rejection) => return Decision::rejected(rejection),
    };
    let standing = details.deadline.unwrap_or_default();
    if deadline <= standing {
        let latest = context.now.plus_ms(super::HOLD_MS_MAX);
        let earliest = standing.plus_ms(1);
        return Decision::rejected(Rejection::DeadlineOutOfRange { earliest, latest });
    }
    change(details, vec![Event::Extended { deadline }], id, context)
}

/// A hold is confirmed first.
fn commit(
    details: &Details,
    committed: Result<Event, Rejection>,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let confirmed = (details.state == State::Held).then_some(Event::Confirmed);
    match committed {
        Ok(committed) => {
            change(details, confirmed.into_iter().chain([committed]).collect(), id, context)
        }
        Err(rejection) => Decision::rejected(rejection),
    }
}

/// Lets the events happen and tells every resource what the reservation wants after them.
fn change(
    details: &Details,
    events: Vec<Event>,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let mut after = details.clone();
    let mut version = context.version;
    for event in &events {
        version = version.next();
        evolve(&mut after, event, version, context.now);
    }
    Decision::accepted(events).telling(after.claims(id))
}

pub(super) fn created(event: &Event, version: Version, time: Timestamp) -> Option<Details> {
    let Event::Created { lines, deadline, customer, external_reference, attributes, owner } =
        event.clone()
    else {
        return None;
    };
    Some(Details {
        state: if deadline.is_some() { State::Held } else { State::Confirmed },
        lines,
        used: Vec::new(),
        deadline,
        customer,
        external_reference,
        attributes,
        owner,
        cancel_reason: Label::empty(),
        created: time,
        updated: time,
        claims_version: version,
    })
}

pub(super) fn evolve(details: &mut Details, event: &Event, version: Version, time: Timestamp) {
    match event {
        Event::Created { .. } => return,
        Event::Extended { deadline } => details.deadline = Some(*deadline),
        Event::Confirmed => {
            details.state = State::Confirmed;
            details.deadline = None;
        }
        Event::Committed => {
            details.state = State::Committed;
            details.used.clear();
        }
        Event::CommittedInPart { parts, is_final } => details.follow_commit(parts, *is_final),
        Event::Cancelled { reason } => {
            details.state = State::Cancelled;
            details.cancel_reason = reason.clone();
        }
        Event::Expired { .. } => details.state = State::Expired,
    }
    details.updated = time;
    details.claims_version = version;
}
