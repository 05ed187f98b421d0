//! What can be had, for whoever looks.
//!
//! Answered from the rules and claims that decide a claim, so the two can't disagree: what is told to
//! be available for a night, or for every moment of a slot and its turnover, can be claimed, where
//! the rules for making a claim allow it.

use std::ops::ControlFlow;

use super::State;
use super::book::Start;
use super::offer::{Closure, Stretch};
use super::span::{Kind, Span};
use crate::domain::time::Timestamp;

/// What there is at moments at which it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Available {
    /// The first moment.
    pub from: i64,
    /// The moment after the last.
    pub to: i64,
    /// Units.
    pub capacity: u32,
    /// Units that may be claimed beyond those.
    pub overbooking: u32,
    /// Units that are claimed.
    pub claimed: u32,
    /// Units that may still be claimed.
    pub available: u32,
    /// Why nothing can be had, where nothing can.
    pub closure: Option<Closure>,
}

impl Available {
    fn new(stretch: &Stretch, (from, to): (i64, i64), claimed: u32) -> Self {
        let Stretch { capacity, overbooking, closure, .. } = *stretch;
        let left = stretch.limit().saturating_sub(claimed);
        let available = if closure.is_some() { 0 } else { left };
        Self { from, to, capacity, overbooking, claimed, available, closure }
    }

    fn joins(&self, other: &Self) -> bool {
        let moved = Self { from: other.from, to: other.to, ..*self };
        self.to == other.from && moved == *other
    }
}

/// Where a piece of a claim stands among all: when it begins, whose it is, and which it is of those of
/// its claim that begin then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When it begins, and whose it is.
    pub start: Start,
    /// How many that begin then come before it.
    pub nth: u32,
}

/// A piece of a claim, as a reader is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPiece {
    /// Where it stands, and so whose it is.
    pub place: Place,
    /// When it is.
    pub span: Span,
    /// Units.
    pub units: u32,
    /// Whether they are used up.
    pub is_committed: bool,
    /// Until when they are held, if there is such a time.
    pub deadline: Option<Timestamp>,
}

impl State {
    /// What there is between two moments, without a gap, in at most `count` pieces: for slots,
    /// neighbours that are equal are one; for nights, each is told.
    pub(super) fn available(&self, from: i64, to: i64, count: usize) -> Vec<Available> {
        let mut found: Vec<Available> = Vec::new();
        let kind = self.rules.kind();
        self.rules.stretches(from, to, &mut |stretch| {
            for level in self.book.levels(stretch.from, stretch.to) {
                let mut pieces = pieces(kind, level.from, level.to);
                let is_full = pieces.any(|piece| {
                    let piece = Available::new(&stretch, piece, level.units);
                    if kind == Kind::Slots
                        && let Some(last) = found.last_mut().filter(|last| last.joins(&piece))
                    {
                        last.to = piece.to;
                        return false;
                    }
                    if found.len() == count {
                        return true;
                    }
                    found.push(piece);
                    false
                });
                if is_full {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        found
    }

    /// The pieces of claims that have some of their time between two moments, in the order of their
    /// places, from `begin` on; at most `count`.
    pub(super) fn claims_between(
        &self,
        (from, to): (i64, i64),
        begin: Option<Place>,
        count: usize,
    ) -> Vec<ClaimPiece> {
        let kind = self.rules.kind();
        let begun = self.book.by_start(from, begin.map(|begin| begin.start));
        let pieces = begun.take_while(|((at, _), _)| *at < to).flat_map(|(start, entry)| {
            let together = (0..).zip(entry.beginning_at(start.0));
            together.filter(|(_, share)| share.to > from).map(move |(nth, share)| ClaimPiece {
                place: Place { start, nth },
                span: kind.span(share.from, share.to),
                units: share.units(),
                is_committed: share.is_committed(),
                deadline: entry.deadline().filter(|_| !share.is_committed()),
            })
        });
        pieces
            .skip_while(|piece| begin.is_some_and(|begin| piece.place < begin))
            .take(count)
            .collect()
    }
}

/// A range of slots as a whole, of nights one by one.
fn pieces(kind: Kind, from: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
    let nights = if kind == Kind::Nights { from..to } else { 0..0 };
    let whole = (kind == Kind::Slots).then_some((from, to));
    nights.map(|night| (night, night + 1)).chain(whole)
}
