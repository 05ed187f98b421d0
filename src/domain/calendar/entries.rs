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
    turnover_ms: u32,
    /// Twice the units, and one where they are used up.
    units: NonZeroU32,
}

impl Share {
    fn new(from: i64, to: i64, turnover_ms: u32, units: u64, is_committed: bool) -> Option<Self> {
        // No calendar has more units than fit, and none that don't are read.
        let units = u32::try_from(units).unwrap_or(u32::MAX).min(u32::MAX / 2);
        let is_something = units > 0 && from < to;
        let units = NonZeroU32::new(units * 2 + u32::from(is_committed));
        units.filter(|_| is_something).map(|units| Self { from, to, turnover_ms, units })
    }

    fn of(part: &Part) -> impl Iterator<Item = Self> {
        let Part { line, turnover_ms } = part;
        let (from, to) = (line.span.from(), line.span.to());
        let held = Self::new(from, to, *turnover_ms, line.held, false);
        let committed = Self::new(from, to, *turnover_ms, line.committed, true);
        held.into_iter().chain(committed)
    }

    /// The moment from which others can have the units.
    pub fn end(self) -> i64 {
        self.to.saturating_add(i64::from(self.turnover_ms))
    }

    /// How many units.
    pub fn units(self) -> u32 {
        self.units.get() / 2
    }

    /// Whether they are used up.
    pub fn is_committed(self) -> bool {
        !self.units.get().is_multiple_of(2)
    }

    /// How long after the span others can't have the units.
    pub fn turnover_ms(self) -> u32 {
        self.turnover_ms
    }

    /// Whether the time of another lies within its own.
    pub fn covers(self, from: i64, to: i64) -> bool {
        self.from <= from && to <= self.to
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
        let shares = standing.parts.iter().flat_map(Share::of).collect();
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

    /// What is left when a reservation releases all that it holds.
    pub fn released(&self, version: Version) -> Self {
        let shares = self.shares().iter().copied().filter(|share| share.is_committed()).collect();
        Self::of(self.reservation, version, None, shares)
    }

    /// What is claimed, in the order of time.
    pub fn shares(&self) -> &[Share] {
        match &self.shares {
            Shares::One(share) => std::slice::from_ref(share),
            Shares::Other(shares) => shares,
        }
    }

    /// Those that begin at a moment.
    pub fn beginning_at(&self, at: i64) -> &[Share] {
        let shares = self.shares();
        let begin = shares.partition_point(|share| share.from < at);
        let end = shares.partition_point(|share| share.from <= at);
        &shares[begin..end]
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
    turnover_ms: u32,
    units: u32,
    is_committed: bool,
}

impl From<&Share> for StoredShare {
    fn from(share: &Share) -> Self {
        Self {
            from: share.from,
            span: share.to.abs_diff(share.from),
            turnover_ms: share.turnover_ms,
            units: share.units(),
            is_committed: share.is_committed(),
        }
    }
}

impl StoredShare {
    fn share<E: serde::de::Error>(&self) -> Result<Share, E> {
        self.as_it_was()
            .ok_or_else(|| E::custom("a piece of a claim that takes nothing, or too much"))
    }

    fn as_it_was(&self) -> Option<Share> {
        if self.units > u32::MAX / 2 {
            return None;
        }
        let to = self.from.checked_add_unsigned(self.span)?;
        Share::new(self.from, to, self.turnover_ms, self.units.into(), self.is_committed)
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
        let shares: Vec<Share> = shares.iter().map(StoredShare::share).collect::<Result<_, _>>()?;
        if shares.is_empty() || !shares.is_sorted() {
            return Err(serde::de::Error::custom("a claim of nothing, or of pieces out of order"));
        }
        Ok(Self::of(reservation, version, deadline, shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_none_is_not_left_out_but_the_claim_is_not_read() {
        let read = |units, is_late| {
            let share =
                |from| StoredShare { from, span: 1, turnover_ms: 0, units, is_committed: false };
            let shares = if is_late { vec![share(7), share(1)] } else { vec![share(1), share(7)] };
            let reservation = ReservationId(uuid::Uuid::nil());
            let stored = StoredEntry { reservation, version: Version(1), deadline: None, shares };
            let text = serde_json::to_string(&stored).unwrap();
            serde_json::from_str::<Entry>(&text).map(|entry| entry.shares().len())
        };
        assert_eq!(read(1, false).unwrap(), 2);
        assert!(read(0, false).is_err());
        assert!(read(u32::MAX, false).is_err());
        assert!(read(1, true).is_err());
    }

    #[test]
    fn a_claim_of_one_piece_takes_little_room() {
        assert_eq!(size_of::<Share>(), 24);
        assert_eq!(size_of::<Entry>(), 56);
    }
}
