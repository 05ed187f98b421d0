//! What a monitor looks at: metrics and health, over plain HTTP.
//!
//! ```text
//!   GET /metrics        what Prometheus scrapes
//!   GET /health/live    200 as long as the process answers
//!   GET /health/ready   200, or 503 with one line for each thing that stands in the way
//! ```
//!
//! Not here: anything that changes the server.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::admission::Admission;
use super::readiness::Readiness;
use super::stopping::within_grace;
use crate::telemetry;

/// The format that [`PrometheusHandle::render`] writes.
const METRICS_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

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
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    listener: TcpListener,
    sources: Sources,
    grace: Duration,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    within_grace(shutdown, grace, |stopped| async move {
        let stopped = async { drop(stopped.await) };
        axum::serve(listener, router(sources)).with_graceful_shutdown(stopped).await
    })
    .await
    .unwrap_or(Ok(()))
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
