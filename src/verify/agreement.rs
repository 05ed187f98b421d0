//! What must hold between entities when the log has ended.
//!
//! ```text
//!   reservation          its claim on each resource      used up there
//!   HELD                 all that its lines want         nothing
//!   CONFIRMED            what is left of that            what was used so far
//!   COMMITTED            none                            all, or what was used of it
//!   CANCELLED            none                            what was used before
//!   EXPIRED              none                            nothing
//!   (doesn't exist)      any                             nothing
//!   a change under way   that of the old lines, or of    nothing
//!                        old and new at its version
//! ```
//!
//! A log may end before a resource heard of its reservation's last wish: then the claim is of an
//! older version, and what it holds and what is used are all that the lines wanted then. And before a
//! creation came to its end: then there is a claim and no reservation. Recovery settles both, so
//! neither is a problem.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Problems;
use super::ledger::Ledger;
use super::past::{Had, Past};
use super::timetable::{Stands, Timetable};
use crate::domain::calendar::{self, Calendar, ClaimLine, Span};
use crate::domain::claim::{Claim, Wish};
use crate::domain::entity::{Aggregate, Entity};
use crate::domain::ids::{EntityId, EntityKey, ReservationId, ResourceKey, SalesOrderId};
use crate::domain::name::LineId;
use crate::domain::reservation::{self, Line};
use crate::domain::sales_order::{self, SalesOrder};
use crate::domain::stock_balance::StockBalance;
use crate::domain::wanted::Wanted;
use crate::recovery::{AnyEntity, World};

/// What was counted from the events alone.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) timetable: &'a Timetable,
    pub(super) past: &'a Past,
}

/// Checks every entity.
pub(super) fn check(world: &World, counted: Counted<'_>, problems: &mut Problems) {
    let mut found = Vec::new();
    for (key, entity) in world.iter() {
        match entity.as_ref() {
            AnyEntity::StockBalance(balance) => {
                found.extend(check_balance(&key, balance, counted.ledger));
            }
            AnyEntity::Reservation(_) => found.extend(check_reservation(world, &key, counted)),
            AnyEntity::SalesOrder(order) => found.extend(check_order(world, &key, order)),
            AnyEntity::Calendar(calendar) => {
                found.extend(check_calendar(&key, &calendar.state, counted.timetable));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().for_each(|problem| problems.add(problem));
}

/// Units wanted of each stock balance.
pub(super) fn quantities(lines: &[Line]) -> BTreeMap<ResourceKey, u64> {
    let mut wanted = BTreeMap::<_, u64>::new();
    for line in lines.iter().filter(|line| matches!(line.wanted, Wanted::Stock(_))) {
        let sum = wanted.entry(line.wanted.resource()).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    wanted
}

/// The calendars of which time is wanted.
pub(super) fn calendars(lines: &[Line]) -> BTreeSet<ResourceKey> {
    let of_time = lines.iter().filter(|line| matches!(line.wanted, Wanted::Time { .. }));
    of_time.map(|line| line.wanted.resource()).collect()
}

/// Whether a claim holds all that the lines want of a calendar.
pub(super) fn is_all_of(stands: &Stands, lines: &[Line], resource: &ResourceKey) -> bool {
    stands.lines() == (wanted_of(lines, resource), None)
}

/// Whether a claim holds at least all that the lines want of a calendar, line by line or span by span.
pub(super) fn has_all_of(stands: &Stands, lines: &[Line], resource: &ResourceKey) -> bool {
    let wanted = wanted_of(lines, resource);
    let (held, change) = stands.lines();
    let sum = |lines: &[ClaimLine], span| {
        let same = lines.iter().filter(|line| line.span == span);
        same.fold(0, |sum: u64, line| sum.saturating_add(line.total()))
    };
    let is_held = |line: &ClaimLine| sum(&wanted, line.span) <= sum(&held, line.span);
    change.as_ref() == Some(&wanted) || wanted.iter().all(is_held)
}

/// Whether a claim is of just what the lines want of a calendar, each of their units being held or
/// used at each of its moments.
fn is_of_just(stands: &Stands, lines: &[Line], resource: &ResourceKey) -> bool {
    let mut turns = BTreeMap::<(&LineId, i64), i128>::new();
    let mut turn = |id, span: Span, units: i128| {
        *turns.entry((id, span.from())).or_default() += units;
        *turns.entry((id, span.to())).or_default() -= units;
    };
    let (wanted, (claimed, change)) = (wanted_of(lines, resource), stands.lines());
    for ClaimLine { id, span, held, .. } in &wanted {
        turn(id, *span, i128::from(*held));
    }
    for ClaimLine { id, span, held, committed } in &claimed {
        turn(id, *span, -(i128::from(*held) + i128::from(*committed)));
    }
    change.is_none() && turns.into_values().all(|units| units == 0)
}

/// What lines want of a calendar.
fn wanted_of(lines: &[Line], resource: &ResourceKey) -> Vec<ClaimLine> {
    let wanted = lines.iter().filter(|line| line.wanted.is_of(resource) && line.quantity > 0);
    let wanted = wanted.filter_map(|line| match line.wanted {
        Wanted::Time { span, .. } => {
            Some(ClaimLine { id: line.id.clone(), span, held: line.quantity, committed: 0 })
        }
        Wanted::Stock(_) => None,
    });
    wanted.collect()
}

/// Units that lines want of a stock balance.
fn units_of(lines: &[Line], resource: &ResourceKey) -> u64 {
    let wanted = lines.iter().filter(|line| line.wanted.is_of(resource));
    wanted.fold(0, |sum: u64, line| sum.saturating_add(line.quantity))
}

/// A reservation that exists.
pub(super) fn reservation(
    world: &World,
    key: &EntityKey,
) -> Option<(ReservationId, Arc<reservation::Details>)> {
    let EntityId::Reservation(id) = key.id else { return None };
    let entity = world.get(key)?;
    let AnyEntity::Reservation(entity) = entity.as_ref() else { return None };
    Some((id, entity.state.details()?.clone()))
}

fn check_balance(
    key: &EntityKey,
    balance: &Entity<StockBalance>,
    ledger: &Ledger,
) -> Option<String> {
    let claims = balance.state.claims();
    let (held, count) = claims.fold((0u64, 0), |(held, count), claim| {
        let is_counted = ledger.claim(key, claim.reservation) == Some(claim);
        (held.saturating_add(claim.held), count + usize::from(is_counted))
    });
    let figures = balance.state.figures();
    let agrees = held == figures.held && (held, count) == ledger.sum(key);
    (!agrees).then(|| format!("{key} holds {}, and its claims are {held}", figures.held))
}

fn check_reservation(world: &World, key: &EntityKey, counted: Counted<'_>) -> Vec<String> {
    let Some((id, details)) = reservation(world, key) else { return Vec::new() };
    let (ledger, past) = (counted.ledger, counted.past);
    let mut found = Vec::new();
    let lines = past.lines(key, &details);
    for resource in calendars(&lines) {
        let at = EntityKey::resource(&key.tenant, resource.clone());
        let standing = counted.timetable.claim(&at, id);
        let Wish::Calendar(wish) = details.claim_on(&resource, id) else { continue };
        let had =
            standing.map(|stands| past.at(key, &details, stands.standing.reservation_version));
        if !agrees_on_time(&wish, had.as_ref(), &resource, standing) {
            let state = details.state.name();
            found.push(format!("{key} is {state}, and {resource} has another claim for it"));
        }
    }
    for resource in quantities(&lines).into_keys() {
        let at = EntityKey::resource(&key.tenant, resource.clone());
        let (claim, used) = (ledger.claim(&at, id), ledger.committed(&at, id));
        let Wish::Stock(wish) = details.claim_on(&resource, id) else { continue };
        let had = claim.map(|claim| past.at(key, &details, claim.reservation_version));
        if !agrees(&wish, had.as_ref(), &resource, (claim, used)) {
            let held = claim.map_or(0, |claim| claim.held);
            let (state, quantity) = (details.state.name(), units_of(&details.lines, &resource));
            found.push(format!(
                "{key} is {state} with {quantity} of {resource}, which holds {held} for it and \
                 has given it {used}"
            ));
        }
    }
    found
}

/// Whether what stands at a resource is what its reservation wants, or will be when it is told. The
/// reservation is shown as it was at the claim's version.
fn agrees(
    wish: &Claim,
    had: Option<&Had>,
    resource: &ResourceKey,
    (standing, used): (Option<&Claim>, u64),
) -> bool {
    let (Some(claim), Some(had)) = (standing, had) else {
        return wish.held == 0 && used == wish.committed;
    };
    let version = claim.reservation_version;
    if version == wish.reservation_version {
        return claim.held == wish.held
            && claim.deadline == wish.deadline
            && used == wish.committed;
    }
    // As long as a claim stands, all that the lines want is held or used.
    let units = units_of(&had.lines, resource);
    match had.change_at(version) {
        Some(change) => used == 0 && claim.held == units.max(units_of(change, resource)),
        None => {
            version < wish.reservation_version
                && used <= wish.committed
                && claim.held.checked_add(used) == Some(units)
        }
    }
}

/// The same of a calendar.
fn agrees_on_time(
    wish: &calendar::Claim,
    had: Option<&Had>,
    resource: &ResourceKey,
    stands: Option<&Stands>,
) -> bool {
    let (Some(stands), Some(had)) = (stands, had) else { return wish.is_release() };
    let version = stands.standing.reservation_version;
    if version == wish.reservation_version {
        return stands.standing.deadline == wish.deadline
            && stands.lines() == (wish.lines.to_vec(), None);
    }
    match had.change_at(version) {
        Some(change) => {
            let lines = [&had.lines, change].map(|lines| wanted_of(lines, resource));
            let [lines, change] = lines;
            stands.lines() == (lines, Some(change))
        }
        None => version < wish.reservation_version && is_of_just(stands, &had.lines, resource),
    }
}

fn check_calendar(key: &EntityKey, calendar: &Calendar, timetable: &Timetable) -> Option<String> {
    let claims = calendar.claims_after(None, usize::MAX);
    let is_counted = |claim: &Wish| {
        let standing = timetable.claim(key, claim.reservation());
        standing.is_some_and(|stands| {
            stands.standing.reservation_version == claim.reservation_version()
        })
    };
    let foreign = claims.iter().find(|claim| !is_counted(claim));
    foreign
        .map(|claim| format!("{key} has a claim of {} that no event made", claim.reservation()))
        .or_else(|| timetable.disagreement(key, calendar))
}

fn check_order(world: &World, key: &EntityKey, order: &Entity<SalesOrder>) -> Option<String> {
    use reservation::State as Held;
    use sales_order::State as Order;
    let EntityId::SalesOrder(id) = key.id else { return None };
    let details = order.state.details()?;
    let state = state_of_own(world, key, id);
    let holds = match details.state {
        Order::Created => true,
        Order::Confirmed => state == Some(Held::Confirmed),
        Order::Delivered => matches!(state, Some(Held::Confirmed | Held::Committed)),
        Order::Completed => state == Some(Held::Committed),
        Order::Rejected => state.is_none(),
        Order::Cancelled if !details.is_released => state != Some(Held::Committed),
        Order::Cancelled => matches!(state, None | Some(Held::Cancelled)),
    };
    (!holds).then(|| {
        let (order, own) = (details.state.name(), state.map_or("missing", Held::name));
        format!("{key} is {order}, and its reservation is {own}")
    })
}

/// The state of the reservation that the order has made for itself.
fn state_of_own(world: &World, key: &EntityKey, id: SalesOrderId) -> Option<reservation::State> {
    let own = EntityKey::reservation(&key.tenant, id.reservation());
    let (_, details) = reservation(world, &own)?;
    (details.owner == Some(id)).then_some(details.state)
}
