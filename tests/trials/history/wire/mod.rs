//! The server's messages, as the model's words have to look in them, and the other way round.
//!
//! `requests`, `entities`, `refusals`: each kind of entity has its lines in all of them. What is of
//! calendars alone is in `calendars` and `times`.
//!
//! Written without looking at how the server does it, so that it is checked too.

mod calendars;
mod entities;
mod refusals;
mod requests;
mod times;

use holdfast::domain::calendar::Span;
use holdfast::domain::ids::*;
use holdfast::domain::money::{Amount, Currency, UnitPrice};
use holdfast::domain::name::{Location, Sku};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use holdfast::domain::{reservation, sales_order};
use holdfast::proto::{Money, v1};
use v1::sequenced_answer::Outcome;

pub use entities::entity;
pub use refusals::refusal;
pub use requests::command;
pub use times::{available, check, fits, pieces};

/// An entity as an answer tells it; nothing where there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Nothing,
    StockBalance(v1::StockBalance),
    Reservation(v1::Reservation),
    SalesOrder(v1::SalesOrder),
    Calendar(v1::Calendar),
}

impl Told {
    pub fn version(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::StockBalance(balance) => balance.version,
            Self::Reservation(reservation) => reservation.version,
            Self::SalesOrder(order) => order.version,
            Self::Calendar(calendar) => calendar.version,
        }
    }
}

fn time(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, ms) = (time.0 / 1_000, time.0 % 1_000);
    prost_types::Timestamp { seconds: seconds as i64, nanos: ms as i32 * 1_000_000 }
}

fn instant(told: &prost_types::Timestamp) -> Timestamp {
    Timestamp(told.seconds as u64 * 1_000 + told.nanos as u64 / 1_000_000)
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

/// What a line is for, as one of three members of a message.
macro_rules! resource {
    ($module:ident, $wanted:expr) => {
        match $wanted {
            Wanted::Stock(key) => v1::$module::Resource::Stock(stock(key)),
            Wanted::Time { calendar, span: Span::Slots { start, end } } => {
                v1::$module::Resource::Slots(calendars::slots(calendar, *start, *end))
            }
            Wanted::Time { calendar, span: Span::Nights { check_in, check_out } } => {
                v1::$module::Resource::Nights(calendars::nights(calendar, *check_in, *check_out))
            }
        }
    };
}
use resource;

fn reservation_line(line: &reservation::Line) -> v1::ReservationLine {
    v1::ReservationLine {
        line_id: line.id.to_string(),
        resource: Some(resource!(reservation_line, &line.wanted)),
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
        resource: Some(resource!(sales_order_line, &request.wanted)),
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
        ChangeReservation Reservation reservation,
        CreateSalesOrder SalesOrder sales_order,
        CancelSalesOrder SalesOrder sales_order,
        CreateCalendar Calendar calendar,
        UpdateCalendarRules Calendar calendar,
        SetCapacity Calendar calendar,
        CloseDates Calendar calendar,
        OpenDates Calendar calendar,
        RetireCalendar Calendar calendar
    )
}
