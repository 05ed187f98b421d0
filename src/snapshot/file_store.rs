//! Snapshots as files: `snapshots/<position, 20 digits>.snap` in the data folder.
//!
//! ```text
//!   <position>.snap.tmp ──▶ written ──▶ synced ──▶ <position>.snap ──▶ folder synced
//!         │                                rename ──┘                       │
//!         └─ a crash up to here leaves a leftover,                          └─ durable
//!            removed at the next opening
//! ```
//!
//! So a file under a final name is whole, as far as the disk keeps its word; the checksums see
//! to the rest.
//!
//! Not here: a lock. Whoever opens the store holds the data folder's.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::store::{
    Pruned, SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource, SnapshotStore,
};
use super::stream;
use crate::codec::snapshot_block::{SnapshotEnd, SnapshotHeader};
use crate::domain::ids::Position;

const FOLDER: &str = "snapshots";
const SUFFIX: &str = ".snap";
const TEMP_SUFFIX: &str = ".tmp";
const POSITION_DIGITS: usize = 20;

/// So much goes to the disk at once. All of a snapshot at its end would be in the way of the log's
/// own syncs: clients waited a tenth of a second.
const SYNC_EVERY_BYTES: usize = 4 * 1024 * 1024;

/// The snapshots in one data folder.
#[derive(Debug)]
pub struct FileStore {
    log_id: Uuid,
    folder: PathBuf,
    /// The temporary files that are no leftovers.
    being_written: Arc<Mutex<BTreeSet<Position>>>,
}

impl FileStore {
    /// Opens the snapshots of a log in a data folder, which exists; makes their own folder where
    /// there is none, and removes what a crash left unfinished.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn open(data_folder: &Path, log_id: Uuid) -> Result<Self, SnapshotError> {
        let folder = data_folder.join(FOLDER);
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        sync_folder(data_folder)?;
        let store = Self { log_id, folder, being_written: Arc::default() };
        store.remove_leftovers()?;
        Ok(store)
    }

    /// Where a complete snapshot of this position is, or would be.
    pub fn path(&self, position: Position) -> PathBuf {
        self.folder.join(file_name(position))
    }

    fn names(&self) -> Result<Vec<String>, SnapshotError> {
        let read = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                names.extend(entry?.file_name().into_string().ok());
            }
            Ok(names)
        };
        read().map_err(failed("list", &self.folder))
    }

    fn remove_leftovers(&self) -> Result<usize, SnapshotError> {
        // Held throughout, so that no snapshot can begin between the look and the removal.
        let being_written = lock(&self.being_written);
        let is_leftover = |name: &String| {
            let begun = name.strip_suffix(TEMP_SUFFIX).and_then(position_of);
            begun.is_some_and(|position| !being_written.contains(&position))
        };
        let leftovers: Vec<_> = self.names()?.into_iter().filter(is_leftover).collect();
        for name in &leftovers {
            remove(&self.folder.join(name))?;
        }
        Ok(leftovers.len())
    }
}

impl SnapshotStore for FileStore {
    fn list(&self) -> Result<Vec<Position>, SnapshotError> {
        let names = self.names()?;
        let mut positions: Vec<_> = names.iter().filter_map(|name| position_of(name)).collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        Ok(positions)
    }

    fn begin(&self, position: Position) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        let mut being_written = lock(&self.being_written);
        if being_written.contains(&position) {
            return Err(SnapshotError::Busy { position });
        }
        let path = self.path(position);
        let temp = self.folder.join(file_name(position) + TEMP_SUFFIX);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temp);
        let file = file.map_err(failed("create", &temp))?;
        being_written.insert(position);
        let header = SnapshotHeader { log_id: self.log_id, position };
        Ok(Box::new(FileSink {
            position,
            writer: Some(stream::Writer::new(temp.clone(), header, Steady { file, unsynced: 0 })),
            temp,
            path,
            folder: self.folder.clone(),
            being_written: Arc::clone(&self.being_written),
        }))
    }

    fn open(&self, position: Position) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        let path = self.path(position);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SnapshotError::Missing { position });
            }
            opened => opened.map_err(failed("open", &path))?,
        };
        let expected = SnapshotHeader { log_id: self.log_id, position };
        Ok(Box::new(stream::Reader::open(path, expected, BufReader::new(file))?))
    }

    fn prune(&self, keep: usize) -> Result<Pruned, SnapshotError> {
        let leftovers = self.remove_leftovers()?;
        let snapshots: Vec<_> = self.list()?.into_iter().skip(keep.max(1)).collect();
        for position in &snapshots {
            remove(&self.path(*position))?;
        }
        Ok(Pruned { snapshots, leftovers })
    }

    fn clear(&self) -> Result<(), SnapshotError> {
        for position in self.list()? {
            remove(&self.path(position))?;
        }
        sync_folder(&self.folder)
    }
}

/// A file that is synced as it grows.
struct Steady {
    file: File,
    unsynced: usize,
}

impl Write for Steady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced += written;
        if self.unsynced >= SYNC_EVERY_BYTES {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct FileSink {
    position: Position,
    /// None once it is finished or given up.
    writer: Option<stream::Writer<Steady>>,
    temp: PathBuf,
    path: PathBuf,
    folder: PathBuf,
    being_written: Arc<Mutex<BTreeSet<Position>>>,
}

impl SnapshotSink for FileSink {
    fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), SnapshotError> {
        match &mut self.writer {
            Some(writer) => writer.put(key, record),
            None => Err(SnapshotError::GivenUp { name: self.temp.display().to_string() }),
        }
    }

    fn finish(mut self: Box<Self>, end: SnapshotEnd) -> Result<SnapshotInfo, SnapshotError> {
        let Some(writer) = self.writer.take() else {
            return Err(SnapshotError::GivenUp { name: self.temp.display().to_string() });
        };
        let (Steady { file, .. }, info) = writer.finish(end)?;
        file.sync_all().map_err(failed("sync", &self.temp))?;
        drop(file);
        fs::rename(&self.temp, &self.path).map_err(failed("rename", &self.temp))?;
        sync_folder(&self.folder)?;
        Ok(info)
    }
}

impl Drop for FileSink {
    /// After a finish the temporary name is gone already. A removal that fails leaves a leftover,
    /// which the next pruning or opening removes or complains of.
    fn drop(&mut self) {
        let mut being_written = lock(&self.being_written);
        let _ = fs::remove_file(&self.temp);
        being_written.remove(&self.position);
    }
}

fn file_name(position: Position) -> String {
    format!("{:0POSITION_DIGITS$}{SUFFIX}", position.0)
}

/// The position in a complete snapshot's name; none for any other file.
fn position_of(name: &str) -> Option<Position> {
    let position = Position(name.strip_suffix(SUFFIX)?.parse().ok()?);
    (file_name(position) == name).then_some(position)
}

fn remove(path: &Path) -> Result<(), SnapshotError> {
    fs::remove_file(path).map_err(failed("remove", path))
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), SnapshotError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("sync", folder))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    move |source| SnapshotError::Io { action, path: path.to_owned(), source }
}

/// A panic while the lock was held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use crate::domain::time::Timestamp;

    use super::*;

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path(), Uuid::nil()).unwrap();
        (folder, store)
    }

    fn end() -> SnapshotEnd {
        SnapshotEnd { barrier: Position(9), time: Timestamp(1), archived: 0, digest: None }
    }

    fn names(store: &FileStore) -> Vec<String> {
        let mut names = store.names().unwrap();
        names.sort();
        names
    }

    #[test]
    fn a_snapshot_has_its_name_only_when_it_is_finished() {
        let (_folder, store) = store();
        let sink = store.begin(Position(9)).unwrap();
        assert_eq!(names(&store), ["00000000000000000009.snap.tmp"]);
        sink.finish(end()).unwrap();
        assert_eq!(names(&store), ["00000000000000000009.snap"]);
    }

    #[test]
    fn a_leftover_is_removed_at_opening_and_by_pruning_and_other_files_are_left_alone() {
        let (folder, store) = store();
        let leftover = store.path(Position(3)).with_extension("snap.tmp");
        let foreign = store.folder.join("notes.tmp");
        fs::write(&foreign, "mine").unwrap();
        fs::write(&leftover, "half").unwrap();
        assert_eq!(store.prune(1).unwrap(), Pruned { snapshots: vec![], leftovers: 1 });
        fs::write(&leftover, "half").unwrap();
        let store = FileStore::open(folder.path(), Uuid::nil()).unwrap();
        assert_eq!(names(&store), ["notes.tmp"]);
    }

    #[test]
    fn names_that_only_resemble_a_snapshots_are_not_listed() {
        let (_folder, store) = store();
        for name in ["9.snap", "+0000000000000000009.snap", "99999999999999999999.snap", "x.snap"] {
            fs::write(store.folder.join(name), "").unwrap();
        }
        assert_eq!(store.list().unwrap(), []);
    }

    #[test]
    fn a_file_that_can_not_get_its_name_is_removed_and_the_error_names_it() {
        let (_folder, store) = store();
        let sink = store.begin(Position(9)).unwrap();
        // A folder of that name is in the way.
        fs::create_dir(store.path(Position(9))).unwrap();
        let error = sink.finish(end()).unwrap_err().to_string();
        assert!(error.contains("could not rename"), "{error}");
        assert!(error.contains("00000000000000000009.snap.tmp"), "{error}");
        assert_eq!(names(&store), ["00000000000000000009.snap"]);
    }

    #[test]
    fn a_folder_that_is_gone_is_named_in_the_error() {
        let (_folder, store) = store();
        fs::remove_dir_all(&store.folder).unwrap();
        let error = store.begin(Position(9)).err().unwrap().to_string();
        assert!(error.contains(&store.folder.display().to_string()), "{error}");
        assert!(error.contains("check that the disk"), "{error}");
    }
}
