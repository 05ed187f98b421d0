//! Keys of entities in little room, for those who keep millions of them.
//!
//! A reservation's key takes 24 bytes, a third of what an [`EntityKey`] does: its tenant is a number
//! that counts only here.
//!
//! Not here: anything durable. Numbers are given anew at each start.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;
use indexmap::Equivalent;

use crate::domain::ids::{EntityId, EntityKey, ReservationId, ResourceKey, SalesOrderId};
use crate::domain::name::TenantId;

/// The tenants of those keys that somebody keeps, by number.
///
/// Invariant: a tenant without a key is forgotten and its number given anew. Whoever asks about
/// entities that don't exist leaves nothing behind.
#[derive(Debug, Default)]
pub struct Tenants {
    numbers: HashMap<TenantId, u32, FixedState>,
    /// By number, with how many keys are kept.
    names: Vec<(TenantId, u64)>,
    free: Vec<u32>,
}

impl Tenants {
    /// The number of a tenant, of which one more key is kept.
    pub fn keep(&mut self, tenant: &TenantId) -> u32 {
        if let Some(&number) = self.numbers.get(tenant) {
            self.names[number as usize].1 += 1;
            return number;
        }
        let named = (tenant.clone(), 1);
        let number = match self.free.pop() {
            Some(number) => {
                self.names[number as usize] = named;
                number
            }
            None => {
                self.names.push(named);
                u32::try_from(self.names.len() - 1).expect("no memory holds four billion tenants")
            }
        };
        self.numbers.insert(tenant.clone(), number);
        number
    }

    /// One key less is kept of the tenant with this number.
    pub fn let_go(&mut self, number: u32) {
        let (tenant, keys) = &mut self.names[number as usize];
        *keys -= 1;
        if *keys == 0 {
            self.numbers.remove(tenant);
            self.free.push(number);
        }
    }

    /// The number of a tenant of which keys are kept.
    pub fn find(&self, tenant: &TenantId) -> Option<u32> {
        self.numbers.get(tenant).copied()
    }

    /// The tenant of a number.
    pub fn name(&self, number: u32) -> &TenantId {
        &self.names[number as usize].0
    }
}

/// A key, packed. The number in front is the tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PackedKey {
    /// A resource.
    Resource(u32, Box<ResourceKey>),
    /// A reservation.
    Reservation(u32, ReservationId),
    /// A sales order.
    SalesOrder(u32, SalesOrderId),
}

/// A packed key that is only looked for. Hashes as [`PackedKey`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sought<'a> {
    /// A resource.
    Resource(u32, &'a ResourceKey),
    /// A reservation.
    Reservation(u32, ReservationId),
    /// A sales order.
    SalesOrder(u32, SalesOrderId),
}

impl PackedKey {
    /// Packs a key whose tenant has this number.
    pub fn new(tenant: u32, id: EntityId) -> Self {
        match id {
            EntityId::Resource(key) => Self::Resource(tenant, Box::new(key)),
            EntityId::Reservation(id) => Self::Reservation(tenant, id),
            EntityId::SalesOrder(id) => Self::SalesOrder(tenant, id),
        }
    }

    /// The tenant's number.
    pub fn tenant(&self) -> u32 {
        match self {
            Self::Resource(tenant, _)
            | Self::Reservation(tenant, _)
            | Self::SalesOrder(tenant, _) => *tenant,
        }
    }

    /// The key as everybody knows it.
    pub fn unpacked(&self, tenants: &Tenants) -> EntityKey {
        let (tenant, id) = match self {
            Self::Resource(tenant, key) => (*tenant, EntityId::Resource((**key).clone())),
            Self::Reservation(tenant, id) => (*tenant, EntityId::Reservation(*id)),
            Self::SalesOrder(tenant, id) => (*tenant, EntityId::SalesOrder(*id)),
        };
        EntityKey { tenant: tenants.name(tenant).clone(), id }
    }
}

impl<'a> Sought<'a> {
    /// Looks for a key whose tenant has this number.
    pub fn new(tenant: u32, id: &'a EntityId) -> Self {
        match id {
            EntityId::Resource(key) => Self::Resource(tenant, key),
            EntityId::Reservation(id) => Self::Reservation(tenant, *id),
            EntityId::SalesOrder(id) => Self::SalesOrder(tenant, *id),
        }
    }
}

impl Equivalent<PackedKey> for Sought<'_> {
    fn equivalent(&self, key: &PackedKey) -> bool {
        match (*self, key) {
            (Self::Resource(tenant, key), PackedKey::Resource(other, other_key)) => {
                tenant == *other && *key == **other_key
            }
            (Self::Reservation(tenant, id), PackedKey::Reservation(other, other_id)) => {
                tenant == *other && id == *other_id
            }
            (Self::SalesOrder(tenant, id), PackedKey::SalesOrder(other, other_id)) => {
                tenant == *other && id == *other_id
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::StockKey;
    use crate::domain::name::{Location, Sku};

    fn ids() -> Vec<EntityId> {
        let stock =
            |sku| StockKey { sku: Sku::new(sku).unwrap(), location: Location::new("").unwrap() };
        let resource = |sku| EntityId::Resource(ResourceKey::Stock(stock(sku)));
        let same = Uuid::from_u128(1);
        vec![
            resource("A"),
            resource("B"),
            EntityId::Reservation(ReservationId(same)),
            EntityId::SalesOrder(SalesOrderId(same)),
        ]
    }

    #[test]
    fn a_key_is_found_by_what_it_was_packed_from_and_by_nothing_else() {
        let mut tenants = Tenants::default();
        let names = ["a", "b"].map(|name| TenantId::new(name).unwrap());
        let keys: Vec<_> = names
            .iter()
            .flat_map(|tenant| ids().into_iter().map(|id| EntityKey { tenant: tenant.clone(), id }))
            .collect();
        let packed: Vec<_> = keys
            .iter()
            .map(|key| PackedKey::new(tenants.keep(&key.tenant), key.id.clone()))
            .collect();
        let hasher = FixedState::with_seed(7);
        for (index, key) in keys.iter().enumerate() {
            let sought = Sought::new(tenants.find(&key.tenant).unwrap(), &key.id);
            assert_eq!(hasher.hash_one(sought), hasher.hash_one(&packed[index]), "{key}");
            let found: Vec<_> = packed.iter().map(|packed| sought.equivalent(packed)).collect();
            assert_eq!(found.iter().filter(|found| **found).count(), 1, "{key}");
            assert!(found[index], "{key}");
            assert_eq!(packed[index].unpacked(&tenants), *key);
        }
        assert_eq!(tenants.find(&TenantId::new("c").unwrap()), None);
    }

    #[test]
    fn a_tenant_without_keys_is_forgotten_and_its_number_used_again() {
        let mut tenants = Tenants::default();
        let name = |n: u32| TenantId::new(&format!("t{n}")).unwrap();
        let kept = tenants.keep(&name(0));
        for n in 1..1_000 {
            let number = tenants.keep(&name(n));
            assert_eq!((tenants.find(&name(n)), tenants.name(number)), (Some(number), &name(n)));
            tenants.let_go(number);
            assert_eq!(tenants.find(&name(n)), None);
        }
        assert_eq!((tenants.numbers.len(), tenants.names.len()), (1, 2));
        tenants.keep(&name(0));
        tenants.let_go(kept);
        assert_eq!(tenants.find(&name(0)), Some(kept), "one of two keys is still there");
    }

    #[test]
    fn a_packed_key_is_small() {
        assert_eq!(size_of::<PackedKey>(), 24);
    }
}
