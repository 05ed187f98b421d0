//! The owner of one arbiter's entities, and the way to them from elsewhere.
//!
//! ```text
//!   edge, other shards ──mailbox──▶ Shard ──▶ Residents ──▶ an entity's mailbox
//!                                                 ▲
//!   entities of this arbiter ─────────────────────┘
//! ```
//!
//! What an entity sends to another of its own arbiter goes straight into that one's mailbox: to go
//! through the shard's would be another message. From one sender to one receiver the way is always
//! the same, and first in, first out.
//!
//! The shard and its entities' actors take turns on one thread. So it sees whether an entity is
//! idle, and takes the record back in one step.
//!
//! Not here: what entities decide.

mod finished;
mod messages;
mod residents;
mod walk;

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use actix::{Actor, Context, Handler};

use super::delivery::Delivery;

pub use messages::{
    Begin, Connect, CountEntities, Evict, ListCalendars, ListReservations, ListStock, TakeFinished,
    Walk,
};
pub use residents::Residents;
use walk::Walks;

/// How often deadlines and idle entities are looked at.
const TICK: Duration = Duration::from_millis(4);

/// The owner of one arbiter's entities.
pub struct Shard {
    residents: Rc<RefCell<Residents>>,
    walks: Walks,
}

impl Shard {
    /// A shard of these entities.
    pub fn new(residents: Residents) -> Self {
        Self { residents: Rc::new(RefCell::new(residents)), walks: Walks::default() }
    }

    /// Its entities, for those who run on its arbiter.
    pub fn residents(&self) -> Weak<RefCell<Residents>> {
        Rc::downgrade(&self.residents)
    }
}

impl Actor for Shard {
    type Context = Context<Self>;
}

impl Handler<Delivery> for Shard {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, _: &mut Self::Context) {
        let mut residents = self.residents.borrow_mut();
        residents.environment.mailbox.taken();
        residents.deliver(delivery);
    }
}
