//! Stand-in.
pub mod delivery;
pub mod engine;
