//! Something of each of many entities, in little room.
//!
//! Entities stand in the order in which they came, and one that is taken out leaves its place to
//! the last. So whoever walks by index from the end, and pauses meanwhile, misses nobody who was
//! there all the time, though it may meet somebody twice.

use std::ops::{Index, IndexMut};

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::packed::{PackedKey, Sought, Tenants};
use crate::domain::ids::EntityKey;

/// Values by entity.
pub struct EntityMap<V> {
    tenants: Tenants,
    values: IndexMap<PackedKey, V, FixedState>,
}

impl<V> EntityMap<V> {
    /// A map whose order of buckets follows from a seed.
    pub fn new(seed: u64) -> Self {
        let values = IndexMap::with_hasher(FixedState::with_seed(seed));
        Self { tenants: Tenants::default(), values }
    }

    /// Makes room for so many more entities.
    pub fn reserve(&mut self, entities: usize) {
        self.values.reserve(entities);
    }

    /// An entity's value.
    pub fn get(&self, key: &EntityKey) -> Option<&V> {
        let tenant = self.tenants.find(&key.tenant)?;
        self.values.get(&Sought::new(tenant, &key.id))
    }

    /// An entity's value.
    pub fn get_mut(&mut self, key: &EntityKey) -> Option<&mut V> {
        let tenant = self.tenants.find(&key.tenant)?;
        self.values.get_mut(&Sought::new(tenant, &key.id))
    }

    /// The index of an entity.
    pub fn index_of(&self, key: &EntityKey) -> Option<usize> {
        let tenant = self.tenants.find(&key.tenant)?;
        self.values.get_index_of(&Sought::new(tenant, &key.id))
    }

    /// The index of an entity, whose value is made where there is none: then it is the last.
    pub fn index_or_insert_with(&mut self, key: &EntityKey, make: impl FnOnce() -> V) -> usize {
        self.index_of(key).unwrap_or_else(|| {
            self.insert(key.clone(), make());
            self.values.len() - 1
        })
    }

    /// Whether there is such an entity.
    pub fn contains(&self, key: &EntityKey) -> bool {
        self.get(key).is_some()
    }

    /// Puts in an entity's value, in the place of the one before it.
    pub fn insert(&mut self, key: EntityKey, value: V) {
        let tenant = self.tenants.keep(&key.tenant);
        let before = self.values.insert(PackedKey::new(tenant, key.id), value);
        if before.is_some() {
            self.tenants.let_go(tenant);
        }
    }

    /// Takes an entity out.
    pub fn remove(&mut self, key: &EntityKey) -> Option<V> {
        let tenant = self.tenants.find(&key.tenant)?;
        let value = self.values.swap_remove(&Sought::new(tenant, &key.id))?;
        self.tenants.let_go(tenant);
        Some(value)
    }

    /// The entity at an index, from 0.
    pub fn at(&self, index: usize) -> Option<(EntityKey, &V)> {
        let (key, value) = self.values.get_index(index)?;
        Some((key.unpacked(&self.tenants), value))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (EntityKey, &V)> {
        self.values.iter().map(|(key, value)| (key.unpacked(&self.tenants), value))
    }

    /// The same entities with other values, in a map of another seed.
    pub fn converted<W>(
        self,
        seed: u64,
        mut convert: impl FnMut(&EntityKey, V) -> W,
    ) -> EntityMap<W> {
        let Self { tenants, values } = self;
        let hasher = FixedState::with_seed(seed);
        let mut converted = IndexMap::with_capacity_and_hasher(values.len(), hasher);
        for (key, value) in values {
            let value = convert(&key.unpacked(&tenants), value);
            converted.insert(key, value);
        }
        EntityMap { tenants, values: converted }
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<V> Index<usize> for EntityMap<V> {
    type Output = V;

    fn index(&self, index: usize) -> &V {
        &self.values[index]
    }
}

impl<V> IndexMut<usize> for EntityMap<V> {
    fn index_mut(&mut self, index: usize) -> &mut V {
        &mut self.values[index]
    }
}

#[cfg(test)]
mod tests {
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
    fn a_value_is_made_once_and_goes_over_into_another_map() {
        let mut map = EntityMap::new(1);
        let tenant = TenantId::new("visitor").unwrap();
        let key = |n| EntityKey::reservation(&tenant, ReservationId(Uuid::from_u128(n)));
        for n in [1, 2, 1, 3, 2] {
            let index = map.index_or_insert_with(&key(n), || n);
            map[index] += 10;
        }
        let converted = map.converted(2, |key, value| (key.clone(), value));
        let values: Vec<_> = converted.iter().map(|(_, (_, value))| *value).collect();
        assert_eq!(values, [21, 22, 13]);
        assert!(converted.iter().all(|(key, (told, _))| key == *told));
        assert_eq!(converted.get(&key(2)).map(|(_, value)| *value), Some(22));
    }
}
