//! The newest good snapshot, then the log's tail.

use std::ops::ControlFlow;
use std::time::Instant;

use uuid::Uuid;

use super::dealing::deal_to_parts;
use super::entity_map::Place;
use super::part::{Part, WorldError};
use super::settle::{Unsettled, settle};
use super::spread::Spread;
use super::world::World;
use crate::archive::{Archive, ArchiveError};
use crate::codec::records::Format;
use crate::codec::{CodecError, v1};
use crate::domain::claim::Wish;
use crate::domain::event::Change;
use crate::domain::ids::{EntityId, EntityKey, Position};
use crate::domain::time::Timestamp;
use crate::journal::{LogReader, StoreError};
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotStore};

/// How many events of the log there are for each new entity, where there are few.
const EVENTS_OF_AN_ENTITY: u64 = 2;

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

/// Loads the state as of the log's end, in as many parts as the spread has.
///
/// A snapshot that can't be read is made up for by the one before it, and in the end by the
/// whole log; each is said in the log.
///
/// # Errors
/// [`RecoveryError`].
pub fn load(sources: Sources<'_>, spread: &Spread) -> Result<Loaded, RecoveryError> {
    let last = sources.log.last();
    let begun = Instant::now();
    let (mut world, snapshot) = newest_snapshot(sources, spread, last)?;
    let from = snapshot.as_ref().map_or(Position::START, |info| info.header.position);
    let entities = world.len() as u64;
    let took_ms = begun.elapsed().as_millis() as u64;
    tracing::info!(snapshot = from.0, entities, took_ms, "the snapshot is in memory");
    let begun = Instant::now();
    let (replayed, latest) = replay(sources, &mut world, from, last)?;
    let took_ms = begun.elapsed().as_millis() as u64;
    tracing::info!(events = replayed, took_ms, "the log has been followed to its end");
    let time = snapshot.as_ref().map_or(latest, |info| latest.max(info.footer.end.time));
    bring_back_archived_claimants(sources.archive, &mut world)?;
    let unsettled = settle(&world);
    drop_archived(sources.archive, &mut world)?;
    Ok(Loaded { world, unsettled, last, time, snapshot, replayed })
}

fn newest_snapshot(
    sources: Sources<'_>,
    spread: &Spread,
    last: Position,
) -> Result<(World, Option<SnapshotInfo>), RecoveryError> {
    for position in sources.snapshots.list()? {
        match read_snapshot(sources, spread, position) {
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
    Ok((World::new(spread.clone()), None))
}

fn read_snapshot(
    sources: Sources<'_>,
    spread: &Spread,
    position: Position,
) -> Result<(World, SnapshotInfo), RecoveryError> {
    let mut source = sources.snapshots.open(position)?;
    let format = source.format();
    let mut world = World::new(spread.clone());
    deal_to_parts(
        &mut world,
        |dealer| {
            while let Some((key, record)) = source.next()? {
                let key: EntityKey =
                    v1::decode(&key).map_err(|source| RecoveryError::Event { position, source })?;
                if dealer.deal(dealer.part_of(&key), key, &record).is_break() {
                    break;
                }
            }
            Ok(())
        },
        |part, (): &mut (), batch| {
            batch.drain().try_for_each(|(key, record)| Ok(part.insert(key, format, record)?))
        },
    )?;
    let header = *source.header();
    let footer = source.finish()?;
    Ok((world, SnapshotInfo { header, footer, bytes: 0 }))
}

/// Follows the events after `from`; tells how many there were, and the latest time of any.
fn replay(
    sources: Sources<'_>,
    world: &mut World,
    from: Position,
    last: Position,
) -> Result<(u64, Timestamp), RecoveryError> {
    let malformed = |position| move |source| RecoveryError::Event { position, source };
    world.expect(usize::try_from((last.0 - from.0) / EVENTS_OF_AN_ENTITY).unwrap_or(usize::MAX));
    let (replayed, latest) = deal_to_parts(
        world,
        |dealer| {
            let (mut read, mut failed) = (0, None);
            sources.log.read(from.next(), last, &mut |position, bytes| {
                read += 1;
                match v1::split_event(bytes) {
                    Ok((stream, rest)) => {
                        dealer.deal(dealer.part_of(&stream), (position, stream), rest)
                    }
                    Err(source) => {
                        failed = Some(malformed(position)(source));
                        ControlFlow::Break(())
                    }
                }
            })?;
            failed.map_or(Ok(read), Err)
        },
        |part, latest: &mut Timestamp, batch| {
            // All at once: to look an entity up is to wait for memory, and so they wait together.
            let places: Vec<_> = batch.items().map(|(_, stream)| part.place(stream)).collect();
            for (((position, stream), rest), place) in batch.drain().zip(places) {
                let change = v1::decode_change(position, rest).map_err(malformed(position))?;
                *latest = change.time.max(*latest);
                follow(part, sources.archive, &stream, place, &change)?;
            }
            Ok(())
        },
    )?;
    Ok((replayed, latest.into_iter().max().unwrap_or_default()))
}

fn follow(
    part: &mut Part,
    archive: &dyn Archive,
    stream: &EntityKey,
    place: Option<Place>,
    change: &Change,
) -> Result<(), RecoveryError> {
    let is_later = change.previous != Position::START;
    if is_later
        && place.is_none()
        && !part.contains(stream)
        && let Some(record) = archive.get(&v1::encode(stream))?
    {
        part.insert(stream.clone(), Format::CURRENT, &record)?;
    }
    Ok(part.apply(stream, place, change)?)
}

/// A finished reservation may be in the archive while the end of its claim was lost.
fn bring_back_archived_claimants(
    archive: &dyn Archive,
    world: &mut World,
) -> Result<(), RecoveryError> {
    if archive.digest().1 == 0 {
        return Ok(());
    }
    let missing = world.survey(|part| {
        let resources = part.iter().filter(|(key, _)| matches!(key.id, EntityId::Resource(_)));
        let claimants = resources.flat_map(|(key, kept)| {
            let claims = kept.entity(key.kind()).claims().into_iter().filter(Wish::is_holding);
            claims.map(move |claim| EntityKey::reservation(&key.tenant, claim.reservation()))
        });
        claimants.filter(|key| !world.contains(key)).collect::<Vec<_>>()
    });
    for key in missing.into_iter().flatten() {
        if let Some(record) = archive.get(&v1::encode(&key))? {
            world.insert(key, Format::CURRENT, &record)?;
        }
    }
    Ok(())
}

/// Leaves in the archive what is there: a snapshot may hold it too, where it was taken before.
fn drop_archived(archive: &dyn Archive, world: &mut World) -> Result<(), RecoveryError> {
    if archive.digest().1 == 0 {
        return Ok(());
    }
    let archived = world.survey(|part| {
        let finished = part.iter().filter(|(key, kept)| kept.summary(key.kind()).finished);
        let kept = finished.filter_map(|(key, _)| match archive.contains(&v1::encode(&key)) {
            Ok(true) => Some(Ok(key)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        });
        kept.collect::<Result<Vec<_>, _>>()
    });
    for (part, keys) in world.parts_mut().iter_mut().zip(archived) {
        part.remove_all(&keys?);
    }
    Ok(())
}
