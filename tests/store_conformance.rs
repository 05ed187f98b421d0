//! What every store of the log promises, asked of the one in memory and the one on disk alike.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use holdfast::domain::ids::Position;
use holdfast::journal::{
    Commit, DataFolder, LogReader, MemoryDisk, MemoryStore, Opened, SledOptions, SledStore, Store,
    StoreError,
};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tempfile::TempDir;
use uuid::Uuid;

/// Somewhere to keep a log, which can be opened again and again.
trait Place {
    fn open(&self, segment_bytes_max: u64) -> Result<Opened<Box<dyn Store>>, StoreError>;
}

struct InMemory(MemoryDisk);

impl Place for InMemory {
    fn open(&self, segment_bytes_max: u64) -> Result<Opened<Box<dyn Store>>, StoreError> {
        let Opened { store, last, cut, marker } =
            MemoryStore::open(&self.0, Uuid::nil(), segment_bytes_max)?;
        Ok(Opened { store: Box::new(store), last, cut, marker })
    }
}

struct OnDisk(TempDir);

impl OnDisk {
    fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Place for OnDisk {
    fn open(&self, segment_bytes_max: u64) -> Result<Opened<Box<dyn Store>>, StoreError> {
        let folder = DataFolder::open(&self.path()).unwrap();
        let options = SledOptions { segment_bytes_max, ..SledOptions::default() };
        let Opened { store, last, cut, marker } = SledStore::open(&folder, options)?;
        Ok(Opened { store: Box::new(store), last, cut, marker })
    }
}

/// One test for each fact and each store.
macro_rules! facts {
    ($($fact:ident),* $(,)?) => {
        mod in_memory {
            $(#[test] fn $fact() { super::$fact(&super::InMemory(super::MemoryDisk::new())); })*
        }
        mod on_disk {
            $(#[test] fn $fact() { super::$fact(&super::OnDisk(tempfile::tempdir().unwrap())); })*
        }
    };
}

facts![
    an_empty_log_has_no_events,
    positions_are_dense_from_1,
    a_commit_at_a_wrong_position_changes_nothing,
    a_reader_sees_later_commits,
    a_read_stops_when_told,
    a_range_is_read_across_pages_and_segments,
    big_events_span_pages,
    a_commit_lies_in_one_segment,
    a_reader_may_run_beside_the_writer,
    random_commits_equal_a_list,
];

const NEVER_ROTATE: u64 = u64::MAX;

/// Short events repeat each other and are packed, long ones can't be.
fn event(position: u64, length: usize) -> Vec<u8> {
    if length < 500 {
        return (0..length as u64).map(|i| (i * 31 + position % 7) as u8).collect();
    }
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(position).fill_bytes(&mut bytes);
    bytes
}

fn commit(store: &mut dyn Store, lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut commit = Commit::new(store.last().next());
    let mut events = Vec::new();
    for length in lengths {
        events.push(event(commit.last().0 + 1, *length));
        commit.push(events.last().unwrap()).unwrap();
    }
    store.commit(&commit).unwrap();
    assert_eq!(store.last(), commit.last());
    events
}

fn read(reader: &dyn LogReader, from: u64, through: u64) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    let mut expected = from.max(1);
    reader
        .read(Position(from), Position(through), &mut |position, event| {
            assert_eq!(position, Position(expected));
            expected += 1;
            events.push(event.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    events
}

fn read_all(store: &dyn Store) -> Vec<Vec<u8>> {
    read(&*store.reader(), 0, u64::MAX)
}

fn an_empty_log_has_no_events(place: &dyn Place) {
    for _ in 0..2 {
        let opened = place.open(NEVER_ROTATE).unwrap();
        assert_eq!((opened.last, opened.cut), (Position::START, None));
        assert_eq!(opened.store.last(), Position::START);
        assert!(read_all(&*opened.store).is_empty());
    }
}

fn positions_are_dense_from_1(place: &dyn Place) {
    let mut model = Vec::new();
    for round in 0..3 {
        let mut opened = place.open(NEVER_ROTATE).unwrap();
        assert_eq!(opened.last, Position(model.len() as u64));
        for size in 1..4 {
            model.extend(commit(&mut *opened.store, &vec![round; size]));
        }
        assert_eq!(read_all(&*opened.store), model);
    }
    assert_eq!(read_all(&*place.open(NEVER_ROTATE).unwrap().store), model);
}

fn a_commit_at_a_wrong_position_changes_nothing(place: &dyn Place) {
    let mut store = place.open(NEVER_ROTATE).unwrap().store;
    let model = commit(&mut *store, &[5, 5]);
    for first in [0, 1, 2, 4, 100] {
        let mut wrong = Commit::new(Position(first));
        wrong.push(b"wrong").unwrap();
        assert!(matches!(
            store.commit(&wrong),
            Err(StoreError::OutOfOrder { expected: Position(3), .. })
        ));
    }
    assert!(matches!(store.commit(&Commit::new(Position(3))), Err(StoreError::Empty { .. })));
    assert_eq!(read_all(&*store), model);
    commit(&mut *store, &[5]);
}

fn a_reader_sees_later_commits(place: &dyn Place) {
    let mut store = place.open(1000).unwrap().store;
    let reader = store.reader();
    let mut model = Vec::new();
    for _ in 0..10 {
        model.extend(commit(&mut *store, &[300, 300]));
        assert_eq!(reader.last(), store.last());
        assert_eq!(read(&*reader, 1, u64::MAX), model);
    }
}

fn a_read_stops_when_told(place: &dyn Place) {
    let mut store = place.open(10_000).unwrap().store;
    for _ in 0..20 {
        commit(&mut *store, &[700, 9000, 10]);
    }
    for stop in 1..=60 {
        let mut seen = 0;
        store
            .reader()
            .read(Position(1), Position(60), &mut |position, _| {
                seen = position.0;
                if seen == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        assert_eq!(seen, stop);
    }
}

fn a_range_is_read_across_pages_and_segments(place: &dyn Place) {
    let mut store = place.open(20_000).unwrap().store;
    let mut model = Vec::new();
    for _ in 0..8 {
        model.extend(commit(&mut *store, &[1500, 1500, 1500, 5000, 1500]));
    }
    assert!(store.reader().size().unwrap().segments > 2);
    let reader = store.reader();
    for from in 1..=40 {
        for through in [from, from + 1, from + 7, 40, 41, 1000] {
            let expected = &model[from - 1..through.min(40)];
            assert_eq!(read(&*reader, from as u64, through as u64), expected);
        }
    }
    assert!(read(&*reader, 41, 50).is_empty());
    assert!(read(&*reader, 7, 6).is_empty());
}

fn big_events_span_pages(place: &dyn Place) {
    let mut model = Vec::new();
    for lengths in [&[4068, 4069, 4070][..], &[100_000], &[1, 3 << 20, 1], &[0, 9000, 9000, 0]] {
        let mut store = place.open(NEVER_ROTATE).unwrap().store;
        model.extend(commit(&mut *store, lengths));
        assert_eq!(read_all(&*store), model);
        for (at, event) in model.iter().enumerate() {
            let position = at as u64 + 1;
            assert_eq!(&read(&*store.reader(), position, position)[0], event);
        }
    }
    assert_eq!(read_all(&*place.open(NEVER_ROTATE).unwrap().store), model);
}

fn a_commit_lies_in_one_segment(place: &dyn Place) {
    let mut store = place.open(1).unwrap().store;
    for count in 1..6 {
        commit(&mut *store, &[3000; 10]);
        assert_eq!(store.reader().size().unwrap().segments, count);
    }
    drop(store);
    assert_eq!(place.open(1).unwrap().store.reader().size().unwrap().segments, 5);
}

fn a_reader_may_run_beside_the_writer(place: &dyn Place) {
    let mut store = place.open(50_000).unwrap().store;
    let reader = store.reader();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let reader = Arc::clone(&reader);
            std::thread::spawn(move || {
                let mut seen = 0;
                while seen < 600 {
                    let through = reader.last().0;
                    let events = read(&*reader, seen + 1, through);
                    assert_eq!(events.len() as u64, through - seen);
                    for bytes in events {
                        seen += 1;
                        assert_eq!(bytes, event(seen, bytes.len()));
                    }
                    std::thread::yield_now();
                }
            })
        })
        .collect();
    for _ in 0..200 {
        commit(&mut *store, &[200, 5000, 100]);
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

fn random_commits_equal_a_list(place: &dyn Place) {
    let mut random = StdRng::seed_from_u64(7);
    let mut model: Vec<Vec<u8>> = Vec::new();
    for _ in 0..6 {
        let mut store = place.open(300_000).unwrap().store;
        assert_eq!(store.last().0, model.len() as u64);
        for _ in 0..350 {
            let lengths: Vec<usize> =
                (0..random.random_range(1..6)).map(|_| random_length(&mut random)).collect();
            model.extend(commit(&mut *store, &lengths));
        }
        let reader = store.reader();
        for _ in 0..20 {
            let from = random.random_range(1..=model.len());
            let through = random.random_range(from..=model.len());
            assert!(read(&*reader, from as u64, through as u64) == model[from - 1..through]);
        }
        assert!(read_all(&*store) == model);
    }
}

fn random_length(random: &mut StdRng) -> usize {
    match random.random_range(0..100) {
        0 => random.random_range(4000..30_000),
        1..10 => random.random_range(500..4200),
        _ => random.random_range(0..400),
    }
}

mod a_crash_in_memory {
    use super::*;

    const ID: Uuid = Uuid::nil();

    fn opened(disk: &MemoryDisk) -> Opened<MemoryStore> {
        MemoryStore::open(disk, ID, 20_000).unwrap()
    }

    #[test]
    fn a_commit_is_never_half_there() {
        // The commit after three begins a new segment.
        for commits_before in [0, 1, 3] {
            for pages_kept in 0..=6 {
                let disk = MemoryDisk::new();
                let mut store = opened(&disk).store;
                let mut model = Vec::new();
                for _ in 0..commits_before {
                    model.extend(commit(&mut store, &[3000, 3000]));
                }
                let more = [3000, 9000, 3000, 3000].map(|length| event(1, length));
                let mut torn = Commit::new(store.last().next());
                for event in &more {
                    torn.push(event).unwrap();
                }
                disk.fail_sync_after(0);
                assert!(matches!(store.commit(&torn), Err(StoreError::Io { .. })));
                assert_eq!(disk.pages_unsynced(), 6);
                disk.crash(pages_kept);

                let again = opened(&disk);
                let cut = again.cut.as_ref().map_or(0, |cut| cut.pages);
                if pages_kept == 6 {
                    model.extend(more);
                    assert_eq!(cut, 0);
                } else {
                    assert_eq!(cut, pages_kept);
                }
                assert_eq!(again.last.0, model.len() as u64);
                let mut store = again.store;
                assert_eq!(read_all(&store), model);
                model.extend(commit(&mut store, &[10]));
                assert_eq!(read_all(&opened(&disk).store), model);
            }
        }
    }

    #[test]
    fn what_was_acknowledged_survives() {
        let disk = MemoryDisk::new();
        let mut store = opened(&disk).store;
        let model = commit(&mut store, &[3000, 9000]);
        disk.crash(0);
        assert_eq!(read_all(&opened(&disk).store), model);
    }

    #[test]
    fn after_a_failure_nothing_more_is_taken() {
        let fail: [fn(&MemoryDisk); 2] =
            [|disk| disk.fail_write_after(1), |disk| disk.fail_sync_after(0)];
        for fail in fail {
            let disk = MemoryDisk::new();
            let mut store = opened(&disk).store;
            let model = commit(&mut store, &[10]);
            fail(&disk);
            let mut more = Commit::new(Position(2));
            more.push(&[1; 9000]).unwrap();
            assert!(matches!(store.commit(&more), Err(StoreError::Io { .. })));
            assert!(matches!(store.commit(&more), Err(StoreError::FailedBefore)));
            assert_eq!(store.last(), Position(1));
            assert_eq!(read_all(&store), model);
        }
    }

    #[test]
    fn a_store_from_before_a_crash_writes_no_more() {
        let disk = MemoryDisk::new();
        let mut store = opened(&disk).store;
        disk.crash(0);
        let mut more = Commit::new(Position(1));
        more.push(b"late").unwrap();
        assert!(matches!(store.commit(&more), Err(StoreError::FailedBefore)));
        assert_eq!(opened(&disk).last, Position::START);
    }

    #[test]
    fn a_log_shorter_than_what_was_acknowledged_is_refused() {
        for lost in 1..=4 {
            let disk = MemoryDisk::new();
            let mut store = opened(&disk).store;
            commit(&mut store, &[3000, 3000]);
            commit(&mut store, &[3000, 3000]);
            disk.lose(lost);
            let found = MemoryStore::open(&disk, ID, 20_000).unwrap_err();
            assert!(
                matches!(found, StoreError::Short { marker: Position(4), .. }),
                "{lost} pages lost: {found}"
            );
        }
    }

    #[test]
    fn a_damaged_page_is_refused() {
        let disk = MemoryDisk::new();
        commit(&mut opened(&disk).store, &[3000, 3000]);
        disk.damage(Position(2), |page| page[100] ^= 1);
        let found = MemoryStore::open(&disk, ID, 20_000).unwrap_err();
        assert!(matches!(found, StoreError::Damaged { .. }), "{found}");
    }

    #[test]
    fn another_log_is_refused() {
        let disk = MemoryDisk::new();
        commit(&mut opened(&disk).store, &[3000]);
        assert!(MemoryStore::open(&disk, Uuid::max(), 20_000).is_err());
    }
}
