//! The newest good snapshot, then the log's tail.

use std::ops::ControlFlow;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use uuid::Uuid;

use super::settle::{Unsettled, settle};
use super::world::{World, WorldError};
use crate::archive::{Archive, ArchiveError};
use crate::codec::{CodecError, v1};
use crate::domain::event::Event;
use crate::domain::ids::{EntityId, EntityKey, Position};
use crate::domain::time::Timestamp;
use crate::journal::{LogReader, StoreError};
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotStore};

/// How many events are handed over at once.
const BATCH_EVENTS: usize = 1_024;

/// How many batches may wait to be followed.
const BATCHES_AHEAD_MAX: usize = 16;

/// What recovery found.
pub struct Loaded {
    /// Every entity that isn't in the archive.
    pub world: World,
    /// What must be sent before anything else.
    pub unsettled: Unsettled,
    /// The log's end.
    pub last: Position,
    /// No event was decided later. Those of different shards may stand in the log by a moment
    /// out of their times' order, so the last event's own time may be earlier.
    pub time: Timestamp,
    /// The snapshot that was used.
    pub snapshot: Option<SnapshotInfo>,
    /// How many events were read after it.
    pub replayed: u64,
}

/// Why the state can't be had.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// A snapshot can't be listed.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The archive can't be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An event doesn't fit what is there.
    #[error(transparent)]
    World(#[from] WorldError),
    /// An event's bytes mean nothing.
    #[error("the event at {position} {source}; restore the data folder from a backup")]
    Event {
        /// Where it stands.
        position: Position,
        /// What is wrong with it.
        source: CodecError,
    },
    /// The log ends before what a snapshot was made of.
    #[error(
        "the log ends at {last}, but the snapshot {snapshot} holds events up to {barrier}: the \
         end of the log is missing; restore the data folder from a backup"
    )]
    LogShorterThanSnapshot {
        /// Where the log ends.
        last: Position,
        /// The snapshot's name.
        snapshot: Position,
        /// How far the log must reach.
        barrier: Position,
    },
    /// The snapshot is of another log.
    #[error(
        "the snapshot {snapshot} belongs to the log {found}, not to this one ({expected}); move \
         it out of the data folder"
    )]
    ForeignSnapshot {
        /// The snapshot's name.
        snapshot: Position,
        /// The log it is of.
        found: Uuid,
        /// The log that is here.
        expected: Uuid,
    },
}

/// Where recovery reads.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The log.
    pub log: &'a dyn LogReader,
    /// The log's own id.
    pub log_id: Uuid,
    /// The snapshots.
    pub snapshots: &'a dyn SnapshotStore,
    /// The finished entities.
    pub archive: &'a dyn Archive,
}

/// Loads the state as of the log's end.
///
/// A snapshot that can't be read is made up for by the one before it, and in the end by the
/// whole log; each is said in the log.
///
/// # Errors
/// [`RecoveryError`].
pub fn load(sources: Sources<'_>) -> Result<Loaded, RecoveryError> {
    let last = sources.log.last();
    let (mut world, snapshot) = newest_snapshot(sources, last)?;
    let from = snapshot.as_ref().map_or(Position::START, |info| info.header.position);
    let (replayed, latest) = replay(sources, &mut world, from, last)?;
    let time = snapshot.as_ref().map_or(latest, |info| latest.max(info.footer.end.time));
    bring_back_archived_claimants(sources.archive, &mut world)?;
    let unsettled = settle(&world);
    drop_archived(sources.archive, &mut world)?;
    Ok(Loaded { world, unsettled, last, time, snapshot, replayed })
}

fn newest_snapshot(
    sources: Sources<'_>,
    last: Position,
) -> Result<(World, Option<SnapshotInfo>), RecoveryError> {
    for position in sources.snapshots.list()? {
        match read_snapshot(sources, position) {
            Ok((_, info)) if info.header.log_id != sources.log_id => {
                let (found, expected) = (info.header.log_id, sources.log_id);
                return Err(RecoveryError::ForeignSnapshot { snapshot: position, found, expected });
            }
            Ok((_, info)) if info.footer.end.barrier > last => {
                let barrier = info.footer.end.barrier;
                let snapshot = position;
                return Err(RecoveryError::LogShorterThanSnapshot { last, snapshot, barrier });
            }
            Ok((_, info)) if info.footer.end.archived > sources.archive.digest().1 => {
                tracing::error!(
                    snapshot = position.0,
                    archived = sources.archive.digest().1,
                    expected = info.footer.end.archived,
                    "the archive has lost finished entities: it is built anew from the whole log"
                );
                break;
            }
            Ok((world, info)) => return Ok((world, Some(info))),
            Err(error) => {
                tracing::error!(snapshot = position.0, %error, "a snapshot is passed over");
            }
        }
    }
    // Without a snapshot everything is read anew, finished entities too. An older snapshot that can be
    // read again some day would take the archive that is built now for the one that it knew.
    sources.snapshots.clear()?;
    sources.archive.clear()?;
    Ok((World::default(), None))
}

fn read_snapshot(
    sources: Sources<'_>,
    position: Position,
) -> Result<(World, SnapshotInfo), RecoveryError> {
    let mut source = sources.snapshots.open(position)?;
    let mut world = World::default();
    while let Some((key, record)) = source.next()? {
        let key: EntityKey =
            v1::decode(&key).map_err(|source| RecoveryError::Event { position, source })?;
        world.insert(key, &record)?;
    }
    let header = *source.header();
    let footer = source.finish()?;
    Ok((world, SnapshotInfo { header, footer, bytes: 0 }))
}

/// Follows the events after `from`; tells how many there were, and the latest time of any.
///
/// They are read and decoded on a thread of its own, since that takes as long as following them.
fn replay(
    sources: Sources<'_>,
    world: &mut World,
    from: Position,
    last: Position,
) -> Result<(u64, Timestamp), RecoveryError> {
    let (sender, batches) = mpsc::sync_channel(BATCHES_AHEAD_MAX);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_ahead(sources.log, from, last, sender));
        let (mut replayed, mut latest) = (0, Timestamp::default());
        // Where one can't be followed, the reader ends as nobody takes its batches any more.
        for event in batches.into_iter().flatten() {
            follow(world, sources.archive, &event)?;
            replayed += 1;
            latest = latest.max(event.time);
        }
        reader.join().expect("a panic has ended the process")?;
        Ok((replayed, latest))
    })
}

/// Hands out the decoded events after `from`, in batches, until nobody takes them.
fn read_ahead(
    log: &dyn LogReader,
    from: Position,
    last: Position,
    batches: SyncSender<Vec<Event>>,
) -> Result<(), RecoveryError> {
    let (mut batch, mut malformed) = (Vec::with_capacity(BATCH_EVENTS), None);
    log.read(from.next(), last, &mut |position, bytes| {
        match v1::decode_event(position, bytes) {
            Ok(event) => batch.push(event),
            Err(source) => {
                malformed = Some(RecoveryError::Event { position, source });
                return ControlFlow::Break(());
            }
        }
        if batch.len() == BATCH_EVENTS {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_EVENTS));
            if batches.send(full).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    // Whoever doesn't take it has failed, and says why.
    let _ = batches.send(batch);
    malformed.map_or(Ok(()), Err)
}

fn follow(world: &mut World, archive: &dyn Archive, event: &Event) -> Result<(), RecoveryError> {
    let is_later = event.previous != Position::START;
    if is_later && world.get(&event.stream).is_none() {
        bring_back(archive, world, &event.stream)?;
    }
    Ok(world.apply(event)?)
}

fn bring_back(
    archive: &dyn Archive,
    world: &mut World,
    key: &EntityKey,
) -> Result<(), RecoveryError> {
    if let Some(record) = archive.get(&v1::encode(key))? {
        world.insert(key.clone(), &record)?;
    }
    Ok(())
}

/// A finished reservation may be in the archive while the end of its claim was lost.
fn bring_back_archived_claimants(
    archive: &dyn Archive,
    world: &mut World,
) -> Result<(), RecoveryError> {
    if archive.digest().1 == 0 {
        return Ok(());
    }
    let mut missing = Vec::new();
    for (key, entity) in world.iter() {
        if !matches!(key.id, EntityId::Resource(_)) {
            continue;
        }
        let claimants = entity.claims().into_iter().map(|claim| claim.reservation);
        missing.extend(
            claimants
                .map(|id| EntityKey::reservation(&key.tenant, id))
                .filter(|key| world.get(key).is_none()),
        );
    }
    missing.iter().try_for_each(|key| bring_back(archive, world, key))
}

/// Leaves in the archive what is there: a snapshot may hold it too, where it was taken before.
fn drop_archived(archive: &dyn Archive, world: &mut World) -> Result<(), RecoveryError> {
    if archive.digest().1 == 0 {
        return Ok(());
    }
    let mut archived = Vec::new();
    for (key, entity) in world.iter() {
        if entity.summary().finished && archive.contains(&v1::encode(key))? {
            archived.push(key.clone());
        }
    }
    for key in archived {
        world.remove(&key);
    }
    Ok(())
}
