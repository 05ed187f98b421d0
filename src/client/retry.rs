//! When a call is sent again.
//!
//! Every command names itself by its request id, so a call that was turned away, or whose answer got
//! lost, is sent again as it was and takes effect once. What the domain refused is not: the
//! answer was given.

use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status};

use super::error::{CallError, Family};

const DELAY_MIN: Duration = Duration::from_millis(20);
const DELAY_MAX: Duration = Duration::from_secs(2);

/// How long a caller keeps trying.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// No try begins later than this after the first.
    pub patience: Duration,
    /// The deadline of each try.
    pub try_timeout: Duration,
}

impl Default for RetryPolicy {
    /// For a person who waits: 5 seconds, tries of 30.
    fn default() -> Self {
        Self { patience: Duration::from_secs(5), try_timeout: Duration::from_secs(30) }
    }
}

impl RetryPolicy {
    /// For long work that a busy or restarting server must not end: a minute.
    pub fn patient() -> Self {
        Self { patience: Duration::from_secs(60), try_timeout: Duration::from_secs(60) }
    }

    /// For whoever wants the first answer.
    pub fn once() -> Self {
        Self { patience: Duration::ZERO, ..Self::default() }
    }
}

/// Sends a message until it has an answer that is worth having, or patience ends.
///
/// Waits as long as the server asks for, else a time that doubles from 20 ms to 2 s and is shortened
/// at random, so that callers that were turned away together don't come back together.
///
/// # Errors
/// [`CallError`]: of the last try.
pub async fn call<M, T, F, A>(policy: RetryPolicy, message: M, send: F) -> Result<T, CallError>
where
    M: Clone,
    F: Fn(Request<M>) -> A,
    A: Future<Output = Result<Response<T>, Status>>,
{
    let give_up = Instant::now() + policy.patience;
    let mut delay = DELAY_MIN;
    loop {
        let mut request = Request::new(message.clone());
        request.set_timeout(policy.try_timeout);
        let error = match send(request).await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) => CallError::from(status),
        };
        let again = matches!(error.family(), Family::TurnedAway | Family::Uncertain);
        let wait = error.retry_delay.unwrap_or_else(|| shortened(delay));
        if !again || Instant::now() + wait > give_up {
            return Err(error);
        }
        sleep(wait).await;
        delay = (delay * 2).min(DELAY_MAX);
    }
}

fn shortened(delay: Duration) -> Duration {
    delay.mul_f64(rand::rng().random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    fn overloaded() -> Status {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
        Status::with_error_details(Code::ResourceExhausted, "busy", details)
    }

    /// Sends `request` to a server that answers as told; gives the outcome and what was sent.
    async fn send_to(
        mut answers: Vec<Result<u8, Status>>,
    ) -> (Result<u8, Code>, Vec<&'static str>) {
        answers.reverse();
        let answers = RefCell::new(answers);
        let sent = RefCell::new(Vec::new());
        let outcome = call(RetryPolicy::patient(), "id-1", |request: Request<&'static str>| {
            sent.borrow_mut().push(request.into_inner());
            let answer = answers.borrow_mut().pop().unwrap();
            async { answer.map(Response::new) }
        })
        .await;
        (outcome.map_err(|error| error.code), sent.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_turned_away_is_sent_again_as_it_was_when_the_server_wants_it() {
        let begin = Instant::now();
        let lost = Status::unknown("the connection broke");
        let (outcome, sent) = send_to(vec![Err(overloaded()), Err(lost), Ok(7)]).await;
        assert_eq!((outcome, sent.len()), (Ok(7), 3));
        assert!(sent.iter().all(|id| *id == "id-1"));
        assert!(begin.elapsed() >= Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_an_answer() {
        let refused = Status::failed_precondition("sold out");
        let (outcome, sent) = send_to(vec![Err(refused), Ok(7)]).await;
        assert_eq!((outcome, sent.len()), (Err(Code::FailedPrecondition), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let (outcome, sent) = send_to(vec![Err(overloaded()); 100]).await;
        assert_eq!((outcome, sent.len()), (Err(Code::ResourceExhausted), 60 + 1));
    }
}
