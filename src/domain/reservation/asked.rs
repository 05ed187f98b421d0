//! What the lines of a reservation want of each resource.
//!
//! Lines on one resource are one claim: on stock, so many units; in a calendar, so many for each
//! line's time, and where those meet they add up. Of a line that is used in part, each piece is told.
//!
//! Not here: the order in which resources are asked, which is that of their keys.

use std::collections::BTreeMap;

use super::super::calendar::{self, ClaimLine, Span};
use super::super::claim::{Claim, Wish};
use super::super::ids::{ReservationId, ResourceKey, Version};
use super::super::time::Timestamp;
use super::Line;
use super::used::Piece;

/// What is wanted of one resource.
#[derive(Debug)]
pub(super) enum Asked {
    /// Units of stock.
    Units {
        /// To be held.
        held: u64,
        /// That were used.
        committed: u64,
    },
    /// Time in a calendar.
    Time(Vec<ClaimLine>),
}

/// What lines come to for each resource, of which nothing is used yet; nothing where a sum is larger
/// than can be counted.
pub(super) fn asked(lines: &[Line]) -> Option<BTreeMap<ResourceKey, Asked>> {
    asked_in_pieces(lines, |_, line| [Piece::untouched(line)])
}

/// What the pieces of lines come to for each resource, each line being counted.
pub(super) fn asked_in_pieces<'a, P: IntoIterator<Item = Piece>>(
    lines: &'a [Line],
    pieces: impl Fn(usize, &'a Line) -> P,
) -> Option<BTreeMap<ResourceKey, Asked>> {
    let mut all = BTreeMap::new();
    for (nth, line) in lines.iter().enumerate() {
        let resource = line.wanted.resource();
        let nothing = Asked::nothing_of(&resource);
        let asked = all.entry(resource).or_insert(nothing);
        pieces(nth, line).into_iter().try_for_each(|piece| asked.add(line, piece))?;
    }
    Some(all)
}

impl Asked {
    pub(super) fn nothing_of(resource: &ResourceKey) -> Self {
        match resource {
            ResourceKey::Stock(_) => Self::Units { held: 0, committed: 0 },
            ResourceKey::Calendar(_) => Self::Time(Vec::new()),
        }
    }

    /// A piece more, of a line for the same resource; nothing where that is more than can be counted.
    pub(super) fn add(&mut self, line: &Line, piece: Piece) -> Option<()> {
        let Piece { span, units, is_used } = piece;
        let (more_held, more_committed) = if is_used { (0, units) } else { (units, 0) };
        match (self, span) {
            (Self::Units { held, committed }, _) => {
                *held = held.checked_add(more_held)?;
                *committed = committed.checked_add(more_committed)?;
            }
            (Self::Time(lines), Some(span)) if units > 0 => {
                let (id, held, committed) = (line.id.clone(), more_held, more_committed);
                lines.push(ClaimLine { id, span, held, committed });
            }
            (Self::Time(_), _) => {}
        }
        Some(())
    }

    /// Whether nothing is wanted. Of that there is always enough, and a claim of it would be a
    /// release.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Units { held, committed } => *held == 0 && *committed == 0,
            Self::Time(lines) => lines.is_empty(),
        }
    }

    /// Whether it is more than another of the same resource. Of a calendar that is so wherever it
    /// has more of a span: whether a span that is new takes more is the calendar's to say.
    pub(super) fn exceeds(&self, old: &Self) -> bool {
        match (self, old) {
            (Self::Units { held: new, .. }, Self::Units { held: old, .. }) => new > old,
            (Self::Time(new), Self::Time(old)) => {
                let old = by_span(old);
                let had = |span| old.get(span).copied().unwrap_or_default();
                by_span(new).iter().any(|(span, units)| *units > had(span))
            }
            (Self::Units { .. }, Self::Time(_)) | (Self::Time(_), Self::Units { .. }) => true,
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
            (Self::Units { held: old, committed }, Self::Units { held: new, .. }) => {
                let all = Self::Units { held: *old.max(new), committed: *committed };
                all.wish(deadline, id, version)
            }
            (Self::Time(old), Self::Time(new)) => {
                let [lines, change] = [old, new].map(|lines| lines.iter().cloned().collect());
                let release = calendar::Claim::release(id, version);
                Wish::Calendar(calendar::Claim { deadline, lines, change: Some(change), ..release })
            }
            (Self::Units { .. }, Self::Time(_)) | (Self::Time(_), Self::Units { .. }) => {
                new.wish(deadline, id, version)
            }
        }
    }

    /// That much is wanted, what is to be held until the deadline.
    pub(super) fn wish(
        &self,
        deadline: Option<Timestamp>,
        id: ReservationId,
        version: Version,
    ) -> Wish {
        if self.is_nothing() {
            return self.released(id, version);
        }
        match self {
            Self::Units { held, committed } => {
                let (held, committed) = (*held, *committed);
                Wish::Stock(Claim { held, deadline, committed, ..Claim::release(id, version) })
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

    /// Nothing of it is wanted any more.
    pub(super) fn released(&self, id: ReservationId, version: Version) -> Wish {
        match self {
            Self::Units { .. } => Wish::Stock(Claim::release(id, version)),
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
