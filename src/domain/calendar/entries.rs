//! Claims as a calendar keeps them, in little room.
//!
//! ```text
//!   reservation 16 │ version 8 │ deadline 8 │ from 8 │ to 8 │ turnover 4 │ units and use 4
//! ```
//!
//! Most claims are one piece of time, which is held or used up as a whole. Those of more pieces have
//! them elsewhere. What a line is called is kept by its reservation alone.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::claim::{Claim, ClaimLine, Part, Standing};
use super::rows::Row;
use super::span::{DAY_MS, Kind};
use crate::domain::ids::{ReservationId, Version};
use crate::domain::name::LineId;
use crate::domain::time::Timestamp;

/// Some units for some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// The first moment.
    pub from: i64,
    /// The moment after the last of the span itself.
    pub to: i64,
    turnover: Turnover,
    /// Twice the units, and one where they are used up.
    units: NonZeroU32,
}

/// For how long after its span others can't have a share's units: in milliseconds, below 2^31. The
/// bit above says that another piece of its line follows at once, so that there is no turnover in
/// between; how long it was is kept all the same, since the piece that follows may be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
struct Turnover(u32);

impl Turnover {
    const FOLLOWED: u32 = 1 << 31;

    fn last(span_ms: u32) -> Self {
        Self(span_ms & !Self::FOLLOWED)
    }

    fn followed(span_ms: u32) -> Self {
        Self(span_ms | Self::FOLLOWED)
    }

    fn is_followed(self) -> bool {
        self.0 & Self::FOLLOWED != 0
    }

    fn span_ms(self) -> u32 {
        self.0 & !Self::FOLLOWED
    }
}

impl Share {
    fn new(from: i64, to: i64, turnover: Turnover, units: u64, is_committed: bool) -> Option<Self> {
        // No calendar has more units than fit.
        let units = u32::try_from(units).unwrap_or(u32::MAX).min(u32::MAX / 2);
        let is_something = units > 0 && from < to;
        let units = NonZeroU32::new(units * 2 + u32::from(is_committed));
        units.filter(|_| is_something).map(|units| Self { from, to, turnover, units })
    }

    fn of(line: &ClaimLine, turnover: Turnover) -> impl Iterator<Item = Self> + use<> {
        let (from, to) = (line.span.from(), line.span.to());
        let held = Self::new(from, to, turnover, line.held, false);
        let committed = Self::new(from, to, turnover, line.committed, true);
        held.into_iter().chain(committed)
    }

    /// The moment from which others can have the units, or another piece of the line has them.
    pub fn end(self) -> i64 {
        let turnover_ms = if self.is_followed() { 0 } else { self.turnover_ms() };
        self.to.saturating_add(i64::from(turnover_ms))
    }

    /// How many units.
    pub fn units(self) -> u32 {
        self.units.get() / 2
    }

    /// Whether they are used up.
    pub fn is_committed(self) -> bool {
        !self.units.get().is_multiple_of(2)
    }

    /// How long after the span others can't have the units, where nothing of the line follows.
    pub fn turnover_ms(self) -> u32 {
        self.turnover.span_ms()
    }

    /// Whether another piece of its line follows at its end.
    pub fn is_followed(self) -> bool {
        self.turnover.is_followed()
    }

    /// The same, where nothing of its line follows any more.
    fn left_alone(self) -> Self {
        Self { turnover: Turnover::last(self.turnover.span_ms()), ..self }
    }
}

/// One reservation's claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Whose it is.
    pub reservation: ReservationId,
    /// The reservation's version that it is the wish of.
    pub version: Version,
    /// No hold ends at the beginning of 1970, so that stands for none.
    deadline: Option<NonZeroU64>,
    shares: Shares,
}

#[derive(Debug, Clone, PartialEq)]
enum Shares {
    One(Share),
    /// None, or more than one, in the order of time.
    Other(Arc<[Share]>),
}

impl Entry {
    /// A claim as it stands from an event on.
    pub fn new(standing: &Standing) -> Self {
        let share = |(part, is_followed): (&Part, bool)| {
            let turnover = if is_followed { Turnover::followed } else { Turnover::last };
            Share::of(&part.line, turnover(part.turnover_ms))
        };
        let shares = standing.followed().flat_map(share).collect();
        Self::of(standing.reservation, standing.reservation_version, standing.deadline, shares)
    }

    fn of(
        reservation: ReservationId,
        version: Version,
        deadline: Option<Timestamp>,
        mut shares: Vec<Share>,
    ) -> Self {
        shares.sort_unstable();
        let shares = match shares[..] {
            [share] => Shares::One(share),
            _ => Shares::Other(shares.into()),
        };
        let deadline = deadline.and_then(|deadline| NonZeroU64::new(deadline.0));
        Self { reservation, version, deadline, shares }
    }

    /// What is left when a reservation releases all that it holds. What follows a piece that was
    /// used is always held.
    pub fn released(&self, version: Version) -> Self {
        let used = self.shares().iter().filter(|share| share.is_committed());
        let shares = used.map(|share| share.left_alone()).collect();
        Self::of(self.reservation, version, None, shares)
    }

    /// What is claimed, in the order of time.
    pub fn shares(&self) -> &[Share] {
        match &self.shares {
            Shares::One(share) => std::slice::from_ref(share),
            Shares::Other(shares) => shares,
        }
    }

    /// The wish that it would be, with its lines counted.
    pub fn claim(&self, kind: Kind) -> Claim {
        let line = |(nth, share): (usize, &Share)| {
            let units = u64::from(share.units());
            let (held, committed) = if share.is_committed() { (0, units) } else { (units, 0) };
            ClaimLine {
                id: LineId::counted(nth),
                span: kind.span(share.from, share.to),
                held,
                committed,
            }
        };
        let lines = self.shares().iter().enumerate().map(line).collect();
        let Self { reservation, version: reservation_version, .. } = *self;
        Claim { reservation, reservation_version, deadline: self.deadline(), lines }
    }

    /// Until when it is held.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline.map(|deadline| Timestamp(deadline.get()))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.shares().is_empty()
    }

    /// Whether something is held.
    pub fn is_holding(&self) -> bool {
        self.shares().iter().any(|share| !share.is_committed())
    }

    /// The instant, in milliseconds, at which all of it is past wherever the calendar is. The last
    /// zone to finish a date is 12 hours behind; half a day more does no harm.
    pub fn past_at(&self, kind: Kind) -> i64 {
        let end = self.shares().iter().map(|share| share.end()).max().unwrap_or(i64::MIN);
        match kind {
            Kind::Slots => end,
            Kind::Nights => end.saturating_add(1).saturating_mul(DAY_MS),
        }
    }
}

impl Row for Entry {
    type Key = ReservationId;

    fn key(&self) -> ReservationId {
        self.reservation
    }
}

/// A claim as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredEntry {
    reservation: ReservationId,
    version: Version,
    deadline: Option<Timestamp>,
    shares: Vec<StoredShare>,
}

#[derive(Serialize, Deserialize)]
struct StoredShare {
    from: i64,
    span: u64,
    turnover: Turnover,
    units: u32,
    is_committed: bool,
}

impl From<&Share> for StoredShare {
    fn from(share: &Share) -> Self {
        Self {
            from: share.from,
            span: share.to.abs_diff(share.from),
            turnover: share.turnover,
            units: share.units(),
            is_committed: share.is_committed(),
        }
    }
}

impl StoredShare {
    fn share(&self) -> Option<Share> {
        let to = self.from.checked_add_unsigned(self.span)?;
        Share::new(self.from, to, self.turnover, self.units.into(), self.is_committed)
    }
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shares = self.shares().iter().map(StoredShare::from).collect();
        let Self { reservation, version, .. } = *self;
        let stored = StoredEntry { reservation, version, deadline: self.deadline(), shares };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StoredEntry { reservation, version, deadline, shares } =
            StoredEntry::deserialize(deserializer)?;
        let shares = shares.iter().filter_map(StoredShare::share).collect();
        Ok(Self::of(reservation, version, deadline, shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_of_one_piece_takes_little_room() {
        assert_eq!(size_of::<Share>(), 24);
        assert_eq!(size_of::<Entry>(), 56);
    }
}
