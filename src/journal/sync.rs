//! The last step of making something durable, behind a trait so that a test can withhold it.
//!
//! Not here: deciding when. Whoever wrote something asks.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What is in a data folder concerns its owner alone.
const PRIVATE: u32 = 0o700;
/// As far as the process's umask lets it.
const USUAL: u32 = 0o777;

/// Tells the disk to keep what was written.
pub trait FileSync: Send {
    /// Returns when the file's data would survive a power cut.
    ///
    /// # Errors
    /// What the system says. It must not be tried again: the kernel may have dropped the data.
    fn sync_file(&self, file: &File) -> io::Result<()>;

    /// Returns when the names in the folder would survive a power cut.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The disk itself: `fdatasync` for files, `fsync` for folders.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskSync;

impl FileSync for DiskSync {
    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// Creates a folder for its owner alone, and those above it where they are missing, durably.
pub(super) fn create_folder(folder: &Path, sync: &dyn FileSync) -> io::Result<()> {
    create(folder, PRIVATE, sync)
}

fn create(folder: &Path, mode: u32, sync: &dyn FileSync) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = parent(folder);
    create(above, USUAL, sync)?;
    DirBuilder::new().mode(mode).create(folder)?;
    sync.sync_folder(above)
}

/// The folder that a path's last name is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}
