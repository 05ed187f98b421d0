//! A reservation: what it holds, until when, and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast::domain::claim::Wish;
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::name::{Label, TenantId};
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{
    Command, Create, Details, Event as Happened, HOLD_MS_MAX, HOLD_MS_MIN, Line, State, Term,
};
use holdfast::domain::time::Timestamp;
use holdfast::domain::view::View;

use super::portion::{portions, portions_in_pieces};
use super::stream::Stream;
use super::used::Reached;
use super::{Checked, Decision, Entity, Model, Sight, Situation, check};
use crate::sent::Registry;

/// What changes in a reservation's life.
#[derive(Debug, Clone)]
struct Life {
    state: State,
    reached: Reached,
    deadline: Option<Timestamp>,
    cancel_reason: Label,
}

/// A reservation, as each of its events left it.
#[derive(Default)]
pub struct Reservation {
    lives: Vec<Life>,
    created: Option<Created>,
}

/// What never changes in it.
struct Created {
    lines: Arc<[Line]>,
    customer: Label,
    external_reference: Label,
    attributes: BTreeMap<Label, Label>,
    owner: Option<SalesOrderId>,
}

fn deadline(term: Term, now: Timestamp) -> Result<Option<Timestamp>, Rejection> {
    let (earliest, latest) = (Timestamp(now.0 + HOLD_MS_MIN), Timestamp(now.0 + HOLD_MS_MAX));
    let deadline = match term {
        Term::Confirmed => return Ok(None),
        Term::For(span_ms) => Timestamp(now.0.saturating_add(span_ms)),
        Term::Until(deadline) => deadline,
    };
    if (earliest..=latest).contains(&deadline) {
        Ok(Some(deadline))
    } else {
        Err(Rejection::DeadlineOutOfRange { earliest, latest })
    }
}

impl Reservation {
    fn life(&self, version: Version) -> Option<&Life> {
        self.lives.get((version.0 as usize).checked_sub(1)?)
    }

    fn created(&self) -> &Created {
        self.created.as_ref().expect("its first event is its creation, which the model checks")
    }

    /// What it wanted of a resource, in all, after a decision that made it this version.
    pub(super) fn wish(
        &self,
        stream: &Stream,
        resource: &ResourceKey,
        id: ReservationId,
        version: Version,
    ) -> Option<Wish> {
        let life = self.life(version)?;
        stream.moment(version).filter(|moment| moment.ends)?;
        let stands = matches!(life.state, State::Held | State::Confirmed);
        let lines = self.lines().iter().enumerate();
        let pieces = lines.map(|(nth, line)| (line, life.reached.pieces(nth, line, stands)));
        let portion = portions_in_pieces(pieces)?.remove(resource)?;
        let deadline = life.deadline.filter(|_| life.state == State::Held);
        Some(portion.wish(id, version, deadline))
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.created().lines
    }

    /// Whether it has a line on a resource.
    pub(super) fn wants(&self, resource: &ResourceKey) -> bool {
        self.lines().iter().any(|line| line.wanted.is_of(resource))
    }

    pub(super) fn owner(&self) -> Option<SalesOrderId> {
        self.created().owner
    }

    pub(super) fn state(&self) -> State {
        self.lives.last().map_or(State::Held, |life| life.state)
    }

    /// The deadline of what is held now.
    pub(super) fn held_until(&self) -> Option<Timestamp> {
        self.lives.last().filter(|life| life.state == State::Held)?.deadline
    }

    /// Whether it was open, and in one of these states, at a version.
    pub(super) fn is_listed(&self, version: Version, states: &[State]) -> bool {
        self.life(version).is_some_and(|life| states.contains(&life.state))
    }
}

impl Entity for Reservation {
    type Command = Command;
    type Happened = Happened;

    fn decide(
        model: &Model,
        key: &EntityKey,
        command: &Command,
        situation: &Situation,
    ) -> Decision {
        let version = model.version_at(key, situation.at);
        let known = model.entities.reservations.get(key);
        let decided = match (known.and_then(|known| Some((known, known.life(version)?))), command) {
            (None, Command::Create(create)) => decide_creation(create, situation.now),
            (None, _) => Err(Rejection::NotFound(EntityKind::Reservation)),
            (Some((known, life)), command) => decide(known, life, command, situation),
        };
        match decided {
            Ok(events) => Decision::accepted(events.into_iter().map(Body::Reservation).collect()),
            Err(rejection) => Decision::refused(rejection),
        }
    }

    /// A hold ends by itself, or is found to have ended, not before its deadline.
    fn by_itself(
        model: &Model,
        event: &Event,
        _: &Happened,
        _: &Registry,
    ) -> Result<Vec<Body>, String> {
        let known = model.entities.reservations.get(&event.stream);
        let deadline = known.ok_or("there is no such reservation")?.held_until();
        let deadline = deadline.ok_or("it is not held")?;
        check(deadline <= event.time, || format!("its deadline is {deadline:?}"))?;
        Ok(vec![Body::Reservation(Happened::Expired { deadline })])
    }

    fn apply(&mut self, happened: &Happened, _: &Event) {
        let mut life = self.lives.last().cloned().unwrap_or(Life {
            state: State::Held,
            reached: Reached::nothing(&[]),
            deadline: None,
            cancel_reason: Label::empty(),
        });
        match happened {
            Happened::Created {
                lines,
                deadline,
                customer,
                external_reference,
                attributes,
                owner,
            } => {
                life.state = if deadline.is_some() { State::Held } else { State::Confirmed };
                life.deadline = *deadline;
                life.reached = Reached::nothing(lines);
                self.created = Some(Created {
                    lines: lines.clone(),
                    customer: customer.clone(),
                    external_reference: external_reference.clone(),
                    attributes: attributes.clone(),
                    owner: *owner,
                });
            }
            Happened::Extended { deadline } => life.deadline = Some(*deadline),
            Happened::Confirmed => {
                life.state = State::Confirmed;
                life.deadline = None;
            }
            Happened::Committed => {
                life.state = State::Committed;
                life.reached = Reached::all(self.lines());
            }
            Happened::CommittedInPart { parts, is_final } => {
                life.reached.commit(self.lines(), parts);
                if *is_final {
                    life.state = State::Committed;
                }
            }
            Happened::ChangeStarted { .. } | Happened::Changed { .. } | Happened::ChangeRefused => {
                unreachable!("nobody here changes a reservation")
            }
            Happened::Cancelled { reason } => {
                life.state = State::Cancelled;
                life.cancel_reason = reason.clone();
            }
            Happened::Expired { .. } => life.state = State::Expired,
        }
        self.lives.push(life);
    }

    fn sight(&self, stream: &Stream, version: Version) -> Sight {
        let (Some(life), Some(moment)) = (self.life(version), stream.moment(version)) else {
            return Sight::NOTHING;
        };
        let created = self.created();
        let first = stream.moment(Version(1)).expect("it has one version at least");
        Sight::Other(View::Reservation(Arc::new(Details {
            state: life.state,
            lines: created.lines.clone(),
            used: life.reached.kept(&created.lines),
            deadline: life.deadline,
            customer: created.customer.clone(),
            external_reference: created.external_reference.clone(),
            attributes: created.attributes.clone(),
            owner: created.owner,
            cancel_reason: life.cancel_reason.clone(),
            created: first.time,
            updated: moment.time,
            claims_version: version,
            change: None,
        })))
    }

    fn check_after(model: &Model, event: &Event) -> Checked {
        match event.stream.id {
            EntityId::Reservation(id) if event.version == Version(1) => {
                model.check_holds_all(&event.stream, id)
            }
            _ => Ok(()),
        }
    }

    fn check_at_rest(model: &Model, now: Timestamp) -> Checked {
        for (key, known) in &model.entities.reservations {
            for resource in portions(known.lines()).unwrap_or_default().keys() {
                model.check_wish_is_met(key, resource)?;
            }
            let is_over = known.held_until().is_some_and(|deadline| deadline <= now);
            check(!is_over, || format!("{key} is held at {now:?}"))?;
        }
        Ok(())
    }
}

impl Model {
    /// How a command was refused that found out, at exactly this position, that a hold had ended.
    pub(super) fn found_expired(&self, key: &EntityKey, at: Position) -> Option<Rejection> {
        let stream = self.stream(key);
        let version = stream.version_at(at);
        let life = self.entities.reservations.get(key)?.life(version)?;
        let is_here = stream.position(version) == at && life.state == State::Expired;
        is_here.then(|| Rejection::HoldExpired { deadline: life.deadline.unwrap_or_default() })
    }

    /// A tenant's reservations, by the time of their creation and their id.
    pub(super) fn reservations_of<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> impl Iterator<Item = (Timestamp, ReservationId, &'a Reservation, &'a Stream)> {
        self.entities.reservations.iter().filter(|(key, _)| key.tenant == *tenant).filter_map(
            |(key, known)| {
                let EntityId::Reservation(id) = key.id else { return None };
                let stream = self.stream(key);
                Some((stream.moment(Version(1))?.time, id, known, stream))
            },
        )
    }
}

fn decide_creation(create: &Create, now: Timestamp) -> Result<Vec<Happened>, Rejection> {
    let deadline = deadline(create.term, now)?;
    portions(&create.lines).ok_or(Rejection::Overflow)?;
    let Create { lines, customer, external_reference, attributes, owner, .. } = create.clone();
    Ok(vec![Happened::Created { lines, deadline, customer, external_reference, attributes, owner }])
}

fn decide(
    known: &Reservation,
    life: &Life,
    command: &Command,
    situation: &Situation,
) -> Result<Vec<Happened>, Rejection> {
    match (known.owner(), situation.issuer) {
        (Some(owner), issuer) if issuer != Some(owner) => {
            return Err(Rejection::OwnedByOrder(owner));
        }
        (None, Some(_)) => return Err(Rejection::NotFound(EntityKind::Reservation)),
        _ => {}
    }
    let stands = life.deadline.unwrap_or_default();
    if life.state == State::Held && stands <= situation.now {
        return Err(Rejection::HoldExpired { deadline: stands });
    }
    match (life.state, command) {
        (State::Expired, _) => Err(Rejection::HoldExpired { deadline: stands }),
        (State::Held, Command::Extend(term)) => extend(*term, stands, situation.now),
        (State::Held, Command::Confirm) => Ok(vec![Happened::Confirmed]),
        (State::Held | State::Confirmed, Command::Commit) => {
            Ok(commit(life, life.reached.commit_rest(known.lines())))
        }
        (State::Held | State::Confirmed, Command::CommitPart { lines, is_final }) => {
            let committed = life.reached.commit_part(known.lines(), lines, *is_final)?;
            Ok(commit(life, committed))
        }
        (State::Held | State::Confirmed, Command::Cancel { reason }) => {
            Ok(vec![Happened::Cancelled { reason: reason.clone() }])
        }
        (State::Held | State::Confirmed | State::Committed | State::Cancelled, command) => {
            let from = match life.state {
                State::Held => "HELD",
                State::Confirmed => "CONFIRMED",
                State::Committed => "COMMITTED",
                State::Cancelled => "CANCELLED",
                State::Expired => "EXPIRED",
            };
            let command = match command {
                Command::Create(_) => "CreateReservation",
                Command::Confirm => "ConfirmReservation",
                Command::Commit | Command::CommitPart { .. } => "CommitReservation",
                Command::Cancel { .. } => "CancelReservation",
                Command::Extend(_) => "ExtendReservation",
                Command::Change(_) => "ChangeReservation",
                Command::Expire | Command::Answered(_) => {
                    unreachable!("no client can say {command:?}")
                }
            };
            Err(Rejection::InvalidTransition { from, command })
        }
    }
}

/// A hold is confirmed first.
fn commit(life: &Life, committed: Happened) -> Vec<Happened> {
    let confirmed = (life.state == State::Held).then_some(Happened::Confirmed);
    confirmed.into_iter().chain([committed]).collect()
}

/// A hold is only ever prolonged.
fn extend(term: Term, stands: Timestamp, now: Timestamp) -> Result<Vec<Happened>, Rejection> {
    let deadline = deadline(term, now)?.unwrap_or(now);
    if deadline > stands {
        return Ok(vec![Happened::Extended { deadline }]);
    }
    let (earliest, latest) = (Timestamp(stands.0 + 1), Timestamp(now.0 + HOLD_MS_MAX));
    Err(Rejection::DeadlineOutOfRange { earliest, latest })
}
