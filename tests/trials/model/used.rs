//! What of a reservation's lines is used, unit by unit.
//!
//! Of each unit it is kept up to which moment it is used; of stock, up to 1 where it is, and 0 where it
//! isn't.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast::domain::calendar::Span;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{
    CommitFlaw, CommitLine, Details, End, Event, Line, LinePart, State, Used,
};

use super::portion::{Piece, span_of};

/// Of each line, how far each of its units is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached(Vec<Vec<i64>>);

fn moments(line: &Line) -> (i64, i64) {
    span_of(line).map_or((0, 1), |span| (span.from(), span.to()))
}

fn span(line: &Line, from: i64, to: i64) -> Option<Span> {
    span_of(line).map(|span| span.kind().span(from, to))
}

/// How many are equal, in their order.
fn counted(units: impl Iterator<Item = i64>) -> BTreeMap<i64, u64> {
    let mut counts = BTreeMap::new();
    units.for_each(|reached| *counts.entry(reached).or_default() += 1);
    counts
}

impl Reached {
    /// Nothing is used.
    pub fn nothing(lines: &[Line]) -> Self {
        Self(lines.iter().map(|line| vec![moments(line).0; line.quantity as usize]).collect())
    }

    /// Everything is used.
    pub fn all(lines: &[Line]) -> Self {
        Self(lines.iter().map(|line| vec![moments(line).1; line.quantity as usize]).collect())
    }

    /// As a reader is told of it.
    pub fn of(details: &Details) -> Self {
        if details.state == State::Committed && details.used.is_empty() {
            return Self::all(&details.lines);
        }
        let mut reached = Self::nothing(&details.lines);
        for Used { line, until, units } in &details.used {
            let untouched = moments(&details.lines[*line as usize]).0;
            let same = reached.0[*line as usize].iter_mut().filter(|unit| **unit == untouched);
            same.take(*units as usize).for_each(|unit| *unit = *until);
        }
        reached
    }

    fn is_all(&self, lines: &[Line]) -> bool {
        *self == Self::all(lines)
    }

    /// The pieces of a line: of units that are used equally far, what is used, and what is left where
    /// that stands.
    pub fn pieces(&self, nth: usize, line: &Line, stands: bool) -> Vec<Piece> {
        let (from, to) = moments(line);
        let mut pieces = Vec::new();
        for (reached, units) in counted(self.0[nth].iter().copied()) {
            if reached > from {
                pieces.push(Piece { span: span(line, from, reached), units, is_used: true });
            }
            if reached < to && stands {
                pieces.push(Piece { span: span(line, reached, to), units, is_used: false });
            }
        }
        pieces
    }

    /// What is kept of it: nothing where nothing is used or everything.
    pub fn kept(&self, lines: &[Line]) -> Vec<Used> {
        if self.is_all(lines) {
            return Vec::new();
        }
        let mut kept = Vec::new();
        for (nth, line) in lines.iter().enumerate() {
            let touched = self.0[nth].iter().copied().filter(|reached| *reached > moments(line).0);
            for (until, units) in counted(touched) {
                kept.push(Used { line: nth as u32, until, units });
            }
        }
        kept
    }

    /// Follows a commit.
    pub fn commit(&mut self, lines: &[Line], parts: &[LinePart]) {
        for part in parts {
            let nth = lines.iter().position(|line| line.id == part.line);
            let nth = nth.expect("it is one of its lines, which the model checks");
            let (begin, end) = moments(&lines[nth]);
            let (from, until) = part.span.map_or((begin, end), |span| (span.from(), span.to()));
            let same = self.0[nth].iter_mut().filter(|reached| **reached == from);
            same.take(part.quantity as usize).for_each(|reached| *reached = until);
        }
    }

    /// What happens when all that is left is used.
    pub fn commit_rest(&self, lines: &[Line]) -> Event {
        if *self == Self::nothing(lines) {
            return Event::Committed;
        }
        let mut parts = Vec::new();
        for (nth, line) in lines.iter().enumerate() {
            let left = self.pieces(nth, line, true).into_iter().filter(|piece| !piece.is_used);
            parts.extend(left.map(|Piece { span, units, .. }| LinePart {
                line: line.id.clone(),
                span,
                quantity: units,
            }));
        }
        Event::CommittedInPart { parts: parts.into(), is_final: true }
    }

    /// What happens when some of it is used.
    pub fn commit_part(
        &self,
        lines: &[Line],
        named: &[CommitLine],
        is_final: bool,
    ) -> Result<Event, Rejection> {
        if named.is_empty() {
            return Ok(self.commit_rest(lines));
        }
        let mut taken = BTreeMap::new();
        for (place, one) in named.iter().enumerate() {
            let invalid = |flaw| Rejection::InvalidCommit { place, flaw };
            let nth = lines.iter().position(|line| line.id == one.line);
            let nth = nth.filter(|nth| !taken.contains_key(nth));
            let nth = nth.ok_or(invalid(CommitFlaw::UnknownLine))?;
            let until = until(&lines[nth], one.end).map_err(invalid)?;
            taken.insert(nth, self.take(nth, &lines[nth], one, until)?);
        }
        let parts: Arc<[LinePart]> = taken.into_values().flatten().collect();
        let mut after = self.clone();
        after.commit(lines, &parts);
        if after.is_all(lines) {
            return Ok(self.commit_rest(lines));
        }
        Ok(Event::CommittedInPart { parts, is_final })
    }

    /// Units of a line that aren't used up to a moment, the least used first.
    fn take(
        &self,
        nth: usize,
        line: &Line,
        named: &CommitLine,
        until: i64,
    ) -> Result<Vec<LinePart>, Rejection> {
        let mut left: Vec<_> =
            self.0[nth].iter().copied().filter(|reached| *reached < until).collect();
        left.sort_unstable();
        let all = left.len() as u64;
        let requested = named.quantity.map_or(all.max(1), |quantity| quantity.get());
        if requested > all {
            let line = line.id.clone();
            return Err(Rejection::MoreThanLeft { line, requested, left: all });
        }
        let parts = counted(left.into_iter().take(requested as usize)).into_iter();
        let part = |(from, quantity)| LinePart {
            line: line.id.clone(),
            span: span(line, from, until),
            quantity,
        };
        Ok(parts.map(part).collect())
    }
}

/// The moment up to which a line is to be used.
fn until(line: &Line, end: Option<End>) -> Result<i64, CommitFlaw> {
    let (from, to) = moments(line);
    let until = match (span_of(line), end) {
        (_, None) => to,
        (Some(Span::Slots { .. }), Some(End::Time(end))) => end.0 as i64,
        (Some(Span::Nights { .. }), Some(End::Date(date))) => date.0.into(),
        (_, Some(end)) => return Err(CommitFlaw::WrongEnd(end)),
    };
    match end {
        Some(end) if until <= from || until > to => Err(CommitFlaw::EndOutside(end)),
        _ => Ok(until),
    }
}
