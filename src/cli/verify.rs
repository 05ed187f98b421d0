//! `holdfast verify`: does a data folder keep what is promised?

use std::fmt;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{self, Format};
use crate::verify::{self, Progress, Report};

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  holdfast verify --data-dir ./holdfast-data
  holdfast verify --data-dir /backup/holdfast -o json

It works on a copy, so the folder isn't changed; stop the server first, or verify a backup.
Exit code 1 where a promise does not hold.")]
pub(super) struct Args {
    /// The folder with log, snapshots and archive
    #[arg(long, value_name = "DIR", default_value = "./holdfast-data")]
    data_dir: PathBuf,
    /// How the report looks on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let bar = output::progress(0, "{msg:<28} {wide_bar} {percent:>3} %");
    let report = verify::run(&args.data_dir, &mut |progress| show(&bar, progress))
        .map_err(|error| Failure::Failed(error.to_string()))?;
    bar.finish_and_clear();
    let ok = report.ok;
    args.output.print(&Shown(report))?;
    if ok {
        Ok(())
    } else {
        Err(Failure::Failed("the folder does not keep what is promised".into()))
    }
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Copying { bytes } => bar.set_message(format!("copying {bytes} bytes")),
        Progress::Checking => bar.set_message("checking the log's pages"),
        Progress::Replaying { position, last } => {
            bar.set_message("replaying the log");
            bar.set_length(last);
            bar.set_position(position);
        }
        Progress::Archive => bar.set_message("comparing the archive"),
        Progress::Snapshot { position } => {
            bar.set_message(format!("comparing snapshot {position}"));
        }
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Report);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { ok, events, last_position, state_sha256, streams, entities, problems } =
            &self.0;
        writeln!(f, "{}", if *ok { "every promise holds" } else { "NOT as promised" })?;
        writeln!(f, "  events      {events}, the last at position {last_position}")?;
        writeln!(f, "  streams     {streams}")?;
        writeln!(f, "  entities    {entities}")?;
        write!(f, "  state       {state_sha256}")?;
        problems.iter().try_for_each(|problem| write!(f, "\n  problem     {problem}"))
    }
}
