//! The real binary while it recovers, for as long as a test wants: the snapshot that it reads is a
//! pipe, whose other end the test holds.
#![allow(clippy::unwrap_used)]

#[path = "support/process.rs"]
mod process;
#[path = "support/requests.rs"]
mod requests;
#[path = "support/server.rs"]
mod server;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use holdfast::proto::v1;
use process::{Addresses, Process, serve};
use requests::*;
use rustix::fs::OFlags;
use server::{connect, eventually, get};
use tempfile::TempDir;
use tonic::Code;

/// A data folder whose snapshot is a pipe.
struct Slow {
    folder: TempDir,
    snapshot: PathBuf,
    content: Vec<u8>,
    digest: Option<v1::StateDigest>,
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(test)
}

async fn digest(addresses: Addresses) -> Option<v1::StateDigest> {
    let request = v1::GetStatisticsRequest { include_digest: true };
    let client = connect(addresses.grpc, "default").await;
    client.get_statistics(request).await.unwrap().digest
}

impl Slow {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut slow = Self { folder, snapshot: PathBuf::new(), content: Vec::new(), digest: None };
        let mut first = slow.serve();
        let addresses = first.ready();
        slow.digest = run(async {
            let client = connect(addresses.grpc, "default").await;
            client.receive_stock(receive("A", 5)).await.unwrap();
            client.create_reservation(hold(&[("A", 2)])).await.unwrap();
            digest(addresses).await
        });
        first.terminate();
        assert_eq!(first.ended().code(), Some(0));
        let snapshots = fs::read_dir(slow.data().join("snapshots")).unwrap();
        slow.snapshot = snapshots.map(|entry| entry.unwrap().path()).max().unwrap();
        slow.content = fs::read(&slow.snapshot).unwrap();
        fs::remove_file(&slow.snapshot).unwrap();
        assert!(Command::new("mkfifo").arg(&slow.snapshot).status().unwrap().success());
        slow
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn errors(&self) -> PathBuf {
        self.folder.path().join("errors")
    }

    fn serve(&self) -> Process {
        Process::spawn(serve(&self.data(), &[]), &self.errors())
    }

    /// The pipe's end, as soon as the server reads the other.
    fn pipe(&self) -> File {
        let nonblock = OFlags::NONBLOCK.bits().cast_signed();
        run(eventually("a server that reads its snapshot", || async {
            File::options().write(true).custom_flags(nonblock).open(&self.snapshot).ok()
        }))
    }
}

/// Where a server listens that isn't ready, as its log says.
fn early(errors: &Path) -> Addresses {
    let said = fs::read_to_string(errors).unwrap();
    let line = said.lines().find(|line| line.contains("told to wait")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
    Addresses { grpc: address("grpc"), http: address("http") }
}

#[test]
fn whoever_calls_while_the_log_is_replayed_is_told_to_wait_and_is_served_afterwards() {
    let slow = Slow::make();
    let mut server = slow.serve();
    let mut pipe = slow.pipe();
    let addresses = early(&slow.errors());
    assert_eq!(get(addresses.http, "/health/live").0, 200);
    let (status, body) = get(addresses.http, "/health/ready");
    assert!(status == 503 && body.starts_with("recovering"), "{status} {body}");
    let receipt = receive("A", 1);
    run(async {
        let client = connect(addresses.grpc, "default").await;
        let refused = [
            client.receive_stock(receipt.clone()).await.unwrap_err(),
            client.get_stock_balance(balance_of("A")).await.unwrap_err(),
        ];
        for error in refused {
            assert_eq!((error.code, error.reason.as_str()), (Code::Unavailable, "RECOVERING"));
            assert!(error.retry_delay.is_some());
        }
    });
    pipe.write_all(&slow.content).unwrap();
    drop(pipe);
    let addresses = server.ready();
    run(async {
        assert_eq!(digest(addresses).await, slow.digest);
        let client = connect(addresses.grpc, "default").await;
        assert_eq!(client.receive_stock(receipt).await.unwrap().version, 3);
    });
}

#[test]
fn a_server_that_is_stopped_while_it_recovers_ends_at_once_and_the_next_start_is_sound() {
    let slow = Slow::make();
    let mut server = slow.serve();
    let pipe = slow.pipe();
    server.terminate();
    let status = server.ended_within(Duration::from_secs(5)).expect("it ends at once");
    assert_eq!(status.code(), Some(0), "{}", server.errors());
    assert!(server.errors().contains("stopped before it was ready"), "{}", server.errors());
    drop(pipe);

    fs::remove_file(&slow.snapshot).unwrap();
    fs::write(&slow.snapshot, &slow.content).unwrap();
    let mut again = slow.serve();
    let addresses = again.ready();
    assert_eq!(run(digest(addresses)), slow.digest);
}
