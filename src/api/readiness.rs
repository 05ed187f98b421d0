//! Whether the server can be used, and if not, why not.
//!
//! It is ready when it has recovered, its disk has room for commands, and it isn't stopping. Whoever
//! finds out about one of these says so here; health checks of both listeners ask here.
//!
//! Not here: turning commands away; admission does that. Nor a log that can't be written: that ends
//! the process.

use std::sync::Arc;

use tokio::sync::watch;

/// What readiness is made of. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Readiness {
    conditions: Arc<watch::Sender<Conditions>>,
}

/// What must be so, and what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    is_recovered: bool,
    is_stopping: bool,
    is_storage_low: bool,
}

impl Conditions {
    /// What stands in the way of being ready, in words; empty where nothing does.
    pub fn obstacles(&self) -> Vec<&'static str> {
        let mut obstacles = Vec::new();
        if !self.is_recovered {
            obstacles.push("recovering: the log is being replayed");
        }
        if self.is_storage_low {
            obstacles.push("the disk is nearly full: commands are refused, queries are served");
        }
        if self.is_stopping {
            obstacles.push("stopping");
        }
        obstacles
    }

    /// Whether nothing stands in the way.
    pub fn is_ready(&self) -> bool {
        self.obstacles().is_empty()
    }
}

impl Default for Readiness {
    fn default() -> Self {
        let start = Conditions { is_recovered: false, is_stopping: false, is_storage_low: false };
        Self { conditions: Arc::new(watch::Sender::new(start)) }
    }
}

impl Readiness {
    /// The state is what the log says.
    pub fn recovered(&self) {
        self.conditions.send_modify(|now| now.is_recovered = true);
    }

    /// The disk has no room for commands.
    pub fn storage_low(&self) {
        self.conditions.send_modify(|now| now.is_storage_low = true);
    }

    /// The disk has room for commands again.
    pub fn storage_ample(&self) {
        self.conditions.send_modify(|now| now.is_storage_low = false);
    }

    /// The server is on its way out; there is no way back.
    pub fn stopping(&self) {
        self.conditions.send_modify(|now| now.is_stopping = true);
    }

    /// How it is now.
    pub fn now(&self) -> Conditions {
        *self.conditions.borrow()
    }

    /// Tells of every change.
    pub fn subscribe(&self) -> watch::Receiver<Conditions> {
        self.conditions.subscribe()
    }
}
