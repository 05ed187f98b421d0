//! The client's deadline: `grpc-timeout`.
//!
//! A call that is too late ends with DEADLINE_EXCEEDED. The call is also told when its deadline is,
//! so that a command whose deadline has passed isn't executed.
//!
//! Invariant: a call whose deadline has passed when it arrives doesn't reach its service.
//!
//! Not here: the deadline of a stream after its first answer; the client ends that itself.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::codegen::{Service, http};

use super::errors::{self, Failure, Violation};

/// The header, as gRPC over HTTP/2 names it.
const HEADER: &str = "grpc-timeout";
/// gRPC over HTTP/2: at most 8 digits and a unit.
const DIGITS_MAX: usize = 8;

/// When the client stops waiting. Found in a request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// Whether nobody waits any more.
    pub fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }
}

/// A service whose calls end at their deadline.
#[derive(Debug, Clone)]
pub(super) struct WithDeadlines<S> {
    inner: S,
}

impl<S> WithDeadlines<S> {
    /// The same service, with deadlines.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, A, B> Service<http::Request<A>> for WithDeadlines<S>
where
    S: Service<http::Request<A>, Response = http::Response<B>>,
    S::Future: Unpin,
    B: Default,
{
    type Response = http::Response<B>;
    type Error = S::Error;
    type Future = Call<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<A>) -> Self::Future {
        let timeout = match timeout(request.headers()) {
            Ok(timeout) => timeout,
            Err(failure) => return Call::Failed(Some(failure)),
        };
        // A deadline beyond what the clock can count is none.
        let Some(at) = timeout.and_then(|timeout| Instant::now().checked_add(timeout)) else {
            return Call::Running { inner: self.inner.call(request), timer: None };
        };
        if timeout == Some(Duration::ZERO) {
            return Call::Failed(Some(Failure::DeadlinePassed));
        }
        request.extensions_mut().insert(Deadline(at));
        let timer = Box::pin(tokio::time::sleep_until(at));
        Call::Running { inner: self.inner.call(request), timer: Some((Deadline(at), timer)) }
    }
}

/// A call under way.
pub(super) enum Call<F> {
    /// It didn't begin.
    Failed(Option<Failure>),
    /// It runs until it ends or its deadline comes.
    Running {
        /// The call itself.
        inner: F,
        /// When it ends at the latest, and what wakes it then.
        timer: Option<(Deadline, Pin<Box<Sleep>>)>,
    },
}

impl<F, B, E> Future for Call<F>
where
    F: Future<Output = Result<http::Response<B>, E>> + Unpin,
    B: Default,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match &mut *self {
            Self::Failed(failure) => {
                Poll::Ready(Ok(ended(failure.take().unwrap_or(Failure::DeadlinePassed))))
            }
            Self::Running { inner, timer } => {
                if let Poll::Ready(answer) = Pin::new(inner).poll(context) {
                    return Poll::Ready(answer.map(errors::explain));
                }
                let Some((deadline, sleep)) = timer else { return Poll::Pending };
                if sleep.as_mut().poll(context).is_ready() || deadline.has_passed() {
                    return Poll::Ready(Ok(ended(Failure::DeadlinePassed)));
                }
                Poll::Pending
            }
        }
    }
}

fn ended<B: Default>(failure: Failure) -> http::Response<B> {
    Status::from(failure).into_http()
}

fn timeout(headers: &http::HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let read = value.to_str().ok().and_then(parse);
    read.map(Some).ok_or_else(|| {
        let description = "must be 1 to 8 digits and one of H, M, S, m, u and n".to_owned();
        Failure::Invalid(vec![Violation { field: HEADER.to_owned(), description }])
    })
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > DIGITS_MAX {
        return None;
    }
    let count = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use tonic::Code;

    use super::*;

    /// Answers once its call's deadline has passed, or at once where it has none.
    #[derive(Clone)]
    struct Late;

    impl Service<http::Request<()>> for Late {
        type Response = http::Response<()>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<http::Response<()>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<()>) -> Self::Future {
            let has_deadline = request.extensions().get::<Deadline>().is_some();
            async move {
                if has_deadline {
                    std::future::pending::<()>().await;
                }
                Ok(http::Response::new(()))
            }
            .boxed()
        }
    }

    async fn code(timeout: Option<&str>) -> Code {
        let mut request = http::Request::new(());
        if let Some(timeout) = timeout {
            request.headers_mut().insert(HEADER, timeout.parse().unwrap());
        }
        let response = WithDeadlines::new(Late).call(request).await.unwrap();
        Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_deadline_and_not_before() {
        let started = Instant::now();
        assert_eq!(code(Some("250m")).await, Code::DeadlineExceeded);
        assert_eq!(started.elapsed(), Duration::from_millis(250));
        assert_eq!(code(None).await, Code::Ok);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_and_one_that_cant_be_read_end_the_call_at_once() {
        let started = Instant::now();
        assert_eq!(code(Some("0n")).await, Code::DeadlineExceeded);
        for timeout in ["", "S", "1", "1s", "123456789S", "-1S", "+1S"] {
            assert_eq!(code(Some(timeout)).await, Code::InvalidArgument, "{timeout:?}");
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[test]
    fn every_unit_of_the_protocol_is_read() {
        let seconds = ["2H", "120M", "7200S"].map(|text| parse(text).unwrap().as_secs());
        assert_eq!(seconds, [7_200; 3]);
        let nanos = ["3m", "3000u", "3000000n"].map(|text| parse(text).unwrap().as_nanos());
        assert_eq!(nanos, [3_000_000; 3]);
        assert!(parse("99999999H").is_some());
    }
}
