//! How long a decision takes, together with following its event: no journal, no actors.
//!
//! Not here: what a command waits for besides; see `engine`.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use holdfast::domain::command::Intent;
use holdfast::domain::entity::{Aggregate, Context};
use holdfast::domain::ids::{
    EntityId, Position, ReservationId, ResourceKey, SalesOrderId, Version,
};
use holdfast::domain::reservation::{self, Reservation, Term};
use holdfast::domain::sales_order::{self, SalesOrder};
use holdfast::domain::stock_balance::{self, StockBalance};
use holdfast::domain::time::Timestamp;
use material::{NOW, claim, create_order, create_reservation, stock_key, stock_with_claims};
use uuid::Uuid;

const CLAIMS: [u64; 2] = [10, 100_000];
const LINES: usize = 3;

fn context(id: &EntityId, version: Version) -> Context<'_> {
    Context {
        id,
        version,
        now: NOW,
        log_position: Position(1_000),
        issuer: None,
        request: None,
        intent: Intent::Execute,
    }
}

/// Decides, and follows whatever was decided; gives the state after it.
fn decide_and_evolve<A: Aggregate>(
    mut state: A,
    command: A::Command,
    mut context: Context<'_>,
) -> A {
    let decision = state.decide(&mut A::Transient::default(), command, &context);
    assert!(!decision.events.is_empty());
    for event in &decision.events {
        context.version = context.version.next();
        state.evolve(event, context.version, context.now);
    }
    black_box(decision.messages);
    state
}

fn claims(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(1));
    let id = EntityId::Resource(ResourceKey::Stock(stock_key(0)));
    for claims in CLAIMS {
        let stock = stock_with_claims(claims);
        group.bench_function(format!("stock_claim_beside_{claims}_claims"), |bencher| {
            bencher.iter_batched(
                || (stock.clone(), stock_balance::Command::Claim(claim(u64::MAX))),
                |(stock, command): (StockBalance, _)| {
                    decide_and_evolve(stock, command, context(&id, Version(claims + 1)))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// A reservation that exists.
fn reserved() -> Reservation {
    let create = create_reservation(LINES, Term::Confirmed);
    let created = reservation::Event::Created {
        lines: create.lines,
        deadline: None,
        customer: create.customer,
        external_reference: create.external_reference,
        attributes: create.attributes,
        owner: create.owner,
    };
    let mut reservation = Reservation::default();
    reservation.evolve(&created, Version(1), Timestamp(1));
    reservation
}

fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(1));
    let id = EntityId::Reservation(ReservationId(Uuid::from_u128(1)));
    group.bench_function(format!("reservation_commit_of_{LINES}_lines"), |bencher| {
        bencher.iter_batched(
            reserved,
            |reservation| {
                let command = reservation::Command::Commit;
                decide_and_evolve(reservation, command, context(&id, Version(1)))
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn creation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(1));
    let id = EntityId::SalesOrder(SalesOrderId(Uuid::from_u128(1)));
    group.bench_function(format!("sales_order_creation_of_{LINES}_lines"), |bencher| {
        bencher.iter_batched(
            || sales_order::Command::Create(create_order(LINES)),
            |command| decide_and_evolve(SalesOrder::default(), command, context(&id, Version(0))),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = material::short();
    targets = claims, commit, creation
}
criterion_main!(benches);
