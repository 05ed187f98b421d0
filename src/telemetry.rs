//! Every metric, by name, with its help text.
//!
//! Names follow Prometheus: base units, `_total` for counters. No label has values that grow
//! with the data.
//!
//! Not here: the listener that serves them.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const JOURNAL_COMMIT_SECONDS: &str = "holdfast_journal_commit_duration_seconds";
const JOURNAL_COMMIT_EVENTS: &str = "holdfast_journal_commit_events";
const JOURNAL_EVENTS: &str = "holdfast_journal_events_total";
const JOURNAL_BYTES: &str = "holdfast_journal_payload_bytes_total";

/// Describes every metric to the recorder that is installed.
pub fn describe() {
    describe_histogram!(
        JOURNAL_COMMIT_SECONDS,
        Unit::Seconds,
        "How long a group commit takes: write, flush and sync"
    );
    describe_histogram!(JOURNAL_COMMIT_EVENTS, Unit::Count, "How many events a group commit holds");
    describe_counter!(JOURNAL_EVENTS, Unit::Count, "Events that became durable");
    describe_counter!(JOURNAL_BYTES, Unit::Bytes, "Encoded events that became durable");
}

/// A group commit has become durable.
pub fn journal_commit(events: u64, bytes: usize, took: Duration) {
    histogram!(JOURNAL_COMMIT_SECONDS).record(took);
    histogram!(JOURNAL_COMMIT_EVENTS).record(events as f64);
    counter!(JOURNAL_EVENTS).increment(events);
    counter!(JOURNAL_BYTES).increment(bytes as u64);
}
