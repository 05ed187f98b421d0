//! Snapshots: what every entity was, so that a start needn't replay the log from zero.
//!
//! - [`store`]: what a place for snapshots must do
//! - [`file_store`]: files in a folder
//! - [`memory_store`]: the same in memory, which can fail and crash on demand
//!
//! A snapshot is whole or it isn't there: it is listed only when all of it is durable, and read
//! only to its checked end. A reader that stops early is told nothing that it could take for a
//! state.
//!
//! Not here: when one is taken, and what the keys and records mean.

pub mod file_store;
pub mod memory_store;
pub mod store;
mod stream;

#[cfg(test)]
mod conformance;

pub use file_store::FileStore;
pub use memory_store::MemoryStore;
pub use store::{
    KEEP_DEFAULT, Pruned, SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource, SnapshotStore,
};

pub use crate::codec::snapshot_block::{SnapshotEnd, SnapshotFooter, SnapshotHeader};
