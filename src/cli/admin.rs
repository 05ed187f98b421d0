//! `holdfast admin`: the server's own affairs.

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::remote::Remote;
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
}

#[derive(Debug, Args)]
pub(super) struct Stats {
    /// Work out the state's digest; commands wait meanwhile
    #[arg(long)]
    digest: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Snapshot(remote) => snapshot(remote).await,
        Command::Stats(args) => stats(args).await,
    }
}

async fn snapshot(remote: Remote) -> Result<(), Failure> {
    let taken = remote.connect().await?.take_snapshot(v1::TakeSnapshotRequest {}).await?;
    Ok(remote.output.print(&Snapshot::from(taken.snapshot.unwrap_or_default()))?)
}

async fn stats(args: Stats) -> Result<(), Failure> {
    let request = v1::GetStatisticsRequest { include_digest: args.digest };
    let statistics = args.remote.connect().await?.get_statistics(request).await?;
    Ok(args.remote.output.print(&Statistics::from(statistics))?)
}
