//! Whether lines can be had of a calendar: moment by moment, whatever stands in the way first.

use std::collections::BTreeMap;

use holdfast::domain::calendar::*;
use holdfast::domain::claim::{Blocker, Shortfall};
use holdfast::domain::ids::Position;
use holdfast::domain::name::LineId;
use holdfast::domain::time::Timestamp;

use super::state::State;

/// A line that can't be had, how much of it could be, and what stands in the way.
#[derive(Debug, Clone)]
pub struct Lack {
    pub line: LineId,
    available: u64,
    obstacle: Obstacle,
}

impl Lack {
    fn barred(line: &ClaimLine, cause: Cause) -> Self {
        let obstacle = Obstacle { cause, deadline: None };
        Self { line: line.id.clone(), available: 0, obstacle }
    }

    /// Of a line of a calendar that there isn't.
    pub fn unknown(line: &ClaimLine) -> Self {
        Self::barred(line, Cause::Unknown)
    }

    pub fn shortfall(&self, position: Position) -> Shortfall {
        let blocker = Some(Blocker::Calendar(self.obstacle));
        Shortfall { available: self.available, position, blocker }
    }
}

/// Whether what stands in the way is told as it is expected. What is taken or closed is expected with
/// all moments for which that is so; one may tell the first of them alone, or some.
pub fn is_told(told: &Shortfall, expected: &Shortfall) -> bool {
    let (Some(Blocker::Calendar(said)), Some(Blocker::Calendar(due))) =
        (told.blocker, expected.blocker)
    else {
        return told == expected;
    };
    let is_begin = |said: Span, due: Span| {
        said.kind() == due.kind()
            && said.from() == due.from()
            && said.is_sound()
            && said.to() <= due.to()
    };
    let is_cause = match (said.cause, due.cause) {
        (Cause::Taken(said), Cause::Taken(due))
        | (Cause::Closed(said), Cause::Closed(due))
        | (Cause::OutsideHours(said), Cause::OutsideHours(due)) => is_begin(said, due),
        (said, due) => said == due,
    };
    let rest = |shortfall: &Shortfall| (shortfall.available, shortfall.position);
    is_cause && said.deadline == due.deadline && rest(told) == rest(expected)
}

impl State {
    /// Those of some lines that can't be had by who has nothing here yet. Each has what those before
    /// it left.
    pub fn lacks(&self, lines: &[ClaimLine], now: Timestamp) -> Vec<Lack> {
        let mut mine = BTreeMap::new();
        lines.iter().filter_map(|line| self.lack(line, &mut mine, now)).collect()
    }

    fn lack(
        &self,
        line: &ClaimLine,
        mine: &mut BTreeMap<i64, u128>,
        now: Timestamp,
    ) -> Option<Lack> {
        if let Some(cause) = self.forbidden(line.span, now) {
            return Some(Lack::barred(line, cause));
        }
        let size = self.rules.moment_size();
        let (from, to) = (line.span.from() / size, line.span.to() / size);
        let end = to + i64::from(self.rules.turnover_ms()) / size;
        let left = |moment: i64, mine: &BTreeMap<i64, u128>| {
            let mine = mine.get(&moment).copied().unwrap_or_default();
            let taken = u128::from(self.taken(moment)) + mine;
            u128::from(self.rules.at(moment).limit()).saturating_sub(taken) as u64
        };
        let closure = |moment: i64| self.rules.at(moment).closure.filter(|_| moment < to);
        let is_short = |moment: i64| left(moment, mine) < line.held;
        let bad = (from..end).find(|moment| closure(*moment).is_some() || is_short(*moment));
        let lack = bad.map(|moment| match closure(moment) {
            Some(closed) => {
                let same = self.row((moment, to), |at| closure(at) == Some(closed));
                Lack::barred(
                    line,
                    match closed {
                        Closure::Closed => Cause::Closed(same),
                        Closure::OutsideHours => Cause::OutsideHours(same),
                    },
                )
            }
            None => {
                let taken = self.row((moment, end), |at| closure(at).is_none() && is_short(at));
                let is_closed = (from..to).any(|moment| closure(moment).is_some());
                let least = (from..end).map(|moment| left(moment, mine)).min().unwrap_or_default();
                let available = if is_closed { 0 } else { least };
                let deadline = self.deadline_at(moment);
                let obstacle = Obstacle { cause: Cause::Taken(taken), deadline };
                Lack { line: line.id.clone(), available, obstacle }
            }
        });
        (from..end).for_each(|moment| {
            *mine.entry(moment).or_default() += u128::from(line.held);
        });
        lack
    }

    /// The moments in a row, from one on, of which something is so; of nights, the first alone.
    fn row(&self, (begin, to): (i64, i64), is_so: impl Fn(i64) -> bool) -> Span {
        let end = match self.rules.kind() {
            Kind::Nights => begin + 1,
            Kind::Slots => (begin..to).find(|moment| !is_so(*moment)).unwrap_or(to),
        };
        self.rules.span(begin, end)
    }

    /// The earliest deadline of a hold that has units at a moment.
    fn deadline_at(&self, moment: i64) -> Option<Timestamp> {
        let is_there = |standing: &&std::sync::Arc<Standing>| {
            let mut pieces = self.pieces(standing).into_iter();
            pieces.any(|piece| !piece.is_used && (piece.from..piece.end).contains(&moment))
        };
        self.claims.values().filter(is_there).filter_map(|standing| standing.deadline).min()
    }

    /// The rule that a span breaks.
    fn forbidden(&self, span: Span, now: Timestamp) -> Option<Cause> {
        let kind = self.rules.kind();
        if span.kind() != kind {
            return Some(Cause::WrongKind { kind });
        }
        if self.is_retired {
            return Some(Cause::Retired);
        }
        match (&self.rules.general, span) {
            (General::Slots(rules), Span::Slots { start, end }) => {
                forbidden_slot(rules, start, end, now)
            }
            (General::Nights(rules), Span::Nights { check_in, check_out }) => {
                self.forbidden_stay(rules, check_in, check_out, now)
            }
            _ => unreachable!("it is of its kind"),
        }
    }

    fn forbidden_stay(
        &self,
        rules: &NightRules,
        check_in: Date,
        check_out: Date,
        now: Timestamp,
    ) -> Option<Cause> {
        let nights = (check_out.0 - check_in.0) as u32;
        if nights > NIGHTS_MAX {
            return Some(Cause::StayTooLong { nights_max: NIGHTS_MAX });
        }
        let today = i64::from(self.rules.date_at(now.0 as i64).0);
        let after = |days: Option<u32>| days.map(|days| today + i64::from(days));
        let (earliest, latest) = (after(rules.ahead_min_days), after(rules.ahead_max_days));
        let arrival = self.rules.day(check_in);
        let departure = self.rules.day(check_out);
        outside(check_in.0.into(), earliest, latest)
            .or_else(|| arrival.closed_to_arrival.then_some(Cause::ClosedToArrival(check_in)))
            .or_else(|| {
                departure.closed_to_departure.then_some(Cause::ClosedToDeparture(check_out))
            })
            .or_else(|| {
                let nights_min = arrival.stay_min.map(u32::from).filter(|min| nights < *min)?;
                Some(Cause::StayTooShort { nights_min })
            })
            .or_else(|| {
                let nights_max = arrival.stay_max.map(u32::from).filter(|max| nights > *max)?;
                Some(Cause::StayTooLong { nights_max })
            })
    }
}

fn forbidden_slot(
    rules: &SlotRules,
    start: Timestamp,
    end: Timestamp,
    now: Timestamp,
) -> Option<Cause> {
    let SlotRules { granularity_ms, length_min_ms, length_max_ms, .. } = *rules;
    if [start, end].iter().any(|at| at.0 % granularity_ms > 0) {
        return Some(Cause::OffGrid { granularity_ms });
    }
    let length_ms = end.0 - start.0;
    if length_ms < length_min_ms {
        return Some(Cause::SlotTooShort { length_min_ms });
    }
    if length_ms > length_max_ms {
        return Some(Cause::SlotTooLong { length_max_ms });
    }
    let after = |span_ms: Option<u64>| span_ms.map(|span_ms| (now.0 + span_ms) as i64);
    outside(start.0 as i64, after(rules.ahead_min_ms), after(rules.ahead_max_ms))
}

fn outside(start: i64, earliest: Option<i64>, latest: Option<i64>) -> Option<Cause> {
    match (earliest, latest) {
        (Some(earliest), _) if start < earliest => Some(Cause::TooSoon { earliest }),
        (_, Some(latest)) if start > latest => Some(Cause::TooFarAhead { latest }),
        _ => None,
    }
}
