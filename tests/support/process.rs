//! A real server as a process of its own: what signals, limits and exit codes need.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The binary under test.
pub const HOLDFAST: &str = env!("CARGO_BIN_EXE_holdfast");
pub const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A server process. It is killed where a test ends without ending it.
pub struct Process {
    child: Child,
    ready: mpsc::Receiver<String>,
    errors: PathBuf,
}

/// Where a process listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
}

/// `holdfast serve` on a folder and on free ports. Settings are variables, as `JOURNAL__…`.
pub fn serve(data_dir: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(HOLDFAST);
    command.arg("serve").args(serve_args(data_dir));
    set(&mut command, settings);
    command
}

/// The arguments after `serve`.
pub fn serve_args(data_dir: &Path) -> Vec<String> {
    let local = "127.0.0.1:0".to_owned();
    let data_dir = data_dir.display().to_string();
    let flags = ["--data-dir", "--grpc-addr", "--http-addr"].map(str::to_owned);
    flags.into_iter().zip([data_dir, local.clone(), local]).flat_map(|(f, v)| [f, v]).collect()
}

/// Settings as the environment says them, and no other.
pub fn set(command: &mut Command, settings: &[(&str, &str)]) {
    let inherited = std::env::vars_os().map(|(key, _)| key);
    for key in inherited.filter(|key| key.to_string_lossy().starts_with("HOLDFAST_")) {
        command.env_remove(key);
    }
    for (key, value) in settings {
        command.env(format!("HOLDFAST_{key}"), value);
    }
}

impl Process {
    /// Runs a command; what it says on stderr goes to a file.
    pub fn spawn(mut command: Command, errors: &Path) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(File::create(errors).unwrap());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (lines, ready) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, ready, errors: errors.to_owned() }
    }

    /// Waits for the line that says where it listens.
    pub fn ready(&mut self) -> Addresses {
        match self.ready_within(PATIENCE) {
            Some(addresses) => addresses,
            None => panic!("the server did not get ready:\n{}", self.errors()),
        }
    }

    /// The same, or nothing where it takes longer or the process ends before.
    pub fn ready_within(&mut self, patience: Duration) -> Option<Addresses> {
        let line = self.ready.recv_timeout(patience).ok()?;
        let rest = line.strip_prefix("ready grpc=").unwrap();
        let (grpc, http) = rest.split_once(" http=").unwrap();
        Some(Addresses { grpc: grpc.parse().unwrap(), http: http.parse().unwrap() })
    }

    /// Everything that it has said on stderr.
    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// SIGKILL, and gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        match self.ended_within(PATIENCE) {
            Some(status) => status,
            None => panic!("the server did not end:\n{}", self.errors()),
        }
    }

    pub fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let give_up = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() >= give_up {
                return None;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
