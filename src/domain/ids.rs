//! What things are called: keys of entities, versions, positions.
//!
//! A key names its tenant first, so that two tenants can't meet by using the same id.
//!
//! Where a client names no id for what it creates, one follows from its request ([`derived`]), so
//! that a retry finds what the first try created.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::name::{CalendarId, Location, Sku, TenantId};

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

/// The namespace of derived ids: chosen at random once, and never to be changed, since retries
/// find what they created by it.
const DERIVED: Uuid = uuid::uuid!("0d6c3a41-9b1e-4f57-8a52-6e4c1f0b7d93");

/// The id of what a request creates without naming it: UUIDv5 (RFC 9562 §5.5) over
/// `tenant/kind/` and the 16 bytes of the request id. A tenant has no slash in it, so no two
/// requests meet.
pub fn derived(tenant: &TenantId, kind: EntityKind, request: RequestId) -> Uuid {
    let mut name = format!("{tenant}/{}/", kind.name()).into_bytes();
    name.extend_from_slice(request.0.as_bytes());
    Uuid::new_v5(&DERIVED, &name)
}

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
    /// Capacity over time, in slots or nights.
    Calendar(CalendarId),
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock(key) => write!(f, "stock:{key}"),
            Self::Calendar(id) => write!(f, "calendar:{id}"),
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
    /// A calendar.
    Calendar,
}

impl EntityKind {
    /// Every kind, in the order in which listings name them.
    pub const ALL: [Self; 4] =
        [Self::StockBalance, Self::Reservation, Self::SalesOrder, Self::Calendar];

    /// The kind's name in metrics, listings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::StockBalance => "stock_balance",
            Self::Reservation => "reservation",
            Self::SalesOrder => "sales_order",
            Self::Calendar => "calendar",
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
            Self::Resource(ResourceKey::Calendar(_)) => EntityKind::Calendar,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_the_same_for_ever_and_differs_by_tenant_kind_and_request() {
        let tenant = TenantId::default_tenant();
        let other = TenantId::new("other").unwrap();
        let request = RequestId(Uuid::from_u128(1));
        let id = derived(&tenant, EntityKind::Reservation, request);
        assert_eq!(id.to_string(), "411a66d9-64ef-59c7-a799-4be46458b8bd");
        assert_eq!(id.get_version_num(), 5);
        assert_ne!(id, derived(&other, EntityKind::Reservation, request));
        assert_ne!(id, derived(&tenant, EntityKind::SalesOrder, request));
        assert_ne!(id, derived(&tenant, EntityKind::Reservation, RequestId(Uuid::from_u128(2))));
    }
}
