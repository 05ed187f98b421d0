//! What every place for snapshots must do, checked on each.

use std::fs;

use uuid::Uuid;

use super::*;
use crate::codec::digest::Digest;
use crate::codec::entry::Entry;
use crate::codec::snapshot_block::{BLOCK_BYTES_MAX, FormatError};
use crate::domain::ids::Position;
use crate::domain::time::Timestamp;

const LOG: Uuid = Uuid::from_u128(7);

/// A place under test, and what only a test may do to it.
trait Bench {
    fn new() -> Self;
    /// Opens it anew.
    fn store(&self, log_id: Uuid) -> Box<dyn SnapshotStore>;
    /// Ends the process with a snapshot unfinished.
    fn crash(&self, unfinished: Box<dyn SnapshotSink>);
    fn bytes(&self, position: Position) -> Vec<u8>;
    fn overwrite(&self, position: Position, bytes: Vec<u8>);
}

struct Files(tempfile::TempDir);

impl Files {
    fn path(&self, position: Position) -> std::path::PathBuf {
        FileStore::open(self.0.path(), LOG).unwrap().path(position)
    }
}

impl Bench for Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self, log_id: Uuid) -> Box<dyn SnapshotStore> {
        Box::new(FileStore::open(self.0.path(), log_id).unwrap())
    }

    fn crash(&self, unfinished: Box<dyn SnapshotSink>) {
        // Without its drop, as when the process is killed: the temporary file stays.
        std::mem::forget(unfinished);
    }

    fn bytes(&self, position: Position) -> Vec<u8> {
        fs::read(self.path(position)).unwrap()
    }

    fn overwrite(&self, position: Position, bytes: Vec<u8>) {
        fs::write(self.path(position), bytes).unwrap();
    }
}

struct Memory(MemoryStore);

impl Bench for Memory {
    fn new() -> Self {
        Self(MemoryStore::new(LOG))
    }

    fn store(&self, log_id: Uuid) -> Box<dyn SnapshotStore> {
        Box::new(self.0.of_log(log_id))
    }

    fn crash(&self, unfinished: Box<dyn SnapshotSink>) {
        self.0.crash();
        drop(unfinished);
    }

    fn bytes(&self, position: Position) -> Vec<u8> {
        self.0.bytes(position).unwrap()
    }

    fn overwrite(&self, position: Position, bytes: Vec<u8>) {
        self.0.overwrite(position, bytes);
    }
}

/// Enough for several blocks, one of them a single large entry's.
fn entries() -> Vec<Entry> {
    let small = (0u32..3000).map(|n| (n.to_be_bytes().to_vec(), n.to_le_bytes().repeat(16)));
    small.chain([(b"large".to_vec(), vec![1; 3 * BLOCK_BYTES_MAX])]).collect()
}

fn end(entries: &[Entry]) -> SnapshotEnd {
    let mut digest = Digest::ZERO;
    for (key, record) in entries {
        digest.add(key, record);
    }
    let (barrier, time) = (Position(1000), Timestamp(1_700_000_000_000));
    SnapshotEnd { barrier, time, archived: 3, digest: Some(digest) }
}

fn write(store: &dyn SnapshotStore, position: Position, entries: &[Entry]) -> SnapshotInfo {
    let mut sink = store.begin(position).unwrap();
    for (key, record) in entries {
        sink.put(key, record).unwrap();
    }
    sink.finish(end(entries)).unwrap()
}

fn read(
    store: &dyn SnapshotStore,
    position: Position,
) -> Result<(Vec<Entry>, SnapshotFooter), SnapshotError> {
    let mut source = store.open(position)?;
    let mut entries = Vec::new();
    while let Some(entry) = source.next()? {
        entries.push(entry);
    }
    Ok((entries, source.finish()?))
}

fn what_was_written_is_read_back_after_reopening<B: Bench>() {
    let bench = B::new();
    let info = write(&*bench.store(LOG), Position(42), &entries());
    let store = bench.store(LOG);
    assert_eq!(store.list().unwrap(), [Position(42)]);
    let (read, footer) = read(&*store, Position(42)).unwrap();
    assert_eq!(read, entries());
    assert_eq!(footer, info.footer);
    assert_eq!(footer.end, end(&read));
    assert_eq!(footer.entries, 3001);
    assert_eq!(info.bytes, bench.bytes(Position(42)).len() as u64);
    let header = *store.open(Position(42)).unwrap().header();
    assert_eq!(header, SnapshotHeader { log_id: LOG, position: Position(42) });
}

fn snapshots_are_listed_newest_first_and_pruned_to_the_newest_two<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    for position in [9, 100, 10, 2] {
        write(&*store, Position(position), &[]);
    }
    assert_eq!(store.list().unwrap(), [100, 10, 9, 2].map(Position));
    let pruned = store.prune(KEEP_DEFAULT).unwrap();
    assert_eq!(pruned.snapshots, [9, 2].map(Position));
    assert_eq!(store.list().unwrap(), [100, 10].map(Position));
    assert_eq!(store.prune(KEEP_DEFAULT).unwrap(), Pruned::default());
    store.prune(0).unwrap();
    assert_eq!(store.list().unwrap(), [Position(100)], "the newest always stays");
    store.clear().unwrap();
    assert_eq!(store.list().unwrap(), [], "unless the state is to be built anew");
}

fn an_unfinished_snapshot_vanishes_in_a_crash<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    write(&*store, Position(1), &entries());
    for position in [1, 2] {
        let mut sink = store.begin(Position(position)).unwrap();
        for (key, record) in &entries()[..2000] {
            sink.put(key, record).unwrap();
        }
        bench.crash(sink);
    }
    drop(store);
    let store = bench.store(LOG);
    assert_eq!(store.list().unwrap(), [Position(1)]);
    assert_eq!(read(&*store, Position(1)).unwrap().0, entries());
    assert_eq!(store.prune(2).unwrap(), Pruned::default(), "nothing was left over");
    write(&*store, Position(2), &entries());
    assert_eq!(store.list().unwrap(), [2, 1].map(Position));
}

fn a_dropped_snapshot_leaves_nothing_behind<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    drop(store.begin(Position(1)).unwrap());
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.prune(2).unwrap().leftovers, 0);
    write(&*store, Position(1), &[]);
}

fn a_snapshot_that_is_being_written_is_neither_pruned_nor_begun_twice<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    let mut sink = store.begin(Position(5)).unwrap();
    assert!(matches!(
        store.begin(Position(5)).err(),
        Some(SnapshotError::Busy { position: Position(5) })
    ));
    assert_eq!(store.prune(1).unwrap(), Pruned::default());
    sink.put(b"key", b"record").unwrap();
    sink.finish(end(&[])).unwrap();
    assert_eq!(read(&*store, Position(5)).unwrap().0.len(), 1);
}

fn a_snapshot_of_the_same_position_takes_the_place_of_the_first<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    write(&*store, Position(5), &[]);
    write(&*store, Position(5), &entries());
    assert_eq!(store.list().unwrap(), [Position(5)]);
    assert_eq!(read(&*store, Position(5)).unwrap().0, entries());
}

fn damage_is_refused_and_the_one_before_still_reads<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    write(&*store, Position(1), &entries());
    write(&*store, Position(2), &entries());
    let whole = bench.bytes(Position(2));
    for at in [0, 9, 20, 30, 50, whole.len() / 2, whole.len() - 60, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        bench.overwrite(Position(2), damaged);
        let refused = read(&*store, Position(2));
        assert!(matches!(refused, Err(SnapshotError::Damaged { .. })), "byte {at}: {refused:?}");
        bench.overwrite(Position(2), whole[..at].to_vec());
        let refused = read(&*store, Position(2));
        assert!(matches!(refused, Err(SnapshotError::Damaged { .. })), "cut to {at}: {refused:?}");
    }
    bench.overwrite(Position(2), [whole, vec![0]].concat());
    let source = match read(&*store, Position(2)) {
        Err(SnapshotError::Damaged { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    assert_eq!(source, FormatError::Trailing);
    assert_eq!(read(&*store, Position(1)).unwrap().0, entries());
}

fn a_partial_read_gets_no_footer<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    write(&*store, Position(1), &entries());
    let mut source = store.open(Position(1)).unwrap();
    for _ in 0..entries().len() {
        assert!(source.next().unwrap().is_some());
    }
    assert!(source.finish().is_err(), "the end was not seen");

    let mut bytes = bench.bytes(Position(1));
    bytes.pop();
    bench.overwrite(Position(1), bytes);
    let mut source = store.open(Position(1)).unwrap();
    for _ in 0..entries().len() {
        assert!(source.next().unwrap().is_some());
    }
    assert!(source.next().is_err());
    assert!(source.next().is_err(), "an error is no end");
    assert!(source.finish().is_err());
}

fn a_snapshot_of_another_log_or_position_is_refused<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    write(&*store, Position(1), &[]);
    let other = bench.store(Uuid::from_u128(8));
    assert!(matches!(other.open(Position(1)).err(), Some(SnapshotError::OtherLog { .. })));
    bench.overwrite(Position(2), bench.bytes(Position(1)));
    assert!(matches!(
        store.open(Position(2)).err(),
        Some(SnapshotError::Misnamed { position: Position(1), .. })
    ));
    assert!(matches!(store.open(Position(3)).err(), Some(SnapshotError::Missing { .. })));
}

fn an_entry_or_a_barrier_that_can_not_be_gives_no_snapshot<B: Bench>() {
    let bench = B::new();
    let store = bench.store(LOG);
    let mut sink = store.begin(Position(1)).unwrap();
    assert!(matches!(sink.put(b"", b"record"), Err(SnapshotError::Entry { .. })));
    assert!(sink.put(b"key", b"record").is_err());
    assert!(sink.finish(end(&[])).is_err());

    let sink = store.begin(Position(2000)).unwrap();
    assert!(matches!(sink.finish(end(&[])), Err(SnapshotError::Barrier { .. })));
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.prune(1).unwrap().leftovers, 0);
}

macro_rules! on_every_store {
    ($($fact:ident),* $(,)?) => {
        mod on_files {
            $(#[test] fn $fact() { super::$fact::<super::Files>(); })*
        }
        mod in_memory {
            $(#[test] fn $fact() { super::$fact::<super::Memory>(); })*
        }
    };
}

on_every_store!(
    what_was_written_is_read_back_after_reopening,
    snapshots_are_listed_newest_first_and_pruned_to_the_newest_two,
    an_unfinished_snapshot_vanishes_in_a_crash,
    a_dropped_snapshot_leaves_nothing_behind,
    a_snapshot_that_is_being_written_is_neither_pruned_nor_begun_twice,
    a_snapshot_of_the_same_position_takes_the_place_of_the_first,
    damage_is_refused_and_the_one_before_still_reads,
    a_partial_read_gets_no_footer,
    a_snapshot_of_another_log_or_position_is_refused,
    an_entry_or_a_barrier_that_can_not_be_gives_no_snapshot,
);

#[test]
fn the_memory_store_fails_as_often_as_it_is_told_to() {
    use memory_store::Operation;

    let store = MemoryStore::new(LOG);
    write(&store, Position(1), &[]);
    store.fail(Operation::Open, 1);
    assert!(store.open(Position(1)).is_err());
    assert!(store.open(Position(1)).is_ok());
    store.fail(Operation::Begin, 1);
    assert!(store.begin(Position(2)).is_err());
    store.fail(Operation::Put, 1);
    let mut sink = store.begin(Position(2)).unwrap();
    assert!(sink.put(b"key", b"record").is_err());
    assert!(sink.put(b"key", b"record").is_err(), "it is given up");
    assert!(sink.finish(end(&[])).is_err());
    store.fail(Operation::Finish, 1);
    assert!(store.begin(Position(2)).unwrap().finish(end(&[])).is_err());
    assert_eq!(store.list().unwrap(), [Position(1)]);
    write(&store, Position(2), &[]);
}

#[test]
fn a_sink_from_before_a_crash_is_dead_and_does_not_hinder_its_successor() {
    let store = MemoryStore::new(LOG);
    let mut dead = store.begin(Position(1)).unwrap();
    store.crash();
    assert!(dead.put(b"key", b"record").is_err());
    let successor = store.begin(Position(1)).unwrap();
    assert!(dead.finish(end(&[])).is_err());
    assert!(store.begin(Position(1)).is_err(), "the successor still has the position");
    successor.finish(end(&[])).unwrap();
}
