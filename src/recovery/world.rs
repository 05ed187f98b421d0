//! Every entity, as the log so far makes it, in parts that can be worked on side by side.

use std::borrow::Cow;
use std::thread;

use super::any_entity::AnyEntity;
use super::part::{Part, WorldError};
use super::spread::Spread;
use crate::codec::digest::Digest;
use crate::codec::records::Format;
use crate::domain::event::Event;
use crate::domain::ids::EntityKey;

/// Every entity of the server, in memory.
pub struct World {
    spread: Spread,
    parts: Vec<Part>,
}

impl Default for World {
    /// In one part.
    fn default() -> Self {
        Self::new(Spread::new(1, 0))
    }
}

impl World {
    /// Without any entity yet.
    pub fn new(spread: Spread) -> Self {
        // Another seed than the spread's, by which all keys of a part are alike.
        let parts = (0..spread.parts()).map(|_| Part::new(!spread.seed())).collect();
        Self { spread, parts }
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
        self.part_of(&key).insert(key, format, record)
    }

    /// Follows an event.
    ///
    /// # Errors
    /// [`WorldError`], where it doesn't fit.
    pub fn apply(&mut self, event: &Event) -> Result<(), WorldError> {
        self.part_of(&event.stream).apply(&event.stream, None, &event.change())
    }

    fn part_of(&mut self, key: &EntityKey) -> &mut Part {
        &mut self.parts[self.spread.index(key)]
    }

    /// One entity, if anything ever happened to it.
    pub fn get(&self, key: &EntityKey) -> Option<Cow<'_, AnyEntity>> {
        self.parts[self.spread.index(key)].get(key)
    }

    /// Whether anything ever happened to an entity.
    pub fn contains(&self, key: &EntityKey) -> bool {
        self.parts[self.spread.index(key)].contains(key)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (EntityKey, Cow<'_, AnyEntity>)> {
        let kept = self.parts.iter().flat_map(Part::iter);
        kept.map(|(key, kept)| {
            let entity = kept.entity(key.kind());
            (key, entity)
        })
    }

    /// Makes room for so many more entities.
    pub(super) fn expect(&mut self, entities: usize) {
        let of_each = entities / self.parts.len();
        self.parts.iter_mut().for_each(|part| part.expect(of_each));
    }

    /// Which part an entity belongs to.
    pub(super) fn spread(&self) -> &Spread {
        &self.spread
    }

    /// The parts, in the order of their indices.
    pub(super) fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.parts
    }

    /// Looks at all parts at once.
    pub(super) fn survey<R: Send>(&self, look: impl Fn(&Part) -> R + Sync) -> Vec<R> {
        thread::scope(|scope| {
            let looks: Vec<_> = self.parts.iter().map(|part| scope.spawn(|| look(part))).collect();
            looks.into_iter().map(|look| look.join().expect(super::NO_PANIC)).collect()
        })
    }

    /// The parts, in the order of their indices, for whoever takes over.
    pub fn into_parts(self) -> (Spread, Vec<Part>) {
        (self.spread, self.parts)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(Part::is_empty)
    }

    /// The digest over all of them.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for part in self.survey(Part::digest) {
            digest.merge(&part);
        }
        digest
    }
}
