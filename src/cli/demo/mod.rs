//! `holdfast demo`: the whole thing at work, on a folder of its own.
//!
//! ```text
//!   a server in this process ◀── gRPC ── crowd: many clients, more orders than stock
//!             │
//!             └── its log, from the first event ──▶ audit, story ──▶ report
//! ```
//!
//! The clients and the audit speak to the server as any client does, and have a thread of their
//! own. What is said to have happened is worked out from the log, not from what the server or this
//! process remembers.
//!
//! Not here: anything that the server wouldn't do for others.

mod audit;
mod crowd;
mod report;
mod shop;
mod story;
mod text;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future;
use tokio::runtime;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{self, Format};
use crate::client::{CallError, Client, Options, RetryPolicy};
use crate::config::Config;
use crate::proto::v1::{self, subscribe_request::Start, subscribe_response::Content};
use crate::server::{self, Running};
use crate::telemetry;
use audit::Ledger;
use report::{Findings, Report, Sold};
use shop::{Order, PRODUCTS};
use story::Story;

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// More balances than the demo has.
const PAGE_SIZE: u32 = 1_000;
/// How long the last units may take from their orders' end until they have left stock.
const SETTLING_TIME_MAX: Duration = Duration::from_secs(10);
const SETTLING_PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  holdfast demo\n  \
    holdfast demo --orders 2000 --clients 16\n  \
    holdfast demo --data-dir ./demo-data -o json\n\n\
    It starts a server of its own on a fresh folder, which is kept. It ends with 1 where a check\n\
    of the log fails.")]
pub(super) struct Args {
    /// How many orders are placed
    #[arg(long, value_name = "N", default_value_t = 20_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// How many clients place them at once
    #[arg(long, value_name = "N", default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    clients: u32,
    /// A folder that is empty or missing [default: a new one among the temporary files]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How the result looks on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let data_dir = match &args.data_dir {
        Some(path) => fresh(path)?,
        None => new_temporary_folder(),
    };
    let running = start(&data_dir)?;
    if args.output == Format::Text {
        introduce(args, &data_dir)?;
    }
    let clients = runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = clients.block_on(show(args, &data_dir, running.addresses().grpc));
    // Their connections end before the server does.
    drop(clients);
    running.stop();
    let report = outcome.inspect_err(|_| {
        output::note(&format!("the folder {} is kept", data_dir.display()));
    })?;
    args.output.print(&report)?;
    if !report.ok {
        return Err(Failure::Failed(format!(
            "a check of the log fails; the folder {} is kept for examination",
            data_dir.display()
        )));
    }
    Ok(())
}

/// A name that nothing has among the temporary files.
fn new_temporary_folder() -> PathBuf {
    let id = Uuid::new_v4().simple().to_string();
    std::env::temp_dir().join(format!("holdfast-demo-{}", &id[..12]))
}

/// A folder that nothing is in yet.
fn fresh(path: &Path) -> Result<PathBuf, Failure> {
    let usage = |cause: String| Failure::Usage(format!("--data-dir {}: {cause}", path.display()));
    let is_empty = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(usage(error.to_string())),
    };
    if !is_empty {
        return Err(usage("not empty: choose a folder that is empty or missing".to_owned()));
    }
    Ok(path.to_owned())
}

/// The same server everywhere: whatever is set for others doesn't count here.
fn start(data_dir: &Path) -> Result<Running, Failure> {
    let mut config = Config::default();
    config.server.data_dir = data_dir.to_owned();
    config.server.grpc_addr = LOOPBACK;
    config.server.http_addr = LOOPBACK;
    config.log.filter = "warn".to_owned();
    telemetry::start_logging(&config.log).map_err(Failure::Failed)?;
    let metrics = telemetry::install().map_err(Failure::Failed)?;
    server::start(&config, metrics).map_err(|error| Failure::Failed(error.to_string()))
}

fn introduce(args: &Args, data_dir: &Path) -> io::Result<()> {
    let (clients, orders) = (text::grouped(args.clients.into()), text::grouped(args.orders.into()));
    let mut out = io::stdout().lock();
    writeln!(out, "{clients} clients place {orders} orders for {} products,", PRODUCTS.len())?;
    writeln!(out, "and want more than there is. An order gets all its lines or none.\n")?;
    writeln!(out, "Folder   {}", data_dir.display())?;
    out.flush()
}

async fn show(args: &Args, data_dir: &Path, server: SocketAddr) -> Result<Report, Failure> {
    let clients = connect(args.clients, server).await?;
    let orders = shop::orders(args.orders);
    let wanted = receive(&clients[0], &orders).await?;
    let evening = crowd::order_all(&clients, &orders, &Interrupt::listen()).await?;

    let client = &clients[0];
    let reported = settled_balances(client).await?;
    let example = |state| evening.example(state).map(|told| told.order_id.as_str());
    let mut story = match example(v1::SalesOrderState::Completed) {
        Some(order_id) => Story::begin(client, order_id).await?,
        None => Story::default(),
    };
    let rejected = match example(v1::SalesOrderState::Rejected) {
        Some(order_id) => get(client, order_id).await?,
        None => None,
    };
    let mut ledger = Ledger::default();
    read_log(client, |event| {
        ledger.follow(event);
        story.follow(event);
    })
    .await?;

    let told: HashMap<_, _> =
        evening.told.iter().map(|told| (told.order_id.as_str(), told.state)).collect();
    let checks = ledger.checks(&reported, &told);
    let sold = PRODUCTS.iter().zip(wanted);
    let sold = sold.map(|(product, wanted)| Sold::new(product, wanted, &ledger, &reported));
    Ok(Report::from(Findings {
        data_dir,
        clients: args.clients,
        products: sold.collect(),
        evening,
        ledger,
        checks,
        order: story.end(),
        rejected,
    }))
}

async fn connect(clients: u32, server: SocketAddr) -> Result<Vec<Client>, Failure> {
    let mut options = Options::new(server.to_string());
    options.retry = RetryPolicy::patient();
    let connections = (0..clients).map(|_| Client::connect(&options));
    Ok(future::try_join_all(connections).await?)
}

/// Receives the stock that is there for these orders; gives how much of each they want.
async fn receive(client: &Client, orders: &[Order]) -> Result<[u64; PRODUCTS.len()], CallError> {
    let wanted = shop::wanted(orders);
    for (product, wanted) in PRODUCTS.iter().zip(wanted) {
        let request = v1::ReceiveStockRequest {
            request_id: Uuid::new_v4().to_string(),
            stock: Some(product.stock()),
            quantity: product.supply(wanted),
            reference: "the demo's delivery".to_owned(),
            ..Default::default()
        };
        client.receive_stock(request).await?;
    }
    Ok(wanted)
}

/// The balances once nothing is held any more. An order has completed when its reservation is
/// used up; its units leave stock a moment later.
async fn settled_balances(client: &Client) -> Result<Vec<v1::StockBalance>, CallError> {
    let give_up = Instant::now() + SETTLING_TIME_MAX;
    loop {
        let request = v1::ListStockBalancesRequest { page_size: PAGE_SIZE, ..Default::default() };
        let balances = client.list_stock_balances(request).await?.stock_balances;
        let is_settled = balances.iter().all(|balance| balance.held == 0);
        if is_settled || Instant::now() > give_up {
            return Ok(balances);
        }
        sleep(SETTLING_PAUSE).await;
    }
}

async fn get(client: &Client, order_id: &str) -> Result<Option<v1::SalesOrder>, CallError> {
    let request = v1::GetSalesOrderRequest { sales_order_id: order_id.to_owned() };
    Ok(client.get_sales_order(request).await?.sales_order)
}

/// Hands every event that there is to `each`, from the first.
async fn read_log(client: &Client, mut each: impl FnMut(&v1::Event)) -> Result<(), Failure> {
    let start = Some(Start::From(v1::SubscribeFrom::Beginning.into()));
    let request = v1::SubscribeRequest { start, ..Default::default() };
    let mut feed = client.events().subscribe(request).await.map_err(CallError::from)?.into_inner();
    while let Some(message) = feed.message().await.map_err(CallError::from)? {
        match message.content {
            Some(Content::Event(event)) => each(&event),
            Some(Content::CaughtUp(_)) => return Ok(()),
            _ => {}
        }
    }
    Err(Failure::Failed("the feed ended before the log did".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_is_empty_or_missing_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a/b");
        assert_eq!(fresh(&missing).unwrap(), missing);
        assert_eq!(fresh(folder.path()).unwrap(), folder.path());
        fs::write(folder.path().join("note"), "mine").unwrap();
        assert!(matches!(fresh(folder.path()), Err(Failure::Usage(_))));
        assert!(matches!(fresh(&folder.path().join("note")), Err(Failure::Usage(_))));
    }
}
