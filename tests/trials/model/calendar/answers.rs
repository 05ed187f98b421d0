//! What a reader of a calendar is told.

use std::sync::Arc;

use holdfast::actors::delivery::Told;
use holdfast::domain::calendar::*;
use holdfast::domain::claim::Blocker;
use holdfast::domain::ids::*;
use holdfast::domain::name::LineId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::time::Timestamp;

use super::super::{Asked, Checked, Model, check};
use super::fitting::{Lack, is_told};
use super::offer::QUARTER_MS;
use super::setting::flaw;
use super::state::State;

impl State {
    /// Times between two, such that whatever is decided at any between them is decided at one of
    /// these: rules may go by how far ahead something is.
    pub fn times(
        &self,
        spans: &[Span],
        told: &[Cause],
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<Timestamp> {
        let mut times = vec![from, to];
        match &self.rules.general {
            General::Slots(rules) => {
                let (min, max) = (rules.ahead_min_ms, rules.ahead_max_ms);
                let before = |at: i64, ahead: Option<u64>| {
                    let at = u64::try_from(at).ok()?.checked_sub(ahead?)?;
                    Some(Timestamp(at))
                };
                times.extend(spans.iter().filter_map(|span| before(span.from(), min)));
                times.extend(spans.iter().filter_map(|span| before(span.from(), max)));
                times.extend(told.iter().filter_map(|cause| match cause {
                    Cause::TooSoon { earliest } => before(*earliest, min),
                    Cause::TooFarAhead { latest } => before(*latest, max),
                    _ => None,
                }));
            }
            General::Nights(_) => {
                let [first, last] = [from, to].map(|at| self.rules.date_at(at.0 as i64));
                let dates = (first.0..=last.0).map(Date);
                times.extend(dates.map(|date| self.rules.start_of(date)));
            }
        }
        times.retain(|now| (from..=to).contains(now));
        times
    }

    /// What there is between two moments.
    fn available(&self, (from, to): (i64, i64), count: usize) -> Vec<Available> {
        let size = self.rules.moment_size();
        let mut told: Vec<Available> = Vec::new();
        for moment in from / size..to / size {
            let (offered, taken) = (self.rules.at(moment), self.taken(moment));
            let left = offered.limit().saturating_sub(taken) as u32;
            let piece = Available {
                from: moment * size,
                to: (moment + 1) * size,
                capacity: offered.capacity,
                overbooking: offered.overbooking,
                claimed: taken as u32,
                available: if offered.closure.is_some() { 0 } else { left },
                closure: offered.closure,
            };
            match told.last_mut().filter(|_| self.rules.kind() == Kind::Slots) {
                Some(last)
                    if (Available { to: piece.to, from: last.from, ..piece })
                        == (Available { to: piece.to, ..*last }) =>
                {
                    last.to = piece.to;
                }
                _ => told.push(piece),
            }
        }
        told.truncate(count);
        told
    }

    /// The next starts at which something can be had, tried one after the other.
    fn find(&self, search: &Search, now: Timestamp) -> Found {
        let grid = match &self.rules.general {
            General::Slots(rules) => rules.granularity_ms as i64,
            General::Nights(_) => 1,
        };
        let first = (search.from + grid - 1).div_euclid(grid);
        let mut starts = Vec::new();
        for start in (first..).map(|at| at * grid).take_while(|start| *start < search.until) {
            if starts.len() == search.count {
                return Found { starts, looked_until: start };
            }
            let span = self.rules.kind().span(start, start + search.length);
            let line = ClaimLine { id: LineId::counted(0), span, held: search.units, committed: 0 };
            if self.lacks(&[line], now).is_empty() {
                starts.push(start);
            }
        }
        Found { starts, looked_until: search.until }
    }

    /// The pieces of claims that have some of their time between two moments.
    fn claimed(
        &self,
        (from, to): (i64, i64),
        begin: Option<Place>,
        count: usize,
    ) -> Vec<ClaimPiece> {
        let size = self.rules.moment_size();
        let mut shown = Vec::new();
        for claim in self.claims.values() {
            let pieces = self.pieces(claim);
            for (index, piece) in pieces.iter().enumerate() {
                let together = pieces[..index].iter().filter(|other| other.from == piece.from);
                let start = (piece.from * size, claim.reservation);
                shown.push(ClaimPiece {
                    place: Place { start, nth: together.count() as u32 },
                    span: self.rules.span(piece.from, piece.to),
                    units: piece.units as u32,
                    is_committed: piece.is_used,
                    deadline: claim.deadline.filter(|_| !piece.is_used),
                });
            }
        }
        shown.retain(|shown| shown.span.from() < to && shown.span.to() > from);
        shown.retain(|shown| begin.is_none_or(|begin| shown.place >= begin));
        shown.sort_by_key(|shown| shown.place);
        shown.truncate(count);
        shown
    }

    fn answer(&self, question: &Question, now: Timestamp, position: Position) -> Answer {
        match question {
            Question::Available { from, to, count } => {
                Answer::Available(self.available((*from, *to), *count))
            }
            Question::Fits(lines) => {
                let lacks = self.lacks(lines, now).into_iter();
                Answer::Fits(lacks.map(|lack| told(lack, position)).collect())
            }
            Question::Find(search) => Answer::Found(self.find(search, now)),
            Question::Claims { from, to, begin, count } => {
                Answer::Claims(self.claimed((*from, *to), *begin, *count))
            }
            Question::Conflicts { after, count } => {
                page(self.conflicts(now), *after, *count, false)
            }
            Question::ConflictsOf { setting, after, count } => {
                if let Some(flaw) = flaw(setting, self.rules.kind()) {
                    return Answer::Refused(Rejection::InvalidRule(flaw));
                }
                let after_it = self.rules.with(&Arc::new(setting.clone()));
                page(self.new_conflicts(&after_it, now), *after, *count, true)
            }
        }
    }
}

fn told(lack: Lack, position: Position) -> LineShortfall {
    LineShortfall { shortfall: lack.shortfall(position), line: lack.line }
}

fn start(conflict: &Conflict) -> Start {
    (conflict.span.from(), conflict.reservation)
}

/// A page of conflicts. Where more follow, `next` is the first of those; one may tell any place before it.
fn page(
    mut conflicts: Vec<Conflict>,
    after: Option<Start>,
    count: usize,
    is_counted: bool,
) -> Answer {
    let total = is_counted.then_some(conflicts.len());
    conflicts.retain(|conflict| after.is_none_or(|after| start(conflict) > after));
    let next = conflicts.get(count).map(start);
    conflicts.truncate(count);
    Answer::Conflicts { conflicts, next, total }
}

/// Whether an answer is what is expected.
fn is_answer(said: &Answer, expected: &Answer) -> bool {
    match (said, expected) {
        (Answer::Fits(said), Answer::Fits(expected)) => {
            said.len() == expected.len()
                && said.iter().zip(expected).all(|(said, expected)| {
                    said.line == expected.line && is_told(&said.shortfall, &expected.shortfall)
                })
        }
        (
            Answer::Conflicts { conflicts, next, total },
            Answer::Conflicts { conflicts: due, next: first_after, total: due_total },
        ) => {
            let last = conflicts.last().map(start);
            let goes_on = match (next, first_after) {
                (None, None) => true,
                (Some(next), Some(first)) => Some(*next) >= last && next < first,
                (Some(_), None) | (None, Some(_)) => false,
            };
            conflicts == due && total == due_total && goes_on
        }
        _ => said == expected,
    }
}

/// The spans that a question asks whether they can be had, and why not, by its answer.
fn about(question: &Question, said: &Answer) -> (Vec<Span>, Vec<Cause>) {
    let spans = match question {
        Question::Fits(lines) => lines.iter().map(|line| line.span).collect(),
        Question::Find(search) => (search.from..search.until)
            .step_by(QUARTER_MS as usize)
            .map(|start| Kind::Slots.span(start, start))
            .collect(),
        _ => Vec::new(),
    };
    let causes = match said {
        Answer::Fits(short) => short
            .iter()
            .filter_map(|short| match short.shortfall.blocker {
                Some(Blocker::Calendar(obstacle)) => Some(obstacle.cause),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    (spans, causes)
}

/// The log's position when what can't be had was found out, where something can't.
fn looked_at(said: &Answer) -> Option<Position> {
    match said {
        Answer::Fits(short) => short.first().map(|short| short.shortfall.position),
        _ => None,
    }
}

impl Model {
    /// Checks what a calendar answered.
    pub fn check_answer(
        &self,
        key: &EntityKey,
        asked: Asked,
        question: &Question,
        told: &Told<Answer>,
    ) -> Checked {
        let Told { answer: said, position } = told;
        let say = |what| {
            format!("{what}\n   {key} was asked {question:?}, {asked:?}\n   and told {told:?}")
        };
        check(*position >= asked.floor && *position <= self.last, || say("not then".into()))?;
        let version = self.version_at(key, *position);
        // Others' events may come between the look and its answer, but none of the calendar's own.
        let looked_at = looked_at(said).unwrap_or(*position);
        let is_same = looked_at <= *position && self.version_at(key, looked_at) == version;
        check(is_same, || say(format!("it was another at {looked_at}")))?;
        let known = self.entities.calendars.get(key);
        let Some(state) = known.and_then(|known| known.state(version)) else {
            let expected = match question {
                Question::Fits(lines) => {
                    let lacks = lines.iter().map(Lack::unknown);
                    Answer::Fits(lacks.map(|lack| self::told(lack, looked_at)).collect())
                }
                _ => Answer::Nothing,
            };
            return check(*said == expected, || say(format!("expected {expected:?}")));
        };
        let (spans, causes) = about(question, said);
        let mut expected = Answer::Nothing;
        for now in state.times(&spans, &causes, (asked.since, asked.until)) {
            expected = state.answer(question, now, looked_at);
            if is_answer(said, &expected) {
                return Ok(());
            }
        }
        Err(say(format!("expected {expected:?}")))
    }
}
