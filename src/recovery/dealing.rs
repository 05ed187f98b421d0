//! Work on a world's parts, each on a thread of its own.
//!
//! ```text
//!   read, find the part ──batches──▶ part 1: decode, follow
//!          │
//!          └─────────────batches──▶ part 2: decode, follow
//! ```
//!
//! What one entity is given keeps its order; entities of different parts don't wait for each other.
//! Whoever reads knows little more of an item than whose it is, so that the work is where there
//! are threads for it.

use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::load::RecoveryError;
use super::part::Part;
use super::spread::Spread;
use super::world::World;
use crate::domain::ids::EntityKey;

/// How much is handed over at once.
const BATCH_BYTES: usize = 256 * 1024;

/// How many batches may wait for each part.
const BATCHES_AHEAD_MAX: usize = 8;

/// Items with their bytes, in a row.
struct Batch<T> {
    /// Each with where its bytes end.
    items: Vec<(T, usize)>,
    bytes: Vec<u8>,
}

impl<T> Batch<T> {
    fn new() -> Self {
        Self { items: Vec::new(), bytes: Vec::with_capacity(BATCH_BYTES) }
    }
}

/// Gives each item to its entity's part.
pub(super) struct Dealer<T> {
    spread: Spread,
    gathered: Vec<Batch<T>>,
    to: Vec<SyncSender<Batch<T>>>,
}

impl<T> Dealer<T> {
    /// Gives an item with its bytes to an entity; breaks where a part has failed.
    pub(super) fn deal(&mut self, whose: &EntityKey, item: T, bytes: &[u8]) -> ControlFlow<()> {
        let part = self.spread.index(whose);
        let batch = &mut self.gathered[part];
        batch.bytes.extend_from_slice(bytes);
        batch.items.push((item, batch.bytes.len()));
        if batch.bytes.len() < BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        let full = std::mem::replace(batch, Batch::new());
        self.to[part].send(full).map_or(ControlFlow::Break(()), ControlFlow::Continue)
    }

    fn finish(self) {
        for (to, batch) in self.to.into_iter().zip(self.gathered) {
            // A part that doesn't take it has failed, and says why.
            let _ = to.send(batch);
        }
    }
}

/// Lets `read` deal, and each part take what it is dealt; also returns what each part noted.
pub(super) fn deal_to_parts<T: Send, Note: Default + Send, R>(
    world: &mut World,
    read: impl FnOnce(&mut Dealer<T>) -> Result<R, RecoveryError>,
    take: impl Fn(&mut Part, &mut Note, T, &[u8]) -> Result<(), RecoveryError> + Sync,
) -> Result<(R, Vec<Note>), RecoveryError> {
    let spread = world.spread().clone();
    let gathered = (0..spread.parts()).map(|_| Batch::new()).collect();
    thread::scope(|scope| {
        let mut dealer = Dealer { spread, gathered, to: Vec::new() };
        let mut parts = Vec::new();
        for part in world.parts_mut() {
            let (to, batches) = mpsc::sync_channel(BATCHES_AHEAD_MAX);
            dealer.to.push(to);
            let take = &take;
            parts.push(scope.spawn(move || take_all(part, batches, take)));
        }
        let read = read(&mut dealer);
        dealer.finish();
        let notes = parts.into_iter().map(|part| part.join().expect(super::NO_PANIC));
        // Where a part has failed, reading was broken off.
        let notes = notes.collect::<Result<_, _>>()?;
        Ok((read?, notes))
    })
}

fn take_all<T, Note: Default>(
    part: &mut Part,
    batches: Receiver<Batch<T>>,
    take: impl Fn(&mut Part, &mut Note, T, &[u8]) -> Result<(), RecoveryError>,
) -> Result<Note, RecoveryError> {
    let mut note = Note::default();
    for Batch { items, bytes } in batches {
        let mut begin = 0;
        for (item, end) in items {
            take(part, &mut note, item, &bytes[begin..end])?;
            begin = end;
        }
    }
    Ok(note)
}
