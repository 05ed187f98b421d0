//! Who has claimed which time of each calendar, counted from the events of calendars alone.
//!
//! It is a second reckoning beside the calendar's own, so that a mistake in one shows. So it has its
//! own way to tell at which moments a claim takes what, and where it takes more than before. It never
//! forgets who was there: what a calendar folds stays here as it was claimed.
//!
//! Whether a claim fitted is asked of the calendar's rules as they were then, but for slots whose
//! capacity goes by dates: zone data may have changed since, and nobody can say any more which
//! instants such a date had then.

use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::FixedState;

use crate::domain::calendar::{Calendar, Event, Kind, Part, Standing};
use crate::domain::ids::{EntityKey, ReservationId};

/// How many pieces of a calendar are looked at, at a time.
const PIECES_MAX: usize = 10_000;

/// Every calendar's claims.
#[derive(Default)]
pub(super) struct Timetable {
    calendars: HashMap<EntityKey, Claimed, FixedState>,
}

#[derive(Default)]
struct Claimed {
    claims: HashMap<ReservationId, Standing, FixedState>,
    /// Units from each moment on, as far as something was ever claimed around it.
    units: BTreeMap<i64, u64>,
}

impl Timetable {
    /// Follows an event of a calendar, which is shown as it is after it, and tells in words what is
    /// wrong. A wrong one is followed all the same.
    pub(super) fn follow(
        &mut self,
        key: &EntityKey,
        event: &Event,
        calendar: &Calendar,
    ) -> Vec<String> {
        let claimed = self.calendars.entry(key.clone()).or_default();
        match event {
            Event::ClaimMade(standing) => {
                let before = claimed.replace(standing.clone());
                let mut wrong = Vec::new();
                if before.is_some() {
                    wrong.push("the reservation has claimed here before".to_owned());
                }
                wrong.extend(claimed.check(standing, before.as_ref(), calendar));
                wrong
            }
            Event::ClaimChanged(standing) | Event::ClaimCommitted(standing) => {
                let before = claimed.replace(standing.clone());
                let mut wrong = Vec::new();
                match &before {
                    None => wrong.push("the reservation has no claim here".to_owned()),
                    Some(before) if before.reservation_version > standing.reservation_version => {
                        wrong.push("an older wish has undone a newer one".to_owned());
                    }
                    Some(_) => {}
                }
                wrong.extend(claimed.check(standing, before.as_ref(), calendar));
                wrong
            }
            Event::ClaimReleased { reservation, reservation_version } => {
                let Some(before) = claimed.claims.get(reservation).cloned() else {
                    return vec!["the reservation has no claim here".to_owned()];
                };
                let is_old = before.reservation_version > *reservation_version;
                let used = before.parts.iter().filter(|part| part.line.committed > 0);
                let parts = used.cloned().map(without_held).collect();
                let (version, deadline) = (*reservation_version, None);
                let left = Standing { reservation_version: version, deadline, parts, ..before };
                claimed.replace(left);
                let wrong = is_old.then(|| "an older wish has undone a newer one".to_owned());
                wrong.into_iter().collect()
            }
            Event::Created(_) | Event::Set(_) | Event::Retired | Event::ClaimsInConflict(_) => {
                Vec::new()
            }
        }
    }

    /// A reservation's claim, if it has one or used something up.
    pub(super) fn claim(&self, key: &EntityKey, reservation: ReservationId) -> Option<&Standing> {
        self.calendars.get(key)?.claims.get(&reservation)
    }

    /// Checks at the end that a calendar counts as its events do.
    pub(super) fn disagreement(&self, key: &EntityKey, calendar: &Calendar) -> Option<String> {
        let claimed = self.calendars.get(key)?;
        let mut moments = claimed.units.iter().peekable();
        while let Some((from, units)) = moments.next() {
            let Some((to, _)) = moments.peek() else { break };
            let pieces = calendar.available(*from, **to, PIECES_MAX);
            let other = pieces.iter().find(|piece| u64::from(piece.claimed) != *units);
            if let Some(other) = other {
                let found = other.claimed;
                return Some(format!("{key} has {found} claimed from {from} to {to}, not {units}"));
            }
        }
        None
    }
}

fn without_held(mut part: Part) -> Part {
    part.line.held = 0;
    part
}

/// What a claim takes: from which moment, up to which, and how much. Where another piece of its line
/// begins at a piece's end, there is no turnover in between.
fn taken(standing: &Standing) -> Vec<(i64, i64, u64)> {
    let parts = || standing.parts.iter().filter(|part| part.line.total() > 0);
    let beginnings: HashSet<_, FixedState> =
        parts().map(|part| (&part.line.id, part.line.span.from())).collect();
    let taken = parts().map(|Part { line, turnover_ms }| {
        let (from, to) = (line.span.from(), line.span.to());
        let goes_on = beginnings.contains(&(&line.id, to));
        let end = if goes_on { to } else { to.saturating_add((*turnover_ms).into()) };
        (from, end, line.total())
    });
    taken.collect()
}

/// From when to when a claim takes more than the one before it did.
fn grown(before: Option<&Standing>, standing: &Standing) -> Vec<(i64, i64)> {
    let mut turns = BTreeMap::<i64, i128>::new();
    let less = before.into_iter().flat_map(taken).map(|piece| (piece, -1));
    let more = taken(standing).into_iter().map(|piece| (piece, 1));
    for ((from, to, units), sign) in less.chain(more) {
        *turns.entry(from).or_default() += sign * i128::from(units);
        *turns.entry(to).or_default() -= sign * i128::from(units);
    }
    let turns: Vec<_> = turns.into_iter().collect();
    let mut level = 0;
    let pieces = turns.windows(2).filter(|two| {
        level += two[0].1;
        level > 0
    });
    pieces.map(|two| (two[0].0, two[1].0)).collect()
}

impl Claimed {
    /// Puts a claim in the place of the one that its reservation had, which is given back.
    fn replace(&mut self, standing: Standing) -> Option<Standing> {
        let before = self.claims.remove(&standing.reservation);
        for (from, to, total) in before.iter().flat_map(taken) {
            self.shift((from, to), |units| units.saturating_sub(total));
        }
        for (from, to, total) in taken(&standing) {
            self.shift((from, to), |units| units.saturating_add(total));
        }
        if standing.parts.iter().any(|part| part.line.total() > 0) {
            self.claims.insert(standing.reservation, standing);
        }
        before
    }

    fn shift(&mut self, (from, to): (i64, i64), shift: impl Fn(u64) -> u64) {
        for at in [from, to] {
            let level = self.level(at);
            self.units.entry(at).or_insert(level);
        }
        self.units.range_mut(from..to).for_each(|(_, units)| *units = shift(*units));
    }

    fn level(&self, at: i64) -> u64 {
        self.units.range(..=at).next_back().map_or(0, |(_, units)| *units)
    }

    /// Checks the time of a claim that it didn't have before.
    fn check(
        &self,
        standing: &Standing,
        before: Option<&Standing>,
        calendar: &Calendar,
    ) -> Vec<String> {
        let Some(details) = calendar.details() else { return Vec::new() };
        let is_known = details.rules.kind() == Kind::Nights || !details.rules.goes_by_dates();
        let mut wrong = Vec::new();
        for (from, to) in grown(before, standing) {
            for piece in calendar.available(from, to, PIECES_MAX) {
                let counted = self.level(piece.from);
                if counted != u64::from(piece.claimed) {
                    wrong.push(format!(
                        "the calendar has {} claimed, its events {counted}",
                        piece.claimed
                    ));
                }
                let limit = u64::from(piece.capacity) + u64::from(piece.overbooking);
                if is_known && counted > limit {
                    wrong.push(format!("{counted} are claimed where there are {limit}"));
                }
            }
        }
        wrong.truncate(1);
        wrong
    }
}
