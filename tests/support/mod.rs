//! The engine on one thread, on stores in memory, for tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use holdfast::actors::assembly::{self, Beginning};
use holdfast::actors::delivery::Accepted;
use holdfast::actors::engine::{CommandError, CommandRequest, Engine, Parts};
use holdfast::actors::environment::{Limits, Surroundings};
use holdfast::actors::keeper::{Keeper, Schedule};
use holdfast::actors::topology::Spread;
use holdfast::archive::MemoryArchive;
use holdfast::clock::ManualClock;
use holdfast::domain::command::Command;
use holdfast::domain::event::{Event, Origin};
use holdfast::domain::ids::*;
use holdfast::domain::name::*;
use holdfast::domain::time::Timestamp;
use holdfast::domain::{money, reservation, sales_order, stock_balance};
use holdfast::journal::{Audience, Journal, MemoryDisk, MemoryStore, Store, Writer};
use holdfast::recovery::{Sources, load};
use holdfast::snapshot::MemoryStore as MemorySnapshots;
use uuid::Uuid;

pub struct Nobody;

impl Audience for Nobody {
    fn tell(&mut self, _: Vec<Event>) {}
}

/// What survives a restart.
#[derive(Clone)]
pub struct Disks {
    pub log: MemoryDisk,
    pub snapshots: MemorySnapshots,
    pub archive: Arc<MemoryArchive>,
    pub log_id: Uuid,
    pub segment_bytes: u64,
}

impl Disks {
    pub fn new(segment_bytes: u64) -> Self {
        let log_id = Uuid::from_u128(7);
        Self {
            log: MemoryDisk::new(),
            snapshots: MemorySnapshots::new(log_id),
            archive: Arc::new(MemoryArchive::new()),
            log_id,
            segment_bytes,
        }
    }
}

/// An engine under test.
pub struct Trial {
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
}

pub struct Settings {
    pub limits: Limits,
    pub schedule: Schedule,
    pub shards: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits { idle_ms: 5, resource_idle_ms: 20, ..Limits::default() };
        Self { limits, schedule: Schedule::default(), shards: 3 }
    }
}

/// Starts an engine on these disks; must be called inside a `LocalSet`.
pub fn start(disks: &Disks, clock: Arc<ManualClock>, settings: Settings) -> Trial {
    let store = MemoryStore::open(&disks.log, disks.log_id, disks.segment_bytes).unwrap().store;
    let reader = store.reader();
    let sources = Sources {
        log: reader.as_ref(),
        log_id: disks.log_id,
        snapshots: &disks.snapshots,
        archive: disks.archive.as_ref(),
    };
    let loaded = load(sources).unwrap();
    let journal = Journal::new(loaded.last);
    let writer = Writer::new(journal.clone(), store, Box::new(Nobody), 1_000);
    tokio::task::spawn_local(async move {
        // A failed commit ends the writer: nobody is answered any more.
        let _ = writer.run().await;
    });
    let surroundings = Surroundings {
        journal: journal.clone(),
        clock: clock.clone(),
        log_id: disks.log_id,
        limits: settings.limits,
    };
    let spread = Spread::new(settings.shards, 1);
    let started: Vec<_> = assembly::divide(loaded.world, &spread, settings.shards)
        .into_iter()
        .map(|entities| {
            let surroundings = surroundings.clone();
            let archive = disks.archive.clone();
            assembly::start(Beginning { surroundings, archive, entities, seed: 2 })
        })
        .collect();
    let topology = assembly::connect(&started, spread, loaded.unsettled);
    let (snapshots, requests) = tokio::sync::mpsc::channel(4);
    let (last, last_snapshot) = tokio::sync::watch::channel(loaded.snapshot);
    let keeper = Keeper {
        topology: topology.clone(),
        journal: journal.clone(),
        clock: clock.clone(),
        snapshots: Arc::new(disks.snapshots.clone()),
        archive: disks.archive.clone(),
        schedule: settings.schedule,
        last,
    };
    tokio::task::spawn_local(keeper.run(requests));
    let archive = disks.archive.clone();
    let engine = Engine::new(Parts {
        topology,
        journal,
        clock: clock.clone(),
        archive,
        log_id: disks.log_id,
        snapshots,
        last_snapshot,
    });
    Trial { engine, clock }
}

/// Runs a test on one thread, in paused time.
pub fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

pub fn tenant() -> TenantId {
    TenantId::default_tenant()
}

pub fn stock_key(sku: &str) -> StockKey {
    StockKey { sku: Sku::new(sku).unwrap(), location: Location::new("").unwrap() }
}

pub fn stock_entity(sku: &str) -> EntityKey {
    EntityKey::resource(&tenant(), ResourceKey::Stock(stock_key(sku)))
}

pub fn reservation_id(n: u128) -> ReservationId {
    ReservationId(Uuid::from_u128(n))
}

pub fn reservation_entity(n: u128) -> EntityKey {
    EntityKey::reservation(&tenant(), reservation_id(n))
}

pub fn order_entity(n: u128) -> EntityKey {
    EntityKey::sales_order(&tenant(), SalesOrderId(Uuid::from_u128(n)))
}

pub fn receive(quantity: u64) -> Command {
    Command::StockBalance(stock_balance::Command::Receive { quantity, reference: Label::empty() })
}

pub fn line(sku: &str, quantity: u64) -> reservation::Line {
    let resource = ResourceKey::Stock(stock_key(sku));
    reservation::Line { id: LineId::new(sku).unwrap(), resource, quantity }
}

pub fn create(lines: &[(&str, u64)], term: reservation::Term) -> Command {
    let line = |(n, (sku, quantity)): (usize, &(&str, u64))| reservation::Line {
        id: LineId::counted(n),
        ..line(sku, *quantity)
    };
    Command::Reservation(reservation::Command::Create(reservation::Create {
        lines: lines.iter().enumerate().map(line).collect(),
        term,
        customer: Label::empty(),
        external_reference: Label::empty(),
        attributes: Default::default(),
        owner: None,
    }))
}

pub fn order(lines: &[(&str, u64)]) -> Command {
    let line = |(n, (sku, quantity)): (usize, &(&str, u64))| sales_order::LineRequest {
        id: LineId::counted(n),
        resource: ResourceKey::Stock(stock_key(sku)),
        quantity: *quantity,
        unit_price: money::UnitPrice { millionths: 1_500_000 },
    };
    Command::SalesOrder(sales_order::Command::Create(sales_order::Create {
        customer: Label::empty(),
        currency: money::Currency::new("EUR").unwrap(),
        lines: lines.iter().enumerate().map(line).collect(),
    }))
}

pub fn origin(n: u128) -> Arc<Origin> {
    Arc::new(Origin {
        principal: Label::new("anonymous").unwrap(),
        source: Label::new("test").unwrap(),
        correlation_id: Uuid::from_u128(n),
    })
}

impl Trial {
    pub async fn command(
        &self,
        key: EntityKey,
        request: u128,
        command: Command,
    ) -> Result<Accepted, CommandError> {
        self.engine
            .command(CommandRequest {
                key,
                command,
                request_id: RequestId(Uuid::from_u128(request)),
                expected_version: None,
                origin: origin(request),
            })
            .await
    }

    /// Lets simulated time pass: the clock, and everybody's timers.
    pub async fn pass_ms(&self, span_ms: u64) {
        for _ in 0..span_ms {
            self.clock.advance_ms(1);
            tokio::time::advance(std::time::Duration::from_millis(1)).await;
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
    }
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp(1_700_000_000_000)))
}
