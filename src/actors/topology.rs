//! Which shard an entity lives on.
//!
//! Where it lives is decided at each start: nothing on disk depends on the number of shards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::Addr;

use super::delivery::Delivery;
use super::shard::Shard;
use crate::domain::ids::EntityKey;
use crate::recovery::Spread;

/// Every shard's address.
#[derive(Clone)]
pub struct Topology {
    shards: Arc<[Addr<Shard>]>,
    mailboxes: Arc<[Arc<Mailbox>]>,
    spread: Spread,
}

/// How many deliveries one shard was sent, and how many it has taken up.
#[derive(Debug, Default)]
pub struct Mailbox {
    sent: Counter,
    taken: Counter,
}

/// On a line of the processor's cache of its own, so that senders and the shard don't wait for each
/// other's.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

impl Mailbox {
    /// The shard, and nobody else, has taken another one up.
    pub fn taken(&self) {
        let taken = self.taken.0.load(Ordering::Relaxed);
        self.taken.0.store(taken + 1, Ordering::Relaxed);
    }

    fn waiting(&self) -> u64 {
        // In this order, so that one that comes and goes meanwhile isn't counted as less than none.
        let taken = self.taken.0.load(Ordering::Relaxed);
        self.sent.0.load(Ordering::Relaxed).saturating_sub(taken)
    }
}

impl Topology {
    /// These shards, in the order that the spread numbers them.
    pub fn new(shards: Vec<Addr<Shard>>, mailboxes: Vec<Arc<Mailbox>>, spread: Spread) -> Self {
        debug_assert_eq!((shards.len(), mailboxes.len()), (spread.parts(), spread.parts()));
        Self { shards: shards.into(), mailboxes: mailboxes.into(), spread }
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
        self.mailboxes[place].sent.0.fetch_add(1, Ordering::Relaxed);
        self.shards[place].do_send(delivery);
    }

    /// How many deliveries no shard has taken up yet.
    pub fn waiting(&self) -> u64 {
        self.mailboxes.iter().map(|mailbox| mailbox.waiting()).sum()
    }

    /// Every shard.
    pub fn shards(&self) -> &[Addr<Shard>] {
        &self.shards
    }
}
