//! `grpc.health.v1`: the same readiness as over HTTP, for each service and for the whole server.
//!
//! Not here: what readiness is made of.

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::api::readiness::{Conditions, Readiness};
use crate::proto::v1;

/// The whole server, and every service.
const NAMES: [&str; 8] = [
    "",
    v1::stock_service_server::SERVICE_NAME,
    v1::calendar_service_server::SERVICE_NAME,
    v1::reservation_service_server::SERVICE_NAME,
    v1::sales_order_service_server::SERVICE_NAME,
    v1::event_service_server::SERVICE_NAME,
    v1::admin_service_server::SERVICE_NAME,
    v1::command_service_server::SERVICE_NAME,
];

/// Tells the reporter how the server is now.
pub(super) async fn tell(reporter: &HealthReporter, conditions: &Conditions) {
    let status =
        if conditions.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in NAMES {
        reporter.set_service_status(name, status).await;
    }
}

/// Tells the reporter of every change; never ends.
pub(super) async fn follow(reporter: HealthReporter, readiness: Readiness) {
    let mut conditions: watch::Receiver<Conditions> = readiness.subscribe();
    loop {
        let now = *conditions.borrow_and_update();
        tell(&reporter, &now).await;
        // The sender is held here, so waiting never fails.
        if conditions.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
