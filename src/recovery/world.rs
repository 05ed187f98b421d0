//! Every entity, as the log so far makes it.
//!
//! Invariant: an event applies where its version is the next one. One that an entity already
//! holds is passed over, since snapshots hold entities of different moments; a gap is fatal.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::codec::digest::Digest;
use crate::codec::{CodecError, v1};
use crate::domain::claim::Claim;
use crate::domain::entity::{Aggregate, Entity, Summary};
use crate::domain::event::Event;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, Position, Version};
use crate::domain::process::Step;
use crate::domain::reservation::Reservation;
use crate::domain::sales_order::SalesOrder;
use crate::domain::stock_balance::StockBalance;

/// An entity of whichever kind.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyEntity {
    /// A stock balance.
    StockBalance(Box<Entity<StockBalance>>),
    /// A reservation.
    Reservation(Box<Entity<Reservation>>),
    /// A sales order.
    SalesOrder(Box<Entity<SalesOrder>>),
}

/// Does the same to an entity of whichever kind.
#[macro_export]
macro_rules! with_entity {
    ($any:expr, $entity:ident => $body:expr) => {
        match $any {
            $crate::recovery::AnyEntity::StockBalance($entity) => $body,
            $crate::recovery::AnyEntity::Reservation($entity) => $body,
            $crate::recovery::AnyEntity::SalesOrder($entity) => $body,
        }
    };
}

impl AnyEntity {
    /// One to which nothing has happened.
    pub fn new(kind: EntityKind) -> Self {
        match kind {
            EntityKind::StockBalance => Self::StockBalance(Box::default()),
            EntityKind::Reservation => Self::Reservation(Box::default()),
            EntityKind::SalesOrder => Self::SalesOrder(Box::default()),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`CodecError`], where the bytes are no record of this kind.
    pub fn decode(kind: EntityKind, record: &[u8]) -> Result<Self, CodecError> {
        Ok(match kind {
            EntityKind::StockBalance => Self::StockBalance(Box::new(v1::decode(record)?)),
            EntityKind::Reservation => Self::Reservation(Box::new(v1::decode(record)?)),
            EntityKind::SalesOrder => Self::SalesOrder(Box::new(v1::decode(record)?)),
        })
    }

    /// The record's bytes: what snapshots and the archive hold and the digest hashes.
    pub fn encode(&self) -> Vec<u8> {
        with_entity!(self, entity => v1::encoded(entity.as_ref(), |bytes| bytes.to_vec()))
    }

    /// Its version.
    pub fn version(&self) -> Version {
        with_entity!(self, entity => entity.version)
    }

    /// The position of its last event.
    pub fn position(&self) -> Position {
        with_entity!(self, entity => entity.position)
    }

    /// What the table should know of it.
    pub fn summary(&self) -> Summary {
        with_entity!(self, entity => entity.state.summary())
    }

    /// What the order process should do next for it.
    pub fn next_step(&self, id: &EntityId) -> Option<Step> {
        with_entity!(self, entity => entity.state.next_step(id))
    }

    /// The claims that stand on it.
    pub fn claims(&self) -> Vec<Claim> {
        with_entity!(self, entity => entity.state.claims_after(None, usize::MAX))
    }

    fn apply(&mut self, event: &Event) -> bool {
        with_entity!(self, entity => follow(entity, event))
    }
}

/// False where the event is one of another kind of entity.
fn follow<A: Aggregate>(entity: &mut Entity<A>, event: &Event) -> bool {
    let Some(body) = A::from_body(&event.body) else { return false };
    entity.evolve(body, event.time);
    entity.placed(event.position, 1, event.request.as_ref(), event.time);
    true
}

/// Why an event doesn't fit.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Events are missing between the entity and its next one.
    #[error(
        "the event at {position} has version {found} of {stream}, whose next is {expected}: \
         events are missing; restore the data folder from a backup"
    )]
    Gap {
        /// The event's position.
        position: Position,
        /// Whose event it is.
        stream: EntityKey,
        /// Its version.
        found: Version,
        /// The version that would follow.
        expected: Version,
    },
    /// The stream's events are linked wrongly.
    #[error(
        "the event at {position} names {found} as the one before it in {stream}, which is at \
         {expected}; restore the data folder from a backup"
    )]
    WrongLink {
        /// The event's position.
        position: Position,
        /// Whose event it is.
        stream: EntityKey,
        /// What it names.
        found: Position,
        /// Where the one before it stands.
        expected: Position,
    },
    /// The event belongs to another kind of entity.
    #[error(
        "the event at {position} can't happen to {stream}; restore the data folder from a backup"
    )]
    WrongKind {
        /// The event's position.
        position: Position,
        /// Whose event it claims to be.
        stream: EntityKey,
    },
    /// A record can't be read.
    #[error("the record of {stream} {source}; restore the data folder from a backup")]
    Record {
        /// Whose record.
        stream: EntityKey,
        /// In what way.
        source: CodecError,
    },
}

/// Every entity of the server, in memory.
#[derive(Default)]
pub struct World {
    entities: HashMap<EntityKey, AnyEntity, FixedState>,
}

impl World {
    /// Puts in a record; of two of the same entity the newer one stays.
    ///
    /// # Errors
    /// [`WorldError::Record`].
    pub fn insert(&mut self, key: EntityKey, record: &[u8]) -> Result<(), WorldError> {
        let entity = AnyEntity::decode(key.kind(), record)
            .map_err(|source| WorldError::Record { stream: key.clone(), source })?;
        match self.entities.get(&key) {
            Some(known) if known.version() >= entity.version() => {}
            _ => {
                self.entities.insert(key, entity);
            }
        }
        Ok(())
    }

    /// Follows an event.
    ///
    /// # Errors
    /// [`WorldError`], where it doesn't fit.
    pub fn apply(&mut self, event: &Event) -> Result<(), WorldError> {
        let stream = || event.stream.clone();
        let position = event.position;
        let begun = || AnyEntity::new(event.stream.kind());
        let entity = self.entities.entry(stream()).or_insert_with(begun);
        let expected = entity.version().next();
        if event.version < expected {
            return Ok(());
        }
        if event.version > expected {
            let found = event.version;
            return Err(WorldError::Gap { position, stream: stream(), found, expected });
        }
        if event.previous != entity.position() {
            let (found, expected) = (event.previous, entity.position());
            return Err(WorldError::WrongLink { position, stream: stream(), found, expected });
        }
        if !entity.apply(event) {
            return Err(WorldError::WrongKind { position, stream: stream() });
        }
        Ok(())
    }

    /// One entity, if anything ever happened to it.
    pub fn get(&self, key: &EntityKey) -> Option<&AnyEntity> {
        self.entities.get(key)
    }

    /// Takes one out.
    pub fn remove(&mut self, key: &EntityKey) -> Option<AnyEntity> {
        self.entities.remove(key)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&EntityKey, &AnyEntity)> {
        self.entities.iter()
    }

    /// All of them, for whoever takes over.
    pub fn into_entities(self) -> impl Iterator<Item = (EntityKey, AnyEntity)> {
        self.entities.into_iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// The digest over all of them.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for (key, entity) in &self.entities {
            digest.add(&v1::encode(key), &entity.encode());
        }
        digest
    }
}
