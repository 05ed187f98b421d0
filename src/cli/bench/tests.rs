//! The load, on a real server inside this process.

use std::net::SocketAddr;
use std::num::NonZero;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tonic::Status;
use uuid::Uuid;

use super::Mode;
use super::judge;
use super::lines;
use super::load::{self, Caller};
use super::pace::{Pace, Schedule};
use super::pipeline::{self, Pipeline};
use super::scenario::{Scenario, Sizes, Stocked};
use super::setting_up;
use super::tally::{Outcome, Tally};
use crate::cli::interrupt::Interrupt;
use crate::cli::test_server;
use crate::client::{Client, Options, bare};
use crate::domain::name::TenantId;
use crate::proto::v1;
use crate::server::Running;

/// As much as is received, and as is asked for.
const UNITS: u64 = 5;
const CALLS: u64 = 8;
const IN_FLIGHT: u32 = 3;
/// Few of each.
const SIZES: Sizes = Sizes { skus: 2, bays: 2, hotels: 2 };
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

fn start() -> (Running, TempDir) {
    // Fewer than are under way: the others wait.
    test_server::start(|config| config.limits.streams_per_connection_max = IN_FLIGHT - 1)
}

/// Another tenant than the default one.
fn options(address: SocketAddr) -> Options {
    Options { tenant: TenantId::new("bench").unwrap(), ..Options::new(address.to_string()) }
}

/// A scenario of one SKU, of which there are few units.
async fn stocked(client: &Client, scenario: Scenario) -> Arc<Stocked> {
    let stocked = Stocked { sizes: Sizes { skus: 1, ..SIZES }, ..Stocked::new(scenario) };
    let receipt = v1::ReceiveStockRequest {
        request_id: Uuid::new_v4().to_string(),
        stock: Some(lines::stock(&stocked.run, 0)),
        quantity: UNITS,
        ..Default::default()
    };
    client.receive_stock(receipt).await.unwrap();
    Arc::new(stocked)
}

/// So many calls that are due at once.
fn calls(number: u64) -> Pace {
    let schedule = Schedule {
        rate: NonZero::new(1_000_000).unwrap(),
        begin: Instant::now(),
        duration: Duration::from_micros(number),
        grace: PATIENCE,
    };
    open(schedule, &Interrupt::default())
}

/// The pace of an only connection.
fn open(schedule: Schedule, interrupt: &Interrupt) -> Pace {
    Pace::open(schedule, 1, interrupt).pop().unwrap()
}

async fn drive(options: &Options, mode: Mode, stocked: Arc<Stocked>, pace: Pace) -> Tally {
    match mode {
        Mode::Unary => {
            let (method, connection) = bare::connect(options, stocked.path()).await.unwrap();
            let caller = Caller::new(method, stocked);
            load::drive(caller, connection, options.clone(), IN_FLIGHT as usize, pace).await
        }
        Mode::Pipelined => {
            let (method, connection) = bare::connect(options, pipeline::PATH).await.unwrap();
            Pipeline::new(stocked, IN_FLIGHT).drive(method, connection, pace).await
        }
    }
}

async fn balance(client: &Client, stocked: &Stocked) -> v1::StockBalance {
    let request = v1::GetStockBalanceRequest { stock: Some(lines::stock(&stocked.run, 0)) };
    client.get_stock_balance(request).await.unwrap().stock_balance.unwrap()
}

/// Who sent the last event of the balance.
async fn source(client: &Client, stocked: &Stocked) -> String {
    let id = Some(v1::entity_id::Id::StockBalance(lines::stock(&stocked.run, 0)));
    let request = v1::ReadStreamRequest {
        stream: Some(v1::EntityId { id }),
        direction: v1::ReadDirection::Backwards.into(),
        ..Default::default()
    };
    client.read_stream(request).await.unwrap().events.swap_remove(0).source
}

#[test]
fn what_was_sold_completes_and_what_was_sold_out_is_refused() {
    let (server, _folder) = start();
    server.block_on(async {
        let options = options(server.addresses().grpc);
        let client = Client::connect(&options).await.unwrap();
        for mode in [Mode::Unary, Mode::Pipelined] {
            for scenario in [Scenario::Hot, Scenario::Orders] {
                let stocked = stocked(&client, scenario).await;
                let tally = drive(&options, mode, stocked.clone(), calls(CALLS)).await;
                let counts = (tally.completed, tally.rejected, tally.errors);
                assert_eq!(counts, (UNITS, CALLS - UNITS, 0), "{mode:?} {scenario:?}");
                let balance = balance(&client, &stocked).await;
                assert_eq!(balance.available, 0);
                let held = if scenario == Scenario::Hot { UNITS } else { 0 };
                assert_eq!(balance.held, held, "{mode:?} {scenario:?}");
                assert_eq!(source(&client, &stocked).await, options.user_agent);
            }
        }
    });
    server.stop();
}

#[test]
fn what_is_measured_in_calendars_is_granted_beside_what_was_there() {
    let (server, _folder) = start();
    server.block_on(async {
        let options = options(server.addresses().grpc);
        let client = Client::connect(&options).await.unwrap();
        let calls = 500;
        for (scenario, mode) in [
            (Scenario::Slots, Mode::Unary),
            (Scenario::Nights, Mode::Pipelined),
            (Scenario::Mixed, Mode::Pipelined),
        ] {
            let stocked = Arc::new(Stocked { sizes: SIZES, ..Stocked::new(scenario) });
            let interrupt = Interrupt::default();
            setting_up::set_up(&stocked, slice::from_ref(&client), &interrupt).await.unwrap();
            let tally = drive(&options, mode, stocked.clone(), self::calls(calls)).await;
            let counts = (tally.completed, tally.rejected, tally.errors);
            assert_eq!(counts, (calls, 0, 0), "{mode:?} {scenario:?}");
            let bay = claims(&client, lines::bay(&stocked.run, 0)).await;
            let hotel = claims(&client, lines::hotel(&stocked.run, 0)).await;
            let expected = [(bay, scenario.has_slots(), 100), (hotel, scenario.has_nights(), 875)];
            for (found, is_there, first) in expected {
                assert_eq!(found, is_there.then_some(first + calls / 2), "{scenario:?}");
            }
        }
    });
    server.stop();
}

/// How many claims a calendar has; nothing where there is none.
async fn claims(client: &Client, calendar_id: String) -> Option<u64> {
    let answer = client.get_calendar(v1::GetCalendarRequest { calendar_id }).await;
    Some(answer.ok()?.calendar.unwrap().claims_count)
}

#[test]
fn a_call_that_fails_is_an_error_and_keeps_its_details() {
    let (server, _folder) = start();
    server.block_on(async {
        let options = options(server.addresses().grpc);
        for mode in [Mode::Unary, Mode::Pipelined] {
            let stocked = Stocked { run: "x".repeat(1_000), ..Stocked::new(Scenario::Hot) };
            let tally = drive(&options, mode, Arc::new(stocked), calls(CALLS)).await;
            assert_eq!((tally.completed, tally.rejected, tally.errors), (0, 0, CALLS));
            let error = tally.first_error().unwrap();
            assert_eq!(error.fields[0].field, "lines[0].stock.sku", "{mode:?}: {error}");
        }
    });
    server.stop();
}

/// Breaks its first connection off, and leads all others on to the server.
async fn broken_once(listener: TcpListener, server: SocketAddr) {
    drop(listener.accept().await.unwrap());
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(server).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
    }
}

#[test]
fn a_connection_that_ends_is_followed_by_another() {
    let (server, _folder) = start();
    server.block_on(async {
        let client = Client::connect(&options(server.addresses().grpc)).await.unwrap();
        let stocked = stocked(&client, Scenario::Hot).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = options(listener.local_addr().unwrap());
        let broken = tokio::spawn(broken_once(listener, server.addresses().grpc));
        let interrupt = Interrupt::default();
        let end = async {
            let mut looks = tokio::time::interval(Duration::from_millis(5));
            while balance(&client, &stocked).await.held == 0 {
                looks.tick().await;
            }
            interrupt.raise();
        };
        let rate = NonZero::new(200).unwrap();
        let (begin, grace) = (Instant::now(), Duration::ZERO);
        let schedule = Schedule { rate, begin, duration: PATIENCE, grace };
        let pace = open(schedule, &interrupt);
        let driven = drive(&options, Mode::Unary, stocked.clone(), pace);
        let both = Box::pin(async { tokio::join!(driven, end) });
        let (tally, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
        assert!(tally.completed > 0);
        broken.abort();
    });
    server.stop();
}

#[test]
fn a_measurement_counts_where_most_calls_were_answered() {
    let judged = |completed, rejected, errors| {
        let mut tally = Tally::default();
        (0..completed).for_each(|_| tally.count(Outcome::Completed, Duration::ZERO));
        (0..rejected).for_each(|_| tally.count(Outcome::Rejected, Duration::ZERO));
        tally.fail(Status::unavailable("gone").into(), errors);
        judge(&tally).map_err(|failure| failure.to_string())
    };
    assert_eq!(judged(10, 0, 0), Ok(()));
    assert_eq!(judged(6, 4, 10), Ok(()));
    let failed = judged(6, 4, 11).unwrap_err();
    assert!(failed.contains("11 of 21 calls failed") && failed.contains("gone"), "{failed}");
    assert!(judged(0, 5, 0).unwrap_err().contains("none of 5"));
    assert!(judged(0, 0, 0).is_err());
}

#[tokio::test]
async fn a_stream_that_breaks_makes_a_measurement_that_does_not_count() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = options(listener.local_addr().unwrap());
    let (connected, accepted) =
        tokio::join!(bare::connect(&options, pipeline::PATH), listener.accept());
    let (method, connection) = connected.unwrap();
    drop(accepted);
    let pipeline = Pipeline::new(Arc::new(Stocked::new(Scenario::Hot)), IN_FLIGHT);
    let tally = pipeline.drive(method, connection, calls(CALLS)).await;
    let failed = judge(&tally).unwrap_err().to_string();
    assert!(failed.starts_with("a stream ended before the measurement did"), "{failed}");
    assert_eq!(tally.errors + tally.not_sent, CALLS);
}
