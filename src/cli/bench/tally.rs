//! What came back, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use tonic::Status;

use crate::client::{CallError, Family};
use crate::proto::v1;

/// Ten minutes; what takes longer counts as this long.
const LATENCY_US_MAX: u64 = 600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// What one call came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Done.
    Completed,
    /// The domain said no.
    Rejected,
    /// Anything else.
    Failed(Box<CallError>),
}

impl Outcome {
    /// What an order that has ended came to.
    pub(super) fn of_order(state: v1::SalesOrderState) -> Self {
        match state {
            v1::SalesOrderState::Completed => Self::Completed,
            v1::SalesOrderState::Rejected => Self::Rejected,
            state => {
                let status = Status::internal(format!("ended as {}", state.as_str_name()));
                Self::Failed(Box::new(status.into()))
            }
        }
    }
}

/// Counts of outcomes, and the latencies of completed calls.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) completed: u64,
    pub(super) rejected: u64,
    pub(super) errors: u64,
    /// Of the errors, those that the server certainly didn't execute, by its reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Calls that were due and for which there was no room before the end.
    pub(super) not_sent: u64,
    /// Whether a stream ended before the measurement did.
    pub(super) ended_early: bool,
    first_error: Option<Box<CallError>>,
    latencies_us: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let latencies_us = Histogram::new_with_bounds(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that were tried");
        Self {
            completed: 0,
            rejected: 0,
            errors: 0,
            refused: BTreeMap::new(),
            not_sent: 0,
            ended_early: false,
            first_error: None,
            latencies_us,
        }
    }
}

impl Tally {
    /// Counts one call that was answered so long after it was due.
    pub(super) fn count(&mut self, outcome: Outcome, latency: Duration) {
        match outcome {
            Outcome::Completed => {
                self.completed += 1;
                let us = u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX);
                self.latencies_us.saturating_record(us.max(1));
            }
            Outcome::Rejected => self.rejected += 1,
            Outcome::Failed(error) => self.fail(*error, 1),
        }
    }

    /// Counts calls that failed alike.
    pub(super) fn fail(&mut self, error: CallError, calls: u64) {
        if calls == 0 {
            return;
        }
        self.errors += calls;
        if error.family() == Family::TurnedAway {
            self.refuse(&error.reason, calls);
        }
        self.first_error.get_or_insert_with(|| Box::new(error));
    }

    fn refuse(&mut self, reason: &str, calls: u64) {
        match self.refused.get_mut(reason) {
            Some(count) => *count += calls,
            None => {
                self.refused.insert(reason.to_owned(), calls);
            }
        }
    }

    /// Adds what another connection counted.
    pub(super) fn merge(&mut self, other: Self) {
        self.completed += other.completed;
        self.rejected += other.rejected;
        self.errors += other.errors;
        self.not_sent += other.not_sent;
        self.ended_early |= other.ended_early;
        other.refused.iter().for_each(|(reason, calls)| self.refuse(reason, *calls));
        self.latencies_us.add(other.latencies_us).expect("every tally has the same bounds");
        self.first_error = self.first_error.take().or(other.first_error);
    }

    /// The first failure that was counted.
    pub(super) fn first_error(&self) -> Option<&CallError> {
        self.first_error.as_deref()
    }

    /// The latency that this share of completed calls didn't exceed; 0 where none was completed.
    pub(super) fn quantile_us(&self, share: f64) -> u64 {
        self.latencies_us.value_at_quantile(share).min(self.max_us())
    }

    /// The longest latency, to three digits; 0 where no call was completed.
    pub(super) fn max_us(&self) -> u64 {
        if self.completed == 0 { 0 } else { self.latencies_us.max() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    #[test]
    fn latencies_are_those_of_completed_calls() {
        let mut tally = Tally::default();
        for ms in 1..=100 {
            tally.count(Outcome::Completed, Duration::from_millis(ms));
        }
        tally.count(Outcome::Rejected, Duration::from_secs(9));
        let mut other = Tally::default();
        other.count(Outcome::Completed, Duration::from_secs(3_600));
        tally.merge(other);
        assert_eq!((tally.completed, tally.rejected, tally.errors), (101, 1, 0));
        assert!(tally.quantile_us(0.5).abs_diff(51_000) <= 51);
        assert!(tally.max_us().abs_diff(LATENCY_US_MAX) <= LATENCY_US_MAX / 1_000);
    }

    fn turned_away(reason: &str) -> Outcome {
        let details = ErrorDetails::with_error_info(reason, "holdfast", HashMap::new());
        let status = Status::with_error_details(Code::Unavailable, "not now", details);
        Outcome::Failed(Box::new(status.into()))
    }

    #[test]
    fn what_the_server_refused_is_told_apart_by_its_reason() {
        let [mut tally, mut other] = [Tally::default(), Tally::default()];
        tally.count(turned_away("OVERLOADED"), Duration::ZERO);
        for outcome in [turned_away("OVERLOADED"), turned_away("STOPPING")] {
            other.count(outcome, Duration::ZERO);
        }
        let broken = Status::internal("broken");
        other.count(Outcome::Failed(Box::new(broken.into())), Duration::ZERO);
        tally.merge(other);
        assert_eq!(tally.errors, 4);
        let refused = [("OVERLOADED".to_owned(), 2), ("STOPPING".to_owned(), 1)];
        assert_eq!(tally.refused, refused.into());
    }

    #[test]
    fn nothing_completed_has_no_latency() {
        assert_eq!((Tally::default().quantile_us(0.99), Tally::default().max_us()), (0, 0));
    }
}
