//! The wiring: which thread runs what, in which order things begin and end.
//!
//! ```text
//!   addresses ─▶ folder ─▶ log ─▶ snapshots, archive ─▶ recover ─▶ room on the disk
//!               └────────────── a thread of its own ─────────────┘
//!             ─▶ shards, writer, keeper ─▶ services
//!
//!   stop: not ready ─▶ turn commands away ─▶ what is in flight ─▶ snapshot ─▶ feed, listeners
//!         ─▶ writer ─▶ arbiters
//! ```
//!
//! | thread | what runs on it |
//! | --- | --- |
//! | tokio's workers | listeners, services, subscriptions |
//! | two more of tokio's | a look at the disk each, once a second |
//! | one arbiter for each shard | its entities and its process manager |
//! | `journal` | the writer |
//! | `keeper` | snapshots and the archive |
//! | `recovery` | opens and replays what is on disk, and ends |
//!
//! A stop during recovery doesn't wait for its thread, which may be deep in a database that is
//! being opened: the process ends under it. That is no other end than a kill, which every write of
//! recovery survives, and nobody has been told anything yet.
//!
//! This is the only place that knows of threads. Not here: any decision.

mod arbiters;
mod listeners;
mod looking;
mod sampling;
mod space;
mod storage;

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::actors::Engine;
use crate::actors::engine::Parts;
use crate::actors::environment::{Limits, Surroundings};
use crate::actors::keeper::{Keeper, Schedule};
use crate::api::admission::{Admission, Closed};
use crate::api::grpc::Gateway;
use crate::api::readiness::Readiness;
use crate::clock::{OperatingSystem, SystemClock};
use crate::config::Config;
use crate::fatal;
use crate::feed::{self, Feed, Reading};
use crate::journal::room::Bounds;
use crate::journal::{Journal, SledStore, Store, Writer};
use crate::recovery::{Loaded, Spread};
use arbiters::Arbiters;
use listeners::{Bound, Early, Listeners};
use sampling::Sampler;
use space::SpaceWatch;
use storage::Storage;

pub use space::FreeSpace;
pub use storage::StorageError;

/// How many requests to the keeper may wait.
const KEEPER_REQUESTS_MAX: usize = 16;

/// How often metrics are folded.
const METRICS_UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What stays of the time for a stop when the snapshot has had its share.
const STOP_RESERVE: Duration = Duration::from_secs(2);

/// Why a server doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address can't be listened on.
    #[error("{key} {address} can't be listened on: {source}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data folder can't be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The system gives no threads.
    #[error("the server's threads can't be started: {0}")]
    Threads(std::io::Error),
    /// It was asked to stop before it was ready.
    #[error("the server was stopped before it was ready")]
    Stopped,
}

/// A server that listens, and tells everyone to wait.
pub struct Starting<'a> {
    config: &'a Config,
    addresses: Addresses,
    runtime: tokio::runtime::Runtime,
    early: Early,
    admission: Admission,
    readiness: Readiness,
    free_space: FreeSpace,
}

/// A server at work.
pub struct Running {
    addresses: Addresses,
    stop_timeout: Duration,
    runtime: tokio::runtime::Runtime,
    listeners: Listeners,
    engine: Engine,
    feed: Feed,
    admission: Admission,
    readiness: Readiness,
    arbiters: Arbiters,
    writer: JoinHandle<()>,
}

/// Where a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For gRPC.
    pub grpc: SocketAddr,
    /// For metrics and health.
    pub http: SocketAddr,
}

/// Starts a server, and returns when it is ready.
///
/// # Errors
/// [`ServerError`]. Nothing on disk has been changed where the folder was refused.
pub fn start(config: &Config, metrics: PrometheusHandle) -> Result<Running, ServerError> {
    Starting::listen(config, metrics)?.recover(std::future::pending())
}

impl<'a> Starting<'a> {
    /// Binds the addresses, and answers from then on. Nothing on disk has been looked at.
    ///
    /// # Errors
    /// [`ServerError::Listen`] and [`ServerError::Threads`].
    pub fn listen(config: &'a Config, metrics: PrometheusHandle) -> Result<Self, ServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("edge")
            .build()
            .map_err(ServerError::Threads)?;
        let readiness = Readiness::default();
        let admission = Admission::new(listeners::admission_limits(config));
        let bound = runtime.block_on(Bound::bind(config))?;
        let addresses = bound.addresses()?;
        runtime.spawn(keep_metrics_small(metrics.clone()));
        let sources = listeners::sources(metrics, &readiness, &admission);
        let early = bound.serve_while_recovering(&runtime, config, sources)?;
        let Addresses { grpc, http } = addresses;
        tracing::info!(%grpc, %http, "recovering: whoever calls is told to wait");
        let free_space = space::of_file_system(&config.server.data_dir);
        Ok(Self { config, addresses, runtime, early, admission, readiness, free_space })
    }

    /// Asks this how many bytes are free instead of the data folder's file system: for tests, which
    /// can't fill a disk.
    pub fn with_free_space(self, free_space: FreeSpace) -> Self {
        Self { free_space, ..self }
    }

    /// Runs something beside the server until it is done.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Recovers, and returns when the server is ready, or when `stop` comes before that.
    ///
    /// # Errors
    /// [`ServerError`]; [`ServerError::Stopped`] where `stop` came. Nothing was acknowledged then,
    /// and the process is expected to end: what it had begun goes on until it does.
    pub fn recover(self, stop: impl Future<Output = ()>) -> Result<Running, ServerError> {
        let (storage, loaded) = self.load(stop)?;
        let Self { config, addresses, runtime, early, admission, readiness, free_space } = self;
        let journal = Journal::new(loaded.last);
        let affected = space::Affected {
            admission: admission.clone(),
            readiness: readiness.clone(),
            journal: journal.clone(),
        };
        let bounds = Bounds { min_free_bytes: config.journal.min_free_bytes };
        // Before there are shards: holds may be due and orders under way from their first moment on.
        let space = SpaceWatch::begin(free_space, bounds, affected);
        let (log, archive) = (storage.log.reader(), storage.archive.clone());
        let begun = begin(config, storage, loaded, journal)?;
        let (engine, feed) = (begun.engine.clone(), begun.feed.clone());
        runtime.spawn(Sampler { engine, feed, log, archive }.run());
        runtime.spawn(space.run());
        readiness.recovered();
        let gateway = Gateway::new(begun.engine.clone(), admission.clone());
        let listeners = early.serve(&runtime, config, &begun, gateway, &readiness)?;
        let Begun { engine, feed, arbiters, writer } = begun;
        let stop_timeout = config.server.stop_timeout.0;
        Ok(Running {
            addresses,
            stop_timeout,
            runtime,
            listeners,
            engine,
            feed,
            admission,
            readiness,
            arbiters,
            writer,
        })
    }

    fn load(&self, stop: impl Future<Output = ()>) -> Result<(Storage, Loaded), ServerError> {
        let config = self.config.clone();
        let spread = Spread::new(shards(self.config), rand::random());
        let (done, recovery) = oneshot::channel();
        spawn("recovery", move || {
            let recovered = Storage::open(&config).and_then(|storage| {
                let loaded = storage.recover(&spread)?;
                Ok((storage, loaded))
            });
            // After a stop nobody wants it any more.
            let _ = done.send(recovered);
        })?;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop => Err(ServerError::Stopped),
                recovered = recovery => match recovered {
                    Ok(recovered) => Ok(recovered?),
                    Err(_) => fatal::end(&"the recovery's thread has panicked"),
                },
            }
        })
    }
}

/// Folds what histograms have gathered, which otherwise grows until somebody scrapes.
async fn keep_metrics_small(metrics: PrometheusHandle) {
    let mut pause = tokio::time::interval(METRICS_UPKEEP_EVERY);
    loop {
        pause.tick().await;
        metrics.run_upkeep();
    }
}

/// The engine with its threads.
struct Begun {
    engine: Engine,
    feed: Feed,
    arbiters: Arbiters,
    writer: JoinHandle<()>,
}

fn begin(
    config: &Config,
    storage: Storage,
    loaded: Loaded,
    journal: Journal,
) -> Result<Begun, ServerError> {
    let Storage { log, log_id, snapshots, archive } = storage;
    let clock = Arc::new(SystemClock::new(
        OperatingSystem::default(),
        loaded.time,
        config.clock.max_leap.ms(),
    ));
    let feed = Feed::new(log.reader(), loaded.last, Reading::Threads, feed_limits(config));
    let writer = write(config, &journal, log, &feed)?;
    let surroundings = Surroundings {
        journal: journal.clone(),
        clock: clock.clone(),
        log_id,
        limits: limits(config),
    };
    let Loaded { world, unsettled, snapshot, .. } = loaded;
    let (arbiters, topology) = Arbiters::start(world, unsettled, &surroundings, &archive)?;
    let (last, last_snapshot) = watch::channel(snapshot);
    let (requests, asked) = mpsc::channel(KEEPER_REQUESTS_MAX);
    let keeper = Keeper {
        topology: topology.clone(),
        journal: journal.clone(),
        clock: clock.clone(),
        snapshots,
        archive: archive.clone(),
        schedule: schedule(config),
        last,
    };
    spawn("keeper", move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        match runtime {
            Ok(runtime) => runtime.block_on(keeper.run(asked)),
            Err(error) => fatal::end(&format!("the keeper's runtime can't be made: {error}")),
        }
    })?;
    let engine = Engine::new(Parts {
        topology,
        journal,
        clock,
        archive,
        log_id,
        keeper: requests,
        last_snapshot,
    });
    Ok(Begun { engine, feed, arbiters, writer })
}

fn write(
    config: &Config,
    journal: &Journal,
    log: SledStore,
    feed: &Feed,
) -> Result<JoinHandle<()>, ServerError> {
    let audience = Box::new(feed.audience());
    let writer = Writer::new(journal.clone(), log, audience, config.journal.commit_events_max);
    spawn("journal", move || {
        if let Err(error) = futures::executor::block_on(writer.run()) {
            fatal::end(&error);
        }
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ServerError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(ServerError::Threads)
}

/// Where nothing is said, one for each processor: orders, which are mostly the actors' work, are
/// completed half as fast again as with one for every two, and nothing else is slower.
fn shards(config: &Config) -> usize {
    match config.server.shards {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        shards => shards,
    }
}

fn limits(config: &Config) -> Limits {
    let entities = &config.entities;
    Limits {
        requests_remembered: entities.requests_remembered,
        resource_requests_remembered: entities.resource_requests_remembered,
        commands_queued_max: entities.commands_queued_max,
        idle_ms: entities.idle.ms(),
        resource_idle_ms: entities.resource_idle.ms(),
        journal_waiting_max: config.journal.waiting_max,
    }
}

fn schedule(config: &Config) -> Schedule {
    Schedule {
        events: config.snapshot.events,
        interval: config.snapshot.interval.0,
        keep: config.snapshot.keep,
        retention_ms: config.entities.retention.ms(),
    }
}

fn feed_limits(config: &Config) -> feed::Limits {
    feed::Limits {
        ring_events_max: config.feed.events_kept_max,
        heartbeat_interval: config.feed.heartbeat.0,
        ..feed::Limits::default()
    }
}

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Runs something beside the server until it is done.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Stops: takes nothing new, finishes what is in flight, takes a snapshot where there is time
    /// for one, and returns when everything is on disk.
    pub fn stop(self) {
        let begun = Instant::now();
        let left = || self.stop_timeout.saturating_sub(begun.elapsed());
        tracing::info!("stopping");
        self.readiness.stopping();
        self.admission.close(Closed::Stopping);
        self.runtime.block_on(async {
            let drained = tokio::time::timeout(left() / 2, self.admission.drained()).await;
            if drained.is_err() {
                tracing::warn!("some commands in flight are left without an answer");
            }
            let time = left().saturating_sub(STOP_RESERVE);
            match tokio::time::timeout(time, self.engine.take_snapshot()).await {
                Ok(Ok(info)) => tracing::info!(position = info.header.position.0, "snapshot taken"),
                Ok(Err(error)) => tracing::error!(%error, "no snapshot was taken"),
                Err(_) => tracing::warn!("no time for a snapshot: the next start replays"),
            }
        });
        self.feed.close();
        self.runtime.block_on(self.listeners.stop());
        self.engine.journal().close();
        if self.writer.join().is_err() {
            fatal::end(&"the journal's thread has panicked");
        }
        self.arbiters.stop();
        self.runtime.shutdown_timeout(left().min(Duration::from_secs(1)));
        tracing::info!(took_ms = begun.elapsed().as_millis() as u64, "stopped");
    }
}
