//! Whether a data folder keeps what the server promises.
//!
//! ```text
//!   folder ──▶ copy ──▶ every page ──▶ replay from zero ──▶ digest ─┐
//!                                          │                        ├─ equal?
//!                                          ├─ laws, event by event  │
//!                                          ├─ archive, each record  │
//!                                          ▼                        │
//!                                      each snapshot + tail + archive ┘
//! ```
//!
//! In reading order: `copy` (what is looked at), `inspection` (the steps), `laws` (what must hold
//! at each event), `ledger` and `timetable` (who holds what, counted from the events alone),
//! `agreement` (what must hold at the end).
//!
//! What a crash left unsettled is no problem: the next start settles it.
//!
//! It needs room on disk for a second copy of the folder, and memory for every entity that ever
//! was, finished ones too: several times what the server itself needs.
//!
//! Not here: repair, and the command line.

mod agreement;
mod copy;
mod inspection;
mod laws;
mod ledger;
mod past;
mod timetable;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::journal::FolderError;

pub use copy::Copy;
pub use inspection::inspect;
pub use laws::{Laws, Verdict};

/// How many problems are told one by one.
const PROBLEMS_MAX: usize = 100;

/// What was found. `ok` is the promise kept: no problem at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether everything holds.
    pub ok: bool,
    /// How many events were replayed.
    pub events: u64,
    /// The log's last position.
    pub last_position: u64,
    /// The digest of the state at that position, replayed from zero, in hexadecimal.
    pub state_sha256: String,
    /// How many streams the log holds.
    pub streams: u64,
    /// How many entities the newest snapshot with the events after it, and the archive, hold.
    pub entities: u64,
    /// What doesn't hold; of very many, the first and how many more there are.
    pub problems: Vec<String>,
    /// What breaks no promise, but should be known: such as what could not be compared, or what the
    /// next start passes over.
    pub notes: Vec<String>,
    /// What was looked at, whatever was found. What isn't named here wasn't.
    pub checked: Vec<String>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are being copied.
    Copying {
        /// The length of all files.
        bytes: u64,
    },
    /// The log's pages are being read.
    Checking,
    /// The log is being replayed from zero.
    Replaying {
        /// How far.
        position: u64,
        /// Of what.
        last: u64,
    },
    /// The archive is being compared.
    Archive,
    /// A snapshot is being compared.
    Snapshot {
        /// Of which position.
        position: u64,
    },
}

/// Why nothing can be said about a folder.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is no data folder, or a server is using it, or it can't be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no room for a copy.
    #[error(
        "verify works on a copy of the data folder, which takes {needed_bytes} bytes, and neither \
         {} nor {} has so many free; free some, or point TMPDIR at a larger disk",
        .beside.display(), .temporary.display()
    )]
    NoRoom {
        /// How long the folder's files are.
        needed_bytes: u64,
        /// The folder beside the data folder.
        beside: PathBuf,
        /// The system's folder for temporary files.
        temporary: PathBuf,
    },
}

/// Verifies a data folder that no server is using. The folder itself isn't changed; the copy is
/// made beside it, or where there is no room in the system's folder for temporary files, and
/// removed afterwards.
///
/// Damage is told in the report, but for what ends the process that [`inspect`]s the copy.
///
/// # Errors
/// [`VerifyError`]: nothing can be said.
pub fn run(data_dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, VerifyError> {
    match Copy::make(data_dir, progress) {
        Ok(copy) => Ok(inspect(copy.path(), progress).told_of(copy.path(), data_dir)),
        Err(error) => Report::of(error),
    }
}

impl Report {
    /// Of a folder that could not be copied because it is damaged.
    ///
    /// # Errors
    /// The error itself, where it says nothing about the folder.
    pub fn of(error: VerifyError) -> Result<Self, VerifyError> {
        match error {
            VerifyError::Folder(damage @ FolderError::Unreadable { .. }) => {
                Ok(Self::unopened(&damage))
            }
            other => Err(other),
        }
    }

    /// Of a folder that could not be read at all.
    pub fn unopened(problem: &dyn std::fmt::Display) -> Self {
        Self {
            ok: false,
            events: 0,
            last_position: 0,
            state_sha256: crate::codec::digest::Digest::ZERO.to_string(),
            streams: 0,
            entities: 0,
            problems: vec![problem.to_string()],
            notes: Vec::new(),
            checked: Vec::new(),
        }
    }

    /// The report on a copy as one on the folder that it is of: the copy is gone when it is read.
    pub fn told_of(mut self, copy: &Path, data_dir: &Path) -> Self {
        let (copy, data_dir) = (copy.display().to_string(), data_dir.display().to_string());
        for text in self.problems.iter_mut().chain(&mut self.notes) {
            *text = text.replace(&copy, &data_dir);
        }
        self
    }
}

/// What doesn't hold, bounded.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    told: Vec<String>,
    more: u64,
}

impl Problems {
    fn add(&mut self, problem: impl std::fmt::Display) {
        if self.told.len() < PROBLEMS_MAX {
            self.told.push(problem.to_string());
        } else {
            self.more += 1;
        }
    }

    fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told.push(format!("and {} more", self.more));
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_bounded_and_the_rest_is_counted() {
        let mut problems = Problems::default();
        for n in 0..PROBLEMS_MAX + 7 {
            problems.add(n);
        }
        let list = problems.into_list();
        assert_eq!(list.len(), PROBLEMS_MAX + 1);
        assert_eq!(list.last().unwrap(), "and 7 more");
    }
}
