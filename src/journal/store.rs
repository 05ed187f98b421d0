//! What every store of the log promises, and how it fails.
//!
//! A store has no thread of its own and no clock: the engine also runs on one thread in
//! simulated time. One writer owns the [`Store`]; any number of [`LogReader`]s read on other
//! threads meanwhile, and see nothing that is not durable.
//!
//! Not here: retrying. After a failed write or sync a store takes no commit any more, because
//! nobody can know what a second sync would have kept.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::commit::Commit;
use super::marker::MarkerFound;
use crate::codec::page::{EventTooLong, PageError, PageKey};
use crate::domain::ids::Position;

/// Where the writer puts commits.
pub trait Store: Send {
    /// Keeps a commit; when this returns, it would survive a power cut. Tells the length of its
    /// pages, in bytes.
    ///
    /// # Errors
    /// [`StoreError`]. A commit that is refused for its position or because it is empty changed
    /// nothing; after any other error the store takes no commit any more.
    fn commit(&mut self, commit: &Commit) -> Result<u64, StoreError>;

    /// The last durable position; [`Position::START`] while the log is empty.
    fn last(&self) -> Position;

    /// Another view of the log, for other threads; it sees later commits too.
    fn reader(&self) -> Arc<dyn LogReader>;
}

/// Where everybody else finds events.
pub trait LogReader: Send + Sync {
    /// The last durable position; [`Position::START`] while the log is empty.
    fn last(&self) -> Position;

    /// Calls `visit` with each event from `from` through `through`, in order, until it breaks
    /// off. What lies past the last durable position isn't there, and is no error.
    ///
    /// # Errors
    /// [`StoreError`], where a page is damaged or missing, or can't be read.
    fn read(
        &self,
        from: Position,
        through: Position,
        visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// How much there is on disk.
    ///
    /// # Errors
    /// [`StoreError::Io`], where the disk can't be asked.
    fn size(&self) -> Result<StoreSize, StoreError>;
}

/// How much a log takes on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// How many segments there are.
    pub segments: usize,
    /// The length of their files, in bytes.
    pub bytes: u64,
}

/// A store that has been opened, and what was found in doing so.
#[derive(Debug)]
pub struct Opened<S> {
    /// The store, ready for the commit after `last`.
    pub store: S,
    /// The last durable position.
    pub last: Position,
    /// What was cut off the end: the beginning of a commit that nobody was told of.
    pub cut: Option<Cut>,
    /// What was found where the marker should be. An absent or torn one beside a log that isn't
    /// empty deserves a warning: nothing shows that the log's end wasn't lost.
    pub marker: MarkerFound,
}

/// The beginning of a commit that was never acknowledged and has been removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The first event that is gone.
    pub from: Position,
    /// How many pages went.
    pub pages: usize,
}

/// Why the log couldn't be written, read or opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The commit is not the one that follows.
    #[error(
        "a commit that begins at {found} was refused because {expected} follows in the log; this is a defect of the server: report it"
    )]
    OutOfOrder {
        /// The position that follows.
        expected: Position,
        /// The commit's first.
        found: Position,
    },
    /// The commit holds no events.
    #[error(
        "a commit without events was refused at {at}; this is a defect of the server: report it"
    )]
    Empty {
        /// The commit's first position.
        at: Position,
    },
    /// An event is longer than the log takes.
    #[error("a commit was refused: {0}")]
    EventTooLong(#[from] EventTooLong),
    /// A write or sync failed before.
    #[error(
        "the log takes nothing more because a write failed before; restart the server, which finds what is durable"
    )]
    FailedBefore,
    /// The operating system refused something.
    #[error("can't {action} {}: {source}; check the disk and the folder's permissions", .path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The embedded database of a segment refused something.
    #[error("can't {action} the segment {}: {reason}; make room if the disk is full; if it is sound and has room, restore the data folder from a backup", .path.display())]
    Engine {
        /// What was to be done.
        action: &'static str,
        /// The segment's folder.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// A page is not believed.
    #[error("page {key} in {place} is damaged: {reason}; restore the data folder from a backup")]
    Damaged {
        /// Which page.
        key: PageKey,
        /// The segment's folder, or its name in memory.
        place: String,
        /// In what way.
        reason: PageError,
    },
    /// A record of a segment is filed under what is no page's key.
    #[error(
        "{place} has a record that is no page of the log (its key is {key:02x?}); restore the data folder from a backup"
    )]
    Foreign {
        /// The segment's folder, or its name in memory.
        place: String,
        /// What the record is filed under.
        key: Vec<u8>,
    },
    /// Events are missing in the middle, or the last commit before a segment is not whole.
    #[error(
        "the log has a gap: {place} ends after {last}, and what follows begins at {next}; restore the data folder from a backup"
    )]
    Gap {
        /// The segment's folder, or its name in memory.
        place: String,
        /// The last position that is there.
        last: Position,
        /// The first that is there after it.
        next: Position,
    },
    /// The log ends before what its marker says was durable.
    #[error(
        "the log in {place} ends at {last} but its marker says that {marker} was durable; something was lost: restore the data folder from a backup, and keep this one for examination"
    )]
    Short {
        /// The folder of the log.
        place: String,
        /// The last whole commit's last position.
        last: Position,
        /// What was durable.
        marker: Position,
    },
    /// The log has another commit at its marker's position.
    #[error(
        "the log in {place} is not the one that its marker was written for: they differ at {marker}; restore the whole data folder from one backup"
    )]
    NotTheMarkers {
        /// The folder of the log.
        place: String,
        /// Where they differ.
        marker: Position,
    },
    /// Something lies among the segments that doesn't belong there.
    #[error("{} doesn't belong in the log; move it elsewhere, or restore the data folder from a backup", .path.display())]
    Stray {
        /// What.
        path: PathBuf,
    },
    /// The embedded database has put values aside into files that it doesn't sync.
    #[error("{} is not empty, so pages lie outside of the segment's file and may not be durable; restore the data folder from a backup, and report this as a defect", .path.display())]
    Blobs {
        /// The folder of those files.
        path: PathBuf,
    },
}

impl StoreError {
    /// Makes an error of the system's into one that says what was done to which file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}

/// Checks what every store refuses before it touches anything.
pub(super) fn check_follows(commit: &Commit, last: Position) -> Result<(), StoreError> {
    if commit.is_empty() {
        return Err(StoreError::Empty { at: commit.first() });
    }
    if commit.first() != last.next() {
        return Err(StoreError::OutOfOrder { expected: last.next(), found: commit.first() });
    }
    Ok(())
}
