//! How long it takes to turn events, records and pages into bytes, and back.
//!
//! Not here: writing them anywhere; see `journal`.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast::codec::page::{Chain, Scratch, decode, paginate};
use holdfast::codec::records::{self, Format};
use holdfast::codec::v1;
use holdfast::domain::entity::Entity;
use holdfast::domain::ids::Position;
use holdfast::domain::stock_balance::StockBalance;
use material::{claim_made, encoded, held, noise_like, order_created, stock_with_claims};
use uuid::Uuid;

const EVENTS_OF_A_COMMIT: usize = 500;

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
        let entity = Entity { state: stock_with_claims(claims), ..Entity::default() };
        let bytes = records::encode(&entity);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("encode_record_of_{claims}_claims"), |bencher| {
            bencher.iter(|| records::encode(black_box(&entity)));
        });
        group.bench_function(format!("decode_record_of_{claims}_claims"), |bencher| {
            let decode = records::decode::<StockBalance>;
            bencher.iter(|| decode(Format::CURRENT, black_box(&bytes)).unwrap());
        });
    }
    group.finish();
}

fn pages(criterion: &mut Criterion) {
    let packed = held(EVENTS_OF_A_COMMIT / 2);
    let plain = noise_like(&packed);
    for (kind, commit) in [("packed", packed), ("plain", plain)] {
        pages_of(criterion, kind, &commit);
    }
}

fn pages_of(criterion: &mut Criterion, kind: &str, commit: &[Vec<u8>]) {
    let bytes = commit.iter().map(|event| event.len() as u64).sum();
    let seed = Chain::seed(Uuid::from_u128(7));
    let build = |put: &mut dyn FnMut(&[u8])| {
        let events = commit.iter().map(Vec::as_slice);
        paginate(Position(1), seed, events, |_, page| put(page)).unwrap()
    };
    let mut pages = Vec::new();
    build(&mut |page| pages.push(page.to_vec()));

    let mut group = criterion.benchmark_group("codec");
    let elements = commit.len() as u64;
    group.throughput(Throughput::ElementsAndBytes { elements, bytes });
    group.bench_function(format!("build_{kind}_pages_of_{elements}_events"), |bencher| {
        bencher.iter(|| {
            build(&mut |page| {
                black_box(page);
            })
        });
    });
    group.bench_function(format!("read_{kind}_pages_of_{elements}_events"), |bencher| {
        let mut scratch = Scratch::default();
        let mut count = |page| decode(page, &mut scratch).unwrap().events().count();
        bencher.iter(|| pages.iter().map(|page| count(page)).sum::<usize>());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = material::short();
    targets = events, records, pages
}
criterion_main!(benches);
