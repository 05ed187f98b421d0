//! What makes a log whole, checked when it is opened and when it is verified.
//!
//! ```text
//!  segment 1            segment 2                     the last segment
//!  first … last page    first … last page             every page
//!     ▲          │         ▲          │                  │
//!   seed         └─chain,──┘          └─chain, position──┘
//!                  position
//!                                        marker: the log reaches it, with the same chain value
//! ```
//!
//! Every segment but the last ends with the end of a commit. Pages after the last end of a
//! commit were never acknowledged, because a commit is: they are cut, unless the marker is among
//! them. A page that is damaged is never cut, wherever it is: the marker may be old after a power
//! cut, and so doesn't prove that nobody was told of the page.
//!
//! Not here: sled.

use std::ops::ControlFlow;
use std::path::Path;

use super::marker::Marker;
use super::segments;
use super::sled_store::{Segment, Use};
use super::store::{Cut, StoreError};
use super::sync::{FileSync, create_folder};
use super::table::{Table, damaged, step};
use crate::codec::PageWalk;
use crate::codec::page::{Chain, PageKey, Scratch, decode};
use crate::domain::ids::Position;

/// What a full check has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// The last position of the last whole commit.
    pub last: Position,
    /// How many segments there are.
    pub segments: usize,
    /// How many pages.
    pub pages: u64,
    /// Their length, in bytes.
    pub page_bytes: u64,
}

/// A log that was found whole.
pub(super) struct Found {
    pub(super) firsts: Vec<Position>,
    /// The last segment, open for appending.
    pub(super) current: Segment,
    /// The length of its pages.
    pub(super) segment_bytes: u64,
    pub(super) last: Position,
    pub(super) chain: Chain,
    pub(super) cut: Option<Cut>,
}

/// A place between two commits.
#[derive(Debug, Clone, Copy)]
struct End {
    last: Position,
    chain: Chain,
}

/// Opens the segments in order, checks them, and cuts off what was never acknowledged.
pub(super) fn open(
    log: &Path,
    seed: Chain,
    marker: Option<Marker>,
    sync: &dyn FileSync,
) -> Result<Found, StoreError> {
    let place = || log.display().to_string();
    let mut firsts = if log.exists() { segments::list(log)? } else { Vec::new() };
    let Some(&newest) = firsts.last() else {
        check_reach(log, Position::START, marker)?;
        create_folder(log, sync).map_err(StoreError::io("create the folder", log))?;
        firsts.push(Position(1));
        let current = Segment::create(log, Position(1), sync)?;
        let last = Position::START;
        return Ok(Found { firsts, current, segment_bytes: 0, last, chain: seed, cut: None });
    };
    let mut end = End { last: Position::START, chain: seed };
    for &first in &firsts[..firsts.len() - 1] {
        check_name(place, first, end)?;
        let segment = Segment::open(log, first, Use::Reading)?;
        end = check_ends(&segment, end)?;
    }
    check_name(place, newest, end)?;
    let current = Segment::open(log, newest, Use::Appending)?;
    let tail = read_tail(&current, end)?;
    check_reach(log, tail.end.last, marker)?;
    check_marker(log, &firsts, &current, seed, marker)?;
    if !tail.torn.is_empty() {
        current.remove(&tail.torn)?;
    }
    // What sled recovered after a crash of the process may be in the kernel's memory only, and
    // is about to be shown to readers.
    current.sync_everything(sync)?;
    sync.sync_folder(log).map_err(StoreError::io("sync the folder", log))?;
    let End { last, chain } = tail.end;
    let cut = (!tail.torn.is_empty()).then(|| Cut { from: last.next(), pages: tail.torn.len() });
    Ok(Found { firsts, current, segment_bytes: tail.bytes, last, chain, cut })
}

fn check_name(place: impl Fn() -> String, first: Position, before: End) -> Result<(), StoreError> {
    if first == before.last.next() {
        return Ok(());
    }
    Err(StoreError::Gap { place: place(), last: before.last, next: first })
}

/// Checks the first and the last page of a closed segment, and tells where it ends.
fn check_ends(segment: &Segment, before: End) -> Result<End, StoreError> {
    let gap =
        || StoreError::Gap { place: segment.place(), last: before.last, next: before.last.next() };
    let (first_key, first) = segment.first_page()?.ok_or_else(gap)?;
    let mut walk = PageWalk::at(before.last.next(), before.chain);
    let _ = step(segment, &mut walk, first_key, &first, &mut |_, _| ControlFlow::Continue(()))?;
    let (last_key, last) = segment.last_page()?.ok_or_else(gap)?;
    let mut scratch = Scratch::default();
    let page = decode(&last, &mut scratch).map_err(|reason| damaged(segment, last_key, reason))?;
    if !page.is_commit_end() {
        let last = page.last();
        return Err(StoreError::Gap { place: segment.place(), last, next: last.next() });
    }
    Ok(End { last: page.last(), chain: page.after() })
}

struct Tail {
    /// After the last whole commit.
    end: End,
    /// The pages after it.
    torn: Vec<PageKey>,
    /// The length of the pages before it, in bytes.
    bytes: u64,
    pages: u64,
}

/// Reads a segment from end to end.
fn read_tail(segment: &Segment, before: End) -> Result<Tail, StoreError> {
    let mut walk = PageWalk::at(before.last.next(), before.chain);
    let mut tail = Tail { end: before, torn: Vec::new(), bytes: 0, pages: 0 };
    let mut torn_bytes = 0;
    segment.all_pages(&mut |key, bytes| {
        let _ = step(segment, &mut walk, key, bytes, &mut |_, _| ControlFlow::Continue(()))?;
        tail.torn.push(key);
        torn_bytes += bytes.len() as u64;
        if walk.is_between_commits() {
            tail.end = End { last: walk.last(), chain: walk.chain() };
            tail.pages += tail.torn.len() as u64;
            tail.bytes += torn_bytes;
            tail.torn.clear();
            torn_bytes = 0;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(tail)
}

fn check_reach(log: &Path, last: Position, marker: Option<Marker>) -> Result<(), StoreError> {
    match marker {
        Some(Marker { position, .. }) if position > last => {
            Err(StoreError::Short { place: log.display().to_string(), last, marker: position })
        }
        _ => Ok(()),
    }
}

/// Checks that the log has the marker's commit; that it reaches so far has been seen to.
fn check_marker(
    log: &Path,
    firsts: &[Position],
    current: &Segment,
    seed: Chain,
    marker: Option<Marker>,
) -> Result<(), StoreError> {
    let Some(Marker { position, chain }) = marker else {
        return Ok(());
    };
    let fits = if position == Position::START {
        chain == seed
    } else if position >= current.first() {
        ends_a_commit(current, position, chain)?
    } else {
        let after = firsts.partition_point(|first| *first <= position);
        let closed = Segment::open(log, firsts[after.saturating_sub(1)], Use::Reading)?;
        ends_a_commit(&closed, position, chain)?
    };
    if fits {
        return Ok(());
    }
    Err(StoreError::NotTheMarkers { place: log.display().to_string(), marker: position })
}

fn ends_a_commit(segment: &Segment, position: Position, chain: Chain) -> Result<bool, StoreError> {
    let below = PageKey { first: position.next(), part: 0 };
    let Some((key, bytes)) = segment.page_below(below)? else {
        return Ok(false);
    };
    let mut scratch = Scratch::default();
    let page = decode(&bytes, &mut scratch).map_err(|reason| damaged(segment, key, reason))?;
    Ok(page.is_commit_end() && page.last() == position && page.after() == chain)
}

/// Reads every page of an open log, in order.
pub(super) fn check(table: &Table, seed: Chain) -> Result<Checked, StoreError> {
    let mut end = End { last: Position::START, chain: seed };
    let mut checked = Checked::default();
    for first in table.firsts() {
        let segment = table.segment_of(first)?;
        check_name(|| segment.place(), first, end)?;
        let tail = read_tail(&segment, end)?;
        if let Some(key) = tail.torn.first() {
            let (last, next) = (tail.end.last, key.first);
            return Err(StoreError::Gap { place: segment.place(), last, next });
        }
        end = tail.end;
        checked.segments += 1;
        checked.pages += tail.pages;
        checked.page_bytes += tail.bytes;
    }
    checked.last = end.last;
    Ok(checked)
}
