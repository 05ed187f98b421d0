//! Clients that mean harm, against a real server, and one that doesn't.
//!
//! Whatever the others do, the one that behaves is answered, and the server's memory stays below a
//! bound. How fast anything is isn't asserted, only that an answer comes at all.
//!
//! Not here: what the server answers to requests that are merely wrong.
#![allow(clippy::unwrap_used)]

#[path = "../support/process.rs"]
mod process;
#[path = "../support/requests.rs"]
mod requests;
#[path = "../support/server.rs"]
mod server;

mod attacked;
mod frames;
mod messages;
mod silence;
