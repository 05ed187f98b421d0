//! What is told, and what is left, when the disk fails or the power goes.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use futures::future::join_all;
use holdfast::actors::environment::Limits;
use holdfast::actors::keeper::Schedule;
use holdfast::actors::listing::ReservationQuery;
use holdfast::archive::Archive;
use holdfast::codec::v1;
use holdfast::domain::command::Command;
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::name::Label;
use holdfast::domain::reservation::{self, Term};
use holdfast::journal::{Commit, Store};
use holdfast::recovery::Spread;
use support::*;

fn cancel() -> Command {
    Command::Reservation(reservation::Command::Cancel { reason: Label::empty() })
}

#[test]
fn nobody_is_told_anything_before_its_sync() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let (told, durable) = (trial.told.events().len(), disks.last());
        disks.log.fail_sync_after(0);
        let commands = async {
            let held = create(&[("A", 1)], Term::For(60_000));
            let created = trial.command(reservation_entity(1), 2, held.clone());
            let refused = create(&[("B", 1)], Term::For(60_000));
            let refused = trial.command(reservation_entity(2), 3, refused);
            let repeated = trial.command(stock_entity("A"), 1, receive(5));
            let shown = trial.engine.show(stock_entity("A"));
            let answers = futures::join!(created, refused, repeated, shown);
            let is_silent = (answers.0.is_err(), answers.1.is_err(), answers.2.is_err());
            (is_silent, answers.3.is_err())
        };
        // Whoever asks from now on sees what isn't durable, so nobody gets an answer.
        let answers = tokio::time::timeout(Duration::from_millis(500), commands).await;
        assert!(answers.is_err(), "{answers:?}");
        assert_eq!((trial.told.events().len(), disks.last()), (told, durable));
    });
    disks.log.crash(0);
    drop(disks.open());
    disks.check();
    assert_eq!(disks.last(), Position(1));
}

#[test]
fn a_list_leaves_nothing_out_before_that_is_durable() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let held = create(&[("A", 1)], Term::For(60_000));
        trial.command(reservation_entity(1), 2, held).await.unwrap();
        disks.log.fail_sync_after(0);
        let cancelled = trial.command(reservation_entity(1), 3, cancel());
        assert!(cancelled.await.is_err(), "told before it was durable");
        let query = ReservationQuery {
            states: vec![reservation::State::Held],
            created_from: None,
            created_before: None,
            after: None,
            count: 10,
        };
        let (tenant, engine) = (tenant(), &trial.engine);
        let listed = engine.list_reservations(&tenant, query);
        let told = tokio::time::timeout(Duration::from_millis(500), listed).await;
        assert!(told.is_err(), "{told:?}");
    });
}

#[test]
fn a_power_cut_within_a_rotation_leaves_whole_commits() {
    // Each commit of some reservations is longer than a segment.
    for pages in 0..8 {
        for is_synced in [false, true] {
            let disks = Disks::new(1 << 8);
            let acknowledged = on_one_thread(async {
                let trial = start(&disks, clock(), Settings::default());
                trial.command(stock_entity("A"), 1, receive(500)).await.unwrap();
                let mut acknowledged = 0;
                for batch in 0..6 {
                    if batch == 3 && is_synced {
                        disks.log.fail_write_after(pages);
                    } else if batch == 3 {
                        disks.log.fail_sync_after(pages);
                    }
                    let creations = (0..20).map(|n| {
                        let n = batch * 20 + n;
                        let held = create(&[("A", 1)], Term::For(60_000));
                        trial.command(reservation_entity(n), 100 + n, held)
                    });
                    let all = join_all(creations);
                    match tokio::time::timeout(Duration::from_millis(50), all).await {
                        Ok(answers) => acknowledged += answers.iter().flatten().count(),
                        Err(_) => break,
                    }
                }
                acknowledged
            });
            assert!(disks.segments() > 2);
            let unsynced = disks.log.pages_unsynced();
            disks.log.crash(pages as usize % (unsynced + 1));
            drop(disks.open());
            let verdict = disks.check();
            assert!(verdict.streams > acknowledged as u64, "{} {acknowledged}", verdict.streams);
            // And it goes on.
            on_one_thread(async {
                let trial = start(&disks, clock(), Settings::default());
                let held = create(&[("A", 1)], Term::For(60_000));
                trial.command(reservation_entity(999), 999, held).await.unwrap();
                let (_, digest) = trial.settled_digest().await;
                assert_eq!(digest, disks.check().world.digest());
            });
        }
    }
}

#[test]
fn a_snapshot_under_load_and_a_crash_right_after_it_lead_to_the_logs_state() {
    let limits = Limits { idle_ms: 2, resource_idle_ms: 4, ..Limits::default() };
    let schedule = Schedule { retention_ms: 0, ..Schedule::default() };
    for unheard in [0, 1, 5, 40] {
        let disks = Disks::new(64 << 10);
        let settings = Settings { limits: limits.clone(), schedule: schedule.clone(), shards: 1 };
        on_one_thread(async {
            let trial = start(&disks, clock(), settings);
            trial.command(stock_entity("A"), 1, receive(50_000)).await.unwrap();
            let hold = |n: u128| {
                let held = create(&[("A", 1)], Term::For(1_000 + n as u64 % 50));
                trial.command(reservation_entity(n), n << 8, held)
            };
            // Some have gone to the archive, some are about to, some expire meanwhile.
            join_all((0..1_000).map(hold)).await;
            join_all((0..300).map(|n| trial.command(reservation_entity(n), n << 8 | 1, cancel())))
                .await;
            trial.pass_ms(900).await;
            trial.engine.take_snapshot().await.unwrap();
            assert!(disks.archive.digest().1 > 0);
            let engine = trial.engine.clone();
            let snapshot = tokio::task::spawn_local(async move { engine.take_snapshot().await });
            let mut n = 1_000;
            while !snapshot.is_finished() {
                let created = hold(n);
                let ended = trial.command(reservation_entity(n - 500), n << 8 | 1, cancel());
                let _ = futures::join!(created, ended);
                trial.pass_ms(1).await;
                n += 1;
            }
            snapshot.await.unwrap().unwrap();
            disks.log.fail_sync_after(unheard);
            let more = join_all((n..n + 200).map(hold));
            let _ = tokio::time::timeout(Duration::from_millis(50), more).await;
        });
        disks.log.crash(0);
        drop(disks.open());
        disks.check();
        let (loaded, _) = disks.loaded(&Spread::new(2, 3));
        assert!(loaded.snapshot.is_some_and(|info| info.footer.entries > 256));
    }
}

#[test]
fn wherever_a_log_ends_the_next_start_settles_it() {
    let whole = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&whole, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(9)).await.unwrap();
        trial.command(stock_entity("B"), 2, receive(9)).await.unwrap();
        let held = || create(&[("A", 1), ("B", 1)], Term::For(60_000));
        let short = create(&[("A", 1), ("B", 100)], Term::For(60_000));
        let _ = trial.command(reservation_entity(0), 3, short).await;
        let ends = [cancel(), Command::Reservation(reservation::Command::Commit)];
        for (n, end) in (1..).zip(ends) {
            trial.command(reservation_entity(n), 10 + n, held()).await.unwrap();
            trial.command(reservation_entity(n), 20 + n, end).await.unwrap();
        }
        trial.command(order_entity(30), 30, order(&[("A", 1), ("B", 2)])).await.unwrap();
        trial.command(order_entity(31), 31, order(&[("A", 50)])).await.unwrap();
        trial.settled_digest().await;
    });
    let events = whole.events();
    for count in 1..=events.len() {
        assert_settles(&events[..count]);
    }
}

/// Checks that a server whose log holds these events comes to rest with nothing left over.
fn assert_settles(events: &[Event]) {
    let disks = Disks::new(1 << 20);
    let mut commit = Commit::new(Position(1));
    for event in events {
        commit.push_with(|bytes| v1::encode_event(event, bytes)).unwrap();
    }
    disks.open().store.commit(&commit).unwrap();
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.settled_digest().await;
    });
    assert_settled(&disks.check().world);
}

#[test]
fn what_a_refused_creation_claimed_is_released_though_another_has_its_id() {
    let whole = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&whole, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(9)).await.unwrap();
        trial.command(stock_entity("B"), 2, receive(9)).await.unwrap();
        let held = create(&[("A", 1), ("B", 1)], Term::For(60_000));
        trial.command(reservation_entity(0), 3, held).await.unwrap();
    });
    // As if the claim on A were of a creation that was refused, and its release on its way to a slow
    // shard when a creation that wants B alone succeeded.
    let mut events = whole.events();
    let Body::Reservation(reservation::Event::Created { lines, .. }) =
        &mut events.last_mut().unwrap().body
    else {
        panic!("the last event is the creation");
    };
    *lines = lines[1..].into();
    assert_settles(&events);
}
