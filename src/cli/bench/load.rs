//! Keeps calls under way on one connection.
//!
//! ```text
//! pace ──a call is due──▶ drive ──calls under way, at most so many──▶ tally
//! ```
//!
//! One task drives one connection: the connection and its calls are futures inside it, so that a call
//! costs no task, its outcome no lock, and what is due together one write.

use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tonic::Status;

use super::scenario::{Scenario, Stocked};
use super::tally::{Outcome, Tally};
use super::template::{CallTemplate, OrderAnswer};
use crate::cli::interrupt::Interrupt;
use crate::client::bare::{self, Answer, Connection, Method};
use crate::client::{CallError, Family, Options};

/// How long a place stays empty after a failed call where the server asks for no time of its own.
pub(super) const DELAY_AFTER_FAILURE: Duration = Duration::from_millis(10);

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
        let interrupt = interrupt.clone();
        // A thread, since the runtime's timers are only good to a millisecond.
        thread::spawn(move || keep_time(schedule, &past, &interrupt));
        let dues =
            |first| Dues { schedule, next: first, step: connections as u64, come: come.clone() };
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
}

impl Schedule {
    /// The moment with a number, from 0; none after the last.
    fn moment(&self, number: u64) -> Option<Instant> {
        let ns = u128::from(number) * 1_000_000_000 / u128::from(self.rate.get());
        let after = Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
        (after < self.duration).then(|| self.begin + after)
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
}

impl Dues {
    async fn next(&mut self) -> Option<Instant> {
        let due = self.schedule.moment(self.next)?;
        if due > *self.come.borrow() {
            self.come.wait_for(|come| due <= *come).await.ok()?;
        }
        self.next += self.step;
        Some(due)
    }

    /// The next moment, if it has come.
    fn come(&mut self) -> Option<Instant> {
        let due = self.schedule.moment(self.next).filter(|due| *due <= *self.come.borrow())?;
        self.next += self.step;
        Some(due)
    }
}

/// Makes the calls of one connection.
#[derive(Debug)]
pub(super) struct Caller {
    method: Method,
    template: CallTemplate,
    stocked: Arc<Stocked>,
    rng: StdRng,
}

impl Caller {
    pub(super) fn new(method: Method, stocked: Arc<Stocked>) -> Self {
        Self { method, template: stocked.call_template(), stocked, rng: StdRng::from_os_rng() }
    }

    /// One call, and how long after `due` its answer came.
    fn call(
        &mut self,
        due: Instant,
        after_failure: AfterFailure,
    ) -> impl Future<Output = (Outcome, Duration)> + Send + use<> {
        let request_id = uuid::Builder::from_random_bytes(self.rng.random()).into_uuid();
        let number = self.stocked.any_number(&mut self.rng);
        let frame = self.template.frame(request_id, number);
        let begun = self.method.call(frame);
        let scenario = self.stocked.scenario;
        async move {
            let answer = read(begun, scenario).await;
            let latency = due.elapsed();
            (settle(answer, after_failure).await, latency)
        }
    }
}

/// What an answer says, as far as it is counted.
async fn read(begun: Result<Answer, Status>, scenario: Scenario) -> Result<Outcome, Status> {
    let mut answer = begun?;
    let mut outcome = Outcome::Completed;
    if scenario == Scenario::Orders {
        let message = answer.message().await?.unwrap_or_default();
        let order =
            OrderAnswer::decode(message).map_err(|error| Status::internal(error.to_string()))?;
        outcome = Outcome::of_order(order.sales_order.unwrap_or_default().state());
    }
    answer.end().await.map(|()| outcome)
}

/// Tells a refusal from a failure.
async fn settle(answer: Result<Outcome, Status>, after_failure: AfterFailure) -> Outcome {
    let error = match answer {
        Ok(Outcome::Failed(error)) => error,
        Ok(outcome) => return outcome,
        Err(status) => Box::new(CallError::from(status)),
    };
    if error.family() == Family::Rejected {
        return Outcome::Rejected;
    }
    if let AfterFailure::Rest = after_failure {
        tokio::time::sleep(error.retry_delay.unwrap_or(DELAY_AFTER_FAILURE)).await;
    }
    Outcome::Failed(error)
}

/// Keeps at most `in_flight` calls under way until none is due any more and all are answered.
pub(super) async fn drive(
    mut caller: Caller,
    connection: Connection,
    options: Options,
    in_flight: usize,
    mut pace: Pace,
) -> Tally {
    let path = caller.stocked.path();
    let mut tally = Tally::default();
    let mut calls = FuturesUnordered::new();
    let mut next_connection = pin!(after(connection, &options, path));
    let mut more = true;
    while more || !calls.is_empty() {
        tokio::select! {
            biased;
            Some((outcome, latency)) = calls.next(), if !calls.is_empty() => {
                tally.count(outcome, latency);
            }
            due = pace.next(), if more && calls.len() < in_flight => match due {
                Some(due) => calls.push(caller.call(due, pace.after_failure())),
                None => more = false,
            },
            // Last, so that all calls that begin together leave in one write.
            (method, connection) = &mut next_connection => {
                caller.method = method;
                next_connection.set(after(connection, &options, path));
            }
        }
    }
    tally
}

/// Lives as long as a connection, and then makes another.
async fn after(
    connection: Connection,
    options: &Options,
    path: &'static str,
) -> (Method, Connection) {
    // Why it ended, its calls tell.
    let _ = connection.await;
    loop {
        match bare::connect(options, path).await {
            Ok(connected) => return connected,
            Err(_) => tokio::time::sleep(DELAY_AFTER_FAILURE).await,
        }
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
        }
    }

    #[test]
    fn calls_are_due_at_fixed_moments_whatever_happens() {
        let begin = Instant::now();
        let schedule = schedule(3, begin, 1_000);
        assert_eq!(schedule.moment(2_997), Some(begin + Duration::from_secs(999)));
        assert!(schedule.moment(2_999).is_some());
        assert_eq!(schedule.moment(3_000), None);
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
    async fn a_closed_loop_ends_at_its_moment_or_when_the_user_wants() {
        let now = Instant::now();
        let interrupt = Interrupt::default();
        let [mut over, mut open] = [now, now + Duration::from_secs(60)]
            .map(|until| Pace::Closed { until, interrupt: interrupt.clone() });
        assert!(over.next().await.is_none());
        assert!(open.next().await.is_some());
    }
}
