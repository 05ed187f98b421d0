//! A real server with all its threads, many clients at once, and afterwards every answer beside the
//! model, in the order of the log.
//!
//! ```text
//!   round:  folder ─▶ server ◀─ clients ─▶ answers
//!                        │                    │
//!                       stop                  │ at the position that it names
//!                        ▼                    ▼
//!                       log ─event by event─▶ model
//! ```
//!
//! Rounds are of bounded size, each on a folder of its own, so any number of commands takes the
//! memory of one.
//!
//! What somebody was told before a command was sent, the command's answer knows of: so the order of
//! the log is one that everybody saw.

mod crowd;
mod wire;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use holdfast::actors::delivery::Told as Answered;
use holdfast::client::Client;
use holdfast::codec::v1;
use holdfast::config::Span;
use holdfast::domain::command::Command;
use holdfast::domain::ids::*;
use holdfast::domain::name::{Label, TenantId};
use holdfast::domain::stock_balance;
use holdfast::domain::time::Timestamp;
use holdfast::journal::{DataFolder, SledOptions, SledStore, Store};
use holdfast::proto::v1 as proto;
use holdfast::recovery::World;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::campaign::{Record, Stretch, check_complete, code};
use crate::generator::Scope;
use crate::model::{Checked, Done, Model, Remembering, Reply, Seen as Shown, check};
use crate::sent::{Registry, Sent};
use crate::server::{Server, connect};
use crate::tally::{self, Head, Tally};
use crowd::{Answered as Asked, Customer, Heard, Report, Round, Seen, Way};
use wire::Told;

const NAME: &str = "history";

const ROUND_COMMANDS: u64 = 50_000;
/// From so many commands on, everything that can occur must have occurred.
const COMPLETE_FROM: u64 = 200_000;

const TENANTS: [&str; 2] = ["tenant-one", "tenant-two"];
const CUSTOMERS_BY_CALL: usize = 24;
const CUSTOMERS_BY_PIPELINE: usize = 48;

const REMEMBERING: Remembering = Remembering { resources: 20_000, others: 64 };

/// How late holds may end on a machine that others use too. How late they do is measured elsewhere.
const LATE_MS_MAX: u64 = 2_000;

/// What a server at rest said of itself.
struct Rested {
    position: Position,
    digest: String,
    /// Holds with deadlines up to then have ended.
    due: Timestamp,
}

/// One round; tells what occurred, or what doesn't hold.
fn round(commands: u64, number: u64) -> Result<Tally, String> {
    let mut random = StdRng::seed_from_u64(number);
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let server = Server::with(|config| {
        config.server.data_dir = data_dir.clone();
        config.server.shards = random.random_range(1..5);
        config.entities.resource_requests_remembered = REMEMBERING.resources;
        config.entities.requests_remembered = REMEMBERING.others;
        config.entities.commands_queued_max = 2;
        config.entities.idle = Span(Duration::from_millis(20));
        config.entities.resource_idle = Span(Duration::from_millis(50));
        config.entities.retention = Span(Duration::ZERO);
        config.snapshot.events = 20_000;
    });
    let scope = Scope {
        hot: random.random_range(1..6),
        spread: random.random_range(1..2_000),
        ids: random.random_range(10..200),
        absurd: 5,
        long_labels: false,
    };
    let (reports, rested) = server.run(crowd(&server, scope, commands, random));
    server.stop();
    judge(&data_dir, reports, &rested)
}

/// Lets everybody in, and waits until all have gone and the server is at rest.
async fn crowd(
    server: &Server,
    scope: Scope,
    commands: u64,
    mut random: StdRng,
) -> (Vec<Report>, Rested) {
    let (source, probe) = introduce(&server.client().await).await;
    let round = Arc::new(Round::new(scope, commands, random.random()));
    let mut customers = Vec::new();
    for tenant in TENANTS {
        let client = connect(server.grpc(), tenant).await;
        let who = (TenantId::new(tenant).unwrap(), source.clone());
        let by_call = std::iter::repeat_n(Way::Calls(client.clone()), CUSTOMERS_BY_CALL / 2);
        let pipeline = Way::Pipeline(client.pipeline());
        let by_pipeline = std::iter::repeat_n(pipeline, CUSTOMERS_BY_PIPELINE / 2);
        for way in by_call.chain(by_pipeline) {
            let to = (client.clone(), way);
            let customer = Customer::new(round.clone(), who.clone(), to, random.random());
            customers.push(tokio::spawn(customer.run()));
        }
    }
    let reports = join_all(customers).await.into_iter().map(Result::unwrap);
    let reports = reports.chain([probe]).collect();
    let client = server.client().await;
    let due = Timestamp(crowd::now().0 - LATE_MS_MAX);
    let request = proto::GetStatisticsRequest { include_digest: true };
    let told = client.get_statistics(request).await.unwrap();
    let digest = told.digest.unwrap();
    (reports, Rested { position: Position(digest.position), digest: digest.sha256, due })
}

/// Sends the first command, to learn what the server calls the program that sends them.
async fn introduce(client: &Client) -> (Label, Report) {
    let (request, stock) = (RequestId(Uuid::from_u128(1)), wire::some_stock());
    let key = ResourceKey::Stock(stock.clone());
    let receipt = stock_balance::Command::Receive { quantity: 1, reference: Label::empty() };
    let stream =
        proto::EntityId { id: Some(proto::entity_id::Id::StockBalance(wire::stock(&stock))) };
    client
        .receive_stock(proto::ReceiveStockRequest {
            request_id: request.to_string(),
            stock: Some(wire::stock(&stock)),
            quantity: 1,
            ..Default::default()
        })
        .await
        .unwrap();
    let history = proto::ReadStreamRequest { stream: Some(stream), ..Default::default() };
    let history = client.read_stream(history).await.unwrap();
    let source = Label::new(&history.events[0].source).unwrap();
    let sent = Sent {
        key: EntityKey::resource(&TenantId::default_tenant(), key),
        command: Command::StockBalance(receipt),
        request,
        expected: None,
        origin: crowd::origin(&source, request),
        floor: Position::START,
        since: Timestamp(0),
    };
    (source, Report { sent: vec![Arc::new(sent)], ..Report::default() })
}

/// Reads the log, and holds everything that was told against it.
fn judge(data_dir: &Path, reports: Vec<Report>, rested: &Rested) -> Result<Tally, String> {
    let (mut registry, mut tally) = (Registry::default(), Tally::default());
    let (mut heard, mut seen, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for report in reports {
        report.sent.iter().for_each(|sent| registry.note(sent));
        tally.add(&report.tally);
        heard.extend(report.heard);
        seen.extend(report.seen);
        answered.extend(report.answered);
    }
    let model = follow(data_dir, &registry, rested, &mut tally)?;
    for heard in heard {
        check_heard(&model, heard, &registry, &mut tally)?;
    }
    seen.into_iter().try_for_each(|seen| check_seen(&model, seen))?;
    for Asked { key, asked, question, told } in answered {
        model.check_answer(&key, asked, &question, &told)?;
    }
    Ok(tally)
}

fn follow(
    data_dir: &Path,
    registry: &Registry,
    rested: &Rested,
    tally: &mut Tally,
) -> Result<Model, String> {
    let folder = DataFolder::open(data_dir).map_err(|error| error.to_string())?;
    let opened = SledStore::open(&folder, SledOptions::default());
    let log = opened.map_err(|error| error.to_string())?.store.reader();
    let (mut model, mut world) = (Model::new(REMEMBERING), World::default());
    let mut found = Ok(());
    let mut step = |position, bytes: &[u8]| -> Checked {
        let event = v1::decode_event(position, bytes).map_err(|error| error.to_string())?;
        model.follow(&event, registry)?;
        world.apply(&event).map_err(|error| error.to_string())?;
        tally.count(Head::Events, tally::event(&event.body));
        if position == rested.position {
            let digest = world.digest().to_string();
            check(digest == rested.digest, || "a replay differs from the server".into())?;
            model.check_at_rest(rested.due)?;
        }
        Ok(())
    };
    let read = log.read(Position(1), log.last(), &mut |position, bytes| {
        found = step(position, bytes);
        if found.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    read.map_err(|error| error.to_string())?;
    found?;
    model.check_whole()?;
    check(model.last() >= rested.position, || "the log ends before its rest".into())?;
    Ok(model)
}

fn check_heard(model: &Model, heard: Heard, registry: &Registry, tally: &mut Tally) -> Checked {
    let Heard { sent, asked, answer } = heard;
    let answer = match answer {
        Ok((version, position, told)) => {
            let is_new = position > asked.floor;
            tally.count(Head::Answers, if is_new { "accepted" } else { "as before" });
            let now = shown(model, &sent.key, told)?;
            Ok(Done { version, position, now })
        }
        Err(error) => match wire::refusal(&sent, &error) {
            Some(refused) => {
                tally.count(Head::Answers, "refused");
                tally.count_rejection(&refused.rejection);
                Err(refused)
            }
            None => {
                tally.count(Head::Answers, "turned away");
                let is_known = ["OVERLOADED", "INVALID_ARGUMENT"].contains(&error.reason.as_str());
                return check(is_known, || format!("{sent:?}: {error:?}"));
            }
        },
    };
    model.check_reply(&Reply { sent, asked, answer }, registry)
}

fn check_seen(model: &Model, seen: Seen) -> Checked {
    let Seen { key, floor, told, position } = seen;
    let answer = shown(model, &key, told)?;
    model.check_shown(&key, floor, &Answered { answer, position })
}

/// What was told of an entity, in the model's words; it has to be what the model would tell.
fn shown(model: &Model, key: &EntityKey, told: Told) -> Result<Shown, String> {
    let shown = model.entity(key, Version(told.version()));
    let expected = wire::entity(&key.id, &shown.sight, shown.version);
    check(told == expected, || format!("{key}: told {told:?}\nexpected {expected:?}"))?;
    Ok(shown)
}

const ANSWERS: &[&str] = &["accepted", "as before", "refused", "turned away"];

fn check_all(commands: u64, number: u64) -> Tally {
    let begun = Instant::now();
    let tally = round(commands, number).unwrap_or_else(|what| panic!("round {number}: {what}"));
    println!(
        "history: round {number} in {:.1} s: {} commands, {} answers, {} events",
        begun.elapsed().as_secs_f64(),
        tally.sum(Head::Commands),
        tally.sum(Head::Answers),
        tally.sum(Head::Events),
    );
    tally
}

/// Adds so many commands to the record; a round that fails keeps no other from its turn.
fn go_on(commands: u64) {
    let (mut left, mut failed) = (commands, Vec::new());
    while left > 0 {
        let mut record = Record::read(NAME);
        let (begun, commands) = (Instant::now(), left.min(ROUND_COMMANDS));
        let number = record.done;
        let mut stretch = Stretch { numbers: number..number + 1, ..Stretch::default() };
        match std::panic::catch_unwind(|| check_all(commands, number)) {
            Ok(tally) => stretch.tally = tally,
            Err(_) => stretch.failed.push(number),
        }
        stretch.seconds = begun.elapsed().as_secs();
        record.add(&stretch, &code());
        record.write(NAME);
        failed.extend(stretch.failed);
        left -= commands;
    }
    assert!(failed.is_empty(), "these rounds failed: {failed:?}");
}

#[test]
fn every_answer_of_a_real_server_is_the_models() {
    let wanted = std::env::var("HOLDFAST_HISTORY").unwrap_or("5000".to_owned());
    if let Some(commands) = wanted.strip_prefix("on:") {
        return go_on(commands.parse().unwrap());
    }
    let mut left: u64 = wanted.parse().unwrap();
    let (mut number, mut tally) = (0, Tally::default());
    while left > 0 {
        tally.add(&check_all(left.min(ROUND_COMMANDS), number));
        left = left.saturating_sub(ROUND_COMMANDS);
        number += 1;
    }
    println!("{tally}");
    if tally.sum(Head::Commands) >= COMPLETE_FROM * 9 / 10 {
        let all = [
            (Head::Answers, ANSWERS),
            (Head::Events, tally::EVENTS),
            (Head::Questions, crowd::QUESTIONS),
        ];
        check_complete(&tally, &all);
    }
}
