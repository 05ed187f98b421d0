//! How a line of a reservation or an order is written as an argument.
//!
//! ```text
//! stock:MUG=2            2 units of MUG at the location without a name
//! stock:MUG@CELLAR=2     at the location CELLAR
//! stock:BLUE MUG=2       a SKU may hold spaces (quote the argument)
//! stock:A=B=2            the last = is before the quantity, so this SKU is A=B
//! stock:A@B@=2           the last @ is before the location, so this SKU is A@B
//!
//! slots:BAY=2026-12-24T10:00Z/PT2H             one unit of BAY from 10:00 to 12:00
//! slots:BAY=2026-12-24T10:00Z/PT2H*3           three units; the end may be an instant too
//! nights:DOUBLE=2026-12-24/2026-12-27          one unit of DOUBLE for three nights
//! nights:DOUBLE=2026-12-24/P3D*2               two units; the last = is before the time
//!
//! stock:MUG=2@4.25                             for an order: at 4.25 each
//! nights:DOUBLE=2026-12-24/2026-12-27*2@390    each of the two for 390
//! ```
//!
//! Not here: what the server checks anyway, such as whether there is such a SKU or calendar.

use std::str::FromStr;

use crate::cli::parse::Price;
use crate::cli::when;
use crate::domain::name::{CalendarId, InvalidName, Location, Sku};
use crate::proto::v1::{self, reservation_line, sales_order_line};

/// What a line names.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// Units of stock.
    Stock(v1::StockResource),
    /// A slot of a calendar.
    Slots(v1::SlotsResource),
    /// Nights of a calendar.
    Nights(v1::NightsResource),
}

/// A line of a reservation: a resource and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct LineSpec {
    /// Of what.
    pub resource: Resource,
    /// How many, at least 1.
    pub quantity: u64,
}

/// A line of a sales order: a resource, how many, and at which price each.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedLineSpec {
    /// Of what, and how many.
    pub line: LineSpec,
    /// The price of one.
    pub unit_price: Price,
}

/// Why an argument is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// Nothing says what kind of resource is meant.
    #[error(
        "begins with the kind of resource, as in stock:SKU=2, \
         slots:CALENDAR=2026-12-24T10:00Z/PT2H or nights:CALENDAR=2026-12-24/2026-12-27"
    )]
    Kind,
    /// A kind that isn't known.
    #[error("`{0}` is no kind of resource; there are: stock, slots, nights")]
    UnknownKind(String),
    /// Stock without `=`.
    #[error("ends with = and a quantity, as in stock:SKU=2")]
    NoQuantity,
    /// A slot without `=`.
    #[error("goes on with = and when, as in slots:CALENDAR=2026-12-24T10:00Z/PT2H")]
    NoInterval,
    /// Nights without `=`.
    #[error("goes on with = and when, as in nights:CALENDAR=2026-12-24/2026-12-27")]
    NoDates,
    /// A quantity that can't be read.
    #[error("`{0}` is no quantity: a whole number from 1")]
    Quantity(String),
    /// A time that can't be read.
    #[error("{0}")]
    Time(String),
    /// An order's line without a price.
    #[error("ends with @ and the price of one, as in stock:SKU=2@4.25")]
    NoPrice,
    /// A price that can't be read.
    #[error("`{price}` is no price: {cause}")]
    Price {
        /// What was given.
        price: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A SKU that no balance can have.
    #[error("the SKU {0}")]
    Sku(InvalidName),
    /// A location that no balance can have.
    #[error("the location {0}")]
    Location(InvalidName),
    /// An id that no calendar can have.
    #[error("the calendar {0}")]
    Calendar(InvalidName),
}

/// Reads `SKU` or `SKU@LOCATION`: the last `@` is before the location.
///
/// # Errors
/// [`InvalidLine`]: what is wrong with one of them.
pub fn stock(name: &str) -> Result<v1::StockResource, InvalidLine> {
    let (sku, location) = name.rsplit_once('@').unwrap_or((name, ""));
    Sku::new(sku).map_err(InvalidLine::Sku)?;
    Location::new(location).map_err(InvalidLine::Location)?;
    Ok(v1::StockResource { sku: sku.to_owned(), location: location.to_owned() })
}

fn quantity(text: &str) -> Result<u64, InvalidLine> {
    let refused = || InvalidLine::Quantity(text.to_owned());
    text.parse().ok().filter(|quantity| *quantity > 0).ok_or_else(refused)
}

/// Reads `TIME` or `TIME*QUANTITY`: what the time is, as it was written, and how many.
fn counted(text: &str) -> Result<(&str, u64), InvalidLine> {
    match text.split_once('*') {
        None => Ok((text, 1)),
        Some((time, units)) => Ok((time, quantity(units)?)),
    }
}

/// A line's parts: which kind, the name of what, and what is after the last `=`.
fn parts(text: &str) -> Result<(&str, &str, Option<&str>), InvalidLine> {
    let (kind, rest) = text.split_once(':').ok_or(InvalidLine::Kind)?;
    let (name, amount) = rest.rsplit_once('=').map_or((rest, None), |(name, it)| (name, Some(it)));
    Ok((kind, name, amount))
}

fn calendar_id(name: &str) -> Result<String, InvalidLine> {
    CalendarId::new(name).map_err(InvalidLine::Calendar).map(|_| name.to_owned())
}

impl LineSpec {
    /// The line as a request carries it; the server counts its id.
    pub fn into_message(self) -> v1::ReservationLine {
        use reservation_line::Resource as Wire;
        let resource = match self.resource {
            Resource::Stock(stock) => Wire::Stock(stock),
            Resource::Slots(slots) => Wire::Slots(slots),
            Resource::Nights(nights) => Wire::Nights(nights),
        };
        v1::ReservationLine {
            line_id: String::new(),
            resource: Some(resource),
            quantity: self.quantity,
        }
    }

    fn of_stock(name: &str, amount: Option<&str>) -> Result<Self, InvalidLine> {
        let quantity = quantity(amount.ok_or(InvalidLine::NoQuantity)?)?;
        Ok(Self { resource: Resource::Stock(stock(name)?), quantity })
    }

    fn of_slots(name: &str, amount: Option<&str>) -> Result<Self, InvalidLine> {
        let (time, quantity) = counted(amount.ok_or(InvalidLine::NoInterval)?)?;
        let v1::TimeInterval { start_time, end_time } =
            when::interval(time).map_err(InvalidLine::Time)?;
        let calendar_id = calendar_id(name)?;
        let slots = v1::SlotsResource { calendar_id, start_time, end_time };
        Ok(Self { resource: Resource::Slots(slots), quantity })
    }

    fn of_nights(name: &str, amount: Option<&str>) -> Result<Self, InvalidLine> {
        let (time, quantity) = counted(amount.ok_or(InvalidLine::NoDates)?)?;
        let dates = when::dates(time).map_err(InvalidLine::Time)?;
        let nights = v1::NightsResource {
            calendar_id: calendar_id(name)?,
            check_in_date: dates.start_date,
            check_out_date: dates.end_date,
        };
        Ok(Self { resource: Resource::Nights(nights), quantity })
    }
}

impl FromStr for LineSpec {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        match parts(text)? {
            ("stock", name, amount) => Self::of_stock(name, amount),
            ("slots", name, amount) => Self::of_slots(name, amount),
            ("nights", name, amount) => Self::of_nights(name, amount),
            (kind, ..) => Err(InvalidLine::UnknownKind(kind.to_owned())),
        }
    }
}

impl FromStr for PricedLineSpec {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        // Neither a quantity nor a time has an @ of its own, but a name may.
        let is_behind_name = |line: &str| text.rfind('=').is_some_and(|at| at < line.len());
        let Some((line, price)) = text.rsplit_once('@').filter(|(line, _)| is_behind_name(line))
        else {
            return Err(text.parse::<LineSpec>().err().unwrap_or(InvalidLine::NoPrice));
        };
        let unit_price = price
            .parse()
            .map_err(|cause: String| InvalidLine::Price { price: price.to_owned(), cause })?;
        Ok(Self { line: line.parse()?, unit_price })
    }
}

impl PricedLineSpec {
    /// The line as a request carries it; the server counts its id and its total.
    pub fn into_message(self, currency: &str) -> v1::SalesOrderLine {
        use sales_order_line::Resource as Wire;
        let resource = match self.line.resource {
            Resource::Stock(stock) => Wire::Stock(stock),
            Resource::Slots(slots) => Wire::Slots(slots),
            Resource::Nights(nights) => Wire::Nights(nights),
        };
        v1::SalesOrderLine {
            line_id: String::new(),
            resource: Some(resource),
            quantity: self.line.quantity,
            unit_price: Some(self.unit_price.into_money(currency)),
            total: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, location: &str, quantity: u64) -> Result<LineSpec, InvalidLine> {
        let stock = v1::StockResource { sku: sku.into(), location: location.into() };
        Ok(LineSpec { resource: Resource::Stock(stock), quantity })
    }

    /// How a line's resource is shown, and how many of it.
    fn shown(text: &str) -> (String, u64) {
        let LineSpec { resource, quantity } = text.parse().unwrap();
        let resource = match resource {
            Resource::Stock(stock) => stock.to_string(),
            Resource::Slots(slots) => slots.to_string(),
            Resource::Nights(nights) => nights.to_string(),
        };
        (resource, quantity)
    }

    #[test]
    fn the_last_sign_of_a_kind_is_the_one_that_parts() {
        assert_eq!("stock:MUG=2".parse(), line("MUG", "", 2));
        assert_eq!("stock:MUG@CELLAR=2".parse(), line("MUG", "CELLAR", 2));
        assert_eq!("stock:BLUE MUG=2".parse(), line("BLUE MUG", "", 2));
        assert_eq!("stock:A=B=2".parse(), line("A=B", "", 2));
        assert_eq!("stock:A@B@=2".parse(), line("A@B", "", 2));
        assert_eq!("stock:A@B=C=2".parse(), line("A", "B=C", 2));
        assert_eq!("stock:a:b=2".parse(), line("a:b", "", 2));
    }

    #[test]
    fn time_is_written_as_it_is_shown_or_shorter_and_is_of_one_unit_unless_told() {
        let stay = "nights:DOUBLE=2026-12-24/2026-12-27";
        assert_eq!(shown(stay), (stay.to_owned(), 1));
        assert_eq!(shown("nights:DOUBLE=2026-12-24/P3D*2"), (stay.to_owned(), 2));
        let slot = "slots:BAY 7=2026-12-24T10:00:00Z/2026-12-24T12:00:00Z";
        assert_eq!(shown(slot), (slot.to_owned(), 1));
        assert_eq!(shown("slots:BAY 7=2026-12-24T10:00Z/PT2H*3"), (slot.to_owned(), 3));
        let odd = "nights:A*B=C@D=2026-12-24/2026-12-27";
        assert_eq!(shown(odd), (odd.to_owned(), 1));
    }

    #[test]
    fn what_is_shown_of_stock_can_be_typed() {
        for text in ["MUG", "MUG@CELLAR", "A@B@", "A=B"] {
            assert_eq!(stock(text).unwrap().to_string(), format!("stock:{text}"));
        }
    }

    #[test]
    fn an_argument_that_is_no_line_says_why() {
        let refusal = |text: &str| text.parse::<LineSpec>().unwrap_err().to_string();
        assert!(
            refusal("MUG=2").starts_with("begins with the kind of resource, as in stock:SKU=2")
        );
        let kinds = "`room` is no kind of resource; there are: stock, slots, nights";
        assert_eq!(refusal("room:1=2"), kinds);
        assert_eq!(refusal("stock:MUG"), "ends with = and a quantity, as in stock:SKU=2");
        assert_eq!(refusal("stock:MUG=0"), "`0` is no quantity: a whole number from 1");
        assert_eq!(refusal("stock:MUG=-1"), "`-1` is no quantity: a whole number from 1");
        assert_eq!(refusal("stock:=2"), "the SKU must not be empty");
        assert!(refusal("stock: MUG=2").starts_with("the SKU has a character"));
    }

    #[test]
    fn time_that_is_none_says_what_would_be() {
        let refusal = |text: &str| text.parse::<LineSpec>().unwrap_err().to_string();
        assert_eq!(
            refusal("nights:DOUBLE"),
            "goes on with = and when, as in nights:CALENDAR=2026-12-24/2026-12-27"
        );
        assert!(refusal("slots:BAY").ends_with("as in slots:CALENDAR=2026-12-24T10:00Z/PT2H"));
        assert_eq!(refusal("nights:DOUBLE=2"), "no end, as in 2026-12-24/2026-12-27");
        assert!(refusal("slots:BAY=2026-12-24/PT2H").starts_with("`2026-12-24` is no moment"));
        assert!(refusal("nights:DOUBLE=2026-12-24/P3D*0").starts_with("`0` is no quantity"));
        assert_eq!(refusal("nights:=2026-12-24/P3D"), "the calendar must not be empty");
    }

    #[test]
    fn an_orders_line_carries_the_price_of_one() {
        let PricedLineSpec { line, unit_price } = "stock:A@B=2@4.25".parse().unwrap();
        assert_eq!((line.quantity, unit_price), (2, Price::from_millionths(4_250_000)));
        let stay: PricedLineSpec = "nights:A@B=2026-12-24/P3D*2@390".parse().unwrap();
        assert_eq!(Ok(stay.line), "nights:A@B=2026-12-24/P3D*2".parse());
        assert_eq!("stock:A=2".parse::<PricedLineSpec>().unwrap_err(), InvalidLine::NoPrice);
        assert_eq!("stock:A".parse::<PricedLineSpec>().unwrap_err(), InvalidLine::NoQuantity);
        assert!("stock:A=2@x".parse::<PricedLineSpec>().is_err());
    }
}
