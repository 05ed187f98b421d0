//! The entities of one arbiter: where each is, and how something gets to it.
//!
//! ```text
//!              a message comes
//!   record ─────────────────────▶ actor
//!     ▲                             │
//!     └─────────────────────────────┘
//!        idle, and nothing under way
//! ```
//!
//! Invariants: an entity is in one place, the table or (finished and evicted) the archive alone. Its
//! record is taken back only when it has dealt with all that was put into its mailbox.
//!
//! Not here: what entities decide.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::super::delivery::{Delivery, Payload};
use super::super::entity::Rest;
use super::super::environment::Environment;
use super::super::index::Newcomers;
use super::super::seat::Seats;
use super::super::table::{Active, Slot, Table};
use super::finished::Finished;
use crate::archive::Archive;
use crate::codec::records::Format;
use crate::codec::{CodecError, v1};
use crate::domain::command::Command;
use crate::domain::entity::Summary;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, Position};
use crate::domain::reservation;
use crate::domain::time::Timestamp;
use crate::fatal;
use crate::recovery::{AnyEntity, Part};
use crate::telemetry;

/// How many deadlines one look may act on, so that a flood of them lets messages through.
const EXPIRIES_A_TICK: usize = 1_000;

/// One arbiter's entities.
pub struct Residents {
    pub(super) environment: Rc<Environment>,
    archive: Arc<dyn Archive>,
    pub(super) table: Table,
    seats: Seats,
    /// Who may be idle then, by how long they keep their actors.
    idle: VecDeque<(Timestamp, EntityKey)>,
    idle_resources: VecDeque<(Timestamp, EntityKey)>,
    /// Who waits for the archive.
    pub(super) finished: Finished,
    /// The time at the last tick: near enough for who is idle.
    now: Timestamp,
    /// How many messages entities were given.
    pub(super) delivered: u64,
}

impl Residents {
    /// These entities, all of them passive.
    pub fn new(environment: Rc<Environment>, archive: Arc<dyn Archive>, entities: Part) -> Self {
        let now = environment.surroundings.clock.now();
        let (mut finished, mut newcomers) = (Finished::default(), Newcomers::default());
        let table = entities.into_entities().converted(|key, kept| {
            let summary = kept.summary(key.kind());
            environment.index().enter_among(&mut newcomers, key, &summary);
            if summary.finished {
                finished.push(key, kept.entity(key.kind()).position(), now);
            }
            Slot::Passive(kept.into_record())
        });
        environment.index().enter_all(newcomers);
        Self {
            seats: Seats::new(environment.clone()),
            environment,
            archive,
            table,
            idle: VecDeque::new(),
            idle_resources: VecDeque::new(),
            finished,
            now,
            delivered: 0,
        }
    }

    /// Puts something into an entity's mailbox, and wakes the entity for it.
    pub fn deliver(&mut self, delivery: Delivery) {
        let now = self.now;
        self.delivered += 1;
        match self.table.get_mut(&delivery.to) {
            Some(Slot::Active(active)) => active.send(delivery.payload, now),
            Some(Slot::Passive(record)) => {
                let entity = decoded(&delivery.to, record);
                self.environment.index().listing.wake(&delivery.to, &entity.summary());
                self.activate(delivery, entity, now, Home::Table);
            }
            None => self.bring_in(delivery, now),
        }
    }

    /// Wakes an entity that isn't in the table: from the archive, or out of nothing.
    fn bring_in(&mut self, delivery: Delivery, now: Timestamp) {
        let kind = delivery.to.kind();
        let archived = match kind {
            EntityKind::StockBalance | EntityKind::Calendar => None,
            EntityKind::Reservation | EntityKind::SalesOrder => {
                let found = v1::encoded(&delivery.to, |key| self.archive.get(key));
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
        let Delivery { to: key, payload } = first;
        let seat = self.seats.take(key.clone(), entity);
        let is_archived = home == Home::Archive;
        let mut active = Box::new(Active { seat, used: now, is_archived });
        active.send(payload, now);
        self.table.insert(key.clone(), Slot::Active(active));
        self.look_again(key, now);
    }

    /// Sees later whether an entity that was used at `used` is idle.
    fn look_again(&mut self, key: EntityKey, used: Timestamp) {
        let limits = &self.environment.surroundings.limits;
        // After this tick at the earliest, or one that stays busy would be looked at for ever.
        let at = |idle_ms: u64| used.plus_ms(idle_ms.max(1));
        match key.id {
            EntityId::Resource(_) => {
                self.idle_resources.push_back((at(limits.resource_idle_ms), key));
            }
            EntityId::Reservation(_) | EntityId::SalesOrder(_) => {
                self.idle.push_back((at(limits.idle_ms), key));
            }
        }
    }

    /// Acts on deadlines that have come, and lets the idle rest.
    pub(super) fn tick(&mut self) {
        let now = self.environment.surroundings.clock.now();
        self.now = now;
        self.expire(now);
        let limits = &self.environment.surroundings.limits;
        let (idle_ms, resource_idle_ms) = (limits.idle_ms, limits.resource_idle_ms);
        while let Some(key) = due(&mut self.idle, now) {
            self.try_rest(key, now, idle_ms);
        }
        while let Some(key) = due(&mut self.idle_resources, now) {
            self.try_rest(key, now, resource_idle_ms);
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
            let Some(key) = self.environment.index().deadlines.due(now) else { return };
            if self.table.contains(&key) {
                telemetry::deadline_met();
                let command = Command::Reservation(reservation::Command::Expire);
                let origin = self.environment.server.clone();
                let payload = Payload::Tell { command, origin, causation_id: None };
                self.deliver(Delivery { to: key, payload });
            }
        }
    }

    /// Takes an entity's record back, where it has not been used for so long.
    fn try_rest(&mut self, key: EntityKey, now: Timestamp, idle_ms: u64) {
        let Some(Slot::Active(active)) = self.table.get_mut(&key) else { return };
        if active.used.plus_ms(idle_ms) > now {
            let used = active.used;
            return self.look_again(key, used);
        }
        match active.seat.rest() {
            Rest::Busy => {
                active.used = now;
                self.look_again(key, now);
            }
            Rest::Record { record, summary, position } if !active.is_archived => {
                self.rest(key, record, &summary, position);
            }
            Rest::Record { .. } | Rest::Nothing => {
                if let Some(slot) = self.table.remove(&key) {
                    self.vacate(slot);
                }
            }
        }
    }

    /// Puts an entity's record where its actor was. In the same place: a walk under way has met
    /// the places behind, and would miss an entity that moved there.
    fn rest(&mut self, key: EntityKey, record: Box<[u8]>, summary: &Summary, position: Position) {
        let Some(slot) = self.table.get_mut(&key) else { return };
        let before = std::mem::replace(slot, Slot::Passive(record));
        self.vacate(before);
        self.environment.index().listing.rest(&key, summary);
        if summary.finished {
            self.finished.push(&key, position, self.now);
        }
    }

    fn vacate(&mut self, slot: Slot) {
        if let Slot::Active(active) = slot {
            self.seats.give_back(active.seat);
        }
    }
}

/// Where an entity's record is kept while it has an actor.
#[derive(Debug, PartialEq, Eq)]
enum Home {
    Table,
    Archive,
}

fn decoded(key: &EntityKey, record: &[u8]) -> AnyEntity {
    AnyEntity::decode(key.kind(), Format::CURRENT, record)
        .unwrap_or_else(|error| unreadable(key, error))
}

pub(super) fn summary(key: &EntityKey, record: &[u8]) -> Summary {
    AnyEntity::summary_of(key.kind(), record).unwrap_or_else(|error| unreadable(key, error))
}

fn unreadable(key: &EntityKey, error: CodecError) -> ! {
    fatal::end(&format!("the record of {key} {error}"))
}

fn due(queue: &mut VecDeque<(Timestamp, EntityKey)>, now: Timestamp) -> Option<EntityKey> {
    let (at, _) = queue.front()?;
    if *at > now {
        return None;
    }
    queue.pop_front().map(|(_, key)| key)
}
