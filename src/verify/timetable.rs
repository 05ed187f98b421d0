//! Who has claimed which time of each calendar, counted from the events of calendars alone.
//!
//! It is a second reckoning beside the calendar's own, so that a mistake in one shows. So it has its
//! own way to tell at which moments a claim takes what, and where it takes more than before. It never
//! forgets who was there: what a calendar folds stays here as it was claimed. Where the calendar has given
//! up when that was, it may count more, and never less.
//!
//! Whether a claim fitted is asked of the calendar's rules as they were then, but for slots whose
//! capacity goes by dates: zone data may have changed since, and nobody can say any more which
//! instants such a date had then.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::domain::calendar::{Available, Calendar, ClaimLine, Event, Kind, Part, Standing};
use crate::domain::ids::{EntityKey, ReservationId, Version};

/// How many pieces of a calendar are looked at, at a time.
const PIECES_MAX: usize = 10_000;

/// Every calendar's claims.
#[derive(Default)]
pub(super) struct Timetable {
    calendars: HashMap<EntityKey, Claimed, FixedState>,
}

/// A claim as it stands.
#[derive(Clone)]
pub(super) struct Stands {
    /// What its reservation has.
    pub(super) standing: Standing,
    /// While that is changed: what it is to have instead.
    pub(super) change: Option<Arc<[Part]>>,
}

#[derive(Default)]
struct Claimed {
    claims: HashMap<ReservationId, Stands, FixedState>,
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
        let plain = |standing: &Standing| Stands { standing: standing.clone(), change: None };
        let widened = |standing: &Standing, change: &Arc<[Part]>| Stands {
            standing: standing.clone(),
            change: Some(change.clone()),
        };
        match event {
            Event::ClaimMade(standing) => claimed.make(plain(standing), calendar),
            Event::ClaimChanged(standing) | Event::ClaimCommitted(standing) => {
                claimed.change(plain(standing), calendar)
            }
            Event::ClaimWidened { standing, change } if standing.parts.is_empty() => {
                claimed.make(widened(standing, change), calendar)
            }
            Event::ClaimWidened { standing, change } => {
                claimed.change(widened(standing, change), calendar)
            }
            Event::ClaimReleased { reservation, reservation_version } => {
                claimed.release(*reservation, *reservation_version)
            }
            Event::Created(_) | Event::Set(_) | Event::Retired | Event::ClaimsInConflict(_) => {
                Vec::new()
            }
        }
    }

    /// A reservation's claim, if it has one or used something up.
    pub(super) fn claim(&self, key: &EntityKey, reservation: ReservationId) -> Option<&Stands> {
        self.calendars.get(key)?.claims.get(&reservation)
    }

    /// Checks at the end that a calendar counts as its events do.
    pub(super) fn disagreement(&self, key: &EntityKey, calendar: &Calendar) -> Option<String> {
        let claimed = self.calendars.get(key)?;
        let mut moments = claimed.units.iter().peekable();
        while let Some((from, units)) = moments.next() {
            let Some((to, _)) = moments.peek() else { break };
            let pieces = calendar.available(*from, **to, PIECES_MAX);
            let other = pieces.iter().find(|piece| !agrees(calendar, piece, *units));
            if let Some(other) = other {
                let found = other.claimed;
                return Some(format!("{key} has {found} claimed from {from} to {to}, not {units}"));
            }
        }
        None
    }
}

impl Stands {
    /// Its lines, and those that are to take their place.
    pub(super) fn lines(&self) -> (Vec<ClaimLine>, Option<Vec<ClaimLine>>) {
        let lines = |parts: &[Part]| parts.iter().map(|part| part.line.clone()).collect();
        (lines(&self.standing.parts), self.change.as_deref().map(lines))
    }

    fn parts(&self) -> [&[Part]; 2] {
        [&self.standing.parts, self.change.as_deref().unwrap_or_default()]
    }
}

/// Whether a calendar counts what its events come to.
fn agrees(calendar: &Calendar, piece: &Available, counted: u64) -> bool {
    let claimed = u64::from(piece.claimed);
    claimed == counted || (piece.from < calendar.exact_from() && claimed > counted)
}

fn without_held(mut part: Part) -> Part {
    part.line.held = 0;
    part
}

/// A piece of time in which neither of two claims on it changes what it takes.
struct Step {
    from: i64,
    to: i64,
    /// Units that the one before takes.
    had: u64,
    /// Units that the one after takes.
    has: u64,
}

/// What two claims of a reservation take, one after the other: of what it has and what it is to have,
/// what is more.
fn steps(before: Option<&Stands>, after: &Stands) -> Vec<Step> {
    let before = before.map_or([&[][..]; 2], Stands::parts);
    let mut turns = BTreeMap::<i64, [i128; 4]>::new();
    for (which, parts) in before.into_iter().chain(after.parts()).enumerate() {
        for (from, to, units) in taken(parts) {
            turns.entry(from).or_default()[which] += i128::from(units);
            turns.entry(to).or_default()[which] -= i128::from(units);
        }
    }
    let (mut levels, mut steps) = ([0; 4], Vec::new());
    let mut turns = turns.into_iter().peekable();
    while let Some((from, turn)) = turns.next() {
        levels = std::array::from_fn(|which| levels[which] + turn[which]);
        let more = |one: i128, other| u64::try_from(one.max(other)).unwrap_or(u64::MAX);
        let (had, has) = (more(levels[0], levels[1]), more(levels[2], levels[3]));
        steps.extend(turns.peek().map(|(to, _)| Step { from, to: *to, had, has }));
    }
    steps
}

/// What parts of a claim take: from which moment, up to which, and how much. Where another piece of its
/// line begins at a piece's end, there is no turnover in between.
fn taken(parts: &[Part]) -> Vec<(i64, i64, u64)> {
    let parts = || parts.iter().filter(|part| part.line.total() > 0);
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

impl Claimed {
    fn make(&mut self, stands: Stands, calendar: &Calendar) -> Vec<String> {
        let before = self.replace(stands.clone());
        let is_first = before.is_none();
        let wrong = (!is_first).then(|| "the reservation has claimed here before".to_owned());
        wrong.into_iter().chain(self.check(&stands, before.as_ref(), calendar)).collect()
    }

    fn change(&mut self, stands: Stands, calendar: &Calendar) -> Vec<String> {
        let before = self.replace(stands.clone());
        let version = stands.standing.reservation_version;
        let wrong = match &before {
            None => Some("the reservation has no claim here"),
            Some(before) if before.standing.reservation_version > version => {
                Some("an older wish has undone a newer one")
            }
            Some(_) => None,
        };
        let wrong = wrong.map(str::to_owned).into_iter();
        wrong.chain(self.check(&stands, before.as_ref(), calendar)).collect()
    }

    fn release(&mut self, reservation: ReservationId, version: Version) -> Vec<String> {
        let Some(Stands { standing: before, .. }) = self.claims.get(&reservation).cloned() else {
            return vec!["the reservation has no claim here".to_owned()];
        };
        let is_old = before.reservation_version > version;
        let used = before.parts.iter().filter(|part| part.line.committed > 0);
        let parts = used.cloned().map(without_held).collect();
        let left = Standing { reservation_version: version, deadline: None, parts, ..before };
        self.replace(Stands { standing: left, change: None });
        let wrong = is_old.then(|| "an older wish has undone a newer one".to_owned());
        wrong.into_iter().collect()
    }

    /// Puts a claim in the place of the one that its reservation had, which is given back.
    fn replace(&mut self, stands: Stands) -> Option<Stands> {
        let before = self.claims.remove(&stands.standing.reservation);
        for Step { from, to, had, has } in steps(before.as_ref(), &stands) {
            self.shift((from, to), |units| units.saturating_sub(had).saturating_add(has));
        }
        if stands.parts().into_iter().flatten().any(|part| part.line.total() > 0) {
            self.claims.insert(stands.standing.reservation, stands);
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

    /// Checks the time at which a claim takes more than it did before.
    fn check(&self, stands: &Stands, before: Option<&Stands>, calendar: &Calendar) -> Vec<String> {
        let Some(details) = calendar.details() else { return Vec::new() };
        let is_known = details.rules.kind() == Kind::Nights || !details.rules.goes_by_dates();
        let grown = |step: &Step| step.has > step.had;
        let mut wrong = Vec::new();
        for Step { from, to, .. } in steps(before, stands).into_iter().filter(grown) {
            for piece in calendar.available(from, to, PIECES_MAX) {
                let counted = self.level(piece.from);
                if !agrees(calendar, &piece, counted) {
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
