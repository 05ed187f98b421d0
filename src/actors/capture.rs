//! How records get out of a shard that goes on working.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// How many records may wait to be written before shards pause their walk.
const WAITING_MAX: usize = 10_000;

/// A record on its way out: the bytes of key and record, made where there is time for it.
pub type Captured = Box<dyn FnOnce() -> (Vec<u8>, Vec<u8>) + Send>;

/// Where records go. The walk is over when every copy of this has been dropped.
#[derive(Clone)]
pub struct Capture {
    records: mpsc::UnboundedSender<Captured>,
    waiting: Arc<AtomicUsize>,
}

/// Where records come out.
pub struct Records {
    records: mpsc::UnboundedReceiver<Captured>,
    waiting: Arc<AtomicUsize>,
}

/// Both ends.
pub fn channel() -> (Capture, Records) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let capture = Capture { records: sender, waiting: waiting.clone() };
    (capture, Records { records: receiver, waiting })
}

impl Capture {
    /// Hands a record over. One that nobody waits for any more is dropped.
    pub fn put(&self, record: Captured) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.records.send(record);
    }

    /// Whether a walk should wait for the other end.
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= WAITING_MAX && !self.records.is_closed()
    }

    /// Whether nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        self.records.is_closed()
    }
}

impl Records {
    /// The next record, or nothing when all have come.
    pub async fn next(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let record = self.records.recv().await?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(record())
    }
}
