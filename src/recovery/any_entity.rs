//! An entity of whichever kind.

use crate::codec::CodecError;
use crate::codec::records::{self, Format};
use crate::domain::calendar::Calendar;
use crate::domain::claim::Wish;
use crate::domain::entity::{Aggregate, Entity, Summary};
use crate::domain::event::Change;
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

    /// Reads a record of some format.
    ///
    /// # Errors
    /// [`CodecError`], where the bytes are no record of this kind.
    pub fn decode(kind: EntityKind, format: Format, record: &[u8]) -> Result<Self, CodecError> {
        use EntityKind::{Reservation, SalesOrder, StockBalance};
        Ok(match kind {
            StockBalance => Self::StockBalance(Box::new(records::decode(format, record)?)),
            Reservation => Self::Reservation(Box::new(records::decode(format, record)?)),
            SalesOrder => Self::SalesOrder(Box::new(records::decode(format, record)?)),
            EntityKind::Calendar => Self::Calendar(Box::new(records::decode(format, record)?)),
        })
    }

    /// The record's bytes: what snapshots and the archive hold and the digest hashes.
    pub fn encode(&self) -> Vec<u8> {
        with_entity!(self, entity => records::encode(entity))
    }

    /// Its version.
    pub fn version(&self) -> Version {
        with_entity!(self, entity => entity.version)
    }

    /// The position of its last event.
    pub fn position(&self) -> Position {
        with_entity!(self, entity => entity.position)
    }

    /// What the table should know of an entity with this record, of the current format.
    ///
    /// # Errors
    /// [`CodecError`], where the bytes don't begin like a record of this kind.
    pub fn summary_of(kind: EntityKind, record: &[u8]) -> Result<Summary, CodecError> {
        match kind {
            EntityKind::StockBalance => records::summary::<StockBalance>(record),
            EntityKind::Reservation => records::summary::<Reservation>(record),
            EntityKind::SalesOrder => records::summary::<SalesOrder>(record),
            EntityKind::Calendar => records::summary::<Calendar>(record),
        }
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
    pub(super) fn apply(&mut self, change: &Change) -> bool {
        with_entity!(self, entity => follow(entity, change))
    }
}

fn follow<A: Aggregate>(entity: &mut Entity<A>, change: &Change) -> bool {
    let Some(body) = A::from_body(&change.body) else { return false };
    entity.evolve(body, change.time);
    entity.placed(change.position, 1, change.request.as_ref(), change.time);
    true
}
