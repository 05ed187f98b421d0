//! Every metric: its name, what kind it is, and what it says.
//!
//! Names follow Prometheus: base units, `_total` for counters. No label has values that grow with the
//! data.
//!
//! Not here: recording them. What somebody should do when one moves is in `docs/operations.md`.

use metrics::Unit::{self, Bytes, Count, Seconds};

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, with its unit.
    pub name: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// How it moves.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// What it says, in one line.
    pub help: &'static str,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Its values are counted in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// What a command and what it waits for take: 50 µs to 5 s, finest where a synced commit lies.
const COMMAND_SECONDS_BUCKETS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.5, 1.0, 5.0,
];
/// What the clock of deadlines can tell: 1 ms to 10 s, finest where a hold should expire.
const LAG_SECONDS_BUCKETS: [f64; 12] =
    [0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];
/// What takes longer than a command.
const LONG_SECONDS_BUCKETS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0];
/// Events of a commit.
const COMMIT_EVENTS_BUCKETS: [f64; 9] =
    [1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];

/// Names each metric, and puts it into the list of all.
macro_rules! metrics {
    ($($constant:ident = $name:literal $([$($label:literal),*])?, $kind:expr, $unit:ident, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                name: $name,
                labels: &[$($($label),*)?],
                kind: $kind,
                unit: $unit,
                help: $help,
            };
        )*

        /// Every metric.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

use Kind::{Counter, Gauge, Histogram};

metrics! {
    BUILD_INFO = "holdfast_build_info" ["version"], Gauge, Count,
        "1, with the version that is running as a label";
    MEMORY_RESIDENT = "holdfast_memory_resident_bytes", Gauge, Bytes,
        "What the process has in memory, by the system's count";

    COMMANDS = "holdfast_commands_total" ["command", "outcome"], Counter, Count,
        "Commands by outcome: accepted, rejected, invalid, turned_away or uncertain";
    COMMAND_SECONDS = "holdfast_command_duration_seconds", Histogram(&COMMAND_SECONDS_BUCKETS), Seconds,
        "How long a command takes, from its request being read to its durable answer";
    COMMANDS_TURNED_AWAY = "holdfast_commands_turned_away_total" ["reason"], Counter, Count,
        "Commands that were certainly not executed, by the reason that their clients were given";
    COMMANDS_IN_FLIGHT = "holdfast_commands_in_flight", Gauge, Count,
        "Commands that were let in and have not been answered";
    COMMANDS_IN_FLIGHT_MAX = "holdfast_commands_in_flight_max", Gauge, Count,
        "limits.commands_in_flight_max: where commands are turned away";
    MAILBOX_MESSAGES = "holdfast_mailbox_messages", Gauge, Count,
        "Messages to entities that their shards have not taken out of their mailboxes";

    JOURNAL_WAITING = "holdfast_journal_waiting_entries", Gauge, Count,
        "Decisions and answers that wait for the disk";
    JOURNAL_COMMIT_SECONDS = "holdfast_journal_commit_duration_seconds",
        Histogram(&COMMAND_SECONDS_BUCKETS), Seconds,
        "How long a group commit takes: write, flush and sync";
    JOURNAL_FLUSH_SECONDS = "holdfast_journal_flush_duration_seconds",
        Histogram(&COMMAND_SECONDS_BUCKETS), Seconds,
        "How long the flush of a group commit takes: handing its pages to the system";
    JOURNAL_SYNC_SECONDS = "holdfast_journal_sync_duration_seconds",
        Histogram(&COMMAND_SECONDS_BUCKETS), Seconds,
        "How long the sync of a group commit takes: until the disk has it";
    JOURNAL_COMMIT_EVENTS = "holdfast_journal_commit_events",
        Histogram(&COMMIT_EVENTS_BUCKETS), Count,
        "How many events a group commit holds";
    JOURNAL_EVENTS = "holdfast_journal_events_total", Counter, Count,
        "Events that became durable";
    JOURNAL_PAYLOAD_BYTES = "holdfast_journal_payload_bytes_total", Counter, Bytes,
        "Encoded events that became durable";
    JOURNAL_PAGE_BYTES = "holdfast_journal_page_bytes_total", Counter, Bytes,
        "Pages that became durable, with their events packed";
    JOURNAL_POSITION = "holdfast_journal_position", Gauge, Count,
        "The position of the last durable event";
    JOURNAL_SIZE = "holdfast_journal_size_bytes", Gauge, Bytes,
        "The length of the log's files";
    JOURNAL_SEGMENTS = "holdfast_journal_segments", Gauge, Count,
        "Segments of the log";
    JOURNAL_ROTATIONS = "holdfast_journal_rotations_total", Counter, Count,
        "Segments that were begun because the one before was full";

    ENTITIES = "holdfast_entities" ["kind", "activity"], Gauge, Count,
        "Entities in memory, by kind; active ones have an actor, passive ones are a record alone";

    DEADLINES = "holdfast_deadlines_total", Counter, Count,
        "Deadlines that came and woke an entity";
    HOLD_EXPIRY_LAG = "holdfast_hold_expiry_lag_seconds", Histogram(&LAG_SECONDS_BUCKETS), Seconds,
        "How long after a hold's deadline its expiry was decided, which is when its units come free";
    CLOCK_TRUSTED = "holdfast_clock_trusted", Gauge, Count,
        "1; 0 while expiry pauses because the wall clock leapt ahead";

    ORDERS_STALLED = "holdfast_sales_orders_stalled_total", Counter, Count,
        "Sales orders that can't go on by themselves: see the log";
    STEPS_IN_FLIGHT = "holdfast_process_steps_in_flight", Gauge, Count,
        "Steps of sales orders that are due and not done";
    STEPS_RETRIED = "holdfast_process_steps_retried_total", Counter, Count,
        "Steps of sales orders that could not be run yet and are asked for again";

    SNAPSHOT_SECONDS = "holdfast_snapshot_duration_seconds", Histogram(&LONG_SECONDS_BUCKETS), Seconds,
        "How long a snapshot takes";
    SNAPSHOT_BYTES = "holdfast_snapshot_size_bytes", Gauge, Bytes,
        "The size of the last snapshot";
    SNAPSHOT_POSITION = "holdfast_snapshot_position", Gauge, Count,
        "The log's position at the last snapshot";
    SNAPSHOT_AGE = "holdfast_snapshot_age_seconds", Gauge, Seconds,
        "How long ago the last snapshot was finished";
    ARCHIVED = "holdfast_entities_archived_total", Counter, Count,
        "Finished entities that moved to the archive";
    ARCHIVE_ENTITIES = "holdfast_archive_entities", Gauge, Count,
        "Entities in the archive";
    ARCHIVE_SIZE = "holdfast_archive_size_bytes", Gauge, Bytes,
        "The length of the archive's files";

    FEED_SUBSCRIBERS = "holdfast_feed_subscribers" ["class"], Gauge, Count,
        "Subscribers that follow as it happens (live) or read the log (catching_up)";
    FEED_LAG = "holdfast_feed_lag_events" ["class"], Gauge, Count,
        "How far the slowest subscriber of each class is behind the log's end";

    DISK_FREE = "holdfast_disk_free_bytes", Gauge, Bytes,
        "What is free on the data folder's file system";
    DISK_MIN_FREE = "holdfast_disk_min_free_bytes", Gauge, Bytes,
        "journal.min_free_bytes: with less, commands are refused";
}
