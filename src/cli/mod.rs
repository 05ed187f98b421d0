//! The command line: `holdfast SUBCOMMAND`.
//!
//! One file for each subcommand. Each speaks to a server over gRPC, as any client does. Data goes to
//! stdout, everything else to stderr; the exit code is 0 for done, 1 for failed, 2 for wrong usage.
//!
//! Beside them: [`remote`] (what every such subcommand is told about the server), [`output`] (text
//! or JSON), [`mod@line`] and [`used`] (how a line of a reservation is written, and what
//! was used of it), [`when`] (how time is), [`parse`]
//! (other arguments) and [`view`] (how things look).
//!
//! Not here: any rule of the domain. What is asked for is asked of the server.

mod admin;
mod bench;
mod calendar;
mod config;
mod demo;
mod events;
pub mod failure;
mod interrupt;
pub mod line;
mod order;
pub mod output;
pub mod parse;
pub mod remote;
mod replay;
mod reservation;
mod serve;
mod settings;
mod stock;
#[cfg(test)]
mod test_server;
pub mod used;
mod verify;
pub mod view;
pub mod when;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::fatal;
use failure::Failure;

/// A reservation server that never sells the same thing twice.
#[derive(Debug, Parser)]
#[command(
    name = "holdfast",
    version,
    max_term_width = 100,
    after_help = "Examples:
  holdfast demo
  holdfast serve
  holdfast stock receive MUG 100
  holdfast reservation create --line stock:MUG=2

Each subcommand has --help, with examples."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// See it at work: a server of its own, many clients, and more orders than stock
    Demo(demo::Args),
    /// Check that a data folder keeps what is promised
    Verify(verify::Args),
    /// The part of `verify` that reads the copy
    #[command(hide = true)]
    InspectCopy(verify::InspectArgs),
    /// Look at the configuration
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast config print
  holdfast config print --config /etc/holdfast.toml"
    )]
    Config(config::Command),
    /// Receive, correct and look at stock
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast stock receive MUG 100 --reference 'delivery 17'
  holdfast stock get MUG
  holdfast stock list -o json"
    )]
    Stock(stock::Command),
    /// Set and look at capacity over time, in slots or in nights
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast calendar create DOUBLE --kind nights --zone Europe/Lisbon --capacity 10
  holdfast calendar close DOUBLE 2026-12-24/2026-12-27
  holdfast calendar show DOUBLE --month 2026-12

A time is START/END, of which the end doesn't belong to it, or START/LENGTH, as ISO 8601 has it:
  2026-12-24/2026-12-27                  dates; for nights, those that begin on the 24th to 26th
  2026-12-24/P3D                         the same
  2026-12-24T10:00Z/2026-12-24T12:00Z    instants
  2026-12-24T10:00+01:00/PT2H            instants, with an offset of your own"
    )]
    Calendar(calendar::Command),
    /// Make, end and look at reservations
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast reservation create --line stock:MUG=2 --ttl 1h
  holdfast reservation create --line nights:DOUBLE=2026-12-24/2026-12-27 --line stock:BREAKFAST=6
  holdfast reservation list --state held
  holdfast reservation confirm ID"
    )]
    Reservation(reservation::Command),
    /// Place, cancel and follow sales orders
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast order create --currency EUR --line stock:MUG=2@4.25 --wait ended
  holdfast order get ID"
    )]
    Order(order::Command),
    /// Follow the log, or read one entity's history
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast events tail --after beginning
  holdfast events read stock:MUG --backwards --limit 10"
    )]
    Events(events::Command),
    /// Run the server's own affairs
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast admin stats --digest
  holdfast admin snapshot"
    )]
    Admin(admin::Command),
    /// Measure how many commands a server takes
    Bench(bench::Args),
    /// Send what really happened once
    #[command(
        subcommand,
        after_help = "Examples:
  holdfast replay retail retail_2009_12.csv.gz --initial-on-hand 100
  holdfast replay hotel hotel_bookings.csv.gz --rooms hotel_rooms.csv"
    )]
    Replay(replay::Command),
}

/// Does what the process's arguments ask for, and gives the exit code.
pub fn run() -> ExitCode {
    fatal::name_places_in_panics();
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::InspectCopy(args) => verify::inspect(&args),
        Command::Config(command) => config::run(command),
        Command::Stock(command) => remote::block_on(stock::run(command)),
        Command::Calendar(command) => remote::block_on(calendar::run(command)),
        Command::Reservation(command) => remote::block_on(reservation::run(command)),
        Command::Order(command) => remote::block_on(order::run(command)),
        Command::Events(command) => remote::block_on(events::run(command)),
        Command::Admin(command) => remote::block_on(admin::run(command)),
        Command::Bench(args) => bench::run(args),
        Command::Replay(command) => remote::block_on(replay::run(command)),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }
}
