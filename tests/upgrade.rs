//! A data folder that an older version left is as good as one's own.
#![allow(clippy::unwrap_used)]

mod format_1;
mod support;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use format_1::{Frames, frame, put_back_archive, put_back_snapshots};
use holdfast::actors::delivery::Accepted;
use holdfast::actors::keeper::Schedule;
use holdfast::archive::{Archive, ArchiveError, FjallArchive};
use holdfast::codec::archive_frame::FrameError;
use holdfast::codec::digest::Digest;
use holdfast::codec::v1;
use holdfast::domain::command::Command;
use holdfast::domain::ids::Position;
use holdfast::domain::name::Label;
use holdfast::domain::reservation::{self, Term};
use holdfast::journal::{DataFolder, SledOptions, SledStore};
use holdfast::snapshot::FileStore;
use holdfast::verify;
use support::*;
use tempfile::TempDir;

fn stores(path: &Path) -> Stores<SledStore> {
    let folder = DataFolder::open(path).unwrap();
    let log_id = folder.log_id();
    Stores {
        store: SledStore::open(&folder, SledOptions::default()).unwrap().store,
        snapshots: Arc::new(FileStore::open(path, log_id).unwrap()),
        archive: Arc::new(FjallArchive::open(path).unwrap()),
        log_id,
    }
}

fn settings() -> Settings {
    let schedule = Schedule { retention_ms: 0, ..Schedule::default() };
    Settings { schedule, ..Settings::default() }
}

/// A reservation that was cancelled, long ago enough to be in the archive.
const ARCHIVED: u128 = 2;

async fn create_reservation(trial: &Trial, n: u128) -> Accepted {
    let held = create(&[("A", 1)], Term::For(60_000));
    trial.command(reservation_entity(n), 100 + n, held).await.unwrap()
}

/// A folder with two snapshots, an archive and a tail; how its state is told, and what the creation
/// of a reservation that is archived was answered.
struct Filled {
    _temporary: TempDir,
    path: PathBuf,
    state: (Position, Digest),
    accepted: Accepted,
}

fn filled() -> Filled {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("data");
    let (state, accepted) = on_one_thread(async {
        let trial = stores(&path).start(clock(), settings());
        trial.command(stock_entity("A"), 1, receive(1_000)).await.unwrap();
        let mut accepted = None;
        for n in 0..40 {
            let created = create_reservation(&trial, n).await;
            if n == ARCHIVED {
                accepted = Some(created);
            }
            if n % 2 == 0 {
                let reason = Label::empty();
                let cancel = Command::Reservation(reservation::Command::Cancel { reason });
                trial.command(reservation_entity(n), 300 + n, cancel).await.unwrap();
            }
            trial.command(order_entity(500 + n), 500 + n, order(&[("A", 1)])).await.unwrap();
            trial.pass_ms(20).await;
            if n == 15 || n == 30 {
                trial.engine.take_snapshot().await.unwrap();
            }
        }
        (trial.settled_digest().await, accepted.unwrap())
    });
    Filled { _temporary: temporary, path, state, accepted }
}

fn log_id(path: &Path) -> uuid::Uuid {
    DataFolder::open(path).unwrap().log_id()
}

#[track_caller]
fn assert_whole(path: &Path) {
    let report = verify::run(path, &mut |_| {}).unwrap();
    assert!(report.ok, "{:?}", report.problems);
}

/// Starts on the folder, looks, and leaves another snapshot.
fn assert_goes_on(folder: &Filled) {
    on_one_thread(async {
        let trial = stores(&folder.path).start(clock(), settings());
        assert_eq!(trial.settled_digest().await, folder.state);
        let again = create_reservation(&trial, ARCHIVED).await;
        let told = |accepted: &Accepted| (accepted.version, accepted.position);
        assert_eq!(told(&again), told(&folder.accepted));
        trial.engine.take_snapshot().await.unwrap();
    });
}

#[test]
fn a_folder_of_format_1_is_brought_up_to_date_by_the_first_start() {
    let folder = filled();
    let path = &folder.path;
    put_back_snapshots(path, log_id(path));
    put_back_archive(path, |_| true);
    let before = Frames::open(path).versions();
    assert!(before.len() > 20 && before.iter().all(|version| *version == 1), "{before:?}");
    assert_whole(path);
    assert_goes_on(&folder);
    assert_whole(path);
    let after = Frames::open(path).versions();
    assert!(after.len() >= before.len() && after.iter().all(|version| *version == 2), "{after:?}");
    assert_goes_on(&folder);
}

#[test]
fn a_conversion_that_was_killed_halfway_is_taken_up_by_the_next_start() {
    let folder = filled();
    put_back_archive(&folder.path, |n| n > 10);
    let versions = Frames::open(&folder.path).versions();
    assert!(versions.contains(&1) && versions.contains(&2), "{versions:?}");
    assert_goes_on(&folder);
    assert_whole(&folder.path);
}

#[test]
fn a_converted_archive_is_not_gone_through_again() {
    let folder = filled();
    let path = &folder.path;
    put_back_archive(path, |_| true);
    let digest = FjallArchive::open(path).unwrap().digest();
    let key = v1::encode(&reservation_entity(ARCHIVED));
    let frames = Frames::open(path);
    frames.put(&frames.records, &key, frame(&key, b"as a conversion would have to find"));
    drop(frames);
    let archive = FjallArchive::open(path).unwrap();
    assert_eq!(archive.digest(), digest);
    for refused in [
        archive.get(&key).map(drop),
        archive.for_each(&mut |_, _| ControlFlow::Continue(())),
        archive.put(&[(key.clone(), Vec::new())]),
    ] {
        let is_told =
            matches!(refused, Err(ArchiveError::Damaged { source: FrameError::Older { .. }, .. }));
        assert!(is_told, "{refused:?}");
    }
}
