//! Some of the entities, as the log so far makes them.
//!
//! Invariant: an event applies where its version is the next one. One that an entity already
//! holds is passed over, since snapshots hold entities of different moments; a gap is fatal.
//!
//! An entity is packed, as its record's bytes, but for a while after an event: so recovery needs
//! little more memory than what it ends in, and the next events of an order, which come soon,
//! find it unpacked. Packing every reservation takes less time than the memory that it would
//! fill otherwise.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::any_entity::AnyEntity;
use super::entity_map::EntityMap;
use crate::codec::digest::Digest;
use crate::codec::{CodecError, v1};
use crate::domain::entity::Summary;
use crate::domain::event::Event;
use crate::domain::ids::{EntityKey, EntityKind, Position, Version};

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

/// How many entities stay unpacked after an event.
const UNPACKED_MAX: usize = 4_096;

/// The entities of one part.
pub struct Part {
    entities: EntityMap<Kept>,
    /// Whom to pack next, by index.
    unpacked: VecDeque<usize>,
}

/// An entity, as it is kept.
#[derive(Debug)]
pub struct Kept {
    /// While events come for it.
    unpacked: Option<AnyEntity>,
    /// Else its record, which has been read before.
    record: Box<[u8]>,
    /// And what the table should know of it, so that it needn't be read again for that.
    summary: Summary,
}

impl Kept {
    fn begun(kind: EntityKind) -> Self {
        let unpacked = Some(AnyEntity::new(kind));
        Self { unpacked, record: Box::default(), summary: Summary::NONE }
    }

    fn packed(entity: &AnyEntity, record: Box<[u8]>) -> Self {
        Self { unpacked: None, record, summary: entity.summary() }
    }

    /// What the table should know of the entity.
    pub fn summary(&self) -> Summary {
        self.unpacked.as_ref().map_or(self.summary, AnyEntity::summary)
    }

    /// The entity, which is of this kind.
    pub fn entity(&self, kind: EntityKind) -> Cow<'_, AnyEntity> {
        match &self.unpacked {
            Some(entity) => Cow::Borrowed(entity),
            None => Cow::Owned(decoded(kind, &self.record)),
        }
    }

    /// The entity's record.
    pub fn into_record(mut self) -> Box<[u8]> {
        self.pack();
        self.record
    }

    fn unpack(&mut self, kind: EntityKind) -> &mut AnyEntity {
        let record = std::mem::take(&mut self.record);
        self.unpacked.get_or_insert_with(|| decoded(kind, &record))
    }

    fn pack(&mut self) {
        if let Some(entity) = self.unpacked.take() {
            *self = Self::packed(&entity, entity.encode().into_boxed_slice());
        }
    }
}

fn decoded(kind: EntityKind, record: &[u8]) -> AnyEntity {
    AnyEntity::decode(kind, record).expect("what was read before can be read again")
}

impl Part {
    /// Without any entity yet; the order of the map's buckets follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { entities: EntityMap::new(seed), unpacked: VecDeque::new() }
    }

    /// Puts in a record; of two of the same entity the newer one stays.
    ///
    /// # Errors
    /// [`WorldError::Record`].
    pub fn insert(&mut self, key: EntityKey, record: &[u8]) -> Result<(), WorldError> {
        let entity = AnyEntity::decode(key.kind(), record)
            .map_err(|source| WorldError::Record { stream: key.clone(), source })?;
        match self.get(&key) {
            Some(known) if known.version() >= entity.version() => {}
            _ => self.entities.insert(key, Kept::packed(&entity, record.into())),
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
        let entity = self.unpack(&event.stream);
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

    /// An entity, unpacked for its next event; begun where there was none.
    fn unpack(&mut self, key: &EntityKey) -> &mut AnyEntity {
        let kind = key.kind();
        let known = self.entities.len();
        let index = self.entities.index_or_insert_with(key, || Kept::begun(kind));
        if index == known || self.entities[index].unpacked.is_none() {
            self.pack_later(kind, index);
        }
        self.entities[index].unpack(kind)
    }

    fn pack_later(&mut self, kind: EntityKind, index: usize) {
        match kind {
            // One that is in demand has events all the time, and may be large.
            EntityKind::StockBalance | EntityKind::Calendar => {}
            EntityKind::Reservation | EntityKind::SalesOrder => self.unpacked.push_back(index),
        }
        if self.unpacked.len() > UNPACKED_MAX
            && let Some(oldest) = self.unpacked.pop_front()
        {
            self.entities[oldest].pack();
        }
    }

    /// One entity, if anything ever happened to it.
    pub fn get(&self, key: &EntityKey) -> Option<Cow<'_, AnyEntity>> {
        Some(self.entities.get(key)?.entity(key.kind()))
    }

    /// Whether anything ever happened to an entity.
    pub fn contains(&self, key: &EntityKey) -> bool {
        self.entities.contains(key)
    }

    /// Takes these out, which nothing happens to any more.
    pub fn remove_all(&mut self, keys: &[EntityKey]) {
        // Who is packed later is known by a place that another may take now.
        for index in self.unpacked.drain(..) {
            self.entities[index].pack();
        }
        for key in keys {
            self.entities.remove(key);
        }
    }

    /// All of them, as they are kept.
    pub fn iter(&self) -> impl Iterator<Item = (EntityKey, &Kept)> {
        self.entities.iter()
    }

    /// All of them, for whoever takes over.
    pub fn into_entities(self) -> EntityMap<Kept> {
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
        for (key, kept) in self.iter() {
            let key = v1::encode(&key);
            match &kept.unpacked {
                Some(entity) => digest.add(&key, &entity.encode()),
                None => digest.add(&key, &kept.record),
            }
        }
        digest
    }
}
