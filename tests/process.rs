//! The real binary: how it starts, how it refuses to, and how it ends.
#![allow(clippy::unwrap_used)]

#[path = "support/process.rs"]
mod process;
#[path = "support/requests.rs"]
mod requests;
#[path = "support/server.rs"]
mod server;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use futures::future::join_all;
use holdfast::proto::v1;
use process::{HOLDFAST, Process, serve, serve_args, set};
use requests::*;
use server::{connect, eventually, get};
use tempfile::tempdir;

/// Runs a command that must end by itself.
fn outcome(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(test)
}

/// Every path under a folder, with its content.
fn content(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            found.extend(content(&entry));
        } else {
            found.push((entry.display().to_string(), fs::read(&entry).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_terminated_server_ends_in_time_and_starts_again_from_its_snapshot() {
    let folder = tempdir().unwrap();
    let (data, errors) = (folder.path().join("data"), folder.path().join("errors"));
    let mut first = Process::spawn(serve(&data, &[]), &errors);
    let addresses = first.ready();
    assert_eq!(get(addresses.http, "/health/ready").0, 200);
    let (statistics, receipt, received, made) = run(async {
        let client = connect(addresses.grpc, "default").await;
        let receipt = receive("A", 500);
        let received = client.receive_stock(receipt.clone()).await.unwrap();
        join_all((0..200).map(|_| client.create_reservation(hold(&[("A", 1)])))).await;
        let made = client.create_reservation(hold(&[("A", 1)])).await.unwrap();
        client.create_sales_order(order_to_its_end(&[("A", 3)])).await.unwrap();
        let request = v1::GetStatisticsRequest { include_digest: true };
        (client.get_statistics(request).await.unwrap(), receipt, received, made)
    });
    first.terminate();
    let status = first.ended_within(Duration::from_secs(10)).expect("it ends within 10 s");
    assert_eq!(status.code(), Some(0), "{}", first.errors());

    let mut second = Process::spawn(serve(&data, &[]), &errors);
    let addresses = second.ready();
    run(async {
        let client = connect(addresses.grpc, "default").await;
        let request = v1::GetStatisticsRequest { include_digest: true };
        let again = client.get_statistics(request).await.unwrap();
        assert_eq!(again.digest, statistics.digest);
        assert_eq!(again.last_snapshot.unwrap().position, statistics.durable_position);
        let repeated = client.receive_stock(receipt).await.unwrap();
        assert_eq!((repeated.version, repeated.position), (received.version, received.position));
        let id = made.reservation.clone().unwrap().reservation_id;
        let kept = client.get_reservation(reservation_of(&id)).await.unwrap();
        assert_eq!(kept.reservation, made.reservation);
    });
    let said = second.errors();
    let recovered = said.lines().find(|line| line.contains("\"recovered\"")).unwrap();
    assert!(recovered.contains("\"events_replayed\":0"), "{recovered}");
}

#[test]
fn an_interrupted_server_drains_and_stops() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Process::spawn(serve(&data, &[]), &folder.path().join("errors"));
    server.ready();
    let pid = server.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn holds_that_ended_while_the_server_was_down_have_expired() {
    let folder = tempdir().unwrap();
    let (data, errors) = (folder.path().join("data"), folder.path().join("errors"));
    let mut first = Process::spawn(serve(&data, &[]), &errors);
    let addresses = first.ready();
    let held = run(async {
        let client = connect(addresses.grpc, "default").await;
        client.receive_stock(receive("A", 1)).await.unwrap();
        client.create_reservation(hold_for(1, &[("A", 1)])).await.unwrap().reservation.unwrap()
    });
    first.kill();
    let mut second = Process::spawn(serve(&data, &[]), &errors);
    let addresses = second.ready();
    run(async {
        let client = connect(addresses.grpc, "default").await;
        eventually("the end of the hold", || async {
            let got = client.get_reservation(reservation_of(&held.reservation_id)).await.unwrap();
            (got.reservation?.state() == v1::ReservationState::Expired).then_some(())
        })
        .await;
        client.create_reservation(hold(&[("A", 1)])).await.unwrap();
    });
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_and_told_what_to_do() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = Process::spawn(serve(&data, &[]), &folder.path().join("errors"));
    let addresses = first.ready();
    let (code, said) = outcome(serve(&data, &[]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("pid {}", first.id())), "{said}");
    assert!(said.contains("stop that server, or choose another folder"), "{said}");
    assert_eq!(get(addresses.http, "/health/ready").0, 200, "the first is not disturbed");
}

#[test]
fn a_folder_that_is_something_else_or_newer_is_refused_and_left_as_it_was() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("photos")).unwrap();
    fs::write(folder.path().join("photos/cat.jpg"), "meow").unwrap();
    fs::create_dir(folder.path().join("newer")).unwrap();
    let format = "holdfast data folder\nformat 2\nlog 0190d5c4-7a1e-7c3b-9a52-3f0e6d8b1c47\n";
    fs::write(folder.path().join("newer/FORMAT"), format).unwrap();
    let before = content(folder.path());
    for (name, advice) in [("photos", "choose an empty folder"), ("newer", "use a newer build")] {
        let (code, said) = outcome(serve(&folder.path().join(name), &[]));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(advice), "{said}");
    }
    assert_eq!(content(folder.path()), before);
}

#[test]
fn an_address_that_others_can_reach_needs_to_be_asked_for() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let open = |flags: &[&str]| {
        let mut command = Command::new(HOLDFAST);
        set(&mut command, &[]);
        command.args(["serve", "--data-dir", data.to_str().unwrap()]);
        command.args(["--grpc-addr", "0.0.0.0:0", "--http-addr", "127.0.0.1:0"]).args(flags);
        command
    };
    let (code, said) = outcome(open(&[]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("server.grpc_addr") && said.contains("--insecure"), "{said}");
    assert!(!data.exists());

    let mut server = Process::spawn(open(&["--insecure"]), &folder.path().join("errors"));
    server.ready();
    assert!(server.errors().contains("INSECURE"), "{}", server.errors());
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let settings = folder.path().join("settings.toml");
    fs::write(&settings, "[server]\ndata_folder = \"x\"\n").unwrap();
    let with = |arguments: &[&str]| {
        let mut command = Command::new(HOLDFAST);
        set(&mut command, &[]);
        command.args(arguments);
        command
    };
    let mut filtered = with(&["config", "print"]);
    set(&mut filtered, &[("LOG__FILTER", "a=b=c")]);
    let cases = [
        (serve(&data, &[("SERVER__DATA_FOLDER", "x")]), "data_folder"),
        (serve(&data, &[("SERVR__DATA_DIR", "x")]), "servr"),
        (serve(&data, &[("JOURNAL__SEGMENT_BYTES_MAX", "1")]), "journal.segment_bytes_max"),
        (with(&["serve", "--config", settings.to_str().unwrap()]), "data_folder"),
        (with(&["serve", "--config", "/nowhere.toml"]), "/nowhere.toml"),
        (with(&["serve", "--data-dri", "x"]), "--data-dri"),
        (with(&["serve", "--grpc-addr", "localhost:7420"]), "such as 127.0.0.1:7420"),
        (with(&["config", "print", "--config", settings.to_str().unwrap()]), "data_folder"),
        (filtered, "log.filter is \"a=b=c\""),
        (with(&["bench", "--scenario", "hot", "--duration", "0s"]), "--duration"),
        (with(&["reservation", "create", "--line", "stock:A=1", "--ttl", "0s"]), "--ttl"),
        (with(&["reservation", "get", "7"]), "no UUID such as 6f2c"),
        (with(&["order", "create", "--line", "stock:A=1@2", "--currency", "eur"]), "written EUR"),
        (with(&["stock", "get", "A", "--addr", "localhost"]), "no port"),
        (with(&["stock", "get", ""]), "must not be empty"),
        (with(&["stock", "receive"]), "Usage"),
        (with(&["sell"]), "sell"),
        (with(&[]), "Usage"),
    ];
    for (command, named) in cases {
        let shown = format!("{command:?}");
        let (code, said) = outcome(command);
        assert_eq!(code, Some(2), "{shown}: {said}");
        assert!(said.contains(named), "{shown}: {said}");
    }
    assert!(!data.exists());
}

#[test]
fn wrong_input_about_a_calendar_says_what_would_be_right() {
    let cases: [(&[&str], &str); 15] = [
        (&["create", "X", "--kind", "days", "--zone", "UTC", "--capacity", "1"], "slots, nights"),
        (&["create", "X", "--kind", "nights", "--zone", "UTC", "--capacity", "many"], "--capacity"),
        (&["list", "--limit", "x"], "--limit"),
        (&["show", "X", "--month", "December"], "no month such as 2026-12"),
        (&["availability", "X", "2026-13-01"], "`2026-13-01` is no date such as 2026-12-24"),
        (&["find", "X", "2026-12-24/2026-12-31"], "--duration <SPAN>|--nights <N>"),
        (&["check", "stock:MUG=1"], "as in nights:DOUBLE=2026-12-24/2026-12-27"),
        (&["claims", "X", "2026-12-24T10:00/PT2H"], "no moment such as 2026-12-24T10:00Z"),
        (&["rules", "X", "2026-12-24"], "as in --stay-min 3"),
        (&["rules", "X", "..", "--hours", "8-12"], "`8-12` is no opening such as 08:00-12:00"),
        (&["capacity", "X", "many"], "no number of units such as 12, nor default"),
        (
            &["close", "X", "2026-12-24T10:00Z/PT2H", "--weekdays", "sat"],
            "--weekdays goes with dates",
        ),
        (&["open", "X", "2026-12-27/2026-12-24"], "must end later than it begins"),
        (&["conflicts", ""], "must not be empty"),
        (&["retire"], "Usage"),
    ];
    for (arguments, named) in cases {
        let mut command = Command::new(HOLDFAST);
        // What is wrong is seen before anybody is asked.
        command.arg("calendar").args(arguments).args(["--addr", "http://127.0.0.1:1"]);
        let (code, said) = outcome(command);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn a_command_that_no_server_answers_fails() {
    let mut command = Command::new(HOLDFAST);
    command.args(["stock", "get", "stock:A", "--addr", "http://127.0.0.1:1"]);
    let (code, said) = outcome(command);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is it running?"), "{said}");
}

#[test]
fn what_is_not_found_is_named_as_it_was_asked_for() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Process::spawn(serve(&data, &[]), &folder.path().join("errors"));
    let addresses = server.ready();
    let id = "6f2c1c1e-0d7b-4c7e-9d64-0a4d3f5f2a11";
    let of = |kind: &str| format!("{kind}:{id}");
    let cases = [
        (["stock", "get", "MUG"], "the tenant default has no stock of \"MUG\""),
        (["stock", "claims", "MUG"], "no stock of \"MUG\""),
        (["reservation", "confirm", id], id),
        (["order", "watch", id], id),
        (["calendar", "show", "DOUBLE"], "no calendar \"DOUBLE\""),
        (["calendar", "rules", "DOUBLE"], "no calendar \"DOUBLE\""),
        (["events", "read", "stock:MUG"], "no stock:MUG"),
        (["events", "read", &of("order")], &of("order")),
    ];
    for (arguments, named) in cases {
        let (code, said) = asked(addresses.grpc, &arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains(named) && !said.contains("_"), "{arguments:?}: {said}");
    }
    let (code, said) = asked(addresses.http, &["stock", "get", "MUG"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{} is no Holdfast server", addresses.http)), "{said}");
}

/// Runs a subcommand against a server.
fn asked(server: SocketAddr, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(HOLDFAST);
    command.args(arguments).args(["--addr", &server.to_string()]);
    outcome(command)
}

#[test]
fn who_follows_the_log_for_somebody_who_has_gone_ends_quietly() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Process::spawn(serve(&data, &[]), &folder.path().join("errors"));
    let addresses = server.ready();
    let (code, said) = asked(addresses.grpc, &["stock", "receive", "MUG", "5"]);
    assert_eq!(code, Some(0), "{said}");
    let mut command = Command::new(HOLDFAST);
    command.args(["events", "tail", "--after", "beginning", "--addr"]);
    command.arg(addresses.grpc.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tail = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(tail.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("StockReceived"), "{line}");
    // The reader is gone, and nothing happens any more that could be written to it.
    let Output { status, stderr, .. } = tail.wait_with_output().unwrap();
    assert_eq!((status.code(), &*String::from_utf8(stderr).unwrap()), (Some(0), ""));
}

/// The commands that the README shows for a server that runs, but for the server and the demo.
fn readme_commands() -> String {
    let readme = include_str!("../README.md");
    let section = readme.split("## The command line").nth(1).unwrap();
    let block = section.split("```").nth(1).unwrap();
    let others = ["holdfast serve", "holdfast demo"];
    let lines = block.lines().filter(|line| !others.iter().any(|other| line.starts_with(other)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commands_of_the_readme_work_one_after_the_other_as_they_stand() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Process::spawn(serve(&data, &[]), &folder.path().join("errors"));
    let addresses = server.ready();
    let commands = readme_commands();
    assert!(commands.contains("order create") && commands.contains("events tail"), "{commands}");
    // Those that speak to a server find this one.
    let script = format!(
        "set -euo pipefail
         holdfast() {{ case $1 in config) $0 \"$@\" ;; *) $0 \"$@\" --addr {} ;; esac; }}
         {commands}",
        addresses.grpc
    );
    let mut command = Command::new("bash");
    set(&mut command, &[]);
    command.args(["-c", &script, HOLDFAST]);
    let (code, said) = outcome(command);
    assert_eq!((code, &*said), (Some(0), ""));
}

#[test]
fn an_address_that_is_taken_is_named_with_what_to_do() {
    let folder = tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = folder.path().join("data");
    let mut command = Command::new(HOLDFAST);
    set(&mut command, &[]);
    command.args(["serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", &address, "--data-dir"]);
    command.arg(&data);
    let (code, said) = outcome(command);
    assert_eq!(code, Some(1), "{said}");
    for part in [&*address, "in use", "--http-addr"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!data.exists());
}

/// A server whose files can't grow beyond so many kibibytes: writing more fails, as on a full disk.
fn bounded(data: &Path, kib: u64) -> Command {
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" serve \"$@\"");
    command.args(["-c", &script, HOLDFAST]).args(serve_args(data));
    set(&mut command, &[]);
    command
}

#[test]
fn a_failed_write_ends_the_process_with_one_clear_line_and_loses_nothing_acknowledged() {
    if Command::new("bash").arg("-c").arg("ulimit -f 1").status().is_err() {
        println!("SKIPPED: there is no bash to bound the size of files with");
        return;
    }
    let folder = tempdir().unwrap();
    let (data, errors) = (folder.path().join("data"), folder.path().join("errors"));
    // What a new folder needs is written without a bound.
    let mut fresh = Process::spawn(serve(&data, &[]), &errors);
    fresh.ready();
    fresh.terminate();
    assert_eq!(fresh.ended().code(), Some(0));

    let largest = content(&data).iter().map(|(_, bytes)| bytes.len() as u64).max().unwrap();
    let mut server = Process::spawn(bounded(&data, largest.div_ceil(1_024) + 512), &errors);
    let addresses = server.ready();
    let acknowledged = run(async {
        let client = connect(addresses.grpc, "default").await;
        let mut acknowledged = Vec::new();
        loop {
            let sent = (0..64).map(|n| {
                let reference = "x".repeat(200);
                let receipt = v1::ReceiveStockRequest { reference, ..receive(&format!("{n}"), 1) };
                let client = client.clone();
                async move { (receipt.clone(), client.receive_stock(receipt).await) }
            });
            let mut is_over = false;
            for (receipt, answer) in join_all(sent).await {
                match answer {
                    Ok(answer) => acknowledged.push((receipt, answer)),
                    Err(_) => is_over = true,
                }
            }
            if is_over {
                return acknowledged;
            }
        }
    });
    let status = server.ended();
    let said = server.errors();
    assert!(!status.success(), "{said}");
    let fatal: Vec<_> = said.lines().filter(|line| line.starts_with("holdfast: fatal:")).collect();
    assert_eq!(fatal.len(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");

    let mut again = Process::spawn(serve(&data, &[]), &errors);
    let addresses = again.ready();
    run(async {
        let client = connect(addresses.grpc, "default").await;
        for (receipt, answer) in acknowledged.iter().rev().take(200) {
            let kept = client.receive_stock(receipt.clone()).await.unwrap();
            assert_eq!((kept.version, kept.position), (answer.version, answer.position));
        }
    });
}
