//! Stock balances and claims.

use std::fmt;

use serde::Serialize;

use super::{Stock, moment};
use crate::proto::v1;

/// A stock balance.
#[derive(Debug, Serialize)]
pub struct StockBalance {
    /// Which.
    #[serde(flatten)]
    pub stock: Stock,
    /// The units that are there.
    pub on_hand: u64,
    /// Those of them that reservations hold.
    pub held: u64,
    /// Those that are left.
    pub available: u64,
    /// How often it has changed.
    pub version: u64,
    /// When it last did.
    pub update_time: Option<String>,
}

impl From<v1::StockBalance> for StockBalance {
    fn from(balance: v1::StockBalance) -> Self {
        Self {
            stock: balance.stock.unwrap_or_default().into(),
            on_hand: balance.on_hand,
            held: balance.held,
            available: balance.available,
            version: balance.version,
            update_time: moment(balance.update_time),
        }
    }
}

impl fmt::Display for StockBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stock, on_hand, held, available, version, .. } = self;
        write!(
            f,
            "{stock}: {available} available, {held} held, {on_hand} on hand, version {version}"
        )
    }
}

/// Who holds what of a resource.
#[derive(Debug, Serialize)]
pub struct Claim {
    /// Who.
    pub reservation_id: String,
    /// The version of the reservation that the claim stands for.
    pub reservation_version: u64,
    /// How many.
    pub held: u64,
    /// Until when; none for one that is confirmed.
    pub expire_time: Option<String>,
}

impl From<v1::Claim> for Claim {
    fn from(claim: v1::Claim) -> Self {
        Self {
            reservation_id: claim.reservation_id,
            reservation_version: claim.reservation_version,
            held: claim.held,
            expire_time: moment(claim.expire_time),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reservation {}: {} held, ", self.reservation_id, self.held)?;
        match &self.expire_time {
            Some(until) => write!(f, "until {until}"),
            None => f.write_str("confirmed"),
        }
    }
}
