//! Opens what is on disk, in the order in which each part can be trusted.

use std::sync::Arc;

use uuid::Uuid;

use crate::archive::{Archive, ArchiveError, FjallArchive};
use crate::config::Config;
use crate::domain::ids::Position;
use crate::journal::{
    DataFolder, FolderError, MarkerFound, Opened, SledOptions, SledStore, Store, StoreError,
};
use crate::recovery::{self, Loaded, RecoveryError, Sources, Spread};
use crate::snapshot::{FileStore, SnapshotError, SnapshotStore};

/// Everything on disk, open.
pub struct Storage {
    /// The log.
    pub log: SledStore,
    /// The log's own id.
    pub log_id: Uuid,
    /// The snapshots.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// The finished entities.
    pub archive: Arc<dyn Archive>,
}

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// It is in other hands, something else, or too new.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The log can't be opened.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The snapshots can't be opened.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// The archive can't be made.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The state can't be had.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
}

impl Storage {
    /// Opens the folder that the configuration names; makes it where it is missing.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(config: &Config) -> Result<Self, StorageError> {
        let path = &config.server.data_dir;
        let folder = DataFolder::open(path)?;
        let log_id = folder.log_id();
        let segment_bytes_max = config.journal.segment_bytes_max;
        let opened =
            SledStore::open(&folder, SledOptions { segment_bytes_max, ..Default::default() })?;
        report(&opened);
        let snapshots = Arc::new(FileStore::open(path, log_id)?);
        let archive = open_archive(path)?;
        Ok(Self { log: opened.store, log_id, snapshots, archive })
    }

    /// Loads the state as of the log's end, in as many parts as the spread has.
    ///
    /// # Errors
    /// [`StorageError::Recovery`].
    pub fn recover(&self, spread: &Spread) -> Result<Loaded, StorageError> {
        let begun = std::time::Instant::now();
        let reader = self.log.reader();
        let sources = Sources {
            log: reader.as_ref(),
            log_id: self.log_id,
            snapshots: self.snapshots.as_ref(),
            archive: self.archive.as_ref(),
        };
        let loaded = recovery::load(sources, spread)?;
        let from = loaded.snapshot.as_ref().map_or(Position::START, |info| info.header.position);
        tracing::info!(
            last_position = loaded.last.0,
            snapshot = from.0,
            events_replayed = loaded.replayed,
            entities = loaded.world.len() as u64,
            archived = self.archive.digest().1,
            claims_to_settle = loaded.unsettled.claims.len() as u64,
            orders_to_drive = loaded.unsettled.orders.len() as u64,
            took_ms = begun.elapsed().as_millis() as u64,
            "recovered"
        );
        Ok(loaded)
    }
}

fn report(opened: &Opened<SledStore>) {
    if let Some(cut) = &opened.cut {
        tracing::warn!(
            from = cut.from.0,
            pages = cut.pages as u64,
            "the log ended in a commit that was never acknowledged: it has been cut off"
        );
    }
    match opened.marker {
        MarkerFound::Torn => {
            tracing::warn!("the marker of the log's end was torn by a crash and counts as absent");
        }
        MarkerFound::Absent if opened.last > Position::START => {
            tracing::warn!("the marker of the log's end is missing: its length can't be checked");
        }
        MarkerFound::Absent | MarkerFound::Whole(_) => {}
    }
}

/// An archive that can't be opened is made anew: recovery fills it from the log.
fn open_archive(path: &std::path::Path) -> Result<Arc<dyn Archive>, StorageError> {
    match FjallArchive::open(path) {
        Ok(archive) => Ok(Arc::new(archive)),
        Err(error) => {
            tracing::error!(%error, "the archive is discarded and built anew from the log");
            FjallArchive::discard(path)?;
            Ok(Arc::new(FjallArchive::open(path)?))
        }
    }
}
