//! The archive in memory: a double for simulations and tests.
//!
//! It keeps the same frames that the disk would have. It fails where it is told to, and then,
//! as on disk, what failed may be there or not, and nothing more is taken until the archive is
//! opened again with [`MemoryArchive::reopen`].
//!
//! Not here: a crash that takes something away; what was put was durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Archive, ArchiveError, Visitor, damaged_record, plan_addition};
use crate::codec::archive_frame::{Totals, decode_current, encode_value};
use crate::codec::digest::Digest;
use crate::codec::entry::Entry;

const PLACE: &str = "memory";

/// How a put that is told to fail leaves the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutFailure {
    /// Nothing of the batch is there.
    Lost,
    /// All of it is there, though an error was given.
    Kept,
}

#[derive(Debug, Default)]
struct Disk {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    totals: Totals,
    next_put: Option<PutFailure>,
}

/// An archive in memory.
#[derive(Debug, Default)]
pub struct MemoryArchive {
    disk: Arc<Mutex<Disk>>,
    has_failed: Mutex<bool>,
}

impl MemoryArchive {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same archive as a new process would open it.
    pub fn reopen(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), has_failed: Mutex::default() }
    }

    /// Makes the next put fail.
    pub fn fail_next_put(&self, failure: PutFailure) {
        lock(&self.disk).next_put = Some(failure);
    }

    /// Flips the lowest bit of a stored record's last byte, if there is one.
    pub fn damage(&self, key: &[u8]) {
        if let Some(byte) = lock(&self.disk).values.get_mut(key).and_then(|value| value.last_mut())
        {
            *byte ^= 1;
        }
    }

    fn check_not_failed(&self) -> Result<(), ArchiveError> {
        if *lock(&self.has_failed) {
            return Err(ArchiveError::GivenUp { place: PLACE.to_owned() });
        }
        Ok(())
    }
}

impl Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        let record =
            decode_current(key, value).map_err(|error| damaged_record(PLACE, key, error))?;
        Ok(Some(record.to_vec()))
    }
}

impl Archive for MemoryArchive {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
        lock(&self.disk).get(key)
    }

    fn contains(&self, key: &[u8]) -> Result<bool, ArchiveError> {
        Ok(lock(&self.disk).values.contains_key(key))
    }

    fn put(&self, batch: &[Entry]) -> Result<(), ArchiveError> {
        self.check_not_failed()?;
        let mut disk = lock(&self.disk);
        let addition = plan_addition(PLACE, batch, disk.totals, |key| disk.get(key))?;
        let failure = disk.next_put.take();
        if failure != Some(PutFailure::Lost) {
            for (key, record) in addition.entities {
                disk.values.insert(key.to_vec(), encode_value(key, record));
            }
            disk.totals = addition.totals;
        }
        if failure.is_none() {
            return Ok(());
        }
        *lock(&self.has_failed) = true;
        let source = "told to fail".into();
        Err(ArchiveError::Store { action: "write to", place: PLACE.to_owned(), source })
    }

    fn digest(&self) -> (Digest, u64) {
        let totals = lock(&self.disk).totals;
        (totals.digest, totals.entities)
    }

    fn size_bytes(&self) -> Result<u64, ArchiveError> {
        let disk = lock(&self.disk);
        Ok(disk.values.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }

    fn for_each(&self, visit: &mut Visitor<'_>) -> Result<(), ArchiveError> {
        for (key, value) in &lock(&self.disk).values {
            let decoded = decode_current(key, value);
            let record = decoded.map_err(|error| damaged_record(PLACE, key, error))?;
            if visit(key, record).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), ArchiveError> {
        self.check_not_failed()?;
        let mut disk = lock(&self.disk);
        disk.values.clear();
        disk.totals = Totals::default();
        Ok(())
    }
}

/// A panic while the lock was held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
