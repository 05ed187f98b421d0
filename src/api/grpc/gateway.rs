//! The one path of every command, and of every question.
//!
//! ```text
//!   request ──read──▶ Ready ──admit──▶ engine ──durable, settle──▶ Done
//!             │                │                   │
//!          invalid        turned away       refused, uncertain
//! ```
//!
//! A call takes one command all the way. A stream's commands take the same steps, many at a time;
//! `execution` has them in its hands.
//!
//! Invariants: a command whose deadline has passed isn't given to the engine. One that was given
//! stays admitted until the engine has answered, even where its client has gone: what is in flight
//! is counted by what the engine works on.
//!
//! Not here: what messages mean (`validate`), what failures look like (`errors`).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tonic::Request;

use super::caller::{self, Caller};
use super::deadline::Deadline;
use super::errors::{Failure, Refusal, Subject};
use super::validate::{Fields, ReadCommand, Wish};
use crate::actors::delivery::{Accepted, Shown, Told};
use crate::actors::engine::{CommandError, CommandRequest, Engine, Uncertain};
use crate::api::admission::{Admission, Admitted};
use crate::domain::command::Command;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, Version};
use crate::domain::name::TenantId;
use crate::domain::reservation::{self, Term};
use crate::domain::time::Timestamp;
use crate::telemetry::{self, Outcome};

/// The way to the engine. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    engine: Engine,
    admission: Admission,
}

/// A command that could be read.
pub(super) struct Ready {
    /// What the engine is given.
    pub request: CommandRequest,
    /// What the answer needs.
    pub ticket: Ticket,
}

/// What is kept of a command until it is answered.
pub(super) struct Ticket {
    id: EntityId,
    name: &'static str,
    deadline_field: &'static str,
    started: Instant,
}

/// A command that took effect.
pub(super) struct Done {
    /// On which entity.
    pub id: EntityId,
    /// How.
    pub accepted: Accepted,
}

impl Gateway {
    /// The way to this engine, through this gate.
    pub fn new(engine: Engine, admission: Admission) -> Self {
        Self { engine, admission }
    }

    /// The engine, for questions that are no command.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The gate.
    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Takes a command all the way.
    ///
    /// # Errors
    /// Every [`Failure`] of a command.
    pub(super) async fn run<M: ReadCommand>(&self, request: Request<M>) -> Result<Done, Failure> {
        let (ready, deadline) = read(request)?;
        self.execute(ready, deadline).await
    }

    /// Gives a command to the engine, unless its deadline has passed.
    ///
    /// # Errors
    /// Every [`Failure`] of a command but [`Failure::Invalid`].
    pub(super) async fn execute(
        &self,
        ready: Ready,
        deadline: Option<Deadline>,
    ) -> Result<Done, Failure> {
        let Ready { request, ticket } = ready;
        let admitted = match self.admit(deadline).await {
            Ok(admitted) => admitted,
            Err(failure) => return Err(ticket.turned_away(failure)),
        };
        let engine = self.engine.clone();
        ToItsEnd::new(async move {
            let answer = engine.command(request).await;
            let settled = ticket.settle(answer, || engine.now());
            drop(admitted);
            settled
        })
        .await
    }

    async fn admit(&self, deadline: Option<Deadline>) -> Result<Admitted, Failure> {
        let admitted = self.admission.admit().await?;
        if deadline.is_some_and(Deadline::has_passed) {
            return Err(Failure::DeadlinePassed);
        }
        Ok(admitted)
    }

    /// Shows an entity that exists.
    ///
    /// # Errors
    /// [`Failure::NotFound`] and [`Failure::Uncertain`].
    pub(super) async fn show(&self, key: EntityKey) -> Result<Told<Shown>, Failure> {
        let kind = key.kind();
        existing(kind, self.engine.show(key).await?)
    }
}

/// Reads a call's command, and when its client stops waiting.
///
/// # Errors
/// [`Failure::Invalid`].
pub(super) fn read<M: ReadCommand>(
    request: Request<M>,
) -> Result<(Ready, Option<Deadline>), Failure> {
    let started = Instant::now();
    let deadline = request.extensions().get().copied();
    let (metadata, _, message) = request.into_parts();
    let mut fields = Fields::default();
    let caller = Caller::read(&metadata, &mut fields);
    Ok((Ready::read(message, caller.as_ref(), fields, started)?, deadline))
}

impl Ready {
    /// Reads a command of this caller; `fields` may know already that something is wrong. Where the
    /// caller can't be told, the rest is checked all the same, as if it were anybody's.
    ///
    /// # Errors
    /// [`Failure::Invalid`].
    pub(super) fn read<M: ReadCommand>(
        message: M,
        caller: Option<&Caller>,
        mut fields: Fields,
        started: Instant,
    ) -> Result<Self, Failure> {
        let wish = match caller {
            Some(caller) => message.read(&caller.tenant, &mut fields),
            None => message.read(&TenantId::default_tenant(), &mut fields),
        };
        let (caller, wish) = fields
            .finish(caller.zip(wish))
            .inspect_err(|_| telemetry::command_ended(M::NAME, Outcome::Invalid))?;
        let request = command_request(caller, wish);
        let (id, name) = (request.key.id.clone(), M::NAME);
        let deadline_field = deadline_field(&request.command);
        Ok(Self { ticket: Ticket { id, name, deadline_field, started }, request })
    }
}

impl Ticket {
    /// Counts a command that was not executed, and gives back why.
    pub(super) fn turned_away(self, why: Failure) -> Failure {
        telemetry::command_turned_away(self.name, why.reason_turned_away());
        why
    }

    /// Counts a command that the engine is done with, and says what became of it.
    ///
    /// # Errors
    /// [`Failure::Refused`] and [`Failure::Uncertain`].
    pub(super) fn settle(
        self,
        answer: Result<Accepted, CommandError>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<Done, Failure> {
        let Self { id, name, deadline_field, started } = self;
        telemetry::command_ended(name, outcome(&answer));
        telemetry::command_took(started.elapsed());
        match answer {
            Ok(accepted) => Ok(Done { id, accepted }),
            Err(CommandError::Uncertain(_)) => Err(Failure::Uncertain),
            Err(CommandError::Refused(refused)) => {
                let resource = match id {
                    EntityId::Resource(key) => Some(key),
                    EntityId::Reservation(_) | EntityId::SalesOrder(_) => None,
                };
                let subject = Subject { resource, deadline_field };
                Err(Failure::Refused(Box::new(Refusal { refused, subject, now: now() })))
            }
        }
    }
}

/// Reads a question: whose data it is about, and what it asks.
///
/// # Errors
/// [`Failure::Invalid`].
pub(super) fn ask<M, Q>(
    request: Request<M>,
    read: impl FnOnce(&mut Fields, &TenantId, M) -> Option<Q>,
) -> Result<(TenantId, Q), Failure> {
    let (metadata, _, message) = request.into_parts();
    let mut fields = Fields::default();
    let tenant = caller::tenant(&metadata, &mut fields);
    let nobody = TenantId::default_tenant();
    let question = read(&mut fields, tenant.as_ref().unwrap_or(&nobody), message);
    fields.finish(tenant.zip(question))
}

/// What an entity of this kind is, where anything has ever happened to it.
fn existing(kind: EntityKind, told: Told<Shown>) -> Result<Told<Shown>, Failure> {
    match told.answer.version {
        Version(0) => Err(Failure::NotFound(kind, told.position)),
        _ => Ok(told),
    }
}

impl From<Uncertain> for Failure {
    fn from(_: Uncertain) -> Self {
        Self::Uncertain
    }
}

/// The field that a client says a deadline with.
fn deadline_field(command: &Command) -> &'static str {
    use reservation::Command::{Create, Extend};
    let term = match command {
        Command::Reservation(Create(create)) => Some(create.term),
        Command::Reservation(Extend(term)) => Some(*term),
        _ => None,
    };
    match term {
        Some(Term::Until(_)) => "expire_time",
        Some(Term::For(_) | Term::Confirmed) | None => "ttl",
    }
}

fn command_request(caller: &Caller, wish: Wish) -> CommandRequest {
    let Wish { id, command, intent, request_id, expected_version } = wish;
    let origin = Arc::new(caller.origin(request_id));
    let key = EntityKey { tenant: caller.tenant.clone(), id };
    CommandRequest { key, command, intent, request_id, expected_version, origin }
}

fn outcome(answer: &Result<Accepted, CommandError>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Accepted,
        Err(CommandError::Refused(_)) => Outcome::Rejected,
        Err(CommandError::Uncertain(_)) => Outcome::Uncertain,
    }
}

/// Work that goes on to its end where nobody waits for it any more: once begun, a task of its own
/// takes it over from whoever drops it.
struct ToItsEnd<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Begun,
}

impl<F: Future<Output: Send> + Send + 'static> ToItsEnd<F> {
    fn new(work: F) -> Self {
        Self { work: Some(Box::pin(work)), stage: Stage::New }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for ToItsEnd<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.stage = Stage::Begun;
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for ToItsEnd<F> {
    fn drop(&mut self) {
        let Some(work) = self.work.take().filter(|_| self.stage == Stage::Begun) else { return };
        // Without a runtime the process is ending, and nobody counts any more.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::sync::oneshot;

    use super::*;
    use crate::domain::claim::StockFigures;
    use crate::domain::ids::Position;
    use crate::domain::view::{StockView, View};

    #[test]
    fn a_balance_that_nothing_ever_happened_to_is_not_found() {
        let told = |version| {
            let figures = StockFigures { on_hand: 0, held: 0 };
            let view = View::StockBalance(StockView { figures, updated: Timestamp(0) });
            let answer = Shown { version: Version(version), position: Position(0), view };
            existing(EntityKind::StockBalance, Told { answer, position: Position(9) })
        };
        let missing = told(0).map(|_| ()).unwrap_err();
        let expected = Failure::NotFound(EntityKind::StockBalance, Position(9));
        assert_eq!(format!("{missing:?}"), format!("{expected:?}"));
        assert!(told(1).is_ok());
    }

    #[tokio::test]
    async fn a_command_whose_client_has_gone_stays_admitted_until_it_is_answered() {
        let gate = Admission::new(Default::default());
        let admitted = gate.admit().await.unwrap();
        let (answer, answered) = oneshot::channel::<()>();
        let mut command = ToItsEnd::new(async move {
            let _ = answered.await;
            drop(admitted);
        });
        assert!((&mut command).now_or_never().is_none());
        drop(command);
        assert_eq!(gate.in_flight(), 1);
        answer.send(()).unwrap();
        gate.drained().await;
        assert_eq!(gate.in_flight(), 0);
    }

    #[tokio::test]
    async fn what_was_not_begun_is_given_up() {
        let (begun, mut seen) = oneshot::channel();
        drop(ToItsEnd::new(async move { begun.send(()) }));
        tokio::task::yield_now().await;
        assert!(seen.try_recv().is_err());
    }
}
