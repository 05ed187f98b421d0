//! What benches are made of: names, claims, orders and events as a shop would have them.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use holdfast::codec::v1;
use holdfast::domain::calendar::{
    self, Calendar, ClaimLine, General, Part, SlotRules, Span, Standing,
};
use holdfast::domain::claim::Claim;
use holdfast::domain::entity::Aggregate;
use holdfast::domain::event::{Body, Event, Fingerprint, Origin, RequestMark};
use holdfast::domain::ids::*;
use holdfast::domain::money::{Currency, UnitPrice};
use holdfast::domain::name::{Label, LineId, Location, Sku, TenantId, ZoneName};
use holdfast::domain::reservation::{self, Term};
use holdfast::domain::sales_order;
use holdfast::domain::stock_balance::{self, StockBalance};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use uuid::Uuid;

/// When everything here happens.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// A quarter of an hour.
const QUARTER_MS: u64 = 15 * 60 * 1_000;

/// Few samples: enough to see a change of a tenth, in seconds rather than minutes.
pub fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

pub fn stock_key(number: usize) -> StockKey {
    let sku = Sku::new(&format!("PRODUCT-{number:06}")).unwrap();
    StockKey { sku, location: Location::new("").unwrap() }
}

pub fn claim(reservation: u64) -> Claim {
    Claim {
        reservation: ReservationId(Uuid::from_u128(u128::from(reservation))),
        reservation_version: Version(1),
        held: 2,
        deadline: Some(NOW.plus_ms(60_000)),
        committed: 0,
    }
}

/// A balance with so many claims on it, and units left.
pub fn stock_with_claims(claims: u64) -> StockBalance {
    let mut stock = StockBalance::default();
    let received =
        stock_balance::Event::Received { quantity: claims * 4 + 10, reference: Label::empty() };
    stock.evolve(&received, Version(1), NOW);
    for number in 1..=claims {
        stock.evolve(&stock_balance::Event::ClaimMade(claim(number)), Version(number + 1), NOW);
    }
    stock
}

/// A quarter of an hour, with as long before the next.
pub fn slot(number: u64) -> Span {
    let start = NOW.plus_ms(number * 2 * QUARTER_MS);
    Span::Slots { start, end: start.plus_ms(QUARTER_MS) }
}

/// The quarter of an hour after a slot.
pub fn gap_after(number: u64) -> Span {
    let start = NOW.plus_ms((number * 2 + 1) * QUARTER_MS);
    Span::Slots { start, end: start.plus_ms(QUARTER_MS) }
}

/// One unit of a calendar, held.
pub fn time_claim(reservation: u128, span: Span) -> calendar::Claim {
    calendar::Claim {
        reservation: ReservationId(Uuid::from_u128(reservation)),
        reservation_version: Version(1),
        deadline: Some(NOW.plus_ms(60_000)),
        lines: Arc::new([ClaimLine { id: LineId::counted(0), span, held: 1, committed: 0 }]),
        change: None,
    }
}

/// What a claim that was granted is from then on.
pub fn time_claimed(claim: calendar::Claim) -> calendar::Event {
    let calendar::Claim { reservation, reservation_version, deadline, lines, .. } = claim;
    let parts = lines.iter().map(|line| Part { line: line.clone(), turnover_ms: 0 }).collect();
    calendar::Event::ClaimMade(Standing { reservation, reservation_version, deadline, parts })
}

pub fn calendar_created(capacity: u32, general: General) -> calendar::Event {
    let zone = ZoneName::new("Europe/Lisbon").unwrap();
    calendar::Event::Created(Arc::new(calendar::Create { zone, capacity, general }))
}

/// A calendar for one at a time, with a claim on each of so many slots, by reservations with random
/// ids, from a seed that is always the same.
pub fn bay_with_claims(claims: u64) -> Calendar {
    let mut random = StdRng::seed_from_u64(7);
    let mut bay = Calendar::default();
    let created = calendar_created(1, General::Slots(SlotRules::default()));
    bay.evolve(&created, Version(1), NOW);
    for number in 0..claims {
        let claimed = time_claimed(time_claim(random.random(), slot(number)));
        bay.evolve(&claimed, Version(number + 2), NOW);
    }
    bay
}

pub fn create_reservation(lines: usize, term: Term) -> reservation::Create {
    let line = |number| reservation::Line {
        id: LineId::counted(number),
        wanted: Wanted::Stock(stock_key(number)),
        quantity: 2,
    };
    reservation::Create {
        lines: (0..lines).map(line).collect(),
        term,
        customer: Label::new("customer 17").unwrap(),
        external_reference: Label::empty(),
        attributes: Default::default(),
        owner: None,
    }
}

pub fn create_order(lines: usize) -> sales_order::Create {
    let line = |number| sales_order::LineRequest {
        id: LineId::counted(number),
        wanted: Wanted::Stock(stock_key(number)),
        quantity: 2,
        unit_price: UnitPrice { millionths: 6_950_000 },
    };
    sales_order::Create {
        customer: Label::new("customer 17").unwrap(),
        currency: Currency::new("GBP").unwrap(),
        lines: (0..lines).map(line).collect(),
    }
}

/// The events' usual circumstances, around a body.
pub fn event(id: EntityId, body: Body) -> Event {
    let origin = Origin {
        principal: Label::new("anonymous").unwrap(),
        source: Label::new("holdfast-cli/0.1.0").unwrap(),
        correlation_id: Uuid::from_u128(77),
    };
    Event {
        position: Position(1_000_000),
        stream: EntityKey { tenant: TenantId::default_tenant(), id },
        version: Version(17),
        previous: Position(999_900),
        landmark: Position::START,
        time: NOW,
        origin: Arc::new(origin),
        causation_id: Some(Uuid::from_u128(78)),
        request: None,
        body,
    }
}

/// A claim that was made: the most frequent event, and a short one.
pub fn claim_made() -> Event {
    let id = EntityId::Resource(ResourceKey::Stock(stock_key(1)));
    event(id, Body::StockBalance(stock_balance::Event::ClaimMade(claim(7))))
}

/// The events of reservations of one unit, two of each: ids and SKUs are random, from a seed that
/// is always the same, and the rest is alike.
pub fn events_of_holds(reservations: usize) -> Vec<Event> {
    let mut random = StdRng::seed_from_u64(7);
    (0..reservations).flat_map(|_| events_of_a_hold(&mut random)).collect()
}

/// The same, encoded.
pub fn held(reservations: usize) -> Vec<Vec<u8>> {
    events_of_holds(reservations).iter().map(encoded).collect()
}

fn events_of_a_hold(random: &mut StdRng) -> [Event; 2] {
    let key = stock_key(random.random_range(0..100_000));
    let reservation = ReservationId(random_id(random));
    let request_id = random_id(random);
    let request = RequestMark {
        id: RequestId(request_id),
        fingerprint: Fingerprint(random.random()),
        forgets: 0,
    };
    let claim = Claim { reservation, held: 1, ..claim(0) };
    let claimed = Body::StockBalance(stock_balance::Event::ClaimMade(claim));
    let claimed = event(EntityId::Resource(ResourceKey::Stock(key.clone())), claimed);
    let created = reservation::Event::Created {
        lines: Arc::new([reservation::Line {
            id: LineId::counted(0),
            wanted: Wanted::Stock(key),
            quantity: 1,
        }]),
        deadline: claim.deadline,
        customer: Label::empty(),
        external_reference: Label::empty(),
        attributes: Default::default(),
        owner: None,
    };
    let created = event(EntityId::Reservation(reservation), Body::Reservation(created));
    [Event { request: None, ..claimed }, Event { request: Some(request), ..created }].map(|it| {
        let origin = Origin { correlation_id: request_id, ..(*it.origin).clone() };
        Event { origin: Arc::new(origin), causation_id: None, ..it }
    })
}

fn random_id(random: &mut StdRng) -> Uuid {
    uuid::Builder::from_random_bytes(random.random()).into_uuid()
}

/// Random bytes in the place of each event.
pub fn noise_like(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(7);
    let mut noise = events.to_vec();
    noise.iter_mut().for_each(|event| random.fill_bytes(event));
    noise
}

/// The bytes of an event.
pub fn encoded(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    v1::encode_event(event, &mut bytes);
    bytes
}

/// An order that was placed: a longer event, with the command behind it.
pub fn order_created(lines: usize) -> Event {
    let sales_order::Create { customer, currency, lines } = create_order(lines);
    let priced = lines.into_iter().map(|request| {
        let total = request.unit_price.line_total(request.quantity, currency).unwrap();
        sales_order::Line { request, total }
    });
    let lines: Arc<[_]> = priced.collect();
    let total =
        lines.iter().try_fold(Default::default(), |sum: holdfast::domain::money::Amount, line| {
            sum.checked_add(line.total)
        });
    let body = sales_order::Event::Created { customer, currency, lines, total: total.unwrap() };
    let request = RequestMark {
        id: RequestId(Uuid::from_u128(79)),
        fingerprint: Fingerprint([7; 16]),
        forgets: 0,
    };
    let id = EntityId::SalesOrder(SalesOrderId(Uuid::from_u128(5)));
    Event { request: Some(request), causation_id: None, ..event(id, Body::SalesOrder(body)) }
}
