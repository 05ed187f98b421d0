//! The last step of making something durable, behind a trait so that a test can withhold it.
//!
//! Not here: deciding when. Whoever wrote something asks.

use std::fs::{self, File};
use std::io;
use std::path::Path;

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

/// Creates a folder and those above it where they are missing, durably.
pub(super) fn create_folder(folder: &Path, sync: &dyn FileSync) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = parent(folder);
    create_folder(above, sync)?;
    fs::create_dir(folder)?;
    sync.sync_folder(above)
}

/// The folder that a path's last name is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}
