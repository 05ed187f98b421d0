//! The log's page: one record on disk, at most 4 KiB, holding events as opaque frames.
//!
//! A page is at most [`PAGE_BYTES_MAX`] long and not padded. Numbers are little-endian.
//!
//! ```text
//!  0        1        2        4        6        8             16         20         24
//!  ┌────────┬────────┬────────┬────────┬────────┬─────────────┬──────────┬──────────┬─────────┐
//!  │version │ flags  │ part   │ count  │ length │ first       │ before   │ checksum │ payload │
//!  │ u8 = 2 │ u8     │ u16    │ u16    │ u16    │ u64         │ u32      │ u32      │ length  │
//!  └────────┴────────┴────────┴────────┴────────┴─────────────┴──────────┴──────────┴─────────┘
//!
//!  flags     1  commit end: the last page of a commit
//!            2  continues: the first bytes belong to an event begun in the page before
//!            4  goes on: the last event's bytes go on in the page after
//!            8  packed: the payload is compressed (since version 2)
//!  part      which page of a spanning event this is, from 0; 0 where none continues
//!  count     events that begin here
//!  first     position of the first event with bytes here
//!  before    chain value from the page before; the log's own seed in its first page
//!  checksum  CRC32C of bytes 0..20 and the payload; also the chain value for the page after
//! ```
//!
//! The payload is a run of frames, each a `u32` length and that many bytes. A page holds either
//! whole events, or one part of a single event that fits no page:
//!
//! ```text
//!  whole       ┌──────┬─────────┬──────┬─────────┐    count ≥ 1, neither continues nor goes on
//!              │ len₁ │ event₁  │ len₂ │ event₂  │
//!              └──────┴─────────┴──────┴─────────┘
//!  spanning    ┌──────┬────────┐ ┌───────────────┐ ┌────────┐
//!              │ len  │ event… │ │ …event…       │ │ …event │     all but the last are full
//!              └──────┴────────┘ └───────────────┘ └────────┘
//!   part       0, goes on        1, both           2, continues
//!   count      1                 0                 0
//! ```
//!
//! Where that makes them shorter, the frames of whole events are packed: events repeat each
//! other's names, times and ids. Packed, a page holds more frames than its length:
//!
//! ```text
//!  packed      ┌─────┬───────────────────────────────┐
//!              │ raw │ the frames, as one LZ4 block  │    raw: u16, their length unpacked
//!              └─────┴───────────────────────────────┘
//! ```
//!
//! Version 1 is the same without packed pages. It is read, and written no more; a log may hold
//! both.
//!
//! # When a page counts as damaged
//!
//! Alone ([`decode`]):
//! 1. it is shorter than a header or longer than [`PAGE_BYTES_MAX`], or `length` is not what
//!    follows the header;
//! 2. its checksum doesn't fit (checked before any other field is believed, the version aside);
//! 3. it has a flag that its version doesn't know, or is both a commit's end and goes on;
//! 4. it is packed, and continues or goes on, or has no `raw` longer than the payload, or the
//!    block doesn't unpack to exactly `raw` bytes;
//! 5. it holds whole events, and `count` is 0, `part` is not 0, or the frames don't fill the
//!    payload (where it is packed, what it unpacks to) exactly;
//! 6. it is the first part of a spanning event, and `count` is not 1, `part` is not 0, it is not
//!    full, or its frame would have fitted or is longer than [`EVENT_BYTES_MAX`];
//! 7. it continues one, and `count` is not 0, `part` is 0, it is empty, or it goes on and is not
//!    full;
//! 8. `first` is 0, which no event has, or its positions would run past the last number.
//!
//! Among its neighbours ([`PageWalk`](super::PageWalk)):
//!
//! 9. it is filed under another key than its own;
//! 10. `before` is not the checksum of the page before;
//! 11. `first` is not the position that follows (of a continued event: not that event's);
//! 12. it continues an event where none is open, or with the wrong `part`, or too few or too many
//!     bytes; or it doesn't where one is open.
//!
//! A page of another version is not damaged: it is refused by its version's name.
//!
//! `writing` cuts a commit into pages, `reading` believes a page or doesn't. Not here: what an
//! event's bytes mean, where pages are kept, what to do about a damaged one.

mod reading;
mod writing;

use crate::domain::ids::Position;

pub use reading::{Page, Scratch, decode};
pub use writing::paginate;

/// The longest page in bytes, header included.
pub const PAGE_BYTES_MAX: usize = 4096;

/// The longest event in bytes: 16 MiB.
pub const EVENT_BYTES_MAX: usize = 16 << 20;

/// The version of the page format that is written. It and all before it are read.
pub const FORMAT_VERSION: u8 = 2;

/// The first version whose pages may be packed.
const FORMAT_VERSION_PACKED: u8 = 2;

/// The header's length in bytes.
pub const HEADER_BYTES: usize = 24;

/// The longest payload in bytes.
pub const PAYLOAD_BYTES_MAX: usize = PAGE_BYTES_MAX - HEADER_BYTES;

pub(super) const FRAME_PREFIX_BYTES: usize = 4;

const CHECKSUM_AT: usize = 20;

const COMMIT_END: u8 = 1;
const CONTINUES: u8 = 2;
const GOES_ON: u8 = 4;
const PACKED: u8 = 8;

/// The length of what says how long a packed page's frames are.
const RAW_PREFIX_BYTES: usize = 2;

/// What ties a page to the one before it: that page's checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain(pub u32);

impl Chain {
    /// What a log's first page names as the page before: made from the log's own id, so that
    /// pages of two logs don't pass for each other's.
    pub fn seed(log_id: uuid::Uuid) -> Self {
        Self(crc32c::crc32c(log_id.as_bytes()))
    }
}

/// What a page is filed under; its bytes sort as the log runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageKey {
    /// Position of the first event with bytes in the page.
    pub first: Position,
    /// Which page of a spanning event, from 0.
    pub part: u16,
}

impl PageKey {
    /// The length of a key's bytes.
    pub const BYTES: usize = 10;

    /// The key as bytes, big-endian so that they sort.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.first.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.part.to_be_bytes());
        bytes
    }

    /// The key that these bytes are, where they are one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, part) = bytes.split_first_chunk::<8>()?;
        let part: [u8; 2] = part.try_into().ok()?;
        Some(Self { first: Position(u64::from_be_bytes(*first)), part: u16::from_be_bytes(part) })
    }

    /// The least key that is greater than that of the page in which the event begins: the last
    /// page with a lower key is the one to look into.
    pub fn above_beginning_of(position: Position) -> Self {
        Self { first: position, part: 1 }
    }
}

impl std::fmt::Display for PageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.part)
    }
}

/// An event's bytes are more than a log takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event of {bytes} bytes is longer than the {EVENT_BYTES_MAX} that the log takes")]
pub struct EventTooLong {
    /// What was given.
    pub bytes: usize,
}

/// Why a page is not believed. The module's doc lists when.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not as long as it says, or no page's length at all.
    #[error("it has {bytes} bytes, which is not the length that it should have")]
    Length {
        /// What was found.
        bytes: usize,
    },
    /// A format that this build doesn't read.
    #[error(
        "its format version is {version}, and this build reads up to {FORMAT_VERSION}: use a newer build"
    )]
    Version {
        /// What the page says.
        version: u8,
    },
    /// The checksum doesn't fit the bytes.
    #[error("its checksum does not fit its bytes")]
    Checksum,
    /// The fields contradict each other though the checksum fits.
    #[error("its fields contradict each other: {what}")]
    Fields {
        /// Which rule was broken.
        what: &'static str,
    },
    /// Another page's place has it.
    #[error("it is filed under another page's key; its own is {own}")]
    Key {
        /// The key that follows from its fields.
        own: PageKey,
    },
    /// The page is not the one that follows.
    #[error("it begins at position {found} where {expected} follows")]
    Position {
        /// What would have followed.
        expected: Position,
        /// What the page says.
        found: Position,
    },
    /// The page before it was another one.
    #[error("its chain value is not that of the page before")]
    Chain,
    /// A spanning event's parts don't fit together.
    #[error("the event at {position}, which spans pages, does not go on as it should")]
    Span {
        /// Which event.
        position: Position,
    },
}

/// CRC32C of everything but the checksum itself; `page` is at least a header long.
fn checksum(page: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&page[..CHECKSUM_AT]), &page[HEADER_BYTES..])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
