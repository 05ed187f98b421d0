//! Short words for the things that the facts are about.

use holdfast::domain::claim::*;
use holdfast::domain::command::{Command, Message};
use holdfast::domain::ids::*;
use holdfast::domain::money::{Currency, UnitPrice};
use holdfast::domain::name::*;
use holdfast::domain::reservation::{self, Term};
use holdfast::domain::sales_order::{self, Report};
use holdfast::domain::stock_balance::{self, Adjustment};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use uuid::Uuid;

/// When everything begins.
pub const NOON: Timestamp = Timestamp(1_700_000_000_000);

pub fn after_ms(span_ms: u64) -> Timestamp {
    Timestamp(NOON.0 + span_ms)
}

pub fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub fn wanted_sku(sku: &str) -> Wanted {
    let (sku, location) = (Sku::new(sku).unwrap(), Location::new("").unwrap());
    Wanted::Stock(StockKey { sku, location })
}

pub fn sku(sku: &str) -> ResourceKey {
    let (sku, location) = (Sku::new(sku).unwrap(), Location::new("").unwrap());
    ResourceKey::Stock(StockKey { sku, location })
}

pub fn reservation(n: u128) -> ReservationId {
    ReservationId(Uuid::from_u128(n))
}

pub fn order(n: u128) -> SalesOrderId {
    SalesOrderId(Uuid::from_u128(n))
}

pub fn stock_id(name: &str) -> EntityId {
    EntityId::Resource(sku(name))
}

pub fn reservation_id(n: u128) -> EntityId {
    EntityId::Reservation(reservation(n))
}

pub fn order_id(n: u128) -> EntityId {
    EntityId::SalesOrder(order(n))
}

pub fn key(id: EntityId) -> EntityKey {
    EntityKey { tenant: TenantId::default_tenant(), id }
}

pub fn receive(quantity: u64) -> Command {
    Command::StockBalance(stock_balance::Command::Receive { quantity, reference: label("dock") })
}

pub fn received(quantity: u64) -> stock_balance::Event {
    stock_balance::Event::Received { quantity, reference: label("dock") }
}

pub fn adjust(to: Adjustment) -> Command {
    Command::StockBalance(stock_balance::Command::Adjust { to, reason: label("count") })
}

pub fn adjusted(on_hand: u64, delta: i64) -> stock_balance::Event {
    stock_balance::Event::Adjusted { on_hand, delta, reason: label("count") }
}

/// What reservation `n` wants at its version: so many held, without a deadline.
pub fn held(n: u128, version: u64, held: u64) -> Claim {
    Claim { held, ..Claim::release(reservation(n), Version(version)) }
}

pub fn committed(n: u128, version: u64, committed: u64) -> Claim {
    Claim { committed, ..held(n, version, 0) }
}

pub fn claim(claim: Claim) -> Command {
    Command::StockBalance(stock_balance::Command::Claim(claim))
}

pub fn check(claim: Claim) -> Command {
    Command::StockBalance(stock_balance::Command::Check(claim))
}

pub fn demand(claim: Claim) -> Command {
    Command::StockBalance(stock_balance::Command::Demand(claim))
}

/// What a resource is told.
pub fn tells(name: &str, wish: Claim) -> Message {
    Message { to: stock_id(name), command: claim(wish) }
}

/// What a resource is asked.
pub fn asks(name: &str, wish: Claim) -> Message {
    Message { to: stock_id(name), command: check(wish) }
}

/// What a resource is told that is to answer in any case.
pub fn demands(name: &str, wish: Claim) -> Message {
    Message { to: stock_id(name), command: demand(wish) }
}

/// What a reservation is answered by a resource.
pub fn answers(n: u128, name: &str, outcome: ClaimOutcome) -> Message {
    Message { to: reservation_id(n), command: answered(name, outcome) }
}

pub fn answered(name: &str, outcome: ClaimOutcome) -> Command {
    let answer = ClaimAnswer { resource: sku(name), outcome };
    Command::Reservation(reservation::Command::Answered(answer))
}

pub fn short(available: u64) -> ClaimOutcome {
    ClaimOutcome::Short(shortfall(available))
}

pub fn shortfall(available: u64) -> Shortfall {
    let stock = StockFigures { on_hand: 10, held: 10 - available.min(10) };
    Shortfall { available, position: Position(77), blocker: Some(Blocker::Stock(stock)) }
}

/// Lines counted from 1, each of a SKU.
pub fn lines(lines: &[(&str, u64)]) -> Vec<reservation::Line> {
    let line = |(n, (name, quantity)): (usize, &(&str, u64))| reservation::Line {
        id: LineId::counted(n),
        wanted: wanted_sku(name),
        quantity: *quantity,
    };
    lines.iter().enumerate().map(line).collect()
}

pub fn creation(wanted: &[(&str, u64)], term: Term) -> reservation::Create {
    reservation::Create {
        lines: lines(wanted).into(),
        term,
        customer: label("ada"),
        external_reference: label("cart-7"),
        attributes: [(label("channel"), label("web"))].into(),
        owner: None,
    }
}

pub fn create(wanted: &[(&str, u64)], term: Term) -> Command {
    Command::Reservation(reservation::Command::Create(creation(wanted, term)))
}

/// The event of a creation that had all its claims.
pub fn created(wanted: &[(&str, u64)], deadline: Option<Timestamp>) -> reservation::Event {
    let reservation::Create { lines, customer, external_reference, attributes, owner, .. } =
        creation(wanted, Term::Confirmed);
    reservation::Event::Created { lines, deadline, customer, external_reference, attributes, owner }
}

pub fn to_reservation(command: reservation::Command) -> Command {
    Command::Reservation(command)
}

pub fn cancel() -> Command {
    to_reservation(reservation::Command::Cancel { reason: label("no more") })
}

/// To have these lines from now on.
pub fn change(wanted: &[(&str, u64)]) -> Command {
    to_reservation(reservation::Command::Change(lines(wanted).into()))
}

pub fn order_lines(wanted: &[(&str, u64, u64)]) -> Vec<sales_order::LineRequest> {
    let line =
        |(n, (name, quantity, millionths)): (usize, &(&str, u64, u64))| sales_order::LineRequest {
            id: LineId::counted(n),
            wanted: wanted_sku(name),
            quantity: *quantity,
            unit_price: UnitPrice { millionths: *millionths },
        };
    wanted.iter().enumerate().map(line).collect()
}

/// An order of lines of SKU, quantity and unit price in millionths.
pub fn place(wanted: &[(&str, u64, u64)]) -> Command {
    Command::SalesOrder(sales_order::Command::Create(sales_order::Create {
        customer: label("ada"),
        currency: Currency::new("GBP").unwrap(),
        lines: order_lines(wanted),
    }))
}

pub fn cancel_order() -> Command {
    Command::SalesOrder(sales_order::Command::Cancel { reason: label("no more") })
}

pub fn report(report: Report) -> Command {
    Command::SalesOrder(sales_order::Command::Report(report))
}
