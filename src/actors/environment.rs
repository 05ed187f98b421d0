//! What every actor of one arbiter works with.

use std::cell::{OnceCell, RefCell, RefMut};
use std::rc::Weak;
use std::sync::Arc;

use actix::Addr;
use uuid::Uuid;

use super::delivery::Delivery;
use super::index::Index;
use super::process_manager::ProcessManager;
use super::shard::Residents;
use super::topology::{Mailbox, Topology};
use crate::clock::Clock;
use crate::domain::event::{Origin, event_id};
use crate::domain::ids::{EntityKind, Position};
use crate::domain::name::Label;
use crate::journal::{Journal, Room};

/// Bounds of the engine.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Request ids that a reservation or a sales order remembers.
    pub requests_remembered: usize,
    /// Request ids that a resource remembers.
    pub resource_requests_remembered: usize,
    /// Commands that wait for an entity which is still deciding an earlier one.
    pub commands_queued_max: usize,
    /// How long an idle reservation or order keeps its actor, in milliseconds.
    pub idle_ms: u64,
    /// How long an idle resource keeps its actor, in milliseconds.
    pub resource_idle_ms: u64,
    /// Entries before the disk at which the server's own work pauses.
    pub journal_waiting_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_remembered: 64,
            resource_requests_remembered: 4_096,
            commands_queued_max: 64,
            idle_ms: 200,
            resource_idle_ms: 5_000,
            journal_waiting_max: 4_096,
        }
    }
}

impl Limits {
    /// How many request ids an entity of this kind remembers.
    pub fn remembered(&self, kind: EntityKind) -> usize {
        match kind {
            EntityKind::StockBalance | EntityKind::Calendar => self.resource_requests_remembered,
            EntityKind::Reservation | EntityKind::SalesOrder => self.requests_remembered,
        }
    }
}

/// What is the same for every arbiter.
#[derive(Clone)]
pub struct Surroundings {
    /// The way to the log.
    pub journal: Journal,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The log's own id, from which events have theirs.
    pub log_id: Uuid,
    /// Bounds.
    pub limits: Limits,
}

/// What the actors of one arbiter share. The ways are known once all shards have started.
pub struct Environment {
    /// What is the same everywhere.
    pub surroundings: Surroundings,
    /// Who is behind what the server does by itself.
    pub server: Arc<Origin>,
    /// What this arbiter's shard was sent and has taken up.
    pub mailbox: Arc<Mailbox>,
    index: RefCell<Index>,
    ways: OnceCell<Ways>,
}

/// The ways to others.
pub struct Ways {
    /// To every shard.
    pub topology: Topology,
    /// Which of them is on this arbiter.
    pub here: usize,
    /// Straight to the entities of this arbiter.
    pub residents: Weak<RefCell<Residents>>,
    /// To the process manager of this arbiter.
    pub process: Addr<ProcessManager>,
}

impl Environment {
    /// An environment that knows no ways yet.
    pub fn new(surroundings: Surroundings) -> Self {
        let label = || Label::new("holdfast").expect("a plain word is a label");
        let correlation_id = surroundings.log_id;
        let server = Arc::new(Origin { principal: label(), source: label(), correlation_id });
        Self {
            surroundings,
            server,
            mailbox: Arc::default(),
            index: RefCell::default(),
            ways: OnceCell::new(),
        }
    }

    /// Makes the ways known; the first time counts.
    pub fn connect(&self, ways: Ways) {
        let _ = self.ways.set(ways);
    }

    /// Sends something to an entity: on this arbiter straight into its mailbox, else to its shard.
    pub fn send(&self, delivery: Delivery) {
        let Ways { topology, here, residents, .. } = self.ways();
        let place = topology.place(&delivery.to);
        if place != *here {
            return topology.send_to(place, delivery);
        }
        // Without its shard an arbiter is at its end.
        if let Some(residents) = residents.upgrade() {
            residents.borrow_mut().deliver(delivery);
        }
    }

    /// What is known of this arbiter's entities. Whoever has it gives it back before anything else
    /// is called that may want it.
    pub fn index(&self) -> RefMut<'_, Index> {
        self.index.borrow_mut()
    }

    /// The process manager of this arbiter.
    pub fn process(&self) -> &Addr<ProcessManager> {
        &self.ways().process
    }

    /// The id of the event at a position.
    pub fn event_id(&self, position: Position) -> Uuid {
        event_id(self.surroundings.log_id, position)
    }

    /// Whether the server's own work should let others go first, or wait for room on the disk.
    pub fn is_busy(&self) -> bool {
        let Surroundings { journal, limits, .. } = &self.surroundings;
        journal.waiting() >= limits.journal_waiting_max || journal.room() < Room::OwnWork
    }

    fn ways(&self) -> &Ways {
        self.ways.get().expect("shards are connected before anything is sent to them")
    }
}
