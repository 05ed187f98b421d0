//! The server's messages, as the model's words have to look in them, and the other way round.
//!
//! `requests`, `entities`, `refusals`: each kind of entity has its lines in all of them.
//!
//! Written without looking at how the server does it, so that it is checked too.

mod entities;
mod refusals;
mod requests;

use holdfast::domain::ids::*;
use holdfast::domain::money::{Amount, Currency, UnitPrice};
use holdfast::domain::name::{Location, Sku};
use holdfast::domain::time::Timestamp;
use holdfast::domain::{reservation, sales_order};
use holdfast::proto::{Money, v1};
use v1::sequenced_answer::Outcome;

pub use entities::entity;
pub use refusals::refusal;
pub use requests::command;

/// An entity as an answer tells it; nothing where there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Nothing,
    StockBalance(v1::StockBalance),
    Reservation(v1::Reservation),
    SalesOrder(v1::SalesOrder),
}

impl Told {
    pub fn version(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::StockBalance(balance) => balance.version,
            Self::Reservation(reservation) => reservation.version,
            Self::SalesOrder(order) => order.version,
        }
    }
}

fn time(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, ms) = (time.0 / 1_000, time.0 % 1_000);
    prost_types::Timestamp { seconds: seconds as i64, nanos: ms as i32 * 1_000_000 }
}

fn span(span_ms: u64) -> prost_types::Duration {
    let (seconds, ms) = (span_ms / 1_000, span_ms % 1_000);
    prost_types::Duration { seconds: seconds as i64, nanos: ms as i32 * 1_000_000 }
}

pub fn stock(key: &StockKey) -> v1::StockResource {
    v1::StockResource { sku: key.sku.to_string(), location: key.location.to_string() }
}

/// A balance that nobody else asks for.
pub fn some_stock() -> StockKey {
    StockKey { sku: Sku::new("first").unwrap(), location: Location::new("").unwrap() }
}

fn stock_of(resource: &ResourceKey) -> v1::StockResource {
    let ResourceKey::Stock(key) = resource else { panic!("{resource} is no stock") };
    stock(key)
}

fn key_of(stock: &v1::StockResource) -> StockKey {
    let (sku, location) = (Sku::new(&stock.sku).unwrap(), Location::new(&stock.location).unwrap());
    StockKey { sku, location }
}

fn price(price: UnitPrice, currency: Currency) -> Money {
    Money {
        currency_code: currency.code().to_owned(),
        units: (price.millionths / 1_000_000) as i64,
        nanos: (price.millionths % 1_000_000) as i32 * 1_000,
    }
}

fn amount(amount: Amount, currency: Currency) -> Money {
    let minor_of_a_unit = match currency.code() {
        "JPY" => 1,
        "KWD" => 1_000,
        _ => 100,
    };
    let nanos = amount.minor % minor_of_a_unit * (1_000_000_000 / minor_of_a_unit);
    let units = (amount.minor / minor_of_a_unit) as i64;
    Money { currency_code: currency.code().to_owned(), units, nanos: nanos as i32 }
}

fn reservation_line(line: &reservation::Line) -> v1::ReservationLine {
    v1::ReservationLine {
        line_id: line.id.to_string(),
        resource: Some(v1::reservation_line::Resource::Stock(stock_of(&line.wanted.resource()))),
        quantity: line.quantity,
    }
}

fn order_line(
    request: &sales_order::LineRequest,
    currency: Currency,
    total: Option<Amount>,
) -> v1::SalesOrderLine {
    v1::SalesOrderLine {
        line_id: request.id.to_string(),
        resource: Some(v1::sales_order_line::Resource::Stock(stock_of(&request.wanted.resource()))),
        quantity: request.quantity,
        unit_price: Some(price(request.unit_price, currency)),
        total: total.map(|total| amount(total, currency)),
    }
}

/// What an answer says: version, position, and the entity as it is now.
pub fn answer(outcome: Outcome) -> (Version, Position, Told) {
    macro_rules! told {
        ($($kind:ident $entity:ident $field:ident),*) => {
            match outcome {
                $(Outcome::$kind(answer) => (
                    Version(answer.version),
                    Position(answer.position),
                    answer.$field.map_or(Told::Nothing, Told::$entity),
                ),)*
                Outcome::Error(error) => unreachable!("the client gives errors as such: {error:?}"),
                calendar => unreachable!("no calendar is commanded here: {calendar:?}"),
            }
        };
    }
    told!(
        ReceiveStock StockBalance stock_balance,
        AdjustStock StockBalance stock_balance,
        CreateReservation Reservation reservation,
        ConfirmReservation Reservation reservation,
        CommitReservation Reservation reservation,
        CancelReservation Reservation reservation,
        ExtendReservation Reservation reservation,
        CreateSalesOrder SalesOrder sales_order,
        CancelSalesOrder SalesOrder sales_order
    )
}
