//! How long it takes to turn events, records and pages into bytes, and back.
//!
//! Not here: writing them anywhere; see `journal`.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast::codec::page::{Chain, decode, paginate};
use holdfast::codec::v1;
use holdfast::domain::entity::Entity;
use holdfast::domain::event::Event;
use holdfast::domain::ids::Position;
use holdfast::domain::stock_balance::StockBalance;
use material::{claim_made, order_created, stock_with_claims};
use uuid::Uuid;

const EVENTS_OF_A_COMMIT: usize = 500;

fn encoded(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    v1::encode_event(event, &mut bytes);
    bytes
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    for (name, event) in
        [("claim_made_event", claim_made()), ("order_of_3_lines_event", order_created(3))]
    {
        let bytes = encoded(&event);
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: bytes.len() as u64 });
        let mut buffer = Vec::with_capacity(bytes.len());
        group.bench_function(format!("encode_{name}"), |bencher| {
            bencher.iter(|| {
                buffer.clear();
                v1::encode_event(black_box(&event), &mut buffer);
            });
        });
        group.bench_function(format!("decode_{name}"), |bencher| {
            bencher.iter(|| v1::decode_event(event.position, black_box(&bytes)).unwrap());
        });
    }
    group.finish();
}

fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    for claims in [10, 1_000] {
        let mut entity = Entity::<StockBalance>::default();
        entity.state = stock_with_claims(claims);
        let bytes = v1::encode(&entity);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("encode_record_of_{claims}_claims"), |bencher| {
            bencher.iter(|| v1::encode(black_box(&entity)));
        });
        group.bench_function(format!("decode_record_of_{claims}_claims"), |bencher| {
            bencher.iter(|| v1::decode::<Entity<StockBalance>>(black_box(&bytes)).unwrap());
        });
    }
    group.finish();
}

fn pages(criterion: &mut Criterion) {
    let event = encoded(&claim_made());
    let commit = vec![event.as_slice(); EVENTS_OF_A_COMMIT];
    let bytes = (event.len() * EVENTS_OF_A_COMMIT) as u64;
    let seed = Chain::seed(Uuid::from_u128(7));
    let build = |put: &mut dyn FnMut(&[u8])| {
        paginate(Position(1), seed, commit.iter().copied(), |_, page| put(page)).unwrap()
    };
    let mut pages = Vec::new();
    build(&mut |page| pages.push(page.to_vec()));

    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::ElementsAndBytes { elements: EVENTS_OF_A_COMMIT as u64, bytes });
    group.bench_function(format!("build_pages_of_{EVENTS_OF_A_COMMIT}_events"), |bencher| {
        bencher.iter(|| {
            build(&mut |page| {
                black_box(page);
            })
        });
    });
    group.bench_function(format!("check_pages_of_{EVENTS_OF_A_COMMIT}_events"), |bencher| {
        bencher.iter(|| {
            pages.iter().map(|page| decode(page).unwrap().events().count()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = material::short();
    targets = events, records, pages
}
criterion_main!(benches);
