//! `holdfast order`: place, cancel and follow sales orders.

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::line::PricedLineSpec;
use crate::cli::parse;
use crate::cli::remote::{CommandArgs, Remote};
use crate::cli::view::{Answer, Entity, SalesOrder};
use crate::client::CallError;
use crate::domain::money::Currency;
use crate::proto::v1;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Place an order; the server reserves, delivers and commits it
    #[command(after_help = "Examples:
  holdfast order create --currency EUR --line stock:MUG=2@4.25
  holdfast order create --currency EUR --line stock:MUG@CELLAR=2@4.25 --wait ended
  holdfast order create --currency EUR --line nights:DOUBLE=2026-12-24/2026-12-27@390 \\
    --line slots:BAY=2026-12-24T10:00Z/PT2H@12.50

A line is one of a reservation, @ and the price of one: of a unit of stock, or of a unit for the
whole time. As in reservations, the last = is before the quantity or the time.")]
    Create(Create),
    /// Cancel an order that is not delivered yet
    #[command(after_help = "Example:\n  holdfast order cancel ID --reason 'changed mind'")]
    Cancel(Cancel),
    /// Tell one order, open or finished
    #[command(after_help = "Example:\n  holdfast order get ID -o json")]
    Get(Get),
    /// Follow an order until it has ended
    #[command(after_help = "Example:\n  holdfast order watch ID")]
    Watch(Get),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What is bought, such as stock:SKU=2@4.25 or nights:CALENDAR=2026-12-24/2026-12-27@390; repeat
    /// it for more lines
    #[arg(long = "line", value_name = "LINE", required = true)]
    lines: Vec<PricedLineSpec>,
    /// The currency of the prices: three letters of ISO 4217
    #[arg(long, value_name = "CODE", value_parser = parse::currency)]
    currency: Currency,
    /// The id it shall have; without it, one that follows from the request id
    #[arg(long, value_name = "UUID", value_parser = parse::id)]
    id: Option<Uuid>,
    /// Who it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    customer: String,
    /// Until when to wait
    #[arg(long, value_name = "STATE", default_value = "created")]
    wait: Wait,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wait {
    /// Until the order is created
    Created,
    /// Until it is completed, rejected or cancelled
    Ended,
}

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// Which order
    #[arg(value_parser = parse::id)]
    id: Uuid,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Get {
    /// Which order
    #[arg(value_parser = parse::id)]
    id: Uuid,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(args).await,
        Command::Cancel(args) => cancel(args).await,
        Command::Get(args) => get(args).await,
        Command::Watch(args) => watch(args).await,
    }
}

fn answer(order: Option<v1::SalesOrder>, version: Option<u64>, position: u64) -> Answer {
    Answer { version, position, entity: Entity::SalesOrder(order.unwrap_or_default().into()) }
}

/// As messages name it.
fn subject(id: Uuid) -> String {
    format!("order {id}")
}

async fn create(args: Create) -> Result<(), Failure> {
    let wait = match args.wait {
        Wait::Created => v1::SalesOrderWait::Created,
        Wait::Ended => v1::SalesOrderWait::Ended,
    };
    let lines = args.lines.into_iter().map(|line| line.into_message(args.currency.code()));
    let request = v1::CreateSalesOrderRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        sales_order_id: args.id.map(|id| id.to_string()).unwrap_or_default(),
        customer: args.customer,
        lines: lines.collect(),
        wait: wait.into(),
    };
    let done = args.remote.connect().await?.create_sales_order(request).await;
    let done = done.map_err(|error| args.remote.explain(error))?;
    let answer = answer(done.sales_order, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

async fn cancel(args: Cancel) -> Result<(), Failure> {
    let request = v1::CancelSalesOrderRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        sales_order_id: args.id.to_string(),
        reason: args.reason,
    };
    let done = args.remote.connect().await?.cancel_sales_order(request).await;
    let done = done.map_err(args.remote.explain_about(subject(args.id)))?;
    let answer = answer(done.sales_order, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

async fn get(args: Get) -> Result<(), Failure> {
    let request = v1::GetSalesOrderRequest { sales_order_id: args.id.to_string() };
    let found = args.remote.connect().await?.get_sales_order(request).await;
    let found = found.map_err(args.remote.explain_about(subject(args.id)))?;
    Ok(args.remote.output.print(&answer(found.sales_order, None, found.position))?)
}

async fn watch(args: Get) -> Result<(), Failure> {
    let request = v1::WatchSalesOrderRequest { sales_order_id: args.id.to_string() };
    let failed = |status| args.remote.explain_about(subject(args.id))(CallError::from(status));
    let mut orders = args.remote.connect().await?.sales_orders();
    let mut changes = orders.watch_sales_order(request).await.map_err(failed)?.into_inner();
    let mut ended = false;
    while let Some(change) = changes.message().await.map_err(failed)? {
        let order = SalesOrder::from(change.sales_order.unwrap_or_default());
        ended = order.ended;
        args.remote.output.print(&order)?;
    }
    if ended {
        return Ok(());
    }
    Err(Failure::Failed("the server stopped telling before the order ended; watch it again".into()))
}
