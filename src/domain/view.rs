//! What a reader of an entity is shown.

use std::sync::Arc;

use super::{reservation, sales_order};

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
}

/// The figures of a stock balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockView {
    /// Units that are here.
    pub on_hand: u64,
    /// Units of these that are claimed.
    pub held: u64,
}

impl StockView {
    /// Units that a new claim could have.
    pub fn available(&self) -> u64 {
        self.on_hand - self.held
    }
}
