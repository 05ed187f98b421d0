//! How a line of a reservation or an order is written as an argument.
//!
//! ```text
//! stock:MUG=2            2 units of MUG at the location without a name
//! stock:MUG@CELLAR=2     at the location CELLAR
//! stock:BLUE MUG=2       a SKU may hold spaces (quote the argument)
//! stock:A=B=2            the last = is before the quantity, so this SKU is A=B
//! stock:A@B@=2           the last @ is before the location, so this SKU is A@B
//! stock:MUG=2@4.25       for an order: at 4.25 each
//! ```
//!
//! Not here: what the server checks anyway, such as whether there is such a SKU.

use std::str::FromStr;

use crate::cli::parse::Price;
use crate::domain::name::{InvalidName, Location, Sku};
use crate::proto::v1::{self, reservation_line, sales_order_line};

/// What a line names.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// Units of stock.
    Stock(v1::StockResource),
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
    /// Of what.
    pub resource: Resource,
    /// How many, at least 1.
    pub quantity: u64,
    /// The price of one.
    pub unit_price: Price,
}

/// Why an argument is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// Nothing says what kind of resource is meant.
    #[error("begins with the kind of resource, as in stock:SKU=2")]
    Kind,
    /// A kind that isn't known.
    #[error("`{0}` is no kind of resource; there is: stock")]
    UnknownKind(String),
    /// No `=`.
    #[error("ends with = and a quantity, as in stock:SKU=2")]
    NoQuantity,
    /// What follows the last `=` is no quantity.
    #[error("`{0}` is no quantity: a whole number from 1")]
    Quantity(String),
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
}

impl FromStr for Resource {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        match text.split_once(':') {
            Some(("stock", name)) => Ok(Self::Stock(stock(name)?)),
            Some((kind, _)) => Err(InvalidLine::UnknownKind(kind.to_owned())),
            None => Err(InvalidLine::Kind),
        }
    }
}

/// Reads `SKU` or `SKU@LOCATION`: the last `@` is before the location.
fn stock(name: &str) -> Result<v1::StockResource, InvalidLine> {
    let (sku, location) = name.rsplit_once('@').unwrap_or((name, ""));
    Sku::new(sku).map_err(InvalidLine::Sku)?;
    Location::new(location).map_err(InvalidLine::Location)?;
    Ok(v1::StockResource { sku: sku.to_owned(), location: location.to_owned() })
}

fn quantity(text: &str) -> Result<u64, InvalidLine> {
    let refused = || InvalidLine::Quantity(text.to_owned());
    text.parse().ok().filter(|quantity| *quantity > 0).ok_or_else(refused)
}

impl FromStr for LineSpec {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        let (kind_known, rest) = (text.contains(':'), text.rsplit_once('='));
        match rest {
            _ if !kind_known => Err(InvalidLine::Kind),
            None => Err(InvalidLine::NoQuantity),
            Some((resource, amount)) => {
                Ok(Self { resource: resource.parse()?, quantity: quantity(amount)? })
            }
        }
    }
}

impl FromStr for PricedLineSpec {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        let (resource, amount) = text.rsplit_once('=').ok_or(InvalidLine::NoQuantity)?;
        let (amount, price) = amount.split_once('@').ok_or(InvalidLine::NoPrice)?;
        let unit_price = price
            .parse()
            .map_err(|cause: String| InvalidLine::Price { price: price.to_owned(), cause })?;
        Ok(Self { resource: resource.parse()?, quantity: quantity(amount)?, unit_price })
    }
}

impl LineSpec {
    /// The line as a request carries it; the server counts its id.
    pub fn into_message(self) -> v1::ReservationLine {
        let resource = match self.resource {
            Resource::Stock(stock) => reservation_line::Resource::Stock(stock),
        };
        v1::ReservationLine {
            line_id: String::new(),
            resource: Some(resource),
            quantity: self.quantity,
        }
    }
}

impl PricedLineSpec {
    /// The line as a request carries it; the server counts its id and its total.
    pub fn into_message(self, currency: &str) -> v1::SalesOrderLine {
        let resource = match self.resource {
            Resource::Stock(stock) => sales_order_line::Resource::Stock(stock),
        };
        v1::SalesOrderLine {
            line_id: String::new(),
            resource: Some(resource),
            quantity: self.quantity,
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
    fn what_is_shown_can_be_typed() {
        for text in ["stock:MUG", "stock:MUG@CELLAR", "stock:A@B@", "stock:A=B"] {
            let Resource::Stock(stock) = text.parse().unwrap();
            assert_eq!(stock.to_string(), text);
        }
    }

    #[test]
    fn an_argument_that_is_no_line_says_why() {
        let refusal = |text: &str| text.parse::<LineSpec>().unwrap_err().to_string();
        assert_eq!(refusal("MUG=2"), "begins with the kind of resource, as in stock:SKU=2");
        assert_eq!(refusal("room:1=2"), "`room` is no kind of resource; there is: stock");
        assert_eq!(refusal("stock:MUG"), "ends with = and a quantity, as in stock:SKU=2");
        assert_eq!(refusal("stock:MUG=0"), "`0` is no quantity: a whole number from 1");
        assert_eq!(refusal("stock:MUG=-1"), "`-1` is no quantity: a whole number from 1");
        assert_eq!(refusal("stock:=2"), "the SKU must not be empty");
        assert!(refusal("stock: MUG=2").starts_with("the SKU has a character"));
    }

    #[test]
    fn an_orders_line_carries_the_price_of_one() {
        let line: PricedLineSpec = "stock:A@B=2@4.25".parse().unwrap();
        assert_eq!((line.quantity, line.unit_price), (2, Price::from_millionths(4_250_000)));
        assert_eq!("stock:A=2".parse::<PricedLineSpec>().unwrap_err(), InvalidLine::NoPrice);
        assert!("stock:A=2@x".parse::<PricedLineSpec>().is_err());
    }
}
