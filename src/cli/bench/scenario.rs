//! What is sent, and the stock that it needs.

use std::time::Duration;

use clap::ValueEnum;
use futures::stream::{self, StreamExt};
use rand::Rng;
use serde::Serialize;
use uuid::Uuid;

use super::template::{CallTemplate, NUMBER_DIGITS, StreamTemplate};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::cli::parse;
use crate::client::Client;
use crate::proto::{Money, v1};
use v1::sequenced_command::Command;

const SPREAD_SKUS: u32 = 100_000;
/// The SKU that templates are made with: its digits are found nowhere else in them.
const NUMBER_OF_TEMPLATE: u32 = SPREAD_SKUS - 1;
/// More than any run takes from one SKU.
const UNITS_OF_EACH: u64 = 1_000_000;
const UNITS_OF_THE_HOT_ONE: u64 = 1_000_000_000_000;
/// Receipts under way at once before the measurement; it isn't measured, so as fast as may be.
const RECEIPTS_IN_FLIGHT: usize = 1_024;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scenario {
    /// Reservations of one unit, all of one SKU
    Hot,
    /// Reservations of one unit, over 100,000 SKUs
    Spread,
    /// Sales orders of one unit over 100,000 SKUs, counted when completed
    Orders,
}

/// The SKUs of one run. A run's name makes them its own, so that runs don't meet.
#[derive(Debug)]
pub(super) struct Stocked {
    pub(super) scenario: Scenario,
    pub(super) run: String,
    pub(super) skus: u32,
    /// How long reservations are held, where that isn't left to the server.
    pub(super) ttl: Option<Duration>,
}

impl Stocked {
    pub(super) fn new(scenario: Scenario) -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let skus = if scenario == Scenario::Hot { 1 } else { SPREAD_SKUS };
        Self { scenario, run: format!("bench-{}", &id[..8]), skus, ttl: None }
    }

    pub(super) fn stock(&self, number: u32) -> v1::StockResource {
        let sku = format!("{}-{}", self.run, digits(number));
        v1::StockResource { sku, location: String::new() }
    }

    /// The number of a balance of the run, each as likely as any other.
    pub(super) fn any_number(&self, rng: &mut impl Rng) -> u32 {
        rng.random_range(0..self.skus)
    }

    /// The method that the scenario calls.
    pub(super) fn path(&self) -> &'static str {
        match self.scenario {
            Scenario::Hot | Scenario::Spread => "/holdfast.v1.ReservationService/CreateReservation",
            Scenario::Orders => "/holdfast.v1.SalesOrderService/CreateSalesOrder",
        }
    }

    /// The scenario's command, for calls.
    pub(super) fn call_template(&self) -> CallTemplate {
        let (stock, request_id) = self.of_template();
        match self.scenario {
            Scenario::Hot | Scenario::Spread => CallTemplate::new(
                &self.reservation_of(stock, request_id),
                &digits(NUMBER_OF_TEMPLATE),
            ),
            Scenario::Orders => {
                CallTemplate::new(&order_of(stock, request_id), &digits(NUMBER_OF_TEMPLATE))
            }
        }
    }

    /// The scenario's command, for a stream.
    pub(super) fn stream_template(&self) -> StreamTemplate {
        let (stock, request_id) = self.of_template();
        let command = match self.scenario {
            Scenario::Hot | Scenario::Spread => {
                Command::CreateReservation(self.reservation_of(stock, request_id))
            }
            Scenario::Orders => Command::CreateSalesOrder(order_of(stock, request_id)),
        };
        StreamTemplate::new(command, &digits(NUMBER_OF_TEMPLATE))
    }

    /// A reservation of one unit, held.
    pub(super) fn reservation_of(
        &self,
        stock: v1::StockResource,
        request_id: String,
    ) -> v1::CreateReservationRequest {
        use v1::create_reservation_request::Lifetime;
        let line = v1::ReservationLine {
            line_id: String::new(),
            resource: Some(v1::reservation_line::Resource::Stock(stock)),
            quantity: 1,
        };
        let lifetime = self.ttl.map(|ttl| Lifetime::Ttl(parse::to_wire_span(ttl)));
        v1::CreateReservationRequest {
            request_id,
            lines: vec![line],
            lifetime,
            ..Default::default()
        }
    }

    fn of_template(&self) -> (v1::StockResource, String) {
        (self.stock(NUMBER_OF_TEMPLATE), Uuid::nil().to_string())
    }
}

fn digits(number: u32) -> String {
    format!("{number:0digits$}", digits = NUMBER_DIGITS)
}

/// A sales order of one unit, answered when it has ended.
pub(super) fn order_of(
    stock: v1::StockResource,
    request_id: String,
) -> v1::CreateSalesOrderRequest {
    let price = Money { currency_code: "EUR".to_owned(), units: 4, nanos: 250_000_000 };
    let line = v1::SalesOrderLine {
        line_id: String::new(),
        resource: Some(v1::sales_order_line::Resource::Stock(stock)),
        quantity: 1,
        unit_price: Some(price),
        total: None,
    };
    v1::CreateSalesOrderRequest {
        request_id,
        lines: vec![line],
        wait: v1::SalesOrderWait::Ended.into(),
        ..Default::default()
    }
}

/// Receives the stock that a scenario needs, over all connections.
///
/// # Errors
/// Where a receipt is refused, or the user ends it.
pub(super) async fn stock(
    stocked: &Stocked,
    clients: &[Client],
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let scenario = stocked.scenario;
    let quantity = if scenario == Scenario::Hot { UNITS_OF_THE_HOT_ONE } else { UNITS_OF_EACH };
    let bar = output::progress(stocked.skus.into(), "stocking {wide_bar} {pos}/{len} SKUs");
    let pipelines: Vec<_> = clients.iter().map(Client::pipeline).collect();
    let mut receipts = stream::iter(0..stocked.skus)
        .zip(stream::iter(pipelines.iter().cycle()))
        .map(|(number, pipeline)| {
            pipeline.receive_stock(v1::ReceiveStockRequest {
                request_id: Uuid::new_v4().to_string(),
                stock: Some(stocked.stock(number)),
                quantity,
                ..Default::default()
            })
        })
        .buffer_unordered(RECEIPTS_IN_FLIGHT);
    while let Some(receipt) = receipts.next().await {
        receipt?;
        bar.inc(1);
        if interrupt.came() {
            return Err(Failure::Failed("ended before the measurement".to_owned()));
        }
    }
    drop(receipts);
    bar.finish_and_clear();
    Ok(())
}
