//! Reservations.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Resource, bare, field, moment};
use crate::proto::v1::{self, reservation_line};

/// A reservation.
#[derive(Debug, Serialize)]
pub struct Reservation {
    /// Its id.
    pub reservation_id: String,
    /// Where it stands.
    pub state: &'static str,
    /// Its lines.
    pub lines: Vec<Line>,
    /// When the hold ends or ended.
    pub expire_time: Option<String>,
    /// Who it is for.
    pub customer: String,
    /// The client's own reference.
    pub external_reference: String,
    /// What the client attached.
    pub attributes: BTreeMap<String, String>,
    /// The order that owns it; empty where none does.
    pub sales_order_id: String,
    /// Why it was cancelled.
    pub cancel_reason: String,
    /// How often it has changed.
    pub version: u64,
    /// When it was created.
    pub create_time: Option<String>,
    /// When it last changed.
    pub update_time: Option<String>,
}

/// A line of a reservation.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its id.
    pub line_id: String,
    /// Of what.
    pub resource: Resource,
    /// How many.
    pub quantity: u64,
}

/// A reservation as one line of a list; as JSON, all of it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Summary(pub Reservation);

impl From<v1::ReservationLine> for Line {
    fn from(line: v1::ReservationLine) -> Self {
        let resource = match line.resource {
            Some(reservation_line::Resource::Stock(stock)) => Resource::Stock(stock.into()),
            None => Resource::Unknown,
        };
        Self { line_id: line.line_id, resource, quantity: line.quantity }
    }
}

impl From<v1::Reservation> for Reservation {
    fn from(reservation: v1::Reservation) -> Self {
        Self {
            state: bare(reservation.state().as_str_name(), "RESERVATION_STATE_"),
            reservation_id: reservation.reservation_id,
            lines: reservation.lines.into_iter().map(Line::from).collect(),
            expire_time: moment(reservation.expire_time),
            customer: reservation.customer,
            external_reference: reservation.external_reference,
            attributes: reservation.attributes,
            sales_order_id: reservation.sales_order_id,
            cancel_reason: reservation.cancel_reason,
            version: reservation.version,
            create_time: moment(reservation.create_time),
            update_time: moment(reservation.update_time),
        }
    }
}

impl Reservation {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reservation {}: {}", self.reservation_id, self.state)?;
        match (&self.expire_time, self.state) {
            (Some(until), "HELD") => write!(f, " until {until}")?,
            (Some(at), _) => write!(f, " at {at}")?,
            (None, _) => {}
        }
        write!(f, ", version {}", self.version)
    }
}

impl fmt::Display for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        for line in &self.lines {
            write!(f, "\n  line {:<7}{} of {}", line.line_id, line.quantity, line.resource)?;
        }
        field(f, "customer", &self.customer)?;
        field(f, "reference", &self.external_reference)?;
        for (key, value) in &self.attributes {
            field(f, key, value)?;
        }
        field(f, "order", &self.sales_order_id)?;
        field(f, "cancelled", &self.cancel_reason)?;
        field(f, "created", self.create_time.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.headline(f)?;
        match self.0.lines.as_slice() {
            [line] => write!(f, ", {} of {}", line.quantity, line.resource),
            lines => write!(f, ", {} lines", lines.len()),
        }
    }
}
