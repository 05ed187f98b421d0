//! Claims as a calendar keeps them, in little room.
//!
//! ```text
//!   reservation 16 │ version 8 │ deadline 8 │ from 8 │ to 8 │ turnover 4 │ units and use 4
//! ```
//!
//! Most claims are one piece of time, which is held or used up as a whole. Those of more pieces have
//! them elsewhere. What a line is called is kept by its reservation alone.
//!
//! ```text
//!   what it has          ├─── 2 ───┤ turnover ┤
//!   what it is to have          ├──────── 1 ────────┤ turnover ┤
//!   what counts          ├───── 2 ────────────┤── 1 ───────────┤     while its reservation is changed
//! ```

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use serde::de::Error as _;
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
        // No calendar has more units than fit, and none that don't are read.
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
    /// None, or more than one, or two claims in one.
    Other(Arc<Pieces>),
}

#[derive(Debug, PartialEq)]
struct Pieces {
    /// In the order of time.
    counted: Box<[Share]>,
    change: Option<Widened>,
}

/// What a claim is made of while its reservation is changed, each in the order of time.
#[derive(Debug, PartialEq)]
struct Widened {
    /// What it has.
    held: Box<[Share]>,
    /// What it is to have instead.
    change: Box<[Share]>,
}

impl Entry {
    /// A claim as it stands from an event on.
    pub fn new(standing: &Standing) -> Self {
        Self::widened(standing, &[])
    }

    /// The same, while its reservation is changed to have something else instead.
    pub fn widened(standing: &Standing, change: &[Part]) -> Self {
        let share = |(part, is_followed): (&Part, bool)| {
            let turnover = if is_followed { Turnover::followed } else { Turnover::last };
            Share::of(&part.line, turnover(part.turnover_ms))
        };
        let held = standing.followed().flat_map(share).collect();
        let change = change.iter().map(|part| (part, false)).flat_map(share).collect();
        let Standing { reservation, reservation_version, deadline, .. } = *standing;
        Self::of(reservation, reservation_version, deadline, (held, change))
    }

    fn of(
        reservation: ReservationId,
        version: Version,
        deadline: Option<Timestamp>,
        (mut held, mut change): (Vec<Share>, Vec<Share>),
    ) -> Self {
        held.sort_unstable();
        change.sort_unstable();
        let shares = match (&held[..], &change[..]) {
            ([share], []) => Shares::One(*share),
            (_, []) => Shares::Other(Arc::new(Pieces { counted: held.into(), change: None })),
            _ => {
                let counted = larger(&held, &change).into();
                let change = Some(Widened { held: held.into(), change: change.into() });
                Shares::Other(Arc::new(Pieces { counted, change }))
            }
        };
        let deadline = deadline.and_then(|deadline| NonZeroU64::new(deadline.0));
        Self { reservation, version, deadline, shares }
    }

    /// What is left when a reservation releases all that it holds. What follows a piece that was
    /// used is always held.
    pub fn released(&self, version: Version) -> Self {
        let used = self.held().iter().filter(|share| share.is_committed());
        let shares = used.map(|share| share.left_alone()).collect();
        Self::of(self.reservation, version, None, (shares, Vec::new()))
    }

    /// What counts as claimed, in the order of time. While its reservation is changed, turnover counts
    /// like any other time.
    pub fn shares(&self) -> &[Share] {
        match &self.shares {
            Shares::One(share) => std::slice::from_ref(share),
            Shares::Other(pieces) => &pieces.counted,
        }
    }

    /// The turnover of a time that lies within that of one of the lines: what it has comes before what it
    /// is to have, and of several the shortest, so that the claim takes no more than it has.
    pub fn turnover_of(&self, from: i64, to: i64) -> Option<u32> {
        let shortest = |shares: &[Share]| {
            let around = shares.iter().filter(|share| share.from <= from && from < share.to);
            let around = around.filter(|share| self.line_end(**share) >= to);
            around.map(|share| share.turnover_ms()).min()
        };
        shortest(self.held()).or_else(|| shortest(self.change()))
    }

    /// Where the line of a share ends: with it, or with the pieces that follow.
    fn line_end(&self, share: Share) -> i64 {
        let (mut end, mut is_followed) = (share.to, share.is_followed());
        while is_followed {
            let next = self.held().partition_point(|other| other.from < end);
            let begun = self.held()[next..].iter().take_while(|other| other.from == end);
            let furthest = begun
                .filter(|other| other.turnover_ms() == share.turnover_ms())
                .max_by_key(|other| other.to);
            let Some(furthest) = furthest else { break };
            (end, is_followed) = (furthest.to, furthest.is_followed());
        }
        end
    }

    fn held(&self) -> &[Share] {
        self.as_widened().map_or(self.shares(), |widened| &widened.held)
    }

    fn change(&self) -> &[Share] {
        self.as_widened().map_or(&[], |widened| &widened.change)
    }

    fn as_widened(&self) -> Option<&Widened> {
        match &self.shares {
            Shares::One(_) => None,
            Shares::Other(pieces) => pieces.change.as_ref(),
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
        let lines = |shares: &[Share]| shares.iter().enumerate().map(line).collect();
        let Self { reservation, version: reservation_version, .. } = *self;
        let change = self.as_widened().map(|widened| lines(&widened.change));
        let lines = lines(self.held());
        Claim { reservation, reservation_version, deadline: self.deadline(), lines, change }
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

/// What counts of two claims of which one will stand: at each moment the larger, in pieces that none of
/// theirs begins or ends in, so that no piece is longer than one of theirs.
fn larger(one: &[Share], other: &[Share]) -> Vec<Share> {
    let mut turns = BTreeMap::<i64, [i64; 2]>::new();
    for (which, shares) in [one, other].into_iter().enumerate() {
        for share in shares {
            turns.entry(share.from).or_default()[which] += i64::from(share.units());
            turns.entry(share.end()).or_default()[which] -= i64::from(share.units());
        }
    }
    let (mut levels, mut pieces) = ([0; 2], Vec::new());
    let mut turns = turns.into_iter().peekable();
    while let Some((from, turn)) = turns.next() {
        levels = [levels[0] + turn[0], levels[1] + turn[1]];
        let units = levels[0].max(levels[1]).unsigned_abs();
        pieces.extend(
            turns.peek().and_then(|(to, _)| Share::new(from, *to, Turnover::last(0), units, false)),
        );
    }
    pieces
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
    role: Role,
}

/// What a share is to its claim. The first two are stored as whether it is used up was, before claims
/// could be widened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    Held,
    Committed,
    Change,
}

impl StoredShare {
    fn held(share: &Share) -> Self {
        let role = if share.is_committed() { Role::Committed } else { Role::Held };
        Self::new(share, role)
    }

    fn new(share: &Share, role: Role) -> Self {
        Self {
            from: share.from,
            span: share.to.abs_diff(share.from),
            turnover: share.turnover,
            units: share.units(),
            role,
        }
    }

    fn share<E: serde::de::Error>(&self) -> Result<Share, E> {
        self.as_it_was()
            .ok_or_else(|| E::custom("a piece of a claim that takes nothing, or too much"))
    }

    fn as_it_was(&self) -> Option<Share> {
        if self.units > u32::MAX / 2 {
            return None;
        }
        let to = self.from.checked_add_unsigned(self.span)?;
        let is_committed = self.role == Role::Committed;
        Share::new(self.from, to, self.turnover, self.units.into(), is_committed)
    }
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let change = self.change().iter().map(|share| StoredShare::new(share, Role::Change));
        let shares = self.held().iter().map(StoredShare::held).chain(change).collect();
        let Self { reservation, version, .. } = *self;
        let stored = StoredEntry { reservation, version, deadline: self.deadline(), shares };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StoredEntry { reservation, version, deadline, shares } =
            StoredEntry::deserialize(deserializer)?;
        let (change, held): (Vec<_>, Vec<_>) =
            shares.into_iter().partition(|share| share.role == Role::Change);
        let shares = |stored: Vec<StoredShare>| -> Result<Vec<Share>, D::Error> {
            let shares: Vec<Share> =
                stored.iter().map(StoredShare::share).collect::<Result<_, _>>()?;
            if !shares.is_sorted() {
                return Err(D::Error::custom("a claim of pieces out of order"));
            }
            Ok(shares)
        };
        let (held, change) = (shares(held)?, shares(change)?);
        if held.is_empty() && change.is_empty() {
            return Err(D::Error::custom("a claim of nothing"));
        }
        Ok(Self::of(reservation, version, deadline, (held, change)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_none_is_not_left_out_but_the_claim_is_not_read() {
        let read = |units, is_late| {
            let share = |from| StoredShare {
                from,
                span: 1,
                turnover: Turnover(0),
                units,
                role: Role::Held,
            };
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
