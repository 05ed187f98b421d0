//! `holdfast replay`: sends what really happened once.
//!
//! [`retail`] reads a shop's [`invoices`] and has its [`sender`] send them; [`hotel`] reads
//! [`bookings`], which its [`desk`] makes and ends, and asks for the [`occupancy`] that they come to.
//! Both read a [`table`] and send [`in_turn`].

mod bookings;
mod desk;
mod hotel;
mod in_turn;
mod invoices;
mod occupancy;
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
    /// Replay the bookings of hotels, as reservations of nights
    Hotel(hotel::Args),
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Retail(args) => retail::run(args).await,
        Command::Hotel(args) => hotel::run(args).await,
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
