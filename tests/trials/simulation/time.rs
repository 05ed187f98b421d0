//! Simulated clocks: one that only passes, and one that an operator sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use holdfast::clock::TimeSource;
use holdfast::domain::time::Timestamp;
use tokio::time::Instant;

/// Where the server's own clock looks. Time passes as the runtime's simulated time does.
#[derive(Clone)]
pub struct Source(Arc<Clocks>);

struct Clocks {
    begun: Instant,
    /// Wall time less the time that has passed.
    wall_ms: AtomicI64,
}

impl Source {
    /// It is so late by the wall clock now.
    pub fn at(wall_ms: i64) -> Self {
        Self(Arc::new(Clocks { begun: Instant::now(), wall_ms: AtomicI64::new(wall_ms) }))
    }

    /// Somebody sets the wall clock.
    pub fn leap(&self, span_ms: i64) {
        self.0.wall_ms.fetch_add(span_ms, Ordering::Relaxed);
    }
}

impl TimeSource for Source {
    fn wall_ms(&self) -> i64 {
        self.0.wall_ms.load(Ordering::Relaxed) + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.0.begun.elapsed().as_millis()).unwrap()
    }
}

/// How late a hold may end.
const LATE_MS_MAX: u64 = 10;

/// Holds with deadlines up to then have ended now, if nothing keeps anybody from ending them.
pub fn last_due(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(LATE_MS_MAX))
}

/// When nobody could end holds, by the server's own time: while it was down or paused, and where
/// time leapt.
#[derive(Default)]
pub struct Gaps(Vec<(Timestamp, Timestamp)>);

impl Gaps {
    pub fn add(&mut self, from: Timestamp, to: Timestamp) {
        self.0.push((from, to));
    }

    /// The latest moment at which a hold with this deadline ends.
    pub fn latest(&self, deadline: Timestamp) -> Timestamp {
        let mut end = deadline;
        // The time that is left before a gap may be too short.
        while let Some((_, to)) = self
            .0
            .iter()
            .find(|(from, to)| from.0.saturating_sub(LATE_MS_MAX) <= end.0 && end < *to)
        {
            end = *to;
        }
        end.plus_ms(LATE_MS_MAX)
    }
}
