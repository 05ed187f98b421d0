//! How many instructions the hot path takes, part by part: a command read and fingerprinted, a
//! reservation decided, its events encoded and cut into pages, and the engine as a whole.
//!
//! Time is at the mercy of whoever shares the machine, instructions are not: inputs are fixed, so
//! two runs of one build count the same, and a change of a hundredth is a change of the code. What
//! a part is measured against is a run of the code before the change, on the same machine, with the
//! same compiler and profile:
//!
//! ```text
//! cargo bench --bench instructions -- --save-baseline=before
//! … change …
//! cargo bench --bench instructions -- --baseline=before
//! ```
//!
//! Where a part takes over [`MORE_PERCENT_MAX`] more than in the run before it, the command fails.
//! The counts lie in the build's folder and no file of the source has to follow them.
//!
//! Only `cargo bench` counts: run any other way it does nothing. It needs valgrind and gungraun's
//! runner, and says how to get what is missing.
//!
//! Not here: validation at the edge, which nothing outside of it can call; waiting for memory, for
//! the disk and for other threads, which no instruction shows (see `engine`, `journal` and
//! `holdfast bench`).
#![allow(missing_docs, clippy::unwrap_used)]

mod material;
mod shop;
#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::process::{Command as Program, ExitCode, Stdio};

use gungraun::{library_benchmark, library_benchmark_group};
use holdfast::codec::fingerprint::fingerprint;
use holdfast::codec::page::{Chain, paginate};
use holdfast::codec::v1::encode_event;
use holdfast::domain::calendar::{self, Calendar};
use holdfast::domain::command::{Command, Intent, Message};
use holdfast::domain::entity::{Aggregate, Context};
use holdfast::domain::event::{Event, Fingerprint};
use holdfast::domain::ids::{EntityId, Position, ReservationId, ResourceKey, Version};
use holdfast::domain::name::CalendarId;
use holdfast::domain::reservation::{self, HOLD_MS_DEFAULT, Reservation, Term};
use holdfast::domain::stock_balance::StockBalance;
use holdfast::journal::Commit;
use holdfast::proto::v1;
use material::{
    NOW, bay_with_claims, create_reservation, events_of_holds, gap_after, stock_key,
    stock_with_claims, time_claim,
};
use prost::Message as _;
use support::{Thread, Trial};
use uuid::Uuid;

/// By how many percent a part may exceed the run that it is compared with.
const MORE_PERCENT_MAX: f64 = 1.0;
const EVENTS_OF_A_COMMIT: usize = 100;
const RESERVATIONS_OF_A_ROUND: u64 = 1_000;

/// A hold of one line, as a client sends it.
fn request() -> Vec<u8> {
    let stock = v1::StockResource { sku: "PRODUCT-000000".to_owned(), location: String::new() };
    let resource = Some(v1::reservation_line::Resource::Stock(stock));
    let ttl = prost_types::Duration { seconds: 3_600, nanos: 0 };
    let request = v1::CreateReservationRequest {
        request_id: Uuid::from_u128(7).to_string(),
        lines: vec![v1::ReservationLine { line_id: String::new(), resource, quantity: 2 }],
        lifetime: Some(v1::create_reservation_request::Lifetime::Ttl(ttl)),
        ..Default::default()
    };
    request.encode_to_vec()
}

/// The same, as the domain knows it.
fn command() -> Command {
    let create = create_reservation(1, Term::For(HOLD_MS_DEFAULT));
    Command::Reservation(reservation::Command::Create(create))
}

#[library_benchmark]
#[bench::one_line(request())]
fn read_request(bytes: Vec<u8>) -> v1::CreateReservationRequest {
    v1::CreateReservationRequest::decode(black_box(bytes.as_slice())).unwrap()
}

#[library_benchmark]
#[bench::one_line(command())]
fn fingerprint_command(command: Command) -> (Command, Fingerprint) {
    let fingerprint = fingerprint(black_box(&command));
    (command, fingerprint)
}

library_benchmark_group!(name = edge, benchmarks = [read_request, fingerprint_command]);

/// An entity, and what its decisions look at.
struct Party<A: Aggregate> {
    id: EntityId,
    version: Version,
    state: A,
    transient: A::Transient,
}

impl<A: Aggregate> Party<A> {
    fn new(id: EntityId, version: Version, state: A) -> Self {
        Self { id, version, state, transient: A::Transient::default() }
    }

    /// Decides, follows what was decided, and tells what another is to be told.
    fn take(&mut self, command: Command) -> Option<Message> {
        let command = A::command(command).unwrap();
        let Self { id, version, .. } = self;
        let log_position = Position(1_000);
        let context = Context {
            id,
            version: *version,
            now: NOW,
            log_position,
            issuer: None,
            request: None,
            intent: Intent::Execute,
        };
        let mut decision = self.state.decide(&mut self.transient, command, &context);
        for event in &decision.events {
            self.version = self.version.next();
            self.state.evolve(event, self.version, NOW);
        }
        decision.messages.pop()
    }
}

/// A reservation to be made, and the balance that it will ask.
struct Wish {
    command: Command,
    reservation: Party<Reservation>,
    balance: Party<StockBalance>,
}

fn wish_beside(claims: u64) -> Wish {
    let reservation = EntityId::Reservation(ReservationId(Uuid::from_u128(u128::MAX)));
    let balance = EntityId::Resource(ResourceKey::Stock(stock_key(0)));
    Wish {
        command: command(),
        reservation: Party::new(reservation, Version(0), Reservation::default()),
        balance: Party::new(balance, Version(claims + 1), stock_with_claims(claims)),
    }
}

#[library_benchmark]
#[bench::beside_10_claims(wish_beside(10))]
#[bench::beside_10000_claims(wish_beside(10_000))]
fn reserve_one_line(wish: Wish) -> (Party<Reservation>, Party<StockBalance>) {
    let Wish { command, mut reservation, mut balance } = wish;
    let claim = reservation.take(black_box(command)).unwrap();
    let answer = balance.take(claim.command).unwrap();
    assert!(reservation.take(answer.command).is_none() && reservation.version == Version(1));
    (reservation, balance)
}

/// A calendar with so many claims, and another claim that fits between two of them.
fn slot_beside(claims: u64) -> (Party<Calendar>, Command) {
    let id = EntityId::Resource(ResourceKey::Calendar(CalendarId::new("BAY").unwrap()));
    let bay = Party::new(id, Version(claims + 1), bay_with_claims(claims));
    let claim = time_claim(u128::MAX / 2, gap_after(claims / 2));
    (bay, Command::Calendar(calendar::Command::Claim(claim)))
}

#[library_benchmark]
#[bench::of_an_empty_calendar(slot_beside(0))]
#[bench::beside_100000_claims(slot_beside(100_000))]
fn claim_a_slot(work: (Party<Calendar>, Command)) -> (Party<Calendar>, Option<Message>) {
    let (mut bay, claim) = work;
    let before = bay.version;
    let answer = bay.take(black_box(claim));
    assert!(bay.version > before);
    (bay, answer)
}

library_benchmark_group!(name = decision, benchmarks = [reserve_one_line, claim_a_slot]);

/// The events of a commit, and one whose buffers have their size.
fn events_to_commit() -> (Vec<Event>, Commit) {
    let events = events_of_holds(EVENTS_OF_A_COMMIT / 2);
    let mut commit = Commit::new(Position(1));
    fill(&mut commit, &events);
    commit.begin(Position(1));
    (events, commit)
}

fn commit_to_page() -> Commit {
    let (events, mut commit) = events_to_commit();
    fill(&mut commit, &events);
    commit
}

fn fill(commit: &mut Commit, events: &[Event]) {
    for event in events {
        commit.push_with(|bytes| encode_event(event, bytes)).unwrap();
    }
}

#[library_benchmark]
#[bench::of_100_events(events_to_commit())]
fn encode_commit(work: (Vec<Event>, Commit)) -> (Vec<Event>, Commit) {
    let (events, mut commit) = work;
    fill(&mut commit, black_box(&events));
    (events, commit)
}

#[library_benchmark]
#[bench::of_100_events(commit_to_page())]
fn page_commit(commit: Commit) -> (Commit, Chain) {
    let seed = Chain::seed(Uuid::from_u128(7));
    let put = |_, page: &[u8]| {
        black_box(page);
    };
    let after = paginate(commit.first(), seed, black_box(&commit).events(), put).unwrap();
    (commit, after)
}

library_benchmark_group!(name = log, benchmarks = [encode_commit, page_commit]);

/// An engine at work, between two rounds.
struct Shop {
    // Dropped first: its tasks belong to the thread.
    trial: Trial,
    thread: Thread,
    skus: u64,
}

impl Shop {
    /// One that has its stock and has made a round of reservations.
    fn at_work(skus: u64) -> Self {
        let thread = Thread::new();
        let trial = thread.run(shop::stocked(skus));
        let shop = Self { trial, thread, skus };
        shop.reserve_from(0);
        shop
    }

    fn reserve_from(&self, first: u64) {
        let numbers = first..first + RESERVATIONS_OF_A_ROUND;
        self.thread.run(shop::reserve(&self.trial, numbers, self.skus));
    }
}

#[library_benchmark]
#[bench::hot_on_1_sku(Shop::at_work(1))]
#[bench::spread_over_1000_skus(Shop::at_work(1_000))]
fn reserve_1000(shop: Shop) -> Shop {
    shop.reserve_from(RESERVATIONS_OF_A_ROUND);
    shop
}

library_benchmark_group!(name = engine, benchmarks = [reserve_1000]);

/// What counts each part in a process of its own; it brings a `main` along.
mod counting {
    use super::{MORE_PERCENT_MAX, decision, edge, engine, log};
    use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, main};

    fn only_instructions() -> LibraryBenchmarkConfig {
        let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
        callgrind.soft_limits([(EventKind::Ir, MORE_PERCENT_MAX)]);
        let mut config = LibraryBenchmarkConfig::default();
        config.tool(callgrind);
        config
    }

    main!(config = only_instructions(), library_benchmark_groups = [edge, decision, log, engine]);

    pub fn run() {
        main();
    }
}

/// What has to be installed besides, and how.
fn missing() -> Vec<String> {
    let runner = format!("cargo install gungraun-runner --version {} --locked", runner_version());
    let tools = [("valgrind", "apt-get install valgrind".to_owned()), ("gungraun-runner", runner)];
    tools
        .into_iter()
        .filter(|(tool, _)| !is_installed(tool))
        .map(|(tool, install)| format!("{tool} is missing: {install}"))
        .collect()
}

fn is_installed(tool: &str) -> bool {
    let mut ask = Program::new(tool);
    ask.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().is_ok_and(|status| status.success())
}

/// The runner has to be of the version that the build took.
fn runner_version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let (_, entry) = lock.split_once("name = \"gungraun-runner\"\nversion = \"").unwrap();
    entry.split('"').next().unwrap()
}

fn main() -> ExitCode {
    let is_asked = std::env::args().any(|argument| argument == "--bench");
    let is_counted = std::env::args().nth(1).is_some_and(|argument| argument == "--gungraun-run");
    if is_asked {
        let missing = missing();
        missing.iter().for_each(|line| eprintln!("{line}"));
        if !missing.is_empty() {
            return ExitCode::FAILURE;
        }
    }
    if is_asked || is_counted {
        counting::run();
    }
    ExitCode::SUCCESS
}
