//! How things look as bytes: the log's pages.
//!
//! Everything here is pure: bytes in, values out, and no input makes it panic.
//!
//! Not here: files, syncing, the order of commits. Those are the journal's.

pub mod page;
mod page_walk;

pub use page_walk::PageWalk;
