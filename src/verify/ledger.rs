//! Who holds what, counted from the events of resources alone.
//!
//! It is a second reckoning beside the stock balance's own, so that a mistake in one shows.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::domain::claim::{Claim, StockFigures};
use crate::domain::ids::{EntityKey, ReservationId};
use crate::domain::stock_balance::Event;

/// Every resource's figures and claims.
#[derive(Default)]
pub(super) struct Ledger {
    resources: HashMap<EntityKey, Balance, FixedState>,
}

#[derive(Default)]
struct Balance {
    figures: StockFigures,
    claims: HashMap<ReservationId, Claim, FixedState>,
    /// Units that left on hand, by the reservation that used them.
    committed: HashMap<ReservationId, u64, FixedState>,
}

impl Ledger {
    /// Follows an event and tells the figures after it, and in words what is wrong with it. A
    /// wrong one is followed all the same as far as it goes.
    pub(super) fn follow(
        &mut self,
        resource: &EntityKey,
        event: &Event,
    ) -> (StockFigures, Result<(), &'static str>) {
        let balance = self.resources.entry(resource.clone()).or_default();
        let result = match event {
            Event::Received { quantity, .. } => balance.add(*quantity),
            Event::Adjusted { on_hand, delta, .. } => balance.adjust(*on_hand, *delta),
            Event::ClaimMade(claim) => balance.make(claim),
            Event::ClaimChanged(claim) => balance.change(claim, 0),
            Event::ClaimCommitted(claim) => balance.commit(claim),
            Event::ClaimReleased { claim, released } => balance.change(claim, *released),
        };
        let figures = balance.figures;
        let is_oversold = figures.held > figures.on_hand;
        let result = if is_oversold { Err("more is held than is on hand") } else { result };
        (figures, result)
    }

    /// The claim of a reservation that stands.
    pub(super) fn claim(&self, resource: &EntityKey, reservation: ReservationId) -> Option<&Claim> {
        self.resources.get(resource)?.claims.get(&reservation)
    }

    /// Units of a resource that a reservation has used.
    pub(super) fn committed(&self, resource: &EntityKey, reservation: ReservationId) -> u64 {
        let balance = self.resources.get(resource);
        balance.and_then(|balance| balance.committed.get(&reservation)).copied().unwrap_or_default()
    }

    /// The sum of a resource's claims, and how many there are.
    pub(super) fn sum(&self, resource: &EntityKey) -> (u64, usize) {
        let Some(balance) = self.resources.get(resource) else { return (0, 0) };
        let held = balance.claims.values().map(|claim| claim.held).sum();
        (held, balance.claims.len())
    }
}

impl Balance {
    fn add(&mut self, quantity: u64) -> Result<(), &'static str> {
        self.figures.on_hand = self.figures.on_hand.saturating_add(quantity);
        Ok(())
    }

    fn adjust(&mut self, on_hand: u64, delta: i64) -> Result<(), &'static str> {
        let expected = self.figures.on_hand.checked_add_signed(delta);
        self.figures.on_hand = on_hand;
        if expected == Some(on_hand) { Ok(()) } else { Err("the adjustment's sum is wrong") }
    }

    fn make(&mut self, claim: &Claim) -> Result<(), &'static str> {
        let standing = self.claims.insert(claim.reservation, *claim);
        let before = standing.map_or(0, |standing| standing.held);
        let is_first = standing.is_none() && claim.committed == 0;
        self.rehold(before, claim.held)?;
        if is_first { Ok(()) } else { Err("the reservation has claimed here before") }
    }

    /// A claim's quantity or deadline is another; `released` where it ends.
    fn change(&mut self, claim: &Claim, released: u64) -> Result<(), &'static str> {
        let before = self.replace(claim)?;
        let is_release = claim.held == 0;
        if is_release && released != before.held {
            return Err("it doesn't release what was held");
        }
        Ok(())
    }

    fn commit(&mut self, claim: &Claim) -> Result<(), &'static str> {
        let before = self.replace(claim)?;
        let used = claim.committed.saturating_sub(before.committed);
        let left = self.figures.on_hand.checked_sub(used);
        self.figures.on_hand = left.unwrap_or_default();
        *self.committed.entry(claim.reservation).or_default() += used;
        match left {
            Some(_) if used > 0 => Ok(()),
            Some(_) => Err("nothing was used up"),
            None => Err("more was used up than was on hand"),
        }
    }

    fn replace(&mut self, claim: &Claim) -> Result<Claim, &'static str> {
        let before = match claim.held {
            0 => self.claims.remove(&claim.reservation),
            _ => self.claims.insert(claim.reservation, *claim),
        };
        let before = before.ok_or("the reservation has no claim here")?;
        self.rehold(before.held, claim.held)?;
        if claim.reservation_version < before.reservation_version {
            return Err("an older wish has undone a newer one");
        }
        Ok(before)
    }

    fn rehold(&mut self, before: u64, after: u64) -> Result<(), &'static str> {
        let held = self.figures.held.saturating_sub(before).checked_add(after);
        self.figures.held = held.unwrap_or(u64::MAX);
        held.map(|_| ()).ok_or("more is held than can be counted")
    }
}
