//! The engine on one thread, on stores in memory, for tests.
#![allow(dead_code, clippy::unwrap_used)]

pub mod calendars;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use holdfast::actors::assembly::{self, Beginning};
use holdfast::actors::delivery::Accepted;
use holdfast::actors::engine::{CommandError, CommandRequest, Engine, Parts};
use holdfast::actors::environment::{Limits, Surroundings};
use holdfast::actors::keeper::{Keeper, Schedule};
use holdfast::archive::{Archive, MemoryArchive};
use holdfast::clock::ManualClock;
use holdfast::codec::digest::Digest;
use holdfast::codec::v1;
use holdfast::domain::claim::Wish;
use holdfast::domain::command::{Command, Intent};
use holdfast::domain::event::{Event, Origin};
use holdfast::domain::ids::*;
use holdfast::domain::name::*;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use holdfast::domain::{money, reservation, sales_order, stock_balance};
use holdfast::journal::{Audience, Journal, LogReader, MemoryDisk, MemoryStore, Store, Writer};
use holdfast::recovery::settle::wish_of;
use holdfast::recovery::{Loaded, Sources, Spread, World, load};
use holdfast::snapshot::{MemoryStore as MemorySnapshots, SnapshotStore};
use holdfast::verify::{Laws, Verdict};
use uuid::Uuid;

/// Remembers every event that anyone was told of.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Event>>>);

impl Told {
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Audience for Told {
    fn tell(&mut self, events: Vec<Event>) {
        self.0.lock().unwrap().extend(events);
    }
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

/// Where an engine keeps everything.
pub struct Stores<S> {
    pub store: S,
    pub snapshots: Arc<dyn SnapshotStore>,
    pub archive: Arc<dyn Archive>,
    pub log_id: Uuid,
}

/// An engine under test.
pub struct Trial {
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    pub told: Told,
}

#[derive(Clone)]
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

impl Disks {
    pub fn open(&self) -> Stores<MemoryStore> {
        Stores {
            store: MemoryStore::open(&self.log, self.log_id, self.segment_bytes).unwrap().store,
            snapshots: Arc::new(self.snapshots.clone()),
            archive: self.archive.clone(),
            log_id: self.log_id,
        }
    }

    /// The last durable position.
    pub fn last(&self) -> Position {
        self.log.last()
    }

    /// How many segments the log has.
    pub fn segments(&self) -> usize {
        self.log.segments()
    }

    /// Every event that is durable.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut keep = |position, bytes: &[u8]| {
            events.push(v1::decode_event(position, bytes).unwrap());
            ControlFlow::Continue(())
        };
        self.log.read(Position(1), Position(u64::MAX), &mut keep).unwrap();
        events
    }

    /// What every event of the log leads to.
    pub fn replayed(&self) -> Verdict {
        let mut laws = Laws::default();
        self.events().iter().for_each(|event| laws.follow(event));
        laws.finish()
    }

    /// What a start would make of snapshot, log and archive, and the digest of all.
    pub fn loaded(&self, spread: &Spread) -> (Loaded, Digest) {
        let sources = Sources {
            log: &self.log,
            log_id: self.log_id,
            snapshots: &self.snapshots,
            archive: self.archive.as_ref(),
        };
        let loaded = load(sources, spread).unwrap();
        let mut digest = self.archive.digest().0;
        digest.merge(&loaded.world.digest());
        (loaded, digest)
    }

    /// Checks that the log keeps its laws and that snapshot and tail say the same.
    pub fn check(&self) -> Verdict {
        let verdict = self.replayed();
        assert_eq!(verdict.problems, [""; 0]);
        assert_eq!(
            self.loaded(&Spread::new(2, 3)).1,
            verdict.world.digest(),
            "snapshot and tail differ from zero"
        );
        verdict
    }
}

/// Checks that nothing is under way: every claim is its reservation's wish, every order has ended. What
/// is used up stays as it is, whatever the reservation wants elsewhere.
pub fn assert_settled(world: &World) {
    for (key, entity) in world.iter() {
        assert_eq!(entity.next_step(&key.id), None, "{key}");
        let EntityId::Resource(resource) = &key.id else { continue };
        for claim in entity.claims() {
            let wish = wish_of(world, &key.tenant, resource, claim.reservation());
            let mut wish = uncalled(wish.unwrap_or_else(|| panic!("{key}: {claim:?}")));
            if let (Wish::Calendar(wish), Wish::Calendar(claim)) = (&mut wish, &claim)
                && !claim.is_holding()
            {
                wish.reservation_version = claim.reservation_version;
            }
            assert_eq!(wish, claim, "{key}");
        }
    }
}

/// The same wish, with its lines counted: a calendar keeps no line's name.
fn uncalled(wish: Wish) -> Wish {
    let Wish::Calendar(mut claim) = wish else { return wish };
    let mut lines = claim.lines.to_vec();
    lines.sort_by_key(|line| (line.span, line.total()));
    for (nth, line) in lines.iter_mut().enumerate() {
        line.id = LineId::counted(nth);
    }
    claim.lines = lines.into();
    Wish::Calendar(claim)
}

impl<S: Store + 'static> Stores<S> {
    fn load(&self, spread: &Spread) -> Loaded {
        let reader = self.store.reader();
        let sources = Sources {
            log: reader.as_ref(),
            log_id: self.log_id,
            snapshots: self.snapshots.as_ref(),
            archive: self.archive.as_ref(),
        };
        load(sources, spread).unwrap()
    }

    /// Starts an engine; must be called inside a `LocalSet`.
    pub fn start(self, clock: Arc<ManualClock>, settings: Settings) -> Trial {
        let loaded = self.load(&Spread::new(settings.shards, 1));
        let Self { store, snapshots, archive, log_id } = self;
        let journal = Journal::new(loaded.last);
        let told = Told::default();
        let writer = Writer::new(journal.clone(), store, Box::new(told.clone()), 1_000);
        tokio::task::spawn_local(async move {
            // A failed commit ends the writer: nobody is answered any more.
            let _ = writer.run().await;
        });
        let limits = settings.limits;
        let surroundings =
            Surroundings { journal: journal.clone(), clock: clock.clone(), log_id, limits };
        let (spread, parts) = loaded.world.into_parts();
        let started: Vec<_> = parts
            .into_iter()
            .map(|entities| {
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
            schedule: settings.schedule,
            last,
        };
        tokio::task::spawn_local(keeper.run(asked));
        let parts = Parts {
            topology,
            journal,
            clock: clock.clone(),
            archive,
            log_id,
            keeper: requests,
            last_snapshot,
        };
        Trial { engine: Engine::new(parts), clock, told }
    }
}

/// Starts an engine on these disks; must be called inside a `LocalSet`.
pub fn start(disks: &Disks, clock: Arc<ManualClock>, settings: Settings) -> Trial {
    disks.open().start(clock, settings)
}

/// One thread in paused time, whose tasks stay where they are between one run and the next.
pub struct Thread {
    // Dropped first: tasks end while their runtime is there.
    tasks: tokio::task::LocalSet,
    runtime: tokio::runtime::Runtime,
}

impl Thread {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        Self { tasks: tokio::task::LocalSet::new(), runtime }
    }

    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.tasks.block_on(&self.runtime, work)
    }
}

/// Runs a test on one thread, in paused time.
pub fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    Thread::new().run(test)
}

/// Goes to the end of the queue of tasks once.
pub async fn let_one_other_run() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
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
    let wanted = Wanted::Stock(stock_key(sku));
    reservation::Line { id: LineId::new(sku).unwrap(), wanted, quantity }
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
        wanted: Wanted::Stock(stock_key(sku)),
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

/// A command as a client sends it.
pub fn command(key: EntityKey, request: u128, command: Command) -> CommandRequest {
    let request_id = RequestId(Uuid::from_u128(request));
    let (intent, origin) = (Intent::Execute, origin(request));
    CommandRequest { key, command, intent, request_id, expected_version: None, origin }
}

impl Trial {
    pub async fn command(
        &self,
        key: EntityKey,
        request: u128,
        command: Command,
    ) -> Result<Accepted, CommandError> {
        self.engine.command(self::command(key, request, command)).await
    }

    pub async fn digest(&self) -> (Position, Digest) {
        self.engine.digest_turn().await.unwrap().digest().await.unwrap()
    }

    /// The digest at a moment when nothing is under way.
    pub async fn settled_digest(&self) -> (Position, Digest) {
        let mut before = None;
        for _ in 0..10_000 {
            self.pass_ms(20).await;
            let now = self.digest().await;
            if before == Some(now) {
                return now;
            }
            before = Some(now);
        }
        panic!("the engine doesn't come to rest");
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
