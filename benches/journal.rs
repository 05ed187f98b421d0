//! How long a commit takes, by how many events it has: on disk with its sync, and in memory.
//!
//! The log on disk lies in the build's folder, since a folder of temporary files may be in memory
//! and never sync. Each sample has a fresh log.
//!
//! Not here: the queue in front of the store, which gathers these batches.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group,
    criterion_main,
};
use holdfast::journal::{
    Commit, DataFolder, MemoryDisk, MemoryStore, SledOptions, SledStore, Store,
};
use uuid::Uuid;

const BATCHES: [usize; 4] = [1, 10, 100, 500];
const SEGMENT_BYTES: u64 = 2 << 30;

/// Makes so many commits of `events` events each; gives how long that took.
fn commit(mut store: impl Store, events: usize, commits: u64) -> Duration {
    let payloads = material::held(events.div_ceil(2));
    let mut commit = Commit::new(store.last().next());
    let begun = Instant::now();
    for _ in 0..commits {
        commit.begin(store.last().next());
        for event in &payloads[..events] {
            commit.push(event).unwrap();
        }
        store.commit(&commit).unwrap();
    }
    begun.elapsed()
}

fn on_disk(events: usize, commits: u64) -> Duration {
    let temporary = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = DataFolder::open(temporary.path()).unwrap();
    let store = SledStore::open(&folder, SledOptions::default()).unwrap().store;
    commit(store, events, commits)
}

fn in_memory(events: usize, commits: u64) -> Duration {
    let disk = MemoryDisk::new();
    let store = MemoryStore::open(&disk, Uuid::from_u128(7), SEGMENT_BYTES).unwrap().store;
    commit(store, events, commits)
}

fn by_batch(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    run: fn(events: usize, commits: u64) -> Duration,
) {
    group.sampling_mode(SamplingMode::Flat);
    for events in BATCHES {
        group.throughput(Throughput::Elements(events as u64));
        let id = BenchmarkId::new(name, format!("{events}_events"));
        group.bench_function(id, |bencher| bencher.iter_custom(|commits| run(events, commits)));
    }
}

fn commits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10);
    by_batch(&mut group, "sled_commit_and_sync_of", on_disk);
    by_batch(&mut group, "memory_commit_of", in_memory);
    group.finish();
}

criterion_group! {
    name = benches;
    config = material::short();
    targets = commits
}
criterion_main!(benches);
