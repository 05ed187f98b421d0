//! What is decided, without a clock, randomness, a thread or a disk.

pub mod ids;
pub mod name;
pub mod time;
