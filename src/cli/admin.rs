//! `holdfast admin`: the server's own affairs.

use std::fmt;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::remote::Remote;
use crate::cli::view::moment;
use crate::cli::view::statistics::{Snapshot, Statistics};
use crate::proto::v1;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take a snapshot now
    #[command(after_help = "Example:\n  holdfast admin snapshot")]
    Snapshot(Remote),
    /// Tell how the server is doing
    #[command(after_help = "Example:\n  holdfast admin stats --digest -o json")]
    Stats(Stats),
    /// Accept the wall clock after it leapt ahead, so that holds expire again
    #[command(after_help = "Example:\n  holdfast admin accept-clock")]
    AcceptClock(Remote),
}

#[derive(Debug, Args)]
pub(super) struct Stats {
    /// Work out the state's digest; commands wait meanwhile
    #[arg(long)]
    digest: bool,
    #[command(flatten)]
    remote: Remote,
}

/// The time that decisions use from now on.
#[derive(Serialize)]
struct Accepted {
    time: String,
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "accepted: decisions use {} from now on", self.time)
    }
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Snapshot(remote) => snapshot(remote).await,
        Command::Stats(args) => stats(args).await,
        Command::AcceptClock(remote) => accept_clock(remote).await,
    }
}

async fn snapshot(remote: Remote) -> Result<(), Failure> {
    let taken = remote.connect().await?.take_snapshot(v1::TakeSnapshotRequest {}).await;
    let taken = taken.map_err(|error| remote.explain(error))?;
    Ok(remote.output.print(&Snapshot::from(taken.snapshot.unwrap_or_default()))?)
}

async fn accept_clock(remote: Remote) -> Result<(), Failure> {
    let accepted = remote.connect().await?.accept_clock(v1::AcceptClockRequest {}).await;
    let accepted = accepted.map_err(|error| remote.explain(error))?;
    let time = moment(accepted.time).unwrap_or_default();
    Ok(remote.output.print(&Accepted { time })?)
}

async fn stats(args: Stats) -> Result<(), Failure> {
    let request = v1::GetStatisticsRequest { include_digest: args.digest };
    let statistics = args.remote.connect().await?.get_statistics(request).await;
    let statistics = statistics.map_err(|error| args.remote.explain(error))?;
    Ok(args.remote.output.print(&Statistics::from(statistics))?)
}
