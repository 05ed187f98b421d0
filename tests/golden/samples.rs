//! At least one of everything that is stored.

use std::num::NonZeroU64;
use std::sync::Arc;

use holdfast::domain::calendar::{self, Calendar};
use holdfast::domain::claim::{Blocker, Claim, Shortfall, StockFigures};
use holdfast::domain::command::Command;
use holdfast::domain::entity::{Aggregate, Entity};
use holdfast::domain::event::{Body, Event, Fingerprint, Origin, RequestMark};
use holdfast::domain::ids::*;
use holdfast::domain::money::{Amount, Currency, UnitPrice};
use holdfast::domain::name::*;
use holdfast::domain::process::Refusal;
use holdfast::domain::rejection::Shortage;
use holdfast::domain::request::Request;
use holdfast::domain::reservation::{self, CommitLine, End, LinePart, Reservation, Term};
use holdfast::domain::sales_order::{self, SalesOrder};
use holdfast::domain::stock_balance::{self, Adjustment, StockBalance};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use holdfast::recovery::AnyEntity;
use uuid::Uuid;

use super::times;

const NOON: Timestamp = Timestamp(1_700_000_000_000);
const LATER: Timestamp = Timestamp(1_700_000_900_000);

fn uuid(byte: u8) -> Uuid {
    Uuid::from_bytes([byte; 16])
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn stock_key(sku: &str, location: &str) -> StockKey {
    let (sku, location) = (Sku::new(sku).unwrap(), Location::new(location).unwrap());
    StockKey { sku, location }
}

fn stock(sku: &str, location: &str) -> ResourceKey {
    ResourceKey::Stock(stock_key(sku, location))
}

fn wanted_stock(sku: &str, location: &str) -> Wanted {
    Wanted::Stock(stock_key(sku, location))
}

fn reservation() -> ReservationId {
    ReservationId(uuid(0xaa))
}

fn order() -> SalesOrderId {
    SalesOrderId(uuid(0xbb))
}

fn key(id: EntityId) -> EntityKey {
    EntityKey { tenant: TenantId::new("shop-1").unwrap(), id }
}

pub fn keys() -> Vec<(&'static str, EntityKey)> {
    vec![
        ("stock", key(EntityId::Resource(stock("85123A", "")))),
        ("stock elsewhere", key(EntityId::Resource(stock("BANK CHARGES", "größe")))),
        ("reservation", key(EntityId::Reservation(reservation()))),
        ("sales order", key(EntityId::SalesOrder(order()))),
        ("calendar", key(EntityId::Resource(calendar()))),
    ]
}

fn wish(version: u64, held: u64, committed: u64) -> Claim {
    Claim {
        held,
        committed,
        deadline: (held > 0).then_some(LATER),
        ..Claim::release(reservation(), Version(version))
    }
}

fn wanted() -> Vec<reservation::Line> {
    vec![
        reservation::Line { id: LineId::counted(0), wanted: wanted_stock("A", ""), quantity: 2 },
        reservation::Line {
            id: LineId::new("gift").unwrap(),
            wanted: wanted_stock("B", "x"),
            quantity: 300,
        },
    ]
}

fn to_create(term: Term) -> reservation::Create {
    reservation::Create {
        lines: wanted().into(),
        term,
        customer: label("ada"),
        external_reference: label("cart-7"),
        attributes: [(label("channel"), label("web")), (label("a"), label(""))].into(),
        owner: None,
    }
}

fn calendar() -> ResourceKey {
    ResourceKey::Calendar(times::calendar("BAY 7"))
}

/// Lines of every kind.
fn mixed() -> Vec<reservation::Line> {
    let stock = reservation::Line { id: LineId::counted(2), ..wanted().swap_remove(0) };
    times::lines().into_iter().chain([stock]).collect()
}

fn created(deadline: Option<Timestamp>, owner: Option<SalesOrderId>) -> reservation::Event {
    created_of(to_create(Term::Confirmed), deadline, owner)
}

fn created_of(
    create: reservation::Create,
    deadline: Option<Timestamp>,
    owner: Option<SalesOrderId>,
) -> reservation::Event {
    let reservation::Create { lines, customer, external_reference, attributes, .. } = create;
    reservation::Event::Created { lines, deadline, customer, external_reference, attributes, owner }
}

fn line(quantity: u64, millionths: u64) -> sales_order::LineRequest {
    sales_order::LineRequest {
        id: LineId::counted(0),
        wanted: wanted_stock("A", ""),
        quantity,
        unit_price: UnitPrice { millionths },
    }
}

fn gbp() -> Currency {
    Currency::new("GBP").unwrap()
}

fn shortage(blocker: Option<Blocker>) -> Shortage {
    let shortfall = Shortfall { available: 1, position: Position(70_000), blocker };
    Shortage { line: LineId::counted(0), wanted: wanted_stock("A", ""), requested: 2, shortfall }
}

fn short() -> Refusal {
    let figures = StockFigures { on_hand: 4, held: 3 };
    Refusal::Short(vec![shortage(None), shortage(Some(Blocker::Stock(figures)))])
}

fn stock_events() -> Vec<stock_balance::Event> {
    use stock_balance::Event::*;
    vec![
        Received { quantity: 5, reference: label("dock 4") },
        Received { quantity: stock_balance::QUANTITY_MAX, reference: label("") },
        Adjusted { on_hand: 260, delta: -3, reason: label("count") },
        ClaimMade(wish(1, 2, 0)),
        ClaimChanged(Claim { deadline: None, ..wish(2, 2, 0) }),
        ClaimCommitted(wish(4, 0, 2)),
        ClaimReleased { claim: wish(3, 0, 0), released: 2 },
    ]
}

fn reservation_events() -> Vec<reservation::Event> {
    use reservation::Event::*;
    vec![
        created(Some(LATER), None),
        created(None, Some(order())),
        Extended { deadline: LATER },
        Confirmed,
        Committed,
        Cancelled { reason: label("no more") },
        Expired { deadline: LATER },
    ]
}

/// What came with changes of lines.
fn change_events() -> Vec<reservation::Event> {
    use reservation::Event::*;
    let RequestMark { id, fingerprint, .. } = mark(0xef);
    let request = Request { id, fingerprint };
    vec![
        ChangeStarted { lines: mixed().into(), request },
        Changed { lines: mixed().into() },
        ChangeRefused,
    ]
}

fn order_events() -> Vec<sales_order::Event> {
    use sales_order::Event::*;
    let lines = [line(2, 6_950_000), line(1, 1)];
    let totals = [1_390, 0];
    let lines = lines
        .into_iter()
        .zip(totals)
        .map(|(request, minor)| sales_order::Line { request, total: Amount { minor } });
    let lines: Arc<[_]> = lines.collect();
    let total = Amount { minor: 1_390 };
    vec![
        Created { customer: label("ada"), currency: gbp(), lines, total },
        Reserved { reservation: reservation() },
        Rejected(short()),
        Rejected(Refusal::ReservationIdTaken),
        Rejected(Refusal::Overflow),
        Confirmed,
        Delivered,
        Completed,
        Cancelled { reason: label("no more") },
        Released,
    ]
}

fn mark(byte: u8) -> RequestMark {
    let fingerprint = Fingerprint([byte; 16]);
    RequestMark { id: RequestId(uuid(byte)), fingerprint, forgets: u32::from(byte) }
}

fn event(id: EntityId, nth: usize, body: Body) -> Event {
    let nth = nth as u64;
    let origin = Origin {
        principal: label("anonymous"),
        source: label("test/1.0"),
        correlation_id: uuid(0xcc),
    };
    Event {
        position: Position(1_000 + nth),
        stream: key(id),
        version: Version(nth + 1),
        previous: if nth == 0 { Position::START } else { Position(999 - 200 * (nth % 10) / 2) },
        landmark: if nth == 2 { Position(17) } else { Position::START },
        time: Timestamp(NOON.0 + nth),
        origin: Arc::new(origin),
        causation_id: (nth % 2 == 1).then(|| uuid(0xdd)),
        request: nth.is_multiple_of(2).then(|| mark(0xee)),
        body,
    }
}

pub fn events() -> Vec<Event> {
    let stock = stock_events().into_iter().enumerate().map(|(nth, said)| {
        event(EntityId::Resource(stock("A", "")), nth, StockBalance::into_body(said))
    });
    let holds = reservation_events().into_iter().enumerate().map(|(nth, said)| {
        event(EntityId::Reservation(reservation()), nth, Reservation::into_body(said))
    });
    let orders = order_events()
        .into_iter()
        .enumerate()
        .map(|(nth, said)| event(EntityId::SalesOrder(order()), nth, SalesOrder::into_body(said)));
    let times = times::events()
        .into_iter()
        .enumerate()
        .map(|(nth, said)| event(EntityId::Resource(calendar()), nth, Calendar::into_body(said)));
    let mixed = reservation::Create { lines: mixed().into(), ..to_create(Term::Confirmed) };
    let mixed = event(
        EntityId::Reservation(reservation()),
        7,
        Reservation::into_body(created_of(mixed, None, None)),
    );
    let refused = sales_order::Event::Rejected(Refusal::Short(times::shortages()));
    let refused = event(EntityId::SalesOrder(order()), 10, SalesOrder::into_body(refused));
    let used = used_in_parts().into_iter().zip(8..).map(|(said, nth)| {
        event(EntityId::Reservation(reservation()), nth, Reservation::into_body(said))
    });
    let changes = (8..).zip(change_events()).map(|(nth, said)| {
        event(EntityId::Reservation(reservation()), nth, Reservation::into_body(said))
    });
    let widened = (14..)
        .zip(times::widened())
        .map(|(nth, said)| event(EntityId::Resource(calendar()), nth, Calendar::into_body(said)));
    let known = stock.chain(holds).chain(orders).chain(times).chain([mixed, refused]);
    known.chain(used).chain(changes).chain(widened).collect()
}

/// Two commits of a part of `mixed`, after which something is left.
fn used_in_parts() -> [reservation::Event; 2] {
    let part = |nth, span, quantity| LinePart { line: LineId::counted(nth), span, quantity };
    let first = [part(0, Some(times::stay(0, 2)), 1), part(2, None, 1)];
    let second = [part(0, Some(times::stay(2, 1)), 1), part(1, Some(times::slot(0, 33)), 1)];
    let used = |parts: [LinePart; 2], is_final| reservation::Event::CommittedInPart {
        parts: parts.into(),
        is_final,
    };
    [used(first, false), used(second, true)]
}

/// What becomes of an entity of some kind.
fn lived<A: Aggregate>(
    events: impl IntoIterator<Item = A::Event>,
    mark: impl Fn(u64) -> (Timestamp, Option<RequestMark>),
) -> Box<Entity<A>> {
    let mut entity = Box::<Entity<A>>::default();
    for (nth, event) in (1..).zip(events) {
        let (time, mark) = mark(nth);
        entity.evolve(&event, time);
        entity.placed(Position(nth * 300), 1, mark.as_ref(), time);
    }
    entity
}

fn requested(nth: u64) -> (Timestamp, Option<RequestMark>) {
    (Timestamp(NOON.0 + nth), Some(mark(u8::try_from(nth).unwrap())))
}

fn balance(events: impl IntoIterator<Item = stock_balance::Event>) -> AnyEntity {
    AnyEntity::StockBalance(lived(events, requested))
}

fn hold(events: impl IntoIterator<Item = reservation::Event>) -> AnyEntity {
    AnyEntity::Reservation(lived(events, requested))
}

fn placed(events: impl IntoIterator<Item = sales_order::Event>) -> AnyEntity {
    AnyEntity::SalesOrder(lived(events, requested))
}

fn times_of(events: impl IntoIterator<Item = calendar::Event>) -> AnyEntity {
    AnyEntity::Calendar(lived(events, requested))
}

/// An entity in each state that it may be stored in.
pub fn entities() -> Vec<(&'static str, AnyEntity)> {
    use stock_balance::Event::{ClaimMade, Received};
    let received = || Received { quantity: 500, reference: label("dock 4") };
    let other = Claim { reservation: ReservationId(uuid(0xab)), ..wish(1, 7, 0) };
    let held = |event| hold([created(Some(LATER), None)].into_iter().chain(event));
    let ordered = |nth: Option<usize>| {
        let all = order_events();
        placed([0].into_iter().chain(nth).map(|nth| all[nth].clone()).collect::<Vec<_>>())
    };
    let many = (0..260).map(|_| received());
    vec![
        ("no stock", balance([])),
        ("stock", balance([received()])),
        ("stock with claims", balance([received(), ClaimMade(other), ClaimMade(wish(1, 2, 0))])),
        ("a hold", held(None)),
        ("an order's reservation", hold([created(None, Some(order()))])),
        ("a confirmed reservation", held(Some(reservation::Event::Confirmed))),
        ("a committed reservation", held(Some(reservation::Event::Committed))),
        (
            "a cancelled reservation",
            held(Some(reservation::Event::Cancelled { reason: label("no") })),
        ),
        ("an expired reservation", held(Some(reservation::Event::Expired { deadline: LATER }))),
        ("an order", ordered(None)),
        ("a rejected order", ordered(Some(2))),
        ("a confirmed order", ordered(Some(5))),
        ("a completed order", ordered(Some(7))),
        ("a cancelled order", ordered(Some(8))),
        (LANDMARK, AnyEntity::StockBalance(lived(many, |_| (NOON, None)))),
        ("no calendar", times_of([])),
        ("a calendar of slots", times_of(times::history())),
        ("a calendar of nights", times_of([calendar::Event::Created(Arc::new(times::nights()))])),
        ("a reservation of which a part is used", hold(in_parts(1))),
        ("a reservation of which a part was used", hold(in_parts(2))),
        ("a calendar with a claim in pieces", times_of(times::in_pieces())),
        ("a reservation that is being changed", held(change_events().into_iter().next())),
        (
            "a calendar with a claim that is being changed",
            times_of(
                times::history().into_iter().take(5).chain(times::widened().into_iter().take(1)),
            ),
        ),
    ]
}

/// A mixed reservation, and so many commits of a part of it.
fn in_parts(count: usize) -> impl Iterator<Item = reservation::Event> {
    let mixed = reservation::Create { lines: mixed().into(), ..to_create(Term::Confirmed) };
    [created_of(mixed, None, None)].into_iter().chain(used_in_parts().into_iter().take(count))
}

/// One of which only the digest is compared.
pub const LANDMARK: &str = "the digest of a record with a landmark";

pub fn commands() -> Vec<(&'static str, Command)> {
    use reservation::Command as Hold;
    let adjust = |to| stock_balance::Command::Adjust { to, reason: label("count") };
    let stock = [
        ("receive", stock_balance::Command::Receive { quantity: 5, reference: label("dock 4") }),
        ("adjust by", adjust(Adjustment::By(-3))),
        ("adjust to", adjust(Adjustment::Counted(260))),
    ];
    let holds = [
        ("create for", Hold::Create(to_create(Term::For(900_000)))),
        ("create until", Hold::Create(to_create(Term::Until(LATER)))),
        ("create confirmed", Hold::Create(to_create(Term::Confirmed))),
        (
            "create for an order",
            Hold::Create(reservation::Create {
                owner: Some(order()),
                ..to_create(Term::Confirmed)
            }),
        ),
        ("confirm", Hold::Confirm),
        ("commit", Hold::Commit),
        ("cancel", Hold::Cancel { reason: label("no more") }),
        ("extend", Hold::Extend(Term::For(60_000))),
    ];
    let create = sales_order::Create {
        customer: label("ada"),
        currency: gbp(),
        lines: vec![line(2, 6_950_000)],
    };
    let orders = [
        ("create order", sales_order::Command::Create(create)),
        ("cancel order", sales_order::Command::Cancel { reason: label("no more") }),
    ];
    let stock = stock.into_iter().map(|(name, said)| (name, Command::StockBalance(said)));
    let holds = holds.into_iter().map(|(name, said)| (name, Command::Reservation(said)));
    let orders = orders.into_iter().map(|(name, said)| (name, Command::SalesOrder(said)));
    let mixed = reservation::Create { lines: mixed().into(), ..to_create(Term::Confirmed) };
    let mixed = ("create mixed", Command::Reservation(Hold::Create(mixed)));
    let set = calendar::Command::Set { setting: times::by_dates().into(), accept_conflicts: true };
    let times = [
        ("create calendar", calendar::Command::Create(times::slots().into())),
        ("set", set),
        ("retire", calendar::Command::Retire),
    ];
    let times = times.into_iter().map(|(name, said)| (name, Command::Calendar(said)));
    let line = |nth, quantity, end| CommitLine {
        line: LineId::counted(nth),
        quantity: NonZeroU64::new(quantity),
        end,
    };
    let lines = [
        line(0, 1, Some(End::Date(times::MONDAY))),
        line(1, 0, Some(End::Time(LATER))),
        line(2, 300, None),
    ];
    let part = Hold::CommitPart { lines: lines.into(), is_final: false };
    let part = ("commit a part", Command::Reservation(part));
    let change = ("change", Command::Reservation(Hold::Change(self::mixed().into())));
    let known = stock.chain(holds).chain(orders).chain([mixed]).chain(times);
    known.chain([part, change]).collect()
}
