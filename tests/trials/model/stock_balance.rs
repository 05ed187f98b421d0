//! A stock balance: what is on hand, what of it is held, and for whom.

use std::collections::BTreeMap;

use holdfast::domain::claim::{Blocker, Claim, Shortfall, StockFigures};
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::stock_balance::{Adjustment, Command, Event as Happened};
use holdfast::domain::time::Timestamp;
use holdfast::domain::view::{StockView, View};

use super::stream::Stream;
use super::{Checked, Decision, Model, NOW, Situation, check, reservation_of};
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
    /// What each reservation held and had used, from which position on.
    claims: BTreeMap<ReservationId, Vec<(Position, Claim)>>,
}

impl StockBalance {
    fn figures(&self, version: Version) -> Figures {
        let before = (version.0 as usize).checked_sub(1);
        before.map_or(Figures::default(), |index| self.figures[index])
    }

    /// The claim of a reservation that stood at a position.
    fn claim(&self, id: ReservationId, at: Position) -> Option<&Claim> {
        let claims = self.claims.get(&id)?;
        let count = claims.partition_point(|(position, _)| *position <= at);
        claims.get(count.checked_sub(1)?).map(|(_, claim)| claim).filter(|claim| claim.held > 0)
    }

    /// Units that a reservation has taken away.
    fn used(&self, id: ReservationId) -> u64 {
        let last = self.claims.get(&id).and_then(|claims| claims.last());
        last.map_or(0, |(_, claim)| claim.committed)
    }

    pub fn apply(&mut self, event: &Happened, position: Position) {
        let Figures { on_hand, held } = self.figures.last().copied().unwrap_or_default();
        let figures = match event {
            Happened::Received { quantity, .. } => {
                Figures { on_hand: on_hand + i128::from(*quantity), held }
            }
            Happened::Adjusted { on_hand, .. } => Figures { on_hand: i128::from(*on_hand), held },
            Happened::ClaimMade(claim)
            | Happened::ClaimChanged(claim)
            | Happened::ClaimCommitted(claim)
            | Happened::ClaimReleased { claim, .. } => {
                let before = self.claim(claim.reservation, NOW);
                let (freed, used) = before.map_or((0, 0), |claim| (claim.held, claim.committed));
                let used = i128::from(claim.committed) - i128::from(used);
                let entry = (position, *claim);
                self.claims.entry(claim.reservation).or_default().push(entry);
                Figures {
                    on_hand: on_hand - used,
                    held: held - i128::from(freed) + i128::from(claim.held),
                }
            }
        };
        self.figures.push(figures);
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

impl Model {
    pub(super) fn decide_stock_balance(
        &self,
        key: &EntityKey,
        command: &Command,
        situation: &Situation,
    ) -> Decision {
        let version = self.version_at(key, situation.at);
        let figures = self.figures(key, version);
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

    pub(super) fn view_stock_balance(
        &self,
        key: &EntityKey,
        stream: &Stream,
        version: Version,
    ) -> View {
        let updated = stream.moment(version).map_or(Timestamp(0), |moment| moment.time);
        let figures = self.figures(key, version).told();
        View::StockBalance(StockView { figures, updated })
    }

    fn figures(&self, key: &EntityKey, version: Version) -> Figures {
        self.balances.get(key).map_or(Figures::default(), |balance| balance.figures(version))
    }

    /// Checks a claim: it fits, and it is what its reservation wanted.
    pub(super) fn check_claim(
        &self,
        event: &Event,
        happened: &Happened,
        sent: &Registry,
    ) -> Checked {
        let (claim, freed) = match happened {
            Happened::ClaimMade(claim) => return self.check_claim_made(event, claim, sent),
            Happened::ClaimChanged(claim) | Happened::ClaimCommitted(claim) => (claim, None),
            Happened::ClaimReleased { claim, released } => (claim, Some(*released)),
            Happened::Received { .. } | Happened::Adjusted { .. } => {
                return Err("nobody has sent a command for it".into());
            }
        };
        let balance = self.balances.get(&event.stream).ok_or("there is no such balance")?;
        let standing = balance.claim(claim.reservation, NOW).ok_or("there was no claim")?;
        let is_grown = claim.held + claim.committed > standing.held + standing.committed;
        check(!is_grown || claim.is_release(), || format!("it was {standing:?} before"))?;
        let fits_name = match happened {
            Happened::ClaimCommitted(claim) => claim.committed > standing.committed,
            Happened::ClaimReleased { .. } => freed == Some(standing.held) && claim.is_release(),
            _ => claim.held > 0 && claim.committed == standing.committed,
        };
        check(fits_name, || format!("it was {standing:?} before"))?;
        self.check_wish(&event.stream, claim, standing)
    }

    /// A reservation that doesn't exist yet, and only such a one, makes its first claim: the next of
    /// those that it needs, and no more than there is.
    fn check_claim_made(&self, event: &Event, claim: &Claim, sent: &Registry) -> Checked {
        let key = &event.stream;
        let figures = self.figures(key, self.version_at(key, NOW));
        let fits = i128::from(claim.held) <= figures.available();
        check(fits, || format!("sold twice: {claim:?} of {figures:?}"))?;
        let standing = self.standing_claim(key, claim.reservation, NOW);
        check(standing.is_none(), || format!("{standing:?} stands"))?;
        self.check_wanted(event, claim, sent)
    }

    /// A later claim is what the reservation wanted at the version that it names. One that is left
    /// of a creation that was refused is released, also where another creation has succeeded
    /// since, which wants nothing here.
    fn check_wish(&self, key: &EntityKey, claim: &Claim, standing: &Claim) -> Checked {
        let EntityId::Resource(resource) = &key.id else { return Err("no resource".into()) };
        let reservation = reservation_of(&key.tenant, claim.reservation);
        let version = claim.reservation_version;
        let stream = self.stream(&reservation);
        let known = self.reservations.get(&reservation);
        let wish = match known.filter(|known| known.wants(resource)) {
            None => {
                let latest = stream.version().max(standing.reservation_version);
                let is_of_now = (standing.reservation_version..=latest).contains(&version);
                check(is_of_now, || format!("its reservation is at {latest}"))?;
                Claim::release(claim.reservation, version)
            }
            Some(known) => {
                let is_newer = version > standing.reservation_version;
                check(is_newer, || format!("{standing:?} is as new"))?;
                let wish = known.wish(stream, resource, claim.reservation, version);
                wish.ok_or("its reservation never wanted anything at this version")?
            }
        };
        check(*claim == wish, || format!("its reservation wanted {wish:?}"))
    }

    /// The claim that a reservation had on a resource.
    pub(super) fn standing_claim(
        &self,
        resource: &EntityKey,
        id: ReservationId,
        at: Position,
    ) -> Option<&Claim> {
        self.balances.get(resource)?.claim(id, at)
    }

    /// What there was of a resource, said as a refusal says it.
    pub(super) fn shortfall(&self, resource: &EntityKey, position: Position) -> Shortfall {
        let version = self.version_at(resource, position);
        let figures = self.figures(resource, version);
        let blocker = (version > Version(0)).then(|| Blocker::Stock(figures.told()));
        Shortfall { available: figures.available() as u64, position, blocker }
    }

    /// Whether there was enough of a resource at some moment from one position to another.
    pub(super) fn sufficed(
        &self,
        resource: &EntityKey,
        wanted: u64,
        (from, to): (Position, Position),
    ) -> bool {
        let (first, last) = (self.version_at(resource, from), self.version_at(resource, to));
        let mut versions = (first.0..=last.0).map(Version);
        versions.any(|version| self.figures(resource, version).available() >= i128::from(wanted))
    }

    /// The claims on a resource at a position, by reservation.
    pub(super) fn claims(&self, resource: &EntityKey, at: Position) -> Vec<Claim> {
        let Some(balance) = self.balances.get(resource) else { return Vec::new() };
        balance.claims.keys().filter_map(|id| balance.claim(*id, at)).copied().collect()
    }

    /// Checks that at rest every claim is what its reservation wants, and every wish is met.
    pub(super) fn check_claims_at_rest(&self) -> Checked {
        for key in self.balances.keys() {
            let EntityId::Resource(resource) = &key.id else { continue };
            for claim in self.claims(key, NOW) {
                let reservation = reservation_of(&key.tenant, claim.reservation);
                let known = self.reservations.get(&reservation);
                let stream = self.stream(&reservation);
                let wish = known.and_then(|known| {
                    known.wish(stream, resource, claim.reservation, stream.version())
                });
                check(wish == Some(claim), || format!("{key}: {claim:?}, not {wish:?}"))?;
            }
            let held: i128 = self.claims(key, NOW).iter().map(|claim| i128::from(claim.held)).sum();
            let figures = self.figures(key, self.version_at(key, NOW));
            check(held == figures.held, || {
                format!("{key}: {figures:?}, and the claims are {held}")
            })?;
        }
        Ok(())
    }

    /// Units of a resource that a reservation holds and has used.
    pub(super) fn has_of(&self, resource: &EntityKey, id: ReservationId) -> (u64, u64) {
        let Some(balance) = self.balances.get(resource) else { return (0, 0) };
        let held = balance.claim(id, NOW).map_or(0, |claim| claim.held);
        (held, balance.used(id))
    }
}
