//! How soon a server is ready again: on a log of so many gigabytes, from a snapshot with so many
//! holds and so many events after it.
//!
//! ```text
//! cargo bench --bench restart -- --log-gigabytes 20
//! ```
//!
//! The folder is written as a server would have written it, and read by the real binary. The
//! system's page cache is left as it is, so closed segments may or may not be in memory; a start
//! reads none of them.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use clap::Parser;
use holdfast::codec::snapshot_block::SnapshotEnd;
use holdfast::codec::v1;
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::name::{Label, LineId};
use holdfast::domain::reservation;
use holdfast::domain::stock_balance;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use holdfast::journal::{Commit, DataFolder, SledOptions, SledStore, Store};
use holdfast::recovery::World;
use holdfast::snapshot::{FileStore, SnapshotStore};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

const BALANCES: usize = 100_000;
const EVENTS_OF_A_COMMIT: u64 = 1_000;
const RUNS: usize = 3;
const HOLD_MS: u64 = 24 * 60 * 60 * 1_000;

/// Measures how soon a server is ready again.
#[derive(Parser)]
struct Arguments {
    /// How large the log is, at least.
    #[arg(long, default_value_t = 0)]
    log_gigabytes: u64,
    /// How many holds the snapshot has.
    #[arg(long, default_value_t = 1_000_000)]
    holds: u64,
    /// How many events come after it.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// What cargo gives every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A log that is being written, and the state that it leads to.
struct Shop {
    store: SledStore,
    commit: Commit,
    world: World,
    /// The last event of each stream that has more than one.
    streams: HashMap<EntityKey, (Version, Position)>,
    random: StdRng,
    now: Timestamp,
}

impl Shop {
    fn append(&mut self, id: EntityId, body: Body) {
        let position = self.commit.last().next();
        let event = material::event(id, body);
        let (version, previous) = match &event.stream.id {
            EntityId::Resource(_) => {
                let last = self.streams.entry(event.stream.clone()).or_default();
                let (version, previous) = (last.0.next(), last.1);
                *last = (version, position);
                (version, previous)
            }
            EntityId::Reservation(_) | EntityId::SalesOrder(_) => (Version(1), Position::START),
        };
        let time = self.now;
        let event = Event { position, version, previous, time, causation_id: None, ..event };
        self.world.apply(&event).unwrap();
        self.commit.push(&material::encoded(&event)).unwrap();
        if self.commit.count() == EVENTS_OF_A_COMMIT {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.commit.is_empty() {
            return;
        }
        self.store.commit(&self.commit).unwrap();
        self.commit.begin(self.store.last().next());
    }

    /// Receives stock with notes that can't be packed, until the log is so large.
    fn fill(&mut self, folder: &Path, bytes: u64) {
        let id = EntityId::Resource(ResourceKey::Stock(material::stock_key(BALANCES)));
        while bytes_in(folder) < bytes {
            for _ in 0..100 * EVENTS_OF_A_COMMIT {
                let letter = || char::from(self.random.random_range(b'!'..=b'~'));
                let note: String = std::iter::repeat_with(letter).take(Label::BYTES_MAX).collect();
                let reference = Label::new(&note).unwrap();
                let received = stock_balance::Event::Received { quantity: 1, reference };
                self.append(id.clone(), Body::StockBalance(received));
            }
        }
    }

    fn receive(&mut self) {
        for number in 0..BALANCES {
            let id = EntityId::Resource(ResourceKey::Stock(material::stock_key(number)));
            let reference = Label::empty();
            let received = stock_balance::Event::Received { quantity: 1_000_000_000, reference };
            self.append(id, Body::StockBalance(received));
        }
    }

    /// A hold of one unit: two events.
    fn hold(&mut self) {
        let stock = material::stock_key(self.random.random_range(0..BALANCES));
        let reservation = ReservationId(Uuid::from_u128(self.random.random()));
        let deadline = Some(self.now.plus_ms(HOLD_MS));
        let claim =
            holdfast::domain::claim::Claim { reservation, held: 1, deadline, ..material::claim(0) };
        let claimed = Body::StockBalance(stock_balance::Event::ClaimMade(claim));
        self.append(EntityId::Resource(ResourceKey::Stock(stock.clone())), claimed);
        let wanted = Wanted::Stock(stock);
        let created = reservation::Event::Created {
            lines: Arc::new([reservation::Line { id: LineId::counted(0), wanted, quantity: 1 }]),
            deadline,
            customer: Label::empty(),
            external_reference: Label::empty(),
            attributes: Default::default(),
            owner: None,
        };
        self.append(EntityId::Reservation(reservation), Body::Reservation(created));
    }

    fn snapshot(&mut self, snapshots: &FileStore) {
        self.write();
        let position = self.store.last();
        let mut sink = snapshots.begin(position).unwrap();
        for (key, entity) in self.world.iter() {
            sink.put(&v1::encode(&key), &entity.encode()).unwrap();
        }
        let end = SnapshotEnd { barrier: position, time: self.now, archived: 0, digest: None };
        sink.finish(end).unwrap();
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => bytes_in(&entry.path()),
            metadata => metadata.len(),
        })
        .sum()
}

fn write(path: &Path, arguments: &Arguments) {
    let folder = DataFolder::open(path).unwrap();
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let store = SledStore::open(&folder, SledOptions::default()).unwrap().store;
    let mut shop = Shop {
        commit: Commit::new(store.last().next()),
        store,
        world: World::default(),
        streams: HashMap::new(),
        random: StdRng::seed_from_u64(7),
        now: Timestamp(since_epoch.as_millis() as u64),
    };
    shop.fill(&folder.log(), arguments.log_gigabytes << 30);
    shop.receive();
    (0..arguments.holds).for_each(|_| shop.hold());
    shop.snapshot(&FileStore::open(path, folder.log_id()).unwrap());
    (0..arguments.events / 2).for_each(|_| shop.hold());
    shop.write();
    println!(
        "{:.1} GB of log, {} events, {} entities",
        bytes_in(&folder.log()) as f64 / (1 << 30) as f64,
        shop.store.last(),
        shop.world.len()
    );
}

/// Starts the server, waits until it is ready, and kills it.
fn start(path: &Path) {
    let begun = Instant::now();
    let mut server = Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let took = begun.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let most = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(ready.starts_with("ready"), "{ready}");
    println!("ready after {:.2} s; {most}", took.as_secs_f64());
}

fn main() {
    let arguments = Arguments::parse();
    if !arguments.bench {
        return;
    }
    let temporary = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = temporary.path().join("data");
    write(&path, &arguments);
    (0..RUNS).for_each(|_| start(&path));
}
