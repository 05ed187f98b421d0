//! Reservations that are committed in parts, in the engine: across restarts, and wherever the power
//! goes.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use holdfast::codec::v1;
use holdfast::domain::calendar::Date;
use holdfast::domain::command::Command;
use holdfast::domain::event::Event;
use holdfast::domain::ids::Position;
use holdfast::domain::reservation::{Details, End, LinePart, State, Term};
use holdfast::domain::view::View;
use holdfast::journal::{Commit, Store};
use support::calendars::*;
use support::*;

const STAY: u128 = 1;

fn nights_until(day: i32) -> Option<End> {
    Some(End::Date(Date(19_700 + day)))
}

fn minutes_until(minute: u64) -> Option<End> {
    Some(End::Time(TOMORROW.plus_ms(minute * 60_000)))
}

/// A holiday used bit by bit: a breakfast and the bay for 63 minutes, a night and a breakfast more, and
/// then the second night, of three.
fn commits() -> [Command; 5] {
    [
        commit_part(1, 1, None, false),
        commit_part(2, 1, minutes_until(63), false),
        commit_part(0, 1, nights_until(1), false),
        commit_part(1, 1, None, false),
        commit_part(0, 1, nights_until(2), true),
    ]
}

async fn details(trial: &Trial) -> Arc<Details> {
    match trial.engine.show(reservation_entity(STAY)).await.unwrap().answer.view {
        View::Reservation(details) => details,
        other => panic!("{other:?}"),
    }
}

/// How many units each line has used, and up to when.
fn used(details: &Details) -> Vec<(String, i64, u64)> {
    let told = |part: LinePart| {
        let until = part.span.map_or(0, |span| span.to());
        (part.line.to_string(), until, part.quantity)
    };
    details.committed().map(told).collect()
}

fn used_in_the_end() -> Vec<(String, i64, u64)> {
    let bay = (TOMORROW.0 + 63 * 60_000) as i64;
    vec![("1".to_owned(), 19_702, 1), ("2".to_owned(), 0, 2), ("3".to_owned(), bay, 1)]
}

async fn begin(trial: &Trial) {
    furnish(trial).await;
    let stay = wants(holiday(), Term::For(60_000));
    trial.command(reservation_entity(STAY), 10, stay).await.unwrap();
}

#[test]
fn what_is_used_and_what_is_left_is_there_after_a_restart_and_from_a_snapshot() {
    let disks = Disks::new(4 << 10);
    let clock = clock();
    let mut digest = on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings::default());
        begin(&trial).await;
        trial.settled_digest().await
    });
    for (request, commit) in (20..).zip(commits()) {
        digest = on_one_thread(async {
            let trial = start(&disks, clock.clone(), Settings::default());
            assert_eq!(trial.digest().await, digest);
            trial.command(reservation_entity(STAY), request, commit).await.unwrap();
            trial.pass_ms(50).await;
            trial.engine.take_snapshot().await.unwrap();
            trial.settled_digest().await
        });
        assert_settled(&disks.check().world);
    }
    on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings::default());
        let details = details(&trial).await;
        assert_eq!((details.state, used(&details)), (State::Committed, used_in_the_end()));
    });
}

#[test]
fn wherever_the_power_goes_between_commits_all_of_them_take_effect_once() {
    for syncs in 0..14 {
        let disks = Disks::new(1 << 20);
        let clock = clock();
        on_one_thread(async {
            let trial = start(&disks, clock.clone(), Settings::default());
            begin(&trial).await;
            disks.log.fail_sync_after(syncs / 2);
            let work = async {
                for (request, commit) in (20..).zip(commits()) {
                    let _ = trial.command(reservation_entity(STAY), request, commit).await;
                }
            };
            let _ = tokio::time::timeout(Duration::from_millis(500), work).await;
        });
        let unsynced = disks.log.pages_unsynced();
        disks.log.crash(syncs as usize % (unsynced + 1));
        drop(disks.open());
        disks.check();
        on_one_thread(async {
            let trial = start(&disks, clock.clone(), Settings::default());
            for (request, commit) in (20..).zip(commits()) {
                trial.command(reservation_entity(STAY), request, commit).await.unwrap();
            }
            let (_, digest) = trial.settled_digest().await;
            let details = details(&trial).await;
            assert_eq!((details.state, used(&details)), (State::Committed, used_in_the_end()));
            let verdict = disks.check();
            assert_eq!(digest, verdict.world.digest());
            assert_settled(&verdict.world);
        });
    }
}

/// A log of a stay that was used in part and then cancelled, and of one to which all of that happened.
fn histories() -> [Vec<Event>; 2] {
    let cancelled = [&commits()[..4], &[cancel()]].concat();
    [cancelled, commits().to_vec()].map(|said| {
        let disks = Disks::new(1 << 20);
        on_one_thread(async {
            let trial = start(&disks, clock(), Settings::default());
            begin(&trial).await;
            for (request, said) in (20..).zip(said) {
                trial.command(reservation_entity(STAY), request, said).await.unwrap();
            }
            trial.settled_digest().await;
        });
        disks.check();
        disks.events()
    })
}

#[test]
fn wherever_a_log_of_parts_ends_the_next_start_settles_it() {
    for events in histories() {
        for count in 1..=events.len() {
            let disks = Disks::new(1 << 20);
            let mut commit = Commit::new(Position(1));
            for event in &events[..count] {
                commit.push_with(|bytes| v1::encode_event(event, bytes)).unwrap();
            }
            disks.open().store.commit(&commit).unwrap();
            disks.check();
            on_one_thread(async {
                let trial = start(&disks, clock(), Settings::default());
                trial.settled_digest().await;
            });
            assert_settled(&disks.check().world);
        }
    }
}
