//! What of a reservation is used, and what is left of it.
//!
//! ```text
//!   a line of 3 units   │▓▓▓▓▓▓▓▓▓▓░░░░░░░░│    used until then: the rest is left
//!                       │▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│    used to the end
//!                       │░░░░░░░░░░░░░░░░░░│    untouched
//! ```
//!
//! A unit is used from its line's beginning on and without a gap, so how far is all there is to know
//! of it, and units that are used equally far are one. What is used of a unit is a piece that begins
//! with its line, what is left of it one that ends with its line. A unit of stock has no time: it is
//! used or untouched.
//!
//! Invariants: while a reservation is open, the pieces of a line are at each of its moments as many
//! units as the line has. Nothing is kept where nothing is used, nor where all of every line is.
//!
//! Not here: who may commit, and when.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::calendar::{Date, Span};
use super::super::name::LineId;
use super::super::rejection::Rejection;
use super::super::time::Timestamp;
use super::super::wanted::Wanted;
use super::{Details, Event, Line, State};

/// What is to be used of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitLine {
    /// Which line.
    pub line: LineId,
    /// How many units, those of which most is left first; none for all that are left until the end.
    pub quantity: Option<NonZeroU64>,
    /// Until when; none for the line's end.
    pub end: Option<End>,
}

/// When time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// That of a slot: any instant.
    Time(Timestamp),
    /// That of nights: the date after the last of them.
    Date(Date),
}

/// Why a line of a commit can't be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitFlaw {
    /// The reservation has no such line, or it was named before.
    #[error("is no line of the reservation, or was named before")]
    UnknownLine,
    /// The line doesn't end like that: stock has no end, a slot ends at an instant, nights on a date.
    #[error("is no end for this line: a slot has an instant, nights have a date, stock has none")]
    WrongEnd(End),
    /// The line doesn't begin before it, or has ended by then.
    #[error("must be after the line's beginning, and not after its end")]
    EndOutside(End),
}

/// Units of a line, for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePart {
    /// Which line.
    pub line: LineId,
    /// For when; none for stock.
    pub span: Option<Span>,
    /// How many units.
    pub quantity: u64,
}

/// Units of a line that are used equally far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Which line, by its place among the reservation's.
    pub line: u32,
    /// The moment up to which they are used.
    pub until: i64,
    /// How many.
    pub units: u64,
}

/// Units of a line that fare alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// For when; none for stock.
    pub(super) span: Option<Span>,
    pub(super) units: u64,
    pub(super) is_used: bool,
}

impl Piece {
    /// All of a line of which nothing is used.
    pub(super) fn untouched(line: &Line) -> Self {
        let (from, to) = moments(&line.wanted);
        Self { span: span(line, from, to), units: line.quantity, is_used: false }
    }

    fn of(self, line: &Line) -> LinePart {
        LinePart { line: line.id.clone(), span: self.span, quantity: self.units }
    }
}

/// From which moment up to which a line goes. Of stock, used is later than untouched.
fn moments(wanted: &Wanted) -> (i64, i64) {
    match wanted {
        Wanted::Stock(_) => (0, 1),
        Wanted::Time { span, .. } => (span.from(), span.to()),
    }
}

fn span(line: &Line, from: i64, to: i64) -> Option<Span> {
    match line.wanted {
        Wanted::Stock(_) => None,
        Wanted::Time { span, .. } => Some(span.kind().span(from, to)),
    }
}

impl Details {
    /// Whether a part of it was used, and not all.
    pub fn is_partly_used(&self) -> bool {
        !self.used.is_empty()
    }

    /// What was used so far, in the order of the lines.
    pub fn committed(&self) -> impl Iterator<Item = LinePart> {
        self.parts(|piece| piece.is_used)
    }

    /// What stands to be used, in the order of the lines.
    pub fn left(&self) -> impl Iterator<Item = LinePart> {
        self.parts(|piece| !piece.is_used)
    }

    fn parts(&self, is_told: fn(&Piece) -> bool) -> impl Iterator<Item = LinePart> {
        self.lines.iter().enumerate().flat_map(move |(nth, line)| {
            self.pieces(nth, line).filter(is_told).map(|piece| piece.of(line))
        })
    }

    /// What a line comes to: of the units that are used equally far, what is used and what is left.
    pub(super) fn pieces(&self, nth: usize, line: &Line) -> impl Iterator<Item = Piece> {
        let (from, to) = moments(&line.wanted);
        let stands = matches!(self.state, State::Held | State::Confirmed);
        self.reached(nth, line).flat_map(move |(until, units)| {
            let piece = |from, to, is_used| Piece { span: span(line, from, to), units, is_used };
            let used = (until > from).then(|| piece(from, until, true));
            let left = (until < to && stands).then(|| piece(until, to, false));
            used.into_iter().chain(left)
        })
    }

    /// How far the units of a line are used, and how many: the untouched, and then by how far.
    fn reached(&self, nth: usize, line: &Line) -> impl Iterator<Item = (i64, u64)> {
        let (from, to) = moments(&line.wanted);
        let is_whole = self.state == State::Committed && self.used.is_empty();
        let touched = self.touched(nth).fold(0, |sum: u64, used| sum.saturating_add(used.units));
        let rest = (if is_whole { to } else { from }, line.quantity.saturating_sub(touched));
        let touched = self.touched(nth).map(|used| (used.until, used.units));
        std::iter::once(rest).chain(touched).filter(|(_, units)| *units > 0)
    }

    fn touched(&self, nth: usize) -> impl Iterator<Item = &Used> {
        let first = self.used.partition_point(|used| (used.line as usize) < nth);
        self.used[first..].iter().take_while(move |used| used.line as usize == nth)
    }

    /// Follows a commit of parts, which are in the order of the lines.
    pub(super) fn follow_commit(&mut self, parts: &[LinePart], is_final: bool) {
        let (lines, mut nth) = (self.lines.clone(), 0);
        for part in parts {
            let Some(ahead) = lines[nth..].iter().position(|line| line.id == part.line) else {
                continue;
            };
            nth += ahead;
            let (begin, end) = moments(&lines[nth].wanted);
            let (from, until) = part.span.map_or((begin, end), |span| (span.from(), span.to()));
            if from > begin {
                self.shift(nth, from, |units| units.saturating_sub(part.quantity));
            }
            self.shift(nth, until, |units| units.saturating_add(part.quantity));
        }
        if is_final {
            if !self.is_left() {
                self.used.clear();
            }
            self.state = State::Committed;
        }
    }

    fn shift(&mut self, nth: usize, until: i64, shift: impl Fn(u64) -> u64) {
        // There are at most as many lines as fit.
        let line = nth as u32;
        let place = self.used.binary_search_by_key(&(line, until), |used| (used.line, used.until));
        let units = shift(place.map_or(0, |place| self.used[place].units));
        match (place, units) {
            (Ok(place), 0) => {
                self.used.remove(place);
            }
            (Ok(place), units) => self.used[place].units = units,
            (Err(_), 0) => {}
            (Err(place), units) => self.used.insert(place, Used { line, until, units }),
        }
    }

    /// Takes units of a line until a moment, those of which most is left first.
    fn take(
        &self,
        nth: usize,
        line: &Line,
        quantity: Option<NonZeroU64>,
        until: i64,
    ) -> Result<Vec<LinePart>, Rejection> {
        let left = || self.reached(nth, line).take_while(|(from, _)| *from < until);
        let sum = left().fold(0, |sum: u64, (_, units)| sum.saturating_add(units));
        let requested = quantity.map_or(sum.max(1), NonZeroU64::get);
        if requested > sum {
            let line = line.id.clone();
            return Err(Rejection::MoreThanLeft { line, requested, left: sum });
        }
        let mut missing = requested;
        let take = |(from, units): (i64, u64)| {
            let quantity = units.min(missing);
            missing -= quantity;
            LinePart { line: line.id.clone(), span: span(line, from, until), quantity }
        };
        Ok(left().map(take).take_while(|part| part.quantity > 0).collect())
    }

    /// Whether something stands to be used.
    fn is_left(&self) -> bool {
        self.left().next().is_some()
    }
}

/// What happens when all that is left is used.
pub(super) fn commit_rest(details: &Details) -> Event {
    if !details.is_partly_used() {
        return Event::Committed;
    }
    Event::CommittedInPart { parts: details.left().collect(), is_final: true }
}

/// What happens when these lines are used, or all where none is named, of a reservation that is open.
///
/// # Errors
/// [`Rejection::InvalidCommit`] and [`Rejection::MoreThanLeft`].
pub(super) fn commit(
    details: &Details,
    lines: &[CommitLine],
    is_final: bool,
) -> Result<Event, Rejection> {
    if lines.is_empty() {
        return Ok(commit_rest(details));
    }
    let mut unnamed: BTreeMap<_, _> =
        details.lines.iter().enumerate().map(|(nth, line)| (&line.id, (nth, line))).collect();
    let mut taken = BTreeMap::new();
    for (place, named) in lines.iter().enumerate() {
        let invalid = |flaw| Rejection::InvalidCommit { place, flaw };
        let (nth, line) = unnamed.remove(&named.line).ok_or(invalid(CommitFlaw::UnknownLine))?;
        let until = end(line, named.end).map_err(invalid)?;
        taken.insert(nth, details.take(nth, line, named.quantity, until)?);
    }
    let parts: Arc<[LinePart]> = taken.into_values().flatten().collect();
    let mut after = details.clone();
    after.follow_commit(&parts, false);
    if !after.is_left() {
        return Ok(commit_rest(details));
    }
    Ok(Event::CommittedInPart { parts, is_final })
}

/// The moment until which a line is to be used.
fn end(line: &Line, end: Option<End>) -> Result<i64, CommitFlaw> {
    let (from, to) = moments(&line.wanted);
    let Some(end) = end else { return Ok(to) };
    let until = match (&line.wanted, end) {
        (Wanted::Time { span: Span::Slots { start, .. }, .. }, End::Time(end)) => {
            Span::Slots { start: *start, end }.to()
        }
        (Wanted::Time { span: Span::Nights { .. }, .. }, End::Date(date)) => date.0.into(),
        (Wanted::Stock(_) | Wanted::Time { .. }, end) => return Err(CommitFlaw::WrongEnd(end)),
    };
    if from < until && until <= to { Ok(until) } else { Err(CommitFlaw::EndOutside(end)) }
}
