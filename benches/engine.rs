//! How many reservations the engine takes without a network and without a disk: one thread, stores
//! in memory, a clock that stands still.
//!
//! A sample is a fresh engine with its stock; what is measured is a round of reservations of one
//! unit, each answered when its events are in the log.
//!
//! Not here: the cost of gRPC and of syncing; `holdfast bench` measures them all together.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;
mod shop;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

const RESERVATIONS_OF_A_ROUND: u64 = 10_000;

fn rounds(skus: u64, rounds: u64) -> Duration {
    support::on_one_thread(async {
        let trial = shop::stocked(skus).await;
        let begun = Instant::now();
        for round in 0..rounds {
            let first = round * RESERVATIONS_OF_A_ROUND;
            shop::reserve(&trial, first..first + RESERVATIONS_OF_A_ROUND, skus).await;
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
