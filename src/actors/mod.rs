//! Where decisions are made: one actor for each active entity.
//!
//! ```text
//!   edge ──Delivery──▶ Shard ──▶ EntityActor<A> ──▶ journal
//!                                 ▲        │
//!                                 └────────┘  to other entities, after the append
//! ```
//!
//! In reading order: `delivery` (what travels), `topology` (which way), `shard` with its `table`,
//! `seat` (which actor has which entity), `entity` (the shell around every aggregate), `index`
//! with `deadlines`, `listing` and `sorted_chunks` (what is known without asking), `process_manager`
//! (which runs the steps of orders), `keeper` (which takes snapshots and fills the archive), and
//! `engine`, by which the edge speaks to all of them.
//!
//! Invariants: an entity is changed by its own actor's handler alone. A handler is synchronous:
//! it decides, appends, sends, and never waits. Only shards hold entities' addresses. From one
//! sender to one receiver there is one way, first in, first out.
//!
//! Not here: a lock, a thread, or a reading of the system's clock.

pub mod assembly;
pub mod capture;
pub mod deadlines;
pub mod delivery;
pub mod engine;
pub mod entity;
pub mod environment;
pub mod index;
pub mod keeper;
pub mod listing;
pub mod process_manager;
pub mod seat;
pub mod shard;
pub mod sorted_chunks;
pub mod table;
pub mod topology;

pub use engine::Engine;
