//! Commands to stock balances, and how requests name one.

use std::fmt;

use super::{Fields, ReadCommand, Wish};
use crate::domain::command::Command;
use crate::domain::ids::{EntityId, ResourceKey, StockKey};
use crate::domain::name::{Location, Sku, TenantId};
use crate::domain::stock_balance::{self, Adjustment, QUANTITY_MAX};
use crate::proto::v1;

impl Fields {
    /// Names a balance.
    pub fn stock(
        &mut self,
        path: fmt::Arguments<'_>,
        stock: Option<&v1::StockResource>,
    ) -> Option<StockKey> {
        let stock = self.required(path, stock)?;
        let sku = self.check(format_args!("{path}.sku"), Sku::new(&stock.sku));
        let location = self.check(format_args!("{path}.location"), Location::new(&stock.location));
        Some(StockKey { sku: sku?, location: location? })
    }

    /// Names a balance as the entity that a request is about.
    pub fn stock_id(&mut self, stock: Option<&v1::StockResource>) -> Option<EntityId> {
        let key = self.stock(format_args!("stock"), stock)?;
        Some(EntityId::Resource(ResourceKey::Stock(key)))
    }

    /// Units that somebody wants or brings.
    pub fn quantity(&mut self, path: fmt::Arguments<'_>, quantity: u64) -> Option<u64> {
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            self.refuse(path, format_args!("must be from 1 to {QUANTITY_MAX}"));
            return None;
        }
        Some(quantity)
    }

    fn adjustment(
        &mut self,
        adjustment: Option<v1::adjust_stock_request::Adjustment>,
    ) -> Option<Adjustment> {
        use v1::adjust_stock_request::Adjustment as Wire;
        match self.required(format_args!("adjustment"), adjustment)? {
            Wire::Delta(0) => {
                self.refuse(format_args!("delta"), "must not be 0");
                None
            }
            Wire::Delta(delta) => Some(Adjustment::By(delta)),
            Wire::CountedOnHand(count) if count > QUANTITY_MAX => {
                let path = format_args!("counted_on_hand");
                self.refuse(path, format_args!("must be at most {QUANTITY_MAX}"));
                None
            }
            Wire::CountedOnHand(count) => Some(Adjustment::Counted(count)),
        }
    }
}

impl ReadCommand for v1::ReceiveStockRequest {
    const NAME: &'static str = "ReceiveStock";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let request_id = fields.request_id(&self.request_id);
        let id = fields.stock_id(self.stock.as_ref());
        let quantity = fields.quantity(format_args!("quantity"), self.quantity);
        let reference = fields.label(format_args!("reference"), &self.reference);
        let command = quantity.zip(reference).map(|(quantity, reference)| {
            Command::StockBalance(stock_balance::Command::Receive { quantity, reference })
        });
        Wish::of(request_id, self.expected_version, id, command)
    }
}

impl ReadCommand for v1::AdjustStockRequest {
    const NAME: &'static str = "AdjustStock";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let request_id = fields.request_id(&self.request_id);
        let id = fields.stock_id(self.stock.as_ref());
        let to = fields.adjustment(self.adjustment);
        let reason = fields.label(format_args!("reason"), &self.reason);
        let command = to.zip(reason).map(|(to, reason)| {
            Command::StockBalance(stock_balance::Command::Adjust { to, reason })
        });
        Wish::of(request_id, self.expected_version, id, command)
    }
}
