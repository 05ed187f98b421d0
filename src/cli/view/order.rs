//! Sales orders, and the shortages that reject them.

use std::fmt;

use serde::Serialize;

use super::claimed::{Course, Line};
use super::{Amount, Resource, bare, field};
use crate::client::write_shortages;
use crate::proto::v1::{self, shortage};

/// A sales order.
#[derive(Debug, Serialize)]
pub struct SalesOrder {
    /// Its id.
    pub sales_order_id: String,
    /// Where it stands.
    pub state: &'static str,
    /// Whether nothing will change it any more.
    pub ended: bool,
    /// Its lines.
    pub lines: Vec<PricedLine>,
    /// The sum of their totals.
    pub total: Option<Amount>,
    /// Why it was rejected.
    pub rejection: Option<Rejection>,
    /// Whom it is for, and how it went.
    #[serde(flatten)]
    pub course: Course,
}

/// A line of a sales order.
#[derive(Debug, Serialize)]
pub struct PricedLine {
    /// Of what, and how many.
    #[serde(flatten)]
    pub line: Line,
    /// The price of one.
    pub unit_price: Option<Amount>,
    /// The price of all.
    pub total: Option<Amount>,
}

/// Why an order was rejected.
#[derive(Debug, Serialize)]
pub struct Rejection {
    /// The reason in capitals.
    pub reason: String,
    /// The lines that fell short.
    pub shortages: Vec<Shortage>,
    #[serde(skip)]
    messages: Vec<v1::Shortage>,
}

/// A line that fell short.
#[derive(Debug, Serialize)]
pub struct Shortage {
    /// Its id.
    pub line_id: String,
    /// Of what.
    pub resource: Resource,
    /// How many were asked for.
    pub requested: u64,
    /// How many there were.
    pub available: u64,
    /// Where in the log this was decided.
    pub position: u64,
    /// What stood in the way; none where a stock balance is unknown.
    pub blocked_by: Option<String>,
    /// The units of stock that were there, held or not; none where it is unknown, or no stock.
    pub on_hand: Option<u64>,
    /// The units of stock that were held; none where it is unknown, or no stock.
    pub held: Option<u64>,
}

impl From<v1::Shortage> for Shortage {
    fn from(message: v1::Shortage) -> Self {
        let resource = match message.resource {
            Some(shortage::Resource::Stock(stock)) => Resource::Stock(stock.into()),
            Some(shortage::Resource::Slots(slots)) => slots.into(),
            Some(shortage::Resource::Nights(nights)) => nights.into(),
            None => Resource::Unknown,
        };
        let blocked_by = message.blocker.as_ref().map(ToString::to_string);
        let stock = match message.blocker {
            Some(shortage::Blocker::StockBlocker(stock)) => Some(stock),
            Some(shortage::Blocker::CalendarBlocker(_)) | None => None,
        };
        Self {
            line_id: message.line_id,
            resource,
            requested: message.requested,
            available: message.available,
            position: message.position,
            blocked_by,
            on_hand: stock.map(|stock| stock.on_hand),
            held: stock.map(|stock| stock.held),
        }
    }
}

impl From<v1::SalesOrderRejection> for Rejection {
    fn from(rejection: v1::SalesOrderRejection) -> Self {
        Self {
            reason: rejection.reason,
            shortages: rejection.shortages.iter().cloned().map(Shortage::from).collect(),
            messages: rejection.shortages,
        }
    }
}

impl From<v1::SalesOrderLine> for PricedLine {
    fn from(line: v1::SalesOrderLine) -> Self {
        Self {
            line: Line::from(&line),
            unit_price: line.unit_price.map(Amount::from),
            total: line.total.map(Amount::from),
        }
    }
}

impl From<v1::SalesOrder> for SalesOrder {
    fn from(order: v1::SalesOrder) -> Self {
        Self {
            course: Course::from(&order),
            state: bare(order.state().as_str_name(), "SALES_ORDER_STATE_"),
            sales_order_id: order.sales_order_id,
            ended: order.ended,
            lines: order.lines.into_iter().map(PricedLine::from).collect(),
            total: order.total.map(Amount::from),
            rejection: order.rejection.map(Rejection::from),
        }
    }
}

impl fmt::Display for SalesOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.ended { "" } else { ", not ended yet" };
        write!(f, "sales order {}: {}{more}", self.sales_order_id, self.state)?;
        write!(f, ", version {}", self.course.version)?;
        for line in &self.lines {
            write!(f, "{}", line.line)?;
            if let (Some(price), Some(total)) = (&line.unit_price, &line.total) {
                write!(f, " at {} = {total}", price.amount)?;
            }
        }
        let total = self.total.as_ref().map(Amount::to_string).unwrap_or_default();
        field(f, "total", &total)?;
        write!(f, "{}", self.course)?;
        if let Some(rejection) = &self.rejection {
            field(f, "rejected", &rejection.reason)?;
            write_shortages(f, &rejection.messages, rejection.messages.len() as u32)?;
        }
        Ok(())
    }
}
