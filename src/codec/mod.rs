//! Bytes and back: one file for each format, pure.

pub mod archive_frame;
pub mod digest;
pub mod entry;
pub mod snapshot_block;
