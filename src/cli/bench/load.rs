//! Keeps calls under way on one connection.
//!
//! ```text
//! pace ──a call is due──▶ drive ──calls under way, at most so many──▶ tally
//! ```
//!
//! One task drives one connection: the connection and its calls are futures inside it, so that a call
//! costs no task, its outcome no lock, and what is due together one write.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep_until;
use tonic::Status;

use super::pace::{ANSWERS_GRACE, AfterFailure, Pace};
use super::scenario::{Scenario, Stocked};
use super::tally::{Outcome, Tally};
use super::template::{CallTemplate, OrderAnswer};
use crate::client::bare::{self, Answer, Connection, Method};
use crate::client::{CallError, Family, Options};

/// How long a place stays empty after a failed call where the server asks for no time of its own.
pub(super) const DELAY_AFTER_FAILURE: Duration = Duration::from_millis(10);

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
        let frame = self.template.frame(request_id, self.stocked.pieces(number));
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

/// A call that had no answer when answers were no longer waited for.
pub(super) fn unanswered() -> CallError {
    let waited = ANSWERS_GRACE.as_secs();
    Status::deadline_exceeded(format!("no answer came in the {waited} s after the end")).into()
}

/// Keeps at most `in_flight` calls under way until none is due any more and all are answered, or
/// answers are no longer waited for.
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
    let mut patience = pin!(sleep_until(pace.patience_end().into()));
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
            () = &mut patience => {
                tally.fail(unanswered(), calls.len() as u64);
                break;
            }
        }
    }
    tally.not_sent = pace.not_sent();
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
