//! Snapshots that are taken while entities come, change, rest and go.
#![allow(clippy::unwrap_used)]

mod support;

use holdfast::actors::environment::Limits;
use holdfast::actors::keeper::Schedule;
use holdfast::archive::Archive;
use holdfast::codec::v1;
use holdfast::domain::command::Command;
use holdfast::domain::name::Label;
use holdfast::domain::reservation::{self, Term};
use support::*;

/// More than a walk hands over before it waits for the other end, so that others get their turn.
const ENTITIES: u128 = 12_000;

fn sku(n: u128) -> String {
    format!("{n:05}")
}

async fn receive_all(trial: &Trial, skus: std::ops::Range<u128>, request: u128) {
    let receipts =
        skus.map(|n| trial.command(stock_entity(&sku(n)), request << 32 | n, receive(5)));
    for receipt in futures::future::join_all(receipts).await {
        receipt.unwrap();
    }
}

#[test]
fn who_goes_to_rest_during_a_walk_is_in_the_snapshot() {
    let limits = Limits { resource_idle_ms: 40, ..Limits::default() };
    let settings = Settings { limits, shards: 1, ..Settings::default() };
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), settings);
        receive_all(&trial, 0..ENTITIES, 1).await;
        for phase in 0..5 {
            trial.pass_ms(100).await;
            // The walk begins at the other end.
            for n in 0..300 {
                trial.engine.show(stock_entity(&sku(n))).await.unwrap();
            }
            trial.pass_ms(37 + phase).await;
            let engine = trial.engine.clone();
            let snapshot = tokio::task::spawn_local(async move { engine.take_snapshot().await });
            trial.pass_ms(50).await;
            let info = snapshot.await.unwrap().unwrap();
            assert!(info.footer.entries >= ENTITIES as u64, "{}", info.footer.entries);
            disks.check();
        }
    });
}

#[test]
fn what_ends_after_a_snapshot_has_begun_stays_in_memory_until_the_next() {
    let limits = Limits { idle_ms: 0, ..Limits::default() };
    let schedule = Schedule { retention_ms: 0, ..Schedule::default() };
    let settings = Settings { limits, schedule, shards: 1 };
    let disks = Disks::new(1 << 20);
    let is_archived = |n| disks.archive.get(&v1::encode(&reservation_entity(n))).unwrap().is_some();
    on_one_thread(async {
        let trial = start(&disks, clock(), settings);
        receive_all(&trial, 0..ENTITIES, 1).await;
        let cancel = || {
            let reason = Label::empty();
            Command::Reservation(reservation::Command::Cancel { reason })
        };
        for n in [1, 2] {
            let held = create(&[(&sku(1), 1)], Term::For(60_000));
            trial.command(reservation_entity(n), 2 << 32 | n, held).await.unwrap();
        }
        trial.command(reservation_entity(1), 3 << 32, cancel()).await.unwrap();
        trial.pass_ms(20).await;
        let engine = trial.engine.clone();
        let snapshot = tokio::task::spawn_local(async move { engine.take_snapshot().await });
        trial.pass_ms(1).await;
        assert!(!snapshot.is_finished(), "the walk is to last while the reservation ends");
        trial.command(reservation_entity(2), 4 << 32, cancel()).await.unwrap();
        trial.pass_ms(20).await;
        snapshot.await.unwrap().unwrap();
        assert_eq!([1, 2].map(is_archived), [true, false]);
        trial.engine.take_snapshot().await.unwrap();
        assert_eq!([1, 2].map(is_archived), [true, true]);
    });
    disks.check();
}
