//! What an entity can be told, by whomever.
//!
//! Clients, the order process and other entities speak the same way: a command to an entity.
//! Only the first two want an answer and a memory of having asked.

use serde::{Deserialize, Serialize};

use super::ids::EntityId;
use super::{calendar, reservation, sales_order, stock_balance};

/// A command to an entity of some kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// To a stock balance.
    StockBalance(stock_balance::Command),
    /// To a reservation.
    Reservation(reservation::Command),
    /// To a sales order.
    SalesOrder(sales_order::Command),
    /// To a calendar.
    Calendar(calendar::Command),
}

impl Command {
    /// The command's name, such as `ReceiveStock`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StockBalance(command) => command.name(),
            Self::Reservation(command) => command.name(),
            Self::SalesOrder(command) => command.name(),
            Self::Calendar(command) => command.name(),
        }
    }
}

/// Whether a command is to take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// It is.
    Execute,
    /// It is only to be said what would become of it.
    Validate,
}

/// A command from one entity to another of the same tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// To whom.
    pub to: EntityId,
    /// What.
    pub command: Command,
}
