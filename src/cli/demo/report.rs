//! What the demo shows at its end, for people and for machines.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::audit::{Check, Ledger};
use super::crowd::Evening;
use super::shop::{CURRENCY, Product};
use super::story::OrderTold;
use super::text::{grouped, milliseconds, shell_word};
use crate::cli::view;
use crate::proto::v1;

/// How many of the last events `events tail` is pointed at.
const LAST_EVENTS: u64 = 10;

/// What happened. Scripts rely on these keys.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether every check holds.
    pub(super) ok: bool,
    /// The folder with log and snapshots; it is kept.
    pub(super) data_dir: PathBuf,
    clients: u32,
    orders: u64,
    completed: u64,
    rejected: u64,
    units_received: u64,
    units_sold: u64,
    units_left: u64,
    products: Vec<Sold>,
    /// Events in the log.
    events: u64,
    last_position: u64,
    checks: Vec<Check>,
    /// One order's events.
    order: OrderTold,
    /// One order that came too late.
    rejected_order: Option<view::SalesOrder>,
    /// From the first order to the last answer.
    seconds: f64,
    /// Orders that ended, completed or rejected.
    orders_per_second: f64,
    /// How long an order takes from its request until it has ended.
    p50_us: u64,
    /// The same.
    p99_us: u64,
    /// Commands to go on with.
    go_on: Vec<Command>,
}

/// What became of one product.
#[derive(Debug, Serialize)]
pub(super) struct Sold {
    sku: &'static str,
    currency: &'static str,
    price: String,
    wanted: u64,
    received: u64,
    sold: u64,
    left: u64,
}

/// Something to type next.
#[derive(Debug, Serialize)]
struct Command {
    command: String,
    what: &'static str,
}

/// What was found out, in the pieces in which it was.
pub(super) struct Findings<'a> {
    pub(super) data_dir: &'a Path,
    pub(super) clients: u32,
    pub(super) products: Vec<Sold>,
    pub(super) evening: Evening,
    pub(super) ledger: Ledger,
    pub(super) checks: Vec<Check>,
    pub(super) order: OrderTold,
    pub(super) rejected: Option<v1::SalesOrder>,
}

impl Sold {
    /// A product and its units: wanted and received before, sold by the log, and what is left as
    /// the server reports it.
    pub(super) fn new(
        product: &Product,
        wanted: u64,
        ledger: &Ledger,
        reported: &[v1::StockBalance],
    ) -> Self {
        let stock = product.stock();
        let balance = reported.iter().find(|balance| balance.stock.as_ref() == Some(&stock));
        Self {
            sku: product.sku,
            currency: CURRENCY,
            price: product.price_text(),
            wanted,
            received: product.supply(wanted),
            sold: ledger.sold(&stock),
            left: balance.map_or(0, |balance| balance.available),
        }
    }
}

impl From<Findings<'_>> for Report {
    fn from(findings: Findings<'_>) -> Self {
        let Findings { data_dir, clients, products, evening, ledger, checks, order, rejected } =
            findings;
        let orders = evening.told.len() as u64;
        let seconds = evening.took.as_secs_f64();
        let sum = |units: fn(&Sold) -> u64| products.iter().map(units).sum();
        Self {
            ok: checks.iter().all(|check| check.ok),
            go_on: go_on(data_dir, &order.sales_order_id, ledger.last_position()),
            data_dir: data_dir.to_owned(),
            clients,
            orders,
            completed: evening.count(v1::SalesOrderState::Completed),
            rejected: evening.count(v1::SalesOrderState::Rejected),
            units_received: sum(|product| product.received),
            units_sold: sum(|product| product.sold),
            units_left: sum(|product| product.left),
            products,
            events: ledger.events(),
            last_position: ledger.last_position(),
            checks,
            order,
            rejected_order: rejected.map(view::SalesOrder::from),
            seconds: (seconds * 1e3).round() / 1e3,
            orders_per_second: (orders as f64 / seconds * 10.0).round() / 10.0,
            p50_us: evening.quantile_us(0.5),
            p99_us: evening.quantile_us(0.99),
        }
    }
}

/// Commands that work once the demo has ended, under the name by which this one was called.
fn go_on(data_dir: &Path, order_id: &str, last_position: u64) -> Vec<Command> {
    let program = std::env::args_os().next().unwrap_or_else(|| "holdfast".into());
    let program = shell_word(Path::new(&program));
    let folder = shell_word(data_dir);
    let after = last_position.saturating_sub(LAST_EVENTS);
    let command =
        |arguments: String, what| Command { command: format!("{program} {arguments}"), what };
    vec![
        command(format!("verify --data-dir {folder}"), "check the folder without a server"),
        command(format!("serve --data-dir {folder}"), "serve it again; then, in another terminal:"),
        command("stock list".to_owned(), "what is left"),
        command(format!("order get {order_id}"), "the order above"),
        command(format!("events tail --after {after}"), "the last events, and whatever follows"),
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, rejected, .. } = self;
        let (completed, rejected) = (grouped(*completed), grouped(*rejected));
        writeln!(f, "Orders   {completed} completed, {rejected} rejected")?;
        let rate = grouped(self.orders_per_second as u64);
        writeln!(f, "Speed    {rate} orders a second, on disk before each answer")?;
        let (p50, p99) = (milliseconds(self.p50_us), milliseconds(self.p99_us));
        writeln!(f, "Latency  p50 {p50}, p99 {p99}, from request until the order has ended\n")?;
        self.write_products(f)?;
        self.write_checks(f)?;
        write!(f, "\n{}\n", self.order)?;
        self.write_rejected(f)?;
        self.write_go_on(f)
    }
}

impl Report {
    fn write_products(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, price: &str, units: [String; 4]| {
            let [wanted, received, sold, left] = units;
            writeln!(f, "  {name:<18}{price:>8}{wanted:>9}{received:>10}{sold:>9}{left:>8}")
        };
        row("Product", CURRENCY, ["wanted", "received", "sold", "left"].map(str::to_owned))?;
        let mut wanted = 0;
        for it in &self.products {
            wanted += it.wanted;
            row(it.sku, &it.price, [it.wanted, it.received, it.sold, it.left].map(grouped))?;
        }
        let units = [wanted, self.units_received, self.units_sold, self.units_left];
        row("All", "", units.map(grouped))
    }

    fn write_checks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.ok { "Nothing was sold twice" } else { "SOMETHING IS WRONG" };
        let events = grouped(self.events);
        writeln!(
            f,
            "\n{verdict}, by the log's {events} events, read one by one from the first:\n"
        )?;
        for check in &self.checks {
            let mark = if check.ok { "  ok    " } else { "  FAILS " };
            writeln!(f, "{mark}{}", check.promise)?;
            for problem in &check.problems {
                writeln!(f, "          {problem}")?;
            }
            match check.problems_total - check.problems.len() {
                0 => {}
                more => writeln!(f, "          and {} more", grouped(more as u64))?,
            }
        }
        Ok(())
    }

    fn write_rejected(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rejection = self.rejected_order.as_ref().and_then(|order| order.rejection.as_ref());
        let Some(short) = rejection.and_then(|rejection| rejection.shortages.first()) else {
            return Ok(());
        };
        let view::order::Shortage { requested, available, .. } = short;
        let view::Resource::Stock(stock) = &short.resource else { return Ok(()) };
        let (sku, position) = (&stock.sku, grouped(short.position));
        writeln!(
            f,
            "\nAnother came too late: {requested} of {sku} wanted, {available} left at \
             position {position}.\nIt got none of its lines, and nothing stayed held."
        )
    }

    fn write_go_on(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\nThe server has stopped; its folder is kept. Go on with:\n")?;
        for Command { command, what } in &self.go_on {
            write!(f, "\n  # {what}\n  {command}")?;
        }
        Ok(())
    }
}
