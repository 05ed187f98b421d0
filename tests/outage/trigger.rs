//! When the end comes: at a random moment, or at the very moment of an acknowledgement.
//!
//! The second is the harder trial. What a server promises before it has written it is lost only
//! where it dies in the few hundred microseconds between, and an end at random seldom hits those.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::disk::Power;
use crate::process::Process;

/// Ends a server once.
pub struct Trigger {
    is_armed: AtomicBool,
    server: Mutex<Process>,
    /// The switch of the disk that it is on, where the power ends with it.
    power: Option<Power>,
}

impl Trigger {
    pub fn new(server: Process, power: Option<Power>) -> Self {
        Self { is_armed: AtomicBool::new(false), server: Mutex::new(server), power }
    }

    /// From here on the next acknowledgement is the last.
    pub fn arm(&self) {
        self.is_armed.store(true, Ordering::SeqCst);
    }

    /// An acknowledgement has come.
    pub fn acknowledged(&self) {
        if self.is_armed.load(Ordering::Relaxed) && self.is_armed.swap(false, Ordering::SeqCst) {
            self.end();
        }
    }

    /// Takes the power away, if that is how it ends, and kills the server, dead or alive.
    pub fn end(&self) {
        if let Some(power) = &self.power {
            power.cut();
        }
        self.server.lock().unwrap().kill();
    }

    /// Whoever waited for an acknowledgement has got one, and the server is gone.
    pub fn check_gone(&self) {
        self.end();
        assert!(!self.is_armed.load(Ordering::SeqCst), "the server did not answer anybody");
    }

    /// The server, when nobody triggers its end any more.
    pub fn into_server(self) -> Process {
        self.server.into_inner().unwrap()
    }

    /// It must have been alive until somebody ended it.
    pub fn check_alive(&self) {
        let mut server = self.server.lock().unwrap();
        let early = server.ended_within(Duration::ZERO);
        assert!(early.is_none(), "the server has ended by itself:\n{}", server.errors());
    }
}
