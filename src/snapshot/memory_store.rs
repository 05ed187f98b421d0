//! Snapshots in memory: a double for simulations and tests.
//!
//! It keeps the same bytes that files would have, so the same checks are made on the way in and
//! out. It fails where it is told to, and [`MemoryStore::crash`] does what a power cut does:
//! complete snapshots stay, unfinished ones are gone and their sinks dead. It is deterministic:
//! nothing depends on time, addresses or a hash.
//!
//! Clones share what is stored, as two openings of one folder would.
//!
//! Not here: a process that ends with unsynced files; that is the file store's to survive.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::store::{
    Pruned, SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource, SnapshotStore,
};
use super::stream;
use crate::codec::snapshot_block::{SnapshotEnd, SnapshotHeader};
use crate::domain::ids::Position;

/// What can be told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// [`SnapshotStore::list`].
    List,
    /// [`SnapshotStore::begin`].
    Begin,
    /// [`SnapshotSink::put`].
    Put,
    /// [`SnapshotSink::finish`].
    Finish,
    /// [`SnapshotStore::open`].
    Open,
    /// [`SnapshotStore::prune`].
    Prune,
}

#[derive(Debug, Default)]
struct Disk {
    complete: BTreeMap<Position, Vec<u8>>,
    unfinished: BTreeSet<Position>,
    /// How often each operation is still to fail.
    failures: BTreeMap<Operation, u32>,
    /// A sink that was begun before the last crash is dead.
    crashes: u64,
}

impl Disk {
    fn check(&mut self, operation: Operation, name: PathBuf) -> Result<(), SnapshotError> {
        match self.failures.get_mut(&operation) {
            Some(left) if *left > 0 => *left -= 1,
            _ => return Ok(()),
        }
        let action = match operation {
            Operation::List => "list",
            Operation::Begin => "create",
            Operation::Put => "write to",
            Operation::Finish => "sync",
            Operation::Open => "open",
            Operation::Prune => "remove",
        };
        let source = io::Error::other("told to fail");
        Err(SnapshotError::Io { action, path: name, source })
    }
}

/// A place for snapshots in memory.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    log_id: Uuid,
    disk: Arc<Mutex<Disk>>,
}

impl MemoryStore {
    /// An empty place for the snapshots of a log.
    pub fn new(log_id: Uuid) -> Self {
        Self { log_id, disk: Arc::default() }
    }

    /// The same snapshots, claimed for another log.
    pub fn of_log(&self, log_id: Uuid) -> Self {
        Self { log_id, disk: Arc::clone(&self.disk) }
    }

    /// Makes the next `times` calls of an operation fail.
    pub fn fail(&self, operation: Operation, times: u32) {
        self.lock().failures.insert(operation, times);
    }

    /// Ends all that is unfinished, as a power cut would.
    pub fn crash(&self) {
        let mut disk = self.lock();
        disk.crashes += 1;
        disk.unfinished.clear();
    }

    /// A complete snapshot's bytes.
    pub fn bytes(&self, position: Position) -> Option<Vec<u8>> {
        self.lock().complete.get(&position).cloned()
    }

    /// Puts bytes in a complete snapshot's place, whatever they are.
    pub fn overwrite(&self, position: Position, bytes: Vec<u8>) {
        self.lock().complete.insert(position, bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }
}

impl SnapshotStore for MemoryStore {
    fn list(&self) -> Result<Vec<Position>, SnapshotError> {
        let mut disk = self.lock();
        disk.check(Operation::List, PathBuf::from("memory"))?;
        Ok(disk.complete.keys().rev().copied().collect())
    }

    fn begin(&self, position: Position) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        let mut disk = self.lock();
        disk.check(Operation::Begin, name(position))?;
        if !disk.unfinished.insert(position) {
            return Err(SnapshotError::Busy { position });
        }
        let header = SnapshotHeader { log_id: self.log_id, position };
        Ok(Box::new(MemorySink {
            position,
            writer: Some(stream::Writer::new(name(position), header, Vec::new())),
            begun_after_crashes: disk.crashes,
            disk: Arc::clone(&self.disk),
        }))
    }

    fn open(&self, position: Position) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        let mut disk = self.lock();
        disk.check(Operation::Open, name(position))?;
        let Some(bytes) = disk.complete.get(&position) else {
            return Err(SnapshotError::Missing { position });
        };
        let expected = SnapshotHeader { log_id: self.log_id, position };
        let from = io::Cursor::new(bytes.clone());
        Ok(Box::new(stream::Reader::open(name(position), expected, from)?))
    }

    fn prune(&self, keep: usize) -> Result<Pruned, SnapshotError> {
        let mut disk = self.lock();
        disk.check(Operation::Prune, PathBuf::from("memory"))?;
        let old = disk.complete.keys().rev().skip(keep.max(1)).copied();
        let snapshots: Vec<_> = old.collect();
        disk.complete.retain(|position, _| !snapshots.contains(position));
        Ok(Pruned { snapshots, leftovers: 0 })
    }

    fn clear(&self) -> Result<(), SnapshotError> {
        self.lock().complete.clear();
        Ok(())
    }
}

struct MemorySink {
    position: Position,
    /// None once it is finished.
    writer: Option<stream::Writer<Vec<u8>>>,
    begun_after_crashes: u64,
    disk: Arc<Mutex<Disk>>,
}

impl MemorySink {
    fn check(&self, operation: Operation) -> Result<(), SnapshotError> {
        let mut disk = lock(&self.disk);
        if disk.crashes != self.begun_after_crashes {
            return Err(self.given_up());
        }
        disk.check(operation, name(self.position))
    }

    fn given_up(&self) -> SnapshotError {
        SnapshotError::GivenUp { name: name(self.position).display().to_string() }
    }
}

impl SnapshotSink for MemorySink {
    fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), SnapshotError> {
        if let Err(error) = self.check(Operation::Put) {
            self.writer = None;
            return Err(error);
        }
        let Some(writer) = &mut self.writer else { return Err(self.given_up()) };
        writer.put(key, record)
    }

    fn finish(mut self: Box<Self>, end: SnapshotEnd) -> Result<SnapshotInfo, SnapshotError> {
        self.check(Operation::Finish)?;
        let writer = self.writer.take().ok_or_else(|| self.given_up())?;
        let (bytes, info) = writer.finish(end)?;
        lock(&self.disk).complete.insert(self.position, bytes);
        Ok(info)
    }
}

impl Drop for MemorySink {
    fn drop(&mut self) {
        let mut disk = lock(&self.disk);
        if disk.crashes == self.begun_after_crashes {
            disk.unfinished.remove(&self.position);
        }
    }
}

fn name(position: Position) -> PathBuf {
    PathBuf::from(format!("memory/{position}"))
}

/// A panic while the lock was held leaves nothing half done.
fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}
