//! Which of several parts an entity belongs to.
//!
//! Recovery follows each part on a thread of its own, and a shard takes one over as it is. That is
//! decided anew at each start: nothing on disk depends on how many there are.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::domain::ids::EntityKey;

/// Spreads entities over parts.
#[derive(Debug, Clone)]
pub struct Spread {
    parts: usize,
    seed: u64,
    hasher: FixedState,
}

impl Spread {
    /// Over so many parts; the seed keeps clients from choosing ids that meet in one.
    pub fn new(parts: usize, seed: u64) -> Self {
        Self { parts, seed, hasher: FixedState::with_seed(seed) }
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// What it was made with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The index of the entity's part.
    pub fn index(&self, key: &EntityKey) -> usize {
        (self.hasher.hash_one(key) % self.parts as u64) as usize
    }
}
