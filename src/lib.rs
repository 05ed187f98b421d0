//! Holdfast: a reservation server that never sells the same thing twice.

pub mod api;
pub mod archive;
pub mod codec;
pub mod domain;
pub mod feed;
pub mod journal;
pub mod proto;
pub mod snapshot;
pub mod telemetry;
