//! Whether the server can be used, and if not, why not.
//!
//! It is ready when it has recovered, its log can be written, and it isn't stopping. Whoever finds
//! out about one of these says so here; health checks of both listeners ask here.
//!
//! Not here: turning commands away; admission does that.

use std::sync::Arc;

use tokio::sync::watch;

/// What readiness is made of. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Readiness {
    conditions: Arc<watch::Sender<Conditions>>,
}

/// What must be so, and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    is_recovered: bool,
    is_stopping: bool,
    log_trouble: Option<String>,
}

impl Conditions {
    /// What stands in the way of being ready, in words; empty where nothing does.
    pub fn obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        if !self.is_recovered {
            obstacles.push("recovering: the log is being replayed".to_owned());
        }
        if let Some(trouble) = &self.log_trouble {
            obstacles.push(format!("the log can't be written: {trouble}"));
        }
        if self.is_stopping {
            obstacles.push("stopping".to_owned());
        }
        obstacles
    }

    /// Whether nothing stands in the way.
    pub fn is_ready(&self) -> bool {
        *self == Self { is_recovered: true, is_stopping: false, log_trouble: None }
    }
}

impl Default for Readiness {
    fn default() -> Self {
        let start = Conditions { is_recovered: false, is_stopping: false, log_trouble: None };
        Self { conditions: Arc::new(watch::Sender::new(start)) }
    }
}

impl Readiness {
    /// The state is what the log says.
    pub fn recovered(&self) {
        self.conditions.send_modify(|now| now.is_recovered = true);
    }

    /// The log can't be written, for this reason.
    pub fn log_failed(&self, trouble: String) {
        self.conditions.send_modify(|now| now.log_trouble = Some(trouble));
    }

    /// The log can be written again.
    pub fn log_works(&self) {
        self.conditions.send_modify(|now| now.log_trouble = None);
    }

    /// The server is on its way out; there is no way back.
    pub fn stopping(&self) {
        self.conditions.send_modify(|now| now.is_stopping = true);
    }

    /// How it is now.
    pub fn now(&self) -> Conditions {
        self.conditions.borrow().clone()
    }

    /// Tells of every change.
    pub fn subscribe(&self) -> watch::Receiver<Conditions> {
        self.conditions.subscribe()
    }
}
