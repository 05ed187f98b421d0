//! What a monitor looks at: metrics and health, over plain HTTP.
//!
//! ```text
//!   GET /metrics        what Prometheus scrapes
//!   GET /health/live    200 as long as the process answers
//!   GET /health/ready   200, or 503 with one line for each thing that stands in the way
//! ```
//!
//! Connections are few and short: whoever comes beyond [`CONNECTIONS_MAX`], asks for nothing, or takes
//! too long to ask is hung up on, so that nobody can take the descriptors that log and snapshots need,
//! or the monitor's place.
//!
//! Not here: anything that changes the server.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::admission::Admission;
use super::opening::opening;
use super::readiness::Readiness;
use super::stopping::within_grace;
use crate::telemetry;

/// The format that [`PrometheusHandle::render`] writes.
const METRICS_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many connections there can be at once.
pub const CONNECTIONS_MAX: usize = 64;

/// How long a client may take to ask, counted from when it connected or was answered.
const ASKING_TIME: Duration = Duration::from_secs(10);

/// What HTTP/2 begins with (RFC 9113, section 3.4).
const HTTP2_OPENING: [u8; 3] = *b"PRI";

/// How long nobody is let in after somebody could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the listener tells about.
#[derive(Clone)]
pub struct Sources {
    /// The metrics that were recorded.
    pub metrics: PrometheusHandle,
    /// Whether the server can be used.
    pub readiness: Readiness,
    /// What is in flight.
    pub admission: Admission,
}

/// The listener's paths.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .with_state(sources)
}

/// Serves the paths until `shutdown`, and at most `grace` longer.
pub async fn serve(
    listener: TcpListener,
    sources: Sources,
    grace: Duration,
    shutdown: impl Future<Output = ()> + Send,
) {
    within_grace(shutdown, grace, |stopped| async move {
        serve_until(listener, router(sources), ASKING_TIME, async { drop(stopped.await) }).await;
    })
    .await;
}

async fn serve_until(
    listener: TcpListener,
    router: Router,
    asking_time: Duration,
    stopped: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) if connections.len() < CONNECTIONS_MAX => {
                    let (router, stopping) = (router.clone(), stopping.clone());
                    connections.spawn(connection(socket, router, asking_time, stopping));
                }
                Ok(_) => {}
                // Where the process has no descriptor left, the next try fails at once too.
                Err(error) => {
                    tracing::warn!(%error, "a connection for metrics and health could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    stop.send_replace(true);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    socket: TcpStream,
    router: Router,
    asking_time: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let stopping = async { drop(stopping.wait_for(|stopping| *stopping).await) };
    tokio::select! {
        () = stopping => {}
        () = answer(socket, router, asking_time) => {}
    }
}

/// Answers whatever is asked over one connection. A client that breaks off or breaks the protocol ends
/// its connection, and nothing else.
async fn answer(socket: TcpStream, router: Router, asking_time: Duration) {
    let Some(opening) = opening(&socket, asking_time).await else { return };
    let (socket, service) = (TokioIo::new(socket), TowerToHyperService::new(router));
    if opening == HTTP2_OPENING {
        // Somebody who takes this for the address of gRPC, and is told that nothing like it is here.
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.timer(TokioTimer::new()).keep_alive_interval(asking_time);
        let _ = server.serve_connection(socket, service).await;
    } else {
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(asking_time);
        let _ = server.serve_connection(socket, service).await;
    }
}

async fn metrics(State(sources): State<Sources>) -> impl IntoResponse {
    let Sources { admission, metrics, .. } = sources;
    telemetry::commands_in_flight(admission.in_flight(), admission.in_flight_max());
    ([(header::CONTENT_TYPE, METRICS_FORMAT)], metrics.render())
}

async fn ready(State(sources): State<Sources>) -> Response {
    let obstacles = sources.readiness.now().obstacles();
    if obstacles.is_empty() {
        return "ready\n".into_response();
    }
    let body = obstacles.join("\n") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn asked(readiness: &Readiness) -> (StatusCode, String) {
        let sources = Sources {
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            readiness: readiness.clone(),
            admission: Admission::new(Default::default()),
        };
        let answer = ready(State(sources)).await;
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1_024).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn whoever_comes_beyond_the_most_or_asks_for_nothing_is_hung_up_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/health/live", get(|| async { "live\n" }));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let asking_time = Duration::from_secs(3);
        let question = b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n";
        let served = serve_until(listener, router, asking_time, async { drop(stopped.await) });
        let served = tokio::spawn(served);

        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut bytes = [0; 64];
        let mut beyond = TcpStream::connect(address).await.unwrap();
        // Whoever has hung up may say so in between.
        let _ = beyond.write_all(question).await;
        assert_eq!(beyond.read(&mut bytes).await.unwrap_or(0), 0, "not answered");
        for mut socket in silent {
            assert_eq!(socket.read(&mut bytes).await.unwrap_or(0), 0, "hung up on in time");
        }
        let mut asking = TcpStream::connect(address).await.unwrap();
        asking.write_all(question).await.unwrap();
        let read = asking.read(&mut bytes).await.unwrap();
        assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));

        // It has been answered, and the stop ends it.
        stop.send(()).unwrap();
        served.await.unwrap();
    }

    #[tokio::test]
    async fn readiness_says_what_stands_in_its_way() {
        let readiness = Readiness::default();
        let (status, body) = asked(&readiness).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.starts_with("recovering"), "{body}");

        readiness.recovered();
        assert_eq!(asked(&readiness).await, (StatusCode::OK, "ready\n".to_owned()));

        readiness.storage_low();
        readiness.stopping();
        let (status, body) = asked(&readiness).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            body,
            "the disk is nearly full: commands are refused, queries are served\nstopping\n"
        );
    }
}
