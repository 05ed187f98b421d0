//! Some of the entities, as the log so far makes them.
//!
//! Invariant: an event applies where its version is the next one. One that an entity already
//! holds is passed over, since snapshots hold entities of different moments; a gap is fatal.

use super::any_entity::AnyEntity;
use super::entity_map::EntityMap;
use crate::codec::digest::Digest;
use crate::codec::{CodecError, v1};
use crate::domain::event::Event;
use crate::domain::ids::{EntityKey, Position, Version};

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

/// The entities of one part.
pub struct Part {
    entities: EntityMap<AnyEntity>,
}

impl Part {
    /// Without any entity yet; the order of the map's buckets follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { entities: EntityMap::new(seed) }
    }

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
        let entity = self.entities.get_or_insert_with(&event.stream, begun);
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

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (EntityKey, &AnyEntity)> {
        self.entities.iter()
    }

    /// All of them, for whoever takes over.
    pub fn into_entities(self) -> EntityMap<AnyEntity> {
        self.entities
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
        for (key, entity) in self.iter() {
            digest.add(&v1::encode(&key), &entity.encode());
        }
        digest
    }
}
