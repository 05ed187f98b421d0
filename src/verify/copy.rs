//! The copy that is looked at, since opening a database writes.
//!
//! It is made beside the data folder: that disk was chosen for data of this size, and a file
//! system that can share blocks copies without writing any. Where there is no room, or no
//! permission, the system's folder for temporary files is taken.
//!
//! It is removed when this is dropped. A process that is killed or interrupted leaves it; then the
//! next one that makes a copy in the same place removes it, since nobody holds its lock any more.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::{Progress, VerifyError};
use crate::journal::folder;

/// How a copy's name begins.
const PREFIX: &str = ".holdfast-verify-";

/// A copy younger than this may be about to be locked.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// A copy of a data folder.
#[derive(Debug)]
pub struct Copy {
    path: PathBuf,
    /// Held for as long as the copy is used.
    _lock: File,
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
        remove_abandoned(place);
        let free = rustix::fs::statvfs(place).ok()?;
        if free.f_bavail.saturating_mul(free.f_frsize) < needed_bytes {
            return None;
        }
        let path = place.join(format!("{PREFIX}{}", Uuid::new_v4()));
        // The data are their owner's alone, wherever the copy lies.
        DirBuilder::new().mode(0o700).create(&path).ok()?;
        let lock = File::open(&path).ok()?;
        lock.try_lock().ok()?;
        Some(Self { path, _lock: lock })
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

/// Removes copies that were left behind. One that can't be removed stays: it is in nobody's way.
fn remove_abandoned(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let copies = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for path in copies.map(|entry| entry.path()).filter(|path| is_abandoned(path)) {
        tracing::info!(path = %path.display(), "a copy that was left behind is removed");
        let _ = fs::remove_dir_all(path);
    }
}

fn is_abandoned(copy: &Path) -> bool {
    let Ok(folder) = File::open(copy) else { return false };
    let age = folder.metadata().and_then(|found| found.modified()).map(|at| at.elapsed());
    matches!(age, Ok(Ok(age)) if age > ABANDONED_AFTER) && folder.try_lock().is_ok()
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_nobody_uses_any_more_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 2 * ABANDONED_AFTER;
        let made = |name: &str, at: SystemTime| {
            let path = place.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("page"), "x").unwrap();
            File::open(&path).unwrap().set_modified(at).unwrap();
            path
        };
        let abandoned = made(".holdfast-verify-1", old);
        let others = made("somebody-elses", old);
        let young = made(".holdfast-verify-2", SystemTime::now());
        let used = made(".holdfast-verify-3", old);
        let lock = File::open(&used).unwrap();
        lock.try_lock().unwrap();
        let copy = Copy::at(place.path(), 1).unwrap();
        let is_there = [&abandoned, &others, &young, &used].map(|path| path.exists());
        assert_eq!(is_there, [false, true, true, true]);
        let path = copy.path().to_path_buf();
        assert!(path.exists());
        drop(copy);
        assert!(!path.exists());
    }
}
