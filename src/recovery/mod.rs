//! From what is on disk to what is in memory.
//!
//! ```text
//!   newest good snapshot ──▶ world ◀── events after it, in order
//!                              │
//!                              ├─▶ settle: claims and reservations that a crash left apart
//!                              └─▶ the shards' tables
//! ```
//!
//! [`load()`] finds the snapshot and reads the tail; `dealing` gives both to the parts of the
//! [`World`], of which each follows its own entities' events. [`settle()`] says what must be sent so
//! that every resource agrees with its reservations.
//!
//! Not here: actors, and decisions. What is settled is decided by the entities themselves, as
//! commands like any other.

pub mod any_entity;
mod dealing;
pub mod entity_map;
pub mod load;
pub mod packed;
pub mod part;
pub mod settle;
pub mod spread;
pub mod world;

pub use any_entity::AnyEntity;
pub use entity_map::EntityMap;
pub use load::{Loaded, RecoveryError, Sources, load};
pub use part::{Part, WorldError};
pub use settle::{Begun, Unsettled, settle};
pub use spread::Spread;
pub use world::World;

/// Why a thread of recovery can be waited for.
const NO_PANIC: &str = "a panic has ended the process";
