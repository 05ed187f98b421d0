//! What the lines of a reservation want of each resource.
//!
//! Lines on one resource are one claim: on stock, so many units; in a calendar, so many for each
//! line's time, and where those meet they add up.
//!
//! Not here: the order in which resources are asked, which is that of their keys.

use std::collections::BTreeMap;

use super::super::calendar::{self, ClaimLine, Span};
use super::super::claim::{Claim, Wish};
use super::super::ids::{ReservationId, ResourceKey, Version};
use super::super::time::Timestamp;
use super::super::wanted::Wanted;
use super::Line;

/// What is wanted of one resource.
#[derive(Debug)]
pub(super) enum Asked {
    /// Units of stock.
    Units(u64),
    /// Time in a calendar: every line's units, as if they were held.
    Time(Vec<ClaimLine>),
}

/// What is wanted of each resource; nothing where a sum is larger than can be counted.
pub(super) fn asked(lines: &[Line]) -> Option<BTreeMap<ResourceKey, Asked>> {
    let mut all = BTreeMap::new();
    for line in lines {
        let resource = line.wanted.resource();
        let nothing = Asked::nothing_of(&resource);
        all.entry(resource).or_insert(nothing).add(line)?;
    }
    Some(all)
}

impl Asked {
    pub(super) fn nothing_of(resource: &ResourceKey) -> Self {
        match resource {
            ResourceKey::Stock(_) => Self::Units(0),
            ResourceKey::Calendar(_) => Self::Time(Vec::new()),
        }
    }

    /// One line more, which is for the same resource; nothing where that is more than can be
    /// counted.
    pub(super) fn add(&mut self, line: &Line) -> Option<()> {
        match (self, &line.wanted) {
            (Self::Units(sum), Wanted::Stock(_)) => *sum = sum.checked_add(line.quantity)?,
            (Self::Time(lines), Wanted::Time { span, .. }) if line.quantity > 0 => {
                let (id, span, held) = (line.id.clone(), *span, line.quantity);
                lines.push(ClaimLine { id, span, held, committed: 0 });
            }
            (Self::Units(_) | Self::Time(_), _) => {}
        }
        Some(())
    }

    /// Whether nothing is wanted. Of that there is always enough, and a claim of it would be a
    /// release.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Units(sum) => *sum == 0,
            Self::Time(lines) => lines.is_empty(),
        }
    }

    /// Whether it is more than another of the same resource. Of a calendar that is so wherever it
    /// has more of a span: whether a span that is new takes more is the calendar's to say.
    pub(super) fn exceeds(&self, old: &Self) -> bool {
        match (self, old) {
            (Self::Units(new), Self::Units(old)) => new > old,
            (Self::Time(new), Self::Time(old)) => {
                let old = by_span(old);
                let had = |span| old.get(span).copied().unwrap_or_default();
                by_span(new).iter().any(|(span, units)| *units > had(span))
            }
            (Self::Units(_), Self::Time(_)) | (Self::Time(_), Self::Units(_)) => true,
        }
    }

    /// It is to be held, and with it all of what it may become.
    pub(super) fn held_with(
        &self,
        new: &Self,
        deadline: Option<Timestamp>,
        id: ReservationId,
        version: Version,
    ) -> Wish {
        match (self, new) {
            (Self::Units(old), Self::Units(new)) => {
                Self::Units(*old.max(new)).held(deadline, id, version)
            }
            (Self::Time(old), Self::Time(new)) => {
                let [lines, change] = [old, new].map(|lines| lines.iter().cloned().collect());
                let release = calendar::Claim::release(id, version);
                Wish::Calendar(calendar::Claim { deadline, lines, change: Some(change), ..release })
            }
            (Self::Units(_), Self::Time(_)) | (Self::Time(_), Self::Units(_)) => {
                new.held(deadline, id, version)
            }
        }
    }

    /// It is to be held.
    pub(super) fn held(
        &self,
        deadline: Option<Timestamp>,
        id: ReservationId,
        version: Version,
    ) -> Wish {
        if self.is_nothing() {
            return self.released(id, version);
        }
        match self {
            Self::Units(held) => {
                Wish::Stock(Claim { held: *held, deadline, ..Claim::release(id, version) })
            }
            Self::Time(lines) => {
                let lines = lines.iter().cloned().collect();
                Wish::Calendar(calendar::Claim {
                    deadline,
                    lines,
                    ..calendar::Claim::release(id, version)
                })
            }
        }
    }

    /// It was used up.
    pub(super) fn committed(&self, id: ReservationId, version: Version) -> Wish {
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

    /// Nothing of it is wanted any more.
    pub(super) fn released(&self, id: ReservationId, version: Version) -> Wish {
        match self {
            Self::Units(_) => Wish::Stock(Claim::release(id, version)),
            Self::Time(_) => Wish::Calendar(calendar::Claim::release(id, version)),
        }
    }
}

fn by_span(lines: &[ClaimLine]) -> BTreeMap<Span, u64> {
    let mut units = BTreeMap::<Span, u64>::new();
    for line in lines {
        let sum = units.entry(line.span).or_default();
        *sum = sum.saturating_add(line.held);
    }
    units
}
