//! What was stored is read back, whatever it was, and takes as little room as it should.

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use super::*;
use crate::domain::claim::{Blocker, Claim, Shortfall, StockFigures};
use crate::domain::claims::Claims;
use crate::domain::entity::{Aggregate, Creation};
use crate::domain::event::Fingerprint;
use crate::domain::ids::*;
use crate::domain::money::{Amount, Currency, UnitPrice};
use crate::domain::name::{Label, LineId, Location, Sku};
use crate::domain::process::Refusal;
use crate::domain::rejection::Shortage;
use crate::domain::request::{Remembered, Request};
use crate::domain::time::Timestamp;
use crate::domain::wanted::Wanted;
use crate::domain::{reservation, sales_order};

/// Small, large, and whatever lies between.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), 0..1_000u64, any::<u64>()]
}

fn time() -> impl Strategy<Value = Timestamp> {
    let near = 1_763_000_000_000..1_763_100_000_000u64;
    prop_oneof![near.boxed(), number().boxed()].prop_map(Timestamp)
}

fn position() -> impl Strategy<Value = Position> {
    number().prop_map(Position)
}

fn version() -> impl Strategy<Value = Version> {
    number().prop_map(Version)
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn label() -> impl Strategy<Value = Label> {
    "[a-zä]{0,30}".prop_map(|text| Label::new(&text).unwrap())
}

fn line_id() -> impl Strategy<Value = LineId> {
    "[a-z]{1,9}".prop_map(|text| LineId::new(&text).unwrap())
}

fn wanted() -> impl Strategy<Value = Wanted> {
    ("[A-Z]{1,12}", "[a-z]{0,5}").prop_map(|(sku, location)| {
        let (sku, location) = (Sku::new(&sku).unwrap(), Location::new(&location).unwrap());
        Wanted::Stock(StockKey { sku, location })
    })
}

prop_compose! {
    fn claim()(
        reservation in uuid(),
        reservation_version in version(),
        held in number(),
        deadline in option::of(time()),
        committed in number(),
    ) -> Claim {
        let reservation = ReservationId(reservation);
        Claim { reservation, reservation_version, held, deadline, committed }
    }
}

prop_compose! {
    /// Few, and more than are kept in a row.
    fn balance()(
        created in time(),
        updated in time(),
        on_hand in number(),
        held in number(),
        list in prop_oneof![vec(claim(), 0..4), vec(claim(), 60..90)],
    ) -> StockBalance {
        let mut claims = Claims::default();
        for claim in list {
            claims.insert(claim);
        }
        StockBalance { created, updated, on_hand, held, claims }
    }
}

prop_compose! {
    fn line()(id in line_id(), wanted in wanted(), quantity in number()) -> reservation::Line {
        reservation::Line { id, wanted, quantity }
    }
}

fn reservation_state() -> impl Strategy<Value = reservation::State> {
    use reservation::State::*;
    proptest::sample::select(vec![Held, Confirmed, Committed, Cancelled, Expired])
}

prop_compose! {
    fn used()(line in any::<u32>(), until in any::<i64>(), units in number()) -> reservation::Used {
        reservation::Used { line, until, units }
    }
}

prop_compose! {
    fn change()(
        lines in vec(line(), 0..4),
        id in uuid(),
        fingerprint: [u8; 16],
        version in version(),
    ) -> Arc<reservation::Change> {
        let (id, fingerprint) = (RequestId(id), Fingerprint(fingerprint));
        let request = Request { id, fingerprint };
        Arc::new(reservation::Change { lines: lines.into(), request, version })
    }
}

prop_compose! {
    fn reservation_details()(
        (state, lines, deadline) in (reservation_state(), vec(line(), 0..4), option::of(time())),
        (customer, external_reference, cancel_reason) in (label(), label(), label()),
        used in vec(used(), 0..3),
        attributes in btree_map(label(), label(), 0..3),
        owner in option::of(uuid()),
        (created, updated, claims_version) in (time(), time(), version()),
        change in option::of(change()),
    ) -> reservation::Details {
        reservation::Details {
            state,
            lines: lines.into(),
            used,
            deadline,
            customer,
            external_reference,
            attributes,
            owner: owner.map(SalesOrderId),
            cancel_reason,
            created,
            updated,
            claims_version,
            change,
        }
    }
}

fn reservation() -> impl Strategy<Value = Reservation> {
    option::of(reservation_details().prop_map(Arc::new)).prop_map(|details| Reservation { details })
}

fn order_state() -> impl Strategy<Value = sales_order::State> {
    use sales_order::State::*;
    proptest::sample::select(vec![Created, Confirmed, Delivered, Completed, Rejected, Cancelled])
}

prop_compose! {
    fn order_line()(line in line(), millionths in number(), minor in number()) -> sales_order::Line {
        let reservation::Line { id, wanted, quantity } = line;
        let unit_price = UnitPrice { millionths };
        let request = sales_order::LineRequest { id, wanted, quantity, unit_price };
        sales_order::Line { request, total: Amount { minor } }
    }
}

prop_compose! {
    fn shortage()(
        line in line(),
        available in number(),
        position in position(),
        figures in option::of((number(), number())),
    ) -> Shortage {
        let blocker = figures.map(|(on_hand, held)| Blocker::Stock(StockFigures { on_hand, held }));
        let shortfall = Shortfall { available, position, blocker };
        let reservation::Line { id, wanted, quantity } = line;
        Shortage { line: id, wanted, requested: quantity, shortfall }
    }
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::ReservationIdTaken),
        Just(Refusal::Overflow),
        vec(shortage(), 0..3).prop_map(Refusal::Short),
    ]
}

prop_compose! {
    fn order_details()(
        (state, lines, refusal) in (order_state(), vec(order_line(), 0..4), option::of(refusal())),
        (customer, cancel_reason) in (label(), label()),
        (minor, is_released) in (number(), any::<bool>()),
        (created, updated) in (time(), time()),
    ) -> sales_order::Details {
        sales_order::Details {
            state,
            customer,
            currency: Currency::new("EUR").unwrap(),
            lines: lines.into(),
            total: Amount { minor },
            refusal,
            cancel_reason,
            is_released,
            created,
            updated,
        }
    }
}

fn order() -> impl Strategy<Value = SalesOrder> {
    option::of(order_details().prop_map(Arc::new)).prop_map(|details| SalesOrder { details })
}

prop_compose! {
    fn request()(
        id in uuid(),
        fingerprint: [u8; 16],
        version in version(),
        position in position(),
        time in time(),
    ) -> Remembered {
        let (id, fingerprint) = (RequestId(id), Fingerprint(fingerprint));
        Remembered { id, fingerprint, version, position, time }
    }
}

/// With a creation that is the first request, that is another or forgotten one, or without one.
fn entity<A: Aggregate + std::fmt::Debug>(
    state: impl Strategy<Value = A>,
) -> impl Strategy<Value = Entity<A>> {
    let requests = vec(request(), 0..4);
    let begun = (0..3, any::<[u8; 16]>(), position());
    (state, version(), position(), position(), requests, begun).prop_map(
        |(state, version, position, landmark, requests, (kind, fingerprint, at))| {
            let creation = match (kind, requests.first()) {
                (0, _) => None,
                (1, Some(first)) => {
                    Some(Creation { fingerprint: first.fingerprint, position: first.position })
                }
                _ => Some(Creation { fingerprint: Fingerprint(fingerprint), position: at }),
            };
            let requests = std::collections::VecDeque::from(requests).into();
            Entity { state, version, position, landmark, creation, requests }
        },
    )
}

#[track_caller]
fn check<A: Recorded + PartialEq + std::fmt::Debug>(entity: &Entity<A>, cut: Index) {
    let record = encode(entity);
    assert_eq!(decode(Format::CURRENT, &record).as_ref(), Ok(entity));
    assert_eq!(summary::<A>(&record), Ok(entity.state.summary()));
    let cut = cut.index(record.len());
    assert!(decode::<A>(Format::CURRENT, &record[..cut]).is_err(), "cut to {cut} bytes");
    let longer = [&record[..], &[0]].concat();
    let trailing = Err(CodecError::Trailing { bytes: 1 });
    assert_eq!(decode::<A>(Format::CURRENT, &longer), trailing);
}

proptest! {
    #[test]
    fn any_balance_comes_back(entity in entity(balance()), cut: Index) {
        check(&entity, cut);
    }

    #[test]
    fn any_reservation_comes_back(entity in entity(reservation()), cut: Index) {
        check(&entity, cut);
    }

    #[test]
    fn any_order_comes_back(entity in entity(order()), cut: Index) {
        check(&entity, cut);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        for format in [Format::One, Format::Two] {
            let _ = decode::<StockBalance>(format, &bytes);
            let _ = decode::<Reservation>(format, &bytes);
            let _ = decode::<SalesOrder>(format, &bytes);
        }
    }
}

/// After some months of work.
const NOW: Timestamp = Timestamp(1_763_000_000_000);
const HERE: Position = Position(1_234_567_890);

fn request_of(n: u128) -> Remembered {
    Remembered {
        id: RequestId(Uuid::from_u128(u128::MAX - n)),
        fingerprint: Fingerprint([0xfe; 16]),
        version: Version(1),
        position: HERE,
        time: NOW,
    }
}

fn begun<A: Aggregate>(state: A) -> Entity<A> {
    let request = request_of(1);
    Entity {
        state,
        version: Version(1),
        position: HERE,
        landmark: Position::START,
        creation: Some(Creation { fingerprint: request.fingerprint, position: HERE }),
        requests: std::collections::VecDeque::from([request]).into(),
    }
}

fn ten_letters() -> Wanted {
    let (sku, location) = (Sku::new("SKU-000123").unwrap(), Location::new("").unwrap());
    Wanted::Stock(StockKey { sku, location })
}

fn held() -> reservation::Details {
    let line = reservation::Line { id: LineId::counted(0), wanted: ten_letters(), quantity: 2 };
    reservation::Details {
        state: reservation::State::Held,
        lines: [line].into(),
        used: Vec::new(),
        deadline: Some(NOW.plus_ms(reservation::HOLD_MS_DEFAULT)),
        customer: Label::empty(),
        external_reference: Label::empty(),
        attributes: Default::default(),
        owner: None,
        cancel_reason: Label::empty(),
        created: NOW,
        updated: NOW,
        claims_version: Version(1),
        change: None,
    }
}

#[test]
fn a_hold_of_one_line_takes_74_bytes() {
    let hold = begun(Reservation { details: Some(Arc::new(held())) });
    assert_eq!(encode(&hold).len(), 74);
}

#[test]
fn a_claim_takes_22_bytes_beside_the_others_of_its_balance() {
    let with = |claims: u128| {
        let mut balance = StockBalance { created: NOW, updated: NOW, ..Default::default() };
        for n in 0..claims {
            let reservation = ReservationId(Uuid::from_u128(n << 64));
            let deadline = Some(NOW.plus_ms(reservation::HOLD_MS_DEFAULT));
            let nothing = Claim::release(reservation, Version(1));
            balance.claims.insert(Claim { held: 2, deadline, ..nothing });
        }
        encode(&begun(balance)).len()
    };
    assert_eq!((with(101) - with(1)) / 100, 22);
    // The longest hold that there is.
    let mut balance = StockBalance { created: NOW, updated: NOW, ..Default::default() };
    let before = encode(&begun(balance.clone())).len();
    let claim = Claim::release(ReservationId(Uuid::nil()), Version(1));
    let deadline = Some(NOW.plus_ms(reservation::HOLD_MS_MAX));
    balance.claims.insert(Claim { held: u64::MAX, deadline, ..claim });
    assert_eq!(encode(&begun(balance)).len() - before, 33);
}

#[test]
fn an_order_of_one_line_takes_83_bytes() {
    let line = held().lines[0].clone();
    let unit_price = UnitPrice { millionths: 6_950_000 };
    let reservation::Line { id, wanted, quantity } = line;
    let request = sales_order::LineRequest { id, wanted, quantity, unit_price };
    let total = Amount { minor: 1_390 };
    let details = sales_order::Details {
        state: sales_order::State::Completed,
        customer: Label::empty(),
        currency: Currency::new("EUR").unwrap(),
        lines: [sales_order::Line { request, total }].into(),
        total,
        refusal: None,
        cancel_reason: Label::empty(),
        is_released: false,
        created: NOW,
        updated: NOW.plus_ms(3),
    };
    let order = begun(SalesOrder { details: Some(Arc::new(details)) });
    let order = Entity { version: Version(5), position: Position(HERE.0 + 9), ..order };
    assert_eq!(encode(&order).len(), 83);
}

#[test]
fn a_format_is_known_by_its_number_and_a_later_one_is_not() {
    for format in [Format::One, Format::Two] {
        assert_eq!(Format::numbered(format.number().into()), Some(format));
    }
    assert_eq!(Format::numbered(0), None);
    assert_eq!(Format::numbered(u32::from(Format::CURRENT.number()) + 1), None);
    assert_eq!(Format::numbered(0x102), None);
}
