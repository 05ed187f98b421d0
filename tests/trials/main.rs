//! Whether the whole server does what a plain model of it says, under whatever can happen.
//!
//! ```text
//!                     generator: what clients could send
//!                        │                       │
//!   simulation: the engine in               history: a real server
//!   simulated time, one thread,             with all its threads,
//!   crashes, faults                         many clients at once
//!                        │                       │
//!                        └──▶ log and replies ◀──┘
//!                                   │
//!                    model: is each what it has to be?
//! ```
//!
//! A kind of entity takes part by one file, or folder, in `generator` and one in `model`, and by its lines
//! in the tables: `generator/mod.rs` (how often it is commanded), `model/kinds.rs`, `tally`, and
//! `history/wire`, where it has a form on the wire. Without these it doesn't compile.
#![allow(clippy::unwrap_used)]

mod campaign;
mod generator;
mod history;
mod model;
mod sent;
#[path = "../support/server.rs"]
mod server;
mod simulation;
#[path = "../support/mod.rs"]
mod support;
mod tally;
