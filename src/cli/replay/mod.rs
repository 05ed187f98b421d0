//! `holdfast replay`: sends what really happened once.

mod invoices;
mod retail;
mod sender;
#[cfg(test)]
mod tests;

use clap::Subcommand;

use crate::cli::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Replay a shop's invoices, as orders and returns
    Retail(retail::Args),
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Retail(args) => retail::run(args).await,
    }
}
