//! Holdfast: a reservation server that never sells the same thing twice.

pub mod cli;
pub mod client;
pub mod domain;
pub mod proto;
