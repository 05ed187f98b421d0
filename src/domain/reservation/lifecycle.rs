//! What becomes of a reservation that exists.
//!
//! ```text
//!   a change under way: Cancel and the deadline end it, the rest waits
//! ```

use std::sync::Arc;

use super::super::entity::{Context, Decision, Outcome};
use super::super::ids::{EntityKind, ReservationId, Version};
use super::super::name::Label;
use super::super::rejection::Rejection;
use super::super::time::Timestamp;
use super::{Change, Command, Details, Event, Pending, State, Term, Waiting, changing, used};

pub(super) fn decide(
    waiting: &mut Waiting,
    details: &Details,
    command: Command,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    if let Some(deadline) = passed_deadline(details, context.now) {
        return expire(waiting, details, &command, deadline, id, context);
    }
    match command {
        Command::Expire => Decision::nothing(),
        Command::Answered(answer) => match waiting.pending.take() {
            Some(Pending::Change(changing)) => {
                changing.go_on(waiting, details, answer, id, context)
            }
            Some(Pending::Creation(_)) | None => Decision::nothing(),
        },
        command => obey(waiting, details, command, id, context),
    }
}

/// Decides what somebody wants done.
fn obey(
    waiting: &mut Waiting,
    details: &Details,
    command: Command,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    if let Err(rejection) = check_owner(details, context) {
        return Decision::rejected(rejection);
    }
    if must_wait(details, &command, context) {
        return Decision::rejected(Rejection::QueueFull);
    }
    match (details.state, command) {
        (State::Expired, _) => {
            let deadline = details.deadline.unwrap_or_default();
            Decision::rejected(Rejection::HoldExpired { deadline })
        }
        (State::Held | State::Confirmed, Command::Change(lines)) => {
            changing::begin(waiting, details, lines, id, context)
        }
        (State::Held, Command::Extend(term)) => extend(details, term, id, context),
        (State::Held, Command::Confirm) => happen(details, vec![Event::Confirmed], id, context),
        (State::Held | State::Confirmed, Command::Commit) => {
            commit(details, Ok(used::commit_rest(details)), id, context)
        }
        (State::Held | State::Confirmed, Command::CommitPart { lines, is_final }) => {
            commit(details, used::commit(details, &lines, is_final), id, context)
        }
        (State::Held | State::Confirmed, Command::Cancel { reason }) => {
            waiting.pending = None;
            happen(details, vec![Event::Cancelled { reason }], id, context)
        }
        (from, command) => Decision::rejected(Rejection::InvalidTransition {
            from: from.name(),
            command: command.name(),
        }),
    }
}

/// While a change is under way, nothing but its own command and cancelling is decided: whoever has the
/// reservation keeps the rest until its end.
fn must_wait(details: &Details, command: &Command, context: &Context<'_>) -> bool {
    let Some(change) = &details.change else { return false };
    let goes_on = context.request == Some(change.request);
    !goes_on && !matches!(command, Command::Cancel { .. })
}

fn passed_deadline(details: &Details, now: Timestamp) -> Option<Timestamp> {
    let deadline = details.deadline.filter(|_| details.state == State::Held)?;
    (now >= deadline).then_some(deadline)
}

/// The deadline has passed, whether or not the clock's own message has come: it is recorded now,
/// so that no later reading of a clock can undo the refusal.
fn expire(
    waiting: &mut Waiting,
    details: &Details,
    command: &Command,
    deadline: Timestamp,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let was_waited_for = waiting.pending.take().is_some();
    let expired = happen(details, vec![Event::Expired { deadline }], id, context);
    let outcome = match command {
        Command::Answered(_) if was_waited_for => {
            Outcome::Rejected(Rejection::HoldExpired { deadline })
        }
        Command::Expire | Command::Answered(_) => Outcome::Silent,
        _ => Outcome::Rejected(
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
    happen(details, vec![Event::Extended { deadline }], id, context)
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
            happen(details, confirmed.into_iter().chain([committed]).collect(), id, context)
        }
        Err(rejection) => Decision::rejected(rejection),
    }
}

/// Lets the events happen and tells every resource what the reservation wants after them: also those
/// of which it wants nothing any more.
pub(super) fn happen(
    details: &Details,
    events: Vec<Event>,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let after = followed(details, &events, context);
    let before = Some(&details.lines).filter(|lines| !Arc::ptr_eq(lines, &after.lines));
    let wanted = details.change.as_ref().map(|change| &change.lines);
    let others = before.into_iter().chain(wanted).flat_map(|lines| lines.iter());
    Decision::accepted(events).telling(after.claims(others, id))
}

/// What the reservation is after these events.
fn followed(details: &Details, events: &[Event], context: &Context<'_>) -> Details {
    let mut after = details.clone();
    let mut version = context.version;
    for event in events {
        version = version.next();
        evolve(&mut after, event, version, context.now);
    }
    after
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
        change: None,
    })
}

pub(super) fn evolve(details: &mut Details, event: &Event, version: Version, time: Timestamp) {
    match event {
        Event::Created { .. } => return,
        Event::ChangeStarted { lines, request } => {
            let (lines, request) = (lines.clone(), *request);
            details.change = Some(Arc::new(Change { lines, request, version }));
            details.updated = time;
            return;
        }
        Event::Changed { lines } => details.lines = lines.clone(),
        Event::ChangeRefused => {}
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
    details.change = None;
    details.updated = time;
    details.claims_version = version;
}
