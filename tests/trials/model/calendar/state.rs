//! A calendar as one of its events left it.

use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::claim::Wish;
use holdfast::domain::ids::*;
use holdfast::domain::time::Timestamp;
use imbl::OrdMap;

use super::offer::Rules;

const DAY_MS: i64 = 86_400_000;

/// How many claims that are used up and past are only counted with each event.
const COUNTED_MAX: usize = 4;

/// Its rules, its claims, and how many units are claimed at each moment: also by those who have used
/// them and whose claims are no longer told apart.
#[derive(Clone)]
pub struct State {
    pub rules: Arc<Rules>,
    pub is_retired: bool,
    pub claims: OrdMap<ReservationId, Arc<Standing>>,
    pub taken: OrdMap<i64, u64>,
}

/// Units of a claim for some moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    pub from: i64,
    pub to: i64,
    /// The moment from which others can have the units.
    pub end: i64,
    pub units: u64,
    pub is_used: bool,
}

/// Whether another piece of a line follows one at its end, so that there is no turnover in between.
pub fn is_followed<'a>(line: &ClaimLine, mut lines: impl Iterator<Item = &'a ClaimLine>) -> bool {
    lines.any(|other| {
        other.id == line.id
            && other.span.from() == line.span.to()
            && other.held + other.committed > 0
    })
}

/// The pieces of a claim, in the order of time.
pub fn pieces(standing: &Standing, moment_size: i64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for Part { line, turnover_ms } in standing.parts.iter() {
        let [from, to] = [line.span.from(), line.span.to()].map(|at| at / moment_size);
        let turnover_ms = match is_followed(line, standing.parts.iter().map(|part| &part.line)) {
            true => 0,
            false => i64::from(*turnover_ms),
        };
        let end = to + turnover_ms / moment_size;
        for (units, is_used) in [(line.held, false), (line.committed, true)] {
            if units > 0 {
                pieces.push(Piece { from, to, end, units, is_used });
            }
        }
    }
    pieces.sort_unstable();
    pieces
}

/// The wish that a claim is what follows from.
pub fn wish(standing: &Standing) -> Wish {
    let Standing { reservation, reservation_version, deadline, ref parts } = *standing;
    let lines = parts.iter().map(|part| part.line.clone()).collect();
    Wish::Calendar(Claim { reservation, reservation_version, deadline, lines, change: None })
}

impl State {
    pub fn new(create: &Create) -> Self {
        let (claims, taken) = (OrdMap::new(), OrdMap::new());
        Self { rules: Arc::new(Rules::new(create)), is_retired: false, claims, taken }
    }

    pub fn pieces(&self, standing: &Standing) -> Vec<Piece> {
        pieces(standing, self.rules.moment_size())
    }

    pub fn taken(&self, moment: i64) -> u64 {
        self.taken.get(&moment).copied().unwrap_or_default()
    }

    /// Puts a claim in the place of the one that its reservation had.
    pub fn put(&mut self, standing: Arc<Standing>) {
        if let Some(before) = self.claims.remove(&standing.reservation) {
            for piece in self.pieces(&before) {
                self.count(piece, |taken| taken - piece.units);
            }
        }
        for piece in self.pieces(&standing) {
            self.count(piece, |taken| taken + piece.units);
        }
        if !standing.parts.is_empty() {
            self.claims.insert(standing.reservation, standing);
        }
    }

    fn count(&mut self, piece: Piece, count: impl Fn(u64) -> u64) {
        for moment in piece.from..piece.end {
            let taken = count(self.taken(moment));
            self.taken.insert(moment, taken);
        }
    }

    /// What is used up and past at the time of an event is only counted from then on.
    pub fn only_count(&mut self, now: Timestamp) {
        let mut past: Vec<_> = self
            .claims
            .values()
            .filter(|standing| self.pieces(standing).iter().all(|piece| piece.is_used))
            .map(|standing| (self.past_at(standing), standing.reservation))
            .filter(|(past_at, _)| *past_at <= now.0 as i64)
            .collect();
        past.sort_unstable();
        for (_, reservation) in past.into_iter().take(COUNTED_MAX) {
            self.claims.remove(&reservation);
        }
    }

    /// When a claim is past, wherever its calendar is.
    fn past_at(&self, standing: &Standing) -> i64 {
        let end = self.pieces(standing).iter().map(|piece| piece.end).max().unwrap_or_default();
        match self.rules.kind() {
            Kind::Slots => end * self.rules.moment_size(),
            Kind::Nights => (end + 1) * DAY_MS,
        }
    }

    /// The first piece of each claim that is in conflict: some of its time that isn't over is closed,
    /// or more is claimed then than may be. In the order of time.
    pub fn conflicts(&self, now: Timestamp) -> Vec<Conflict> {
        self.conflicts_under(&self.rules, now)
    }

    /// The claims that would come into conflict under other rules.
    pub fn new_conflicts(&self, after: &Rules, now: Timestamp) -> Vec<Conflict> {
        let before = self.conflicts(now);
        let is_new = |conflict: &Conflict| {
            !before.iter().any(|known| known.reservation == conflict.reservation)
        };
        self.conflicts_under(after, now).into_iter().filter(is_new).collect()
    }

    fn conflicts_under(&self, rules: &Rules, now: Timestamp) -> Vec<Conflict> {
        let over = match rules.kind() {
            Kind::Slots => now.0 as i64,
            Kind::Nights => rules.date_at(now.0 as i64).0.into(),
        };
        let size = rules.moment_size();
        let is_broken = |piece: &Piece| {
            let is_over = piece.to * size <= over;
            let moments = piece.from.max(over.div_euclid(size))..piece.end;
            !is_over
                && moments.into_iter().any(|moment| {
                    let offered = rules.at(moment);
                    let is_closed = offered.closure.is_some() && moment < piece.to;
                    is_closed || self.taken(moment) > offered.limit()
                })
        };
        let mut conflicts = Vec::new();
        for standing in self.claims.values() {
            if let Some(piece) = self.pieces(standing).into_iter().find(is_broken) {
                let span = rules.span(piece.from, piece.to);
                conflicts.push(Conflict { reservation: standing.reservation, span });
            }
        }
        conflicts.sort_unstable_by_key(|conflict| (conflict.span.from(), conflict.reservation));
        conflicts
    }
}
