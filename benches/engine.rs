//! How many reservations the engine takes without a network and without a disk: one thread, stores
//! in memory, a clock that stands still.
//!
//! A sample is a fresh engine with its stock; what is measured is a round of reservations of one
//! unit, each answered when its events are in the log, as many under way as a busy edge has.
//!
//! Not here: the cost of gRPC and of syncing; `holdfast bench` measures them all together.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use futures::stream::{self, StreamExt};
use holdfast::actors::environment::Limits;
use holdfast::domain::reservation::{HOLD_MS_DEFAULT, Term};
use support::{Disks, Settings, Trial};

const IN_FLIGHT: usize = 256;
const RESERVATIONS_OF_A_ROUND: u64 = 10_000;
const UNITS_OF_EACH: u64 = 1 << 40;
const SEGMENT_BYTES: u64 = 1 << 30;
const SHARDS: usize = 2;

fn sku(number: u64) -> String {
    format!("PRODUCT-{number:06}")
}

/// An engine with so many SKUs in stock.
async fn stocked(skus: u64) -> Trial {
    let settings = Settings { limits: Limits::default(), shards: SHARDS, ..Settings::default() };
    let trial = support::start(&Disks::new(SEGMENT_BYTES), support::clock(), settings);
    let receipts = stream::iter(0..skus).map(|number| {
        let key = support::stock_entity(&sku(number));
        trial.command(key, u128::from(number), support::receive(UNITS_OF_EACH))
    });
    receipts.buffer_unordered(IN_FLIGHT).for_each(|receipt| async { drop(receipt.unwrap()) }).await;
    trial
}

/// Makes the reservations from number `first` on; each SKU has its turn.
async fn reserve(trial: &Trial, first: u64, skus: u64) {
    let term = Term::For(HOLD_MS_DEFAULT);
    let reservations = stream::iter(first..first + RESERVATIONS_OF_A_ROUND).map(|number| {
        // Above every receipt's number, so that no request id is used twice.
        let id = u128::from(number) + (1 << 64);
        let command = support::create(&[(&sku(number % skus), 1)], term);
        trial.command(support::reservation_entity(id), id, command)
    });
    let answers = reservations.buffer_unordered(IN_FLIGHT);
    answers.for_each(|answer| async { drop(answer.unwrap()) }).await;
}

fn rounds(skus: u64, rounds: u64) -> Duration {
    support::on_one_thread(async {
        let trial = stocked(skus).await;
        let begun = Instant::now();
        for round in 0..rounds {
            reserve(&trial, round * RESERVATIONS_OF_A_ROUND, skus).await;
        }
        begun.elapsed()
    })
}

fn reservations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(RESERVATIONS_OF_A_ROUND));
    for (name, skus) in [("hot_on_1_sku", 1), ("spread_over_10000_skus", 10_000)] {
        let id = format!("{name}_of_{RESERVATIONS_OF_A_ROUND}_reservations");
        group.bench_function(id, |bencher| bencher.iter_custom(|count| rounds(skus, count)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = material::short();
    targets = reservations
}
criterion_main!(benches);
