//! An entity of whichever kind.

use crate::codec::{CodecError, v1};
use crate::domain::calendar::Calendar;
use crate::domain::claim::Wish;
use crate::domain::entity::{Aggregate, Entity, Summary};
use crate::domain::event::Event;
use crate::domain::ids::{EntityId, EntityKind, Position, Version};
use crate::domain::process::Step;
use crate::domain::reservation::Reservation;
use crate::domain::sales_order::SalesOrder;
use crate::domain::stock_balance::StockBalance;

/// An entity of whichever kind.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyEntity {
    /// A stock balance.
    StockBalance(Box<Entity<StockBalance>>),
    /// A reservation.
    Reservation(Box<Entity<Reservation>>),
    /// A sales order.
    SalesOrder(Box<Entity<SalesOrder>>),
    /// A calendar.
    Calendar(Box<Entity<Calendar>>),
}

/// Does the same to an entity of whichever kind.
#[macro_export]
macro_rules! with_entity {
    ($any:expr, $entity:ident => $body:expr) => {
        match $any {
            $crate::recovery::AnyEntity::StockBalance($entity) => $body,
            $crate::recovery::AnyEntity::Reservation($entity) => $body,
            $crate::recovery::AnyEntity::SalesOrder($entity) => $body,
            $crate::recovery::AnyEntity::Calendar($entity) => $body,
        }
    };
}

impl AnyEntity {
    /// One to which nothing has happened.
    pub fn new(kind: EntityKind) -> Self {
        match kind {
            EntityKind::StockBalance => Self::StockBalance(Box::default()),
            EntityKind::Reservation => Self::Reservation(Box::default()),
            EntityKind::SalesOrder => Self::SalesOrder(Box::default()),
            EntityKind::Calendar => Self::Calendar(Box::default()),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`CodecError`], where the bytes are no record of this kind.
    pub fn decode(kind: EntityKind, record: &[u8]) -> Result<Self, CodecError> {
        Ok(match kind {
            EntityKind::StockBalance => Self::StockBalance(Box::new(v1::decode(record)?)),
            EntityKind::Reservation => Self::Reservation(Box::new(v1::decode(record)?)),
            EntityKind::SalesOrder => Self::SalesOrder(Box::new(v1::decode(record)?)),
            EntityKind::Calendar => Self::Calendar(Box::new(v1::decode(record)?)),
        })
    }

    /// The record's bytes: what snapshots and the archive hold and the digest hashes.
    pub fn encode(&self) -> Vec<u8> {
        with_entity!(self, entity => v1::encoded(entity.as_ref(), |bytes| bytes.to_vec()))
    }

    /// Its version.
    pub fn version(&self) -> Version {
        with_entity!(self, entity => entity.version)
    }

    /// The position of its last event.
    pub fn position(&self) -> Position {
        with_entity!(self, entity => entity.position)
    }

    /// What the table should know of it.
    pub fn summary(&self) -> Summary {
        with_entity!(self, entity => entity.state.summary())
    }

    /// What the order process should do next for it.
    pub fn next_step(&self, id: &EntityId) -> Option<Step> {
        with_entity!(self, entity => entity.state.next_step(id))
    }

    /// The claims that stand on it.
    pub fn claims(&self) -> Vec<Wish> {
        with_entity!(self, entity => entity.state.claims_after(None, usize::MAX))
    }

    /// Follows its next event; false where that is one of another kind of entity.
    pub(super) fn apply(&mut self, event: &Event) -> bool {
        with_entity!(self, entity => follow(entity, event))
    }
}

fn follow<A: Aggregate>(entity: &mut Entity<A>, event: &Event) -> bool {
    let Some(body) = A::from_body(&event.body) else { return false };
    entity.evolve(body, event.time);
    entity.placed(event.position, 1, event.request.as_ref(), event.time);
    true
}
