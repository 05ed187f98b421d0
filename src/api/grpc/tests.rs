//! The listener itself, without an engine: health, reflection's place, limits, deadlines and the
//! end, over real connections.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::http;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::*;

/// A service that never answers.
#[derive(Clone)]
struct Silent;

impl NamedService for Silent {
    const NAME: &'static str = "grpc.health.v1.Silent";
}

impl Service<http::Request<Body>> for Silent {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        std::future::pending().boxed()
    }
}

struct Running {
    address: SocketAddr,
    channel: Channel,
    readiness: Readiness,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    _health: JoinHandle<()>,
}

async fn running() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (readiness, reporter) = (Readiness::default(), HealthReporter::new());
    health::tell(&reporter, &readiness.now()).await;
    let routes = with_standards(Routes::new(Silent), &reporter);
    let limits = Limits { stop_grace: Duration::from_millis(50), ..Default::default() };
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve_routes(listener, routes, limits, async {
        let _ = stopped.await;
    }));
    let _health = tokio::spawn(health::follow(reporter, readiness.clone()));
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect().await.unwrap();
    Running { address, channel, readiness, stop, server, _health }
}

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// What a method answers. Over bare HTTP/2: tonic's client would end a late call by itself.
async fn call(address: SocketAddr, path: &str, timeout: Option<&str>) -> Status {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc");
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    let request = request.body(()).unwrap();
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    Status::from_header_map(answer.await.unwrap().headers()).unwrap()
}

#[tokio::test]
async fn health_follows_readiness_for_every_service() {
    let running = running().await;
    let mut client = HealthClient::new(running.channel.clone());
    let watched = client.watch(asked("holdfast.v1.StockService")).await.unwrap();
    let mut told = watched.into_inner().map_ok(|answer| answer.status());
    assert_eq!(told.try_next().await.unwrap(), Some(ServingStatus::NotServing));
    running.readiness.recovered();
    assert_eq!(told.try_next().await.unwrap(), Some(ServingStatus::Serving));
    running.readiness.stopping();
    assert_eq!(told.try_next().await.unwrap(), Some(ServingStatus::NotServing));
    let whole = client.check(asked("holdfast.v1.AdminService")).await.unwrap();
    assert_eq!(whole.into_inner().status(), ServingStatus::NotServing);
    assert_eq!(client.check(asked("other")).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn an_open_call_does_not_keep_the_server_alive() {
    let running = running().await;
    let mut client = HealthClient::new(running.channel.clone());
    let mut open = client.watch(asked("")).await.unwrap().into_inner();
    assert!(open.try_next().await.unwrap().is_some());
    running.stop.send(()).unwrap();
    running.server.await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_too_late_ends_with_deadline_exceeded_and_nothing_else() {
    let running = running().await;
    let silent = "/grpc.health.v1.Silent/Call";
    for timeout in ["0n", "1u", "1m", "5m", "20m"] {
        let status = call(running.address, silent, Some(timeout)).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{timeout}: {status:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "DEADLINE_EXCEEDED");
    }
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_told_with_its_error_info() {
    let running = running().await;
    let status = call(running.address, "/holdfast.v1.NoService/Call", None).await;
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.get_details_error_info().unwrap().domain, "holdfast");
}
