//! The log on disk: pages as records of sled databases, one database a segment.
//!
//! This is the only file that calls sled (0.34.7), and what it knows about sled is here:
//!
//! - One commit is one sled batch in one segment, and sled recovers a batch whole or not at all.
//! - On Linux `flush` ends in `sync_file_range`, which neither flushes the drive's cache nor
//!   writes metadata. So a commit is: apply the batch, `flush`, then `fdatasync` on a handle of
//!   our own of the file that the pages are in. [`FileSync`] is that last step.
//! - Values past 128 KiB go to files that sled never syncs. A leaf of at most 16 pages of 4 KiB
//!   stays below; a segment with such files is refused all the same.
//! - Opening writes: sled cuts a torn end off, silently. The marker tells what it may not have
//!   cut, and the data folder is locked and checked before.
//! - Its cache notices a leaf only after 64 accesses to one of 256 parts. An iterator touches each
//!   leaf once, so up to 16,384 leaves of 64 KiB pile up beyond the cache. Records are asked for
//!   one by one instead, which touches a leaf once for each record.
//! - A database that is being dropped on another thread keeps its own file lock for a moment.
//! - sled asserts about what it reads, and may panic on a damaged file. That ends the process,
//!   as every damage to the log does; verifying reads in a process of its own.
//!
//! Not here: what makes a log whole (`opening`), finding the segment of a position (`table`),
//! and the folders themselves (`segments`).

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::commit::Commit;
use super::folder::DataFolder;
use super::marker::{self, Marker, MarkerFile};
use super::opening::{self, Checked};
use super::segments;
use super::store::{LogReader, Opened, Store, StoreError, check_follows};
use super::sync::{DiskSync, FileSync};
use super::table::Table;
use crate::codec::page::{Chain, PageKey, paginate};
use crate::domain::ids::Position;
use crate::{fatal, telemetry};

/// What to do about a segment that can't be opened at all.
const ADVICE: &str = "restore the data folder from a backup";
const CACHE_BYTES_APPENDING: u64 = 64 << 20;
const CACHE_BYTES_READING: u64 = 16 << 20;

/// How often, and how many milliseconds apart, a database that is just being closed is asked for.
const OPEN_ATTEMPTS: u32 = 10_000;
const OPEN_PAUSE: Duration = Duration::from_millis(1);

/// How a log on disk is kept.
pub struct SledOptions {
    /// A commit that would make a segment's pages longer than this begins a new one.
    pub segment_bytes_max: u64,
    /// The last step of a commit.
    pub sync: Box<dyn FileSync>,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { segment_bytes_max: 2 << 30, sync: Box::new(DiskSync) }
    }
}

/// The log on disk.
pub struct SledStore {
    options: SledOptions,
    log: PathBuf,
    seed: Chain,
    table: Arc<Table>,
    current: Arc<Segment>,
    /// The length of the current segment's pages.
    segment_bytes: u64,
    chain: Chain,
    marker: MarkerFile,
    failed: bool,
    /// Nobody else may open the folder while there is a store.
    _lock: Arc<File>,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").field("log", &self.log).finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens the log of a data folder, and begins one where there is none.
    ///
    /// The last segment is read from end to end, of those before it the first and last page.
    ///
    /// # Errors
    /// [`StoreError`]: pages damaged or missing, or the log shorter than its marker.
    pub fn open(folder: &DataFolder, options: SledOptions) -> Result<Opened<Self>, StoreError> {
        let seed = Chain::seed(folder.log_id());
        let log = folder.log();
        let marker_path = folder.marker_path();
        let marker_found =
            marker::read(&marker_path).map_err(StoreError::io("read", &marker_path))?;
        let found = opening::open(&log, seed, marker_found.whole(), &*options.sync)?;
        let last = found.last;
        let marker_io = |action| StoreError::io(action, &marker_path);
        let marker = MarkerFile::open(&marker_path).map_err(marker_io("open"))?;
        marker.trim().map_err(marker_io("cut"))?;
        marker
            .write(Marker { position: last, chain: found.chain })
            .map_err(marker_io("write to"))?;
        options.sync.sync_folder(folder.path()).map_err(marker_io("sync the folder of"))?;
        let current = Arc::new(found.current);
        let store = Self {
            table: Arc::new(Table::new(log.clone(), &found.firsts, &current, last)),
            current,
            segment_bytes: found.segment_bytes,
            chain: found.chain,
            options,
            log,
            seed,
            marker,
            failed: false,
            _lock: folder.lock(),
        };
        Ok(Opened { store, last, cut: found.cut, marker: marker_found })
    }

    /// Reads the whole log, every segment from end to end, and checks all that opening checks.
    ///
    /// # Errors
    /// [`StoreError`], for the first page that is damaged or missing.
    pub fn check(&self) -> Result<Checked, StoreError> {
        opening::check(&self.table, self.seed)
    }

    fn keep(&mut self, commit: &Commit) -> Result<u64, StoreError> {
        let mut pages = Pages::default();
        let chain = paginate(commit.first(), self.chain, commit.events(), |key, page| {
            pages.push(key, page);
        })?;
        let bytes = pages.bytes;
        if self.segment_bytes > 0 && self.segment_bytes + bytes > self.options.segment_bytes_max {
            self.rotate(commit.first())?;
        }
        self.current.write(pages)?;
        self.current.sync(&*self.options.sync)?;
        self.segment_bytes += bytes;
        self.chain = chain;
        self.table.advance(commit.last());
        self.marker
            .write(Marker { position: commit.last(), chain })
            .map_err(StoreError::io("write the marker beside", &self.log))?;
        Ok(bytes)
    }

    fn rotate(&mut self, first: Position) -> Result<(), StoreError> {
        self.current = Arc::new(Segment::create(&self.log, first, &*self.options.sync)?);
        self.segment_bytes = 0;
        self.table.push(&self.current);
        telemetry::journal_rotated();
        Ok(())
    }
}

impl Store for SledStore {
    fn commit(&mut self, commit: &Commit) -> Result<u64, StoreError> {
        if self.failed {
            return Err(StoreError::FailedBefore);
        }
        check_follows(commit, self.last())?;
        self.keep(commit).inspect_err(|_| self.failed = true)
    }

    fn last(&self) -> Position {
        self.table.last()
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.table.clone()
    }
}

/// The pages of one commit, ready to be written.
#[derive(Default)]
struct Pages {
    batch: sled::Batch,
    bytes: u64,
}

impl Pages {
    fn push(&mut self, key: PageKey, page: &[u8]) {
        self.batch.insert(&key.to_bytes(), page);
        self.bytes += page.len() as u64;
    }
}

/// What a segment is opened for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// It takes commits: sled's own thread collects its garbage.
    Appending,
    /// It is closed: no thread, less cache.
    Reading,
}

/// Takes a page and what it is filed under, and says whether to go on.
pub(super) type VisitPage<'a> =
    dyn FnMut(PageKey, &[u8]) -> Result<ControlFlow<()>, StoreError> + 'a;

/// One segment's database.
pub(super) struct Segment {
    first: Position,
    path: PathBuf,
    db: sled::Db,
    /// Our own handle of the file that sled keeps the pages in.
    file: File,
}

impl Segment {
    /// Makes an empty segment, durably.
    pub(super) fn create(
        log: &Path,
        first: Position,
        sync: &dyn FileSync,
    ) -> Result<Self, StoreError> {
        segments::create(log, first, sync, |path| {
            open_database(path, Use::Reading)?;
            Ok(())
        })?;
        let segment = Self::open(log, first, Use::Appending)?;
        segment.sync_everything(sync)?;
        Ok(segment)
    }

    /// Opens the segment that begins at `first`. This writes: sled cuts a torn end off.
    pub(super) fn open(log: &Path, first: Position, purpose: Use) -> Result<Self, StoreError> {
        let path = segments::path(log, first);
        segments::check_no_blobs(&path)?;
        segments::remove_unfinished_tables(&path)?;
        let db = open_database(&path, purpose)?;
        let pages = path.join(segments::PAGES);
        let file = File::options()
            .read(true)
            .write(true)
            .open(&pages)
            .map_err(StoreError::io("open", &pages))?;
        Ok(Self { first, path, db, file })
    }

    /// The position that the segment is named after.
    pub(super) fn first(&self) -> Position {
        self.first
    }

    /// The segment's folder, for messages.
    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn write(&self, pages: Pages) -> Result<(), StoreError> {
        self.db.apply_batch(pages.batch).map_err(self.failed("write to"))
    }

    /// Returns when what was written would survive a power cut.
    fn sync(&self, sync: &dyn FileSync) -> Result<(), StoreError> {
        let begun = Instant::now();
        self.db.flush().map_err(self.failed("flush"))?;
        let flushed = Instant::now();
        sync.sync_file(&self.file).map_err(StoreError::io("sync the pages of", &self.path))?;
        telemetry::journal_synced(flushed - begun, flushed.elapsed());
        Ok(())
    }

    /// The same for all that opening wrote, and for the names of the files.
    pub(super) fn sync_everything(&self, sync: &dyn FileSync) -> Result<(), StoreError> {
        self.sync(sync)?;
        segments::sync_all(&self.path, sync).map_err(StoreError::io("sync", &self.path))
    }

    /// Takes pages out again; the caller syncs.
    pub(super) fn remove(&self, keys: &[PageKey]) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for key in keys {
            batch.remove(&key.to_bytes());
        }
        self.db.apply_batch(batch).map_err(self.failed("cut the end off"))
    }

    /// Hands out the pages from `from` on, in order, until `visit` breaks off.
    pub(super) fn pages(&self, from: PageKey, visit: &mut VisitPage<'_>) -> Result<(), StoreError> {
        let mut next = self.db.range(from.to_bytes()..).next().transpose();
        while let Some((key, page)) = next.map_err(self.failed("read"))? {
            if visit(self.key(&key)?, &page)?.is_break() {
                return Ok(());
            }
            next = self.db.get_gt(&key);
        }
        Ok(())
    }

    /// Every page, from the first record on, whatever it is filed under.
    pub(super) fn all_pages(&self, visit: &mut VisitPage<'_>) -> Result<(), StoreError> {
        self.pages(PageKey { first: Position::START, part: 0 }, visit)
    }

    /// The last page that is filed under less than `key`.
    pub(super) fn page_below(
        &self,
        key: PageKey,
    ) -> Result<Option<(PageKey, Vec<u8>)>, StoreError> {
        self.page(self.db.get_lt(key.to_bytes()))
    }

    /// The first page.
    pub(super) fn first_page(&self) -> Result<Option<(PageKey, Vec<u8>)>, StoreError> {
        self.page(self.db.first())
    }

    /// The last page.
    pub(super) fn last_page(&self) -> Result<Option<(PageKey, Vec<u8>)>, StoreError> {
        self.page(self.db.last())
    }

    fn page(
        &self,
        found: sled::Result<Option<(sled::IVec, sled::IVec)>>,
    ) -> Result<Option<(PageKey, Vec<u8>)>, StoreError> {
        match found.map_err(self.failed("read"))? {
            Some((key, page)) => Ok(Some((self.key(&key)?, page.to_vec()))),
            None => Ok(None),
        }
    }

    fn key(&self, bytes: &[u8]) -> Result<PageKey, StoreError> {
        PageKey::from_bytes(bytes)
            .ok_or_else(|| StoreError::Foreign { place: self.place(), key: bytes.to_vec() })
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(sled::Error) -> StoreError {
        engine_error(action, &self.path)
    }
}

fn engine_error(action: &'static str, path: &Path) -> impl FnOnce(sled::Error) -> StoreError {
    let path = path.to_path_buf();
    move |error| StoreError::Engine { action, path, reason: error.to_string() }
}

fn open_database(path: &Path, purpose: Use) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new().path(path);
    let config = match purpose {
        Use::Appending => config.cache_capacity(CACHE_BYTES_APPENDING),
        Use::Reading => config.cache_capacity(CACHE_BYTES_READING).flush_every_ms(None),
    };
    let place = path.display().to_string();
    for _ in 1..OPEN_ATTEMPTS {
        match fatal::reading(&place, ADVICE, || config.open()) {
            Err(error) if is_locked(&error) => thread::sleep(OPEN_PAUSE),
            done => return done.map_err(engine_error("open", path)),
        }
    }
    fatal::reading(&place, ADVICE, || config.open()).map_err(engine_error("open", path))
}

/// Whether it is sled's own lock that stands in the way. The data folder is locked by us, so
/// whoever holds it is this process, just closing the database.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngCore, SeedableRng};

    use super::*;
    use crate::codec::page::PageError;
    use crate::journal::Cut;

    fn open(folder: &DataFolder) -> Result<Opened<SledStore>, StoreError> {
        SledStore::open(folder, SledOptions::default())
    }

    /// Four events that can't be packed, so that each has its own page.
    fn events(first: Position) -> Commit {
        let mut random = StdRng::seed_from_u64(first.0);
        let mut commit = Commit::new(first);
        let mut event = [0; 3000];
        for _ in 0..4 {
            random.fill_bytes(&mut event);
            commit.push(&event).unwrap();
        }
        commit
    }

    /// Writes the first pages of the commit that follows, as no sound database would.
    fn tear(store: &SledStore, pages_kept: usize) {
        let (mut pages, mut written) = (Pages::default(), 0);
        let commit = events(store.last().next());
        paginate(commit.first(), store.chain, commit.events(), |key, page| {
            if written < pages_kept {
                pages.push(key, page);
            }
            written += 1;
        })
        .unwrap();
        assert_eq!(written, 4);
        store.current.write(pages).unwrap();
        store.current.sync(&DiskSync).unwrap();
    }

    #[test]
    fn a_commit_is_never_half_there() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        for pages_kept in 1..4 {
            let mut store = open(&folder).unwrap().store;
            store.commit(&events(store.last().next())).unwrap();
            let (last, segment_bytes) = (store.last(), store.segment_bytes);
            tear(&store, pages_kept);
            drop(store);
            let opened = open(&folder).unwrap();
            assert_eq!(opened.last, last);
            assert_eq!(opened.cut, Some(Cut { from: last.next(), pages: pages_kept }));
            assert_eq!(opened.store.segment_bytes, segment_bytes);
            drop(opened);
            let again = open(&folder).unwrap();
            assert_eq!((again.last, again.cut), (last, None));
            assert_eq!(again.store.check().unwrap().last, last);
        }
    }

    #[test]
    fn what_the_marker_says_was_durable_is_never_cut() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        let mut store = open(&folder).unwrap().store;
        store.commit(&events(Position(1))).unwrap();
        tear(&store, 3);
        store.marker.write(Marker { position: Position(8), chain: Chain(0) }).unwrap();
        drop(store);
        let refused = open(&folder).unwrap_err();
        assert!(matches!(
            refused,
            StoreError::Short { last: Position(4), marker: Position(8), .. }
        ));
    }

    #[test]
    fn a_closed_segment_that_ends_within_a_commit_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        let mut store = open(&folder).unwrap().store;
        store.commit(&events(Position(1))).unwrap();
        tear(&store, 2);
        store.rotate(Position(7)).unwrap();
        drop(store);
        let refused = open(&folder).unwrap_err();
        assert!(matches!(refused, StoreError::Gap { last: Position(6), .. }), "{refused}");
    }

    /// What a log is refused for that has its last page once more under this key.
    fn refused_with(key: &[u8]) -> StoreError {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        let mut store = open(&folder).unwrap().store;
        store.commit(&events(Position(1))).unwrap();
        let (_, page) = store.current.last_page().unwrap().unwrap();
        store.current.db.insert(key, page).unwrap();
        drop(store);
        open(&folder).unwrap_err()
    }

    #[test]
    fn a_record_that_is_no_page_and_a_page_under_anothers_key_are_refused() {
        let refused = refused_with(b"x");
        assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
        let another = PageKey { first: Position(5), part: 1 };
        let refused = refused_with(&another.to_bytes());
        let StoreError::Damaged { key, reason, .. } = refused else { panic!("{refused}") };
        assert_eq!(key, another);
        assert!(matches!(reason, PageError::Key { .. }), "{reason}");
    }
}
