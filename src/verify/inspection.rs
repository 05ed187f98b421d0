//! The steps, on the copy.

use std::cell::RefCell;
use std::fs;
use std::num::NonZero;
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
use crate::journal::{
    Checked, DataFolder, LogReader, MarkerFound, Opened, SledOptions, SledStore, Store,
};
use crate::recovery::{Sources, Spread, World, load};
use crate::snapshot::{
    FileStore, Pruned, SnapshotError, SnapshotSink, SnapshotSource, SnapshotStore,
};

/// How often it is said how far the replay has come.
const TELL_EVERY: u64 = 10_000;

/// How many archived entities that aren't as the log has them are told one by one.
const ARCHIVED_TOLD_MAX: usize = 10;

/// Looks at a copy of a data folder, and writes to it.
///
/// The log's database asserts about what it reads, so some damage ends the process.
pub fn inspect(path: &Path, progress: &mut dyn FnMut(Progress)) -> Report {
    let progress = RefCell::new(progress);
    let tell = &|step| (progress.borrow_mut())(step);
    let opened = DataFolder::open(path).map_err(|error| error.to_string()).and_then(|folder| {
        let opened = SledStore::open(&folder, SledOptions::default());
        Ok((folder.log_id(), opened.map_err(|error| error.to_string())?))
    });
    let (log_id, opened) = match opened {
        Ok(opened) => opened,
        Err(problem) => return Report::unopened(&problem),
    };
    let log = opened.store.reader();
    let mut inspection = Inspection {
        path,
        log_id,
        log: &*log,
        problems: Problems::default(),
        notes: notes_on(&opened),
        checked: Vec::new(),
        tell,
    };
    inspection.check_pages(&opened.store);
    inspection.go_on()
}

/// What opening the log has shown.
fn notes_on(opened: &Opened<SledStore>) -> Vec<String> {
    let mut notes = Vec::new();
    let marker = match opened.marker {
        MarkerFound::Absent if opened.last == Position::START => None,
        MarkerFound::Absent => Some("is missing"),
        MarkerFound::Torn => Some("is torn, as by a power cut"),
        MarkerFound::Whole(_) => None,
    };
    notes.extend(marker.map(|how| {
        let last = opened.last;
        format!(
            "the marker of the log's end {how}: whether the log went on after {last} isn't known"
        )
    }));
    notes.extend(opened.cut.as_ref().map(|cut| {
        format!("the next start cuts off a commit from {} on that nobody was told of", cut.from)
    }));
    notes
}

struct Inspection<'a> {
    path: &'a Path,
    log_id: Uuid,
    log: &'a dyn LogReader,
    problems: Problems,
    notes: Vec<String>,
    checked: Vec<String>,
    tell: &'a dyn Fn(Progress),
}

impl Inspection<'_> {
    fn check_pages(&mut self, store: &SledStore) {
        (self.tell)(Progress::Checking);
        let checked = match store.check() {
            Ok(checked) => checked,
            Err(error) => return self.problems.add(error),
        };
        let Checked { last, pages, segments, .. } = checked;
        self.checked.push(format!(
            "the log: {pages} pages (segments: {segments}), that each is undamaged and follows the one \
             before it"
        ));
        if last != store.last() {
            self.problems.add(format_args!("the log's pages end at {last}"));
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
            notes: self.notes,
            checked: self.checked,
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
        self.checked.push(format!(
            "the events: {}, that each is in its place, that no stock was promised beyond what there \
             was, and that balances, reservations and orders agree with each other",
            verdict.events
        ));
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
        let mut wrong = Vec::new();
        let read = archive.for_each(&mut |key, record| {
            found.add(key, record);
            count += 1;
            wrong.extend(check_archived(key, record, world).err());
            ControlFlow::Continue(())
        });
        self.tell_archived(&wrong);
        let problems = &mut self.problems;
        self.checked.push(format!("the archive: {count} entities, that each is as the log has it"));
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

    /// Where the log has lost its end, all that it ended may be archived: a few examples do, and
    /// leave room for the problem that says why.
    fn tell_archived(&mut self, wrong: &[String]) {
        let (told, rest) = wrong.split_at(wrong.len().min(ARCHIVED_TOLD_MAX));
        told.iter().for_each(|problem| self.problems.add(problem));
        if !rest.is_empty() {
            self.problems
                .add(format_args!("and so of {} more entities of the archive", rest.len()));
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
        self.note_strays(snapshots, &positions);
        self.checked.push(match positions.len() {
            0 => "no snapshot, as there is none: a start replays the whole log".to_owned(),
            count => format!(
                "the snapshots: {count}, that each is whole, and gives with the events after it and \
                 the archive the same state as the whole log"
            ),
        });
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

    /// Notes what lies among the snapshots under a name that no start looks for.
    fn note_strays(&mut self, snapshots: &FileStore, positions: &[Position]) {
        let known: Vec<_> = positions.iter().map(|position| snapshots.path(*position)).collect();
        let folder = snapshots.path(Position::START);
        let entries = folder.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
        let mut strays: Vec<_> = entries.map(|entry| entry.path()).collect();
        strays.retain(|path| !known.contains(path));
        strays.sort_unstable();
        self.notes.extend(strays.into_iter().map(|path| {
            format!(
                "{} isn't named as a snapshot is, so every start passes over it",
                path.display()
            )
        }));
    }

    /// The digest of what recovery makes of one snapshot, and of how many entities it is.
    fn load(&self, only: &Only<'_>, archive: &FjallArchive) -> Result<(Digest, u64), String> {
        read_through(only).map_err(|error| error.to_string())?;
        let archive = Kept { archive, was_cleared: AtomicBool::new(false) };
        let sources =
            Sources { log: self.log, log_id: self.log_id, snapshots: only, archive: &archive };
        let parts = std::thread::available_parallelism().map_or(1, NonZero::get);
        let spread = Spread::new(parts, rand::random());
        let loaded = load(sources, &spread).map_err(|error| error.to_string())?;
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
