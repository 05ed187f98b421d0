//! Given, when, then: one entity on its own, told things, and watched.
//!
//! A stage does what the shell around an entity does, in one thread and without a journal: the
//! checks before a decision, the decision, its events, and where they stand in the log.

use std::fmt::Debug;
use std::sync::Arc;

use holdfast::codec::fingerprint::fingerprint;
use holdfast::domain::command::{Command, Intent, Message};
use holdfast::domain::entity::{Aggregate, Checked, Context, Entity, Outcome};
use holdfast::domain::event::{Event, Origin, RequestMark};
use holdfast::domain::ids::*;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::request::Request;
use holdfast::domain::time::Timestamp;
use uuid::Uuid;

use super::words::*;

/// One entity, and what became of the last thing that it was told.
pub struct Stage<A: Aggregate> {
    pub key: EntityKey,
    pub entity: Entity<A>,
    pub transient: A::Transient,
    pub now: Timestamp,
    /// The log's last position.
    pub log_position: Position,
    /// How many events others have before each of its decisions.
    pub events_between: u64,
    pub issuer: Option<SalesOrderId>,
    pub intent: Intent,
    pub remembered_max: usize,
    /// Everything that happened, as the log holds it.
    pub log: Vec<Event>,
    pub events: Vec<A::Event>,
    pub messages: Vec<Message>,
    pub outcome: Outcome,
    pub repeated: Option<(Version, Position)>,
    waiting: Option<RequestMark>,
    requests: u128,
}

/// An entity to which this has happened.
pub fn given<A: Aggregate>(id: EntityId, history: impl IntoIterator<Item = A::Event>) -> Stage<A>
where
    A::Event: Clone,
{
    let mut stage = Stage {
        key: key(id),
        entity: Entity::default(),
        transient: A::Transient::default(),
        now: NOON,
        log_position: Position(100),
        events_between: 1,
        issuer: None,
        intent: Intent::Execute,
        remembered_max: 64,
        log: Vec::new(),
        events: Vec::new(),
        messages: Vec::new(),
        outcome: Outcome::Silent,
        repeated: None,
        waiting: None,
        requests: 0,
    };
    for event in history {
        stage.happen(vec![event], None);
    }
    stage
}

impl<A: Aggregate> Stage<A>
where
    A::Event: Clone,
{
    /// From now on it is then.
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// From now on commands come on behalf of this order.
    pub fn by(mut self, issuer: Option<SalesOrderId>) -> Self {
        self.issuer = issuer;
        self
    }

    /// From now on commands are only validated.
    pub fn trying(mut self) -> Self {
        self.intent = Intent::Validate;
        self
    }

    /// From now on so many requests are remembered.
    pub fn remembering(mut self, remembered_max: usize) -> Self {
        self.remembered_max = remembered_max;
        self
    }

    /// A client, or the process, sends a command that was never sent before.
    pub fn when(mut self, command: Command) -> Self {
        self.requests += 1;
        let request = 1_000_000 + self.requests;
        self.requested(request, None, command)
    }

    /// A command with a request id of its own, and perhaps an expected version.
    pub fn requested(mut self, id: u128, expected: Option<u64>, command: Command) -> Self {
        let fingerprint = fingerprint(&command);
        let request = Request { id: RequestId(Uuid::from_u128(id)), fingerprint };
        let command = A::command(command).expect("a command for this kind");
        let expected = expected.map(Version);
        self.forget();
        match self.entity.check(&request, expected, &command, self.remembered_max, self.now) {
            Err(rejection) => self.outcome = Outcome::Rejected(rejection),
            Ok(Checked::Repeated { version, position }) => {
                self.outcome = Outcome::Accepted;
                self.repeated = Some((version, position));
            }
            Ok(Checked::New(mark)) => self.decide(command, Some(mark)),
        }
        self
    }

    /// Another entity, or the clock, says something.
    pub fn told(mut self, command: Command) -> Self {
        let command = A::command(command).expect("a command for this kind");
        self.forget();
        let mark = self.waiting.take();
        self.decide(command, mark);
        self
    }

    fn forget(&mut self) {
        self.events.clear();
        self.messages.clear();
        self.repeated = None;
    }

    fn decide(&mut self, command: A::Command, mark: Option<RequestMark>) {
        let context = Context {
            id: &self.key.id,
            version: self.entity.version,
            now: self.now,
            log_position: self.log_position,
            issuer: self.issuer,
            request: mark.map(|RequestMark { id, fingerprint, .. }| Request { id, fingerprint }),
            intent: self.intent,
        };
        let decision = self.entity.state.decide(&mut self.transient, command, &context);
        if matches!(decision.outcome, Outcome::Waits | Outcome::Silent) {
            self.waiting = mark;
        }
        let mark = mark.filter(|_| decision.outcome == Outcome::Accepted);
        self.outcome = decision.outcome;
        self.messages = decision.messages;
        match self.intent {
            Intent::Execute => self.happen(decision.events, mark),
            Intent::Validate => self.events = decision.events,
        }
    }

    fn happen(&mut self, events: Vec<A::Event>, mark: Option<RequestMark>) {
        if events.is_empty() {
            return;
        }
        let count = events.len() as u64;
        self.log_position = self.log_position.plus(self.events_between);
        let first = self.log.len();
        for event in events {
            let links = self.entity.links();
            self.entity.evolve(&event, self.now);
            self.log_position = self.log_position.next();
            let is_first = self.log.len() == first;
            let before = Position(self.log_position.0 - 1);
            self.log.push(Event {
                position: self.log_position,
                stream: self.key.clone(),
                version: links.version,
                previous: if is_first { links.previous } else { before },
                landmark: links.landmark,
                time: self.now,
                origin: origin(),
                causation_id: None,
                request: mark,
                body: A::into_body(event),
            });
        }
        self.entity.placed(self.log_position, count, mark.as_ref(), self.now);
        let happened = self.log[first..].iter().map(|event| A::from_body(&event.body));
        self.events = happened.map(|event| event.unwrap().clone()).collect();
    }
}

pub fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        principal: label("anonymous"),
        source: label("test"),
        correlation_id: Uuid::from_u128(5),
    })
}

impl<A: Aggregate> Stage<A>
where
    A::Event: PartialEq + Debug,
{
    /// Exactly this happened.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) -> Self {
        assert_eq!(self.events, Vec::from_iter(events));
        self
    }

    /// Nothing happened.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then([])
    }

    /// Exactly this was said to others.
    #[track_caller]
    pub fn telling(self, messages: impl IntoIterator<Item = Message>) -> Self {
        assert_eq!(self.messages, Vec::from_iter(messages));
        self
    }

    /// Whoever asked is told that it is done.
    #[track_caller]
    pub fn accepted(self) -> Self {
        assert_eq!(self.outcome, Outcome::Accepted);
        self
    }

    /// Whoever asked is told why not.
    #[track_caller]
    pub fn then_rejected(self, rejection: Rejection) -> Self {
        assert_eq!(self.outcome, Outcome::Rejected(rejection));
        self
    }

    /// Whoever asked must wait.
    #[track_caller]
    pub fn waits(self) -> Self {
        assert_eq!(self.outcome, Outcome::Waits);
        self
    }

    /// Nobody is told.
    #[track_caller]
    pub fn silent(self) -> Self {
        assert_eq!(self.outcome, Outcome::Silent);
        self
    }

    /// It was accepted before, with this version.
    #[track_caller]
    pub fn repeated(self, version: u64) -> Self {
        let (found, position) = self.repeated.expect("a repetition");
        assert_eq!(found, Version(version));
        let effect = self.log.iter().find(|event| event.version == found).unwrap();
        assert_eq!(effect.position, position);
        self
    }
}
