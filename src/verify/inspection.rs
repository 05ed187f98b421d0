//! The steps, on the copy.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::laws::{Laws, Verdict};
use super::{Problems, Progress, Report};
use crate::archive::{Archive, ArchiveError, FjallArchive, Visitor};
use crate::codec::digest::Digest;
use crate::codec::entry::Entry;
use crate::codec::v1;
use crate::domain::ids::{EntityKey, Position};
use crate::journal::{DataFolder, LogReader, SledOptions, SledStore, Store};
use crate::recovery::{Sources, World, load};
use crate::snapshot::{
    FileStore, Pruned, SnapshotError, SnapshotSink, SnapshotSource, SnapshotStore,
};

/// How often it is said how far the replay has come.
const TELL_EVERY: u64 = 10_000;

/// Looks at a copy of a data folder, and writes to it.
///
/// The log's database asserts about what it reads, so some damage ends the process.
pub fn inspect(path: &Path, progress: &mut dyn FnMut(Progress)) -> Report {
    let progress = RefCell::new(progress);
    let tell = &|step| (progress.borrow_mut())(step);
    let opened = DataFolder::open(path).map_err(|error| error.to_string()).and_then(|folder| {
        let opened = SledStore::open(&folder, SledOptions::default());
        Ok((folder.log_id(), opened.map_err(|error| error.to_string())?.store))
    });
    let (log_id, store) = match opened {
        Ok(opened) => opened,
        Err(problem) => return Report::unopened(&problem),
    };
    let log = store.reader();
    let mut inspection =
        Inspection { path, log_id, log: &*log, problems: Problems::default(), tell };
    inspection.check_pages(&store);
    inspection.go_on()
}

struct Inspection<'a> {
    path: &'a Path,
    log_id: Uuid,
    log: &'a dyn LogReader,
    problems: Problems,
    tell: &'a dyn Fn(Progress),
}

impl Inspection<'_> {
    fn check_pages(&mut self, store: &SledStore) {
        (self.tell)(Progress::Checking);
        match store.check() {
            Ok(checked) if checked.last == store.last() => {}
            Ok(checked) => {
                self.problems.add(format_args!("the log's pages end at {}", checked.last));
            }
            Err(error) => self.problems.add(error),
        }
    }

    fn go_on(mut self) -> Report {
        let verdict = self.replay();
        let digest = verdict.world.digest();
        let entities = self.check_stores(&verdict.world, digest);
        for problem in verdict.problems {
            self.problems.add(problem);
        }
        let problems = self.problems.into_list();
        Report {
            ok: problems.is_empty(),
            events: verdict.events,
            last_position: verdict.last.0,
            state_sha256: digest.to_string(),
            streams: verdict.streams,
            entities,
            problems,
        }
    }

    fn replay(&mut self) -> Verdict {
        let mut laws = Laws::default();
        let last = self.log.last();
        let read = self.log.read(Position(1), last, &mut |position, bytes| {
            if position.0 % TELL_EVERY == 1 {
                (self.tell)(Progress::Replaying { position: position.0, last: last.0 });
            }
            match v1::decode_event(position, bytes) {
                Ok(event) => laws.follow(&event),
                Err(error) => laws.miss(position, error),
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = read {
            self.problems.add(error);
        }
        let verdict = laws.finish();
        if verdict.last != last {
            self.problems.add(format_args!("the log ends at {}, not {last}", verdict.last));
        }
        verdict
    }

    /// Compares archive and snapshots with the replay, and tells how many entities they hold.
    fn check_stores(&mut self, world: &World, digest: Digest) -> u64 {
        (self.tell)(Progress::Archive);
        let archive = match FjallArchive::open(self.path) {
            Ok(archive) => archive,
            Err(error) => {
                self.problems.add(error);
                return 0;
            }
        };
        self.check_archive(&archive, world);
        let snapshots = match FileStore::open(self.path, self.log_id) {
            Ok(snapshots) => snapshots,
            Err(error) => {
                self.problems.add(error);
                return 0;
            }
        };
        self.check_snapshots(&snapshots, &archive, digest, world.len() as u64)
    }

    fn check_archive(&mut self, archive: &dyn Archive, world: &World) {
        let (mut found, mut count) = (Digest::default(), 0);
        let problems = &mut self.problems;
        let read = archive.for_each(&mut |key, record| {
            found.add(key, record);
            count += 1;
            if let Err(problem) = check_archived(key, record, world) {
                problems.add(problem);
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = read {
            problems.add(error);
        } else if (found, count) != archive.digest() {
            let (_, said) = archive.digest();
            problems.add(format_args!(
                "the archive says that it holds {said} entities, and holds {count} or others; \
                 remove the archive and the snapshots to have them built anew from the log"
            ));
        }
    }

    fn check_snapshots(
        &mut self,
        snapshots: &FileStore,
        archive: &FjallArchive,
        digest: Digest,
        replayed: u64,
    ) -> u64 {
        let positions = match snapshots.list() {
            Ok(positions) => positions,
            Err(error) => {
                self.problems.add(error);
                return 0;
            }
        };
        let mut entities = None;
        for position in positions {
            (self.tell)(Progress::Snapshot { position: position.0 });
            match self.load(&Only { snapshots, position }, archive) {
                Err(problem) => self.problems.add(problem),
                Ok((loaded, count)) => {
                    entities.get_or_insert(count);
                    if loaded != digest {
                        self.problems.add(format_args!(
                            "the snapshot {position}, the events after it and the archive give \
                             the state {loaded}; the whole log gives {digest}"
                        ));
                    }
                }
            }
        }
        // Without a snapshot, the server too begins with the whole log.
        entities.unwrap_or(replayed)
    }

    /// The digest of what recovery makes of one snapshot, and of how many entities it is.
    fn load(&self, only: &Only<'_>, archive: &FjallArchive) -> Result<(Digest, u64), String> {
        read_through(only).map_err(|error| error.to_string())?;
        let archive = Kept { archive, was_cleared: AtomicBool::new(false) };
        let sources =
            Sources { log: self.log, log_id: self.log_id, snapshots: only, archive: &archive };
        let loaded = load(sources).map_err(|error| error.to_string())?;
        if archive.was_cleared.into_inner() {
            let position = only.position;
            return Err(format!(
                "the archive has lost entities that the snapshot {position} needs"
            ));
        }
        let (mut digest, archived) = archive.archive.digest();
        digest.merge(&loaded.world.digest());
        Ok((digest, archived + loaded.world.len() as u64))
    }
}

fn check_archived(key: &[u8], record: &[u8], world: &World) -> Result<(), String> {
    let key: EntityKey =
        v1::decode(key).map_err(|error| format!("a key of the archive {error}"))?;
    match world.get(&key) {
        Some(entity) if entity.encode() != record => {
            Err(format!("the archive has another record of {key} than the log"))
        }
        Some(entity) if !entity.summary().finished => {
            Err(format!("the archive has {key}, which can still change"))
        }
        Some(_) => Ok(()),
        None => Err(format!("the archive has {key}, which isn't in the log")),
    }
}

/// Reads a snapshot to its end: recovery would pass over one that can't be read.
fn read_through(only: &Only<'_>) -> Result<(), SnapshotError> {
    let mut source = only.open(only.position)?;
    while source.next()?.is_some() {}
    source.finish().map(|_| ())
}

/// A place for snapshots that shows one of them.
struct Only<'a> {
    snapshots: &'a FileStore,
    position: Position,
}

impl SnapshotStore for Only<'_> {
    fn list(&self) -> Result<Vec<Position>, SnapshotError> {
        Ok(vec![self.position])
    }

    fn begin(&self, position: Position) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        self.snapshots.begin(position)
    }

    fn open(&self, position: Position) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        self.snapshots.open(position)
    }

    fn prune(&self, _: usize) -> Result<Pruned, SnapshotError> {
        Ok(Pruned::default())
    }

    fn clear(&self) -> Result<(), SnapshotError> {
        Ok(())
    }
}

/// An archive that stays as it is, so that one snapshot after the other can be tried with it.
struct Kept<'a> {
    archive: &'a FjallArchive,
    was_cleared: AtomicBool,
}

impl Archive for Kept<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.archive.get(key)
    }

    fn contains(&self, key: &[u8]) -> Result<bool, ArchiveError> {
        self.archive.contains(key)
    }

    fn put(&self, _: &[Entry]) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn digest(&self) -> (Digest, u64) {
        self.archive.digest()
    }

    fn size_bytes(&self) -> Result<u64, ArchiveError> {
        self.archive.size_bytes()
    }

    fn for_each(&self, visit: &mut Visitor<'_>) -> Result<(), ArchiveError> {
        self.archive.for_each(visit)
    }

    fn clear(&self) -> Result<(), ArchiveError> {
        self.was_cleared.store(true, Ordering::Relaxed);
        Ok(())
    }
}
