//! A calendar: what its owner has set, who has claimed which moments, and what no longer fits.
//!
//! `offer` says what there is at a moment, `state` what is claimed of it, `setting` what an owner can
//! set, `fitting` whether a line can be had, `answers` what a reader is told.

mod answers;
mod fitting;
mod offer;
mod setting;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast::domain::calendar::{
    ClaimLine, Command, Details, Event as Happened, General, Standing,
};
use holdfast::domain::claim::{Blocker, Wish};
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::name::LineId;
use holdfast::domain::rejection::{Rejection, Shortage};
use holdfast::domain::reservation::Line;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;

use super::resource::{Moment, Resource};
use super::stream::Stream;
use super::{Checked, Decision, Entity, Model, Situation, check};
use crate::sent::Registry;
use fitting::{Lack, is_told};
use setting::set;
use state::{State, is_followed, wish};

/// What clients are shown of a calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    pub zone: String,
    pub capacity: u32,
    pub general: General,
    pub is_retired: bool,
    pub claims: usize,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Sight {
    pub fn of(details: &Details) -> Self {
        Self {
            zone: details.rules.zone.to_string(),
            capacity: details.rules.capacity,
            general: details.rules.general.clone(),
            is_retired: details.is_retired,
            claims: details.claims,
            created: details.created,
            updated: details.updated,
        }
    }
}

/// A calendar, as each of its events left it.
#[derive(Default)]
pub struct Calendar {
    zone: String,
    states: Vec<State>,
    /// The last claim of each reservation, released or not, also where it is no longer told apart.
    last: BTreeMap<ReservationId, Standing>,
    /// Whose claims were ever named as in conflict.
    named: BTreeSet<ReservationId>,
}

impl Calendar {
    fn state(&self, version: Version) -> Option<&State> {
        let last = self.states.len().min(version.0 as usize);
        self.states.get(last.checked_sub(1)?)
    }

    fn now(&self) -> Result<&State, String> {
        self.states.last().ok_or("there is no such calendar".into())
    }

    /// The claim that an event has stand.
    fn claim_of(&self, happened: &Happened) -> Option<Standing> {
        match happened {
            Happened::ClaimMade(standing)
            | Happened::ClaimChanged(standing)
            | Happened::ClaimCommitted(standing) => Some(standing.clone()),
            Happened::ClaimReleased { reservation, reservation_version } => {
                let standing = self.states.last()?.claims.get(reservation)?;
                let used = standing.parts.iter().filter(|part| part.line.committed > 0);
                Some(Standing {
                    reservation: *reservation,
                    reservation_version: *reservation_version,
                    deadline: None,
                    parts: used.cloned().collect(),
                })
            }
            Happened::Created(_)
            | Happened::Set(_)
            | Happened::Retired
            | Happened::ClaimsInConflict(_)
            | Happened::ClaimWidened { .. } => None,
        }
    }

    /// Checks a first claim: it keeps the rules, and at no moment more is claimed than may be.
    fn check_fits(&self, claim: &Standing, now: Timestamp) -> Checked {
        let state = self.now()?;
        let lines: Vec<_> = claim.parts.iter().map(|part| part.line.clone()).collect();
        let lacks = state.lacks(&lines, now);
        check(lacks.is_empty(), || format!("sold twice, or against the rules: {lacks:?}"))?;
        let turnover_ms = state.rules.turnover_ms();
        let is_kept = claim.parts.iter().all(|part| part.turnover_ms == turnover_ms);
        check(is_kept, || format!("the turnover is {turnover_ms} ms"))
    }

    /// Checks what takes the place of a claim that stands: it takes nothing that wasn't its own, and
    /// is called what it is.
    fn check_change(&self, happened: &Happened, claim: &Standing) -> Result<&Standing, String> {
        let state = self.now()?;
        let standing = state.claims.get(&claim.reservation).ok_or("there was no claim")?;
        let of_kind = |claim: &Standing, is_used: bool| {
            let pieces = state.pieces(claim).into_iter().filter(|piece| piece.is_used == is_used);
            pieces.map(|piece| (piece.from, piece.to, piece.units)).collect::<Vec<_>>()
        };
        let uses_more = of_kind(claim, true) != of_kind(standing, true);
        let [holds, held] = [claim, standing].map(|claim| !of_kind(claim, false).is_empty());
        let fits_name = match happened {
            Happened::ClaimCommitted(_) => uses_more,
            Happened::ClaimReleased { .. } => held && !uses_more && !holds,
            _ => !uses_more && (holds || !held),
        };
        check(fits_name, || format!("it was {standing:?} before"))?;
        let turnover_ms = standing.parts.first().map(|part| part.turnover_ms);
        let is_kept = claim.parts.iter().all(|part| Some(part.turnover_ms) == turnover_ms);
        check(is_kept, || format!("the turnover was {turnover_ms:?} ms"))?;
        let mut after = state.clone();
        after.put(Arc::new(claim.clone()));
        for (moment, taken) in &after.taken {
            let before = state.taken(*moment);
            check(*taken <= before, || format!("at moment {moment}, {before} were claimed"))?;
        }
        Ok(standing)
    }
}

impl Entity for Calendar {
    type Command = Command;
    type Happened = Happened;

    fn decide(
        model: &Model,
        key: &EntityKey,
        command: &Command,
        situation: &Situation,
    ) -> Decision {
        let version = model.version_at(key, situation.at);
        let known = model.entities.calendars.get(key);
        let decided = match (known.and_then(|known| known.state(version)), command) {
            (None, Command::Create(create)) => Ok(vec![Happened::Created(create.clone())]),
            (None, _) => Err(Rejection::NotFound(EntityKind::Calendar)),
            (Some(_), Command::Create(_)) => Err(Rejection::RequestIdReused),
            (Some(state), Command::Set { setting, accept_conflicts }) => {
                set(state, setting, *accept_conflicts, situation.now)
            }
            (Some(state), Command::Retire) if state.is_retired => {
                let (from, command) = ("RETIRED", "RetireCalendar");
                Err(Rejection::InvalidTransition { from, command })
            }
            (Some(_), Command::Retire) => Ok(vec![Happened::Retired]),
            (Some(_), Command::Claim(_) | Command::Check(_) | Command::Demand(_)) => {
                unreachable!("no client can say {command:?}")
            }
        };
        match decided {
            Ok(events) => Decision::accepted(events.into_iter().map(Body::Calendar).collect()),
            Err(rejection) => Decision::refused(rejection),
        }
    }

    /// A claim fits, and it is what its reservation wanted.
    fn by_itself(
        model: &Model,
        event: &Event,
        happened: &Happened,
        sent: &Registry,
    ) -> Result<Vec<Body>, String> {
        let known = model.entities.calendars.get(&event.stream);
        let known = known.ok_or("there is no such calendar")?;
        let claim = known.claim_of(happened).ok_or("nobody has sent a command for it")?;
        if let Happened::ClaimMade(_) = happened {
            known.check_fits(&claim, event.time)?;
            model.check_first_claim(event, &wish(&claim), sent)?;
        } else {
            let standing = known.check_change(happened, &claim)?;
            model.check_wish(&event.stream, &wish(&claim), &wish(standing))?;
        }
        Ok(vec![event.body.clone()])
    }

    fn apply(&mut self, happened: &Happened, event: &Event) {
        let mut state = match (self.states.last(), happened) {
            (Some(state), _) => state.clone(),
            (None, Happened::Created(create)) => {
                self.zone = create.zone.to_string();
                State::new(create)
            }
            (None, _) => unreachable!("its first event is its creation, which the model checks"),
        };
        match happened {
            Happened::Set(setting) => state.rules = Arc::new(state.rules.with(setting)),
            Happened::Retired => state.is_retired = true,
            Happened::ClaimsInConflict(conflicts) => {
                self.named.extend(conflicts.iter().map(|conflict| conflict.reservation));
            }
            _ => {}
        }
        if let Some(claim) = self.claim_of(happened) {
            self.last.insert(claim.reservation, claim.clone());
            state.put(Arc::new(claim));
        }
        state.only_count(event.time);
        self.states.push(state);
    }

    fn sight(&self, stream: &Stream, version: Version) -> super::Sight {
        let (Some(state), Some(moment)) = (self.state(version), stream.moment(version)) else {
            return super::Sight::NOTHING;
        };
        let first = stream.moment(Version(1)).expect("it has one version at least");
        super::Sight::Calendar(Sight {
            zone: self.zone.clone(),
            capacity: state.rules.capacity,
            general: state.rules.general.clone(),
            is_retired: state.is_retired,
            claims: state.claims.len(),
            created: first.time,
            updated: moment.time,
        })
    }

    /// Every claim is wanted, what is claimed is what claims come to, and whatever no longer fits was
    /// named.
    fn check_at_rest(model: &Model, now: Timestamp) -> Checked {
        for (key, calendar) in &model.entities.calendars {
            model.check_claims_are_wanted(key)?;
            let state = calendar.now()?;
            let mut taken = BTreeMap::<i64, u64>::new();
            for piece in calendar.last.values().flat_map(|claim| state.pieces(claim)) {
                (piece.from..piece.end)
                    .for_each(|moment| *taken.entry(moment).or_default() += piece.units);
            }
            let is_sum = state
                .taken
                .iter()
                .all(|(moment, units)| taken.get(moment).copied().unwrap_or_default() == *units);
            check(is_sum, || format!("{key}: its claims come to {taken:?}"))?;
            for conflict in state.conflicts(now) {
                let is_named = calendar.named.contains(&conflict.reservation);
                check(is_named, || format!("{key}: nobody was told of {conflict:?}"))?;
            }
        }
        Ok(())
    }
}

/// Lines on a calendar as their claim has them.
fn claim_lines(lines: &[&Line]) -> Vec<ClaimLine> {
    let line = |line: &&Line| match line.wanted {
        Wanted::Time { span, .. } => {
            ClaimLine { id: line.id.clone(), span, held: line.quantity, committed: 0 }
        }
        Wanted::Stock(_) => unreachable!("stock is no time"),
    };
    lines.iter().map(line).collect()
}

impl Resource for Calendar {
    fn claims(&self, version: Version) -> Vec<Wish> {
        let state = self.state(version);
        state.into_iter().flat_map(|state| state.claims.values()).map(|claim| wish(claim)).collect()
    }

    fn claim(&self, id: ReservationId, version: Version) -> Option<Wish> {
        self.state(version)?.claims.get(&id).map(|claim| wish(claim))
    }

    fn last_claim(&self, id: ReservationId) -> Option<Wish> {
        self.last.get(&id).map(wish)
    }

    fn short(&self, lines: &[&Line], moment: Moment) -> Vec<Shortage> {
        let wanted = claim_lines(lines);
        let lacks = match self.state(moment.version) {
            Some(state) => state.lacks(&wanted, moment.now),
            None => wanted.iter().map(Lack::unknown).collect(),
        };
        let shortage = |lack: Lack| {
            let line = lines.iter().find(|line| line.id == lack.line).expect("it is one of them");
            Shortage {
                line: line.id.clone(),
                wanted: line.wanted.clone(),
                requested: line.quantity,
                shortfall: lack.shortfall(moment.position),
            }
        };
        lacks.into_iter().map(shortage).collect()
    }

    fn is_told(&self, told: &Shortage, expected: &Shortage) -> bool {
        let said = Shortage { shortfall: expected.shortfall, ..told.clone() };
        said == *expected && is_told(&told.shortfall, &expected.shortfall)
    }

    fn times(
        &self,
        version: Version,
        lines: &[&Line],
        told: &[&Shortage],
        between: (Timestamp, Timestamp),
    ) -> Vec<Timestamp> {
        let spans: Vec<_> = claim_lines(lines).iter().map(|line| line.span).collect();
        let causes: Vec<_> = told
            .iter()
            .filter_map(|short| match short.shortfall.blocker {
                Some(Blocker::Calendar(obstacle)) => Some(obstacle.cause),
                _ => None,
            })
            .collect();
        let state = self.state(version);
        state.map_or_else(|| vec![between.0], |state| state.times(&spans, &causes, between))
    }

    /// Piece by piece, in the order of time; what its lines are called isn't told.
    fn shown(&self, claim: Wish) -> Wish {
        let Wish::Calendar(mut claim) = claim else {
            unreachable!("a calendar has its own claims")
        };
        let mut pieces = Vec::new();
        for line in claim.lines.iter() {
            let is_followed = is_followed(line, claim.lines.iter());
            for (units, is_used) in [(line.held, false), (line.committed, true)] {
                if units > 0 {
                    pieces.push((line.span, is_followed, units, is_used));
                }
            }
        }
        pieces.sort_unstable();
        let line = |(nth, (span, _, units, is_used))| ClaimLine {
            id: LineId::counted(nth),
            span,
            held: if is_used { 0 } else { units },
            committed: if is_used { units } else { 0 },
        };
        claim.lines = pieces.into_iter().enumerate().map(line).collect();
        Wish::Calendar(claim)
    }
}
