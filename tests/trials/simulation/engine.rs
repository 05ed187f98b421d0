//! A server's engine, put together as the real one is, on threads that are none.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use holdfast::actors::assembly::{self, Beginning};
use holdfast::actors::engine::{Engine, Parts};
use holdfast::actors::environment::{Limits, Surroundings};
use holdfast::actors::keeper::{Keeper, Schedule};
use holdfast::clock::Clock;
use holdfast::journal::{Journal, MemoryStore, Store, Writer};
use holdfast::recovery::Loaded;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep;

use super::threads::{Thread, Threads};
use crate::support::{Stores, Told};

/// What differs from one life to the next.
#[derive(Debug, Clone)]
pub struct Settings {
    pub limits: Limits,
    pub schedule: Schedule,
    pub shards: usize,
    /// The most events of a commit.
    pub commit_events_max: usize,
    /// How often a commit takes its time, in a hundred.
    pub slow_commits: u32,
    pub seed: u64,
}

/// A running engine.
pub struct Started {
    pub engine: Engine,
    pub told: Told,
    pub writer: Rc<WriterState>,
}

/// How the writer is doing.
#[derive(Default)]
pub struct WriterState {
    pub has_failed: Cell<bool>,
    pub slow_commits: Cell<u64>,
}

/// Starts an engine on what was loaded, a shard for each part of it.
pub fn start(
    stores: Stores<MemoryStore>,
    loaded: Loaded,
    threads: &Threads,
    clock: &Arc<dyn Clock>,
    settings: &Settings,
) -> Started {
    let Stores { store, snapshots, archive, log_id } = stores;
    let journal = Journal::new(loaded.last);
    let told = Told::default();
    let writer = Rc::new(WriterState::default());
    let turns =
        Writer::new(journal.clone(), store, Box::new(told.clone()), settings.commit_events_max);
    threads.set(Thread::Writer).spawn_local(write(turns, settings.clone(), writer.clone()));
    let surroundings = Surroundings {
        journal: journal.clone(),
        clock: clock.clone(),
        log_id,
        limits: settings.limits.clone(),
    };
    let (spread, parts) = loaded.world.into_parts();
    let started: Vec<_> = parts
        .into_iter()
        .enumerate()
        .map(|(number, entities)| {
            let _within = threads.set(Thread::Shard(number)).enter();
            let (surroundings, archive) = (surroundings.clone(), archive.clone());
            assembly::start(Beginning { surroundings, archive, entities })
        })
        .collect();
    let topology = assembly::connect(&started, spread, loaded.unsettled);
    let (requests, asked) = tokio::sync::mpsc::channel(4);
    let (last, last_snapshot) = tokio::sync::watch::channel(loaded.snapshot);
    let keeper = Keeper {
        topology: topology.clone(),
        journal: journal.clone(),
        clock: clock.clone(),
        snapshots,
        archive: archive.clone(),
        schedule: settings.schedule.clone(),
        last,
    };
    threads.set(Thread::Keeper).spawn_local(keeper.run(asked));
    let parts = Parts {
        topology,
        journal,
        clock: clock.clone(),
        archive,
        log_id,
        keeper: requests,
        last_snapshot,
    };
    Started { engine: Engine::new(parts), told, writer }
}

/// Runs the writer until the disk fails, and lets time pass before some commits, also where the next
/// is due already. The real process ends with its disk; this one goes on for some turns, so that it
/// shows if anybody is told anything after that.
async fn write<S: Store>(mut writer: Writer<S>, settings: Settings, state: Rc<WriterState>) {
    let mut random = StdRng::seed_from_u64(settings.seed);
    while writer.arrival().await {
        if random.random_ratio(settings.slow_commits, 100) {
            sleep(Duration::from_millis(random.random_range(1..40))).await;
            state.slow_commits.set(state.slow_commits.get() + 1);
        }
        if writer.turn().is_err() {
            return state.has_failed.set(true);
        }
    }
}
