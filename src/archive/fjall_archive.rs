//! The archive on disk, in an LSM tree: `archive/` in the data folder.
//!
//! Two keyspaces: `records` (key → frame) and `totals` (one frame under one key). A batch writes
//! to both and is synced with file metadata before `put` returns; after a crash the tree's own
//! journal gives back whole batches or nothing of them, so the totals always count exactly the
//! records that are there. Filters answer for keys that aren't there, so a miss seldom reads.
//!
//! An archive comes and goes as a folder, by renaming, so that a crash leaves none half made:
//!
//! ```text
//!   making:    archive.new ──synced, renamed──▶ archive
//!   clearing:  archive ──renamed──▶ archive.old ──▶ removed, and a new one is made
//! ```
//!
//! The tree's own way of clearing a keyspace isn't used: a flush that is running meanwhile may
//! bring back what was cleared.
//!
//! Where a file of a keyspace is gone, the tree may take the keyspace for a new one and say nothing.
//! So the records are counted when the archive is opened. The tree asserts about its journal, too, and
//! ends the process where that is damaged; the place is named then.
//!
//! Not here: a lock for the data folder, though the tree locks its own. A journal of the tree
//! that is damaged in the middle may be read as if it ended there; the totals then count less
//! than a snapshot says, and that is for whoever opens both to compare.

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, atomic::AtomicBool, atomic::Ordering,
};

use fjall::config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::conversion::{Frames, convert};
use super::{Archive, ArchiveError, BoxedError, Visitor, damaged_record, failed, plan_addition};
use crate::codec::archive_frame::{
    FrameError, Totals, decode_current, decode_totals, encode_totals, encode_value,
};
use crate::codec::digest::Digest;
use crate::codec::entry::Entry;
use crate::codec::records::Format;
use crate::fatal;

const FOLDER: &str = "archive";
const NEW_FOLDER: &str = "archive.new";
const OLD_FOLDER: &str = "archive.old";
const TOTALS_KEY: &[u8] = b"totals";
/// What to do about an archive that can't be opened at all.
const ADVICE: &str =
    "move it out of the data folder, and the next start builds it anew from the log";

/// Blocks and filters that are kept in memory, shared by all trees.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// How much a tree gathers in memory before it writes a table.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// Flushing and compaction, in the background.
const WORKER_THREADS: usize = 1;
/// One in a hundred misses reads a table of the lower levels in vain.
const FILTER_BITS_PER_KEY: f32 = 10.0;

/// The archive in one data folder.
pub struct FjallArchive {
    data_folder: PathBuf,
    /// The archive's own folder, as it stands in messages.
    place: String,
    /// Writers wait for each other here.
    totals: Mutex<Totals>,
    has_failed: AtomicBool,
    /// None only while, or after failing while, it is cleared. Used under the lock, so that no
    /// tree is left open over a folder that is renamed.
    trees: RwLock<Option<Trees>>,
}

struct Trees {
    database: Database,
    records: Keyspace,
    totals: Keyspace,
}

impl FjallArchive {
    /// Opens the archive in a data folder, which exists; makes one where there is none, and converts
    /// one of an older format.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], [`ArchiveError::Damaged`] where its totals are, and
    /// [`ArchiveError::Lost`] where it has fewer records than they count.
    pub fn open(data_folder: &Path) -> Result<Self, ArchiveError> {
        let place = data_folder.join(FOLDER).display().to_string();
        let trees = fatal::reading(&place, ADVICE, || open_or_make(data_folder));
        let trees = trees.map_err(failed("open", &place))?;
        let (format, mut totals) = trees.stored_totals(&place)?;
        trees.check_count(&place, totals.entities)?;
        if format != Format::CURRENT {
            totals = convert(&trees, &place, totals.entities)?;
        }
        Ok(Self {
            data_folder: data_folder.to_owned(),
            place,
            totals: Mutex::new(totals),
            has_failed: AtomicBool::new(false),
            trees: RwLock::new(Some(trees)),
        })
    }

    /// Removes the archive of a data folder that nobody has open, readable or not.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub fn discard(data_folder: &Path) -> Result<(), ArchiveError> {
        let place = data_folder.join(FOLDER).display().to_string();
        set_aside(data_folder).map_err(failed("remove", &place))
    }

    fn lock_totals(&self) -> MutexGuard<'_, Totals> {
        // A panic while the lock was held leaves the totals as they were before.
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trees(&self) -> RwLockReadGuard<'_, Option<Trees>> {
        self.trees.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_not_failed(&self) -> Result<(), ArchiveError> {
        if self.has_failed.load(Ordering::Acquire) {
            return Err(self.given_up());
        }
        Ok(())
    }

    fn given_up(&self) -> ArchiveError {
        ArchiveError::GivenUp { place: self.place.clone() }
    }

    /// After this nothing is known of what the disk holds.
    fn give_up<E: Into<BoxedError>>(&self, action: &'static str, error: E) -> ArchiveError {
        self.has_failed.store(true, Ordering::Release);
        failed(action, &self.place)(error)
    }

    fn record(&self, trees: &Trees, key: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
        let value = trees.records.get(key).map_err(failed("read", &self.place))?;
        let Some(value) = value else { return Ok(None) };
        let record = decode_current(key, &value);
        let record = record.map_err(|error| damaged_record(&self.place, key, error))?;
        Ok(Some(record.to_vec()))
    }
}

impl Archive for FjallArchive {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
        let trees = self.trees();
        self.record(trees.as_ref().ok_or_else(|| self.given_up())?, key)
    }

    fn contains(&self, key: &[u8]) -> Result<bool, ArchiveError> {
        let trees = self.trees();
        let trees = trees.as_ref().ok_or_else(|| self.given_up())?;
        trees.records.contains_key(key).map_err(failed("read", &self.place))
    }

    fn put(&self, batch: &[Entry]) -> Result<(), ArchiveError> {
        let mut totals = self.lock_totals();
        self.check_not_failed()?;
        let trees = self.trees();
        let trees = trees.as_ref().ok_or_else(|| self.given_up())?;
        let addition = plan_addition(&self.place, batch, *totals, |key| self.record(trees, key))?;
        if addition.entities.is_empty() {
            return Ok(());
        }
        let mut write = trees.database.batch().durability(Some(PersistMode::SyncAll));
        for (key, record) in addition.entities {
            write.insert(&trees.records, key, encode_value(key, record));
        }
        write.insert(&trees.totals, TOTALS_KEY, encode_totals(&addition.totals));
        write.commit().map_err(|error| self.give_up("write to", error))?;
        *totals = addition.totals;
        Ok(())
    }

    fn digest(&self) -> (Digest, u64) {
        let totals = self.lock_totals();
        (totals.digest, totals.entities)
    }

    fn size_bytes(&self) -> Result<u64, ArchiveError> {
        let trees = self.trees();
        let trees = trees.as_ref().ok_or_else(|| self.given_up())?;
        trees.database.disk_space().map_err(failed("look at", &self.place))
    }

    fn for_each(&self, visit: &mut Visitor<'_>) -> Result<(), ArchiveError> {
        let trees = self.trees();
        let trees = trees.as_ref().ok_or_else(|| self.given_up())?;
        for entry in trees.records.iter() {
            let (key, value) = entry.into_inner().map_err(failed("read", &self.place))?;
            let record = decode_current(&key, &value);
            let record = record.map_err(|error| damaged_record(&self.place, &key, error))?;
            if visit(&key, record).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), ArchiveError> {
        let mut totals = self.lock_totals();
        self.check_not_failed()?;
        let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        // Closed first: its threads would go on writing under the name that becomes the next's.
        drop(trees.take());
        set_aside(&self.data_folder).map_err(|error| self.give_up("clear", error))?;
        *totals = Totals::default();
        let made = open_or_make(&self.data_folder);
        *trees = Some(made.map_err(|error| self.give_up("clear", error))?);
        Ok(())
    }
}

impl Trees {
    fn open(folder: &Path) -> Result<Self, BoxedError> {
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .worker_threads(WORKER_THREADS)
            .open()?;
        let filters = FilterPolicy::all(FilterPolicyEntry::Bloom(
            BloomConstructionPolicy::BitsPerKey(FILTER_BITS_PER_KEY),
        ));
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES)
                .filter_policy(filters.clone())
                .expect_point_read_hits(false)
        };
        let records = database.keyspace("records", options)?;
        let totals = database.keyspace("totals", options)?;
        Ok(Self { database, records, totals })
    }

    fn stored_totals(&self, place: &str) -> Result<(Format, Totals), ArchiveError> {
        let frame = self.totals.get(TOTALS_KEY).map_err(failed("read", place))?;
        let totals = match &frame {
            Some(frame) => decode_totals(frame),
            None => Err(FrameError::Length { bytes: 0 }),
        };
        totals.map_err(|source| {
            let (what, place) = ("the count of entities".to_owned(), place.to_owned());
            ArchiveError::Damaged { what, place, source }
        })
    }

    /// A record is put once and never again, so the tree's own count is exact; what its journal holds
    /// beside its tables, or a conversion has written anew, might be counted twice, which is no loss.
    fn check_count(&self, place: &str, counted: u64) -> Result<(), ArchiveError> {
        let found = self.records.approximate_len() as u64;
        if found >= counted {
            return Ok(());
        }
        Err(ArchiveError::Lost { place: place.to_owned(), counted, found })
    }
}

impl Frames for Trees {
    fn after(&self, key: Option<&[u8]>, bytes: usize) -> Result<Vec<Entry>, BoxedError> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut frames, mut read) = (Vec::new(), 0);
        for entry in self.records.range::<&[u8], _>((from, Bound::Unbounded)) {
            let (key, value) = entry.into_inner()?;
            read += key.len() + value.len();
            frames.push((key.to_vec(), value.to_vec()));
            if read >= bytes {
                break;
            }
        }
        Ok(frames)
    }

    fn replace(&self, frames: Vec<Entry>) -> Result<(), BoxedError> {
        let mut write = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (key, value) in frames {
            write.insert(&self.records, key, value);
        }
        Ok(write.commit()?)
    }

    fn finish(&self, totals: &Totals) -> Result<(), BoxedError> {
        // What was replaced gives its room back.
        self.records.major_compact()?;
        self.totals.insert(TOTALS_KEY, encode_totals(totals))?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

fn open_or_make(data_folder: &Path) -> Result<Trees, BoxedError> {
    let folder = data_folder.join(FOLDER);
    remove_folder(&data_folder.join(OLD_FOLDER))?;
    remove_folder(&data_folder.join(NEW_FOLDER))?;
    if !folder.try_exists()? {
        make(data_folder)?;
    }
    Trees::open(&folder)
}

/// Makes an empty archive beside its place, and gives it its name when it is durable.
fn make(data_folder: &Path) -> Result<(), BoxedError> {
    let new = data_folder.join(NEW_FOLDER);
    let trees = Trees::open(&new)?;
    trees.totals.insert(TOTALS_KEY, encode_totals(&Totals::default()))?;
    trees.database.persist(PersistMode::SyncAll)?;
    drop(trees);
    sync_all_in(&new)?;
    fs::rename(&new, data_folder.join(FOLDER))?;
    sync(data_folder)?;
    Ok(())
}

/// Takes the archive's name away for good, then its content.
fn set_aside(data_folder: &Path) -> io::Result<()> {
    let (folder, old) = (data_folder.join(FOLDER), data_folder.join(OLD_FOLDER));
    remove_folder(&old)?;
    if folder.try_exists()? {
        fs::rename(&folder, &old)?;
        sync(data_folder)?;
    }
    remove_folder(&old)
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes files and names in a folder and below durable.
fn sync_all_in(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all_in(&entry.path())?;
        } else {
            sync(&entry.path())?;
        }
    }
    sync(folder)
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
impl FjallArchive {
    /// Flips the lowest bit of a stored record's last byte.
    pub(super) fn damage(&self, key: &[u8]) {
        let trees = self.trees();
        let records = &trees.as_ref().unwrap().records;
        let mut value = records.get(key).unwrap().unwrap().to_vec();
        *value.last_mut().unwrap() ^= 1;
        records.insert(key, value).unwrap();
    }

    /// Writes what is gathered in memory to tables.
    pub(super) fn flush(&self) {
        let trees = self.trees();
        trees.as_ref().unwrap().records.rotate_memtable_and_wait().unwrap();
    }

    /// Loses the totals, as no crash does.
    pub(super) fn lose_totals(&self) {
        self.trees().as_ref().unwrap().totals.remove(TOTALS_KEY).unwrap();
    }
}
