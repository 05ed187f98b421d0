//! The claims that stand on one resource.
//!
//! Most resources have a few, and there are many such resources: those stand in a row. One with a
//! million claims is captured for a snapshot without copying them: those are a persistent tree,
//! whose smallest piece alone would take two kilobytes.
//!
//! Which of the two it is shows nowhere else: they are equal, and stored alike, where they hold the same.

use std::ops::Bound;

use imbl::OrdMap;

use super::claim::Claim;
use super::ids::ReservationId;

/// More than so many are a tree.
const FEW_MAX: usize = 64;

/// So few are put in a row again: far from the other bound, so that a resource that stays near
/// it isn't changed over each time.
const FEW_AGAIN: usize = 16;

/// Claims, in the order of their reservations' ids.
#[derive(Debug, Clone)]
pub enum Claims {
    /// In a row.
    Few(Vec<Claim>),
    /// In a tree.
    Many(OrdMap<ReservationId, Claim>),
}

impl Default for Claims {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Claims {
    /// A reservation's claim.
    pub fn get(&self, reservation: ReservationId) -> Option<&Claim> {
        match self {
            Self::Few(row) => row.get(place(row, reservation).ok()?),
            Self::Many(tree) => tree.get(&reservation),
        }
    }

    /// Puts in a claim; gives back the one in whose place it is.
    pub fn insert(&mut self, claim: Claim) -> Option<Claim> {
        match self {
            Self::Many(tree) => tree.insert(claim.reservation, claim),
            Self::Few(row) => match place(row, claim.reservation) {
                Ok(index) => Some(std::mem::replace(&mut row[index], claim)),
                Err(index) => {
                    row.insert(index, claim);
                    if row.len() > FEW_MAX {
                        *self = Self::Many(by_reservation(row));
                    }
                    None
                }
            },
        }
    }

    /// Takes out a reservation's claim.
    pub fn remove(&mut self, reservation: ReservationId) -> Option<Claim> {
        match self {
            Self::Few(row) => place(row, reservation).ok().map(|index| row.remove(index)),
            Self::Many(tree) => {
                let claim = tree.remove(&reservation);
                if tree.len() <= FEW_AGAIN {
                    *self = Self::Few(tree.values().copied().collect());
                }
                claim
            }
        }
    }

    /// Those after one reservation's, at most `count`.
    pub fn after(&self, after: Option<ReservationId>, count: usize) -> Vec<Claim> {
        match self {
            Self::Few(row) => {
                let from = after
                    .map_or(0, |after| row.partition_point(|claim| claim.reservation <= after));
                row[from..].iter().take(count).copied().collect()
            }
            Self::Many(tree) => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                let rest = tree.range((from, Bound::Unbounded));
                rest.take(count).map(|(_, claim)| *claim).collect()
            }
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Claim> {
        let (row, tree) = match self {
            Self::Few(row) => (Some(row), None),
            Self::Many(tree) => (None, Some(tree)),
        };
        row.into_iter().flatten().chain(tree.into_iter().flat_map(OrdMap::values))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Few(row) => row.len(),
            Self::Many(tree) => tree.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn place(row: &[Claim], reservation: ReservationId) -> Result<usize, usize> {
    row.binary_search_by_key(&reservation, |claim| claim.reservation)
}

fn by_reservation(claims: &[Claim]) -> OrdMap<ReservationId, Claim> {
    claims.iter().map(|claim| (claim.reservation, *claim)).collect()
}

impl PartialEq for Claims {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::Version;

    fn claim(n: u8, held: u64) -> Claim {
        let reservation = ReservationId(Uuid::from_u128(u128::from(n)));
        Claim { held, ..Claim::release(reservation, Version(1)) }
    }

    proptest! {
        #[test]
        fn claims_are_what_a_plain_map_of_them_is(
            changes in prop::collection::vec((any::<u8>(), 0u64..4), 0..600),
            after in any::<u8>(),
        ) {
            let (mut claims, mut map) = (Claims::default(), BTreeMap::new());
            for (n, held) in changes {
                let claim = claim(n, held);
                let id = claim.reservation;
                if held == 0 {
                    prop_assert_eq!(claims.remove(id), map.remove(&id));
                } else {
                    prop_assert_eq!(claims.insert(claim), map.insert(id, claim));
                }
                prop_assert_eq!(claims.get(id), map.get(&id));
                prop_assert_eq!(claims.len(), map.len());
            }
            prop_assert!(claims.iter().eq(map.values()));
            prop_assert!(map.len() <= FEW_MAX || matches!(claims, Claims::Many(_)));
            let after = claim(after, 0).reservation;
            let rest = map.range((Bound::Excluded(after), Bound::Unbounded));
            prop_assert!(claims.after(Some(after), 9).iter().eq(rest.take(9).map(|(_, claim)| claim)));
        }
    }
}
