//! What the lines of a reservation come to: of each resource one portion, in the order of the
//! resources' keys, which is that in which they are asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast::domain::calendar::{self, ClaimLine};
use holdfast::domain::claim::{Claim, Wish};
use holdfast::domain::ids::*;
use holdfast::domain::reservation::Line;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;

/// What is wanted of one resource.
#[derive(Debug, Clone)]
pub enum Portion {
    /// So many units.
    Units(u64),
    /// Time, as if all of it were held.
    Time(Vec<ClaimLine>),
}

/// What is wanted of each resource; nothing where a sum is more than can be counted.
pub fn portions(lines: &[Line]) -> Option<BTreeMap<ResourceKey, Portion>> {
    let mut all = BTreeMap::new();
    for Line { id, wanted, quantity } in lines {
        let portion = all.entry(wanted.resource());
        match wanted {
            Wanted::Stock(_) => match portion.or_insert(Portion::Units(0)) {
                Portion::Units(sum) => *sum = sum.checked_add(*quantity)?,
                Portion::Time(_) => unreachable!("stock is no time"),
            },
            Wanted::Time { span, .. } => match portion.or_insert(Portion::Time(Vec::new())) {
                Portion::Time(lines) => {
                    let (id, span, held) = (id.clone(), *span, *quantity);
                    lines.push(ClaimLine { id, span, held, committed: 0 });
                }
                Portion::Units(_) => unreachable!("time is no stock"),
            },
        }
    }
    Some(all)
}

impl Portion {
    /// The wish that all of it is held.
    pub fn held(&self, id: ReservationId, version: Version, deadline: Option<Timestamp>) -> Wish {
        match self {
            Self::Units(held) => {
                Wish::Stock(Claim { held: *held, deadline, ..Claim::release(id, version) })
            }
            Self::Time(lines) => {
                let lines: Arc<[_]> = lines.clone().into();
                let nothing = calendar::Claim::release(id, version);
                Wish::Calendar(calendar::Claim { deadline, lines, ..nothing })
            }
        }
    }

    /// The wish that all of it was used.
    pub fn used(&self, id: ReservationId, version: Version) -> Wish {
        match self {
            Self::Units(committed) => {
                Wish::Stock(Claim { committed: *committed, ..Claim::release(id, version) })
            }
            Self::Time(lines) => {
                let used =
                    |line: &ClaimLine| ClaimLine { held: 0, committed: line.held, ..line.clone() };
                let lines = lines.iter().map(used).collect();
                Wish::Calendar(calendar::Claim { lines, ..calendar::Claim::release(id, version) })
            }
        }
    }

    /// The wish that nothing of it is there any more.
    pub fn released(&self, id: ReservationId, version: Version) -> Wish {
        match self {
            Self::Units(_) => Wish::Stock(Claim::release(id, version)),
            Self::Time(_) => Wish::Calendar(calendar::Claim::release(id, version)),
        }
    }
}
