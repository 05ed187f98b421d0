//! Ctrl-C on long work: the first asks it to come to an end, the second ends it.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::ctrl_c;

use crate::cli::output;

/// Whether the user wants it to end. Clones ask the same question.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from here on. Needs a runtime.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let asked = interrupt.clone();
        tokio::spawn(async move {
            // Where signals can't be listened for, the default stands: the first one kills.
            if ctrl_c().await.is_err() {
                return;
            }
            asked.raise();
            output::note("waiting for what is in flight; again to end at once");
            if ctrl_c().await.is_ok() {
                process::exit(1);
            }
        });
        interrupt
    }

    /// Asks it to come to an end, as Ctrl-C does.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether Ctrl-C came.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
