//! A short life of a server, ended before each thing that it does to its disk.
//!
//! ```text
//!   an empty disk ─▶ start ─▶ commands, a snapshot, an archive, new segments ─▶ a clean stop
//!                 │ │ │ │  each write, sync, creation, removal and renaming is a step
//!                 ▼ ▼ ▼ ▼
//!          the disk fails before step n: once as if the server had been killed there,
//!          once as if the power had gone ─▶ start ─▶ everything promised is there
//! ```

use futures::future::join_all;
use holdfast::client::{CallError, Client};
use holdfast::proto::v1;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

use crate::disk::{Mounted, Platter};
use crate::load::{Ack, Report, Sent, is_answer};
use crate::process::{PATIENCE, Process, serve};
use crate::promises::Promises;
use crate::requests::*;
use crate::server::connect;
use crate::tally::Tally;

/// Everything finished is archived, and segments are as small as they may be.
const SETTINGS: [(&str, &str); 4] = [
    ("SERVER__SHARDS", "1"),
    ("JOURNAL__SEGMENT_BYTES_MAX", "65536"),
    ("ENTITIES__RETENTION", "0s"),
    ("SNAPSHOT__KEEP", "1"),
];
/// Receipts that come at once, each with a reference that can't be packed: a third of a segment.
const RECEIPTS: usize = 100;

/// What a server has told in its life.
#[derive(Clone, Default)]
struct Told {
    report: Report,
    /// The position of the last snapshot.
    snapshot: u64,
}

/// What a life told, and the disk that it left.
struct Life {
    told: Told,
    platter: Platter,
}

/// Runs a server from an empty disk to a clean stop, or until its disk fails before a step.
async fn live(fails_before: Option<u64>, scratch: &TempDir) -> Life {
    let disk = Mounted::mount(Platter::default()).unwrap();
    if let Some(step) = fails_before {
        disk.power().fail_before(step);
    }
    let mut server = start(&disk, scratch);
    let mut told = Told::default();
    if let Some(addresses) = server.ready_within(PATIENCE) {
        let client = connect(addresses.grpc, "default").await;
        if act(&client, &mut told).await.is_ok() {
            server.terminate();
            server.ended();
        }
    }
    server.kill();
    Life { told, platter: disk.take_out() }
}

fn start(disk: &Mounted, scratch: &TempDir) -> Process {
    Process::spawn(serve(&disk.data_dir(), &SETTINGS), &scratch.path().join("errors"))
}

/// The server is gone.
struct Gone;

async fn act(client: &Client, told: &mut Told) -> Result<(), Gone> {
    let Told { report, snapshot } = told;
    for (sku, units) in [("A", 50), ("B", 40)] {
        send(client, report, Sent::Receive(receive(sku, units))).await?;
    }
    for round in 0..3 {
        stock_up(client, report).await?;
        reserve(client, report).await?;
        let order = order_to_its_end(&[("A", 2), ("B", 1)]);
        send(client, report, Sent::Order(order)).await?;
        if round < 2 {
            take_snapshot(client, snapshot).await?;
        }
    }
    Ok(())
}

async fn stock_up(client: &Client, report: &mut Report) -> Result<(), Gone> {
    let reference = || std::iter::repeat_with(fresh).take(6).collect::<String>();
    let receipt = || v1::ReceiveStockRequest { reference: reference(), ..receive("A", 1) };
    let receipts: Vec<_> = std::iter::repeat_with(receipt).take(RECEIPTS).collect();
    let answers = join_all(receipts.into_iter().map(|receipt| async {
        let sent = Sent::Receive(receipt);
        (sent.send(client).await, sent)
    }));
    let answers: Vec<_> = answers.await.into_iter().map(|it| note(report, it)).collect();
    answers.into_iter().collect()
}

/// One reservation that is held, and one that is seen through.
async fn reserve(client: &Client, report: &mut Report) -> Result<(), Gone> {
    send(client, report, Sent::Create(hold(&[("B", 1)]))).await?;
    let reservation_id = fresh();
    let wish = v1::CreateReservationRequest {
        reservation_id: reservation_id.clone(),
        ..hold(&[("A", 1), ("B", 2)])
    };
    send(client, report, Sent::Create(wish)).await?;
    send(client, report, Sent::Confirm(confirm(&reservation_id))).await?;
    send(client, report, Sent::Commit(commit(&reservation_id))).await
}

async fn send(client: &Client, report: &mut Report, sent: Sent) -> Result<(), Gone> {
    note(report, (sent.send(client).await, sent))
}

fn note(report: &mut Report, answer: (Result<Ack, CallError>, Sent)) -> Result<(), Gone> {
    match answer {
        (Ok(ack), sent) => {
            report.acks.push(ack);
            report.kept.push((sent, ack));
            Ok(())
        }
        (Err(error), sent) => {
            assert!(!is_answer(&error), "{sent:?}: {error}");
            report.unsure.push(sent);
            Err(Gone)
        }
    }
}

/// One that fails is no reason to stop.
async fn take_snapshot(client: &Client, snapshot: &mut u64) -> Result<(), Gone> {
    match client.take_snapshot(v1::TakeSnapshotRequest {}).await {
        Ok(taken) => *snapshot = taken.snapshot.unwrap().position,
        Err(error) if is_answer(&error) => {}
        Err(_) => return Err(Gone),
    }
    Ok(())
}

/// Starts a server on what is left, and checks everything.
async fn check(platter: Platter, told: Told, scratch: &TempDir, tally: &mut Tally) {
    let disk = Mounted::mount(platter).unwrap();
    let mut server = start(&disk, scratch);
    let client = connect(server.ready().grpc, "default").await;
    let mut promises = Promises::default();
    promises.add(told.report);
    promises.check(&client, &mut StdRng::seed_from_u64(0), tally).await;
    assert_eq!(tally.lost, 0, "acknowledgements are lost");
    let statistics = client.get_statistics(Default::default()).await.unwrap();
    let snapshot = statistics.last_snapshot.map_or(0, |snapshot| snapshot.position);
    assert!(snapshot >= told.snapshot, "{snapshot}, and {} was told of", told.snapshot);
    let said = promises.compare_at_rest(&client).await;
    server.kill();
    Promises::verify(&disk.data_dir(), &said);
    disk.take_out();
}

/// Ends a life before each of so many steps, evenly spread, and checks what is left.
pub async fn run(ends: u64, seed: u64) -> Tally {
    let scratch = tempfile::tempdir().unwrap();
    let whole = live(None, &scratch).await;
    let steps = whole.platter.steps();
    println!("{steps} steps, of which {} are the last, HOLDFAST_SEED={seed}", ends.min(steps));
    let mut tally = Tally::default();
    check(whole.platter.as_seen(), whole.told, &scratch, &mut tally).await;
    let mut rng = StdRng::seed_from_u64(seed);
    let stride = steps.div_ceil(ends.min(steps));
    for step in (1 + seed % stride..=steps).step_by(stride as usize) {
        let Life { told, platter } = live(Some(step), &scratch).await;
        println!("before step {step} of {steps}: {} acknowledgements", told.report.acks.len());
        check(platter.as_seen(), told.clone(), &scratch, &mut tally).await;
        let (survivor, losses) = platter.after_cut(&mut rng);
        check(survivor, told, &scratch, &mut tally).await;
        tally.kills += 1;
        tally.power_cuts += 1;
        tally.unsynced += losses;
    }
    tally
}
