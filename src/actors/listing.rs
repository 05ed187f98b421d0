//! What a shard can list and count without asking its entities.
//!
//! Kept by what entities note of themselves: the open reservations by state and age, the stock
//! balances and calendars by name, and how many entities there are in each state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use foldhash::fast::FixedState;

use super::sorted_chunks::SortedChunks;
use crate::domain::entity::Summary;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, ReservationId, ResourceKey, StockKey};
use crate::domain::name::{CalendarId, TenantId};
use crate::domain::reservation;
use crate::domain::time::Timestamp;

/// Entities of one kind in one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// In memory altogether.
    pub total: u64,
    /// With an actor.
    pub active: u64,
}

/// Where an open reservation stands in a list: by age, then by id.
pub type Age = (Timestamp, ReservationId);

/// Which reservations are listed.
#[derive(Debug, Clone)]
pub struct ReservationQuery {
    /// In one of these states.
    pub states: Vec<reservation::State>,
    /// Created then or later.
    pub created_from: Option<Timestamp>,
    /// Created before then.
    pub created_before: Option<Timestamp>,
    /// After this one.
    pub after: Option<Age>,
    /// So many at the most.
    pub count: usize,
}

/// A tenant's open reservations in one state.
type ListKey = (TenantId, &'static str);
type ByState<List> = HashMap<ListKey, List, FixedState>;

/// One shard's lists and counts.
#[derive(Debug, Default)]
pub struct Listing {
    stock: BTreeMap<TenantId, BTreeSet<StockKey>>,
    calendars: BTreeMap<TenantId, BTreeSet<CalendarId>>,
    reservations: ByState<SortedChunks<Age>>,
    counts: BTreeMap<(EntityKind, &'static str), Count>,
}

/// Reservations that come into memory with many others, to be listed in the end.
#[derive(Debug, Default)]
pub struct Newcomers {
    reservations: ByState<Vec<Age>>,
}

impl Listing {
    fn enter(&mut self, key: &EntityKey, summary: &Summary) {
        if let Some((list, age)) = self.count_in(key, summary) {
            self.reservations.entry(list).or_default().insert(age);
        }
    }

    /// An entity, which is passive, has come into memory with many others.
    pub fn enter_among(&mut self, newcomers: &mut Newcomers, key: &EntityKey, summary: &Summary) {
        if let Some((list, age)) = self.count_in(key, summary) {
            newcomers.reservations.entry(list).or_default().push(age);
        }
    }

    /// Lists those that have come into memory.
    pub fn list_all(&mut self, newcomers: Newcomers) {
        for (list, ages) in newcomers.reservations {
            self.reservations.entry(list).or_default().extend(ages);
        }
    }

    /// An entity, which is passive, has left memory.
    pub fn leave(&mut self, key: &EntityKey, summary: &Summary) {
        self.count(key, summary).total -= 1;
        self.unlist(key, summary);
    }

    /// An entity has become active.
    pub fn wake(&mut self, key: &EntityKey, summary: &Summary) {
        self.count(key, summary).active += 1;
    }

    /// An entity has become passive.
    pub fn rest(&mut self, key: &EntityKey, summary: &Summary) {
        self.count(key, summary).active -= 1;
    }

    /// An active entity has changed.
    pub fn change(&mut self, key: &EntityKey, before: Option<&Summary>, after: &Summary) {
        if let Some(before) = before {
            self.rest(key, before);
            self.leave(key, before);
        }
        self.enter(key, after);
        self.wake(key, after);
    }

    /// How many entities there are, by kind and state.
    pub fn counts(&self) -> impl Iterator<Item = (EntityKind, &'static str, Count)> {
        self.counts.iter().map(|((kind, state), count)| (*kind, *state, *count))
    }

    /// How many entities are in memory.
    pub fn total(&self) -> u64 {
        self.counts.values().map(|count| count.total).sum()
    }

    /// The tenant's stock balances after one, in their order, at most `count`.
    pub fn stock(
        &self,
        tenant: &TenantId,
        after: Option<&StockKey>,
        count: usize,
    ) -> Vec<StockKey> {
        self.stock.get(tenant).map_or_else(Vec::new, |keys| page(keys, after, count))
    }

    /// The tenant's calendars after one, in their order, at most `count`.
    pub fn calendars(
        &self,
        tenant: &TenantId,
        after: Option<&CalendarId>,
        count: usize,
    ) -> Vec<CalendarId> {
        self.calendars.get(tenant).map_or_else(Vec::new, |ids| page(ids, after, count))
    }

    /// The tenant's open reservations that the query asks for, oldest first.
    pub fn reservations(&self, tenant: &TenantId, query: &ReservationQuery) -> Vec<Age> {
        let first = (query.created_from.unwrap_or_default(), ReservationId(uuid::Uuid::nil()));
        let from = match query.after {
            Some(after) if after >= first => Bound::Excluded(after),
            _ => Bound::Included(first),
        };
        let before = query.created_before.unwrap_or(Timestamp(u64::MAX));
        let mut found = Vec::new();
        for state in &query.states {
            let Some(ages) = self.reservations.get(&(tenant.clone(), state.name())) else {
                continue;
            };
            let in_range = ages.from(from);
            found.extend(in_range.take_while(|(created, _)| *created < before).take(query.count));
        }
        found.sort_unstable();
        found.truncate(query.count);
        found
    }

    fn count(&mut self, key: &EntityKey, summary: &Summary) -> &mut Count {
        self.counts.entry((key.kind(), summary.state)).or_default()
    }

    /// Counts an entity, and lists it by name where it has one; tells in which list of open reservations
    /// it stands, and where.
    fn count_in(&mut self, key: &EntityKey, summary: &Summary) -> Option<(ListKey, Age)> {
        self.count(key, summary).total += 1;
        match &key.id {
            EntityId::Resource(ResourceKey::Stock(stock)) => {
                self.stock.entry(key.tenant.clone()).or_default().insert(stock.clone());
                None
            }
            EntityId::Resource(ResourceKey::Calendar(id)) => {
                self.calendars.entry(key.tenant.clone()).or_default().insert(id.clone());
                None
            }
            EntityId::Reservation(id) if !summary.finished => {
                Some(((key.tenant.clone(), summary.state), (summary.created, *id)))
            }
            EntityId::Reservation(_) | EntityId::SalesOrder(_) => None,
        }
    }

    fn unlist(&mut self, key: &EntityKey, summary: &Summary) {
        if let EntityId::Reservation(id) = &key.id
            && let Some(ages) = self.reservations.get_mut(&(key.tenant.clone(), summary.state))
        {
            ages.remove(&(summary.created, *id));
        }
    }
}

fn page<K: Ord + Clone>(keys: &BTreeSet<K>, after: Option<&K>, count: usize) -> Vec<K> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    keys.range((from, Bound::Unbounded)).take(count).cloned().collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::reservation::State;

    fn summary(state: State, created: u64) -> Summary {
        Summary {
            state: state.name(),
            deadline: None,
            finished: state.is_finished(),
            under_way: false,
            created: Timestamp(created),
        }
    }

    fn id(n: u128) -> ReservationId {
        ReservationId(Uuid::from_u128(n))
    }

    fn query(after: Option<Age>, count: usize) -> ReservationQuery {
        let states = vec![State::Held, State::Confirmed];
        ReservationQuery { states, created_from: None, created_before: None, after, count }
    }

    #[test]
    fn open_reservations_are_listed_by_age_and_finished_ones_not() {
        let tenant = TenantId::default_tenant();
        let mut listing = Listing::default();
        for (n, created) in [(1, 30), (2, 10), (3, 20), (4, 20)] {
            let key = EntityKey::reservation(&tenant, id(n));
            listing.change(&key, None, &summary(State::Held, created));
        }
        let key = EntityKey::reservation(&tenant, id(3));
        listing.change(&key, Some(&summary(State::Held, 20)), &summary(State::Confirmed, 20));
        let key = EntityKey::reservation(&tenant, id(1));
        listing.change(&key, Some(&summary(State::Held, 30)), &summary(State::Committed, 30));

        let page = listing.reservations(&tenant, &query(None, 2));
        assert_eq!(page, [(Timestamp(10), id(2)), (Timestamp(20), id(3))]);
        let rest = listing.reservations(&tenant, &query(Some(page[1]), 2));
        assert_eq!(rest, [(Timestamp(20), id(4))]);
        let other = TenantId::new("other").unwrap();
        assert_eq!(listing.reservations(&other, &query(None, 9)), []);
    }

    #[test]
    fn what_is_counted_follows_each_change() {
        let tenant = TenantId::default_tenant();
        let key = EntityKey::reservation(&tenant, id(1));
        let (held, done) = (summary(State::Held, 1), summary(State::Committed, 1));
        let mut listing = Listing::default();
        listing.change(&key, None, &held);
        listing.rest(&key, &held);
        listing.wake(&key, &held);
        listing.change(&key, Some(&held), &done);
        listing.rest(&key, &done);
        let counts: Vec<_> = listing.counts().map(|(_, state, count)| (state, count)).collect();
        let expected =
            [("COMMITTED", Count { total: 1, active: 0 }), ("HELD", Count { total: 0, active: 0 })];
        assert_eq!(counts, expected);
        listing.leave(&key, &done);
        assert_eq!(listing.total(), 0);
    }
}
