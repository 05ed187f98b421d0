//! What listens, from before recovery to after the last answer.
//!
//! The addresses are bound first, so that a wrong one is found before anything on disk is
//! touched, and so that whoever comes early is told to wait rather than refused.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::StreamExt;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Addresses, Begun, ServerError};
use crate::api::admission::{self, Admission};
use crate::api::grpc::{self, Gateway, Services, StreamWatch, Ticks};
use crate::api::http;
use crate::api::readiness::Readiness;
use crate::config::Config;
use crate::domain::ids::EntityKey;
use crate::fatal;
use crate::feed::{Feed, StreamWatcher};

/// How much admission lets in.
pub fn admission_limits(config: &Config) -> admission::Limits {
    let in_flight_max = u32::try_from(config.limits.commands_in_flight_max).unwrap_or(u32::MAX);
    admission::Limits { in_flight_max, ..Default::default() }
}

/// What the HTTP listener tells about.
pub fn sources(
    metrics: PrometheusHandle,
    readiness: &Readiness,
    admission: &Admission,
) -> http::Sources {
    http::Sources { metrics, readiness: readiness.clone(), admission: admission.clone() }
}

/// Both addresses, bound.
pub struct Bound {
    grpc: std::net::TcpListener,
    http: std::net::TcpListener,
}

/// Listeners that tell everyone to wait.
pub struct Early {
    grpc: std::net::TcpListener,
    http: JoinHandle<()>,
    recovering: JoinHandle<()>,
    recovered: watch::Sender<bool>,
    stop: watch::Sender<bool>,
}

/// Listeners at work.
pub struct Listeners {
    grpc: JoinHandle<()>,
    http: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Bound {
    /// Binds both addresses.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub async fn bind(config: &Config) -> Result<Self, ServerError> {
        let grpc = bind("server.grpc_addr", config.server.grpc_addr).await?;
        let http = bind("server.http_addr", config.server.http_addr).await?;
        Ok(Self { grpc, http })
    }

    /// Where they listen.
    ///
    /// # Errors
    /// [`ServerError::Threads`], where the system doesn't say.
    pub fn addresses(&self) -> Result<Addresses, ServerError> {
        let grpc = self.grpc.local_addr().map_err(ServerError::Threads)?;
        let http = self.http.local_addr().map_err(ServerError::Threads)?;
        Ok(Addresses { grpc, http })
    }

    /// Serves health and metrics, and tells gRPC clients to wait.
    ///
    /// # Errors
    /// [`ServerError::Threads`], where the system refuses.
    pub fn serve_while_recovering(
        self,
        runtime: &Runtime,
        config: &Config,
        sources: http::Sources,
    ) -> Result<Early, ServerError> {
        let _inside = runtime.enter();
        let (stop, _) = watch::channel(false);
        let (recovered, _) = watch::channel(false);
        let limits = grpc_limits(config);
        let readiness = sources.readiness.clone();
        let http = http::serve(listener(self.http)?, sources, limits.stop_grace, raised(&stop));
        let copy = self.grpc.try_clone().map_err(ServerError::Threads)?;
        let recovering =
            grpc::serve_recovering(listener(copy)?, readiness, limits, raised(&recovered));
        Ok(Early {
            grpc: self.grpc,
            http: runtime.spawn(http),
            recovering: runtime.spawn(recovering),
            recovered,
            stop,
        })
    }
}

impl Early {
    /// Serves everything.
    ///
    /// # Errors
    /// [`ServerError::Threads`], where the system refuses.
    pub fn serve(
        self,
        runtime: &Runtime,
        config: &Config,
        begun: &Begun,
        gateway: Gateway,
        readiness: &Readiness,
    ) -> Result<Listeners, ServerError> {
        let _inside = runtime.enter();
        self.recovered.send_replace(true);
        if runtime.block_on(self.recovering).is_err() {
            fatal::end(&"the listener of the recovery has panicked");
        }
        let started = begun.engine.now();
        let feed = begun.feed.clone();
        let watch = Arc::new(Watching(feed.clone()));
        let readiness = readiness.clone();
        let services = Services { gateway, watch, feed, readiness, started };
        let serving =
            grpc::serve(listener(self.grpc)?, services, grpc_limits(config), raised(&self.stop));
        Ok(Listeners { grpc: runtime.spawn(serving), http: self.http, stop: self.stop })
    }
}

impl Listeners {
    /// Ends both, in bounded time.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for listener in [self.grpc, self.http] {
            // One that has panicked has said so.
            let _ = listener.await;
        }
    }
}

async fn bind(
    key: &'static str,
    address: SocketAddr,
) -> Result<std::net::TcpListener, ServerError> {
    let refused = |source| ServerError::Listen { key, address, source };
    let bound = TcpListener::bind(address).await.map_err(refused)?;
    bound.into_std().map_err(refused)
}

fn listener(bound: std::net::TcpListener) -> Result<TcpListener, ServerError> {
    TcpListener::from_std(bound).map_err(ServerError::Threads)
}

/// Comes when the flag is raised, or when nobody can raise it any more.
fn raised(flag: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut flag = flag.subscribe();
    async move {
        let _ = flag.wait_for(|raised| *raised).await;
    }
}

fn grpc_limits(config: &Config) -> grpc::Limits {
    let limits = &config.limits;
    grpc::Limits {
        message_in_bytes_max: limits.request_bytes_max,
        message_out_bytes_max: limits.response_bytes_max,
        execute_in_flight_max: limits.execute_in_flight_max,
        connections_max: limits.connections_max,
        streams_per_connection_max: limits.streams_per_connection_max,
        header_list_bytes_max: limits.header_bytes_max,
        keepalive: limits.keepalive_interval.0,
        ..grpc::Limits::default()
    }
}

/// Tells that something happened, by the feed.
struct Watching(Feed);

impl StreamWatch for Watching {
    fn watch(&self, key: EntityKey) -> Ticks {
        ticks(self.0.watch_stream(key))
    }

    fn watch_end(&self, order: EntityKey) -> Ticks {
        ticks(self.0.watch_end(order))
    }
}

fn ticks(watcher: StreamWatcher) -> Ticks {
    futures::stream::unfold(watcher, |mut watcher| async move {
        watcher.changed().await.then_some(((), watcher))
    })
    .boxed()
}
