//! What a reader of an entity is shown.

use std::sync::Arc;

use super::claim::StockFigures;
use super::time::Timestamp;
use super::{calendar, reservation, sales_order};

/// An entity as it is now.
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// There is none.
    Nothing,
    /// A stock balance.
    StockBalance(StockView),
    /// A reservation.
    Reservation(Arc<reservation::Details>),
    /// A sales order.
    SalesOrder(Arc<sales_order::Details>),
    /// A calendar.
    Calendar(Arc<calendar::Details>),
}

/// A stock balance as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockView {
    /// What is here, and what of it is claimed.
    pub figures: StockFigures,
    /// When it last changed.
    pub updated: Timestamp,
}
