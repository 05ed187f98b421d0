//! Every metric, by name, with its help text.
//!
//! Names follow Prometheus: base units, `_total` for counters. No label has values that grow
//! with the data.
//!
//! Not here: the listener that serves them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::domain::ids::Position;

/// How long commands take; its buckets are [`COMMAND_SECONDS_BUCKETS`].
pub const COMMAND_SECONDS: &str = "holdfast_command_duration_seconds";
/// The upper bounds of [`COMMAND_SECONDS`]' buckets, set where the recorder is installed: 50 µs to
/// 5 s, finest where a synced commit lies.
pub const COMMAND_SECONDS_BUCKETS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.5, 1.0, 5.0,
];
const BUILD_INFO: &str = "holdfast_build_info";
const COMMANDS: &str = "holdfast_commands_total";
const COMMANDS_IN_FLIGHT: &str = "holdfast_commands_in_flight";
const JOURNAL_COMMIT_SECONDS: &str = "holdfast_journal_commit_duration_seconds";
const JOURNAL_COMMIT_EVENTS: &str = "holdfast_journal_commit_events";
const JOURNAL_EVENTS: &str = "holdfast_journal_events_total";
const JOURNAL_BYTES: &str = "holdfast_journal_payload_bytes_total";
const DEADLINES: &str = "holdfast_deadlines_total";
const ORDERS_STALLED: &str = "holdfast_sales_orders_stalled_total";
const SNAPSHOT_SECONDS: &str = "holdfast_snapshot_duration_seconds";
const SNAPSHOT_BYTES: &str = "holdfast_snapshot_size_bytes";
const SNAPSHOT_POSITION: &str = "holdfast_snapshot_position";
const ARCHIVED: &str = "holdfast_entities_archived_total";
const DISK_FREE: &str = "holdfast_disk_free_bytes";
const DISK_MIN_FREE: &str = "holdfast_disk_min_free_bytes";

/// The upper bounds of the buckets of what takes longer than a command, in seconds.
const LONG_SECONDS_BUCKETS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0];
/// The upper bounds of the buckets of a commit's events.
const COMMIT_EVENTS_BUCKETS: [f64; 9] =
    [1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];

/// Installs the recorder of metrics for the whole process.
///
/// # Errors
/// Where one is installed already.
pub fn install() -> Result<PrometheusHandle, String> {
    let exact = |name: &str| Matcher::Full(name.to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(exact(COMMAND_SECONDS), &COMMAND_SECONDS_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(exact(JOURNAL_COMMIT_SECONDS), &COMMAND_SECONDS_BUCKETS)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(exact(JOURNAL_COMMIT_EVENTS), &COMMIT_EVENTS_BUCKETS)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(exact(SNAPSHOT_SECONDS), &LONG_SECONDS_BUCKETS)
        });
    let handle = builder
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| format!("metrics can't be recorded: {error}"))?;
    describe();
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Begins to write log lines to standard error.
///
/// # Errors
/// Where the filter makes no sense, or log lines are written already.
pub fn start_logging(log: &Log) -> Result<(), String> {
    let quiet_libraries = format!("{},lsm_tree=warn,fjall=warn,sled=warn", log.filter);
    let filter = EnvFilter::try_new(quiet_libraries)
        .map_err(|error| format!("log.filter {:?} makes no sense: {error}", log.filter))?;
    let is_terminal = std::io::stderr().is_terminal();
    let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let is_text = match log.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let started = if is_text {
        lines.with_ansi(has_colours).try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
    started.map_err(|error| format!("log lines can't be written: {error}"))
}

/// Describes every metric to the recorder that is installed.
fn describe() {
    describe_gauge!(BUILD_INFO, Unit::Count, "1, with the version that is running as a label");
    describe_histogram!(
        COMMAND_SECONDS,
        Unit::Seconds,
        "How long a command takes, from its request being read to its durable answer"
    );
    describe_counter!(
        COMMANDS,
        Unit::Count,
        "Commands by outcome: accepted, rejected, invalid, turned_away or uncertain"
    );
    describe_gauge!(
        COMMANDS_IN_FLIGHT,
        Unit::Count,
        "Commands that were let in and have not been answered"
    );
    describe_histogram!(
        JOURNAL_COMMIT_SECONDS,
        Unit::Seconds,
        "How long a group commit takes: write, flush and sync"
    );
    describe_histogram!(JOURNAL_COMMIT_EVENTS, Unit::Count, "How many events a group commit holds");
    describe_counter!(JOURNAL_EVENTS, Unit::Count, "Events that became durable");
    describe_counter!(JOURNAL_BYTES, Unit::Bytes, "Encoded events that became durable");
    describe_counter!(DEADLINES, Unit::Count, "Deadlines that came and woke an entity");
    describe_counter!(
        ORDERS_STALLED,
        Unit::Count,
        "Sales orders that can't go on by themselves: see the log"
    );
    describe_histogram!(SNAPSHOT_SECONDS, Unit::Seconds, "How long a snapshot takes");
    describe_gauge!(SNAPSHOT_BYTES, Unit::Bytes, "The size of the last snapshot");
    describe_gauge!(SNAPSHOT_POSITION, Unit::Count, "The log's position at the last snapshot");
    describe_counter!(ARCHIVED, Unit::Count, "Finished entities that moved to the archive");
    describe_gauge!(DISK_FREE, Unit::Bytes, "What is free on the data folder's file system");
    describe_gauge!(
        DISK_MIN_FREE,
        Unit::Bytes,
        "journal.min_free_bytes: below it commands are refused"
    );
}

/// A group commit has become durable.
pub fn journal_commit(events: u64, bytes: usize, took: Duration) {
    histogram!(JOURNAL_COMMIT_SECONDS).record(took);
    histogram!(JOURNAL_COMMIT_EVENTS).record(events as f64);
    counter!(JOURNAL_EVENTS).increment(events);
    counter!(JOURNAL_BYTES).increment(bytes as u64);
}

/// An entity's deadline has come.
pub fn deadline_met() {
    counter!(DEADLINES).increment(1);
}

/// A sales order can't go on by itself.
pub fn order_stalled() {
    counter!(ORDERS_STALLED).increment(1);
}

/// A snapshot has got its name.
pub fn snapshot_taken(position: Position, bytes: u64, took: Duration) {
    histogram!(SNAPSHOT_SECONDS).record(took);
    gauge!(SNAPSHOT_BYTES).set(bytes as f64);
    gauge!(SNAPSHOT_POSITION).set(position.0 as f64);
}

/// Finished entities have left memory.
pub fn entities_archived(count: usize) {
    counter!(ARCHIVED).increment(count as u64);
}

/// So much is free on the disk, and so much must be for commands.
pub fn disk_looked_at(free_bytes: u64, min_free_bytes: u64) {
    gauge!(DISK_FREE).set(free_bytes as f64);
    gauge!(DISK_MIN_FREE).set(min_free_bytes as f64);
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It took effect.
    Accepted,
    /// It was decided, and refused.
    Rejected,
    /// It could not be read.
    Invalid,
    /// It was certainly not executed.
    TurnedAway,
    /// It was perhaps executed.
    Uncertain,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Invalid => "invalid",
            Self::TurnedAway => "turned_away",
            Self::Uncertain => "uncertain",
        }
    }
}

thread_local! {
    /// What counts each command's outcomes. To find it by name and labels anew would cost as much as
    /// to read the command.
    static COMMAND_COUNTERS: RefCell<HashMap<(&'static str, Outcome), Counter>> = RefCell::default();
    static COMMAND_HISTOGRAM: Histogram = histogram!(COMMAND_SECONDS);
}

/// A command has ended.
pub fn command_ended(command: &'static str, outcome: Outcome) {
    COMMAND_COUNTERS.with_borrow_mut(|counters| {
        let counter = counters.entry((command, outcome)).or_insert_with(
            || counter!(COMMANDS, "command" => command, "outcome" => outcome.label()),
        );
        counter.increment(1);
    });
}

/// A command that was executed has taken so long.
pub fn command_took(took: Duration) {
    COMMAND_HISTOGRAM.with(|histogram| histogram.record(took));
}

/// So many commands are in flight.
pub fn commands_in_flight(count: usize) {
    gauge!(COMMANDS_IN_FLIGHT).set(count as f64);
}
