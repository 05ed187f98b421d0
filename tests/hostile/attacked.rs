//! A server under attack, and the client that is not to notice.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use holdfast::client::Client;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::process::{Process, serve};
use crate::requests::receive;
use crate::server::connect;

/// An answer that takes longer than this counts as none.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How much an attack may add to the server's memory.
const GROWTH_MAX_BYTES: u64 = 512 << 20;
const COMMANDS: u64 = 50;

/// A server, and one client that was there before the attack.
pub struct Attacked {
    server: Process,
    pub grpc: SocketAddr,
    pub client: Client,
    bytes_before: u64,
    sent: u64,
    _scratch: TempDir,
}

/// Starts a server and runs an attack on it; after it, and during it wherever it says so, the server
/// serves as before.
pub fn attack(attack: impl AsyncFnOnce(&mut Attacked)) {
    attack_with(&|command| command, attack);
}

/// The same on a server whose command is changed.
pub fn attack_with(change: &dyn Fn(Command) -> Command, attack: impl AsyncFnOnce(&mut Attacked)) {
    let scratch = tempfile::tempdir().unwrap();
    let settings = [("JOURNAL__MIN_FREE_BYTES", "0"), ("LIMITS__CONNECTIONS_MAX", "330")];
    let command = change(serve(&scratch.path().join("data"), &settings));
    let mut server = Process::spawn(command, &scratch.path().join("errors"));
    let grpc = server.ready().grpc;
    Runtime::new().unwrap().block_on(async {
        let client = connect(grpc, "default").await;
        let bytes_before = memory_bytes(&server);
        let mut attacked =
            Attacked { server, grpc, client, bytes_before, sent: 0, _scratch: scratch };
        attacked.serves().await;
        attack(&mut attacked).await;
        attacked.serves().await;
        attacked.lets_others_in().await;
    });
}

fn memory_bytes(server: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

impl Attacked {
    /// The client that behaves gets its answers, each once, and memory is within its bound.
    pub async fn serves(&mut self) {
        for _ in 0..COMMANDS {
            let answer = timeout(PATIENCE, self.client.receive_stock(receive("good", 1))).await;
            let answer = answer.expect("no answer in time").unwrap();
            self.sent += 1;
            assert_eq!(answer.version, self.sent);
        }
        let grown = memory_bytes(&self.server).saturating_sub(self.bytes_before);
        assert!(grown < GROWTH_MAX_BYTES, "{grown} bytes more than before");
    }

    /// Somebody who comes now is served.
    pub async fn lets_others_in(&self) {
        let client = timeout(PATIENCE, connect(self.grpc, "other")).await;
        let client = client.expect("no connection in time");
        let answer = timeout(PATIENCE, client.receive_stock(receive("good", 1))).await;
        answer.expect("no answer in time").unwrap();
    }

    /// A connection that has said this much.
    pub async fn said(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.grpc).await.unwrap();
        // A server that has heard enough may hang up meanwhile.
        let _ = stream.write_all(bytes).await;
        stream
    }

    /// Everything that the server still says, until it hangs up.
    pub async fn hears_the_end_of(&self, mut stream: TcpStream) -> Vec<u8> {
        let mut heard = Vec::new();
        let end = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        // A reset is an end too.
        let _ = end.expect("the server doesn't hang up");
        heard
    }
}
