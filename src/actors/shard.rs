//! The table of one arbiter's entities, and the only way to them.
//!
//! ```text
//!                    message                       idle
//!   record ─────────────────────▶ actor ─────────────────────▶ asked for its record
//!     ▲                             ▲                            │          │
//!     │                             └────────── busy ────────────┘          │
//!     └───────────────────────────── record ────────────────────────────────┘
//! ```
//!
//! While an entity is asked for its record, what comes for it is held back, so nothing can be
//! under way to an actor that has gone.
//!
//! Invariants: an entity is in one place, the table or (finished and evicted) the archive alone.
//! Messages to one entity leave the shard in the order they came.
//!
//! Not here: what entities decide.

mod messages;
mod walk;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};

use super::deadlines::Deadlines;
use super::delivery::{Delivery, Payload};
use super::entity::EntityActor;
use super::environment::Environment;
use super::listing::Listing;
use super::table::{Active, Address, Slot, Table};
use crate::archive::Archive;
use crate::codec::v1;
use crate::domain::command::Command;
use crate::domain::entity::Summary;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, Position};
use crate::domain::reservation;
use crate::domain::time::Timestamp;
use crate::fatal;
use crate::recovery::AnyEntity;
use crate::telemetry;

pub use messages::{
    Begin, Connect, CountEntities, Evict, ListReservations, ListStock, Note, Settled, TakeFinished,
    Walk,
};
use walk::Walks;

/// How often deadlines and idle entities are looked at.
const TICK: Duration = Duration::from_millis(4);

/// How many deadlines one look may act on, so that a flood of them lets messages through.
const EXPIRIES_A_TICK: usize = 1_000;

/// The owner of one arbiter's entities.
pub struct Shard {
    environment: Rc<Environment>,
    archive: Arc<dyn Archive>,
    table: Table,
    deadlines: Deadlines,
    listing: Listing,
    /// Who may be idle then, by how long they keep their actors.
    idle: VecDeque<(Timestamp, EntityKey)>,
    idle_resources: VecDeque<(Timestamp, EntityKey)>,
    /// Who has finished, when and where, oldest first.
    finished: VecDeque<Finished>,
    walks: Walks,
}

/// An entity that can't change any more and waits for the archive.
struct Finished {
    key: EntityKey,
    position: Position,
    time: Timestamp,
}

impl Shard {
    /// A shard that begins with these entities.
    pub fn new(
        environment: Rc<Environment>,
        archive: Arc<dyn Archive>,
        entities: Vec<(EntityKey, AnyEntity)>,
        seed: u64,
    ) -> Self {
        let mut shard = Self {
            environment,
            archive,
            table: Table::new(seed),
            deadlines: Deadlines::default(),
            listing: Listing::default(),
            idle: VecDeque::new(),
            idle_resources: VecDeque::new(),
            finished: VecDeque::new(),
            walks: Walks::default(),
        };
        for (key, entity) in entities {
            shard.restore(key, &entity);
        }
        shard
    }

    fn restore(&mut self, key: EntityKey, entity: &AnyEntity) {
        let summary = entity.summary();
        self.listing.enter(&key, &summary);
        if let Some(deadline) = summary.deadline {
            self.deadlines.add(deadline, key.clone());
        }
        if summary.finished {
            let time = self.environment.surroundings.clock.now();
            self.finished.push_back(Finished {
                key: key.clone(),
                position: entity.position(),
                time,
            });
        }
        self.table.insert(key, Slot::Passive(entity.encode().into_boxed_slice()));
    }

    fn deliver(&mut self, delivery: Delivery) {
        let now = self.environment.surroundings.clock.now();
        match self.table.get_mut(&delivery.to) {
            Some(Slot::Active(active)) => match &mut active.held_back {
                Some(held_back) => held_back.push_back(delivery),
                None => {
                    active.used = now;
                    active.address.send(delivery);
                }
            },
            Some(Slot::Passive(record)) => {
                let entity = decoded(&delivery.to, record);
                self.listing.wake(&delivery.to, &entity.summary());
                self.activate(delivery, entity, now, Home::Table);
            }
            None => self.bring_in(delivery, now),
        }
    }

    /// Wakes an entity that isn't in the table: from the archive, or out of nothing.
    fn bring_in(&mut self, delivery: Delivery, now: Timestamp) {
        let kind = delivery.to.kind();
        let archived = match kind {
            EntityKind::StockBalance => None,
            EntityKind::Reservation | EntityKind::SalesOrder => {
                let found = self.archive.get(&v1::encode(&delivery.to));
                found.unwrap_or_else(|error| fatal::end(&error))
            }
        };
        match archived {
            Some(record) => {
                let entity = decoded(&delivery.to, &record);
                self.activate(delivery, entity, now, Home::Archive);
            }
            None => self.activate(delivery, AnyEntity::new(kind), now, Home::Table),
        }
    }

    fn activate(&mut self, first: Delivery, entity: AnyEntity, now: Timestamp, home: Home) {
        let key = first.to.clone();
        let address = self.wake(key.clone(), entity);
        address.send(first);
        let is_archived = home == Home::Archive;
        let active = Active { address, used: now, is_archived, held_back: None };
        self.table.insert(key.clone(), Slot::Active(active));
        self.look_again(key, now);
    }

    fn wake(&self, key: EntityKey, entity: AnyEntity) -> Address {
        let environment = self.environment.clone();
        match entity {
            AnyEntity::StockBalance(entity) => {
                Address::StockBalance(EntityActor::new(key, *entity, environment).start())
            }
            AnyEntity::Reservation(entity) => {
                Address::Reservation(EntityActor::new(key, *entity, environment).start())
            }
            AnyEntity::SalesOrder(entity) => {
                Address::SalesOrder(EntityActor::new(key, *entity, environment).start())
            }
        }
    }

    /// Sees later whether an entity that was used at `used` is idle.
    fn look_again(&mut self, key: EntityKey, used: Timestamp) {
        let limits = &self.environment.surroundings.limits;
        match key.id {
            EntityId::Resource(_) => {
                self.idle_resources.push_back((used.plus_ms(limits.resource_idle_ms), key));
            }
            EntityId::Reservation(_) | EntityId::SalesOrder(_) => {
                self.idle.push_back((used.plus_ms(limits.idle_ms), key));
            }
        }
    }

    fn tick(&mut self) {
        let now = self.environment.surroundings.clock.now();
        self.expire(now);
        let limits = &self.environment.surroundings.limits;
        let (idle_ms, resource_idle_ms) = (limits.idle_ms, limits.resource_idle_ms);
        while let Some(key) = due(&mut self.idle, now) {
            self.passivate(key, now, idle_ms);
        }
        while let Some(key) = due(&mut self.idle_resources, now) {
            self.passivate(key, now, resource_idle_ms);
        }
    }

    fn expire(&mut self, now: Timestamp) {
        if !self.environment.surroundings.clock.is_trusted() {
            return;
        }
        for _ in 0..EXPIRIES_A_TICK {
            if self.environment.is_busy() {
                return;
            }
            let Some(key) = self.deadlines.due(now) else { return };
            if self.table.contains(&key) {
                telemetry::deadline_met();
                let command = Command::Reservation(reservation::Command::Expire);
                let origin = self.environment.server.clone();
                let payload = Payload::Tell { command, origin, causation_id: None };
                self.deliver(Delivery { to: key, payload });
            }
        }
    }

    /// Asks an entity for its record, where it has not been used for so long.
    fn passivate(&mut self, key: EntityKey, now: Timestamp, idle_ms: u64) {
        let Some(Slot::Active(active)) = self.table.get_mut(&key) else { return };
        if active.held_back.is_some() {
            return;
        }
        if active.used.plus_ms(idle_ms) > now {
            let used = active.used;
            return self.look_again(key, used);
        }
        active.held_back = Some(VecDeque::new());
        active.address.send(Delivery { to: key, payload: Payload::Passivate });
    }

    /// Puts an entity's record back in its place, and what was held back on its way.
    fn settle(&mut self, settled: Settled) {
        let held_back = match settled {
            Settled::Busy { key } => {
                let now = self.environment.surroundings.clock.now();
                let Some(Slot::Active(active)) = self.table.get_mut(&key) else { return };
                let held_back = active.held_back.take();
                active.used = now;
                self.look_again(key, now);
                held_back
            }
            Settled::Nothing { key } => self.take_back(&key).and_then(|active| active.held_back),
            Settled::Passive { key, record, summary, position } => {
                let Some(active) = self.take_back(&key) else { return };
                if !active.is_archived {
                    self.rest(key, record, &summary, position);
                }
                active.held_back
            }
        };
        for delivery in held_back.into_iter().flatten() {
            self.deliver(delivery);
        }
    }

    fn take_back(&mut self, key: &EntityKey) -> Option<Active> {
        match self.table.remove(key)? {
            Slot::Active(active) => Some(active),
            passive => {
                self.table.insert(key.clone(), passive);
                None
            }
        }
    }

    fn rest(&mut self, key: EntityKey, record: Box<[u8]>, summary: &Summary, position: Position) {
        self.listing.rest(&key, summary);
        if summary.finished {
            let time = self.environment.surroundings.clock.now();
            self.finished.push_back(Finished { key: key.clone(), position, time });
        }
        self.table.insert(key, Slot::Passive(record));
    }
}

/// Where an entity's record is kept while it has an actor.
#[derive(Debug, PartialEq, Eq)]
enum Home {
    Table,
    Archive,
}

fn decoded(key: &EntityKey, record: &[u8]) -> AnyEntity {
    AnyEntity::decode(key.kind(), record)
        .unwrap_or_else(|error| fatal::end(&format!("the record of {key} {error}")))
}

fn due(queue: &mut VecDeque<(Timestamp, EntityKey)>, now: Timestamp) -> Option<EntityKey> {
    let (at, _) = queue.front()?;
    if *at > now {
        return None;
    }
    queue.pop_front().map(|(_, key)| key)
}

impl Actor for Shard {
    type Context = Context<Self>;
}

impl Handler<Delivery> for Shard {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        self.deliver(delivery);
    }
}
