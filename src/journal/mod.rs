//! The one log, on disk and in memory.
//!
//! A [`Store`] keeps commits: events that become durable together or not at all. It cuts them
//! into [pages](crate::codec::page), and the pages into segments. What it keeps after a crash is
//! a prefix of what it was given, without a gap, that ends between two commits and holds
//! everything that [`Store::commit`] returned for.
//!
//! ```text
//!  DIR/            folder   is this ours, and nobody else's at the moment? how far must it reach?
//!    FORMAT  LOCK  MARKER
//!    log/          sled_store, segments
//!      00000000000000000001/   00000000000001234567/   one sled database each
//! ```
//!
//! In front of it stands one [queue](Journal), and between them the [`Writer`], which makes a
//! commit of whatever gathered while the one before was on its way to the disk.
//!
//! Not here: what events mean.

pub mod commit;
pub mod folder;
pub mod marker;
pub mod memory_store;
mod opening;
pub mod queue;
pub mod room;
mod segments;
pub mod sled_store;
pub mod store;
pub mod sync;
mod table;
pub mod writer;

pub use commit::Commit;
pub use folder::{DataFolder, FolderError};
pub use marker::{Marker, MarkerFound};
pub use memory_store::{MemoryDisk, MemoryStore};
pub use opening::Checked;
pub use queue::{Journal, Release};
pub use room::Room;
pub use sled_store::{SledOptions, SledStore};
pub use store::{Cut, LogReader, Opened, Store, StoreError, StoreSize};
pub use sync::{DiskSync, FileSync};
pub use writer::{Audience, Writer};
