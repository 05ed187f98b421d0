//! Holdfast: a reservation server that never sells the same thing twice.

pub mod actors;
pub mod archive;
pub mod clock;
pub mod codec;
pub mod domain;
pub mod fatal;
pub mod journal;
pub mod proto;
pub mod recovery;
pub mod snapshot;
pub mod telemetry;
pub mod verify;
