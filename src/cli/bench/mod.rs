//! `holdfast bench`: how many commands a server takes, and how long each waits.
//!
//! A call is a command: one for each where calls are unary, one of a connection's only stream where they
//! are pipelined.
//!
//! Each connection keeps as many calls under way as it may. Without a rate that is a closed loop: the
//! next call begins when one ends. With a rate it is an open one: calls are due at fixed moments
//! whether or not the server keeps up, and a latency counts from the moment its call was due, so
//! a stall shows in every call that it delayed. A call that the server turns away is counted under its
//! reason, and the next one is due all the same. What was due is sent late rather than not at all, but
//! not after the end and a short grace: what is left then is counted, as its latencies are missing.
//!
//! Latencies are those of completed calls. No call is retried.

mod lines;
mod load;
mod pace;
mod pipeline;
mod scenario;
mod setting_up;
mod tally;
mod template;
#[cfg(test)]
mod tests;
mod timetable;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::runtime;

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::cli::parse;
use crate::cli::remote::Remote;
use crate::client::{RetryPolicy, bare};
use load::Caller;
use pace::{Pace, Schedule};
use pipeline::Pipeline;
use scenario::{Scenario, Stocked};
use tally::Tally;

/// How long after its end a call that was due may still be sent, so that a stall shows which came last.
const SEND_GRACE: Duration = Duration::from_secs(1);
/// How often the bar moves in a measurement.
const TICKS: u32 = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  holdfast bench --scenario hot\n  \
    holdfast bench --scenario spread --connections 1 --in-flight 1\n  \
    holdfast bench --scenario orders --rate 5000 --duration 30s -o json\n  \
    holdfast bench --scenario spread --mode pipelined --in-flight 2048\n  \
    holdfast bench --scenario slots --mode pipelined --in-flight 2048\n\n\
    A rate beyond what the server carries shows what it refuses, by reason, where more calls can be\n\
    under way than it lets in: --connections times --in-flight, or times the server's\n\
    limits.streams_per_connection_max where that is less.\n\n\
    It first receives stock for SKUs of its own, new in each run, and makes calendars of its own\n\
    and the claims that they begin with: some seconds' work. Its reservations stay held for\n\
    15 minutes, or for --ttl. Run it against a server of its own, or as a tenant of its own.\n\n\
    Exit code 1 where more calls failed than were answered, none was completed, or a stream broke.")]
pub(super) struct Args {
    /// What to send
    #[arg(long)]
    scenario: Scenario,
    /// How to send it
    #[arg(long, default_value = "unary")]
    mode: Mode,
    /// How many connections
    #[arg(long, value_name = "N", default_value = "4")]
    connections: NonZero<u32>,
    /// How many calls under way at once on each connection
    #[arg(long, value_name = "N", default_value = "64")]
    in_flight: NonZero<u32>,
    /// How long to send
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = parse::span_above_zero)]
    duration: Duration,
    /// Calls a second on all connections together; without it, as many as are answered
    #[arg(long, value_name = "R")]
    rate: Option<NonZero<u32>>,
    /// How long reservations are held; without it, as long as the server's default
    #[arg(long, value_name = "SPAN", value_parser = parse::span_above_zero)]
    ttl: Option<Duration>,
    /// Threads of this client; without it, half the processors, since the server needs some too
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// A call for each command
    Unary,
    /// All commands of a connection over one stream
    Pipelined,
}

/// What was measured. Scripts rely on these keys.
#[derive(Debug, Serialize)]
struct Report {
    scenario: Scenario,
    mode: Mode,
    connections: u32,
    in_flight: u32,
    seconds: f64,
    completed: u64,
    rejected: u64,
    errors: u64,
    /// Of the errors, what the server certainly didn't execute, by its reason.
    refused: BTreeMap<String, u64>,
    /// With a rate, what was due and found no room before the end.
    not_sent: u64,
    per_second: f64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let threads = args.threads.map_or_else(half_of_the_processors, NonZero::get);
    let mut builder = if threads == 1 {
        runtime::Builder::new_current_thread()
    } else {
        let mut builder = runtime::Builder::new_multi_thread();
        builder.worker_threads(threads);
        builder
    };
    builder.enable_all().build()?.block_on(measure(args))
}

fn half_of_the_processors() -> usize {
    thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}

async fn measure(args: Args) -> Result<(), Failure> {
    let mut clients = Vec::new();
    for _ in 0..args.connections.get() {
        clients.push(args.remote.connect_with(RetryPolicy::patient()).await?);
    }
    let interrupt = Interrupt::listen();
    let stocked = Arc::new(Stocked { ttl: args.ttl, ..Stocked::new(args.scenario) });
    let ready = setting_up::set_up(&stocked, &clients, &interrupt).await;
    ready.map_err(|failure| args.remote.explain(failure))?;
    drop(clients);
    let (tally, elapsed) = load(&args, &stocked, &interrupt).await?;
    let report = report(&args, &tally, elapsed);
    args.remote.output.print(&report)?;
    judge(&tally)
}

/// Whether what was measured is worth anything.
fn judge(tally: &Tally) -> Result<(), Failure> {
    let Tally { completed, rejected, errors, .. } = tally;
    let calls = completed + rejected + errors;
    let told = match tally.first_error() {
        Some(error) => format!("{errors} of {calls} calls failed, the first with {error}"),
        None => format!("none of {calls} calls was completed"),
    };
    if tally.ended_early {
        return Err(Failure::Failed(format!("a stream ended before the measurement did: {told}")));
    }
    if *completed == 0 || *errors > completed + rejected {
        return Err(Failure::Failed(told));
    }
    if tally.first_error().is_some() {
        output::note(&told);
    }
    Ok(())
}

/// Sends for as long as was asked for; gives what came back, and the time until the last answer.
async fn load(
    args: &Args,
    stocked: &Arc<Stocked>,
    interrupt: &Interrupt,
) -> Result<(Tally, Duration), Failure> {
    let options = args.remote.options();
    let mut connected = Vec::new();
    for _ in 0..args.connections.get() {
        let path = match args.mode {
            Mode::Unary => stocked.path(),
            Mode::Pipelined => pipeline::PATH,
        };
        connected.push(bare::connect(&options, path).await?);
    }
    let begin = Instant::now();
    let bar = output::progress(TICKS.into(), "measuring {wide_bar} {elapsed}");
    let clock = tokio::spawn(show_time(bar.clone(), args.duration));
    let paces = match args.rate {
        None => Pace::closed(begin + args.duration, connected.len(), interrupt),
        Some(rate) => {
            let schedule = Schedule { rate, begin, duration: args.duration, grace: SEND_GRACE };
            Pace::open(schedule, connected.len(), interrupt)
        }
    };
    let drives: Vec<_> = connected
        .into_iter()
        .zip(paces)
        .map(|((method, connection), pace)| {
            let (in_flight, stocked) = (args.in_flight.get(), stocked.clone());
            match args.mode {
                Mode::Unary => {
                    let caller = Caller::new(method, stocked);
                    let options = options.clone();
                    tokio::spawn(load::drive(caller, connection, options, in_flight as usize, pace))
                }
                Mode::Pipelined => {
                    let pipeline = Pipeline::new(stocked, in_flight);
                    tokio::spawn(pipeline.drive(method, connection, pace))
                }
            }
        })
        .collect();
    let mut tally = Tally::default();
    for drive in drives {
        let part = drive.await.map_err(|error| Failure::Failed(error.to_string()))?;
        tally.merge(part);
    }
    let elapsed = begin.elapsed();
    clock.abort();
    bar.finish_and_clear();
    Ok((tally, elapsed))
}

async fn show_time(bar: ProgressBar, duration: Duration) {
    let mut ticks = tokio::time::interval((duration / TICKS).max(Duration::from_millis(10)));
    loop {
        ticks.tick().await;
        bar.inc(1);
    }
}

fn report(args: &Args, tally: &Tally, elapsed: Duration) -> Report {
    let seconds = elapsed.as_secs_f64();
    Report {
        scenario: args.scenario,
        mode: args.mode,
        connections: args.connections.get(),
        in_flight: args.in_flight.get(),
        seconds: (seconds * 1e3).round() / 1e3,
        completed: tally.completed,
        rejected: tally.rejected,
        errors: tally.errors,
        refused: tally.refused.clone(),
        not_sent: tally.not_sent,
        per_second: (tally.completed as f64 / seconds * 10.0).round() / 10.0,
        p50_us: tally.quantile_us(0.5),
        p90_us: tally.quantile_us(0.9),
        p99_us: tally.quantile_us(0.99),
        p999_us: tally.quantile_us(0.999),
        max_us: tally.max_us(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, rejected, errors, refused, seconds, per_second, .. } = self;
        let Self { not_sent, p50_us, p90_us, p99_us, p999_us, max_us, .. } = self;
        writeln!(f, "{per_second} a second: {completed} completed in {seconds} s")?;
        writeln!(f, "{rejected} rejected, {errors} errors")?;
        for (reason, calls) in refused {
            writeln!(f, "  {calls} of them refused: {reason}")?;
        }
        if *not_sent > 0 {
            writeln!(f, "{not_sent} not sent: there was no room for them before the end")?;
        }
        write!(
            f,
            "latency in us: p50 {p50_us}, p90 {p90_us}, p99 {p99_us}, p99.9 {p999_us}, max {max_us}"
        )
    }
}
