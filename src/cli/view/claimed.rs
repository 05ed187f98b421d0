//! What reservations and sales orders have in common: lines, whom they are for, and how they went.
//!
//! Not here: prices, holds and states, which only one of the two has.

use std::fmt;

use serde::Serialize;

use super::{Resource, field, moment};
use crate::proto::v1::{self, reservation_line, sales_order_line};

/// A resource, and how many.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its id.
    pub line_id: String,
    /// Of what.
    pub resource: Resource,
    /// How many.
    pub quantity: u64,
}

/// Whom it is for, and how it went.
#[derive(Debug, Serialize)]
pub struct Course {
    /// Who it is for.
    pub customer: String,
    /// Why it was cancelled.
    pub cancel_reason: String,
    /// How often it has changed.
    pub version: u64,
    /// When it was created.
    pub create_time: Option<String>,
    /// When it last changed.
    pub update_time: Option<String>,
}

impl From<v1::ReservationLine> for Line {
    fn from(line: v1::ReservationLine) -> Self {
        let resource = match line.resource {
            Some(reservation_line::Resource::Stock(stock)) => Resource::Stock(stock.into()),
            Some(reservation_line::Resource::Slots(slots)) => slots.into(),
            Some(reservation_line::Resource::Nights(nights)) => nights.into(),
            None => Resource::Unknown,
        };
        Self { line_id: line.line_id, resource, quantity: line.quantity }
    }
}

impl From<&v1::SalesOrderLine> for Line {
    fn from(line: &v1::SalesOrderLine) -> Self {
        let resource = match &line.resource {
            Some(sales_order_line::Resource::Stock(stock)) => Resource::Stock(stock.clone().into()),
            Some(sales_order_line::Resource::Slots(slots)) => slots.clone().into(),
            Some(sales_order_line::Resource::Nights(nights)) => nights.clone().into(),
            None => Resource::Unknown,
        };
        Self { line_id: line.line_id.clone(), resource, quantity: line.quantity }
    }
}

impl From<&v1::Reservation> for Course {
    fn from(reservation: &v1::Reservation) -> Self {
        Self {
            customer: reservation.customer.clone(),
            cancel_reason: reservation.cancel_reason.clone(),
            version: reservation.version,
            create_time: moment(reservation.create_time),
            update_time: moment(reservation.update_time),
        }
    }
}

impl From<&v1::SalesOrder> for Course {
    fn from(order: &v1::SalesOrder) -> Self {
        Self {
            customer: order.customer.clone(),
            cancel_reason: order.cancel_reason.clone(),
            version: order.version,
            create_time: moment(order.create_time),
            update_time: moment(order.update_time),
        }
    }
}

/// As one line of a block.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "line")
    }
}

impl Line {
    /// Writes it as one line of a block, with what it is told for.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, label: &str) -> fmt::Result {
        write!(f, "\n  {label} {:<7}{} of {}", self.line_id, self.quantity, self.resource)
    }
}

/// As lines of a block; the version is in its headline.
impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        field(f, "customer", &self.customer)?;
        field(f, "cancelled", &self.cancel_reason)?;
        field(f, "created", self.create_time.as_deref().unwrap_or_default())
    }
}
