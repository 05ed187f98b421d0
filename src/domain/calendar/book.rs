//! Who has claimed what, and how much that is at every moment.
//!
//! ```text
//!   entries   by reservation        ──┐ stored
//!   folded    units over time       ──┘
//!   pieces    how many, of all entries                ──┐
//!   live      units over time, of all entries            │
//!   starts    (from, reservation), of all entries        │ follow from those
//!   due       (past at, reservation), of what is used up ──┘
//! ```
//!
//! What was used up stays claimed: somebody was there. Once it is past, its entry is folded: its
//! units are counted for its time, and who had them is the log's to tell. That is decided by the
//! times of events alone, a few entries with each event, so replay does the same.
//!
//! What is folded doesn't grow with the years. Where it changes at more moments than are kept, the
//! oldest changes are given up, and all before the first one left counts as if as much had been claimed
//! always as ever was at one time:
//!
//! ```text
//!   exactly   ▁▁▂▂▁▁▃▃▁▁▂▂▁▁▂▂▃▃       kept   ▃▃▃▃▃▃▃▃▁▁▂▂▁▁▂▂▃▃
//!                                              always   │ exactly
//! ```
//!
//! So what is imported into times long past is never claimed twice, but may be refused there though it
//! would fit; in the order of time, years of it can be imported. Nights change once a date at the most,
//! so that theirs are exact for ten years; slots that stand apart change twice each.
//!
//! Not here: whether a claim fits.

use serde::{Deserialize, Serialize};

use super::course::Course;
use super::entries::{Entry, Share};
use super::rows::{Row, Rows};
use super::rules::TURNOVER_MS_MAX;
use super::span::{Kind, NIGHTS_MAX, SLOT_MS_MAX};
use crate::domain::ids::ReservationId;
use crate::domain::time::Timestamp;

/// The most entries that are folded with one event: more than one, so that none pile up.
const FOLDED_MAX: usize = 4;

/// At how many moments what is folded changes at the most.
pub const FOLDED_CHANGES_MAX: usize = 4_000;

/// The most pieces of claims that a calendar takes on. A piece of a claim of its own takes 74 bytes of what
/// is read of a record at the most, so with all else a calendar's stays below half of what can be read.
pub const PIECES_MAX: usize = 1_000_000;

/// How many claims are looked at to tell who stands in the way.
const LOOKED_MAX: usize = 1_000;

/// Where a claim, or one of its pieces, begins, and whose it is.
pub type Start = (i64, ReservationId);

/// Every claim of a calendar.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Book {
    kind: Kind,
    entries: Rows<Entry>,
    folded: Course<u32>,
    #[serde(skip)]
    pieces: usize,
    #[serde(skip)]
    live: Course<u32>,
    #[serde(skip)]
    starts: Rows<Mark>,
    #[serde(skip)]
    due: Rows<Mark>,
}

#[derive(Deserialize)]
struct Stored {
    kind: Kind,
    entries: Rows<Entry>,
    folded: Course<u32>,
}

/// Where a reservation stands in an order by time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    at: i64,
    reservation: ReservationId,
    /// Up to where the pieces go that begin then.
    end: i64,
}

impl Row for Mark {
    type Key = Start;
    const REACHES: bool = true;

    fn key(&self) -> Start {
        (self.at, self.reservation)
    }

    fn end(&self) -> i64 {
        self.end
    }
}

/// Moments at which equally many units are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The first moment.
    pub from: i64,
    /// The moment after the last.
    pub to: i64,
    /// Units that are claimed.
    pub units: u32,
}

impl From<Stored> for Book {
    fn from(stored: Stored) -> Self {
        let Stored { kind, entries, folded } = stored;
        let mut starts: Vec<_> = entries.iter().flat_map(starts_of).collect();
        starts.sort_unstable_by_key(Mark::key);
        let mut due: Vec<_> = entries.iter().filter_map(|entry| due_of(kind, entry)).collect();
        due.sort_unstable_by_key(Mark::key);
        let pieces = entries.iter().map(|entry| entry.shares().len()).sum();
        let shares = entries.iter().flat_map(Entry::shares);
        let live = Course::sum(shares.map(|share| (share.from, share.end(), share.units())));
        let (starts, due) = (starts.into_iter().collect(), due.into_iter().collect());
        let mut book = Self { kind, entries, folded, pieces, live, starts, due };
        book.give_up_oldest();
        book
    }
}

impl PartialEq for Book {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.entries == other.entries && self.folded == other.folded
    }
}

fn starts_of(entry: &Entry) -> impl Iterator<Item = Mark> {
    // In the order of time, so those that begin together are neighbours.
    let together = entry.shares().chunk_by(|one, other| one.from == other.from);
    together.map(|shares| {
        let end = shares.iter().map(|share| share.end()).max().unwrap_or(i64::MAX);
        Mark { at: shares[0].from, reservation: entry.reservation, end }
    })
}

fn due_of(kind: Kind, entry: &Entry) -> Option<Mark> {
    let is_done = !entry.is_holding();
    let at = entry.past_at(kind);
    is_done.then_some(Mark { at, reservation: entry.reservation, end: at })
}

impl Book {
    /// Of a calendar that nobody has claimed anything of.
    pub fn new(kind: Kind) -> Self {
        Stored { kind, entries: Rows::default(), folded: Course::default() }.into()
    }

    /// How many claims stand.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Of how many pieces they are.
    pub fn pieces(&self) -> usize {
        self.pieces
    }

    /// How many changes of what was folded are kept.
    pub fn folded_len(&self) -> usize {
        self.folded.len()
    }

    /// A reservation's claim.
    pub fn get(&self, reservation: ReservationId) -> Option<&Entry> {
        self.entries.get(reservation)
    }

    /// The claims after one reservation's.
    pub fn after(&self, after: Option<ReservationId>) -> impl Iterator<Item = &Entry> {
        let from = after.unwrap_or(ReservationId(uuid::Uuid::nil()));
        self.entries.from(from).filter(move |entry| Some(entry.reservation) != after)
    }

    /// Puts a claim in the place of the one that its reservation had. One without anything in it
    /// ends it.
    pub fn put(&mut self, entry: Entry) {
        if entry.is_empty() {
            self.remove(entry.reservation);
            return;
        }
        if let Some(before) = self.entries.insert(entry.clone()) {
            self.strike(&before);
        }
        self.pieces += entry.shares().len();
        for share in entry.shares() {
            self.live.add(share.from, share.end(), share.units());
        }
        self.starts.extend(starts_of(&entry));
        self.due.extend(due_of(self.kind, &entry));
    }

    fn remove(&mut self, reservation: ReservationId) -> Option<Entry> {
        let entry = self.entries.remove(reservation)?;
        self.strike(&entry);
        Some(entry)
    }

    /// Has what follows from a claim that stands no more follow.
    fn strike(&mut self, entry: &Entry) {
        self.pieces -= entry.shares().len();
        for share in entry.shares() {
            self.live.take(share.from, share.end(), share.units());
        }
        for mark in starts_of(entry) {
            self.starts.remove(mark.key());
        }
        if let Some(mark) = due_of(self.kind, entry) {
            self.due.remove(mark.key());
        }
    }

    /// Folds what is past at the time of an event, a few entries at the most.
    pub fn fold(&mut self, time: Timestamp) {
        let now = i64::try_from(time.0).unwrap_or(i64::MAX);
        for _ in 0..FOLDED_MAX {
            let Some(first) = self.due.iter().next().filter(|mark| mark.at <= now) else { return };
            let Some(entry) = self.remove(first.reservation) else { return };
            for share in entry.shares() {
                self.folded.add(share.from, share.end(), share.units());
            }
            self.give_up_oldest();
        }
    }

    /// Keeps what is folded from growing with the years.
    fn give_up_oldest(&mut self) {
        while self.folded.len() > FOLDED_CHANGES_MAX {
            self.folded.blur_first();
        }
    }

    /// From which moment on counts are exact; before it they may be more than was claimed.
    pub fn exact_from(&self) -> i64 {
        let mut changes = self.folded.changes(i64::MIN);
        let is_blurred = changes.next().is_some_and(|(first, _)| first == i64::MIN);
        changes.next().filter(|_| is_blurred).map_or(i64::MIN, |(second, _)| second)
    }

    /// How much is claimed between two moments, without a gap.
    pub fn levels(&self, from: i64, to: i64) -> impl Iterator<Item = Level> {
        self.folded.segments(from, to).flat_map(|folded| {
            let past = folded.value.copied().unwrap_or_default();
            self.live.segments(folded.from, folded.to).map(move |live| {
                let units = past.saturating_add(live.value.copied().unwrap_or_default());
                Level { from: live.from, to: live.to, units }
            })
        })
    }

    /// The moments at which claims begin that reach beyond one, and whose; by moment and then by
    /// reservation, from `begin` on.
    pub fn by_start(
        &self,
        beyond: i64,
        begin: Option<Start>,
    ) -> impl Iterator<Item = (Start, &Entry)> {
        let earliest = (beyond.saturating_sub(self.reach()), ReservationId(uuid::Uuid::nil()));
        let begin = begin.map_or(earliest, |begin| begin.max(earliest));
        let marks = self.starts.reaching(begin, beyond).filter(move |mark| mark.end > beyond);
        marks.filter_map(|mark| Some((mark.key(), self.entries.get(mark.reservation)?)))
    }

    /// No claim reaches further than this from its first moment.
    pub fn reach(&self) -> i64 {
        match self.kind {
            Kind::Slots => SLOT_MS_MAX as i64 + i64::from(TURNOVER_MS_MAX),
            Kind::Nights => NIGHTS_MAX.into(),
        }
    }

    /// The earliest deadline of a hold that has units at a moment. Of very many claims that are
    /// around then, it is that of those which begin last.
    pub fn deadline_at(&self, moment: i64) -> Option<Timestamp> {
        let mut unknown = self.live.level(moment);
        let mut earliest: Option<Timestamp> = None;
        let before =
            self.starts.before((moment.saturating_add(1), ReservationId(uuid::Uuid::nil())));
        let reach = |mark: &&Mark| mark.at.saturating_add(self.reach()) > moment;
        for mark in before.take_while(reach).take(LOOKED_MAX) {
            let Some(entry) = self.entries.get(mark.reservation) else { continue };
            let is_there = |share: &&Share| share.from == mark.at && share.end() > moment;
            for share in entry.shares().iter().filter(is_there) {
                unknown = unknown.saturating_sub(share.units());
                let deadline = entry.deadline().filter(|_| !share.is_committed());
                earliest = earliest.into_iter().chain(deadline).min();
            }
            if unknown == 0 {
                break;
            }
        }
        earliest
    }
}
