//! When calls are due, and until when they are sent and waited for.
//!
//! Not here: sending them.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::cli::interrupt::Interrupt;

/// How long after the last call may have been sent answers are waited for.
pub(super) const ANSWERS_GRACE: Duration = Duration::from_secs(5);

/// When calls are due.
#[derive(Debug)]
pub(super) enum Pace {
    /// Whenever there is room, until a moment.
    Closed {
        /// That moment.
        until: Instant,
        /// Ends it sooner.
        interrupt: Interrupt,
    },
    /// At fixed moments.
    Open(Dues),
}

/// What a failed call leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// Its place stays empty for a moment, so that the server is left alone.
    Rest,
    /// Its place is free: the next call is due when it is due.
    GoOn,
}

impl Pace {
    /// One for each of `connections`, without a rate.
    pub(super) fn closed(until: Instant, connections: usize, interrupt: &Interrupt) -> Vec<Self> {
        let pace = || Self::Closed { until, interrupt: interrupt.clone() };
        std::iter::repeat_with(pace).take(connections).collect()
    }

    /// One for each of `connections`, which take turns in the moments of a schedule.
    pub(super) fn open(schedule: Schedule, connections: usize, interrupt: &Interrupt) -> Vec<Self> {
        let (past, come) = watch::channel(schedule.begin);
        let asked = interrupt.clone();
        // A thread, since the runtime's timers are only good to a millisecond.
        thread::spawn(move || keep_time(schedule, &past, &asked));
        let dues = |first| Dues {
            schedule,
            next: first,
            step: connections as u64,
            come: come.clone(),
            interrupt: interrupt.clone(),
        };
        (0..connections as u64).map(|first| Self::Open(dues(first))).collect()
    }

    /// The moment at which the next call is due, when it has come; none after the last.
    pub(super) async fn next(&mut self) -> Option<Instant> {
        match self {
            Self::Closed { until, interrupt } => {
                let now = Instant::now();
                (now < *until && !interrupt.came()).then_some(now)
            }
            Self::Open(dues) => dues.next().await,
        }
    }

    /// Until when answers are waited for.
    pub(super) fn patience_end(&self) -> Instant {
        let end = match self {
            Self::Closed { until, .. } => *until,
            Self::Open(dues) => dues.schedule.give_up(),
        };
        end + ANSWERS_GRACE
    }

    /// How many calls were due and were not sent.
    pub(super) fn not_sent(&self) -> u64 {
        match self {
            Self::Closed { .. } => 0,
            Self::Open(dues) => dues.not_sent(),
        }
    }

    /// What a call that fails leaves behind.
    pub(super) fn after_failure(&self) -> AfterFailure {
        match self {
            Self::Closed { .. } => AfterFailure::Rest,
            Self::Open(_) => AfterFailure::GoOn,
        }
    }

    /// The moment at which another call beside one that is due at `first` is due by now.
    pub(super) fn another(&mut self, first: Instant) -> Option<Instant> {
        match self {
            Self::Closed { .. } => Some(first),
            Self::Open(dues) => dues.come(),
        }
    }
}

/// Moments in [begin, begin + duration) that lie 1/rate apart, without an error that grows. They follow
/// from their numbers, so that however many have come and gone unused, none is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// So many a second.
    pub rate: NonZero<u32>,
    /// The first.
    pub begin: Instant,
    /// For so long.
    pub duration: Duration,
    /// How long after that a call which was due may still be sent.
    pub grace: Duration,
}

impl Schedule {
    /// The moment with a number, from 0; none after the last.
    fn moment(&self, number: u64) -> Option<Instant> {
        let ns = u128::from(number) * 1_000_000_000 / u128::from(self.rate.get());
        let after = Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
        (after < self.duration).then(|| self.begin + after)
    }

    /// How many moments there are.
    fn count(&self) -> u64 {
        let billionths = self.duration.as_nanos() * u128::from(self.rate.get());
        u64::try_from(billionths.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
    }

    /// When what wasn't sent is no longer sent.
    fn give_up(&self) -> Instant {
        self.begin + self.duration + self.grace
    }

    /// How many moments have come by now.
    fn come_by(&self, now: Instant) -> u64 {
        let ns = now.saturating_duration_since(self.begin).as_nanos();
        let number = ns * u128::from(self.rate.get()) / 1_000_000_000;
        u64::try_from(number).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// Says how late it is whenever another moment has come.
fn keep_time(schedule: Schedule, past: &watch::Sender<Instant>, interrupt: &Interrupt) {
    let mut number = 0;
    while let Some(due) = schedule.moment(number)
        && !interrupt.came()
        && !past.is_closed()
    {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        past.send_replace(now);
        number = schedule.come_by(now);
    }
}

/// The moments of one connection.
#[derive(Debug)]
pub(super) struct Dues {
    schedule: Schedule,
    /// The number of the next, and how far apart they are.
    next: u64,
    step: u64,
    /// How late it is, as long as somebody keeps time.
    come: watch::Receiver<Instant>,
    interrupt: Interrupt,
}

impl Dues {
    async fn next(&mut self) -> Option<Instant> {
        let due = self.schedule.moment(self.next)?;
        if due > *self.come.borrow() {
            self.come.wait_for(|come| due <= *come).await.ok()?;
        }
        if self.is_over() {
            return None;
        }
        self.next += self.step;
        Some(due)
    }

    /// The next moment, if it has come.
    fn come(&mut self) -> Option<Instant> {
        let due = self.schedule.moment(self.next).filter(|due| *due <= *self.come.borrow())?;
        if self.is_over() {
            return None;
        }
        self.next += self.step;
        Some(due)
    }

    fn is_over(&self) -> bool {
        self.interrupt.came() || Instant::now() > self.schedule.give_up()
    }

    /// Those that were left, of what was due until the end or until the user wanted it.
    fn not_sent(&self) -> u64 {
        let mut due = self.schedule.count();
        if self.interrupt.came() {
            due = due.min(self.schedule.come_by(*self.come.borrow()));
        }
        due.saturating_sub(self.next).div_ceil(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: u32, begin: Instant, seconds: u64) -> Schedule {
        Schedule {
            rate: NonZero::new(rate).unwrap(),
            begin,
            duration: Duration::from_secs(seconds),
            grace: Duration::from_secs(60),
        }
    }

    #[test]
    fn calls_are_due_at_fixed_moments_whatever_happens() {
        let begin = Instant::now();
        let schedule = schedule(3, begin, 1_000);
        assert_eq!(schedule.moment(2_997), Some(begin + Duration::from_secs(999)));
        assert!(schedule.moment(2_999).is_some());
        assert_eq!(schedule.moment(3_000), None);
        assert_eq!(schedule.count(), 3_000);
        let come = schedule.come_by(begin + Duration::from_millis(999_100));
        assert_eq!(come, 2_998);
    }

    #[tokio::test]
    async fn a_call_counts_from_the_moment_it_was_due_even_where_it_waited_for_room() {
        let long_ago = Instant::now() - Duration::from_secs(5);
        let mut paces = Pace::open(schedule(2, long_ago, 2), 2, &Interrupt::default());
        for (pace, after_ms) in paces.iter_mut().zip([0, 500]) {
            for due_ms in [after_ms, after_ms + 1_000] {
                assert_eq!(pace.next().await, Some(long_ago + Duration::from_millis(due_ms)));
            }
            assert_eq!(pace.next().await, None);
        }
    }

    #[tokio::test]
    async fn what_was_not_sent_in_time_is_not_sent_and_counted() {
        let begin = Instant::now() - Duration::from_secs(5);
        let late = Schedule { grace: Duration::ZERO, ..schedule(2, begin, 4) };
        let mut paces = Pace::open(late, 3, &Interrupt::default());
        for pace in &mut paces {
            assert_eq!(pace.next().await, None);
            assert_eq!(pace.another(begin), None);
        }
        let not_sent: Vec<_> = paces.iter().map(Pace::not_sent).collect();
        assert_eq!(not_sent, [3, 3, 2]);
    }

    #[tokio::test]
    async fn a_closed_loop_ends_at_its_moment_or_when_the_user_wants() {
        let now = Instant::now();
        let interrupt = Interrupt::default();
        let [mut over, mut open] = [now, now + Duration::from_secs(60)]
            .map(|until| Pace::Closed { until, interrupt: interrupt.clone() });
        assert!(over.next().await.is_none());
        assert!(open.next().await.is_some());
    }
}
