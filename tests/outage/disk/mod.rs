//! A disk of our own, in memory and mounted, that loses at a power cut what nobody synced.
//!
//! ```text
//!   server ──▶ kernel ──▶ driver ──▶ platter ──▶ files: content, folders: names
//!                                       │
//!                                       └─ power cut: each loses what it hasn't synced, by chance
//! ```
//!
//! Not here: whose data it holds.

mod content;
mod cut;
mod driver;
mod names;
mod platter;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use fuser::{BackgroundSession, MountOption};
use tempfile::TempDir;

pub use cut::Losses;
pub use platter::Platter;

use driver::Driver;

/// What a mounted disk is called in the list of mounts.
const SOURCE: &str = "outage";

/// Why disks can't be mounted here, where they can't.
pub fn obstacle() -> Option<String> {
    remove_abandoned();
    match Mounted::mount(Platter::default()) {
        Ok(mounted) => {
            mounted.take_out();
            None
        }
        Err(error) => Some(format!("no file system can be mounted by /dev/fuse: {error}")),
    }
}

/// A trial that was interrupted leaves its disk mounted, with nobody to answer for it.
fn remove_abandoned() {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.strip_prefix(SOURCE)?.split(' ').nth(1));
    for place in places {
        let answer = std::fs::metadata(place);
        if answer.is_err_and(|error| error.kind() == io::ErrorKind::NotConnected) {
            let _ = Command::new("umount").arg(place).status();
            let _ = std::fs::remove_dir(place);
        }
    }
}

/// The switch of a mounted disk.
#[derive(Clone)]
pub struct Power(Arc<Mutex<Platter>>);

impl Power {
    pub fn cut(&self) {
        self.0.lock().unwrap().cut();
    }

    /// Lets the power fail just before the n-th step from now, counted from 1.
    pub fn fail_before(&self, n: u64) {
        self.0.lock().unwrap().fail_before(n);
    }
}

/// A disk in a folder of its own.
pub struct Mounted {
    platter: Arc<Mutex<Platter>>,
    session: Option<BackgroundSession>,
    folder: TempDir,
}

impl Mounted {
    pub fn mount(platter: Platter) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let platter = Arc::new(Mutex::new(platter));
        let mut options = fuser::Config::default();
        options.mount_options = vec![MountOption::FSName(SOURCE.to_owned())];
        let session = fuser::spawn_mount(Driver(platter.clone()), folder.path(), &options)?;
        Ok(Self { platter, session: Some(session), folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where a server keeps its data on it.
    pub fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn power(&self) -> Power {
        Power(self.platter.clone())
    }

    /// Takes it out; nobody may be using it any more.
    pub fn take_out(mut self) -> Platter {
        self.unmount();
        std::mem::take(&mut *self.platter.lock().unwrap())
    }

    fn unmount(&mut self) {
        if let Some(session) = self.session.take() {
            session.umount_and_join().unwrap();
        }
    }
}
