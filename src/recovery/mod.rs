//! From what is on disk to what is in memory.
//!
//! ```text
//!   newest good snapshot ──▶ world ◀── events after it, in order
//!                              │
//!                              ├─▶ settle: claims and reservations that a crash left apart
//!                              └─▶ the shards' tables
//! ```
//!
//! [`World`] follows events, [`load()`] finds the snapshot and reads the tail, [`settle()`] says what
//! must be sent so that every resource agrees with its reservations.
//!
//! Not here: actors, and decisions. What is settled is decided by the entities themselves, as
//! commands like any other.

pub mod load;
pub mod settle;
pub mod world;

pub use load::{Loaded, RecoveryError, Sources, load};
pub use settle::{Unsettled, settle};
pub use world::{AnyEntity, World, WorldError};
