//! What time it is, for those who decide.
//!
//! Time never goes back. It follows the wall clock as long as that moves with the monotonic one;
//! where the wall clock leaps ahead of it by more than a bound, nobody knows yet whether the
//! leap is right, and holds that ended by mistake can't be brought back. So expiry pauses, and
//! time goes on from the last trusted moment by the monotonic clock, until the wall clock comes
//! back or an operator accepts it. A log that ends in the future counts as such a leap. Where the
//! wall clock falls back by more than the bound, time goes on by the monotonic clock too, and
//! deadlines are met: what was promised is a span, and it has passed.
//!
//! Not here: timers. Whoever waits asks again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now; never earlier than what was told before.
    fn now(&self) -> Timestamp;

    /// Whether deadlines may be acted on.
    fn is_trusted(&self) -> bool;

    /// An operator says that the time is right.
    fn accept(&self);
}

/// Where a [`SystemClock`] looks.
pub trait TimeSource: Send + Sync {
    /// Milliseconds since 1970 by the wall clock.
    fn wall_ms(&self) -> i64;

    /// Milliseconds that have passed since some moment; never goes back, never leaps.
    fn monotonic_ms(&self) -> i64;
}

/// The operating system's clocks.
pub struct OperatingSystem {
    begun: Instant,
}

impl Default for OperatingSystem {
    fn default() -> Self {
        Self { begun: Instant::now() }
    }
}

impl TimeSource for OperatingSystem {
    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// The wall clock, watched.
pub struct SystemClock<S = OperatingSystem> {
    source: S,
    leap_ms_max: i64,
    state: Mutex<State>,
}

struct State {
    /// Trusted wall time less monotonic time.
    offset_ms: i64,
    last: Timestamp,
    is_paused: bool,
    /// The wall clock is further back than it may be, which has been said.
    is_behind: bool,
}

impl<S: TimeSource> SystemClock<S> {
    /// A clock that never tells a time before `log_end`, the time of the log's last event.
    pub fn new(source: S, log_end: Timestamp, leap_ms_max: u64) -> Self {
        let leap_ms_max = i64::try_from(leap_ms_max).unwrap_or(i64::MAX);
        let (wall_ms, monotonic_ms) = (source.wall_ms(), source.monotonic_ms());
        let log_end_ms = i64::try_from(log_end.0).unwrap_or(i64::MAX);
        let is_paused = log_end_ms.saturating_sub(wall_ms) > leap_ms_max;
        if is_paused {
            tracing::error!(
                ahead_ms = log_end_ms - wall_ms,
                "the log ends in the future: expiry is paused until the wall clock gets there or \
                 an operator accepts the time"
            );
        }
        let offset_ms = if is_paused { log_end_ms } else { wall_ms } - monotonic_ms;
        let state = Mutex::new(State { offset_ms, last: log_end, is_paused, is_behind: false });
        Self { source, leap_ms_max, state }
    }

    fn look(&self, state: &mut State) {
        let (wall_ms, monotonic_ms) = (self.source.wall_ms(), self.source.monotonic_ms());
        let ahead_ms = wall_ms - monotonic_ms - state.offset_ms;
        if ahead_ms.abs() <= self.leap_ms_max {
            state.offset_ms += ahead_ms;
            state.come_back();
        } else if ahead_ms > 0 {
            state.pause(ahead_ms);
        } else if !state.is_paused {
            state.fall_behind(-ahead_ms);
        }
        let now_ms = u64::try_from(monotonic_ms + state.offset_ms).unwrap_or(0);
        state.last = state.last.max(Timestamp(now_ms));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the clock's lock can panic")
    }
}

impl State {
    fn come_back(&mut self) {
        if std::mem::take(&mut self.is_paused) {
            tracing::warn!("the wall clock came back: expiry goes on");
        }
        if std::mem::take(&mut self.is_behind) {
            tracing::warn!("the wall clock came back: time follows it again");
        }
    }

    fn pause(&mut self, ahead_ms: i64) {
        self.is_behind = false;
        if !std::mem::replace(&mut self.is_paused, true) {
            tracing::error!(
                ahead_ms,
                "the wall clock leapt ahead: expiry is paused until it comes back or an operator \
                 accepts it"
            );
        }
    }

    fn fall_behind(&mut self, behind_ms: i64) {
        if !std::mem::replace(&mut self.is_behind, true) {
            tracing::warn!(
                behind_ms,
                "the wall clock is far behind: time goes on by the monotonic clock, and is ahead of \
                 the wall clock until that comes back"
            );
        }
    }
}

impl<S: TimeSource> Clock for SystemClock<S> {
    fn now(&self) -> Timestamp {
        let mut state = self.state();
        self.look(&mut state);
        state.last
    }

    fn is_trusted(&self) -> bool {
        let mut state = self.state();
        self.look(&mut state);
        !state.is_paused
    }

    fn accept(&self) {
        let mut state = self.state();
        self.look(&mut state);
        let ahead_ms = self.source.wall_ms() - self.source.monotonic_ms() - state.offset_ms;
        if ahead_ms > self.leap_ms_max {
            state.offset_ms += ahead_ms;
        }
        if state.is_paused {
            tracing::warn!("an operator accepted the time: expiry goes on");
        }
        state.is_paused = false;
    }
}

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicU64,
}

impl ManualClock {
    /// A clock that shows this.
    pub fn at(now: Timestamp) -> Self {
        Self { now: AtomicU64::new(now.0) }
    }

    /// Moves on.
    pub fn advance_ms(&self, span_ms: u64) {
        self.now.fetch_add(span_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn is_trusted(&self) -> bool {
        true
    }

    fn accept(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;

    use super::*;

    #[derive(Clone, Default)]
    struct Fake {
        wall_ms: Arc<AtomicI64>,
        monotonic_ms: Arc<AtomicI64>,
    }

    impl Fake {
        fn pass(&self, span_ms: i64) {
            self.wall_ms.fetch_add(span_ms, Ordering::SeqCst);
            self.monotonic_ms.fetch_add(span_ms, Ordering::SeqCst);
        }

        fn leap(&self, span_ms: i64) {
            self.wall_ms.fetch_add(span_ms, Ordering::SeqCst);
        }
    }

    impl TimeSource for Fake {
        fn wall_ms(&self) -> i64 {
            self.wall_ms.load(Ordering::SeqCst)
        }

        fn monotonic_ms(&self) -> i64 {
            self.monotonic_ms.load(Ordering::SeqCst)
        }
    }

    fn clock_at(wall_ms: i64, log_end: u64) -> (Fake, SystemClock<Fake>) {
        let source = Fake::default();
        source.leap(wall_ms);
        (source.clone(), SystemClock::new(source, Timestamp(log_end), 1_000))
    }

    #[test]
    fn time_never_goes_back() {
        let (source, clock) = clock_at(50_000, 0);
        assert_eq!(clock.now(), Timestamp(50_000));
        source.leap(-700);
        assert_eq!(clock.now(), Timestamp(50_000));
        source.pass(1_000);
        assert_eq!(clock.now(), Timestamp(50_300));
        source.leap(-40_000);
        source.pass(10);
        assert_eq!(clock.now(), Timestamp(50_310));
        assert!(clock.is_trusted());
    }

    #[test]
    fn a_leap_ahead_pauses_until_it_is_taken_back_or_accepted() {
        let (source, clock) = clock_at(50_000, 0);
        source.leap(1_001);
        source.pass(5);
        assert!(!clock.is_trusted());
        assert_eq!(clock.now(), Timestamp(50_005));
        source.leap(-1_001);
        assert!(clock.is_trusted());
        source.leap(9_000);
        assert!(!clock.is_trusted());
        clock.accept();
        assert!(clock.is_trusted());
        assert_eq!(clock.now(), Timestamp(59_005));
    }

    /// What is logged meanwhile.
    fn logged(run: impl FnOnce()) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(file.reopen().unwrap());
        let lines = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(lines, run);
        std::fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn a_wall_clock_that_falls_far_back_is_said_once_and_so_is_its_return() {
        let said = logged(|| {
            let (source, clock) = clock_at(50_000, 0);
            for leap_ms in [-300, -1_500, 0, 200, 1_300, 0] {
                source.leap(leap_ms);
                clock.now();
            }
        });
        let lines = Vec::from_iter(said.lines());
        assert_eq!(lines.len(), 2, "{said}");
        assert!(lines[0].contains("WARN") && lines[0].contains("behind_ms=1500"), "{said}");
        assert!(lines[1].contains("time follows it again"), "{said}");
    }

    #[test]
    fn a_log_that_ends_in_the_future_pauses() {
        let (source, clock) = clock_at(50_000, 60_000);
        assert!(!clock.is_trusted());
        source.pass(10);
        assert_eq!(clock.now(), Timestamp(60_010));
        clock.accept();
        assert!(clock.is_trusted());
        assert_eq!(clock.now(), Timestamp(60_010));

        let (_, slightly) = clock_at(50_000, 50_900);
        assert!(slightly.is_trusted());
        assert_eq!(slightly.now(), Timestamp(50_900));
    }
}
