//! What lies around the services: deadlines, health, reflection, metrics, bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use holdfast::proto::v1;
use holdfast::telemetry::catalogue::{ALL, Kind, Metric};
use prost::Message;
use tokio::net::TcpStream;
use tonic::codegen::http;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1 as reflection;

use crate::requests::*;
use crate::server::{Server, eventually, get, reason};

async fn channel(server: &Server) -> Channel {
    Endpoint::from_shared(format!("http://{}", server.grpc())).unwrap().connect().await.unwrap()
}

/// Calls over bare HTTP/2: tonic's client would end a late call by itself.
async fn call(server: &Server, timeout: &str, message: &impl Message) -> Status {
    let address = server.grpc();
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let path = format!("http://{address}/holdfast.v1.StockService/ReceiveStock");
    let request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("grpc-timeout", timeout)
        .body(())
        .unwrap();
    let mut client = client.ready().await.unwrap();
    let (answer, mut body) = client.send_request(request, false).unwrap();
    let encoded = message.encode_to_vec();
    let mut frame = vec![0];
    frame.extend((encoded.len() as u32).to_be_bytes());
    frame.extend(encoded);
    // Refused before its body is read, perhaps; then there is nobody to send it to.
    let _ = body.send_data(frame.into(), true);
    Status::from_header_map(answer.await.unwrap().headers()).unwrap()
}

#[test]
fn a_command_whose_deadline_has_passed_is_not_executed() {
    let server = Server::start();
    server.run(async {
        for _ in 0..20 {
            let status = call(&server, "0n", &receive("A", 1)).await;
            assert_eq!(status.code(), Code::DeadlineExceeded);
        }
        let client = server.client().await;
        let balance = client.get_stock_balance(balance_of("A")).await;
        assert_eq!(reason(balance), "STOCK_BALANCE_NOT_FOUND");
    });
}

#[test]
fn health_is_told_for_every_service_over_grpc_and_http() {
    let server = Server::start();
    server.run(async {
        let mut client = HealthClient::new(channel(&server).await);
        let services = ["Stock", "Reservation", "SalesOrder", "Command", "Event", "Admin"];
        let services = services.map(|name| format!("holdfast.v1.{name}Service"));
        for service in services.into_iter().chain([String::new()]) {
            let told = client.check(HealthCheckRequest { service }).await.unwrap();
            assert_eq!(told.into_inner().status(), ServingStatus::Serving);
        }
    });
    assert_eq!(get(server.http(), "/health/live"), (200, "live\n".to_owned()));
    assert_eq!(get(server.http(), "/health/ready"), (200, "ready\n".to_owned()));
    assert_eq!(get(server.http(), "/elsewhere").0, 404);
}

#[test]
fn reflection_names_every_service() {
    use reflection::server_reflection_request::MessageRequest;
    use reflection::server_reflection_response::MessageResponse;
    let server = Server::start();
    server.run(async {
        let channel = channel(&server).await;
        let mut client = reflection::server_reflection_client::ServerReflectionClient::new(channel);
        let request = reflection::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let asked = futures::stream::iter([request]);
        let mut told = client.server_reflection_info(asked).await.unwrap().into_inner();
        let told = told.next().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::ListServicesResponse(list) = told else { panic!("{told:?}") };
        let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
        for name in ["Stock", "Reservation", "SalesOrder", "Command", "Event", "Admin"] {
            let name = format!("holdfast.v1.{name}Service");
            assert!(names.contains(&name), "{name} is not among {names:?}");
        }
        assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
    });
}

#[test]
fn every_metric_is_told_and_no_label_grows_with_the_data() {
    let is_full = Arc::new(AtomicBool::new(false));
    let full = is_full.clone();
    let free_space = move || Ok(if full.load(Ordering::Relaxed) { 0 } else { u64::MAX });
    let server = Server::on_disk(Box::new(free_space), |_| {});
    server.run(async {
        let client = server.client_of("tenant-in-metrics").await;
        client.receive_stock(receive("sku-in-metrics", 5)).await.unwrap();
        client.create_reservation(hold(&[("sku-in-metrics", 9)])).await.unwrap_err();
        client.create_reservation(hold_for(1, &[("sku-in-metrics", 1)])).await.unwrap();
        client.create_sales_order(order_to_its_end(&[("sku-in-metrics", 1)])).await.unwrap();
        client.take_snapshot(v1::TakeSnapshotRequest {}).await.unwrap();
        is_full.store(true, Ordering::Relaxed);
        eventually("a command that is turned away", || async {
            client.receive_stock(receive("sku-in-metrics", 5)).await.err()
        })
        .await;
        is_full.store(false, Ordering::Relaxed);
    });
    // Once the hold has expired, and what is asked for now and then has been asked.
    let metrics = server.run(eventually("every metric", || async {
        let (status, metrics) = get(server.http(), "/metrics");
        assert_eq!(status, 200);
        ALL.iter().all(|metric| is_told(metric, &metrics)).then_some(metrics)
    }));
    for line in [
        "holdfast_build_info{",
        "holdfast_command_duration_seconds_bucket{le=\"0.00005\"}",
        "holdfast_commands_total{command=\"ReceiveStock\",outcome=\"accepted\"}",
        "holdfast_commands_total{command=\"CreateReservation\",outcome=\"rejected\"}",
        "holdfast_commands_total{command=\"ReceiveStock\",outcome=\"turned_away\"}",
        "holdfast_commands_turned_away_total{reason=\"STORAGE_LOW\"}",
        "holdfast_entities{kind=\"sales_order\",activity=\"passive\"}",
        "holdfast_feed_lag_events{class=\"catching_up\"}",
    ] {
        assert!(metrics.lines().any(|it| it.starts_with(line)), "{line} is not in:\n{metrics}");
    }
    for named in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = named.split(' ').next().unwrap();
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} is not explained");
        assert!(ALL.iter().any(|metric| metric.name == name), "{name} is not in the catalogue");
    }
    assert!(!metrics.contains("in-metrics"), "{metrics}");
}

/// Whether a metric has a value, with its labels and no others.
fn is_told(metric: &Metric, metrics: &str) -> bool {
    let name = match metric.kind {
        Kind::Histogram(_) => format!("{}_count", metric.name),
        Kind::Counter | Kind::Gauge => metric.name.to_owned(),
    };
    metrics.lines().filter_map(|line| line.strip_prefix(&name)).any(|rest| {
        let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels).split(',');
        let labels: Vec<_> = labels.filter_map(|label| Some(label.split_once('=')?.0)).collect();
        rest.starts_with(['{', ' ']) && labels == metric.labels
    })
}

#[test]
fn a_request_that_is_too_large_is_refused_with_its_reason() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let mut wish = hold(&[("A", 1)]);
        wish.external_reference = "x".repeat(300 * 1_024);
        assert_eq!(reason(client.create_reservation(wish).await), "MESSAGE_TOO_LARGE");
        let mut long = hold(&[("A", 1)]);
        long.external_reference = "x".repeat(200 * 1_024);
        assert_eq!(reason(client.create_reservation(long).await), "INVALID_ARGUMENT");
    });
}
