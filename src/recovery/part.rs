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
use super::entity_map::{EntityMap, Place};
use crate::codec::digest::Digest;
use crate::codec::records::Format;
use crate::codec::{CodecError, v1};
use crate::domain::entity::Summary;
use crate::domain::event::Change;
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

/// For how many entities room is made that may not come.
const EXPECTED_MAX: usize = 4 << 20;

/// The entities of one part.
pub struct Part {
    entities: EntityMap<Kept>,
    /// Whom to pack next.
    unpacked: VecDeque<Place>,
}

/// An entity, as it is kept.
#[derive(Debug)]
pub enum Kept {
    /// While events come for it.
    Unpacked(AnyEntity),
    /// Else its record, which has been read before.
    Packed(Box<[u8]>),
}

impl Kept {
    fn begun(kind: EntityKind) -> Self {
        Self::Unpacked(AnyEntity::new(kind))
    }

    fn is_packed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// What the table should know of the entity, which is of this kind.
    pub fn summary(&self, kind: EntityKind) -> Summary {
        match self {
            Self::Unpacked(entity) => entity.summary(),
            Self::Packed(record) => AnyEntity::summary_of(kind, record).expect(READ_BEFORE),
        }
    }

    /// The entity, which is of this kind.
    pub fn entity(&self, kind: EntityKind) -> Cow<'_, AnyEntity> {
        match self {
            Self::Unpacked(entity) => Cow::Borrowed(entity),
            Self::Packed(record) => Cow::Owned(decoded(kind, record)),
        }
    }

    /// The entity's record.
    pub fn into_record(self) -> Box<[u8]> {
        match self {
            Self::Unpacked(entity) => entity.encode().into_boxed_slice(),
            Self::Packed(record) => record,
        }
    }

    fn unpack(&mut self, kind: EntityKind) -> &mut AnyEntity {
        if let Self::Packed(record) = self {
            *self = Self::Unpacked(decoded(kind, record));
        }
        match self {
            Self::Unpacked(entity) => entity,
            Self::Packed(_) => unreachable!("it has just been unpacked"),
        }
    }

    fn pack(&mut self) {
        if let Self::Unpacked(entity) = self {
            *self = Self::Packed(entity.encode().into_boxed_slice());
        }
    }
}

const READ_BEFORE: &str = "what was read before can be read again";

fn decoded(kind: EntityKind, record: &[u8]) -> AnyEntity {
    AnyEntity::decode(kind, Format::CURRENT, record).expect(READ_BEFORE)
}

impl Part {
    /// Without any entity yet; the order of the map's buckets follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { entities: EntityMap::new(seed), unpacked: VecDeque::new() }
    }

    /// Makes room for so many more entities, within bounds: a table that grows is copied, and the
    /// memory for it costs a tenth of a recovery. What isn't used stays the system's.
    pub(super) fn expect(&mut self, entities: usize) {
        self.entities.reserve(entities.min(EXPECTED_MAX));
    }

    /// Puts in a record of some format; of two of the same entity the newer one stays.
    ///
    /// # Errors
    /// [`WorldError::Record`].
    pub fn insert(
        &mut self,
        key: EntityKey,
        format: Format,
        record: &[u8],
    ) -> Result<(), WorldError> {
        let entity = AnyEntity::decode(key.kind(), format, record)
            .map_err(|source| WorldError::Record { stream: key.clone(), source })?;
        if self.get(&key).is_some_and(|known| known.version() >= entity.version()) {
            return Ok(());
        }
        let record = match format {
            Format::CURRENT => record.into(),
            _ => entity.encode().into_boxed_slice(),
        };
        self.entities.insert(key, Kept::Packed(record));
        Ok(())
    }

    /// Where an entity stands, if anything ever happened to it: for [`Part::apply`], until one is
    /// taken out.
    pub fn place(&self, key: &EntityKey) -> Option<Place> {
        self.entities.place_of(key)
    }

    /// Follows an event of an entity, which stands in this place if one is given.
    ///
    /// # Errors
    /// [`WorldError`], where it doesn't fit.
    pub fn apply(
        &mut self,
        stream: &EntityKey,
        place: Option<Place>,
        change: &Change,
    ) -> Result<(), WorldError> {
        let position = change.position;
        let entity = self.unpack(stream, place);
        let expected = entity.version().next();
        if change.version < expected {
            return Ok(());
        }
        let stream = || stream.clone();
        if change.version > expected {
            let found = change.version;
            return Err(WorldError::Gap { position, stream: stream(), found, expected });
        }
        if change.previous != entity.position() {
            let (found, expected) = (change.previous, entity.position());
            return Err(WorldError::WrongLink { position, stream: stream(), found, expected });
        }
        if !entity.apply(change) {
            return Err(WorldError::WrongKind { position, stream: stream() });
        }
        Ok(())
    }

    /// An entity, unpacked for its next event; begun where there was none.
    fn unpack(&mut self, key: &EntityKey, place: Option<Place>) -> &mut AnyEntity {
        let kind = key.kind();
        let known = place.or_else(|| self.entities.place_of(key));
        let place = known.unwrap_or_else(|| self.entities.insert(key.clone(), Kept::begun(kind)));
        if known.is_none() || self.entities[place].is_packed() {
            self.pack_later(kind, place);
        }
        self.entities[place].unpack(kind)
    }

    fn pack_later(&mut self, kind: EntityKind, place: Place) {
        match kind {
            // One that is in demand has events all the time, and may be large.
            EntityKind::StockBalance | EntityKind::Calendar => {}
            EntityKind::Reservation | EntityKind::SalesOrder => self.unpacked.push_back(place),
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
        for place in self.unpacked.drain(..) {
            self.entities[place].pack();
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
            match kept {
                Kept::Unpacked(entity) => digest.add(&key, &entity.encode()),
                Kept::Packed(record) => digest.add(&key, record),
            }
        }
        digest
    }
}
