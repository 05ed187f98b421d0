//! How long a decision takes, together with following its event, and how long a calendar's answer: no
//! journal, no actors.
//!
//! Not here: what a command waits for besides; see `engine`.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use holdfast::domain::calendar::{
    self, Answer, Calendar, Date, General, NightRules, Question, Span,
};
use holdfast::domain::command::Intent;
use holdfast::domain::entity::{Aggregate, Context};
use holdfast::domain::ids::{
    EntityId, Position, ReservationId, ResourceKey, SalesOrderId, Version,
};
use holdfast::domain::name::CalendarId;
use holdfast::domain::reservation::{self, Reservation, Term};
use holdfast::domain::sales_order::{self, SalesOrder};
use holdfast::domain::stock_balance::{self, StockBalance};
use holdfast::domain::time::Timestamp;
use material::{
    NOW, claim, create_order, create_reservation, gap_after, stock_key, stock_with_claims,
    time_claim, time_claimed,
};
use uuid::Uuid;

const CLAIMS: [u64; 2] = [10, 100_000];
const LINES: usize = 3;
const MINUTE_MS: u64 = 60_000;
const MINUTES_OF_A_DAY: u64 = 24 * 60;
const FIRST_NIGHT: Date = Date(19_700);

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

/// One claim on a calendar, and its release, so that the calendar stays as it is: a copy of it would
/// share its pieces, and be dearer to change.
fn claims_on_time(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(1));
    let id = calendar_id();
    for claims in [0, 100_000] {
        let mut bay = material::bay_with_claims(claims);
        let claim = time_claim(u128::MAX / 2, gap_after(claims / 2));
        let release = calendar::Claim::release(claim.reservation, Version(2));
        let name = format!("calendar_claim_and_release_beside_{claims}_claims");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for wish in [&claim, &release] {
                    let command = calendar::Command::Claim(wish.clone());
                    let calendar = std::mem::take(&mut bay);
                    bay = decide_and_evolve(calendar, command, context(&id, Version(claims + 1)));
                }
            });
        });
    }
    group.finish();
}

fn calendar_id() -> EntityId {
    EntityId::Resource(ResourceKey::Calendar(CalendarId::new("BAY").unwrap()))
}

/// Two years of 50 rooms, of which stays of 1 to 7 nights take half.
fn half_full_hotel() -> Calendar {
    let mut hotel = Calendar::default();
    let created = material::calendar_created(50, General::Nights(NightRules::default()));
    hotel.evolve(&created, Version(1), NOW);
    for (room, nights) in (0..25).flat_map(|room| (0..26 * 7).map(move |nth| (room, nth))) {
        let (round, before) = (nights / 7, nights % 7);
        let check_in = FIRST_NIGHT.plus(room + round * 28 + before * (before + 1) / 2);
        let stay = Span::Nights { check_in, check_out: check_in.plus(before + 1) };
        let number = u128::from(room.unsigned_abs()) << 32 | u128::from(nights.unsigned_abs());
        hotel.evolve(&time_claimed(time_claim(number, stay)), Version(2), NOW);
    }
    hotel
}

/// A day on which every second minute is claimed, so that each is told for itself.
fn day_of_minutes() -> Calendar {
    let mut bay = material::bay_with_claims(0);
    for minute in (0..MINUTES_OF_A_DAY).step_by(2) {
        let start = NOW.plus_ms(minute * MINUTE_MS);
        let span = Span::Slots { start, end: start.plus_ms(MINUTE_MS) };
        bay.evolve(&time_claimed(time_claim(minute.into(), span)), Version(2), NOW);
    }
    bay
}

fn availability(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    let quarter = i64::from(FIRST_NIGHT.0) + 300;
    let day = NOW.0 as i64;
    let asked = [
        ("availability_of_90_nights", half_full_hotel(), (quarter, quarter + 90), 90),
        (
            "availability_of_a_day_of_1_minute_slots",
            day_of_minutes(),
            (day, day + (MINUTES_OF_A_DAY * MINUTE_MS) as i64),
            MINUTES_OF_A_DAY as usize,
        ),
    ];
    for (name, calendar, (from, to), count) in asked {
        let question = Question::Available { from, to, count };
        let answer = || calendar.answer(black_box(&question), NOW, Position(1_000));
        assert!(matches!(answer(), Answer::Available(pieces) if pieces.len() == count));
        group.bench_function(name, |bencher| bencher.iter(answer));
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
    targets = claims, claims_on_time, availability, commit, creation
}
criterion_main!(benches);
