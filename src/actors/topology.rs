//! Which shard an entity lives on.
//!
//! Where it lives is decided at each start: nothing on disk depends on the number of shards.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use actix::Addr;
use foldhash::fast::FixedState;

use super::delivery::Delivery;
use super::shard::Shard;
use crate::domain::ids::EntityKey;

/// Spreads entities over shards.
#[derive(Debug, Clone)]
pub struct Spread {
    shards: usize,
    hasher: FixedState,
}

/// Every shard's address.
#[derive(Clone)]
pub struct Topology {
    shards: Arc<[Addr<Shard>]>,
    spread: Spread,
}

impl Spread {
    /// Over so many shards; the seed keeps clients from choosing ids that meet on one.
    pub fn new(shards: usize, seed: u64) -> Self {
        Self { shards, hasher: FixedState::with_seed(seed) }
    }

    /// The index of the entity's shard.
    pub fn index(&self, key: &EntityKey) -> usize {
        (self.hash(key) % self.shards as u64) as usize
    }

    fn hash(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }
}

impl Topology {
    /// These shards, in the order that the spread numbers them.
    pub fn new(shards: Vec<Addr<Shard>>, spread: Spread) -> Self {
        debug_assert_eq!(shards.len(), spread.shards);
        Self { shards: shards.into(), spread }
    }

    /// The number of the entity's shard.
    pub fn place(&self, key: &EntityKey) -> usize {
        self.spread.index(key)
    }

    /// Sends something to an entity by way of its shard.
    pub fn send(&self, delivery: Delivery) {
        self.send_to(self.place(&delivery.to), delivery);
    }

    /// Sends something to an entity by way of its shard, which has this number.
    pub fn send_to(&self, place: usize, delivery: Delivery) {
        self.shards[place].do_send(delivery);
    }

    /// Every shard.
    pub fn shards(&self) -> &[Addr<Shard>] {
        &self.shards
    }
}
