//! The log in memory, on a disk that can be made to fail.
//!
//! It cuts and reads the same pages as the store on disk, writes them one by one, and syncs
//! after each commit. The [`MemoryDisk`] is what outlives the process: a crash keeps what was
//! synced and as many of the later pages as the test says, and the store is opened anew.
//! Nothing is left to chance.
//!
//! Not here: threads and time. Failures happen exactly where they were ordered.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::commit::Commit;
use super::marker::{Marker, MarkerFound};
use super::store::{Cut, LogReader, Opened, Store, StoreError, StoreSize, check_follows};
use crate::codec::PageWalk;
use crate::codec::page::{Chain, PageError, PageKey, Scratch, decode, paginate};
use crate::domain::ids::Position;

const PLACE: &str = "the log in memory";

/// A disk in memory, shared between the store, its readers and the test.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    segments: Vec<Segment>,
    /// Pages that were written since the last sync, oldest first.
    unsynced: Vec<PageKey>,
    /// The last position that was acknowledged, and the chain value after it.
    marker: Option<(Position, Chain)>,
    /// Counts crashes, so that a store from before one can't write any more.
    crashes: u64,
    writes_until_failure: Option<u64>,
    syncs_until_failure: Option<u64>,
    syncs: u64,
}

#[derive(Debug, Default)]
struct Segment {
    bytes: u64,
    pages: BTreeMap<PageKey, Arc<[u8]>>,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `writes` more pages be written; the one after that fails.
    pub fn fail_write_after(&self, writes: u64) {
        self.lock().writes_until_failure = Some(writes);
    }

    /// Lets `syncs` more syncs succeed; the one after that fails.
    pub fn fail_sync_after(&self, syncs: u64) {
        self.lock().syncs_until_failure = Some(syncs);
    }

    /// How many syncs have succeeded.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.lock().segments.len()
    }

    /// How many pages a power cut could take.
    pub fn pages_unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// Cuts the power: of the pages that were not synced, the oldest `pages_kept` survive.
    /// Ordered failures are forgotten, and stores from before refuse to write.
    pub fn crash(&self, pages_kept: usize) {
        let mut disk = self.lock();
        let unsynced = std::mem::take(&mut disk.unsynced);
        for key in unsynced.into_iter().skip(pages_kept) {
            disk.remove(key);
        }
        disk.crashes += 1;
        disk.writes_until_failure = None;
        disk.syncs_until_failure = None;
    }

    /// Takes the newest `pages` away although they were synced, as a disk that lies would.
    pub fn lose(&self, pages: usize) {
        let mut disk = self.lock();
        let keys: Vec<PageKey> = disk.pages().map(|(key, _)| *key).collect();
        for key in keys.into_iter().rev().take(pages) {
            disk.remove(key);
        }
    }

    /// Changes the bytes of the page in which the event at `position` begins, as damage would.
    pub fn damage(&self, position: Position, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.lock();
        let below = PageKey::above_beginning_of(position);
        let page = disk
            .segments
            .iter_mut()
            .rev()
            .find_map(|segment| segment.pages.range_mut(..below).next_back());
        if let Some((_, page)) = page {
            let mut bytes = page.to_vec();
            change(&mut bytes);
            *page = bytes.into();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        // A test that panics elsewhere may still look at the disk.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// Writes the pages of one commit, all into one segment.
    fn write(&mut self, pages: Vec<Written>, segment_bytes_max: u64) -> io::Result<()> {
        let bytes: u64 = pages.iter().map(|(_, page)| page.len() as u64).sum();
        let full = |segment: &Segment| {
            !segment.pages.is_empty() && segment.bytes + bytes > segment_bytes_max
        };
        if self.segments.last().is_none_or(full) {
            self.segments.push(Segment::default());
        }
        for (key, bytes) in pages {
            count_down(&mut self.writes_until_failure, "an ordered failure to write")?;
            if let Some(segment) = self.segments.last_mut() {
                segment.bytes += bytes.len() as u64;
                segment.pages.insert(key, bytes);
            }
            self.unsynced.push(key);
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        count_down(&mut self.syncs_until_failure, "an ordered failure to sync")?;
        self.unsynced.clear();
        self.syncs += 1;
        Ok(())
    }

    fn remove(&mut self, key: PageKey) {
        for segment in &mut self.segments {
            if let Some(page) = segment.pages.remove(&key) {
                segment.bytes -= page.len() as u64;
            }
        }
    }

    fn pages(&self) -> impl Iterator<Item = (&PageKey, &Arc<[u8]>)> {
        self.segments.iter().flat_map(|segment| &segment.pages)
    }

    /// Walks every page, and tells the walk's end at the last commit and the keys after it.
    fn check(&self, seed: Chain) -> Result<Checked, StoreError> {
        let mut walk = PageWalk::at(Position(1), seed);
        let mut end = (Position::START, seed);
        let mut torn = Vec::new();
        let mut at_marker = self.marker.filter(|(position, _)| *position == Position::START);
        for (key, bytes) in self.pages() {
            let _ = step(&mut walk, *key, bytes, &mut |_, _| ControlFlow::Continue(()))?;
            torn.push(*key);
            if walk.is_between_commits() {
                end = (walk.last(), walk.chain());
                torn.clear();
            }
            if self.marker == Some(end) {
                at_marker = self.marker;
            }
        }
        self.check_marker(end.0, at_marker.is_some())?;
        Ok(Checked { last: end.0, chain: end.1, torn })
    }

    fn check_marker(&self, last: Position, found: bool) -> Result<(), StoreError> {
        match self.marker {
            Some((marker, _)) if marker > last => {
                Err(StoreError::Short { place: PLACE.into(), last, marker })
            }
            Some((marker, _)) if !found => {
                Err(StoreError::NotTheMarkers { place: PLACE.into(), marker })
            }
            _ => Ok(()),
        }
    }
}

struct Checked {
    last: Position,
    chain: Chain,
    torn: Vec<PageKey>,
}

type Written = (PageKey, Arc<[u8]>);

fn count_down(left: &mut Option<u64>, failure: &'static str) -> io::Result<()> {
    match left {
        Some(0) => Err(io::Error::other(failure)),
        Some(more) => {
            *more -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}

fn step(
    walk: &mut PageWalk,
    key: PageKey,
    bytes: &[u8],
    visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StoreError> {
    walk.step(key, bytes, visit).map_err(|reason| damaged(key, reason))
}

fn damaged(key: PageKey, reason: PageError) -> StoreError {
    StoreError::Damaged { key, place: PLACE.into(), reason }
}

/// The log on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    segment_bytes_max: u64,
    last: Position,
    chain: Chain,
    crashes: u64,
    failed: bool,
}

impl MemoryStore {
    /// Opens what is on the disk, as the process would after a restart: checks every page, and
    /// cuts the beginning of a commit off the end.
    ///
    /// # Errors
    /// [`StoreError`], where a page is damaged, one is missing, or the log is shorter than what
    /// was acknowledged.
    pub fn open(
        disk: &MemoryDisk,
        log_id: Uuid,
        segment_bytes_max: u64,
    ) -> Result<Opened<Self>, StoreError> {
        let mut contents = disk.lock();
        let marker = contents.marker.map_or(MarkerFound::Absent, |(position, chain)| {
            MarkerFound::Whole(Marker { position, chain })
        });
        let Checked { last, chain, torn } = contents.check(Chain::seed(log_id))?;
        for key in &torn {
            contents.remove(*key);
        }
        // What a crash of the process alone left unsynced must be durable before anybody sees it.
        contents.sync().map_err(StoreError::io("sync", Path::new(PLACE)))?;
        contents.marker = Some((last, chain));
        let crashes = contents.crashes;
        drop(contents);
        let cut = (!torn.is_empty()).then(|| Cut { from: last.next(), pages: torn.len() });
        let store =
            Self { disk: disk.clone(), segment_bytes_max, last, chain, crashes, failed: false };
        Ok(Opened { store, last, cut, marker })
    }

    fn keep(&mut self, commit: &Commit) -> Result<u64, StoreError> {
        let mut pages: Vec<Written> = Vec::new();
        let chain = paginate(commit.first(), self.chain, commit.events(), |key, page| {
            pages.push((key, page.into()));
        })?;
        let bytes = pages.iter().map(|(_, page)| page.len() as u64).sum();
        let mut disk = self.disk.lock();
        if disk.crashes != self.crashes {
            return Err(StoreError::FailedBefore);
        }
        disk.write(pages, self.segment_bytes_max)
            .map_err(StoreError::io("write a page to", Path::new(PLACE)))?;
        disk.sync().map_err(StoreError::io("sync", Path::new(PLACE)))?;
        disk.marker = Some((commit.last(), chain));
        drop(disk);
        self.chain = chain;
        self.last = commit.last();
        Ok(bytes)
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, commit: &Commit) -> Result<u64, StoreError> {
        if self.failed {
            return Err(StoreError::FailedBefore);
        }
        check_follows(commit, self.last)?;
        self.keep(commit).inspect_err(|_| self.failed = true)
    }

    fn last(&self) -> Position {
        self.last
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(self.disk.clone())
    }
}

impl LogReader for MemoryDisk {
    fn last(&self) -> Position {
        self.lock().marker.map_or(Position::START, |(last, _)| last)
    }

    fn size(&self) -> Result<StoreSize, StoreError> {
        let disk = self.lock();
        let bytes = disk.segments.iter().map(|segment| segment.bytes).sum();
        Ok(StoreSize { segments: disk.segments.len(), bytes })
    }

    fn read(
        &self,
        from: Position,
        through: Position,
        visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let through = through.min(self.last());
        let from = from.max(Position(1));
        if from > through {
            return Ok(());
        }
        // The visitor may come back to the disk, so nothing is locked while it runs.
        let pages = self.lock().pages_with(from, through);
        let Some((key, bytes)) = pages.first() else {
            return Err(StoreError::Gap {
                place: PLACE.into(),
                last: Position::START,
                next: through.next(),
            });
        };
        let mut scratch = Scratch::default();
        let first = decode(bytes, &mut scratch).map_err(|reason| damaged(*key, reason))?;
        let mut walk = PageWalk::at(first.key().first, first.before());
        let mut within = |position, event: &[u8]| {
            if position < from {
                return ControlFlow::Continue(());
            }
            if position > through {
                return ControlFlow::Break(());
            }
            visit(position, event)
        };
        for (key, bytes) in &pages {
            if step(&mut walk, *key, bytes, &mut within)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Disk {
    /// The pages from the one in which `from` begins through the last with bytes of `through`.
    fn pages_with(&self, from: Position, through: Position) -> Vec<Written> {
        let begins = PageKey::above_beginning_of(from);
        let start = self
            .segments
            .iter()
            .rev()
            .find_map(|segment| segment.pages.range(..begins).next_back())
            .map_or(begins, |(key, _)| *key);
        let end = PageKey { first: through, part: u16::MAX };
        self.segments
            .iter()
            .flat_map(|segment| segment.pages.range(start..=end))
            .map(|(key, bytes)| (*key, bytes.clone()))
            .collect()
    }
}
