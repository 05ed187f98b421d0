//! What a shard is told and asked besides deliveries.

use actix::{AsyncContext, Context, Handler, Message};
use tokio::sync::oneshot;

use super::super::capture::Capture;
use super::super::listing::{Age, Count, ReservationQuery};
use super::super::process_manager::{ProcessManager, RunStep};
use super::super::table::Slot;
use super::super::topology::Topology;
use super::{Shard, TICK, decoded};
use crate::codec::v1;
use crate::domain::entity::Summary;
use crate::domain::ids::{EntityKey, EntityKind, Position, StockKey};
use crate::domain::name::TenantId;
use crate::domain::time::Timestamp;

/// All shards have started: here are their addresses.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Connect {
    /// Every shard.
    pub topology: Topology,
    /// This one.
    pub shard: actix::Addr<Shard>,
    /// The process manager beside it.
    pub process: actix::Addr<ProcessManager>,
}

impl Handler<Connect> for Shard {
    type Result = ();

    fn handle(&mut self, connect: Connect, _: &mut Context<Self>) {
        self.environment.connect(connect.topology, connect.shard, connect.process);
    }
}

/// Everybody is connected, and what claims need after a crash is under way: from here on deadlines
/// count and orders are driven. Before, they would speak to shards that know nobody yet.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin {
    /// The next steps of the shard's open orders.
    pub steps: Vec<RunStep>,
}

impl Handler<Begin> for Shard {
    type Result = ();

    fn handle(&mut self, begin: Begin, context: &mut Context<Self>) {
        for step in begin.steps {
            self.environment.process().do_send(step);
        }
        context.run_interval(TICK, |shard, _| shard.tick());
    }
}

/// An entity says what has changed of what the shard knows of it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Note {
    /// Which entity.
    pub key: EntityKey,
    /// What it was; nothing where it has just come into being.
    pub before: Option<Summary>,
    /// What it is.
    pub after: Summary,
}

impl Handler<Note> for Shard {
    type Result = ();

    fn handle(&mut self, Note { key, before, after }: Note, _: &mut Context<Self>) {
        self.listing.change(&key, before.as_ref(), &after);
        let known = before.and_then(|summary| summary.deadline);
        if let Some(deadline) = after.deadline
            && known != Some(deadline)
        {
            self.deadlines.add(deadline, key);
        }
    }
}

/// An entity's answer when it is asked for its record.
#[derive(Message)]
#[rtype(result = "()")]
pub enum Settled {
    /// It keeps its actor.
    Busy {
        /// Which entity.
        key: EntityKey,
    },
    /// Nothing ever happened to it.
    Nothing {
        /// Which entity.
        key: EntityKey,
    },
    /// Its record.
    Passive {
        /// Which entity.
        key: EntityKey,
        /// The record.
        record: Box<[u8]>,
        /// What the table should know of it.
        summary: Summary,
        /// The position of its last event.
        position: Position,
    },
}

impl Handler<Settled> for Shard {
    type Result = ();

    fn handle(&mut self, settled: Settled, _: &mut Context<Self>) {
        self.settle(settled);
    }
}

/// Hands over every record.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Walk {
    /// Where they go.
    pub capture: Capture,
}

impl Handler<Walk> for Shard {
    type Result = ();

    fn handle(&mut self, walk: Walk, context: &mut Context<Self>) {
        self.begin_walk(walk.capture, context);
    }
}

/// Which stock balances does a tenant have?
#[derive(Message)]
#[rtype(result = "()")]
pub struct ListStock {
    /// Whose.
    pub tenant: TenantId,
    /// Only those after this one.
    pub after: Option<StockKey>,
    /// So many at the most.
    pub count: usize,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Vec<StockKey>>,
}

impl Handler<ListStock> for Shard {
    type Result = ();

    fn handle(&mut self, list: ListStock, _: &mut Context<Self>) {
        let keys = self.listing.stock(&list.tenant, list.after.as_ref(), list.count);
        let _ = list.reply.send(keys);
    }
}

/// Which open reservations does a tenant have?
#[derive(Message)]
#[rtype(result = "()")]
pub struct ListReservations {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub query: ReservationQuery,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Vec<Age>>,
}

impl Handler<ListReservations> for Shard {
    type Result = ();

    fn handle(&mut self, list: ListReservations, _: &mut Context<Self>) {
        let _ = list.reply.send(self.listing.reservations(&list.tenant, &list.query));
    }
}

/// How many entities are there?
#[derive(Message)]
#[rtype(result = "()")]
pub struct CountEntities {
    /// Where the answer goes.
    pub reply: oneshot::Sender<Vec<(EntityKind, &'static str, Count)>>,
}

impl Handler<CountEntities> for Shard {
    type Result = ();

    fn handle(&mut self, count: CountEntities, _: &mut Context<Self>) {
        let _ = count.reply.send(self.listing.counts().collect());
    }
}

/// Which finished entities can go to the archive?
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeFinished {
    /// Only those whose last event a snapshot has passed.
    pub through: Position,
    /// Only those that finished before then.
    pub before: Timestamp,
    /// So many at the most.
    pub count: usize,
    /// Where keys and records go.
    pub reply: oneshot::Sender<Vec<(EntityKey, Vec<u8>)>>,
}

impl Handler<TakeFinished> for Shard {
    type Result = ();

    fn handle(&mut self, take: TakeFinished, _: &mut Context<Self>) {
        let mut taken = Vec::new();
        while taken.len() < take.count
            && let Some(oldest) = self.finished.front()
            && oldest.position <= take.through
            && oldest.time < take.before
            && let Some(finished) = self.finished.pop_front()
        {
            // One that was woken again is in the queue once more when it rests.
            if let Some(Slot::Passive(record)) = self.table.get_mut(&finished.key) {
                taken.push((finished.key, record.to_vec()));
            }
        }
        let _ = take.reply.send(taken);
    }
}

/// These entities are in the archive now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Evict {
    /// Which.
    pub keys: Vec<EntityKey>,
}

impl Handler<Evict> for Shard {
    type Result = ();

    fn handle(&mut self, evict: Evict, _: &mut Context<Self>) {
        for key in evict.keys {
            self.evict(&key);
        }
    }
}

impl Shard {
    fn evict(&mut self, key: &EntityKey) {
        // One that was woken meanwhile comes to rest again, and is taken the next time.
        if let Some(Slot::Passive(record)) = self.table.get_mut(key) {
            let summary = decoded(key, record).summary();
            self.listing.leave(key, &summary);
            self.table.remove(key);
        }
    }

    /// The bytes of a passive entity's key and record.
    pub(super) fn packed(key: &EntityKey, record: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (v1::encode(key), record.to_vec())
    }
}
