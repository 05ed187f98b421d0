//! What a crash left half done between resources and reservations.
//!
//! A reservation's event and what its resources made of it are separate events, and a crash may
//! have kept the first without the second. Since a cause always survives where its effect does,
//! there are five cases for a claim that stands:
//!
//! ```text
//!   its reservation doesn't exist            ──▶ release it: the creation was never finished
//!   its reservation wants nothing there      ──▶ release it: it is of a creation that was refused,
//!                                                and another has succeeded under the same id
//!   it is older than its reservation's wish  ──▶ say the wish again
//!   all of it is used up                     ──▶ it is settled: that is for ever
//!   else                                     ──▶ it is settled
//! ```
//!
//! and a resource without a claim of a reservation was settled before.

use crate::domain::claim::Wish;
use crate::domain::command::Command;
use crate::domain::ids::{EntityId, EntityKey, ReservationId, ResourceKey};
use crate::domain::name::TenantId;

use super::any_entity::AnyEntity;
use super::part::Part;
use super::world::World;

/// What must be sent before anything else.
#[derive(Debug, Default)]
pub struct Unsettled {
    /// Wishes to resources.
    pub claims: Vec<(EntityKey, Command)>,
    /// Open orders, which have a next step.
    pub orders: Vec<EntityKey>,
}

/// Finds what is unsettled.
pub fn settle(world: &World) -> Unsettled {
    let mut unsettled = Unsettled::default();
    for part in world.survey(|part| settle_part(world, part)) {
        unsettled.claims.extend(part.claims);
        unsettled.orders.extend(part.orders);
    }
    unsettled.claims.sort_by(|(one, _), (other, _)| one.cmp(other));
    unsettled.orders.sort();
    unsettled
}

fn settle_part(world: &World, part: &Part) -> Unsettled {
    let mut unsettled = Unsettled::default();
    for (key, kept) in part.iter() {
        match &key.id {
            EntityId::Reservation(_) => {}
            EntityId::Resource(resource) => {
                for claim in kept.entity(key.kind()).claims() {
                    if let Some(wish) = overdue(world, &key.tenant, resource, &claim) {
                        unsettled.claims.push((key.clone(), wish.command()));
                    }
                }
            }
            EntityId::SalesOrder(_) => {
                if kept.entity(key.kind()).next_step(&key.id).is_some() {
                    unsettled.orders.push(key);
                }
            }
        }
    }
    unsettled
}

fn overdue(world: &World, tenant: &TenantId, resource: &ResourceKey, claim: &Wish) -> Option<Wish> {
    // What is used up was settled, and its reservation may be in the archive by now.
    if !claim.is_holding() {
        return None;
    }
    match wish_of(world, tenant, resource, claim.reservation()) {
        None => Some(claim.released()),
        // At an equal version a release wins.
        Some(wish) if wish.is_release() => Some(wish),
        Some(wish) if claim.reservation_version() < wish.reservation_version() => Some(wish),
        Some(_) => None,
    }
}

/// What a reservation wants of a resource now; nothing where there is no such reservation.
pub fn wish_of(
    world: &World,
    tenant: &TenantId,
    resource: &ResourceKey,
    reservation: ReservationId,
) -> Option<Wish> {
    let key = EntityKey::reservation(tenant, reservation);
    let entity = world.get(&key)?;
    let AnyEntity::Reservation(entity) = entity.as_ref() else { return None };
    Some(entity.state.details()?.claim_on(resource, reservation))
}
