//! The segments' folders: their names, how one comes into being, and what may lie beside them.
//!
//! A segment is a folder named after its first position, in 20 digits so that names sort as the
//! log runs. It is made under a name that ends in `.new`, closed, synced and only then renamed,
//! so a folder with a segment's name always holds a whole database.
//!
//! Not here: the database in it, and what the pages say.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::store::StoreError;
use super::sync::FileSync;
use crate::domain::ids::Position;

const NEW: &str = "new";
const DIGITS: usize = 20;

/// The file of a segment that holds the pages.
pub(super) const PAGES: &str = "db";

/// The folder of the segment that begins at `first`.
pub(super) fn path(log: &Path, first: Position) -> PathBuf {
    log.join(format!("{:0DIGITS$}", first.0))
}

/// The first positions of all segments, in order. What a creation that was broken off left
/// behind is removed: nothing in it was ever part of the log.
pub(super) fn list(log: &Path) -> Result<Vec<Position>, StoreError> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(log).map_err(StoreError::io("list the folder", log))? {
        let path = entry.map_err(StoreError::io("list the folder", log))?.path();
        match parse(&path) {
            Some(Name::Segment(first)) => firsts.push(first),
            Some(Name::Unfinished) => {
                fs::remove_dir_all(&path).map_err(StoreError::io("remove the folder", &path))?;
            }
            None => return Err(StoreError::Stray { path }),
        }
    }
    firsts.sort();
    Ok(firsts)
}

enum Name {
    Segment(Position),
    Unfinished,
}

fn parse(path: &Path) -> Option<Name> {
    let digits = path.file_stem()?.to_str()?;
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let first = Position(digits.parse().ok()?);
    match path.extension() {
        None if path.is_dir() => Some(Name::Segment(first)),
        Some(extension) if extension == NEW && path.is_dir() => Some(Name::Unfinished),
        _ => None,
    }
}

/// Makes a segment's folder, which `fill` fills, and lets it appear whole or not at all.
pub(super) fn create(
    log: &Path,
    first: Position,
    sync: &dyn FileSync,
    fill: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<PathBuf, StoreError> {
    let path = path(log, first);
    let new = path.with_extension(NEW);
    if new.exists() {
        fs::remove_dir_all(&new).map_err(StoreError::io("remove the folder", &new))?;
    }
    fs::create_dir(&new).map_err(StoreError::io("create the folder", &new))?;
    fill(&new)?;
    sync_all(&new, sync).map_err(StoreError::io("sync the folder", &new))?;
    fs::rename(&new, &path).map_err(StoreError::io("rename the folder", &new))?;
    sync.sync_folder(log).map_err(StoreError::io("sync the folder", log))?;
    Ok(path)
}

/// Syncs a segment's files and the folder that names them.
pub(super) fn sync_all(folder: &Path, sync: &dyn FileSync) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync.sync_folder(&path)?;
        } else {
            sync.sync_file(&File::open(&path)?)?;
        }
    }
    sync.sync_folder(folder)
}

/// Refuses a segment whose database put values aside into files that it doesn't sync.
pub(super) fn check_no_blobs(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join("blobs");
    let mut entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("list the folder", &path)(error)),
    };
    if entries.next().is_some() { Err(StoreError::Blobs { path }) } else { Ok(()) }
}

/// Removes snapshots of the database's page table that it didn't finish. It would take one for
/// the newest and refuse to open.
pub(super) fn remove_unfinished_tables(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(StoreError::io("list the folder", folder))? {
        let path = entry.map_err(StoreError::io("list the folder", folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// The length of a segment's pages file, in bytes.
pub(super) fn bytes_on_disk(folder: &Path) -> Result<u64, StoreError> {
    let path = folder.join(PAGES);
    let data = fs::metadata(&path).map_err(StoreError::io("look at", &path))?;
    Ok(data.len())
}
