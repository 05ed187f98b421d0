//! What verify finds, and what it leaves alone.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use holdfast::actors::keeper::Schedule;
use holdfast::archive::{Archive, FjallArchive};
use holdfast::codec::v1;
use holdfast::domain::command::Command;
use holdfast::domain::ids::Position;
use holdfast::domain::name::Label;
use holdfast::domain::reservation::{self, Term};
use holdfast::domain::time::Timestamp;
use holdfast::journal::{DataFolder, FolderError, SledOptions, SledStore};
use holdfast::snapshot::{FileStore, SnapshotEnd, SnapshotStore};
use holdfast::verify::{Progress, Report, VerifyError, run};
use support::*;
use tempfile::TempDir;

fn stores(path: &Path) -> Stores<SledStore> {
    let folder = DataFolder::open(path).unwrap();
    let log_id = folder.log_id();
    let options = SledOptions { segment_bytes_max: 32 << 10, ..SledOptions::default() };
    Stores {
        store: SledStore::open(&folder, options).unwrap().store,
        snapshots: Arc::new(FileStore::open(path, log_id).unwrap()),
        archive: Arc::new(FjallArchive::open(path).unwrap()),
        log_id,
    }
}

/// A data folder with two snapshots, an archive, segments and a tail.
fn filled() -> (TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("data");
    let schedule = Schedule { retention_ms: 0, ..Schedule::default() };
    on_one_thread(async {
        let trial = stores(&path).start(clock(), Settings { schedule, ..Settings::default() });
        trial.command(stock_entity("A"), 1, receive(95)).await.unwrap();
        for n in 0..60 {
            let held = create(&[("A", 1)], Term::For(60_000));
            trial.command(reservation_entity(n), 100 + n, held).await.unwrap();
            if n % 2 == 0 {
                let reason = Label::empty();
                let cancel = Command::Reservation(reservation::Command::Cancel { reason });
                trial.command(reservation_entity(n), 300 + n, cancel).await.unwrap();
            }
            trial
                .command(
                    order_entity(500 + n),
                    500 + n,
                    order(&[("A", if n == 59 { 50 } else { 1 })]),
                )
                .await
                .unwrap();
            trial.pass_ms(20).await;
            if n == 20 || n == 40 {
                trial.engine.take_snapshot().await.unwrap();
            }
        }
    });
    (temporary, path)
}

fn verify(path: &Path) -> Report {
    run(path, &mut |_| {}).unwrap()
}

fn problem(path: &Path) -> String {
    let report = verify(path);
    assert!(!report.ok);
    report.problems.join("\n")
}

/// Every file under a folder, with its content.
fn content(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            found.extend(content(&entry));
        } else {
            let bytes = fs::read(&entry).unwrap();
            found.push((entry, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn a_whole_folder_is_found_whole_and_left_as_it_was() {
    let (temporary, path) = filled();
    let before = content(temporary.path());
    let mut steps = Vec::new();
    let report = run(&path, &mut |step| steps.push(step)).unwrap();
    assert_eq!(content(temporary.path()), before);
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(report.notes, [""; 0]);
    assert!(report.ok);
    for (part, begin) in
        ["the log: ", "the events: ", "the archive: ", "the snapshots: 2"].iter().enumerate()
    {
        assert!(report.checked[part].starts_with(begin), "{:?}", report.checked);
    }
    assert_eq!(report.events, report.last_position);
    assert!(report.events > 300);
    assert_eq!((report.streams, report.entities), (report.streams, report.streams));
    assert!(matches!(steps[0], Progress::Copying { bytes } if bytes > 0));
    let snapshots = steps.iter().filter(|step| matches!(step, Progress::Snapshot { .. }));
    assert_eq!(snapshots.count(), 2);
    // The server says the same digest.
    on_one_thread(async {
        let trial = stores(&path).start(clock(), Settings::default());
        let (position, digest) = trial.digest().await;
        assert_eq!(position.0, report.last_position);
        assert_eq!(digest.to_string(), report.state_sha256);
        assert!(stores_are_in_use(&path));
    });
}

fn stores_are_in_use(path: &Path) -> bool {
    let refused = run(path, &mut |_| {}).unwrap_err();
    matches!(refused, VerifyError::Folder(FolderError::InUse { .. }))
}

#[test]
fn a_path_that_is_no_data_folder_is_an_error() {
    let temporary = tempfile::tempdir().unwrap();
    let missing = run(&temporary.path().join("none"), &mut |_| {}).unwrap_err();
    assert!(matches!(missing, VerifyError::Folder(FolderError::Missing { .. })));
    fs::write(temporary.path().join("notes"), "mine").unwrap();
    let foreign = run(temporary.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(foreign, VerifyError::Folder(FolderError::Foreign { .. })));
}

#[test]
fn damage_is_told_and_ends_nothing() {
    let (_temporary, path) = filled();
    let log: Vec<_> = content(&path.join("log"))
        .into_iter()
        .filter(|(file, bytes)| file.ends_with("db") && !bytes.is_empty())
        .collect();
    assert!(log.len() > 2, "no rotation");
    for (file, bytes) in &log {
        // Events name their tenant. What sled wrote first may not be in use any more.
        let events = bytes.windows(7).enumerate().filter(|(_, text)| text == b"default");
        let events: Vec<_> = events.map(|(at, _)| at).collect();
        let is_found = [events.len() - 1, events.len() / 2].iter().any(|nth| {
            let mut damaged = bytes.clone();
            damaged[events[*nth]] ^= 1;
            fs::write(file, &damaged).unwrap();
            !verify(&path).ok
        });
        assert!(is_found, "{}", file.display());
        fs::write(file, bytes).unwrap();
    }
    assert!(verify(&path).ok);

    fs::write(path.join("FORMAT"), "holdfast data folder\nformat").unwrap();
    assert!(problem(&path).contains("FORMAT"));
}

/// Runs `holdfast verify`; gives its exit code, its report, and what it said besides.
fn verify_by_command(path: &Path) -> (Option<i32>, Report, String) {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_holdfast"));
    let output = command.args(["verify", "-o", "json", "--data-dir"]).arg(path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap(), said)
}

#[test]
fn damage_that_the_logs_database_does_not_survive_is_a_problem_like_any_other() {
    let (temporary, path) = filled();
    assert_eq!(verify_by_command(&path), (Some(0), verify(&path), String::new()));
    let newest = fs::read_dir(path.join("log")).unwrap().map(|entry| entry.unwrap().path()).max();
    // One of the database's own blocks occurs twice, which it asserts never to see.
    let pages = newest.unwrap().join("db");
    let mut block = fs::read(&pages).unwrap();
    block.resize(512 << 10, 0);
    fs::write(&pages, block.repeat(2)).unwrap();
    let (code, report, said) = verify_by_command(&path);
    let segment = Path::new("log").join(pages.parent().unwrap().file_name().unwrap());
    let named = format!("{} is damaged in a way that ends the process", segment.display());
    assert!(said.contains(&named), "{said}");
    assert_eq!((code, report.ok), (Some(1), false));
    let [problem] = &report.problems[..] else { panic!("{report:?}") };
    assert!(problem.starts_with(&path.join("log").display().to_string()), "{problem}");
    assert!(problem.contains("ends the process"), "{problem}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1, "the copy is left behind");
}

#[test]
fn a_log_that_lost_its_end_is_told() {
    let (_temporary, path) = filled();
    let newest = fs::read_dir(path.join("log")).unwrap().map(|entry| entry.unwrap().path()).max();
    fs::remove_dir_all(newest.unwrap()).unwrap();
    assert!(problem(&path).contains("marker"));
}

#[test]
fn a_snapshot_that_can_not_be_read_or_says_something_else_is_told() {
    let (_temporary, path) = filled();
    let log_id = DataFolder::open(&path).unwrap().log_id();
    let snapshots = FileStore::open(&path, log_id).unwrap();
    let [newest, older] = snapshots.list().unwrap()[..] else { panic!() };
    let whole = fs::read(snapshots.path(older)).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(snapshots.path(older), damaged).unwrap();
    let damage = problem(&path);
    // Where it lies for the user, not in the copy, which is gone.
    assert!(damage.contains(&snapshots.path(older).display().to_string()), "{damage}");
    fs::write(snapshots.path(older), whole).unwrap();
    assert!(verify(&path).ok);

    // Sound, but without anything in it.
    let sink = snapshots.begin(newest).unwrap();
    let end = SnapshotEnd { barrier: newest, time: Timestamp(0), archived: 0, digest: None };
    sink.finish(end).unwrap();
    problem(&path);

    let sink = snapshots.begin(newest).unwrap();
    let barrier = Position(1_000_000);
    let end = SnapshotEnd { barrier, time: Timestamp(0), archived: 0, digest: None };
    sink.finish(end).unwrap();
    assert!(problem(&path).contains("the end of the log is missing"));
}

#[test]
fn what_breaks_no_promise_but_is_not_as_usual_is_noted() {
    let (_temporary, path) = filled();
    fs::remove_file(path.join("MARKER")).unwrap();
    let log_id = DataFolder::open(&path).unwrap().log_id();
    let snapshots = FileStore::open(&path, log_id).unwrap();
    let named = snapshots.path(snapshots.list().unwrap()[1]);
    let renamed = named.with_extension("snap.old");
    fs::rename(named, &renamed).unwrap();
    let report = verify(&path);
    assert!(report.ok, "{:?}", report.problems);
    let [marker, snapshot] = &report.notes[..] else { panic!("{:?}", report.notes) };
    assert!(marker.contains("marker") && marker.contains("missing"), "{marker}");
    assert!(snapshot.starts_with(&renamed.display().to_string()), "{snapshot}");
}

#[test]
fn an_archive_that_is_not_what_the_log_says_is_told() {
    let (_temporary, path) = filled();
    let key = |n| v1::encode(&reservation_entity(n));
    let record = {
        let archive = FjallArchive::open(&path).unwrap();
        let record = archive.get(&key(0)).unwrap().unwrap();
        archive.put(&[(key(9_999), record.clone())]).unwrap();
        record
    };
    assert!(problem(&path).contains("isn't in the log"));

    let (_temporary, path) = filled();
    {
        // Still open in the log.
        let archive = FjallArchive::open(&path).unwrap();
        archive.put(&[(key(1), record)]).unwrap();
    }
    assert!(problem(&path).contains("another record"));

    let (_temporary, path) = filled();
    FjallArchive::discard(&path).unwrap();
    assert!(problem(&path).contains("has lost entities"));
}
