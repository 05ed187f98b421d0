//! HTTP/2 connections, each served by one task together with all its calls.
//!
//! ```text
//!            ┌──────────────────────── one task ────────────────────────┐
//!   socket ◀─┼─▶ connection ──call──▶ service ──▶ calls under way ──┐   │
//!            │       ▲                                              │   │
//!            │       └─────────────── answers ──────────────────────┘   │
//!            └──────────────────────────────────────────────────────────┘
//! ```
//!
//! Where each call has a task of its own, each answer wakes that task, which wakes the connection's,
//! which writes that one answer. Here a group commit wakes each connection once, and its answers leave
//! together.
//!
//! Each connection takes a descriptor, and so do the log, the snapshots and the archive, which end the
//! process where they get none. So there is a most of connections, and whoever comes beyond is hung up
//! on; so is whoever doesn't say in time that HTTP/2 will be spoken.
//!
//! Not here: which services there are, and what they do.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::server::TcpIncoming;

use super::Limits;
use crate::api::opening::opening;

/// How long nobody is let in after somebody could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The first bytes that an HTTP/2 client sends (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;

/// How long a client may take for them.
const PREFACE_TIME: Duration = Duration::from_secs(10);

/// Serves connections until `shutdown`, then until each has finished the calls that it has.
pub(super) async fn serve<S>(
    listener: TcpListener,
    service: S,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<http::Request<Incoming>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let mut incoming =
        TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(limits.keepalive));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    // So that a siege is one line in the log, not one for each that comes.
    let mut is_full = false;
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(socket) = incoming.next() => match socket {
                Ok(_) if connections.len() >= limits.connections_max => {
                    if !is_full {
                        tracing::warn!(connections = connections.len(), "nobody more is let in");
                    }
                    is_full = true;
                }
                Ok(socket) => {
                    connections.spawn(connection(socket, service.clone(), limits, stopping.clone()));
                }
                // Where the process has no descriptor left, the next try fails at once too.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => is_full = false,
        }
    }
    drop(incoming);
    stop.send_replace(true);
    while connections.join_next().await.is_some() {}
}

async fn connection<S>(
    socket: TcpStream,
    service: S,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) where
    S: Service<http::Request<Incoming>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    if !has_preface(&socket, &mut stopping).await {
        return;
    }
    let begun = Begun::default();
    let mut connection = pin!(
        http2::Builder::new(begun.clone())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_per_connection_max)
            .max_header_list_size(limits.header_list_bytes_max)
            .keep_alive_interval(limits.keepalive)
            .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service))
    );
    let mut calls = Calls { begun, under_way: FuturesUnordered::new() };
    let mut stopping = pin!(stopping.wait_for(|stopping| *stopping));
    let mut is_stopping = false;
    // A client that breaks off or breaks the protocol ends its connection, and nothing else.
    let _ = poll_fn(|context| {
        if !is_stopping && stopping.as_mut().poll(context).is_ready() {
            is_stopping = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            // Answers first: then the connection writes all that are there at once.
            calls.poll(context);
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(ended);
            }
            if !calls.take_up() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

/// Whether the client has sent as many bytes as the preface has. What they are is read later.
async fn has_preface(socket: &TcpStream, stopping: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        preface = opening::<PREFACE_BYTES>(socket, PREFACE_TIME) => preface.is_some(),
        _ = stopping.wait_for(|stopping| *stopping) => false,
    }
}

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the connection puts the calls that begin.
#[derive(Clone, Default)]
struct Begun(Arc<Mutex<Vec<Call>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, call: F) {
        self.0.lock().expect("no holder of this lock can panic").push(Box::pin(call));
    }
}

/// The calls of one connection.
struct Calls {
    begun: Begun,
    under_way: FuturesUnordered<Call>,
}

impl Calls {
    /// Lets every call go on that can.
    fn poll(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some(())) = self.under_way.poll_next_unpin(context) {}
    }

    /// Takes up the calls that have begun; false where none has.
    fn take_up(&mut self) -> bool {
        let mut begun = self.begun.0.lock().expect("no holder of this lock can panic");
        let has_begun = !begun.is_empty();
        self.under_way.extend(begun.drain(..));
        has_begun
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Both ends of a connection, and a server that isn't told to stop as long as its sender is kept.
    async fn connected() -> (TcpStream, TcpStream, watch::Sender<bool>, watch::Receiver<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (stop, stopping) = watch::channel(false);
        (client, server, stop, stopping)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_says_what_it_speaks_is_hung_up_on() {
        let (mut client, server, _stop, mut stopping) = connected().await;
        client.write_all(b"PRI *").await.unwrap();
        assert!(!has_preface(&server, &mut stopping).await);
    }

    #[tokio::test]
    async fn a_client_that_says_what_it_speaks_is_heard_from_its_first_byte_on() {
        let (mut client, server, _stop, mut stopping) = connected().await;
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        assert!(has_preface(&server, &mut stopping).await);
        let mut first = [0; 3];
        assert_eq!((server.peek(&mut first).await.unwrap(), &first), (3, b"PRI"));
    }
}
