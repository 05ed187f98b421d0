//! Several entities that talk to each other, and crash.
//!
//! ```text
//!   client ──▶ ┌ route ┐     reservation ⇄ stock balance
//!   clock  ──▶ └ FIFO  ┘ ──▶ order ⇄ reservation
//! ```
//!
//! Each pair of entities has a route of its own, first in, first out; which route is served next
//! is up to chance. Every decision is one commit: a crash keeps a prefix of them.

use std::collections::{BTreeMap, VecDeque};

use holdfast::codec::records;
use holdfast::codec::v1;
use holdfast::domain::claim::{Claim, Wish};
use holdfast::domain::command::{Command, Message};
use holdfast::domain::entity::{Aggregate, Entity, Outcome, Transient};
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::process::{Step, StepResult};
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, Reservation};
use holdfast::domain::sales_order::{self, SalesOrder};
use holdfast::domain::stock_balance::{self, StockBalance};
use holdfast::domain::time::Timestamp;
use holdfast::recovery::{AnyEntity, Begun, World, settle};
use rand::Rng;
use rand::rngs::StdRng;

use super::stage::{Stage, given};
use super::words::*;

/// Who wants to know what became of a command.
#[derive(Clone)]
pub enum Asker {
    Client(u128),
    Process(EntityKey, Step),
}

enum Item {
    Command { asker: Asker, command: Command },
    Tell(Command),
    StepDone(Step, Outcome),
}

enum Actor {
    Stock(Stage<StockBalance>),
    Reservation(Stage<Reservation>),
    Order(Stage<SalesOrder>),
}

macro_rules! with_stage {
    ($actor:expr, $stage:ident => $body:expr) => {
        match $actor {
            Actor::Stock($stage) => $body,
            Actor::Reservation($stage) => $body,
            Actor::Order($stage) => $body,
        }
    };
}

/// Where things wait: from whom, to whom. Clients and the clock are nobody.
type Route = (Option<EntityKey>, EntityKey);

#[derive(Default)]
pub struct Toy {
    actors: BTreeMap<EntityKey, Actor>,
    routes: BTreeMap<Route, VecDeque<Item>>,
    /// What came to a reservation while it was asking.
    queues: BTreeMap<EntityKey, VecDeque<Item>>,
    askers: BTreeMap<EntityKey, Asker>,
    /// Everything that happened, and where each decision ends in it.
    pub log: Vec<Event>,
    ends: Vec<usize>,
    pub answers: BTreeMap<u128, Outcome>,
    pub now: Timestamp,
}

fn stock_wish(hold: &reservation::Details, resource: &ResourceKey, id: ReservationId) -> Claim {
    match hold.claim_on(resource, id) {
        Wish::Stock(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn stage_of<A: Aggregate>(id: EntityId, entity: Entity<A>) -> Stage<A>
where
    A::Event: Clone,
{
    let mut stage = given(id, []);
    stage.entity = entity;
    stage.events_between = 0;
    stage
}

impl Actor {
    fn new(key: &EntityKey, entity: AnyEntity) -> Self {
        let id = key.id.clone();
        match entity {
            AnyEntity::StockBalance(entity) => Self::Stock(stage_of(id, *entity)),
            AnyEntity::Reservation(entity) => Self::Reservation(stage_of(id, *entity)),
            AnyEntity::SalesOrder(entity) => Self::Order(stage_of(id, *entity)),
            AnyEntity::Calendar(_) => panic!("there are no calendars in this world"),
        }
    }

    fn is_waiting(&self) -> bool {
        // Only a reservation ever waits for others.
        matches!(self, Self::Reservation(stage) if stage.transient.is_waiting())
    }

    /// Whether a command is decided though another waits.
    fn lets_through(&self, command: &Command) -> bool {
        matches!(self, Self::Reservation(stage) if stage.entity.state.lets_through(command))
    }

    fn hear(self, item: &Item, now: Timestamp, last: Position) -> Self {
        match self {
            Self::Stock(stage) => Self::Stock(hear(stage, item, now, last)),
            Self::Reservation(stage) => Self::Reservation(hear(stage, item, now, last)),
            Self::Order(stage) => Self::Order(hear(stage, item, now, last)),
        }
    }
}

fn hear<A: Aggregate>(mut stage: Stage<A>, item: &Item, now: Timestamp, last: Position) -> Stage<A>
where
    A::Event: Clone,
{
    stage.log_position = last;
    let stage = stage.at(now);
    match item {
        Item::Command { asker: Asker::Client(request), command } => {
            stage.by(None).requested(*request, None, command.clone())
        }
        Item::Command { asker: Asker::Process(order, step), command } => {
            let EntityId::SalesOrder(order) = order.id else { panic!("{order}") };
            let request = step.request_id(order).0.as_u128();
            stage.by(Some(order)).requested(request, None, command.clone())
        }
        Item::Tell(command) => stage.by(None).told(command.clone()),
        Item::StepDone(..) => unreachable!("the process turns it into a report"),
    }
}

impl Toy {
    pub fn new() -> Self {
        Self { now: NOON, ..Self::default() }
    }

    fn last(&self) -> Position {
        Position(self.log.len() as u64)
    }

    /// A client sends a command under a request id.
    pub fn send(&mut self, to: EntityId, request: u128, command: Command) {
        self.put(None, key(to), Item::Command { asker: Asker::Client(request), command });
    }

    fn put(&mut self, from: Option<EntityKey>, to: EntityKey, item: Item) {
        self.routes.entry((from, to)).or_default().push_back(item);
    }

    /// Time goes on, and the clock wakes whom it must.
    pub fn pass_ms(&mut self, span_ms: u64) {
        self.now = self.now.plus_ms(span_ms);
        let is_due = |actor: &Actor| {
            let deadline = with_stage!(actor, stage => stage.entity.state.summary().deadline);
            deadline.is_some_and(|deadline| deadline <= self.now)
        };
        let due: Vec<_> = self.actors.iter().filter(|(_, actor)| is_due(actor)).collect();
        let due: Vec<_> = due.into_iter().map(|(key, _)| key.clone()).collect();
        for key in due {
            self.put(None, key, Item::Tell(to_reservation(reservation::Command::Expire)));
        }
    }

    /// Serves one route; false where nothing is under way.
    pub fn step(&mut self, chance: &mut StdRng) -> bool {
        self.routes.retain(|_, items| !items.is_empty());
        if self.routes.is_empty() {
            return false;
        }
        let nth = chance.random_range(0..self.routes.len());
        let (route, items) = self.routes.iter_mut().nth(nth).unwrap();
        let (to, item) = (route.1.clone(), items.pop_front().unwrap());
        self.receive(&to, item);
        true
    }

    /// Until nothing is under way.
    pub fn run(&mut self, chance: &mut StdRng) {
        while self.step(chance) {}
    }

    fn receive(&mut self, to: &EntityKey, item: Item) {
        if let Item::StepDone(step, outcome) = item {
            return self.step_done(to, step, outcome);
        }
        let fresh = || Actor::new(to, AnyEntity::new(to.kind()));
        let actor = self.actors.remove(to).unwrap_or_else(fresh);
        let must_wait = |command| actor.is_waiting() && !actor.lets_through(command);
        if matches!(&item, Item::Command { command, .. } if must_wait(command)) {
            self.actors.insert(to.clone(), actor);
            return self.queues.entry(to.clone()).or_default().push_back(item);
        }
        let mut actor = actor.hear(&item, self.now, self.last());
        let (events, messages, outcome) = with_stage!(&mut actor, stage => (
            std::mem::take(&mut stage.log),
            std::mem::take(&mut stage.messages),
            stage.outcome.clone(),
        ));
        let is_waiting = actor.is_waiting();
        self.actors.insert(to.clone(), actor);
        let has_happened = !events.is_empty();
        if has_happened {
            self.log.extend(events);
            self.ends.push(self.log.len());
        }
        for Message { to: other, command } in messages {
            self.put(Some(to.clone()), key(other), Item::Tell(command));
        }
        let cut_short = with_stage!(&self.actors[to], stage => stage.entity.state.cut_short());
        if let Item::Command { asker, .. } = item {
            let waited = self.askers.insert(to.clone(), asker);
            self.cut_short(waited, cut_short.clone());
        }
        self.answer(to, outcome);
        if !is_waiting {
            let waited = self.askers.remove(to);
            self.cut_short(waited, cut_short);
        }
        if has_happened {
            self.go_on(to);
        }
        if !is_waiting && let Some(next) = self.queues.get_mut(to).and_then(VecDeque::pop_front) {
            self.receive(to, next);
        }
    }

    fn answer(&mut self, from: &EntityKey, outcome: Outcome) {
        if matches!(outcome, Outcome::Waits | Outcome::Silent) {
            return;
        }
        match self.askers.remove(from) {
            Some(Asker::Client(request)) => {
                self.answers.insert(request, outcome);
            }
            Some(Asker::Process(order, step)) => {
                self.put(Some(from.clone()), order, Item::StepDone(step, outcome));
            }
            None => {}
        }
    }

    /// Something else has ended what somebody waited for.
    fn cut_short(&mut self, waited: Option<Asker>, rejection: Option<Rejection>) {
        if let (Some(Asker::Client(request)), Some(rejection)) = (waited, rejection) {
            self.answers.insert(request, Outcome::Rejected(rejection));
        }
    }

    fn step_done(&mut self, order: &EntityKey, step: Step, outcome: Outcome) {
        let result = match outcome {
            Outcome::Rejected(rejection) => Err(rejection),
            _ => Ok(()),
        };
        match step.result(result) {
            StepResult::Tell(outcome) => self.receive(order, Item::Tell(report(outcome))),
            other => panic!("{} of {order}: {other:?}", step.name()),
        }
    }

    fn go_on(&mut self, order: &EntityKey) {
        let actor = &self.actors[order];
        let step = with_stage!(actor, stage => stage.entity.state.next_step(&order.id));
        if let Some(step) = step {
            self.run_step(order.clone(), step);
        }
    }

    fn run_step(&mut self, order: EntityKey, step: Step) {
        let EntityId::SalesOrder(id) = order.id else { panic!("{order}") };
        match step.command() {
            None => self.put(Some(order.clone()), order, Item::StepDone(step, Outcome::Accepted)),
            Some(command) => {
                let to = key(EntityId::Reservation(id.reservation()));
                let command = Command::Reservation(command);
                let asker = Asker::Process(order.clone(), step);
                self.put(Some(order), to, Item::Command { asker, command });
            }
        }
    }

    fn world(&self) -> World {
        let mut world = World::default();
        for event in &self.log {
            let mut bytes = Vec::new();
            v1::encode_event(event, &mut bytes);
            world.apply(&v1::decode_event(event.position, &bytes).unwrap()).unwrap();
        }
        world
    }

    /// Everything but a prefix of the log is lost, and what is left is taken up again.
    pub fn crash(&mut self, chance: &mut StdRng) {
        let kept = chance.random_range(0..=self.ends.len());
        self.ends.truncate(kept);
        self.log.truncate(self.ends.last().copied().unwrap_or(0));
        let world = self.world();
        let unsettled = settle(&world);
        let actors = world.iter().map(|(key, entity)| {
            let actor = Actor::new(&key, entity.into_owned());
            (key, actor)
        });
        *self = Self {
            actors: actors.collect(),
            log: std::mem::take(&mut self.log),
            ends: std::mem::take(&mut self.ends),
            now: self.now,
            ..Self::default()
        };
        // Before anything else: what they release may be claimed anew.
        for (to, command) in unsettled.claims {
            self.receive(&to, Item::Tell(command));
        }
        for Begun { entity, command, request } in unsettled.begun {
            let asker = Asker::Client(request.id.0.as_u128());
            self.receive(&entity, Item::Command { asker, command });
        }
        for order in unsettled.orders {
            self.go_on(&order);
        }
        self.pass_ms(0);
    }

    pub fn balances(&self) -> impl Iterator<Item = (&ResourceKey, &StockBalance)> {
        self.actors.iter().filter_map(|(key, actor)| match (&key.id, actor) {
            (EntityId::Resource(key), Actor::Stock(stage)) => Some((key, &stage.entity.state)),
            _ => None,
        })
    }

    pub fn reservations(
        &self,
    ) -> impl Iterator<Item = (ReservationId, &reservation::Details)> + Clone {
        self.actors.iter().filter_map(|(key, actor)| match (&key.id, actor) {
            (EntityId::Reservation(id), Actor::Reservation(stage)) => {
                Some((*id, &**stage.entity.state.details()?))
            }
            _ => None,
        })
    }

    pub fn orders(&self) -> impl Iterator<Item = (SalesOrderId, &sales_order::Details)> {
        self.actors.iter().filter_map(|(key, actor)| match (&key.id, actor) {
            (EntityId::SalesOrder(id), Actor::Order(stage)) => {
                Some((*id, &**stage.entity.state.details()?))
            }
            _ => None,
        })
    }

    /// What holds at every moment.
    pub fn check_always(&self) {
        for (key, balance) in self.balances() {
            let figures = balance.figures();
            let sum: u64 = balance.claims().map(|claim| claim.held).sum();
            assert_eq!(figures.held, sum, "{key}");
            assert!(figures.held <= figures.on_hand, "{key}: {figures:?}");
        }
    }

    /// What holds when nothing is under way: every resource has exactly the claims of those
    /// reservations that live, every order has ended, and the log tells the same.
    pub fn check_at_rest(&self) {
        self.check_always();
        assert!(self.reservations().all(|(_, hold)| hold.change.is_none()));
        for (resource, balance) in self.balances() {
            let wishes = self.reservations().map(|(id, hold)| stock_wish(hold, resource, id));
            let expected: Vec<Claim> = wishes.filter(|wish| wish.held > 0).collect();
            let found: Vec<Claim> = balance.claims().copied().collect();
            assert_eq!(found, expected, "{resource}");
            assert_eq!(balance.figures().on_hand, self.left_of(resource), "{resource}");
        }
        for (id, details) in self.orders() {
            assert!(details.is_finished(), "{id}: {details:?}");
            let own = self.reservations().find(|(hold, _)| *hold == id.reservation());
            let own = own.map(|(_, hold)| hold).filter(|hold| hold.owner == Some(id));
            let is_used = own.is_some_and(|hold| hold.state == reservation::State::Committed);
            assert_eq!(is_used, details.state == sales_order::State::Completed, "{id}");
            assert!(own.is_none_or(|hold| hold.state.is_finished()), "{id}: {own:?}");
        }
        let world = self.world();
        for (key, actor) in &self.actors {
            let record = with_stage!(actor, stage => {
                stage.entity.exists().then(|| records::encode(&stage.entity))
            });
            assert_eq!(world.get(key).map(|entity| entity.encode()), record, "{key}");
        }
    }

    /// What was received, less what reservations used up.
    fn left_of(&self, resource: &ResourceKey) -> u64 {
        let received = self.log.iter().filter_map(|event| match &event.body {
            Body::StockBalance(stock_balance::Event::Received { quantity, .. })
                if event.stream.id == EntityId::Resource(resource.clone()) =>
            {
                Some(quantity)
            }
            _ => None,
        });
        let used = self.reservations().map(|(id, hold)| stock_wish(hold, resource, id).committed);
        received.sum::<u64>() - used.sum::<u64>()
    }
}
