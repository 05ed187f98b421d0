//! What a shard is told and asked besides deliveries.

use actix::{AsyncContext, Context, Handler, Message};
use tokio::sync::oneshot;

use super::super::capture::Capture;
use super::super::environment::Ways;
use super::super::listing::{Age, Count, ReservationQuery};
use super::super::process_manager::ProcessManager;
use super::super::table::Slot;
use super::super::topology::Topology;
use super::residents::{Residents, summary};
use super::{Shard, TICK};
use crate::domain::ids::{EntityKey, EntityKind, Position, StockKey};
use crate::domain::name::{CalendarId, TenantId};
use crate::domain::time::Timestamp;

/// All shards have started: here are their addresses.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Connect {
    /// Every shard.
    pub topology: Topology,
    /// Which of them this one is.
    pub here: usize,
    /// The process manager beside it.
    pub process: actix::Addr<ProcessManager>,
}

impl Handler<Connect> for Shard {
    type Result = ();

    fn handle(&mut self, connect: Connect, _: &mut Context<Self>) {
        let Connect { topology, here, process } = connect;
        let environment = self.residents.borrow().environment.clone();
        environment.connect(Ways { topology, here, residents: self.residents(), process });
    }
}

/// All shards know each other, and what a crash left unsettled is on its way: from here on
/// deadlines count. An expiry before that could overtake an older wish of the same reservation.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin;

impl Handler<Begin> for Shard {
    type Result = ();

    fn handle(&mut self, _: Begin, context: &mut Context<Self>) {
        context.run_interval(TICK, |shard, _| shard.residents.borrow_mut().tick());
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
        let residents = self.residents.borrow();
        let keys = residents.environment.index().listing.stock(
            &list.tenant,
            list.after.as_ref(),
            list.count,
        );
        let _ = list.reply.send(keys);
    }
}

/// Which calendars does a tenant have?
#[derive(Message)]
#[rtype(result = "()")]
pub struct ListCalendars {
    /// Whose.
    pub tenant: TenantId,
    /// Only those after this one.
    pub after: Option<CalendarId>,
    /// So many at the most.
    pub count: usize,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Vec<CalendarId>>,
}

impl Handler<ListCalendars> for Shard {
    type Result = ();

    fn handle(&mut self, list: ListCalendars, _: &mut Context<Self>) {
        let residents = self.residents.borrow();
        let ids = residents.environment.index().listing.calendars(
            &list.tenant,
            list.after.as_ref(),
            list.count,
        );
        let _ = list.reply.send(ids);
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
        let residents = self.residents.borrow();
        let found = residents.environment.index().listing.reservations(&list.tenant, &list.query);
        let _ = list.reply.send(found);
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
        let residents = self.residents.borrow();
        let _ = count.reply.send(residents.environment.index().listing.counts().collect());
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
        let taken = self.residents.borrow_mut().take_finished(&take);
        let _ = take.reply.send(taken);
    }
}

/// These entities are in the archive now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Evict {
    /// Which, with their records.
    pub entities: Vec<(EntityKey, Vec<u8>)>,
}

impl Handler<Evict> for Shard {
    type Result = ();

    fn handle(&mut self, evict: Evict, _: &mut Context<Self>) {
        let mut residents = self.residents.borrow_mut();
        for (key, record) in evict.entities {
            residents.evict(&key, &record);
        }
    }
}

impl Residents {
    fn take_finished(&mut self, take: &TakeFinished) -> Vec<(EntityKey, Vec<u8>)> {
        let mut taken = Vec::new();
        while taken.len() < take.count
            && let Some(key) = self.finished.take(take.through, take.before)
        {
            if let Some(Slot::Passive(record)) = self.table.get_mut(&key) {
                taken.push((key, record.to_vec()));
            }
        }
        taken
    }

    fn evict(&mut self, key: &EntityKey, record: &[u8]) {
        let summary = summary(key, record);
        match self.table.get_mut(key) {
            Some(Slot::Passive(_)) => {
                self.table.remove(key);
            }
            // It was woken meanwhile. It can't change, so its record is not wanted back.
            Some(Slot::Active(active)) if !active.is_archived => {
                active.is_archived = true;
                self.environment.index().listing.rest(key, &summary);
            }
            _ => return,
        }
        self.environment.index().listing.leave(key, &summary);
    }
}
