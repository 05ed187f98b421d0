//! Sends invoices, each stock code's first units just before it is first asked for.
//!
//! All go over one stream of commands. Invoices may be under way side by side: whoever needs a code
//! first receives its units, and who comes meanwhile waits for that.

use std::collections::{HashMap, HashSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::invoices::{Code, Content, Invoice, Order};
use crate::cli::failure::Failure;
use crate::client::{CallError, Pipeline};
use crate::proto::v1;

const CURRENCY: &str = "GBP";
/// How many receipts one invoice may have under way at once.
const RECEIPTS_IN_FLIGHT: usize = 16;

/// What invoices came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    pub(super) orders_completed: u64,
    pub(super) orders_rejected: u64,
    pub(super) invoices_returned: u64,
    pub(super) invoices_skipped: u64,
    pub(super) lines_committed: u64,
    pub(super) units_committed: u64,
    pub(super) units_returned: u64,
}

impl Figures {
    /// Adds another invoice's figures. Units stop at the largest number there is.
    pub(super) fn add(&mut self, other: Self) {
        self.orders_completed += other.orders_completed;
        self.orders_rejected += other.orders_rejected;
        self.invoices_returned += other.invoices_returned;
        self.invoices_skipped += other.invoices_skipped;
        self.lines_committed += other.lines_committed;
        self.units_committed = self.units_committed.saturating_add(other.units_committed);
        self.units_returned = self.units_returned.saturating_add(other.units_returned);
    }
}

pub(super) struct Sender<'a> {
    pipeline: Pipeline,
    initial_on_hand: u64,
    /// Each code that is asked for, and whether it has its first units.
    stocked: HashMap<&'a Code, OnceCell<()>>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(pipeline: Pipeline, initial_on_hand: u64, invoices: &'a [Invoice]) -> Self {
        let codes = invoices.iter().flat_map(codes_of);
        let stocked = codes.map(|code| (code, OnceCell::new())).collect();
        Self { pipeline, initial_on_hand, stocked }
    }

    /// Sends one invoice and waits until it is finished.
    ///
    /// # Errors
    /// Where the server gives no answer or one that no invoice should have; it names the invoice.
    pub(super) async fn send(&self, invoice: &Invoice) -> Result<Figures, Failure> {
        match self.send_content(&invoice.content).await {
            Ok(figures) => Ok(figures),
            Err(failure) => Err(Failure::Failed(format!("invoice {}: {failure}", invoice.number))),
        }
    }

    async fn send_content(&self, content: &Content) -> Result<Figures, Failure> {
        match content {
            Content::Order(order) => self.send_order(order).await,
            Content::Return(lines) => Ok(self.send_return(lines).await?),
            Content::Nothing => Ok(Figures { invoices_skipped: 1, ..Default::default() }),
        }
    }

    async fn send_order(&self, order: &Order) -> Result<Figures, Failure> {
        let codes: HashSet<_> = order.lines.iter().map(|line| &line.code).collect();
        stream::iter(&codes)
            .map(|code| self.stock(code))
            .buffer_unordered(RECEIPTS_IN_FLIGHT)
            .try_collect::<()>()
            .await?;
        let answer = self.pipeline.create_sales_order(request(order)).await?;
        match answer.sales_order.unwrap_or_default().state() {
            v1::SalesOrderState::Completed => Ok(Figures {
                orders_completed: 1,
                lines_committed: codes.len() as u64,
                units_committed: order
                    .lines
                    .iter()
                    .fold(0, |sum, line| sum.saturating_add(line.quantity)),
                ..Default::default()
            }),
            v1::SalesOrderState::Rejected => {
                Ok(Figures { orders_rejected: 1, ..Default::default() })
            }
            state => Err(Failure::Failed(format!("the order ended as {}", state.as_str_name()))),
        }
    }

    async fn send_return(&self, lines: &[(Code, u64)]) -> Result<Figures, CallError> {
        let mut figures = Figures { invoices_returned: 1, ..Default::default() };
        for (code, quantity) in lines {
            self.stock(code).await?;
            self.receive(code, *quantity).await?;
            figures.units_returned = figures.units_returned.saturating_add(*quantity);
        }
        Ok(figures)
    }

    /// Gives a code its first units, unless it has them.
    async fn stock(&self, code: &Code) -> Result<(), CallError> {
        let stocked = &self.stocked[code];
        stocked.get_or_try_init(|| self.receive(code, self.initial_on_hand)).await.copied()
    }

    async fn receive(&self, code: &Code, quantity: u64) -> Result<(), CallError> {
        let request = v1::ReceiveStockRequest {
            request_id: Uuid::new_v4().to_string(),
            stock: Some(stock(code)),
            quantity,
            ..Default::default()
        };
        self.pipeline.receive_stock(request).await.map(|_| ())
    }
}

fn codes_of(invoice: &Invoice) -> Vec<&Code> {
    match &invoice.content {
        Content::Order(order) => order.lines.iter().map(|line| &line.code).collect(),
        Content::Return(lines) => lines.iter().map(|(code, _)| code).collect(),
        Content::Nothing => Vec::new(),
    }
}

fn stock(code: &Code) -> v1::StockResource {
    v1::StockResource { sku: code.to_string(), location: String::new() }
}

fn request(order: &Order) -> v1::CreateSalesOrderRequest {
    let line = |line: &super::invoices::OrderLine| v1::SalesOrderLine {
        line_id: String::new(),
        resource: Some(v1::sales_order_line::Resource::Stock(stock(&line.code))),
        quantity: line.quantity,
        unit_price: Some(line.unit_price.into_money(CURRENCY)),
        total: None,
    };
    v1::CreateSalesOrderRequest {
        request_id: Uuid::new_v4().to_string(),
        customer: order.customer.clone(),
        lines: order.lines.iter().map(line).collect(),
        wait: v1::SalesOrderWait::Ended.into(),
        ..Default::default()
    }
}
