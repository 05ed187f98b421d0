//! Meets a full disk before it is full: a write that fails for want of room would end the process.
//!
//! Before the shards begin, and then once a second, the file system of the data folder is asked how
//! much is free. What that is enough for is said to whoever must keep to it:
//!
//! ```text
//!   free ──▶ Room ─┬─▶ admission, readiness      clients' commands
//!                  └─▶ journal ◀── keeper        snapshots and archive
//!                              ◀── shards        expiry, steps of orders
//! ```
//!
//! Where the file system can't say, or doesn't answer, what was so goes on.
//!
//! Not here: how much is enough; that is `journal::room`.

use std::io;
use std::path::Path;

use super::looking::each_second;
use crate::api::admission::{Admission, Closed};
use crate::api::readiness::Readiness;
use crate::journal::Journal;
use crate::journal::room::{Bounds, Room};
use crate::telemetry;

/// Tells how many bytes are free on the data folder's disk.
pub type FreeSpace = Box<dyn FnMut() -> io::Result<u64> + Send>;

/// What the file system of a folder has free for the likes of us.
pub fn of_file_system(folder: &Path) -> FreeSpace {
    let folder = folder.to_owned();
    Box::new(move || {
        let found = rustix::fs::statvfs(&folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    })
}

/// Whoever must know what there is room for.
pub struct Affected {
    /// Lets commands in, or not.
    pub admission: Admission,
    /// Tells others whether it does.
    pub readiness: Readiness,
    /// Knows it for the server's own work.
    pub journal: Journal,
}

/// Looks at the disk.
pub struct SpaceWatch {
    free_space: FreeSpace,
    bounds: Bounds,
    affected: Affected,
    room: Room,
    /// Whether the file system didn't answer the last time; said once.
    is_blind: bool,
}

impl SpaceWatch {
    /// A watch that has looked once.
    pub fn begin(free_space: FreeSpace, bounds: Bounds, affected: Affected) -> Self {
        let room = Room::Commands;
        let mut watch = Self { free_space, bounds, affected, room, is_blind: false };
        watch.look();
        watch
    }

    /// Looks for as long as it isn't dropped.
    pub async fn run(mut self) {
        each_second(move || self.look()).await;
    }

    fn look(&mut self) {
        match (self.free_space)() {
            Ok(free_bytes) => {
                self.is_blind = false;
                telemetry::disk_free(free_bytes, self.bounds.min_free_bytes);
                self.enter(self.bounds.room(self.room, free_bytes), free_bytes);
            }
            Err(error) if !self.is_blind => {
                self.is_blind = true;
                tracing::warn!(%error, "the disk doesn't say how much is free");
            }
            Err(_) => {}
        }
    }

    fn enter(&mut self, room: Room, free_bytes: u64) {
        if room == self.room {
            return;
        }
        self.room = room;
        self.say(free_bytes);
        self.affected.journal.set_room(room);
        if room == Room::Commands {
            self.affected.readiness.storage_ample();
            self.affected.admission.open();
        } else {
            self.affected.readiness.storage_low();
            self.affected.admission.close(Closed::StorageLow);
        }
    }

    fn say(&self, free_bytes: u64) {
        let min_free_bytes = self.bounds.min_free_bytes;
        match self.room {
            Room::Commands => {
                tracing::info!(free_bytes, min_free_bytes, "the disk has room again");
            }
            Room::Snapshots => tracing::warn!(
                free_bytes,
                min_free_bytes,
                "the disk is nearly full: commands are refused until there is room"
            ),
            Room::OwnWork => tracing::warn!(
                free_bytes,
                min_free_bytes,
                "the disk is nearly full: no commands, no snapshots until there is room"
            ),
            Room::UnderWay => tracing::error!(
                free_bytes,
                min_free_bytes,
                "the disk is full but for a reserve: no commands, no snapshots, holds don't expire \
                 and orders stand still until there is room"
            ),
        }
    }
}
