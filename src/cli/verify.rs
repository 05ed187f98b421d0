//! `holdfast verify`: does a data folder keep what is promised?
//!
//! ```text
//!   verify ──copy──▶ inspect-copy, a process of its own ──report──▶ verify
//! ```
//!
//! The log's database panics on some damage, which ends the process that reads it. That must be one
//! of which nothing else is expected: what ended it is then a problem among others, and the copy is
//! removed all the same.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{self, Format};
use crate::verify::{self, Copy, Progress, Report};

/// What an abort ends a process with.
const SIGABRT: i32 = 6;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  holdfast verify --data-dir ./holdfast-data
  holdfast verify --data-dir /backup/holdfast -o json

It works on a copy, so the folder isn't changed; stop the server first, or verify a backup.
The report names what was checked. What only a running server shows isn't among it: that answers
waited for the disk, that a retry took effect once, that holds ended on time.
Exit code 1 where a promise does not hold.")]
pub(super) struct Args {
    /// The folder with log, snapshots and archive
    #[arg(long, value_name = "DIR", default_value = "./holdfast-data")]
    data_dir: PathBuf,
    /// How the report looks on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Debug, ClapArgs)]
pub(super) struct InspectArgs {
    /// A copy of a data folder, which is written to
    copy: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let report = match with_bar(|progress| Copy::make(&args.data_dir, progress)) {
        Ok(copy) => {
            inspect_apart(copy.path(), &args.data_dir)?.told_of(copy.path(), &args.data_dir)
        }
        Err(error) => Report::of(error).map_err(|error| Failure::Failed(error.to_string()))?,
    };
    let ok = report.ok;
    args.output.print(&Shown(report))?;
    if ok {
        Ok(())
    } else {
        Err(Failure::Failed("the folder does not keep what is promised".into()))
    }
}

/// What [`inspect_apart`] runs: it tells what it found as JSON, good or bad.
pub(super) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let report = with_bar(|progress| verify::inspect(&args.copy, progress));
    Ok(Format::Json.print(&Shown(report))?)
}

fn inspect_apart(copy: &Path, data_dir: &Path) -> Result<Report, Failure> {
    let inspect = |program| {
        Command::new(program).arg("inspect-copy").arg(copy).stderr(Stdio::inherit()).output()
    };
    let ended = std::env::current_exe().and_then(inspect).map_err(|error| {
        Failure::Failed(format!("a process that reads the copy can't be started: {error}"))
    })?;
    if ended.status.signal() == Some(SIGABRT) {
        return Ok(Report::unopened(&abort(data_dir, ended.status)));
    }
    serde_json::from_slice(&ended.stdout).map_err(|_| {
        let status = ended.status;
        Failure::Failed(format!("the process that read the copy came to no result: {status}"))
    })
}

fn abort(data_dir: &Path, status: ExitStatus) -> String {
    format!(
        "{} or {} is damaged in a way that ends the process which reads it ({status}; standard error \
         says which); restore the data folder from a backup, or where it is the archive, move that \
         away to have it built anew",
        data_dir.join("log").display(),
        data_dir.join("archive").display(),
    )
}

fn with_bar<T>(work: impl FnOnce(&mut dyn FnMut(Progress)) -> T) -> T {
    let bar = output::progress(0, "{msg:<28} {wide_bar} {percent:>3} %");
    let done = work(&mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    done
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
        let Report { ok, events, last_position, state_sha256, streams, entities, .. } = &self.0;
        let Report { checked, notes, problems, .. } = &self.0;
        writeln!(f, "{}", if *ok { "all that was checked holds" } else { "NOT as promised" })?;
        writeln!(f, "  events      {events}, the last at position {last_position}")?;
        writeln!(f, "  streams     {streams}")?;
        writeln!(f, "  entities    {entities}")?;
        write!(f, "  state       {state_sha256}")?;
        for (label, texts) in [("checked", checked), ("note", notes), ("problem", problems)] {
            texts.iter().try_for_each(|text| write!(f, "\n  {label:<11} {text}"))?;
        }
        Ok(())
    }
}
