//! A real server inside the process of unit tests, on a folder and on ports of its own.

use std::net::SocketAddr;
use std::sync::OnceLock;

use metrics_exporter_prometheus::PrometheusHandle;
use tempfile::TempDir;

use crate::config::Config;
use crate::server::{self, Running};
use crate::telemetry;

/// There can only be one recorder of metrics.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| telemetry::install().unwrap()).clone()
}

/// A server whose settings were changed by `set`, and the folder that it needs.
pub fn start(set: impl FnOnce(&mut Config)) -> (Running, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data_dir = folder.path().join("data");
    config.server.grpc_addr = SocketAddr::from(([127, 0, 0, 1], 0));
    config.server.http_addr = SocketAddr::from(([127, 0, 0, 1], 0));
    config.server.shards = 2;
    set(&mut config);
    (server::start(&config, metrics()).unwrap(), folder)
}
