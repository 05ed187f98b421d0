//! A stock balance: what is on hand, what of it is held, and for whom.

use std::collections::BTreeMap;

use holdfast::domain::claim::{Blocker, Claim, Shortfall, StockFigures, Wish};
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::rejection::{Rejection, Shortage};
use holdfast::domain::reservation::Line;
use holdfast::domain::stock_balance::{Adjustment, Command, Event as Happened};
use holdfast::domain::time::Timestamp;
use holdfast::domain::view::{StockView, View};

use super::resource::{Moment, Resource};
use super::stream::Stream;
use super::{Checked, Decision, Entity, LATEST, Model, Sight, Situation, check};
use crate::sent::Registry;

/// The most that can be on hand.
const MOST: i128 = i64::MAX as i128;

/// In numbers that can't overflow.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    on_hand: i128,
    held: i128,
}

impl Figures {
    fn available(self) -> i128 {
        self.on_hand - self.held
    }

    fn told(self) -> StockFigures {
        StockFigures { on_hand: self.on_hand as u64, held: self.held as u64 }
    }
}

/// A balance, as each of its events left it.
#[derive(Default)]
pub struct StockBalance {
    figures: Vec<Figures>,
    /// What each reservation held and had used, from which version on.
    claims: BTreeMap<ReservationId, Vec<(Version, Claim)>>,
}

impl StockBalance {
    fn figures(&self, version: Version) -> Figures {
        let last = self.figures.len().min(version.0 as usize);
        last.checked_sub(1).map_or(Figures::default(), |index| self.figures[index])
    }

    /// The claim of a reservation that stood at a version.
    fn standing(&self, id: ReservationId, at: Version) -> Option<&Claim> {
        let claims = self.claims.get(&id)?;
        let count = claims.partition_point(|(version, _)| *version <= at);
        claims.get(count.checked_sub(1)?).map(|(_, claim)| claim).filter(|claim| claim.held > 0)
    }
}

fn receive(before: Figures, quantity: u64) -> Result<(), Rejection> {
    if before.on_hand + i128::from(quantity) > MOST { Err(Rejection::Overflow) } else { Ok(()) }
}

fn adjust(before: Figures, to: Adjustment) -> Result<(u64, i64), Rejection> {
    let after = match to {
        Adjustment::By(delta) => before.on_hand + i128::from(delta),
        Adjustment::Counted(count) => i128::from(count),
    };
    if after < before.held {
        let requested = (before.on_hand - after) as u64;
        return Err(Rejection::BelowHeld { requested, stock: before.told() });
    }
    if after > MOST {
        return Err(Rejection::Overflow);
    }
    Ok((after as u64, (after - before.on_hand) as i64))
}

impl Entity for StockBalance {
    type Command = Command;
    type Happened = Happened;

    fn decide(
        model: &Model,
        key: &EntityKey,
        command: &Command,
        situation: &Situation,
    ) -> Decision {
        let version = model.version_at(key, situation.at);
        let figures = model.entities.balances.get(key).map(|balance| balance.figures(version));
        let figures = figures.unwrap_or_default();
        let happened = match command {
            Command::Receive { quantity, reference } => {
                let (quantity, reference) = (*quantity, reference.clone());
                receive(figures, quantity).map(|()| Happened::Received { quantity, reference })
            }
            Command::Adjust { .. } if version == Version(0) => {
                Err(Rejection::NotFound(EntityKind::StockBalance))
            }
            Command::Adjust { to, reason } => adjust(figures, *to).map(|(on_hand, delta)| {
                Happened::Adjusted { on_hand, delta, reason: reason.clone() }
            }),
            Command::Claim(_) | Command::Check(_) | Command::Demand(_) => {
                unreachable!("no client can say {command:?}")
            }
        };
        match happened {
            Ok(event) => Decision::accepted(vec![Body::StockBalance(event)]),
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
        let key = &event.stream;
        if let Happened::ClaimMade(claim) = happened {
            let known = model.entities.balances.get(key);
            let figures = known.map(|known| known.figures(LATEST)).unwrap_or_default();
            let fits = i128::from(claim.held) <= figures.available();
            check(fits, || format!("sold twice: {claim:?} of {figures:?}"))?;
            model.check_first_claim(event, &Wish::Stock(*claim), sent)?;
        } else {
            let known = model.entities.balances.get(key).ok_or("there is no such balance")?;
            let (claim, standing) = known.check_change(happened)?;
            model.check_wish(key, &Wish::Stock(*claim), &Wish::Stock(*standing))?;
        }
        Ok(vec![event.body.clone()])
    }

    fn apply(&mut self, happened: &Happened, event: &Event) {
        let Figures { on_hand, held } = self.figures(LATEST);
        let figures = match happened {
            Happened::Received { quantity, .. } => {
                Figures { on_hand: on_hand + i128::from(*quantity), held }
            }
            Happened::Adjusted { on_hand, .. } => Figures { on_hand: i128::from(*on_hand), held },
            Happened::ClaimMade(claim)
            | Happened::ClaimChanged(claim)
            | Happened::ClaimCommitted(claim)
            | Happened::ClaimReleased { claim, .. } => {
                let before = self.standing(claim.reservation, LATEST);
                let (freed, used) = before.map_or((0, 0), |claim| (claim.held, claim.committed));
                let used = i128::from(claim.committed) - i128::from(used);
                let entry = (event.version, *claim);
                self.claims.entry(claim.reservation).or_default().push(entry);
                Figures {
                    on_hand: on_hand - used,
                    held: held - i128::from(freed) + i128::from(claim.held),
                }
            }
        };
        self.figures.push(figures);
    }

    fn sight(&self, stream: &Stream, version: Version) -> Sight {
        let updated = stream.moment(version).map_or(Timestamp(0), |moment| moment.time);
        let figures = self.figures(version).told();
        Sight::Other(View::StockBalance(StockView { figures, updated }))
    }

    fn check_at_rest(model: &Model, _: Timestamp) -> Checked {
        for (key, balance) in &model.entities.balances {
            model.check_claims_are_wanted(key)?;
            let claims = balance.claims.keys().filter_map(|id| balance.standing(*id, LATEST));
            let held: i128 = claims.map(|claim| i128::from(claim.held)).sum();
            let figures = balance.figures(LATEST);
            check(held == figures.held, || {
                format!("{key}: {figures:?}, and the claims are {held}")
            })?;
        }
        Ok(())
    }
}

impl StockBalance {
    /// A claim that stands, and what takes its place: that shrinks, as its event's name says.
    fn check_change<'a>(
        &'a self,
        happened: &'a Happened,
    ) -> Result<(&'a Claim, &'a Claim), String> {
        let (claim, freed) = match happened {
            Happened::ClaimChanged(claim) | Happened::ClaimCommitted(claim) => (claim, None),
            Happened::ClaimReleased { claim, released } => (claim, Some(*released)),
            Happened::ClaimMade(_) | Happened::Received { .. } | Happened::Adjusted { .. } => {
                return Err("nobody has sent a command for it".into());
            }
        };
        let standing = self.standing(claim.reservation, LATEST).ok_or("there was no claim")?;
        let is_grown = claim.held + claim.committed > standing.held + standing.committed;
        check(!is_grown || claim.is_release(), || format!("it was {standing:?} before"))?;
        let fits_name = match happened {
            Happened::ClaimCommitted(claim) => claim.committed > standing.committed,
            Happened::ClaimReleased { .. } => {
                freed == Some(standing.held)
                    && claim.held == 0
                    && claim.committed == standing.committed
            }
            _ => claim.held > 0 && claim.committed == standing.committed,
        };
        check(fits_name, || format!("it was {standing:?} before"))?;
        Ok((claim, standing))
    }
}

impl Resource for StockBalance {
    fn claims(&self, version: Version) -> Vec<Wish> {
        let claims = self.claims.keys().filter_map(|id| self.standing(*id, version));
        claims.copied().map(Wish::Stock).collect()
    }

    fn claim(&self, id: ReservationId, version: Version) -> Option<Wish> {
        self.standing(id, version).copied().map(Wish::Stock)
    }

    fn last_claim(&self, id: ReservationId) -> Option<Wish> {
        self.claims.get(&id)?.last().map(|(_, claim)| Wish::Stock(*claim))
    }

    /// What is left goes to the lines in their order.
    fn short(&self, lines: &[&Line], moment: Moment) -> Vec<Shortage> {
        let figures = self.figures(moment.version);
        let blocker = (moment.version > Version(0)).then(|| Blocker::Stock(figures.told()));
        let mut available = figures.available() as u64;
        let mut short = Vec::new();
        for line in lines {
            let Line { id, wanted, quantity } = (*line).clone();
            if available < quantity {
                let position = moment.position;
                let shortfall = Shortfall { available, position, blocker };
                short.push(Shortage { line: id, wanted, requested: quantity, shortfall });
            }
            available = available.saturating_sub(quantity);
        }
        short
    }
}
