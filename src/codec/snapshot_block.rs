//! The bytes of a snapshot file.
//!
//! A header, then blocks of entries, then one footer, and nothing after it. Numbers are
//! little-endian; every checksum is CRC32C.
//!
//! ```text
//!  header    │ "HFSNAP\r\n" │ version │ log id │ position P │ crc │
//!  40 bytes  │      8       │    4    │   16   │     8      │  4  │
//!                                                 of all before ┘
//!
//!  frame head │ kind │ entries │ sequence │ raw len │ stored len │ body crc │ head crc │
//!  32 bytes   │  4   │    4    │    8     │    4    │     4      │    4     │    4     │
//!                             of the header's crc and of all before in this head ┘
//!
//!  block      │ head "BLCK" │ body: `stored len` bytes │
//!      raw body = entry …, entry = │ key len: 4 │ record len: 4 │ key │ record │
//!      LZ4 block where that is shorter, else as it is (then stored len = raw len)
//!
//!  footer     │ head "FOOT" │ barrier B │ entries │ time │ archived │ has digest │ digest │ "HFSNPEND" │
//!  105 bytes  │     32      │     8     │    8    │  8   │    8     │     1      │   32   │     8      │
//! ```
//!
//! - The version is that of the records ([`Format`]); all else has been the same in each so far.
//! - Blocks are numbered from 0, and the footer's sequence is how many there were, so a block
//!   that is missing, twice there or elsewhere is seen. The head's checksum begins with the
//!   header's, so a block of another snapshot is seen too.
//! - A block holds at most [`BLOCK_BYTES_MAX`] before compression. An entry that is larger (a
//!   resource with very many claims; up to [`RECORD_BYTES_MAX`](super::entry::RECORD_BYTES_MAX) and its key) stands alone in a
//!   block of its own, so memory is bounded by the largest entity and not by their number.
//! - A length is believed only when its head's checksum holds and it is within its bound.
//! - The footer alone says that a snapshot is whole. [`Decoder::finish`] gives it, and only when
//!   everything before was read and checked: what was read of a file whose end was never reached
//!   is not a state.
//!
//! Not here: files; whether keys are unique; what the digest is over, as the writer says it and
//! the loader compares it.

use uuid::Uuid;

use super::digest::Digest;
use super::records::Format;
use crate::domain::ids::Position;
use crate::domain::time::Timestamp;

mod decoder;
mod encoder;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// The most bytes of entries in a block of more than one, before compression.
pub const BLOCK_BYTES_MAX: usize = 64 * 1024;

const MAGIC: [u8; 8] = *b"HFSNAP\r\n";
const END_MAGIC: [u8; 8] = *b"HFSNPEND";
const KIND_BLOCK: [u8; 4] = *b"BLCK";
const KIND_FOOTER: [u8; 4] = *b"FOOT";
const HEADER_BYTES: usize = 40;
const HEAD_BYTES: usize = 32;
const FOOTER_BODY_BYTES: usize = 4 * 8 + 1 + Digest::BYTES + END_MAGIC.len();
/// The two lengths before a key and its record.
const ENTRY_HEAD_BYTES: usize = 8;

/// What a snapshot says of itself before its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The log whose state it is.
    pub log_id: Uuid,
    /// P: what was durable when the snapshot was begun. Replay goes on after it.
    pub position: Position,
}

/// What is known only when all entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// B: the log must reach this far for the entries to be true; not before P.
    pub barrier: Position,
    /// When the snapshot was finished.
    pub time: Timestamp,
    /// How many entities the archive held when the snapshot was finished. An archive that holds
    /// fewer has lost some that are not in the snapshot any more.
    pub archived: u64,
    /// The sum over the entries, where the writer made one.
    pub digest: Option<Digest>,
}

/// The end of a whole snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotFooter {
    /// What the writer said.
    pub end: SnapshotEnd,
    /// How many entries there are.
    pub entries: u64,
    /// How many blocks they fill.
    pub blocks: u64,
}

/// Why bytes are not a whole snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The first bytes are not a snapshot's.
    #[error("it is no snapshot")]
    Magic,
    /// Written by a program that knows more, or damaged.
    #[error(
        "it has format version {version}, and this program reads only up to {}",
        Format::CURRENT.number()
    )]
    Version {
        /// What the header says.
        version: u32,
    },
    /// The header is damaged.
    #[error("its header fails its checksum")]
    Header,
    /// A block, or the footer after the last one, is damaged or in the wrong place.
    #[error("frame {frame} {problem}")]
    Frame {
        /// Which, from 0; the footer is the frame after the last block.
        frame: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The bytes end before the footer does.
    #[error("it ends in frame {frame}, before its footer")]
    Cut {
        /// Where it ends.
        frame: u64,
    },
    /// There are bytes after the footer.
    #[error("it goes on after its footer")]
    Trailing,
    /// The reader stopped before the last entry.
    #[error("it was not read to its end")]
    Unread,
}

/// The fixed part of a block and of the footer.
#[derive(Debug, Clone, Copy)]
struct Head {
    kind: [u8; 4],
    entries: u32,
    sequence: u64,
    raw_len: u32,
    stored_len: u32,
    body_crc: u32,
}

impl Head {
    fn encode(&self, header_crc: u32) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.kind);
        bytes[4..8].copy_from_slice(&self.entries.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.raw_len.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.stored_len.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = head_crc(header_crc, &bytes);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The head, where its own checksum holds; nothing in it is judged yet.
    fn decode(bytes: &[u8; HEAD_BYTES], header_crc: u32) -> Option<Self> {
        if u32_at(bytes, 28) != head_crc(header_crc, bytes) {
            return None;
        }
        Some(Self {
            kind: [bytes[0], bytes[1], bytes[2], bytes[3]],
            entries: u32_at(bytes, 4),
            sequence: u64_at(bytes, 8),
            raw_len: u32_at(bytes, 16),
            stored_len: u32_at(bytes, 20),
            body_crc: u32_at(bytes, 24),
        })
    }
}

fn head_crc(header_crc: u32, head: &[u8; HEAD_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header_crc.to_le_bytes()), &head[..HEAD_BYTES - 4])
}

/// The number at an offset of a piece whose length the caller has checked.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// The number at an offset of a piece whose length the caller has checked.
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
