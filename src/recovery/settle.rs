//! What a crash left half done between resources and reservations.
//!
//! A reservation's event and what its resources made of it are separate events, and a crash may
//! have kept the first without the second. Since a cause always survives where its effect does,
//! there are five cases for a claim that stands:
//!
//! ```text
//!   its reservation doesn't exist            ──▶ release it: the creation was never finished
//!   its reservation wants nothing there      ──▶ release it: it is of a creation that was refused,
//!                                                and another has succeeded under the same id; or of
//!                                                lines that it had, or was to have, before a change
//!   it is older than its reservation's wish  ──▶ say the wish again
//!   all of it is used up                     ──▶ it is settled: that is for ever
//!   else                                     ──▶ it is settled
//! ```
//!
//! and a resource without a claim of a reservation was settled before. A claim that is newer than its
//! reservation's wish is that of a change which has begun: its command is sent again, and deals with it.

use crate::domain::claim::Wish;
use crate::domain::command::Command;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, ReservationId, ResourceKey};
use crate::domain::name::TenantId;
use crate::domain::request::Request;
use crate::domain::reservation;

use super::any_entity::AnyEntity;
use super::part::Part;
use super::world::World;

/// What must be sent before anything else.
#[derive(Debug, Default)]
pub struct Unsettled {
    /// Wishes to resources.
    pub claims: Vec<(EntityKey, Command)>,
    /// Commands that have begun, to be gone on with.
    pub begun: Vec<Begun>,
    /// Open orders, which have a next step.
    pub orders: Vec<EntityKey>,
}

/// A command that has begun, of which the end is still to be recorded.
#[derive(Debug)]
pub struct Begun {
    /// On which entity.
    pub entity: EntityKey,
    /// What.
    pub command: Command,
    /// How it identified itself.
    pub request: Request,
}

/// Finds what is unsettled.
pub fn settle(world: &World) -> Unsettled {
    let mut unsettled = Unsettled::default();
    for part in world.survey(|part| settle_part(world, part)) {
        unsettled.claims.extend(part.claims);
        unsettled.begun.extend(part.begun);
        unsettled.orders.extend(part.orders);
    }
    unsettled.claims.sort_by(|(one, _), (other, _)| one.cmp(other));
    unsettled.begun.sort_by(|one, other| one.entity.cmp(&other.entity));
    unsettled.orders.sort();
    unsettled
}

fn settle_part(world: &World, part: &Part) -> Unsettled {
    let mut unsettled = Unsettled::default();
    for (key, kept) in part.iter() {
        match &key.id {
            EntityId::Reservation(_) => {
                if kept.summary(key.kind()).under_way {
                    unsettled.begun.extend(begun(key, &kept.entity(EntityKind::Reservation)));
                }
            }
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
        Some(wish) => {
            let (known, wanted) = (claim.reservation_version(), wish.reservation_version());
            // At an equal version a release wins.
            let is_overdue = known < wanted || (known == wanted && wish.is_release());
            is_overdue.then_some(wish)
        }
    }
}

fn begun(entity: EntityKey, kept: &AnyEntity) -> Option<Begun> {
    let AnyEntity::Reservation(reservation) = kept else { return None };
    let change = reservation.state.change()?;
    let command = reservation::Command::Change(change.lines.clone());
    Some(Begun { entity, command: Command::Reservation(command), request: change.request })
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
