//! What the lines of a reservation come to: of each resource one portion, in the order of the
//! resources' keys, which is that in which they are asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast::domain::calendar::{self, ClaimLine, Span};
use holdfast::domain::claim::{Claim, Wish};
use holdfast::domain::ids::*;
use holdfast::domain::reservation::Line;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;

/// Units of a line that fare alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// For when; none of stock.
    pub span: Option<Span>,
    pub units: u64,
    pub is_used: bool,
}

/// What is wanted of one resource.
#[derive(Debug, Clone)]
pub enum Portion {
    /// So many units.
    Units { held: u64, used: u64 },
    /// Time.
    Time(Vec<ClaimLine>),
}

/// What is wanted of each resource where nothing is used yet; nothing where a sum is more than can be
/// counted.
pub fn portions(lines: &[Line]) -> Option<BTreeMap<ResourceKey, Portion>> {
    portions_in_pieces(lines.iter().map(|line| {
        let span = span_of(line);
        (line, vec![Piece { span, units: line.quantity, is_used: false }])
    }))
}

/// When a line is; none of stock.
pub fn span_of(line: &Line) -> Option<Span> {
    match line.wanted {
        Wanted::Stock(_) => None,
        Wanted::Time { span, .. } => Some(span),
    }
}

/// What is wanted of each resource, by the pieces of each line.
pub fn portions_in_pieces<'a>(
    lines: impl Iterator<Item = (&'a Line, Vec<Piece>)>,
) -> Option<BTreeMap<ResourceKey, Portion>> {
    let mut all = BTreeMap::new();
    for (line, pieces) in lines {
        let portion = all.entry(line.wanted.resource()).or_insert_with(|| match line.wanted {
            Wanted::Stock(_) => Portion::Units { held: 0, used: 0 },
            Wanted::Time { .. } => Portion::Time(Vec::new()),
        });
        pieces.into_iter().try_for_each(|piece| portion.add(line, piece))?;
    }
    Some(all)
}

impl Portion {
    /// A piece more; nothing where that is more than can be counted.
    fn add(&mut self, line: &Line, Piece { span, units, is_used }: Piece) -> Option<()> {
        match (self, span) {
            (Self::Units { used, .. }, _) if is_used => *used = used.checked_add(units)?,
            (Self::Units { held, .. }, _) => *held = held.checked_add(units)?,
            (Self::Time(lines), Some(span)) => {
                let (held, committed) = if is_used { (0, units) } else { (units, 0) };
                lines.push(ClaimLine { id: line.id.clone(), span, held, committed });
            }
            (Self::Time(_), None) => unreachable!("stock is no time"),
        }
        Some(())
    }

    /// The wish for all of it; what isn't used is held until the deadline.
    pub fn wish(&self, id: ReservationId, version: Version, deadline: Option<Timestamp>) -> Wish {
        match self {
            Self::Units { held, used } => {
                let (held, committed) = (*held, *used);
                Wish::Stock(Claim { held, deadline, committed, ..Claim::release(id, version) })
            }
            Self::Time(lines) => {
                let lines: Arc<[_]> = lines.clone().into();
                let nothing = calendar::Claim::release(id, version);
                Wish::Calendar(calendar::Claim { deadline, lines, ..nothing })
            }
        }
    }
}
