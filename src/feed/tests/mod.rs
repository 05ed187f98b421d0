//! The feed on one thread, in paused time, over the log in memory.

mod history;
mod joining;
mod standing;
mod telling;
mod watching;
pub(crate) mod world;
