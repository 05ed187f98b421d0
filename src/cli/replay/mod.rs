//! `holdfast replay`: sends what really happened once.
//!
//! [`retail`] reads a shop's [`invoices`] and has its [`sender`] send them. What another replay would
//! do alike is apart: reading a [`table`], and sending [`in_turn`].

mod in_turn;
mod invoices;
mod retail;
mod sender;
mod table;
#[cfg(test)]
mod tests;

use std::time::Instant;

use clap::Subcommand;
use sha2::{Digest, Sha256};

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

/// SHA-256 over these lines, joined by a line break, in hexadecimal.
fn sha256_of_lines(lines: impl Iterator<Item = String>) -> String {
    let digest = Sha256::digest(lines.collect::<Vec<_>>().join("\n"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long it took, to the millisecond.
fn seconds_since(begin: Instant) -> f64 {
    (begin.elapsed().as_secs_f64() * 1e3).round() / 1e3
}
