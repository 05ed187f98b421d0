//! `holdfast replay retail`: a shop's month of invoices.
//!
//! Every invoice is an order or a return (see [`super::invoices`]); every stock code gets the same
//! units just before it is first asked for. One after the other the figures are exact and can be
//! worked out by hand; side by side nothing may be sold twice and the sums must agree, which is
//! checked at the end.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::in_turn::InTurn;
use super::invoices::{self, Invoice, QUANTITY_MAX};
use super::sender::{Figures, Sender};
use super::{seconds_since, sha256_of_lines, table};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::remote::Remote;
use crate::client::{CallError, Client, RetryPolicy};
use crate::proto::v1;

const PAGE_SIZE: u32 = 1_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast replay retail retail_2009_12.csv.gz \
    --initial-on-hand 100 --in-flight 1\n\nThe file is CSV, plain or gzip, with the columns Invoice, \
    StockCode, Quantity, Price and\nCustomer ID. The server must have no stock.")]
pub(in crate::cli) struct Args {
    /// The invoices
    file: PathBuf,
    /// The units that each stock code gets just before it is first asked for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=QUANTITY_MAX))]
    initial_on_hand: u64,
    /// How many invoices under way at once; with 1 the figures are exact
    #[arg(long, value_name = "N", default_value = "1")]
    in_flight: NonZero<u32>,
    #[command(flatten)]
    remote: Remote,
}

/// What came of it. Scripts rely on these keys.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) skus: u64,
    pub(super) on_hand_sha256: String,
    pub(super) seconds: f64,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let invoices = table::read_file(&args.file, invoices::read)?;
    let client = args.remote.connect_with(RetryPolicy::patient()).await?;
    let interrupt = Interrupt::listen();
    let plan = Plan {
        client,
        initial_on_hand: args.initial_on_hand,
        in_flight: args.in_flight.get() as usize,
    };
    let replayed = plan.replay(&invoices, &interrupt).await;
    let (report, on_hand) = replayed.map_err(|failure| args.remote.explain(failure))?;
    args.remote.output.print(&report)?;
    plan.check_sums(&report, on_hand)
}

/// How invoices are sent, and to whom.
pub(super) struct Plan {
    pub(super) client: Client,
    pub(super) initial_on_hand: u64,
    pub(super) in_flight: usize,
}

impl Plan {
    /// Sends all invoices and asks for the balances that are left; gives the units on hand too.
    ///
    /// # Errors
    /// Where the server has stock, refuses what it must take, or the user ends it.
    pub(super) async fn replay(
        &self,
        invoices: &[Invoice],
        interrupt: &Interrupt,
    ) -> Result<(Report, u128), Failure> {
        self.refuse_stock().await?;
        let begin = Instant::now();
        let figures = self.send(invoices, interrupt).await?;
        let mut balances = Vec::new();
        list_balances(&self.client, |balance| {
            balances.push((balance.stock.unwrap_or_default().sku, balance.on_hand));
        })
        .await?;
        let report = Report {
            figures,
            skus: balances.len() as u64,
            on_hand_sha256: digest(&mut balances),
            seconds: seconds_since(begin),
        };
        Ok((report, balances.iter().map(|(_, on_hand)| u128::from(*on_hand)).sum()))
    }

    async fn refuse_stock(&self) -> Result<(), Failure> {
        let request = v1::ListStockBalancesRequest { page_size: 1, ..Default::default() };
        let page = self.client.list_stock_balances(request).await?;
        match page.stock_balances.first().and_then(|balance| balance.stock.as_ref()) {
            None => Ok(()),
            Some(stock) => Err(Failure::Failed(format!(
                "the server has stock already, such as {stock}: replay against a fresh one, or as a \
                 tenant without any"
            ))),
        }
    }

    async fn send(&self, invoices: &[Invoice], interrupt: &Interrupt) -> Result<Figures, Failure> {
        let sender = Sender::new(self.client.pipeline(), self.initial_on_hand, invoices);
        let in_turn = InTurn { what: "invoices", in_flight: self.in_flight, interrupt };
        let mut figures = Figures::default();
        in_turn.send(invoices, |invoice| sender.send(invoice), |sent| figures.add(sent)).await?;
        Ok(figures)
    }

    /// What came in less what went out must be what is there.
    pub(super) fn check_sums(&self, report: &Report, on_hand: u128) -> Result<(), Failure> {
        let Figures { units_returned, units_committed, .. } = report.figures;
        let initial = u128::from(report.skus) * u128::from(self.initial_on_hand);
        let came_in = initial + u128::from(units_returned);
        if came_in == on_hand + u128::from(units_committed) {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "the sums do not agree: {came_in} units came in, {units_committed} were committed, \
             {on_hand} are on hand"
        )))
    }
}

async fn list_balances(
    client: &Client,
    mut each: impl FnMut(v1::StockBalance),
) -> Result<(), CallError> {
    let mut page_token = String::new();
    loop {
        let request = v1::ListStockBalancesRequest { page_size: PAGE_SIZE, page_token };
        let page = client.list_stock_balances(request).await?;
        page.stock_balances.into_iter().for_each(&mut each);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

/// SHA-256 over the lines `code,on_hand`, sorted bytewise by code and joined by a line break.
fn digest(balances: &mut [(String, u64)]) -> String {
    balances.sort_unstable();
    sha256_of_lines(balances.iter().map(|(code, on_hand)| format!("{code},{on_hand}")))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { orders_completed, orders_rejected, .. } = self.figures;
        let Figures { invoices_returned, invoices_skipped, .. } = self.figures;
        let Figures { lines_committed, units_committed, units_returned, .. } = self.figures;
        writeln!(f, "orders: {orders_completed} completed, {orders_rejected} rejected")?;
        writeln!(f, "invoices: {invoices_returned} returned, {invoices_skipped} skipped")?;
        writeln!(f, "committed: {units_committed} units on {lines_committed} lines")?;
        writeln!(f, "returned: {units_returned} units")?;
        writeln!(f, "on hand: {} SKUs, sha256 {}", self.skus, self.on_hand_sha256)?;
        write!(f, "in {} s", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_digest_is_over_sorted_lines_without_a_last_break() {
        let mut balances = vec![("b".to_owned(), 2), ("B a".to_owned(), 1), ("a".to_owned(), 3)];
        let expected: String =
            Sha256::digest("B a,1\na,3\nb,2").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest(&mut balances), expected);
    }
}
