//! One shard's entities: those that have an actor, and the records of the rest.
//!
//! Walked by index, from the end: what is taken out leaves its place to the last entity, which a
//! walk from the end has met already. So a walk that pauses between slices misses nobody who
//! was there all the time, though it may meet somebody twice.

use std::collections::VecDeque;

use actix::Addr;
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::delivery::Delivery;
use super::entity::EntityActor;
use crate::domain::ids::EntityKey;
use crate::domain::reservation::Reservation;
use crate::domain::sales_order::SalesOrder;
use crate::domain::stock_balance::StockBalance;
use crate::domain::time::Timestamp;

/// An active entity's address.
pub enum Address {
    /// A stock balance's.
    StockBalance(Addr<EntityActor<StockBalance>>),
    /// A reservation's.
    Reservation(Addr<EntityActor<Reservation>>),
    /// A sales order's.
    SalesOrder(Addr<EntityActor<SalesOrder>>),
}

impl Address {
    /// Puts something into its mailbox.
    pub fn send(&self, delivery: Delivery) {
        match self {
            Self::StockBalance(address) => address.do_send(delivery),
            Self::Reservation(address) => address.do_send(delivery),
            Self::SalesOrder(address) => address.do_send(delivery),
        }
    }
}

/// An entity that has an actor.
pub struct Active {
    /// Where it gets its messages.
    pub address: Address,
    /// When it got the last one.
    pub used: Timestamp,
    /// Whether its record is in the archive, where it stays as it is.
    pub is_archived: bool,
    /// What came since it was asked for its record; none while it wasn't.
    pub held_back: Option<VecDeque<Delivery>>,
}

/// An entity's place.
pub enum Slot {
    /// It has an actor.
    Active(Active),
    /// Its record.
    Passive(Box<[u8]>),
}

impl Slot {
    /// What was held back for an entity that has been asked for its record.
    pub fn held_back(self) -> Option<VecDeque<Delivery>> {
        match self {
            Self::Active(active) => active.held_back,
            Self::Passive(_) => None,
        }
    }
}

/// Every entity of one shard.
pub struct Table {
    slots: IndexMap<EntityKey, Slot, FixedState>,
}

impl Table {
    /// A table whose order of buckets follows from a seed.
    pub fn new(seed: u64) -> Self {
        Self { slots: IndexMap::with_hasher(FixedState::with_seed(seed)) }
    }

    /// An entity's place.
    pub fn get_mut(&mut self, key: &EntityKey) -> Option<&mut Slot> {
        self.slots.get_mut(key)
    }

    /// Whether there is such an entity.
    pub fn contains(&self, key: &EntityKey) -> bool {
        self.slots.contains_key(key)
    }

    /// Puts an entity in its place.
    pub fn insert(&mut self, key: EntityKey, slot: Slot) {
        self.slots.insert(key, slot);
    }

    /// Takes an entity out.
    pub fn remove(&mut self, key: &EntityKey) -> Option<Slot> {
        self.slots.swap_remove(key)
    }

    /// The entity at an index, from 0.
    pub fn at_mut(&mut self, index: usize) -> Option<(&EntityKey, &mut Slot)> {
        self.slots.get_index_mut(index)
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
