//! Commands to sales orders.

use super::{Fields, ReadCommand, Wish};
use crate::domain::command::Command;
use crate::domain::ids::{self, EntityId, EntityKind, RequestId, SalesOrderId};
use crate::domain::money::Currency;
use crate::domain::name::TenantId;
use crate::domain::sales_order::{self, Create, LineRequest};
use crate::proto::v1;

impl Fields {
    /// The lines, and the one currency of all their prices.
    fn sales_order_lines(
        &mut self,
        lines: &[v1::SalesOrderLine],
    ) -> Option<(Vec<LineRequest>, Currency)> {
        let mut of_all = None;
        let read = self.lines(
            lines,
            |line| &line.line_id,
            |fields, path, line, id| {
                let wanted = fields.wanted(path, line.resource.as_ref());
                let quantity = fields.quantity(format_args!("{path}.quantity"), line.quantity);
                let price_path = format_args!("{path}.unit_price");
                let (unit_price, currency) =
                    fields.unit_price(price_path, line.unit_price.as_ref())?;
                let expected = *of_all.get_or_insert(currency);
                if currency != expected {
                    let says = format_args!("must be {expected}, as in the lines before");
                    fields.refuse(format_args!("{path}.unit_price.currency_code"), says);
                }
                Some(LineRequest { id, wanted: wanted?, quantity: quantity?, unit_price })
            },
        );
        Some((read?, of_all?))
    }
}

impl ReadCommand for v1::CreateSalesOrderRequest {
    const NAME: &'static str = "CreateSalesOrder";

    fn read(self, tenant: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let request_id = fields.request_id(&self.request_id);
        let id = match self.sales_order_id.as_str() {
            "" => request_id.map(|id| derived(tenant, id)),
            text => fields.sales_order_id(text),
        };
        let customer = fields.label(format_args!("customer"), &self.customer);
        let lines = fields.sales_order_lines(&self.lines);
        if v1::SalesOrderWait::try_from(self.wait).is_err() {
            fields.refuse(format_args!("wait"), "must be a value of SalesOrderWait");
        }
        let (lines, currency) = lines?;
        let create = Create { customer: customer?, currency, lines };
        let command = Command::SalesOrder(sales_order::Command::Create(create));
        Wish::of(request_id, self.expected_version, id.map(EntityId::SalesOrder), Some(command))
    }
}

fn derived(tenant: &TenantId, request_id: RequestId) -> SalesOrderId {
    SalesOrderId(ids::derived(tenant, EntityKind::SalesOrder, request_id))
}

impl ReadCommand for v1::CancelSalesOrderRequest {
    const NAME: &'static str = "CancelSalesOrder";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let request_id = fields.request_id(&self.request_id);
        let id = fields.sales_order_id(&self.sales_order_id);
        let reason = fields.label(format_args!("reason"), &self.reason);
        let command =
            reason.map(|reason| Command::SalesOrder(sales_order::Command::Cancel { reason }));
        Wish::of(request_id, self.expected_version, id.map(EntityId::SalesOrder), command)
    }
}
