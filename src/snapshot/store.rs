//! What a place for snapshots must do.
//!
//! Not here: a thread. Every call does its work before it returns.

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use crate::codec::entry::{Entry, EntryError};
use crate::codec::records::Format;
use crate::codec::snapshot_block::{FormatError, SnapshotEnd, SnapshotFooter, SnapshotHeader};
use crate::domain::ids::Position;

/// How many snapshots are kept where nothing else is configured: the newest, and one to fall
/// back to.
pub const KEEP_DEFAULT: usize = 2;

/// Why a snapshot was not written, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk said no.
    #[error(
        "could not {action} {}; check that the disk has room, is writable and is sound",
        path.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what was written, or not all of it.
    #[error(
        "the snapshot {name} is damaged: {source}; use the one before it, or none to replay the \
         log from zero"
    )]
    Damaged {
        /// Its file, or what stands for it.
        name: String,
        /// What is wrong.
        source: FormatError,
    },
    /// Its content is another position's than its name says.
    #[error(
        "the snapshot {name} says that it is of position {position}; give it back its own name, \
         or remove it"
    )]
    Misnamed {
        /// Its file, or what stands for it.
        name: String,
        /// What its header says.
        position: Position,
    },
    /// It belongs to another log.
    #[error(
        "the snapshot {name} belongs to the log {found}, and this log is {expected}; remove what \
         was copied from elsewhere"
    )]
    OtherLog {
        /// Its file, or what stands for it.
        name: String,
        /// The log that it names.
        found: Uuid,
        /// The log that the store serves.
        expected: Uuid,
    },
    /// There is none.
    #[error("there is no snapshot of position {position}; list them to see which there are")]
    Missing {
        /// What was asked for.
        position: Position,
    },
    /// One of the same position is being written.
    #[error("a snapshot of position {position} is being written already; wait until it is done")]
    Busy {
        /// Both snapshots' position.
        position: Position,
    },
    /// An entry that no snapshot can hold.
    #[error("could not add an entity to the snapshot {name}: {source}; give the snapshot up")]
    Entry {
        /// Its file, or what stands for it.
        name: String,
        /// Why not.
        source: EntryError,
    },
    /// The end that was given can't be.
    #[error(
        "the snapshot {name} of position {position} can't have its barrier at {barrier}, before \
         it; give the snapshot up"
    )]
    Barrier {
        /// Its file, or what stands for it.
        name: String,
        /// P.
        position: Position,
        /// B.
        barrier: Position,
    },
    /// The disk is nearly full.
    #[error("the disk is nearly full; make room")]
    NoRoom,
    /// Something had failed before.
    #[error("the snapshot {name} has failed before; give it up and begin another")]
    GivenUp {
        /// Its file, or what stands for it.
        name: String,
    },
}

/// A complete snapshot that was just written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// What it says at its start.
    pub header: SnapshotHeader,
    /// What it says at its end.
    pub footer: SnapshotFooter,
    /// How large it is, in bytes.
    pub bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Complete snapshots, newest first.
    pub snapshots: Vec<Position>,
    /// Files that were never finished.
    pub leftovers: usize,
}

/// A place for the snapshots of one log.
pub trait SnapshotStore: Send + Sync {
    /// Positions of complete snapshots, newest first. By name: what is in them is checked when
    /// they are read.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    fn list(&self) -> Result<Vec<Position>, SnapshotError>;

    /// Begins the snapshot of P = `position`. It takes the place of a complete one of the same
    /// position when it is finished, and not before.
    ///
    /// # Errors
    /// [`SnapshotError::Io`], and [`SnapshotError::Busy`] where one of this position is begun.
    fn begin(&self, position: Position) -> Result<Box<dyn SnapshotSink>, SnapshotError>;

    /// Opens a complete snapshot and checks its header.
    ///
    /// # Errors
    /// [`SnapshotError`], where there is none, or it can't be read, or isn't this log's.
    fn open(&self, position: Position) -> Result<Box<dyn SnapshotSource>, SnapshotError>;

    /// Removes all complete snapshots but the newest `keep` (at least one stays), and whatever
    /// was begun and neither finished nor is being written now.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]; some may be removed then.
    fn prune(&self, keep: usize) -> Result<Pruned, SnapshotError>;

    /// Removes all complete snapshots, durably: the state is to be built anew from the log, and what
    /// they say of the archive won't hold any more.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]; some may be removed then.
    fn clear(&self) -> Result<(), SnapshotError>;
}

/// A snapshot that is being written. Dropping it unfinished leaves nothing behind.
pub trait SnapshotSink: Send {
    /// Adds an entity. One whose key comes again counts once for whoever loads it, with the newer
    /// record.
    ///
    /// # Errors
    /// [`SnapshotError`]; then the snapshot can't be finished any more.
    fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), SnapshotError>;

    /// Makes it durable and complete. The barrier must have come through the journal before.
    ///
    /// # Errors
    /// [`SnapshotError`]; then there is no new snapshot, unless all that failed was to make its
    /// name durable: then it may be there, whole, or not.
    fn finish(self: Box<Self>, end: SnapshotEnd) -> Result<SnapshotInfo, SnapshotError>;
}

/// A snapshot that is being read.
pub trait SnapshotSource: Send {
    /// What it says at its start.
    fn header(&self) -> &SnapshotHeader;

    /// The format of its records.
    fn format(&self) -> Format;

    /// The next entity's key and record; none when all were read and the end was checked.
    ///
    /// # Errors
    /// [`SnapshotError`]. Then what was read before is not a state, and every later call fails.
    fn next(&mut self) -> Result<Option<Entry>, SnapshotError>;

    /// What it says at its end: the proof that what was read is the whole snapshot.
    ///
    /// # Errors
    /// [`SnapshotError`] where [`next`](Self::next) has not said that there is no more.
    fn finish(self: Box<Self>) -> Result<SnapshotFooter, SnapshotError>;
}
