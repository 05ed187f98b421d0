//! What clients speak to: gRPC.
//!
//! The path of a command, file by file:
//!
//! ```text
//!   transport ▶ deadline ▶ *_service ▶ gateway ▶ caller, validate ▶ admission ▶ engine
//!                        │                                                  │
//!                        ◀── convert ◀──────────── taken effect ◀───────────┤
//!                        ◀── errors  ◀──────────── refused ◀────────────────┘
//! ```
//!
//! The same for a stream of commands: `command_service` opens it, `inbox` reads its commands,
//! `execution` takes them along that path, and `outbox` puts what is answered together into messages.
//!
//! `page` says how much of a listing fits, `page_token` where it goes on, `stream_watch` when to
//! look at an order again, `health` whether the server can be used; `event_view` shows events, `calendar_view` calendars.
//!
//! Not here: decisions, and the clock.

mod admin_service;
mod calendar_service;
mod calendar_view;
mod caller;
mod command_service;
mod convert;
mod deadline;
mod errors;
mod event_service;
mod event_view;
mod execution;
mod gateway;
mod health;
mod inbox;
mod outbox;
mod page;
mod page_token;
mod reservation_service;
mod sales_order_service;
mod stock_service;
mod stream_watch;
mod transport;
mod validate;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic_health::server::{HealthReporter, HealthService};

use super::admission::TurnedAway;
use super::readiness::Readiness;
use super::stopping::within_grace;
use crate::domain::time::Timestamp;
use crate::feed::Feed;
use crate::proto::{self, v1};
use deadline::WithDeadlines;

pub use gateway::Gateway;
pub use stream_watch::{StreamWatch, Ticks};

/// What a client may send and get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest request.
    pub message_in_bytes_max: usize,
    /// The largest answer.
    pub message_out_bytes_max: usize,
    /// Commands of one stream that are under way, or answered and not taken by the transport.
    pub execute_in_flight_max: usize,
    /// Connections that are open at once.
    pub connections_max: usize,
    /// Calls that are open at once on one connection.
    pub streams_per_connection_max: u32,
    /// The largest headers of one call.
    pub header_list_bytes_max: u32,
    /// How often a silent connection is asked whether it is still there.
    pub keepalive: Duration,
    /// How long calls may take to end once the server stops.
    pub stop_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_in_bytes_max: 256 * 1_024,
            message_out_bytes_max: 4 * 1_024 * 1_024,
            execute_in_flight_max: 4_096,
            connections_max: 512,
            streams_per_connection_max: 100,
            header_list_bytes_max: 8 * 1_024,
            keepalive: Duration::from_secs(30),
            stop_grace: Duration::from_secs(2),
        }
    }
}

/// How long a caller that was told to wait may keep its connection once there is something better.
const RECOVERING_GRACE: Duration = Duration::from_millis(100);

/// What the services are made of.
pub struct Services {
    /// The way to the engine.
    pub gateway: Gateway,
    /// Who tells that something happened to an order.
    pub watch: Arc<dyn StreamWatch>,
    /// The durable events.
    pub feed: Feed,
    /// Whether the server can be used.
    pub readiness: Readiness,
    /// When the server started.
    pub started: Timestamp,
}

/// A service within the limits of messages.
macro_rules! limited {
    ($server:expr, $limits:expr) => {
        $server
            .max_decoding_message_size($limits.message_in_bytes_max)
            .max_encoding_message_size($limits.message_out_bytes_max)
    };
}

/// Serves every service until `shutdown`, and at most [`Limits::stop_grace`] longer. New calls on
/// open connections are refused once `shutdown` has come, open ones go on until the grace is over.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let reporter = HealthReporter::new();
    let readiness = services.readiness.clone();
    health::tell(&reporter, &readiness.now()).await;
    let routes = with_standards(routes(services, limits), &reporter);
    let served = serve_routes(listener, routes, limits, shutdown);
    tokio::select! {
        () = served => {}
        () = health::follow(reporter, readiness) => {}
    }
}

/// Tells every caller to wait, until `shutdown`.
pub async fn serve_recovering(
    listener: TcpListener,
    readiness: Readiness,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let reporter = HealthReporter::new();
    health::tell(&reporter, &readiness.now()).await;
    let wait = || async {
        let status = tonic::Status::from(errors::Failure::from(TurnedAway::Recovering));
        status.into_http::<tonic::body::Body>()
    };
    let routes = with_standards(axum::Router::new().fallback(wait).into(), &reporter);
    let limits = Limits { stop_grace: RECOVERING_GRACE, ..limits };
    serve_routes(listener, routes, limits, shutdown).await
}

fn routes(services: Services, limits: Limits) -> Routes {
    use v1::admin_service_server::AdminServiceServer;
    use v1::calendar_service_server::CalendarServiceServer;
    use v1::command_service_server::CommandServiceServer;
    use v1::event_service_server::EventServiceServer;
    use v1::reservation_service_server::ReservationServiceServer;
    use v1::sales_order_service_server::SalesOrderServiceServer;
    use v1::stock_service_server::StockServiceServer;
    let Services { gateway, watch, feed, started, .. } = services;
    let stock = stock_service::StockApi::new(gateway.clone());
    let reservations =
        reservation_service::ReservationApi::new(gateway.clone(), limits.message_out_bytes_max);
    let orders = sales_order_service::SalesOrderApi::new(gateway.clone(), watch.clone());
    let calendars =
        calendar_service::CalendarApi::new(gateway.clone(), limits.message_out_bytes_max);
    let commands = command_service::CommandApi::new(gateway.clone(), watch, limits);
    let events = event_service::EventApi::new(gateway.clone(), feed, limits.message_out_bytes_max);
    let admin = admin_service::AdminApi::new(gateway, started);
    Routes::new(limited!(StockServiceServer::new(stock), limits))
        .add_service(limited!(ReservationServiceServer::new(reservations), limits))
        .add_service(limited!(SalesOrderServiceServer::new(orders), limits))
        .add_service(limited!(CalendarServiceServer::new(calendars), limits))
        .add_service(limited!(CommandServiceServer::new(commands), limits))
        .add_service(limited!(EventServiceServer::new(events), limits))
        .add_service(limited!(AdminServiceServer::new(admin), limits))
}

/// The routes, with health and reflection beside them.
fn with_standards(routes: Routes, reporter: &HealthReporter) -> Routes {
    use tonic_health::pb::health_server::HealthServer;
    let health = HealthService::from_health_reporter(reporter.clone());
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("the descriptors were encoded by the build that also made the services");
    routes.add_service(HealthServer::new(health)).add_service(reflection)
}

async fn serve_routes(
    listener: TcpListener,
    routes: Routes,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let service = WithDeadlines::new(routes.prepare());
    within_grace(shutdown, limits.stop_grace, |stopped| async move {
        transport::serve(listener, service, limits, async { drop(stopped.await) }).await;
    })
    .await;
}

#[cfg(test)]
mod tests;
