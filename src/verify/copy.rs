//! The copy that is looked at, since opening a database writes.
//!
//! It is made beside the data folder: that disk was chosen for data of this size, and a file
//! system that can share blocks copies without writing any. Where there is no room, or no
//! permission, the system's folder for temporary files is taken.
//!
//! It is removed when this is dropped. A process that is killed leaves it: its name begins with
//! [`PREFIX`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{Progress, VerifyError};
use crate::journal::folder;

/// How a copy's name begins.
const PREFIX: &str = ".holdfast-verify-";

/// A copy of a data folder.
#[derive(Debug)]
pub struct Copy {
    path: PathBuf,
}

impl Copy {
    /// Copies a data folder that no server is using.
    ///
    /// # Errors
    /// [`VerifyError`], where it can't be copied; [`super::Report::of`] tells whether it is damaged.
    pub fn make(data_dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Self, VerifyError> {
        folder::identify(data_dir)?;
        let needed_bytes = bytes_in(data_dir).map_err(unreadable(data_dir))?;
        let data_dir = data_dir.canonicalize().map_err(unreadable(data_dir))?;
        let beside = data_dir.parent().unwrap_or(&data_dir).to_path_buf();
        let temporary = std::env::temp_dir();
        let made = [&beside, &temporary].into_iter().find_map(|at| Self::at(at, needed_bytes));
        let Some(copy) = made else {
            return Err(VerifyError::NoRoom { needed_bytes, beside, temporary });
        };
        progress(Progress::Copying { bytes: needed_bytes });
        folder::copy(&data_dir, &copy.path)?;
        Ok(copy)
    }

    /// An empty folder in a place that has room.
    fn at(place: &Path, needed_bytes: u64) -> Option<Self> {
        let free = rustix::fs::statvfs(place).ok()?;
        if free.f_bavail.saturating_mul(free.f_frsize) < needed_bytes {
            return None;
        }
        let path = place.join(format!("{PREFIX}{}", Uuid::new_v4()));
        fs::create_dir(&path).ok()?;
        Some(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::error!(path = %self.path.display(), %error, "a copy could not be removed");
        }
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> VerifyError {
    let path = path.to_path_buf();
    move |source| folder::FolderError::Io { action: "read", path, source }.into()
}

fn bytes_in(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let data = entry.metadata()?;
        bytes += if data.is_dir() { bytes_in(&entry.path())? } else { data.len() };
    }
    Ok(bytes)
}
