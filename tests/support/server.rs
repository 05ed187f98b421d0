//! A real server for tests: inside this process, on a folder and on ports of its own.
#![allow(dead_code, clippy::unwrap_used)]

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use holdfast::client::{CallError, Client, Options, RetryPolicy};
use holdfast::config::Config;
use holdfast::domain::name::TenantId;
use holdfast::server::{FreeSpace, Running, Starting};
use holdfast::telemetry;
use metrics_exporter_prometheus::PrometheusHandle;
use tempfile::TempDir;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A server inside this process.
pub struct Server {
    running: Option<Running>,
    folder: TempDir,
}

/// Every test of a process shares its recorder of metrics: there can only be one.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| telemetry::install().unwrap()).clone()
}

impl Server {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// A server whose settings were changed by `set`.
    pub fn with(set: impl FnOnce(&mut Config)) -> Self {
        // How much this machine has free is nothing that a test should depend on.
        Self::on_disk(Box::new(|| Ok(u64::MAX)), set)
    }

    /// A server whose disk says that so much is free.
    pub fn on_disk(free_space: FreeSpace, set: impl FnOnce(&mut Config)) -> Self {
        Self::on_folder(tempfile::tempdir().unwrap(), free_space, set)
    }

    /// A server on what is in a folder, in `data`.
    pub fn on_folder(
        folder: TempDir,
        free_space: FreeSpace,
        set: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::default();
        config.server.data_dir = folder.path().join("data");
        config.server.grpc_addr = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.http_addr = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.shards = 3;
        set(&mut config);
        let starting = Starting::listen(&config, metrics()).unwrap();
        let running = starting.with_free_space(free_space).recover(std::future::pending()).unwrap();
        Self { running: Some(running), folder }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn run<T>(&self, test: impl Future<Output = T>) -> T {
        self.running().block_on(test)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn grpc(&self) -> SocketAddr {
        self.running().addresses().grpc
    }

    pub fn http(&self) -> SocketAddr {
        self.running().addresses().http
    }

    /// Stops, and returns when everything is on disk.
    pub fn stop(mut self) {
        self.running.take().unwrap().stop();
    }

    pub async fn client(&self) -> Client {
        connect(self.grpc(), "default").await
    }

    pub async fn client_of(&self, tenant: &str) -> Client {
        connect(self.grpc(), tenant).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// A client that takes the first answer for an answer.
pub async fn connect(address: SocketAddr, tenant: &str) -> Client {
    let options = Options {
        tenant: TenantId::new(tenant).unwrap(),
        retry: RetryPolicy::once(),
        user_agent: "test/1".to_owned(),
        ..Options::new(address.to_string())
    };
    Client::connect(&options).await.unwrap()
}

/// Looks until there is something to see.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < give_up, "waited in vain for {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The reason of a refusal, which must be one.
pub fn reason<T: std::fmt::Debug>(result: Result<T, CallError>) -> String {
    result.unwrap_err().reason
}

/// The status and the body of what is behind a path.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
