//! `holdfast stock`: receive, correct and look at stock.

use std::fmt;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::parse;
use crate::cli::remote::{CommandArgs, ListArgs, Remote};
use crate::cli::view::stock::{Claim, StockBalance};
use crate::cli::view::{Answer, Entity};
use crate::domain::name::{Location, Sku};
use crate::proto::v1::{self, adjust_stock_request::Adjustment};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add units to a balance; the first receipt brings it into being
    #[command(after_help = "Example:\n  holdfast stock receive MUG 100 --reference 'delivery 17'")]
    Receive(Receive),
    /// Correct a balance by a difference or to a counted total
    #[command(after_help = "Examples:\n  holdfast stock adjust MUG --delta -3 --reason broken\n  \
                            holdfast stock adjust MUG --counted 97 --reason stocktaking")]
    Adjust(Adjust),
    /// Tell one balance
    #[command(after_help = "Example:\n  holdfast stock get 'BLUE MUG' --location CELLAR")]
    Get(Get),
    /// List all balances
    #[command(after_help = "Example:\n  holdfast stock list -o json")]
    List(List),
    /// List who holds what of a balance, and until when
    #[command(after_help = "Example:\n  holdfast stock claims MUG")]
    Claims(Claims),
}

/// Names a balance.
#[derive(Debug, Args)]
struct Balance {
    /// What is counted
    #[arg(value_parser = parse::sku)]
    sku: Sku,
    /// Where; without it, the location without a name
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true,
        value_parser = parse::location)]
    location: Location,
}

#[derive(Debug, Args)]
pub(super) struct Receive {
    #[command(flatten)]
    balance: Balance,
    /// How many units
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    quantity: u64,
    /// Text that the event carries, such as a delivery note
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reference: String,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Adjust {
    #[command(flatten)]
    balance: Balance,
    #[command(flatten)]
    change: Change,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Change {
    /// Units to add, or with a minus to take away
    #[arg(long, value_name = "UNITS", allow_negative_numbers = true)]
    delta: Option<i64>,
    /// Units that were counted
    #[arg(long, value_name = "UNITS")]
    counted: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct Get {
    #[command(flatten)]
    balance: Balance,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Claims {
    #[command(flatten)]
    balance: Balance,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

impl Balance {
    fn message(&self) -> v1::StockResource {
        v1::StockResource { sku: self.sku.to_string(), location: self.location.to_string() }
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stock of {:?}", self.sku)?;
        match self.location.as_str() {
            "" => Ok(()),
            location => write!(f, " at {location:?}"),
        }
    }
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Receive(args) => receive(args).await,
        Command::Adjust(args) => adjust(args).await,
        Command::Get(args) => get(args).await,
        Command::List(args) => list(args).await,
        Command::Claims(args) => claims(args).await,
    }
}

fn answer(balance: Option<v1::StockBalance>, version: Option<u64>, position: u64) -> Answer {
    Answer { version, position, entity: Entity::StockBalance(balance.unwrap_or_default().into()) }
}

async fn receive(args: Receive) -> Result<(), Failure> {
    let request = v1::ReceiveStockRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        stock: Some(args.balance.message()),
        quantity: args.quantity,
        reference: args.reference,
    };
    let done = args.remote.connect().await?.receive_stock(request).await;
    let done = done.map_err(args.remote.explain_about(&args.balance))?;
    let answer = answer(done.stock_balance, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

async fn adjust(args: Adjust) -> Result<(), Failure> {
    let adjustment = match (args.change.delta, args.change.counted) {
        (Some(delta), _) => Adjustment::Delta(delta),
        (None, counted) => Adjustment::CountedOnHand(counted.unwrap_or_default()),
    };
    let request = v1::AdjustStockRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        stock: Some(args.balance.message()),
        adjustment: Some(adjustment),
        reason: args.reason,
    };
    let done = args.remote.connect().await?.adjust_stock(request).await;
    let done = done.map_err(args.remote.explain_about(&args.balance))?;
    let answer = answer(done.stock_balance, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

async fn get(args: Get) -> Result<(), Failure> {
    let request = v1::GetStockBalanceRequest { stock: Some(args.balance.message()) };
    let found = args.remote.connect().await?.get_stock_balance(request).await;
    let found = found.map_err(args.remote.explain_about(&args.balance))?;
    Ok(args.remote.output.print(&answer(found.stock_balance, None, found.position))?)
}

async fn list(args: List) -> Result<(), Failure> {
    let client = args.remote.connect().await?;
    let (mut page_token, mut seen) = (String::new(), 0);
    while let Some(page_size) = args.list.page_size(seen) {
        let request = v1::ListStockBalancesRequest { page_size, page_token };
        let page = client.list_stock_balances(request).await;
        let page = page.map_err(|error| args.remote.explain(error))?;
        seen += page.stock_balances.len();
        for balance in page.stock_balances {
            args.remote.output.print(&StockBalance::from(balance))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

async fn claims(args: Claims) -> Result<(), Failure> {
    let client = args.remote.connect().await?;
    let stock = Some(args.balance.message());
    let (mut page_token, mut seen) = (String::new(), 0);
    while let Some(page_size) = args.list.page_size(seen) {
        let request = v1::ListClaimsRequest { stock: stock.clone(), page_size, page_token };
        let page = client.list_claims(request).await;
        let page = page.map_err(args.remote.explain_about(&args.balance))?;
        seen += page.claims.len();
        for claim in page.claims {
            args.remote.output.print(&Claim::from(claim))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(())
}
