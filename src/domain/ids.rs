//! What things are called: keys of entities, versions, positions.
//!
//! A key names its tenant first, so that two tenants can't meet by using the same id.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::name::{Location, Sku, TenantId};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A reservation within its tenant.
    ReservationId
);
uuid_id!(
    /// A sales order within its tenant.
    SalesOrderId
);
uuid_id!(
    /// What a client calls one command, so that it can send it again.
    RequestId
);

impl SalesOrderId {
    /// The reservation that the order makes for itself: it has the order's own id.
    pub fn reservation(self) -> ReservationId {
        ReservationId(self.0)
    }
}

/// How often an entity has changed: the version of its last event; 0 before the first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version(pub u64);

impl Version {
    /// The version after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event's place in the one log, from 1; 0 is before the first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position `count` events further on.
    pub fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stock balance within its tenant: counted units of one SKU at one location.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StockKey {
    /// What is counted.
    pub sku: Sku,
    /// Where; empty by default.
    pub location: Location,
}

impl fmt::Display for StockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.location.as_str().is_empty() {
            write!(f, "{}", self.sku)
        } else {
            write!(f, "{}@{}", self.sku, self.location)
        }
    }
}

/// A resource within its tenant: whatever claims are made on.
///
/// Reservations ask their resources in the order of these keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResourceKey {
    /// Counted units.
    Stock(StockKey),
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock(key) => write!(f, "stock:{key}"),
        }
    }
}

/// Which kind of entity a stream belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// A stock balance.
    StockBalance,
    /// A reservation.
    Reservation,
    /// A sales order.
    SalesOrder,
}

impl EntityKind {
    /// Every kind, in the order in which listings name them.
    pub const ALL: [Self; 3] = [Self::StockBalance, Self::Reservation, Self::SalesOrder];

    /// The kind's name in metrics, listings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::StockBalance => "stock_balance",
            Self::Reservation => "reservation",
            Self::SalesOrder => "sales_order",
        }
    }
}

/// An entity within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntityId {
    /// A resource.
    Resource(ResourceKey),
    /// A reservation.
    Reservation(ReservationId),
    /// A sales order.
    SalesOrder(SalesOrderId),
}

impl EntityId {
    /// Which kind it is.
    pub fn kind(&self) -> EntityKind {
        match self {
            Self::Resource(ResourceKey::Stock(_)) => EntityKind::StockBalance,
            Self::Reservation(_) => EntityKind::Reservation,
            Self::SalesOrder(_) => EntityKind::SalesOrder,
        }
    }
}

/// One entity of the whole server, and so the name of its stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which of theirs.
    pub id: EntityId,
}

impl EntityKey {
    /// The key of a resource.
    pub fn resource(tenant: &TenantId, key: ResourceKey) -> Self {
        Self { tenant: tenant.clone(), id: EntityId::Resource(key) }
    }

    /// The key of a reservation.
    pub fn reservation(tenant: &TenantId, id: ReservationId) -> Self {
        Self { tenant: tenant.clone(), id: EntityId::Reservation(id) }
    }

    /// The key of a sales order.
    pub fn sales_order(tenant: &TenantId, id: SalesOrderId) -> Self {
        Self { tenant: tenant.clone(), id: EntityId::SalesOrder(id) }
    }

    /// Which kind of entity it is.
    pub fn kind(&self) -> EntityKind {
        self.id.kind()
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            EntityId::Resource(key) => write!(f, "{}/{key}", self.tenant),
            EntityId::Reservation(id) => write!(f, "{}/reservation:{id}", self.tenant),
            EntityId::SalesOrder(id) => write!(f, "{}/sales-order:{id}", self.tenant),
        }
    }
}
