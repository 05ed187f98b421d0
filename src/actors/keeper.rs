//! Takes snapshots and digests while the engine works, and moves what has finished to the archive.
//!
//! ```text
//!   P = durable ──▶ every shard walks its table ──▶ all records written
//!                                                       │
//!                        B = a barrier through the journal, durable
//!                                                       ▼
//!                             the file gets its name, with P and B ──▶ prune ──▶ archive
//! ```
//!
//! Records may hold events that aren't durable when they are captured. Behind the barrier they
//! all are; so a file with a name never holds more than the log.
//!
//! Invariant: one thing at a time. So no entity is on its way to the archive while a walk goes
//! over the tables, and a walk meets each either there or not at all.
//!
//! Not here: the format of the file, and the clock on the wall.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};
use xxhash_rust::xxh3::xxh3_128;

use super::capture::{self, Records};
use super::engine::{DigestError, Uncertain};
use super::shard::{Evict, Shard, TakeFinished, Walk};
use super::topology::Topology;
use crate::archive::{Archive, ArchiveError};
use crate::clock::Clock;
use crate::codec::digest::Digest;
use crate::codec::v1;
use crate::domain::ids::{EntityKey, Position};
use crate::domain::time::Timestamp;
use crate::journal::{Journal, Room};
use crate::snapshot::{SnapshotEnd, SnapshotError, SnapshotInfo, SnapshotStore};
use crate::telemetry;

/// How often the triggers are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the triggers rest after a snapshot that could not be taken.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// How often a digest is begun anew because something changed meanwhile, and how long that rests.
const DIGEST_TRIES: usize = 200;
const DIGEST_PAUSE: Duration = Duration::from_millis(10);

/// How many entities go to the archive in one write: in the order of their keys, of which the
/// archive finds the second near the first.
const ARCHIVE_BATCH: usize = 4_000;

/// How many of them a shard gives, or forgets, at once: in a millisecond. Then it may do other work.
const ARCHIVE_SLICE: usize = 1_000;
const SLICE_PAUSE: Duration = Duration::from_millis(1);

/// When snapshots are taken and what is kept.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// After so many events, but not before as many as there are entities in the last snapshot.
    pub events: u64,
    /// After so long, where anything has changed.
    pub interval: Duration,
    /// So many snapshots stay.
    pub keep: usize,
    /// How long a finished entity stays in memory, in milliseconds of the log's time.
    pub retention_ms: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            events: 1_000_000,
            interval: Duration::from_secs(5 * 60),
            keep: crate::snapshot::KEEP_DEFAULT,
            retention_ms: 60_000,
        }
    }
}

/// What the keeper can be asked for.
pub enum Request {
    /// A snapshot now.
    Snapshot {
        /// Where it is told what came of it.
        reply: oneshot::Sender<Result<SnapshotInfo, String>>,
    },
    /// A turn in which a digest can be made.
    Digest {
        /// Where it goes.
        turn: oneshot::Sender<DigestTurn>,
    },
}

/// Leave to have a digest made: the keeper does nothing else until it is made or this is dropped.
///
/// Clients must be held back meanwhile, and whoever asked does that from here on: before, a snapshot
/// may be taken, and that may last.
pub struct DigestTurn {
    asked: oneshot::Sender<DigestReply>,
}

/// Where a digest and its position go; nothing where entities kept changing.
type DigestReply = oneshot::Sender<Option<(Position, Digest)>>;

impl DigestTurn {
    /// A turn, and where it is heard that it is used, with who wants to know.
    pub fn new() -> (Self, oneshot::Receiver<DigestReply>) {
        let (asked, used) = oneshot::channel();
        (Self { asked }, used)
    }

    /// The digest over every entity, and the position at which it holds.
    ///
    /// # Errors
    /// [`DigestError`].
    pub async fn digest(self) -> Result<(Position, Digest), DigestError> {
        let (reply, answer) = oneshot::channel();
        self.asked.send(reply).map_err(|_| Uncertain)?;
        answer.await.map_err(|_| Uncertain)?.ok_or(DigestError::Restless)
    }
}

/// The keeper of snapshots and archive.
pub struct Keeper {
    /// Every shard.
    pub topology: Topology,
    /// The way to the log.
    pub journal: Journal,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where snapshots go.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// Where finished entities go.
    pub archive: Arc<dyn Archive>,
    /// When.
    pub schedule: Schedule,
    /// Where the last snapshot is told.
    pub last: watch::Sender<Option<SnapshotInfo>>,
}

/// What the last snapshot covered, and what became of the archive.
struct Covered {
    position: Position,
    entities: u64,
    since: Instant,
    /// Nothing is due before then.
    rests_until: Instant,
    /// What a failed put was to move may be in the archive, and is in memory all the same.
    has_archive_failed: bool,
}

impl Keeper {
    /// Works until nobody can ask for anything any more.
    pub async fn run(self, mut requests: mpsc::Receiver<Request>) {
        let last = *self.last.borrow();
        let now = Instant::now();
        let mut covered = Covered {
            position: last.as_ref().map_or(Position::START, |info| info.header.position),
            entities: last.as_ref().map_or(0, |info| info.footer.entries),
            since: now,
            rests_until: now,
            has_archive_failed: false,
        };
        loop {
            tokio::select! {
                // In this order, so that the same happens whenever the same has come.
                biased;
                request = requests.recv() => match request {
                    Some(Request::Snapshot { reply }) => {
                        let result = self.take(&mut covered).await;
                        let _ = reply.send(result.map_err(|error| error.to_string()));
                    }
                    Some(Request::Digest { turn }) => {
                        self.give_turn(turn, covered.has_archive_failed).await;
                    }
                    None => return,
                },
                () = sleep(LOOK_EVERY) => self.take_if_due(&mut covered).await,
            }
        }
    }

    async fn take_if_due(&self, covered: &mut Covered) {
        if !self.is_due(covered) {
            return;
        }
        if let Err(error) = self.take(covered).await {
            covered.rests_until = Instant::now() + REST_AFTER_FAILURE;
            tracing::error!(%error, "a snapshot could not be taken");
        }
    }

    fn is_due(&self, covered: &Covered) -> bool {
        if Instant::now() < covered.rests_until || !self.has_room() {
            return false;
        }
        let events = self.journal.durable().0 - covered.position.0;
        events >= self.schedule.events.max(covered.entities)
            || (events > 0 && covered.since.elapsed() >= self.schedule.interval)
    }

    fn has_room(&self) -> bool {
        self.journal.room() >= Room::Snapshots
    }

    fn check_room(&self) -> Result<(), SnapshotError> {
        if self.has_room() { Ok(()) } else { Err(SnapshotError::NoRoom) }
    }

    async fn take(&self, covered: &mut Covered) -> Result<SnapshotInfo, SnapshotError> {
        self.check_room()?;
        let begun = Instant::now();
        let position = self.journal.durable();
        let mut sink = self.snapshots.begin(position)?;
        let mut records = self.walk();
        while let Some(bundle) = records.next().await {
            // It may be the snapshot itself that fills the disk; given up, it leaves nothing behind.
            self.check_room()?;
            for (key, record) in bundle.iter() {
                sink.put(key, record)?;
            }
        }
        let barrier = self.barrier(position).await?;
        let (_, archived) = self.archive.digest();
        let end = SnapshotEnd { barrier, time: self.clock.now(), archived, digest: None };
        let info = sink.finish(end)?;
        let now = Instant::now();
        *covered = Covered {
            position,
            entities: info.footer.entries,
            since: now,
            rests_until: now,
            ..*covered
        };
        self.last.send_replace(Some(info));
        telemetry::snapshot_taken(info.header.position, info.bytes, begun.elapsed());
        self.snapshots.prune(self.schedule.keep)?;
        if let Err(error) = self.archive(position).await {
            covered.has_archive_failed = true;
            tracing::error!(%error, "finished entities stay in memory");
        }
        Ok(info)
    }

    /// Has every shard hand over its records.
    fn walk(&self) -> Records {
        let (capture, records) = capture::channel();
        for shard in self.topology.shards() {
            shard.do_send(Walk { capture: capture.clone() });
        }
        records
    }

    /// Waits until the turn is used, or nobody wants it any more.
    async fn give_turn(&self, to: oneshot::Sender<DigestTurn>, has_archive_failed: bool) {
        let (turn, used) = DigestTurn::new();
        if to.send(turn).is_ok()
            && let Ok(reply) = used.await
        {
            let digest = self.digest(&reply, has_archive_failed).await;
            let _ = reply.send(digest);
        }
    }

    /// Tries until nothing has changed meanwhile, or nobody waits any more.
    async fn digest<T>(
        &self,
        asker: &oneshot::Sender<T>,
        has_archive_failed: bool,
    ) -> Option<(Position, Digest)> {
        for _ in 0..DIGEST_TRIES {
            let before = self.journal.assigned();
            let digest = self.digest_once(has_archive_failed).await;
            if self.journal.assigned() == before {
                // It leaves the process, so what it tells of is durable first.
                self.barrier(before).await.ok()?;
                return Some((before, digest));
            }
            if asker.is_closed() {
                return None;
            }
            sleep(DIGEST_PAUSE).await;
        }
        None
    }

    async fn digest_once(&self, has_archive_failed: bool) -> Digest {
        let (mut digest, _) = self.archive.digest();
        // A walk may meet an entity twice, and both times the same.
        let mut met = HashSet::<u128, FixedState>::default();
        let mut records = self.walk();
        while let Some(bundle) = records.next().await {
            for (key, record) in bundle.iter() {
                let is_counted = has_archive_failed && self.archive.contains(key).unwrap_or(false);
                if met.insert(xxh3_128(key)) && !is_counted {
                    digest.add(key, record);
                }
            }
        }
        digest
    }

    /// Waits until everything that was appended before now is durable. Where the log takes nothing
    /// more, whoever runs its writer says why; here it only means that there is no snapshot.
    async fn barrier(&self, snapshot: Position) -> Result<Position, SnapshotError> {
        let (reply, durable) = oneshot::channel();
        let release = Box::new(move |position| {
            let _ = reply.send(position);
        });
        self.journal.append(Vec::new(), Some(release));
        durable.await.map_err(|_| SnapshotError::GivenUp { name: snapshot.to_string() })
    }

    /// Moves what finished before the snapshot, and before the retention, to the archive. It rests
    /// as long as it works: nobody waits for it, and clients need the processors and the disk.
    async fn archive(&self, through: Position) -> Result<(), ArchiveError> {
        for shard in self.topology.shards() {
            let mut begun = Instant::now();
            while self.has_room()
                && let Some(moved) = self.archive_some(shard, through).await
            {
                telemetry::entities_archived(moved?);
                sleep(begun.elapsed()).await;
                begun = Instant::now();
            }
        }
        Ok(())
    }

    async fn archive_some(
        &self,
        shard: &actix::Addr<Shard>,
        through: Position,
    ) -> Option<Result<usize, ArchiveError>> {
        let finished = self.take_finished(shard, through).await;
        if finished.is_empty() {
            return None;
        }
        let entry = |(key, record): &(_, Vec<u8>)| (v1::encode(key), record.clone());
        let mut batch: Vec<_> = finished.iter().map(entry).collect();
        batch.sort_unstable();
        if let Err(error) = self.archive.put(&batch) {
            return Some(Err(error));
        }
        let count = finished.len();
        let mut finished = finished.into_iter();
        while finished.len() > 0 {
            let entities = finished.by_ref().take(ARCHIVE_SLICE).collect();
            shard.do_send(Evict { entities });
            sleep(SLICE_PAUSE).await;
        }
        Some(Ok(count))
    }

    async fn take_finished(
        &self,
        shard: &actix::Addr<Shard>,
        through: Position,
    ) -> Vec<(EntityKey, Vec<u8>)> {
        let retained_from = (self.clock.now().0 + 1).saturating_sub(self.schedule.retention_ms);
        let mut finished = Vec::new();
        while finished.len() < ARCHIVE_BATCH {
            let (reply, slice) = oneshot::channel();
            let before = Timestamp(retained_from);
            shard.do_send(TakeFinished { through, before, count: ARCHIVE_SLICE, reply });
            match slice.await {
                Ok(slice) if !slice.is_empty() => finished.extend(slice),
                _ => break,
            }
        }
        finished
    }
}
