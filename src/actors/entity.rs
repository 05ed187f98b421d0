//! The shell around every aggregate.
//!
//! ```text
//!   Delivery ──▶ check ──▶ decide ──▶ evolve ──▶ append (with the answer) ──▶ send
//! ```
//!
//! Written once, for every kind of entity. It keeps what the entity must not lose while it waits
//! for others: who asked, and what came meanwhile.
//!
//! Invariants: nothing is answered but through the journal. While a command is being decided,
//! others queue, bounded; the same command sent again joins those who wait for its answer, and what
//! may end it is let through. A command that is only validated changes nothing but what is waited for.
//!
//! Not here: what is decided; that is the aggregate's. Nor which actor has which entity; that is
//! `seat`'s.

mod answers;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Context as ActorCtx, Handler};
use uuid::Uuid;

use super::capture::Captured;
use super::delivery::{Delivery, Envelope, Payload, Reply, ShownClaims, Told};
use super::environment::{Environment, Surroundings};
use super::process_manager::RunStep;
use crate::codec::records::{self, Recorded};
use crate::codec::v1;
use crate::domain::command::{Command, Intent, Message};
use crate::domain::entity::{Checked, Context, Decision, Entity, Outcome, Summary, Transient};
use crate::domain::event::{Event, Origin, RequestMark};
use crate::domain::ids::{EntityKey, Position, SalesOrderId};
use crate::domain::rejection::Rejection;
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::telemetry;

/// The actor of an active entity.
pub struct EntityActor<A: Recorded> {
    shell: Rc<RefCell<Option<Shell<A>>>>,
}

/// An active entity, as its actor changes it and its shard takes it back.
pub struct Shell<A: Recorded> {
    key: EntityKey,
    entity: Box<Entity<A>>,
    transient: A::Transient,
    undecided: Option<Undecided>,
    queue: VecDeque<Envelope>,
    /// How many messages it has dealt with.
    handled: u64,
    environment: Rc<Environment>,
}

/// What an entity is when its shard wants it back.
pub enum Rest {
    /// Not done yet.
    Busy,
    /// Nothing ever happened to it.
    Nothing,
    /// Its record.
    Record {
        /// The record.
        record: Box<[u8]>,
        /// What the table should know of it.
        summary: Summary,
        /// The position of its last event.
        position: Position,
    },
}

/// A command that is being decided, perhaps by other entities too.
struct Undecided {
    request: Request,
    intent: Intent,
    mark: RequestMark,
    cause: Cause,
    issuer: Option<SalesOrderId>,
    replies: Vec<Reply>,
}

/// Who and what is behind a decision.
#[derive(Clone)]
struct Cause {
    origin: Arc<Origin>,
    causation_id: Option<Uuid>,
}

impl<A: Recorded> EntityActor<A> {
    /// An actor that works for whatever entity is in the shell.
    pub fn new(shell: Rc<RefCell<Option<Shell<A>>>>) -> Self {
        Self { shell }
    }
}

impl<A: Recorded> Shell<A> {
    /// An entity that has been sent nothing yet.
    pub fn new(key: EntityKey, entity: Box<Entity<A>>, environment: Rc<Environment>) -> Self {
        Self {
            key,
            entity,
            transient: A::Transient::default(),
            undecided: None,
            queue: VecDeque::new(),
            handled: 0,
            environment,
        }
    }

    /// What it is, to whoever has sent it so many messages: idle only where it has dealt with all.
    pub fn rest(&self, sent: u64) -> Rest {
        let is_idle = self.undecided.is_none() && !self.transient.is_waiting();
        if self.handled < sent || !is_idle || !self.entity.state.is_small() {
            Rest::Busy
        } else if self.entity.exists() {
            Rest::Record {
                record: records::encoded(&self.entity, |bytes| bytes.into()),
                summary: self.entity.state.summary(),
                position: self.entity.position,
            }
        } else {
            Rest::Nothing
        }
    }

    /// Its record as it is now, if anything ever happened to it.
    pub fn captured(&self) -> Option<Captured> {
        self.entity.exists().then(|| {
            let (key, entity) = (self.key.clone(), self.entity.clone());
            Box::new(move || (v1::encode(&key), records::encode(&entity))) as Captured
        })
    }

    fn handle(&mut self, payload: Payload) {
        match payload {
            Payload::Command(envelope) => self.receive(*envelope),
            Payload::Tell { command, origin, causation_id } => {
                self.tell(command, Cause { origin, causation_id });
            }
            Payload::Show(reply) => {
                let answer = self.shown();
                self.read(move |position| {
                    let _ = reply.send(Told { answer, position });
                });
            }
            Payload::ShowClaims { after, count, reply } => {
                let version = self.entity.version;
                let claims = self.entity.state.claims_after(after, count);
                self.read(move |position| {
                    let _ = reply.send(Told { answer: ShownClaims { version, claims }, position });
                });
            }
            Payload::Ask { question, reply } => {
                let Surroundings { clock, journal, .. } = &self.environment.surroundings;
                let answer = self.entity.state.answer(&question, clock.now(), journal.assigned());
                self.read(move |position| {
                    let _ = reply.send(Told { answer, position });
                });
            }
            Payload::GoOn { origin } => {
                self.go_on(&Cause { origin, causation_id: None }, self.entity.position);
            }
        }
        self.handled += 1;
    }

    fn receive(&mut self, envelope: Envelope) {
        let Some(undecided) = &mut self.undecided else { return self.command(envelope) };
        let is_same_id =
            undecided.request.id == envelope.request.id && undecided.intent == envelope.intent;
        if is_same_id && undecided.request.fingerprint == envelope.request.fingerprint {
            undecided.replies.push(envelope.reply);
        } else if is_same_id {
            self.refuse(Rejection::RequestIdReused, vec![envelope.reply]);
        } else if self.entity.state.lets_through(&envelope.command) {
            self.command(envelope);
        } else if self.queue.len() >= self.environment.surroundings.limits.commands_queued_max {
            self.refuse(Rejection::QueueFull, vec![envelope.reply]);
        } else {
            self.queue.push_back(envelope);
        }
    }

    fn command(&mut self, envelope: Envelope) {
        let Envelope {
            command,
            request,
            intent,
            expected_version,
            issuer,
            origin,
            causation_id,
            reply,
        } = envelope;
        let Some(command) = A::command(command) else { return self.misdirected() };
        let now = self.environment.surroundings.clock.now();
        let remembered_max = self.environment.surroundings.limits.remembered(A::KIND);
        let checked = self.entity.check(&request, expected_version, &command, remembered_max, now);
        let mark = match checked {
            Err(rejection) => return self.refuse(rejection, vec![reply]),
            Ok(Checked::Repeated { version, position }) => {
                return self.repeat(version, position, reply);
            }
            Ok(Checked::New(mark)) => mark,
        };
        let cause = Cause { origin, causation_id };
        let asked = Undecided { request, intent, mark, cause, issuer, replies: vec![reply] };
        let decision = self.decide(command, Some(&asked), now);
        if decision.outcome == Outcome::Waits {
            self.happen(decision, None, &asked.cause, now, None);
            self.undecided = Some(asked);
        } else {
            self.conclude(decision, asked, now);
            self.look_for_an_end();
        }
    }

    fn tell(&mut self, command: Command, cause: Cause) {
        let Some(command) = A::command(command) else { return self.misdirected() };
        let now = self.environment.surroundings.clock.now();
        let undecided = self.undecided.take();
        let decision = self.decide(command, undecided.as_ref(), now);
        match (&decision.outcome, undecided) {
            (Outcome::Accepted | Outcome::Rejected(_), Some(undecided)) => {
                self.conclude(decision, undecided, now);
                self.take_up_queue();
            }
            (outcome, undecided) => {
                let of_undecided = undecided.as_ref().filter(|_| *outcome == Outcome::Waits);
                let cause = of_undecided.map_or(cause, |undecided| undecided.cause.clone());
                self.undecided = undecided;
                self.happen(decision, None, &cause, now, None);
                self.look_for_an_end();
            }
        }
    }

    /// Something else may have ended what a command was waiting for.
    fn look_for_an_end(&mut self) {
        if self.transient.is_waiting() {
            return;
        }
        let Some(Undecided { replies, .. }) = self.undecided.take() else { return };
        if let Some(rejection) = self.entity.state.cut_short() {
            self.refuse(rejection, replies);
        }
        self.take_up_queue();
    }

    fn decide(
        &mut self,
        command: A::Command,
        asked: Option<&Undecided>,
        now: Timestamp,
    ) -> Decision<A::Event> {
        let context = Context {
            id: &self.key.id,
            version: self.entity.version,
            now,
            log_position: self.environment.surroundings.journal.assigned(),
            issuer: asked.and_then(|asked| asked.issuer),
            request: asked.map(|asked| asked.request),
            intent: asked.map_or(Intent::Execute, |asked| asked.intent),
        };
        self.entity.state.decide(&mut self.transient, command, &context)
    }

    /// Takes up what queued while a command was being decided, until one waits again.
    fn take_up_queue(&mut self) {
        while self.undecided.is_none()
            && let Some(envelope) = self.queue.pop_front()
        {
            self.command(envelope);
        }
    }

    fn conclude(&mut self, decision: Decision<A::Event>, asked: Undecided, now: Timestamp) {
        let Undecided { intent, mark, cause, replies, .. } = asked;
        match (&decision.outcome, intent) {
            (Outcome::Rejected(rejection), Intent::Validate) => {
                self.refuse(rejection.clone(), replies);
            }
            (_, Intent::Validate) => {
                self.foretell(&self.after(&decision.events, now), replies);
            }
            (Outcome::Rejected(rejection), Intent::Execute) => {
                let rejection = rejection.clone();
                self.happen(decision, None, &cause, now, Some((replies, Err(rejection))));
            }
            (_, Intent::Execute) => {
                self.happen(decision, Some(mark), &cause, now, Some((replies, Ok(()))));
            }
        }
    }

    /// What the entity would be after these events.
    fn after(&self, events: &[A::Event], now: Timestamp) -> Entity<A> {
        let mut entity = Entity::clone(&self.entity);
        events.iter().for_each(|event| entity.evolve(event, now));
        entity
    }

    /// Lets a decision's events happen, appends them together with the answer, and tells others.
    fn happen(
        &mut self,
        decision: Decision<A::Event>,
        mark: Option<RequestMark>,
        cause: &Cause,
        now: Timestamp,
        answer: Option<(Vec<Reply>, Result<(), Rejection>)>,
    ) {
        let Decision { events, messages, .. } = decision;
        if events.is_empty() {
            if let Some((replies, result)) = answer {
                self.answer(Vec::new(), replies, result);
            }
            return self.send(messages, cause, None);
        }
        let before = self.summary();
        let count = events.len() as u64;
        let events = self.evolve(events, mark, cause, now);
        telemetry::decided(&events);
        let (replies, result) = answer.unwrap_or((Vec::new(), Ok(())));
        let last = self.answer(events, replies, result);
        self.entity.placed(last, count, mark.as_ref(), now);
        self.send(messages, cause, Some(last));
        self.note(before);
        self.go_on(cause, last);
    }

    fn evolve(
        &mut self,
        events: Vec<A::Event>,
        mark: Option<RequestMark>,
        cause: &Cause,
        now: Timestamp,
    ) -> Vec<Event> {
        let mut recorded = Vec::with_capacity(events.len());
        for event in events {
            let links = self.entity.links();
            self.entity.evolve(&event, now);
            recorded.push(Event {
                position: Position::START,
                stream: self.key.clone(),
                version: links.version,
                previous: links.previous,
                landmark: links.landmark,
                time: now,
                origin: cause.origin.clone(),
                causation_id: cause.causation_id,
                request: mark,
                body: A::into_body(event),
            });
        }
        recorded
    }

    fn send(&self, messages: Vec<Message>, cause: &Cause, last: Option<Position>) {
        let causation_id =
            last.map(|position| self.environment.event_id(position)).or(cause.causation_id);
        for Message { to, command } in messages {
            let to = EntityKey { tenant: self.key.tenant.clone(), id: to };
            let origin = cause.origin.clone();
            let payload = Payload::Tell { command, origin, causation_id };
            self.environment.send(Delivery { to, payload });
        }
    }

    fn summary(&self) -> Option<Summary> {
        self.entity.exists().then(|| self.entity.state.summary())
    }

    /// Has the index follow where what it knows of the entity has changed.
    fn note(&self, before: Option<Summary>) {
        let after = self.entity.state.summary();
        if before != Some(after) {
            self.environment.index().change(&self.key, before.as_ref(), &after);
        }
    }

    fn go_on(&self, cause: &Cause, last: Position) {
        let Some(step) = self.entity.state.next_step(&self.key.id) else { return };
        self.environment.process().do_send(RunStep {
            order: self.key.clone(),
            step,
            origin: cause.origin.clone(),
            causation_id: Some(self.environment.event_id(last)),
        });
    }

    fn misdirected(&self) {
        tracing::error!(entity = %self.key, "a command for another kind of entity was dropped");
    }
}

impl<A: Recorded> Actor for EntityActor<A> {
    type Context = ActorCtx<Self>;
}

impl<A: Recorded> Handler<Payload> for EntityActor<A> {
    type Result = ();

    fn handle(&mut self, payload: Payload, _: &mut Self::Context) {
        // A vacant actor is sent nothing.
        if let Some(shell) = &mut *self.shell.borrow_mut() {
            shell.handle(payload);
        }
    }
}
