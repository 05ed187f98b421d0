//! How what the server tells looks on stdout: each view is serialised for machines and displayed for
//! people.
//!
//! The keys of the JSON are a promise to scripts: they are the proto's names, states without their
//! prefix, times as RFC 3339, amounts of money as decimal text.
//!
//! Not here: the choice between the two, and writing.

pub mod calendar;
pub mod calendar_event;
pub mod claimed;
pub mod day;
pub mod event;
pub mod month;
pub mod order;
pub mod parts;
pub mod reservation;
pub mod statistics;
pub mod stock;

use std::fmt;

use serde::Serialize;

use crate::cli::parse;
use crate::domain::money::Currency;
use crate::proto::{Money, v1};

pub use calendar::Calendar;
pub use order::SalesOrder;
pub use reservation::Reservation;
pub use stock::StockBalance;

/// The answer to a command or a query on one entity.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The entity's version when the command took effect; none for a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The log's position when it took effect or was answered.
    pub position: u64,
    /// The entity as it is.
    #[serde(flatten)]
    pub entity: Entity,
}

/// Any entity as it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// A stock balance.
    StockBalance(StockBalance),
    /// A reservation.
    Reservation(Reservation),
    /// A sales order.
    SalesOrder(SalesOrder),
    /// A calendar.
    Calendar(Calendar),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entity {
            Entity::StockBalance(balance) => write!(f, "{balance}")?,
            Entity::Reservation(reservation) => write!(f, "{reservation}")?,
            Entity::SalesOrder(order) => write!(f, "{order}")?,
            Entity::Calendar(calendar) => write!(f, "{calendar}")?,
        }
        match self.version {
            Some(version) => {
                write!(f, "\nin effect at version {version}, position {}", self.position)
            }
            None => write!(f, "\nas of position {}", self.position),
        }
    }
}

/// A resource as a line or a shortage names it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Resource {
    /// Units of stock.
    Stock(Stock),
    /// Time in a calendar of slots.
    Slots {
        /// Which calendar.
        calendar_id: String,
        /// When it begins.
        start_time: Option<String>,
        /// When it is over.
        end_time: Option<String>,
    },
    /// Nights of a calendar.
    Nights {
        /// Which calendar.
        calendar_id: String,
        /// The date before the first night.
        check_in_date: String,
        /// The date after the last night.
        check_out_date: String,
    },
    /// A kind that this client is too old for.
    Unknown,
}

impl From<v1::SlotsResource> for Resource {
    fn from(slots: v1::SlotsResource) -> Self {
        let v1::SlotsResource { calendar_id, start_time, end_time } = slots;
        Self::Slots { calendar_id, start_time: moment(start_time), end_time: moment(end_time) }
    }
}

impl From<v1::NightsResource> for Resource {
    fn from(nights: v1::NightsResource) -> Self {
        let dates = [nights.check_in_date, nights.check_out_date];
        let [check_in_date, check_out_date] =
            dates.map(|date| date.unwrap_or_default().to_string());
        Self::Nights { calendar_id: nights.calendar_id, check_in_date, check_out_date }
    }
}

/// A balance's name.
#[derive(Debug, Clone, Serialize)]
pub struct Stock {
    /// What is counted.
    pub sku: String,
    /// Where.
    pub location: String,
}

impl From<v1::StockResource> for Stock {
    fn from(stock: v1::StockResource) -> Self {
        Self { sku: stock.sku, location: stock.location }
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stock = v1::StockResource { sku: self.sku.clone(), location: self.location.clone() };
        write!(f, "{stock}")
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock(stock) => write!(f, "{stock}"),
            Self::Slots { calendar_id, start_time, end_time } => {
                let [start, end] = [start_time, end_time].map(|at| at.as_deref().unwrap_or("-"));
                write!(f, "slots:{calendar_id}={start}/{end}")
            }
            Self::Nights { calendar_id, check_in_date, check_out_date } => {
                write!(f, "nights:{calendar_id}={check_in_date}/{check_out_date}")
            }
            Self::Unknown => f.write_str("a resource unknown to this client"),
        }
    }
}

/// An amount of money.
#[derive(Debug, Clone, Serialize)]
pub struct Amount {
    /// Of which currency.
    pub currency: String,
    /// Decimal text.
    pub amount: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        let sign = if money.units < 0 || money.nanos < 0 { "-" } else { "" };
        let (whole, nanos) = (money.units.unsigned_abs(), money.nanos.unsigned_abs());
        // A price may have more decimals than its currency, an amount never has fewer.
        let decimals = Currency::new(&money.currency_code).map_or(0, |known| known.decimals());
        let fraction = format!("{nanos:09}");
        let kept = fraction.trim_end_matches('0').len().max(decimals as usize);
        let amount = match &fraction[..kept] {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        };
        Self { currency: money.currency_code, amount }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// A moment as RFC 3339 in UTC with milliseconds; empty where there is none that can be told.
pub fn moment(moment: Option<prost_types::Timestamp>) -> Option<String> {
    moment.and_then(parse::from_wire_moment).map(|moment| format!("{moment:.3}"))
}

/// An enum value's name without the enum's prefix.
fn bare(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// Writes one labelled line of a block, unless there is nothing to tell.
fn field(f: &mut fmt::Formatter<'_>, label: &str, value: &str) -> fmt::Result {
    if value.is_empty() { Ok(()) } else { write!(f, "\n  {label:<12}{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(units: i64, nanos: i32, code: &str) -> String {
        Amount::from(Money { currency_code: code.into(), units, nanos }).to_string()
    }

    #[test]
    fn an_amount_is_told_exactly() {
        assert_eq!(amount(6, 950_000_000, "GBP"), "6.95 GBP");
        assert_eq!(amount(0, -1_000, "GBP"), "-0.000001 GBP");
    }

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        assert_eq!(amount(12, 500_000_000, "EUR"), "12.50 EUR");
        assert_eq!(amount(25, 0, "EUR"), "25.00 EUR");
        assert_eq!(amount(1_500, 0, "JPY"), "1500 JPY");
        assert_eq!(amount(1, 500_000_000, "KWD"), "1.500 KWD");
        assert_eq!(amount(1, 500_000_000, "???"), "1.5 ???");
    }

    #[test]
    fn a_moment_is_told_in_utc_to_the_millisecond() {
        let at = prost_types::Timestamp { seconds: 1_260_000_000, nanos: 5_000_000 };
        assert_eq!(moment(Some(at)).unwrap(), "2009-12-05T08:00:00.005Z");
    }

    #[test]
    fn an_answer_names_its_entity() {
        let balance = v1::StockBalance { on_hand: 5, ..Default::default() };
        let answer =
            Answer { version: Some(1), position: 9, entity: Entity::StockBalance(balance.into()) };
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!((&json["position"], &json["stock_balance"]["on_hand"]), (&9.into(), &5.into()));
    }
}
