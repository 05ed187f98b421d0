//! What snapshots and the archive are made of: a key and a record, both opaque bytes.
//!
//! Not here: what is in them.

/// A key and its record.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The longest key, in bytes; the shortest has one.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;
/// The longest record, in bytes: 256 MiB.
pub const RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why an entry can't be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A key is empty or too long.
    #[error("a key of {bytes} bytes can't be stored, only 1 to {KEY_BYTES_MAX}")]
    Key {
        /// The key's length.
        bytes: usize,
    },
    /// A record is too long.
    #[error("a record of {bytes} bytes can't be stored, only up to {RECORD_BYTES_MAX}")]
    Record {
        /// The record's length.
        bytes: usize,
    },
}

/// Refuses an entry that no snapshot and no archive can hold.
///
/// # Errors
/// [`EntryError`], where the key is empty, or key or record are too long.
pub fn check_entry(key: &[u8], record: &[u8]) -> Result<(), EntryError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(EntryError::Key { bytes: key.len() });
    }
    if record.len() > RECORD_BYTES_MAX {
        return Err(EntryError::Record { bytes: record.len() });
    }
    Ok(())
}
