//! What is the same for whatever claims are made on.

use holdfast::domain::claim::Wish;
use holdfast::domain::event::Event;
use holdfast::domain::ids::*;
use holdfast::domain::rejection::Shortage;
use holdfast::domain::reservation::Line;
use holdfast::domain::time::Timestamp;

use super::{Checked, LATEST, Model, beside, check, reservation_of};
use crate::sent::Registry;

/// Where and when something is decided.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The resource's version.
    pub version: Version,
    /// The log's last position.
    pub position: Position,
    pub now: Timestamp,
}

/// Something that claims are made on, as each of its events left it.
pub trait Resource {
    /// The claims that stood at a version, by reservation.
    fn claims(&self, version: Version) -> Vec<Wish>;

    /// A reservation's claim that stood at a version.
    fn claim(&self, id: ReservationId, version: Version) -> Option<Wish>;

    /// What a reservation's last claim was, whether it stands or was released or used up.
    fn last_claim(&self, id: ReservationId) -> Option<Wish>;

    /// Those of a reservation's lines here that can't be had at a moment, if it has nothing yet.
    fn short(&self, lines: &[&Line], moment: Moment) -> Vec<Shortage>;

    /// Whether a line's shortage is told as it is expected.
    fn is_told(&self, told: &Shortage, expected: &Shortage) -> bool {
        told == expected
    }

    /// Times between two, such that whatever is decided at any between them is decided at one of
    /// these.
    fn times(
        &self,
        _version: Version,
        _lines: &[&Line],
        _told: &[&Shortage],
        (from, _): (Timestamp, Timestamp),
    ) -> Vec<Timestamp> {
        vec![from]
    }

    /// A claim as readers are told it.
    fn shown(&self, claim: Wish) -> Wish {
        claim
    }
}

impl Model {
    /// The claim that a reservation has on a resource.
    pub(super) fn claim_now(&self, resource: &EntityKey, id: ReservationId) -> Option<Wish> {
        self.resource(resource)?.claim(id, LATEST)
    }

    /// A reservation that doesn't exist yet, and only such a one, makes its first claim: the next
    /// of those that it needs.
    pub(super) fn check_first_claim(
        &self,
        event: &Event,
        claim: &Wish,
        sent: &Registry,
    ) -> Checked {
        let standing = self.claim_now(&event.stream, claim.reservation());
        check(standing.is_none(), || format!("{standing:?} stands"))?;
        self.check_wanted(event, claim, sent)
    }

    /// A later claim is what the reservation wanted at the version that it names. One that is left
    /// of a creation that was refused is released, also where another creation has succeeded
    /// since, which wants nothing here.
    pub(super) fn check_wish(&self, key: &EntityKey, claim: &Wish, standing: &Wish) -> Checked {
        let EntityId::Resource(resource) = &key.id else { return Err("no resource".into()) };
        let id = claim.reservation();
        let reservation = reservation_of(&key.tenant, id);
        let (version, known_version) =
            (claim.reservation_version(), standing.reservation_version());
        let stream = self.stream(&reservation);
        let known = self.entities.reservations.get(&reservation);
        let wish = match known.filter(|known| known.wants(resource)) {
            None => {
                let latest = stream.version().max(known_version);
                let is_of_now = (known_version..=latest).contains(&version);
                check(is_of_now, || format!("its reservation is at {latest}"))?;
                claim.released()
            }
            Some(known) => {
                check(version > known_version, || format!("{standing:?} is as new"))?;
                let wish = known.wish(stream, resource, id, version);
                wish.ok_or("its reservation never wanted anything at this version")?
            }
        };
        check(*claim == wish, || format!("its reservation wanted {wish:?}"))
    }

    /// Checks that at rest every claim on a resource is what its reservation wants.
    pub(super) fn check_claims_are_wanted(&self, key: &EntityKey) -> Checked {
        let EntityId::Resource(resource) = &key.id else { return Err("no resource".into()) };
        let known = self.resource(key).ok_or("no resource")?;
        for claim in known.claims(LATEST) {
            let id = claim.reservation();
            let reservation = reservation_of(&key.tenant, id);
            let stream = self.stream(&reservation);
            let holder = self.entities.reservations.get(&reservation);
            let wish = holder.and_then(|it| it.wish(stream, resource, id, stream.version()));
            let is_wanted = wish.as_ref().is_some_and(|wish| is_met(wish, &claim));
            check(is_wanted, || format!("{key}: {claim:?}, not {wish:?}"))?;
        }
        Ok(())
    }

    /// Checks that at rest a reservation has what it wants of a resource.
    pub(super) fn check_wish_is_met(&self, key: &EntityKey, resource: &ResourceKey) -> Checked {
        let EntityId::Reservation(id) = key.id else { return Err("no reservation".into()) };
        let (known, stream) = (&self.entities.reservations[key], self.stream(key));
        let at = beside(key, EntityId::Resource(resource.clone()));
        let wish = known.wish(stream, resource, id, stream.version());
        let has = self.resource(&at).and_then(|resource| resource.last_claim(id));
        let is_met = wish.as_ref().zip(has.as_ref()).is_some_and(|(wish, has)| is_met(wish, has));
        check(is_met, || format!("{key} wants {wish:?} of {at}, has {has:?}"))
    }
}

/// Whether a claim is what is wanted. Where all of it is used nothing is to be done any more, whatever
/// becomes of the reservation's other lines.
fn is_met(wish: &Wish, claim: &Wish) -> bool {
    let mut claim = claim.clone();
    if !claim.is_holding() {
        let version = wish.reservation_version();
        match &mut claim {
            Wish::Stock(claim) => claim.reservation_version = version,
            Wish::Calendar(claim) => claim.reservation_version = version,
        }
    }
    claim == *wish
}
