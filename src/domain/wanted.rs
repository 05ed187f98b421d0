//! What a line of a reservation or an order is for.
//!
//! Stored as a resource's key was before there were calendars: the first kind's bytes are the same.

use serde::{Deserialize, Serialize};

use super::calendar::Span;
use super::ids::{ResourceKey, StockKey};
use super::name::CalendarId;

/// What a line is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// Counted units.
    Stock(StockKey),
    /// Time in a calendar.
    Time {
        /// Which calendar.
        calendar: CalendarId,
        /// When.
        span: Span,
    },
}

impl Wanted {
    /// The resource that is asked for it.
    pub fn resource(&self) -> ResourceKey {
        match self {
            Self::Stock(key) => ResourceKey::Stock(key.clone()),
            Self::Time { calendar, .. } => ResourceKey::Calendar(calendar.clone()),
        }
    }

    /// Whether this resource is asked for it.
    pub fn is_of(&self, resource: &ResourceKey) -> bool {
        match (self, resource) {
            (Self::Stock(key), ResourceKey::Stock(other)) => key == other,
            (Self::Time { calendar, .. }, ResourceKey::Calendar(other)) => calendar == other,
            (Self::Stock(_), ResourceKey::Calendar(_))
            | (Self::Time { .. }, ResourceKey::Stock(_)) => false,
        }
    }
}
