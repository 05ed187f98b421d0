//! What the server says of itself: metrics and log lines.
//!
//! Whoever knows that something has happened calls the function here that is named after it. What is
//! counted in the path of every command keeps its handle, as to find a metric by its name would cost as
//! much as to read the command. What has to be asked for is asked once a second, elsewhere.
//!
//! Not here: the listener that serves metrics, and their names; those are in `catalogue`.

pub mod catalogue;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{Log, LogFormat};
use crate::domain::event::{Body, Event};
use crate::domain::ids::{EntityKind, Position};
use crate::domain::reservation;
use catalogue::{Kind, Metric};

/// Installs the recorder of metrics for the whole process.
///
/// # Errors
/// Where one is installed already.
pub fn install() -> Result<PrometheusHandle, String> {
    let failed = |error| format!("metrics can't be recorded: {error}");
    let mut builder = PrometheusBuilder::new();
    for Metric { name, kind, .. } in catalogue::ALL {
        if let Kind::Histogram(buckets) = kind {
            let exact = Matcher::Full((*name).to_owned());
            builder = builder.set_buckets_for_metric(exact, buckets).map_err(failed)?;
        }
    }
    let handle = builder.install_recorder().map_err(failed)?;
    describe();
    begin_counters();
    gauge!(catalogue::BUILD_INFO.name, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// What is to be logged.
///
/// # Errors
/// Where the filter makes no sense.
pub fn filter(log: &Log) -> Result<EnvFilter, String> {
    let refused = |error: ParseError| {
        let filter = &log.filter;
        format!("log.filter is {filter:?}, but must be as in info or warn,holdfast=debug: {error}")
    };
    let quiet_libraries = format!("{},lsm_tree=warn,fjall=warn,sled=warn", log.filter);
    EnvFilter::try_new(quiet_libraries).map_err(refused)
}

/// Begins to write log lines to standard error.
///
/// # Errors
/// Where the filter makes no sense, or log lines are written already.
pub fn start_logging(log: &Log) -> Result<(), String> {
    let filter = filter(log)?;
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
    for Metric { name, kind, unit, help, .. } in catalogue::ALL {
        match kind {
            Kind::Counter => describe_counter!(*name, *unit, *help),
            Kind::Gauge => describe_gauge!(*name, *unit, *help),
            Kind::Histogram(_) => describe_histogram!(*name, *unit, *help),
        }
    }
}

/// Lets what counts from nothing be seen from the start: the first step of a counter that wasn't there
/// before is no growth to whoever looks for growth.
fn begin_counters() {
    let is_lone = |metric: &&Metric| metric.labels.is_empty();
    for Metric { name, kind, .. } in catalogue::ALL.iter().filter(is_lone) {
        if let Kind::Counter = kind {
            counter!(*name).increment(0);
        }
    }
}

thread_local! {
    static JOURNAL: JournalHandles = JournalHandles {
        commit: histogram!(catalogue::JOURNAL_COMMIT_SECONDS.name),
        flush: histogram!(catalogue::JOURNAL_FLUSH_SECONDS.name),
        sync: histogram!(catalogue::JOURNAL_SYNC_SECONDS.name),
        commit_events: histogram!(catalogue::JOURNAL_COMMIT_EVENTS.name),
        events: counter!(catalogue::JOURNAL_EVENTS.name),
        payload_bytes: counter!(catalogue::JOURNAL_PAYLOAD_BYTES.name),
        page_bytes: counter!(catalogue::JOURNAL_PAGE_BYTES.name),
    };
    static DEADLINES: Counter = counter!(catalogue::DEADLINES.name);
    static HOLD_EXPIRY_LAG: Histogram = histogram!(catalogue::HOLD_EXPIRY_LAG.name);
    static STEPS_IN_FLIGHT: Gauge = gauge!(catalogue::STEPS_IN_FLIGHT.name);
}

struct JournalHandles {
    commit: Histogram,
    flush: Histogram,
    sync: Histogram,
    commit_events: Histogram,
    events: Counter,
    payload_bytes: Counter,
    page_bytes: Counter,
}

/// A group commit, and what it took.
#[derive(Debug, Clone, Copy)]
pub struct JournalCommit {
    /// How many events.
    pub events: u64,
    /// Their encoded length.
    pub payload_bytes: u64,
    /// The length of their pages.
    pub page_bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// A group commit has become durable.
pub fn journal_commit(commit: JournalCommit) {
    JOURNAL.with(|journal| {
        journal.commit.record(commit.took);
        journal.commit_events.record(commit.events as f64);
        journal.events.increment(commit.events);
        journal.payload_bytes.increment(commit.payload_bytes);
        journal.page_bytes.increment(commit.page_bytes);
    });
}

/// What was written has been flushed and synced.
pub fn journal_synced(flush_took: Duration, sync_took: Duration) {
    JOURNAL.with(|journal| {
        journal.flush.record(flush_took);
        journal.sync.record(sync_took);
    });
}

/// The log goes on in a new segment.
pub fn journal_rotated() {
    counter!(catalogue::JOURNAL_ROTATIONS.name).increment(1);
}

/// An entity's deadline has come.
pub fn deadline_met() {
    DEADLINES.with(|deadlines| deadlines.increment(1));
}

/// Something was decided: of holds that expired, how late.
pub fn decided(events: &[Event]) {
    for event in events {
        if let Body::Reservation(reservation::Event::Expired { deadline }) = &event.body {
            let lag = Duration::from_millis(event.time.since_ms(*deadline));
            HOLD_EXPIRY_LAG.with(|histogram| histogram.record(lag));
        }
    }
}

/// A sales order can't go on by itself.
pub fn order_stalled() {
    counter!(catalogue::ORDERS_STALLED.name).increment(1);
}

/// A step of a sales order is due.
pub fn step_due() {
    STEPS_IN_FLIGHT.with(|gauge| gauge.increment(1));
}

/// A step of a sales order isn't under way any more.
pub fn step_done() {
    STEPS_IN_FLIGHT.with(|gauge| gauge.decrement(1));
}

/// A step of a sales order could not be run yet.
pub fn step_retried() {
    counter!(catalogue::STEPS_RETRIED.name).increment(1);
}

/// A snapshot has got its name.
pub fn snapshot_taken(position: Position, bytes: u64, took: Duration) {
    histogram!(catalogue::SNAPSHOT_SECONDS.name).record(took);
    snapshot(position, bytes, Duration::ZERO);
}

/// The last snapshot is so old.
pub fn snapshot(position: Position, bytes: u64, age: Duration) {
    gauge!(catalogue::SNAPSHOT_BYTES.name).set(bytes as f64);
    gauge!(catalogue::SNAPSHOT_POSITION.name).set(position.0 as f64);
    gauge!(catalogue::SNAPSHOT_AGE.name).set(age);
}

/// Finished entities have left memory.
pub fn entities_archived(count: usize) {
    counter!(catalogue::ARCHIVED.name).increment(count as u64);
}

/// So much is free on the disk, and so much must be for commands.
pub fn disk_free(free_bytes: u64, min_free_bytes: u64) {
    gauge!(catalogue::DISK_FREE.name).set(free_bytes as f64);
    gauge!(catalogue::DISK_MIN_FREE.name).set(min_free_bytes as f64);
}

/// The log is so large.
pub fn journal_size(segments: usize, bytes: u64) {
    gauge!(catalogue::JOURNAL_SEGMENTS.name).set(segments as f64);
    gauge!(catalogue::JOURNAL_SIZE.name).set(bytes as f64);
}

/// The log has come so far, and so much waits.
pub fn journal_state(durable: Position, waiting_entries: u64, mailbox_messages: u64) {
    gauge!(catalogue::JOURNAL_POSITION.name).set(durable.0 as f64);
    gauge!(catalogue::JOURNAL_WAITING.name).set(waiting_entries as f64);
    gauge!(catalogue::MAILBOX_MESSAGES.name).set(mailbox_messages as f64);
}

/// So many entities of a kind are in memory.
pub fn entities(kind: EntityKind, active: u64, passive: u64) {
    for (activity, count) in [("active", active), ("passive", passive)] {
        let labels = [("kind", kind.name()), ("activity", activity)];
        gauge!(catalogue::ENTITIES.name, &labels).set(count as f64);
    }
}

/// So many entities are in the archive.
pub fn archive_entities(entities: u64) {
    gauge!(catalogue::ARCHIVE_ENTITIES.name).set(entities as f64);
}

/// The archive is so large.
pub fn archive_size(bytes: u64) {
    gauge!(catalogue::ARCHIVE_SIZE.name).set(bytes as f64);
}

/// So many subscribers are of a class, and the slowest is so far behind.
pub fn feed(class: &'static str, subscribers: u64, events_behind: u64) {
    gauge!(catalogue::FEED_SUBSCRIBERS.name, "class" => class).set(subscribers as f64);
    gauge!(catalogue::FEED_LAG.name, "class" => class).set(events_behind as f64);
}

/// Whether deadlines are acted on.
pub fn clock_trusted(is_trusted: bool) {
    gauge!(catalogue::CLOCK_TRUSTED.name).set(u8::from(is_trusted));
}

/// The process has so much in memory.
pub fn memory_resident(bytes: u64) {
    gauge!(catalogue::MEMORY_RESIDENT.name).set(bytes as f64);
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
    static TURNED_AWAY_COUNTERS: RefCell<HashMap<&'static str, Counter>> = RefCell::default();
    static COMMAND_HISTOGRAM: Histogram = histogram!(catalogue::COMMAND_SECONDS.name);
}

/// A command has ended.
pub fn command_ended(command: &'static str, outcome: Outcome) {
    COMMAND_COUNTERS.with_borrow_mut(|counters| {
        let counter = counters.entry((command, outcome)).or_insert_with(
            || counter!(catalogue::COMMANDS.name, "command" => command, "outcome" => outcome.label()),
        );
        counter.increment(1);
    });
}

/// A command that was executed has taken so long.
pub fn command_took(took: Duration) {
    COMMAND_HISTOGRAM.with(|histogram| histogram.record(took));
}

/// A command was turned away, for a reason that its client was told.
pub fn command_turned_away(command: &'static str, reason: &'static str) {
    command_ended(command, Outcome::TurnedAway);
    TURNED_AWAY_COUNTERS.with_borrow_mut(|counters| {
        let named = || counter!(catalogue::COMMANDS_TURNED_AWAY.name, "reason" => reason);
        counters.entry(reason).or_insert_with(named).increment(1);
    });
}

/// So many commands are in flight, of so many that may be.
pub fn commands_in_flight(count: usize, max: u32) {
    gauge!(catalogue::COMMANDS_IN_FLIGHT.name).set(count as f64);
    gauge!(catalogue::COMMANDS_IN_FLIGHT_MAX.name).set(max);
}
