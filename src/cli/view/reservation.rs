//! Reservations.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::claimed::{Course, Line};
use super::parts::{self, LineParts};
use super::{bare, field, moment};
use crate::proto::v1;

/// A reservation.
#[derive(Debug, Serialize)]
pub struct Reservation {
    /// Its id.
    pub reservation_id: String,
    /// Where it stands.
    pub state: &'static str,
    /// Its lines.
    pub lines: Vec<Line>,
    /// What was used so far.
    pub committed: Vec<LineParts>,
    /// What stands to be used still, where some was.
    pub left: Vec<LineParts>,
    /// When the hold ends or ended.
    pub expire_time: Option<String>,
    /// While a change is under way: the lines that it is to have.
    pub change_lines: Vec<Line>,
    /// The client's own reference.
    pub external_reference: String,
    /// What the client attached.
    pub attributes: BTreeMap<String, String>,
    /// The order that owns it; empty where none does.
    pub sales_order_id: String,
    /// Whom it is for, and how it went.
    #[serde(flatten)]
    pub course: Course,
}

/// A reservation as one line of a list; as JSON, all of it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Summary(pub Reservation);

impl From<v1::Reservation> for Reservation {
    fn from(reservation: v1::Reservation) -> Self {
        Self {
            course: Course::from(&reservation),
            state: bare(reservation.state().as_str_name(), "RESERVATION_STATE_"),
            reservation_id: reservation.reservation_id,
            lines: reservation.lines.into_iter().map(Line::from).collect(),
            committed: reservation.committed.into_iter().map(LineParts::from).collect(),
            left: reservation.left.into_iter().map(LineParts::from).collect(),
            expire_time: moment(reservation.expire_time),
            change_lines: reservation.change_lines.into_iter().map(Line::from).collect(),
            external_reference: reservation.external_reference,
            attributes: reservation.attributes,
            sales_order_id: reservation.sales_order_id,
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
        write!(f, ", version {}", self.course.version)
    }
}

impl fmt::Display for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        for line in &self.lines {
            write!(f, "{line}")?;
        }
        parts::write(f, "used", &self.committed)?;
        parts::write(f, "left", &self.left)?;
        for line in &self.change_lines {
            line.write(f, "then")?;
        }
        field(f, "reference", &self.external_reference)?;
        for (key, value) in &self.attributes {
            field(f, key, value)?;
        }
        field(f, "order", &self.sales_order_id)?;
        write!(f, "{}", self.course)
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
