//! How records get out of a shard that goes on working.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// How many records may wait to be written before shards pause their walk.
const WAITING_MAX: usize = 10_000;

/// A record on its way out: the bytes of key and record, made where there is time for it.
pub type Captured = Box<dyn FnOnce() -> (Vec<u8>, Vec<u8>) + Send>;

/// The bytes of keys and records, in a row: each for itself would cost the shard three times as much.
#[derive(Debug, Default)]
pub struct Bundle {
    bytes: Vec<u8>,
    /// Where each key ends, and its record after it.
    ends: Vec<(usize, usize)>,
}

impl Bundle {
    /// Puts a record in, behind its key, which `write_key` appends.
    pub fn push(&mut self, write_key: impl FnOnce(&mut Vec<u8>), record: &[u8]) {
        write_key(&mut self.bytes);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(record);
        self.ends.push((key_end, self.bytes.len()));
    }

    /// Each key with its record.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut begin = 0;
        self.ends.iter().map(move |&(key_end, end)| {
            let entry = (&self.bytes[begin..key_end], &self.bytes[key_end..end]);
            begin = end;
            entry
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

enum Piece {
    Bundle(Bundle),
    Captured(Captured),
}

/// Where records go. The walk is over when every copy of this has been dropped.
#[derive(Clone)]
pub struct Capture {
    pieces: mpsc::UnboundedSender<Piece>,
    waiting: Arc<AtomicUsize>,
}

/// Where records come out.
pub struct Records {
    pieces: mpsc::UnboundedReceiver<Piece>,
    waiting: Arc<AtomicUsize>,
}

/// Both ends.
pub fn channel() -> (Capture, Records) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let capture = Capture { pieces: sender, waiting: waiting.clone() };
    (capture, Records { pieces: receiver, waiting })
}

impl Capture {
    /// Hands a record over. One that nobody waits for any more is dropped.
    pub fn put(&self, record: Captured) {
        self.send(1, Piece::Captured(record));
    }

    /// Hands records over.
    pub fn put_all(&self, records: Bundle) {
        if !records.is_empty() {
            self.send(records.len(), Piece::Bundle(records));
        }
    }

    fn send(&self, records: usize, piece: Piece) {
        self.waiting.fetch_add(records, Ordering::Relaxed);
        let _ = self.pieces.send(piece);
    }

    /// Whether a walk should wait for the other end.
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= WAITING_MAX && !self.pieces.is_closed()
    }

    /// Whether nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        self.pieces.is_closed()
    }
}

impl Records {
    /// The next records, or nothing when all have come.
    pub async fn next(&mut self) -> Option<Bundle> {
        let bundle = match self.pieces.recv().await? {
            Piece::Bundle(bundle) => bundle,
            Piece::Captured(captured) => {
                let (key, record) = captured();
                let mut bundle = Bundle::default();
                bundle.push(|bytes| *bytes = key, &record);
                bundle
            }
        };
        self.waiting.fetch_sub(bundle.len(), Ordering::Relaxed);
        Some(bundle)
    }
}
