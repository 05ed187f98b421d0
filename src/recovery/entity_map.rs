//! Something of each of many entities, in little room.
//!
//! A table that is full is copied into a larger one, and whoever wants something of it waits
//! meanwhile: for one of a million entities that is a twentieth of a second. So there are many small
//! tables, here called rooms, and each is a matter of a millisecond.
//!
//! In a room entities stand in the order in which they came, and one that is taken out leaves its
//! place to the last. So a walk from the end, which pauses as often as it likes, misses nobody who
//! was there all the time, though it may meet somebody twice.

use std::hash::BuildHasher;
use std::ops::{Index, IndexMut};

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::packed::{PackedKey, Sought, Tenants};
use crate::domain::ids::EntityKey;

/// How many rooms there are: a power of two.
const ROOMS: usize = 64;

/// Which bits of a key's hash name its room: neither the lowest nor the highest, by which it is
/// found there.
const ROOM_BITS_AT: u32 = 32;

type Room<V> = IndexMap<PackedKey, V, FixedState>;

/// Values by entity.
pub struct EntityMap<V> {
    tenants: Tenants,
    hasher: FixedState,
    rooms: Box<[Room<V>]>,
}

/// Where an entity stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    room: usize,
    index: usize,
}

/// How far a walk over all entities has come.
#[derive(Debug)]
pub struct Walk {
    room: usize,
    /// How many of the room, from its front, are still to be met.
    left: usize,
}

impl Default for Walk {
    fn default() -> Self {
        Self { room: ROOMS - 1, left: usize::MAX }
    }
}

impl<V> EntityMap<V> {
    /// A map whose order of buckets follows from a seed.
    pub fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        let rooms = (0..ROOMS).map(|_| IndexMap::with_hasher(hasher.clone())).collect();
        Self { tenants: Tenants::default(), hasher, rooms }
    }

    /// Makes room for so many more entities.
    pub fn reserve(&mut self, entities: usize) {
        self.rooms.iter_mut().for_each(|room| room.reserve(entities.div_ceil(ROOMS)));
    }

    fn room_of(&self, key: &Sought<'_>) -> usize {
        (self.hasher.hash_one(key) >> ROOM_BITS_AT) as usize % ROOMS
    }

    /// An entity's value.
    pub fn get(&self, key: &EntityKey) -> Option<&V> {
        let sought = Sought::new(self.tenants.find(&key.tenant)?, &key.id);
        self.rooms[self.room_of(&sought)].get(&sought)
    }

    /// An entity's value.
    pub fn get_mut(&mut self, key: &EntityKey) -> Option<&mut V> {
        let sought = Sought::new(self.tenants.find(&key.tenant)?, &key.id);
        self.rooms[self.room_of(&sought)].get_mut(&sought)
    }

    /// Where an entity stands, until one is taken out.
    pub fn place_of(&self, key: &EntityKey) -> Option<Place> {
        let sought = Sought::new(self.tenants.find(&key.tenant)?, &key.id);
        let room = self.room_of(&sought);
        let index = self.rooms[room].get_index_of(&sought)?;
        Some(Place { room, index })
    }

    /// Whether there is such an entity.
    pub fn contains(&self, key: &EntityKey) -> bool {
        self.get(key).is_some()
    }

    /// Puts in an entity's value, in the place of the one before it.
    pub fn insert(&mut self, key: EntityKey, value: V) -> Place {
        let tenant = self.tenants.keep(&key.tenant);
        let room = self.room_of(&Sought::new(tenant, &key.id));
        let (index, before) = self.rooms[room].insert_full(PackedKey::new(tenant, key.id), value);
        if before.is_some() {
            self.tenants.let_go(tenant);
        }
        Place { room, index }
    }

    /// Takes an entity out.
    pub fn remove(&mut self, key: &EntityKey) -> Option<V> {
        let tenant = self.tenants.find(&key.tenant)?;
        let sought = Sought::new(tenant, &key.id);
        let value = self.rooms[self.room_of(&sought)].swap_remove(&sought)?;
        self.tenants.let_go(tenant);
        Some(value)
    }

    /// The entity that a walk meets next, until it has met all.
    pub fn step(&self, walk: &mut Walk) -> Option<(EntityKey, &V)> {
        loop {
            let room = &self.rooms[walk.room];
            walk.left = walk.left.min(room.len());
            if let Some(index) = walk.left.checked_sub(1) {
                walk.left = index;
                let (key, value) = room.get_index(index)?;
                return Some((key.unpacked(&self.tenants), value));
            }
            *walk = Walk { room: walk.room.checked_sub(1)?, ..Walk::default() };
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (EntityKey, &V)> {
        let all = self.rooms.iter().flatten();
        all.map(|(key, value)| (key.unpacked(&self.tenants), value))
    }

    /// The same entities with other values.
    pub fn converted<W>(self, mut convert: impl FnMut(&EntityKey, V) -> W) -> EntityMap<W> {
        let Self { tenants, hasher, rooms } = self;
        let convert_room = |room: Room<V>| {
            let mut converted = IndexMap::with_capacity_and_hasher(room.len(), hasher.clone());
            for (key, value) in room {
                let value = convert(&key.unpacked(&tenants), value);
                converted.insert(key, value);
            }
            converted
        };
        let rooms = rooms.into_iter().map(convert_room).collect();
        EntityMap { tenants, hasher, rooms }
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.rooms.iter().map(IndexMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rooms.iter().all(IndexMap::is_empty)
    }
}

impl<V> Index<Place> for EntityMap<V> {
    type Output = V;

    fn index(&self, place: Place) -> &V {
        &self.rooms[place.room][place.index]
    }
}

impl<V> IndexMut<Place> for EntityMap<V> {
    fn index_mut(&mut self, place: Place) -> &mut V {
        &mut self.rooms[place.room][place.index]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::ReservationId;
    use crate::domain::name::TenantId;

    #[test]
    fn an_empty_map_knows_no_tenant_however_often_entities_came_and_changed() {
        let mut map = EntityMap::new(1);
        let tenant = TenantId::new("visitor").unwrap();
        let key = |n| EntityKey::reservation(&tenant, ReservationId(Uuid::from_u128(n)));
        for n in [1, 1, 2, 1] {
            map.insert(key(n), n);
        }
        assert_eq!(map.len(), 2);
        assert_eq!(map.remove(&key(1)), Some(1));
        assert!(map.contains(&key(2)) && !map.contains(&key(1)));
        assert_eq!(map.remove(&key(2)), Some(2));
        assert_eq!(map.remove(&key(2)), None);
        assert_eq!(map.tenants.find(&tenant), None);
    }

    #[test]
    fn values_go_over_into_another_map() {
        let (mut map, tenant) = (EntityMap::new(1), TenantId::new("visitor").unwrap());
        let key = |n| EntityKey::reservation(&tenant, ReservationId(Uuid::from_u128(n)));
        for n in 0..1_000 {
            let place = map.insert(key(n), n);
            map[place] += 10;
        }
        assert!(map.rooms.iter().all(|room| (1..100).contains(&room.len())));
        let converted = map.converted(|key, value| (key.clone(), value));
        assert!(converted.iter().all(|(key, (told, _))| key == *told));
        assert_eq!(converted.len(), 1_000);
        for n in 0..1_000 {
            let place = converted.place_of(&key(n)).unwrap();
            assert_eq!(converted[place], (key(n), n + 10));
        }
    }

    #[test]
    fn a_walk_misses_nobody_who_stays_however_others_come_and_go_meanwhile() {
        let (mut map, tenant) = (EntityMap::new(1), TenantId::new("visitor").unwrap());
        let key = |n| EntityKey::reservation(&tenant, ReservationId(Uuid::from_u128(n)));
        // Those of even numbers stay.
        for n in 0..2_000 {
            map.insert(key(n), n);
        }
        let (mut walk, mut met, mut steps) = (Walk::default(), BTreeSet::new(), 0);
        while let Some((found, n)) = map.step(&mut walk) {
            assert_eq!(found, key(*n));
            met.insert(*n);
            map.remove(&key(steps * 2 + 1));
            map.insert(key(10_001 + steps), 10_001 + steps);
            steps += 1;
        }
        assert!((0..1_000).all(|n| met.contains(&(n * 2))));
        assert!(steps < 3_000, "it ends though others keep coming");
        assert_eq!(map.step(&mut walk).map(|(_, n)| *n), None);
    }
}
