//! One shard's entities: those that have an actor, and the records of the rest.
//!
//! Walked by index, from the end: what is taken out leaves its place to the last entity, which a
//! walk from the end has met already. So a walk that pauses between slices misses nobody who
//! was there all the time, though it may meet somebody twice.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::delivery::Payload;
use super::packed::{PackedKey, Sought, Tenants};
use super::seat::Seat;
use crate::domain::ids::EntityKey;
use crate::domain::time::Timestamp;

/// An entity that has an actor.
pub struct Active {
    /// The actor.
    pub seat: Seat,
    /// When it got its last message.
    pub used: Timestamp,
    /// Whether its record is in the archive, where it stays as it is.
    pub is_archived: bool,
}

impl Active {
    /// Puts something into the actor's mailbox.
    pub fn send(&mut self, payload: Payload, now: Timestamp) {
        self.used = now;
        self.seat.send(payload);
    }
}

/// An entity's place.
pub enum Slot {
    /// It has an actor.
    Active(Box<Active>),
    /// Its record.
    Passive(Box<[u8]>),
}

/// Every entity of one shard.
pub struct Table {
    tenants: Tenants,
    slots: IndexMap<PackedKey, Slot, FixedState>,
}

impl Table {
    /// A table whose order of buckets follows from a seed.
    pub fn new(seed: u64) -> Self {
        let slots = IndexMap::with_hasher(FixedState::with_seed(seed));
        Self { tenants: Tenants::default(), slots }
    }

    /// An entity's place.
    pub fn get_mut(&mut self, key: &EntityKey) -> Option<&mut Slot> {
        let tenant = self.tenants.find(&key.tenant)?;
        self.slots.get_mut(&Sought::new(tenant, &key.id))
    }

    /// Whether there is such an entity.
    pub fn contains(&self, key: &EntityKey) -> bool {
        let tenant = self.tenants.find(&key.tenant);
        tenant.is_some_and(|tenant| self.slots.contains_key(&Sought::new(tenant, &key.id)))
    }

    /// Puts an entity in its place.
    pub fn insert(&mut self, key: EntityKey, slot: Slot) {
        let tenant = self.tenants.keep(&key.tenant);
        let before = self.slots.insert(PackedKey::new(tenant, key.id), slot);
        if before.is_some() {
            self.tenants.let_go(tenant);
        }
    }

    /// Takes an entity out.
    pub fn remove(&mut self, key: &EntityKey) -> Option<Slot> {
        let tenant = self.tenants.find(&key.tenant)?;
        let slot = self.slots.swap_remove(&Sought::new(tenant, &key.id))?;
        self.tenants.let_go(tenant);
        Some(slot)
    }

    /// The entity at an index, from 0.
    pub fn at(&self, index: usize) -> Option<(EntityKey, &Slot)> {
        let (key, slot) = self.slots.get_index(index)?;
        Some((key.unpacked(&self.tenants), slot))
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::ReservationId;
    use crate::domain::name::TenantId;

    #[test]
    fn an_empty_table_knows_no_tenant_however_often_entities_came_and_changed() {
        let mut table = Table::new(1);
        let tenant = TenantId::new("visitor").unwrap();
        let key = |n| EntityKey::reservation(&tenant, ReservationId(Uuid::from_u128(n)));
        for n in [1, 1, 2, 1] {
            table.insert(key(n), Slot::Passive([n as u8].into()));
        }
        assert_eq!(table.len(), 2);
        assert!(table.remove(&key(1)).is_some());
        assert!(table.contains(&key(2)) && !table.contains(&key(1)));
        assert!(table.remove(&key(2)).is_some());
        assert!(table.remove(&key(2)).is_none());
        assert_eq!(table.tenants.find(&tenant), None);
    }

    #[test]
    fn a_place_is_small() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
