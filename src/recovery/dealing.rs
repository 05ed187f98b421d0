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
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
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
pub(super) struct Batch<T> {
    /// Each with where its bytes end.
    items: Vec<(T, usize)>,
    bytes: Vec<u8>,
}

impl<T> Batch<T> {
    fn new() -> Self {
        Self { items: Vec::new(), bytes: Vec::with_capacity(BATCH_BYTES) }
    }

    /// The items, to be looked at before they are taken.
    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        self.items.iter().map(|(item, _)| item)
    }

    /// Takes the items out, each with its bytes.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (T, &[u8])> {
        let (bytes, mut begin) = (&self.bytes, 0);
        self.items.drain(..).map(move |(item, end)| {
            let of_item = &bytes[begin..end];
            begin = end;
            (item, of_item)
        })
    }
}

/// Gives each item to its entity's part.
pub(super) struct Dealer<T> {
    spread: Spread,
    gathered: Vec<Batch<T>>,
    to: Vec<SyncSender<Batch<T>>>,
    /// Taken, to be filled again: memory that is new each time takes a third of the reader's.
    emptied: Receiver<Batch<T>>,
}

impl<T> Dealer<T> {
    /// Which part an entity belongs to.
    pub(super) fn part_of(&self, whose: &EntityKey) -> usize {
        self.spread.index(whose)
    }

    /// Gives an item with its bytes to a part; breaks where that has failed.
    pub(super) fn deal(&mut self, part: usize, item: T, bytes: &[u8]) -> ControlFlow<()> {
        let batch = &mut self.gathered[part];
        batch.bytes.extend_from_slice(bytes);
        batch.items.push((item, batch.bytes.len()));
        if batch.bytes.len() < BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        let empty = self.emptied.try_recv().unwrap_or_else(|_| Batch::new());
        let full = std::mem::replace(batch, empty);
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
    take: impl Fn(&mut Part, &mut Note, &mut Batch<T>) -> Result<(), RecoveryError> + Sync,
) -> Result<(R, Vec<Note>), RecoveryError> {
    let spread = world.spread().clone();
    let gathered = (0..spread.parts()).map(|_| Batch::new()).collect();
    thread::scope(|scope| {
        let (give_back, emptied) = mpsc::channel();
        let mut dealer = Dealer { spread, gathered, to: Vec::new(), emptied };
        let mut parts = Vec::new();
        for part in world.parts_mut() {
            let (to, batches) = mpsc::sync_channel(BATCHES_AHEAD_MAX);
            dealer.to.push(to);
            let (give_back, take) = (give_back.clone(), &take);
            parts.push(scope.spawn(move || take_all(part, batches, give_back, take)));
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
    give_back: Sender<Batch<T>>,
    take: impl Fn(&mut Part, &mut Note, &mut Batch<T>) -> Result<(), RecoveryError>,
) -> Result<Note, RecoveryError> {
    let mut note = Note::default();
    for mut batch in batches {
        take(part, &mut note, &mut batch)?;
        batch.items.clear();
        batch.bytes.clear();
        // After the last batch nobody fills another.
        let _ = give_back.send(batch);
    }
    Ok(note)
}
