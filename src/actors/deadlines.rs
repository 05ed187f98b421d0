//! Who must be woken when.
//!
//! An entry is never taken out: one whose entity has another deadline by now wakes it for
//! nothing, which its own decision finds out.

use super::sorted_chunks::SortedChunks;
use crate::domain::ids::{EntityKey, ReservationId};
use crate::domain::name::TenantId;
use crate::domain::time::Timestamp;
use crate::recovery::packed::Tenants;

/// When, and whom, by the tenant's number.
pub type Entry = (Timestamp, u32, ReservationId);

/// Deadlines of one shard's reservations.
#[derive(Debug, Default)]
pub struct Deadlines {
    tenants: Tenants,
    entries: SortedChunks<Entry>,
}

impl Deadlines {
    /// Wakes the reservation then.
    pub fn add(&mut self, deadline: Timestamp, tenant: &TenantId, id: ReservationId) {
        let tenant = self.tenants.keep(tenant);
        if !self.entries.insert((deadline, tenant, id)) {
            self.tenants.let_go(tenant);
        }
    }

    /// What [`Deadlines::add_all`] takes, for a reservation that isn't here yet.
    pub fn entry(&mut self, deadline: Timestamp, tenant: &TenantId, id: ReservationId) -> Entry {
        (deadline, self.tenants.keep(tenant), id)
    }

    /// Wakes each of these reservations then.
    pub fn add_all(&mut self, entries: Vec<Entry>) {
        self.entries.extend(entries);
    }

    /// The next reservation whose deadline has come.
    pub fn due(&mut self, now: Timestamp) -> Option<EntityKey> {
        let first @ (deadline, tenant, id) = *self.entries.first()?;
        if deadline > now {
            return None;
        }
        self.entries.remove(&first);
        let key = EntityKey::reservation(self.tenants.name(tenant), id);
        self.tenants.let_go(tenant);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn deadlines_come_in_their_order_and_not_before_their_time() {
        let (tenant, id) = (TenantId::default_tenant(), |n| ReservationId(Uuid::from_u128(n)));
        let key = |n| EntityKey::reservation(&tenant, id(n));
        let mut deadlines = Deadlines::default();
        deadlines.add(Timestamp(30), &tenant, id(3));
        let entries =
            [(20, 2), (10, 1)].map(|(at, n)| deadlines.entry(Timestamp(at), &tenant, id(n)));
        deadlines.add_all(entries.to_vec());
        deadlines.add(Timestamp(10), &tenant, id(1));
        assert_eq!(deadlines.due(Timestamp(9)), None);
        assert_eq!(deadlines.due(Timestamp(20)), Some(key(1)));
        assert_eq!(deadlines.due(Timestamp(20)), Some(key(2)));
        assert_eq!(deadlines.due(Timestamp(20)), None);
    }
}
