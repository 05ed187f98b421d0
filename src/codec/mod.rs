//! How things look as bytes, and back.
//!
//! `v1` is the format of events and keys, `records` the formats of what entities are; `page` what
//! the log is cut into, `snapshot_block` and `archive_frame` what the other files hold; `digest`
//! and `fingerprint` are hashes over such bytes. Everything here is pure: bytes in, values out, and
//! no input makes it panic.
//!
//! Not here: files, syncing, the order of commits. Those are the journal's.

pub mod records;
mod scratch;
pub mod v1;

pub mod archive_frame;
pub mod entry;
pub mod page;
mod page_walk;
pub mod snapshot_block;

pub mod digest;
pub mod fingerprint;

pub use page_walk::PageWalk;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// They are no value of the expected kind.
    #[error("can't be decoded: {0}")]
    Malformed(String),
    /// A value is followed by something.
    #[error("{bytes} bytes follow where nothing should")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// An event names one before it that would lie before the log.
    #[error("names an event before the start of the log")]
    LinkBeforeStart,
}
