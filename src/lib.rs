//! Holdfast: a reservation server that never sells the same thing twice.

pub mod domain;

pub mod codec;
pub mod journal;


pub mod telemetry;

pub mod proto;
