//! The whole engine in simulated time, on one thread, under everything that can happen to it.
//!
//! ```text
//!   start ─▶ clients, operator, faults ─▶ crash ─▶ read the log, check every reply ─▶ start …
//! ```
//!
//! What a seed decides: what is sent, when and by how many; what the network loses, delays and
//! repeats; in which order threads have their turns; when disks are slow or fail, clocks leap and
//! snapshots are taken; when it crashes, and how much of what wasn't synced survives.
//!
//! In reading order: `threads`, `time`, `engine`, `faults`; `scene` (what clients know), `client`,
//! `operator`, `life`; here the lives of one seed; `checks` (what has to hold after each); `seeds`.
//!
//! | promise | what is checked, after each crash and at rest |
//! | --- | --- |
//! | P1 | each claim fits, by the model's own count |
//! | P2 | whoever is told a position, it is durable then; what was told is in the log after each crash |
//! | P3 | positions, versions and links are dense; no decision is there by half; the log only grows |
//! | P4 | the running server, a replay from zero, and snapshot with tail and archive: one digest |
//! | P5 | whatever is sent again is answered as it was, as long as it is remembered |
//! | P6 | at rest each claim is a wish, each wish is met, each order has all or nothing |
//! | P7 | no hold is confirmed after its deadline; each ends within 10 ms, but for pauses |
//! | P8 | two tenants use the same ids; each event and each reply is that of the tenant's own model |

mod checks;
mod client;
mod engine;
mod faults;
mod life;
mod operator;
mod scene;
mod seeds;
mod threads;
mod time;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use holdfast::actors::environment::Limits;
use holdfast::actors::keeper::Schedule;
use holdfast::archive::Archive;
use holdfast::clock::{Clock, SystemClock, TimeSource};
use holdfast::domain::event::Event;
use holdfast::domain::time::Timestamp;
use holdfast::journal::MemoryStore;
use holdfast::recovery::{Spread, World};
use holdfast::snapshot::SnapshotStore;
use holdfast::snapshot::memory_store::Operation;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::model::{Checked, Model, Remembering};
use crate::support::Disks;
use crate::tally::{Head, Tally};
use client::Client;
use engine::Settings;
use faults::Fault;
use life::{Life, MAX_LEAP_MS, Plan, Rested};
use operator::Operator;
use scene::Scene;
use threads::{Thread, Threads};
use time::Source;

/// What a seed has at least.
const COMMANDS_MIN: u64 = 1_000;
const CRASHES_MIN: u64 = 3;

/// When the first life of each seed begins: in November 2023.
const BEGIN_MS: i64 = 1_700_000_000_000;

/// What became of a seed.
pub struct Outcome {
    pub tally: Tally,
    pub crashes: u64,
    /// The same for the same seed.
    pub trace: u64,
}

/// Lives through a seed.
///
/// # Errors
/// What doesn't hold.
pub fn run(seed: u64) -> Result<Outcome, String> {
    let mut run = Run::new(seed);
    while run.commands() < COMMANDS_MIN || run.crashes < CRASHES_MIN {
        run.live()?;
    }
    run.finish()
}

struct Run {
    random: StdRng,
    disks: Disks,
    scene: Rc<RefCell<Scene>>,
    model: Model,
    /// What a replay of the log from zero leads to.
    world: World,
    wall_ms: i64,
    crashes: u64,
    expiry_stopped: Timestamp,
    /// Of the life that has ended.
    has_archive_failed: bool,
    segments: usize,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let segment_bytes = 1 << random.random_range(11..18);
        Self {
            random,
            disks: Disks::new(segment_bytes),
            scene: Rc::default(),
            model: Model::new(Remembering { resources: 0, others: 0 }),
            world: World::default(),
            wall_ms: BEGIN_MS,
            crashes: 0,
            expiry_stopped: Timestamp(0),
            has_archive_failed: false,
            segments: 0,
        }
    }

    fn commands(&self) -> u64 {
        self.scene.borrow().tally.sum(Head::Commands)
    }

    fn one_of<T: Copy, const N: usize>(&mut self, values: [T; N]) -> T {
        values[self.random.random_range(0..N)]
    }

    /// A life's settings, and how it ends.
    fn draw(&mut self) -> (Settings, Plan) {
        let (mut settings, mut plan) = (self.settings(), self.plan());
        // Commits of many pages, of which a crash leaves some.
        if self.random.random_bool(0.2) {
            (settings.commit_events_max, settings.slow_commits) = (1_000, 60);
            (plan.clients, plan.long_labels, plan.tears) = (120, 10, true);
        }
        // Records of what isn't durable yet.
        if plan.in_snapshot {
            settings.slow_commits = 60;
        }
        (settings, plan)
    }

    fn settings(&mut self) -> Settings {
        let limits = Limits {
            requests_remembered: self.one_of([3, 8, 64]),
            resource_requests_remembered: self.one_of([10, 40, 4_096]),
            commands_queued_max: self.one_of([0, 1, 64]),
            idle_ms: self.one_of([0, 3, 50]),
            resource_idle_ms: self.one_of([0, 7, 100]),
            ..Limits::default()
        };
        let schedule = Schedule {
            events: self.one_of([100, 400, 1_000_000]),
            interval: Duration::from_millis(self.one_of([800, 5_000])),
            retention_ms: self.one_of([0, 0, 700]),
            ..Schedule::default()
        };
        Settings {
            limits,
            schedule,
            shards: self.random.random_range(1..5),
            commit_events_max: self.one_of([1, 4, 1_000, 1_000]),
            slow_commits: self.one_of([0, 1, 20, 60]),
            seed: self.random.random(),
        }
    }

    fn plan(&mut self) -> Plan {
        let commands = self.random.random_range(150..400);
        let crash_after =
            self.random.random_bool(0.6).then(|| self.random.random_range(1..commands));
        let in_snapshot = self.random.random_bool(0.2);
        let turns = self.random.random_range(0..60);
        let long_labels = self.one_of([0, 0, 1, 10]);
        let clients = self.one_of([2, 5, 12, 40]);
        Plan { commands, clients, crash_after, in_snapshot, turns, long_labels, tears: false }
    }

    /// One life, and what it left.
    fn live(&mut self) -> Checked {
        let (settings, plan) = self.draw();
        let limits = &settings.limits;
        self.model.set_remembering(Remembering {
            resources: limits.resource_requests_remembered,
            others: limits.requests_remembered,
        });
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let ended = runtime.block_on(self.life(settings, plan))?;
        self.crash(&ended)?;
        self.read(&ended)?;
        self.check_told()
    }

    async fn life(&mut self, settings: Settings, plan: Plan) -> Result<Ended, String> {
        let stores = self.disks.open();
        let loaded = self.load(&Spread::new(settings.shards, settings.seed))?;
        let source = Source::at(self.wall_ms);
        let clock = SystemClock::new(source.clone(), loaded.time, MAX_LEAP_MS as u64);
        let clock = Arc::new(clock);
        let begun = clock.now();
        self.restarted(begun);
        let mut threads = Threads::new(settings.shards, self.random.random());
        let dynamic: Arc<dyn Clock> = clock.clone();
        let started = engine::start(stores, loaded, &threads, &dynamic, &settings);
        let (disks, scene) = (self.disks.clone(), self.scene.clone());
        let life = Rc::new(Life::new(started, (clock, source), disks, scene, plan));
        let around = threads.set(Thread::Clients);
        let mut everybody: Vec<_> = (0..plan.clients)
            .map(|_| around.spawn_local(Client::new(life.clone(), self.random.random()).run()))
            .collect();
        everybody.push(around.spawn_local(Operator::new(life.clone(), self.random.random()).run()));
        around.spawn_local(life.clone().close(everybody));
        threads.run(|| life.is_over()).await?;
        self.count(&life, &threads);
        self.stopped(&life);
        self.wall_ms = life.source.wall_ms();
        let loses = life.engine.journal().assigned() > self.disks.last();
        Ok(Ended { begun, rested: life.rested(), told: life.told.events(), loses })
    }

    /// The server's clock goes on. It may have gone back, as the log alone tells it how late it was.
    fn restarted(&mut self, begun: Timestamp) {
        let mut scene = self.scene.borrow_mut();
        scene.gaps.add(self.expiry_stopped, begun);
        scene.registry.restart(begun);
    }

    /// Expiry may have been paused for a while; commands may have met holds that were over meanwhile.
    fn stopped(&mut self, life: &Life) {
        self.expiry_stopped = life.expiry_stopped();
        life.scene().gaps.add(self.expiry_stopped, life.now());
    }

    fn count(&self, life: &Life, threads: &Threads) {
        let mut scene = self.scene.borrow_mut();
        for _ in 0..threads.times_forgotten {
            scene.fault(Fault::ThreadForgotten);
        }
        for _ in 0..life.slow_commits() {
            scene.fault(Fault::SlowDisk);
        }
        if life.is_in_snapshot() {
            scene.fault(Fault::SnapshotCutOff);
        }
    }

    /// Everything that isn't durable is gone, or some of it.
    fn crash(&mut self, ended: &Ended) -> Checked {
        self.crashes += 1;
        let mut scene = self.scene.borrow_mut();
        scene.fault(match ended.rested {
            Some(_) => Fault::CrashAtRest,
            None => Fault::CrashUnderWay,
        });
        self.disks.snapshots.crash();
        self.has_archive_failed = self.disks.archive.put(&[]).is_err();
        if self.has_archive_failed {
            scene.fault(Fault::ArchiveFailed);
        }
        self.disks.archive = Arc::new(self.disks.archive.reopen());
        if self.disks.archive.digest().1 > 0 {
            scene.fault(Fault::Archived);
        }
        let unsynced = self.disks.log.pages_unsynced();
        let kept = self.random.random_range(0..=unsynced);
        self.disks.log.crash(kept);
        if kept < unsynced {
            scene.fault(Fault::SuffixLost);
        }
        if kept > 0 {
            scene.fault(Fault::SuffixKept);
        }
        let opened =
            MemoryStore::open(&self.disks.log, self.disks.log_id, self.disks.segment_bytes);
        if opened.map_err(|error| error.to_string())?.cut.is_some() {
            scene.fault(Fault::CommitTorn);
        }
        if self.disks.segments() > self.segments {
            self.segments = self.disks.segments();
            scene.fault(Fault::Rotated);
        }
        drop(scene);
        self.wall_ms += self.one_of([0, 5, 300, 2_000]);
        self.break_something();
        Ok(())
    }

    /// What may have become of snapshots and archive while the server was down.
    fn break_something(&mut self) {
        let newest = self.disks.snapshots.list().unwrap().first().copied();
        match (self.random.random_range(0..12), newest) {
            (0, Some(position)) => {
                let mut bytes = self.disks.snapshots.bytes(position).unwrap();
                let at = self.random.random_range(0..bytes.len());
                bytes[at] ^= 1;
                self.disks.snapshots.overwrite(position, bytes);
                self.scene.borrow_mut().fault(Fault::SnapshotDamaged);
            }
            (1, Some(_)) => self.disks.snapshots.fail(Operation::Open, 1),
            (2, _) if self.disks.archive.digest().1 > 0 => {
                self.disks.archive.clear().unwrap();
                self.scene.borrow_mut().fault(Fault::ArchiveLost);
            }
            _ => {}
        }
    }
}

/// What is known when a life has ended.
struct Ended {
    begun: Timestamp,
    rested: Option<Rested>,
    told: Vec<Event>,
    /// Whether anything had been decided that wasn't durable.
    loses: bool,
}
