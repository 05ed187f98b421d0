//! A disk that is nearly full, as clients see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast::client::CallError;
use holdfast::proto::v1;
use tonic::Code;

use crate::requests::*;
use crate::server::{Server, eventually, get};

const BOUND: u64 = 800;

/// A server with a disk of which `free` says what is free.
fn server_with(free: &Arc<AtomicU64>) -> Server {
    let free = free.clone();
    let free_space = Box::new(move || Ok(free.load(Ordering::Relaxed)));
    Server::on_disk(free_space, |config| config.journal.min_free_bytes = BOUND)
}

async fn refused(server: &Server) -> CallError {
    let client = server.client().await;
    eventually("a command that is refused", || async {
        client.receive_stock(receive("A", 1)).await.err()
    })
    .await
}

async fn accepted(server: &Server) {
    let client = server.client().await;
    eventually("a command that is accepted", || async {
        client.receive_stock(receive("A", 1)).await.ok()
    })
    .await;
}

#[test]
fn commands_are_refused_while_the_disk_is_nearly_full_and_queries_are_served() {
    let free = Arc::new(AtomicU64::new(BOUND));
    let server = server_with(&free);
    server.run(accepted(&server));
    free.store(BOUND - 1, Ordering::Relaxed);
    server.run(async {
        let error = refused(&server).await;
        assert_eq!((error.code, error.reason.as_str()), (Code::ResourceExhausted, "STORAGE_LOW"));
        assert!(error.retry_delay.is_some());
        let client = server.client().await;
        client.get_stock_balance(balance_of("A")).await.unwrap();
        client.take_snapshot(v1::TakeSnapshotRequest {}).await.unwrap();
    });
    let (status, why) = get(server.http(), "/health/ready");
    assert_eq!(status, 503);
    assert!(why.starts_with("the disk is nearly full"), "{why}");

    free.store(BOUND * 2, Ordering::Relaxed);
    server.run(accepted(&server));
    assert_eq!(get(server.http(), "/health/ready"), (200, "ready\n".to_owned()));
}

#[test]
fn a_server_that_starts_on_a_full_disk_lets_no_command_in() {
    let free = Arc::new(AtomicU64::new(0));
    let server = server_with(&free);
    server.run(async {
        let client = server.client().await;
        let error = client.receive_stock(receive("A", 1)).await.unwrap_err();
        assert_eq!(error.reason, "STORAGE_LOW");
    });
}
