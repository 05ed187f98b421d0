//! The data folder: whose it is, which format it has, and that nobody else uses it.
//!
//! All of this is settled before anything in the folder changes, and before a database in it is
//! opened, because opening one writes.
//!
//! ```text
//!  look at FORMAT ──▶ take LOCK ──▶ look again ──▶ write FORMAT where the folder is new
//!  (refuses what       (refuses a    (another may
//!   isn't ours)         second one)   have come first)
//! ```
//!
//! `FORMAT` is three lines of text: what this is, the format's version, the log's own id. `LOCK`
//! holds the pid of whoever has it locked; the lock goes with the process, the file stays.
//!
//! Not here: what the log, the snapshots and the archive put into the folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::marker::{self, MarkerFound};
use super::sync::{DiskSync, FileSync, create_folder, parent};

/// The version of the data folder's format that is written, and the newest that is read.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: &str = "holdfast data folder";
const FORMAT: &str = "FORMAT";
const FORMAT_NEW: &str = "FORMAT.new";
const LOCK: &str = "LOCK";
const MARKER: &str = "MARKER";
const LOG: &str = "log";

/// What may lie in a folder that still counts as empty: what a creation that was broken off
/// leaves behind, and what file systems put into their root.
const NOTHING: [&str; 3] = [LOCK, FORMAT_NEW, "lost+found"];

/// Why a data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("the data folder {} is in use by {owner}; stop that server, or choose another folder", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Who, as far as it says so.
        owner: String,
    },
    /// It holds something else.
    #[error("{} is no Holdfast data folder: it has no {FORMAT} file but holds {found:?}; choose an empty folder, or restore this one from a backup", .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Something that was found in it.
        found: String,
    },
    /// It was written by a newer build.
    #[error("the data folder {} has format {version}, and this build reads up to {FORMAT_VERSION}; use a newer build", .path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format's version.
        version: u32,
    },
    /// Its format file doesn't say what it should.
    #[error("{} is damaged; restore it from a backup of this same data folder", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// There is no data folder.
    #[error("{} does not exist; check the path", .path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A copy would mix with something that is there.
    #[error("can't copy a data folder to {}: it is not empty; choose an empty folder", .path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
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
}

impl FolderError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}

/// A data folder that this process alone has, for as long as this or a store made from it lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    log_id: Uuid,
    lock: Arc<File>,
}

impl DataFolder {
    /// Takes a data folder, and makes one where there is nothing yet.
    ///
    /// # Errors
    /// [`FolderError`]: in use, something else, of a newer format, or not readable. Nothing in
    /// the folder has changed then.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        look(path)?;
        create_folder(path, &DiskSync).map_err(FolderError::io("create the folder", path))?;
        let lock = take_lock(path)?;
        let log_id = match look(path)? {
            Found::Format(log_id) => log_id,
            Found::Nothing | Found::Empty => write_format(path)?,
        };
        write_owner(&lock).map_err(FolderError::io("write to", &path.join(LOCK)))?;
        Ok(Self { path: path.to_path_buf(), log_id, lock: Arc::new(lock) })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which log this is: chosen at random when the folder was made, and kept in copies.
    pub fn log_id(&self) -> Uuid {
        self.log_id
    }

    /// Where the log's segments are.
    pub fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// How far the log was durable when a process last knew.
    ///
    /// # Errors
    /// [`FolderError::Io`], where the marker is there and can't be read.
    pub fn marker(&self) -> Result<MarkerFound, FolderError> {
        let path = self.marker_path();
        marker::read(&path).map_err(FolderError::io("read", &path))
    }

    pub(super) fn marker_path(&self) -> PathBuf {
        self.path.join(MARKER)
    }

    /// What keeps the folder locked while it is held.
    pub(super) fn lock(&self) -> Arc<File> {
        self.lock.clone()
    }
}

/// Which log a folder holds; changes nothing.
///
/// # Errors
/// [`FolderError`]: no data folder, or one that can't be read.
pub fn identify(path: &Path) -> Result<Uuid, FolderError> {
    match look(path)? {
        Found::Format(log_id) => Ok(log_id),
        Found::Nothing => Err(FolderError::Missing { path: path.to_path_buf() }),
        Found::Empty => {
            Err(FolderError::Foreign { path: path.to_path_buf(), found: "nothing".into() })
        }
    }
}

/// Copies a data folder that no server is using, byte for byte and without links, so that tools
/// can open the copy, which writes. Returns how many bytes were copied.
///
/// # Errors
/// [`FolderError`]: no data folder, in use, or `to` is not empty.
pub fn copy(from: &Path, to: &Path) -> Result<u64, FolderError> {
    identify(from)?;
    // A folder restored from a backup may have no lock; then nobody can be using it.
    let lock_path = from.join(LOCK);
    let _lock = if lock_path.exists() { Some(take_lock(from)?) } else { None };
    fs::create_dir_all(to).map_err(FolderError::io("create the folder", to))?;
    if !names(to)?.is_empty() {
        return Err(FolderError::NotEmpty { path: to.to_path_buf() });
    }
    copy_inner(from, to)
}

fn copy_inner(from: &Path, to: &Path) -> Result<u64, FolderError> {
    let mut bytes = 0;
    for name in names(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        if name == LOCK {
            continue;
        }
        let data = fs::metadata(&source).map_err(FolderError::io("look at", &source))?;
        if data.is_dir() {
            fs::create_dir(&target).map_err(FolderError::io("create the folder", &target))?;
            bytes += copy_inner(&source, &target)?;
        } else {
            bytes += fs::copy(&source, &target).map_err(FolderError::io("copy", &source))?;
        }
    }
    Ok(bytes)
}

enum Found {
    Nothing,
    Empty,
    Format(Uuid),
}

/// Looks at a folder and changes nothing.
fn look(path: &Path) -> Result<Found, FolderError> {
    if !path.try_exists().map_err(FolderError::io("look at", path))? {
        return Ok(Found::Nothing);
    }
    let names = names(path)?;
    if names.iter().any(|name| name == FORMAT) {
        return read_format(path).map(Found::Format);
    }
    match names.into_iter().find(|name| !NOTHING.contains(&name.as_str())) {
        None => Ok(Found::Empty),
        Some(found) => Err(FolderError::Foreign { path: path.to_path_buf(), found }),
    }
}

/// The names in a folder, sorted.
fn names(path: &Path) -> Result<Vec<String>, FolderError> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    };
    read().map_err(FolderError::io("list the folder", path))
}

fn read_format(folder: &Path) -> Result<Uuid, FolderError> {
    let path = folder.join(FORMAT);
    let text = fs::read(&path).map_err(FolderError::io("read", &path))?;
    let unreadable = || FolderError::Unreadable { path: path.clone() };
    let text = String::from_utf8(text).map_err(|_| unreadable())?;
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        return Err(unreadable());
    }
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let version: Option<u32> = field("format").and_then(|text| text.parse().ok());
    let version = version.filter(|version| *version > 0).ok_or_else(unreadable)?;
    if version > FORMAT_VERSION {
        return Err(FolderError::Newer { path: folder.to_path_buf(), version });
    }
    field("log").and_then(|text| text.parse().ok()).ok_or_else(unreadable)
}

fn write_format(folder: &Path) -> Result<Uuid, FolderError> {
    let log_id = Uuid::new_v4();
    let write = || -> io::Result<()> {
        let new = folder.join(FORMAT_NEW);
        let mut file = File::create(&new)?;
        write!(file, "{MAGIC}\nformat {FORMAT_VERSION}\nlog {log_id}\n")?;
        file.sync_all()?;
        fs::rename(&new, folder.join(FORMAT))?;
        DiskSync.sync_folder(folder)?;
        DiskSync.sync_folder(parent(folder))
    };
    write().map_err(FolderError::io("create", &folder.join(FORMAT)))?;
    Ok(log_id)
}

fn take_lock(folder: &Path) -> Result<File, FolderError> {
    let path = folder.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(FolderError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let owner = read_owner(&mut file);
            Err(FolderError::InUse { path: folder.to_path_buf(), owner })
        }
        Err(TryLockError::Error(source)) => Err(FolderError::Io { action: "lock", path, source }),
    }
}

fn write_owner(mut lock: &File) -> io::Result<()> {
    lock.set_len(0)?;
    writeln!(lock, "pid {}", std::process::id())
}

fn read_owner(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.take(64).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("the process with {}", text.trim()),
        _ => "another process".into(),
    }
}
