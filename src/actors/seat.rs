//! Actors, and the entities that they work for.
//!
//! ```text
//!            seat an entity                    take its record back
//!   vacant ────────────────▶ EntityActor ⇄ Shell ────────────────▶ vacant
//! ```
//!
//! An active entity has an actor to itself. To start one costs as much as five messages, so an actor
//! whose entity rests is kept for the next entity of its kind.
//!
//! Invariant: an entity is taken from its actor only when that has dealt with every message that
//! it was sent, so no message reaches another entity's shell.
//!
//! Not here: when an entity rests; that is the shard's.

use std::cell::RefCell;
use std::rc::Rc;

use actix::{Actor, Addr};

use super::capture::Captured;
use super::delivery::Payload;
use super::entity::{EntityActor, Rest, Shell};
use super::environment::Environment;
use crate::codec::records::Recorded;
use crate::domain::calendar::Calendar;
use crate::domain::entity::Entity;
use crate::domain::ids::EntityKey;
use crate::domain::reservation::Reservation;
use crate::domain::sales_order::SalesOrder;
use crate::domain::stock_balance::StockBalance;
use crate::recovery::AnyEntity;

/// How many actors of one kind are kept without an entity.
const VACANT_MAX: usize = 4_096;

/// An actor and the entity that it has, of whichever kind.
pub enum Seat {
    /// A stock balance's.
    StockBalance(Seated<StockBalance>),
    /// A reservation's.
    Reservation(Seated<Reservation>),
    /// A sales order's.
    SalesOrder(Seated<SalesOrder>),
    /// A calendar's.
    Calendar(Seated<Calendar>),
}

/// An actor and the entity that it has.
pub struct Seated<A: Recorded> {
    address: Addr<EntityActor<A>>,
    /// Nothing while it is vacant.
    shell: Rc<RefCell<Option<Shell<A>>>>,
    /// How many messages the entity was sent.
    sent: u64,
}

macro_rules! with_seated {
    ($seat:expr, $seated:ident => $body:expr) => {
        match $seat {
            Seat::StockBalance($seated) => $body,
            Seat::Reservation($seated) => $body,
            Seat::SalesOrder($seated) => $body,
            Seat::Calendar($seated) => $body,
        }
    };
}

impl Seat {
    /// Puts something into the actor's mailbox.
    pub fn send(&mut self, payload: Payload) {
        with_seated!(self, seated => seated.send(payload));
    }

    /// The entity's record, if it is idle.
    pub fn rest(&self) -> Rest {
        with_seated!(self, seated => {
            seated.shell.borrow().as_ref().map_or(Rest::Nothing, |shell| shell.rest(seated.sent))
        })
    }

    /// The entity's record as it is now, if anything ever happened to it.
    pub fn captured(&self) -> Option<Captured> {
        with_seated!(self, seated => seated.shell.borrow().as_ref().and_then(Shell::captured))
    }
}

impl<A: Recorded> Seated<A> {
    fn new(key: EntityKey, entity: Box<Entity<A>>, environment: Rc<Environment>) -> Self {
        let shell = Rc::new(RefCell::new(Some(Shell::new(key, entity, environment))));
        Self { address: EntityActor::new(shell.clone()).start(), shell, sent: 0 }
    }

    fn seat(&mut self, key: EntityKey, entity: Box<Entity<A>>, environment: Rc<Environment>) {
        *self.shell.borrow_mut() = Some(Shell::new(key, entity, environment));
        self.sent = 0;
    }

    fn send(&mut self, payload: Payload) {
        self.sent += 1;
        self.address.do_send(payload);
    }
}

/// The actors of one arbiter that have no entity.
pub struct Seats {
    environment: Rc<Environment>,
    stock_balances: Vec<Seated<StockBalance>>,
    reservations: Vec<Seated<Reservation>>,
    sales_orders: Vec<Seated<SalesOrder>>,
    calendars: Vec<Seated<Calendar>>,
}

impl Seats {
    /// No actors yet.
    pub fn new(environment: Rc<Environment>) -> Self {
        Self {
            environment,
            stock_balances: Vec::new(),
            reservations: Vec::new(),
            sales_orders: Vec::new(),
            calendars: Vec::new(),
        }
    }

    /// Gives an entity an actor.
    pub fn take(&mut self, key: EntityKey, entity: AnyEntity) -> Seat {
        let environment = self.environment.clone();
        match entity {
            AnyEntity::StockBalance(entity) => Seat::StockBalance(take_or_start(
                &mut self.stock_balances,
                key,
                entity,
                environment,
            )),
            AnyEntity::Reservation(entity) => {
                Seat::Reservation(take_or_start(&mut self.reservations, key, entity, environment))
            }
            AnyEntity::SalesOrder(entity) => {
                Seat::SalesOrder(take_or_start(&mut self.sales_orders, key, entity, environment))
            }
            AnyEntity::Calendar(entity) => {
                Seat::Calendar(take_or_start(&mut self.calendars, key, entity, environment))
            }
        }
    }

    /// Takes an actor back whose entity was idle and whose record has been taken.
    pub fn give_back(&mut self, seat: Seat) {
        match seat {
            Seat::StockBalance(seated) => keep(&mut self.stock_balances, seated),
            Seat::Reservation(seated) => keep(&mut self.reservations, seated),
            Seat::SalesOrder(seated) => keep(&mut self.sales_orders, seated),
            Seat::Calendar(seated) => keep(&mut self.calendars, seated),
        }
    }
}

fn take_or_start<A: Recorded>(
    vacant: &mut Vec<Seated<A>>,
    key: EntityKey,
    entity: Box<Entity<A>>,
    environment: Rc<Environment>,
) -> Seated<A> {
    match vacant.pop() {
        Some(mut seated) => {
            seated.seat(key, entity, environment);
            seated
        }
        None => Seated::new(key, entity, environment),
    }
}

/// An actor that isn't kept stops when its address is dropped.
fn keep<A: Recorded>(vacant: &mut Vec<Seated<A>>, seated: Seated<A>) {
    *seated.shell.borrow_mut() = None;
    if vacant.len() < VACANT_MAX {
        vacant.push(seated);
    }
}
