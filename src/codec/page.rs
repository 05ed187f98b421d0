//! The log's page: one record on disk, at most 4 KiB, holding events as opaque frames.
//!
//! A page is at most [`PAGE_BYTES_MAX`] long and not padded. Numbers are little-endian.
//!
//! ```text
//!  0        1        2        4        6        8             16         20         24
//!  ┌────────┬────────┬────────┬────────┬────────┬─────────────┬──────────┬──────────┬─────────┐
//!  │version │ flags  │ part   │ count  │ length │ first       │ before   │ checksum │ payload │
//!  │ u8 = 1 │ u8     │ u16    │ u16    │ u16    │ u64         │ u32      │ u32      │ length  │
//!  └────────┴────────┴────────┴────────┴────────┴─────────────┴──────────┴──────────┴─────────┘
//!
//!  flags     1  commit end: the last page of a commit
//!            2  continues: the first bytes belong to an event begun in the page before
//!            4  goes on: the last event's bytes go on in the page after
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
//! # When a page counts as damaged
//!
//! Alone ([`decode`]):
//! 1. it is shorter than a header or longer than [`PAGE_BYTES_MAX`], or `length` is not what
//!    follows the header;
//! 2. its checksum doesn't fit (checked before any other field is believed, the version aside);
//! 3. it has a flag that this version doesn't know, or is both a commit's end and goes on;
//! 4. it holds whole events, and `count` is 0, `part` is not 0, or the frames don't fill the
//!    payload exactly;
//! 5. it is the first part of a spanning event, and `count` is not 1, `part` is not 0, it is not
//!    full, or its frame would have fitted or is longer than [`EVENT_BYTES_MAX`];
//! 6. it continues one, and `count` is not 0, `part` is 0, it is empty, or it goes on and is not
//!    full;
//! 7. its positions would run past the last number.
//!
//! Among its neighbours ([`PageWalk`](super::PageWalk)):
//!
//! 8. `before` is not the checksum of the page before;
//! 9. `first` is not the position that follows (of a continued event: not that event's);
//! 10. it continues an event where none is open, or with the wrong `part`, or too few or too many
//!     bytes; or it doesn't where one is open.
//!
//! A page of another version is not damaged: it is refused by its version's name.
//!
//! Not here: what an event's bytes mean, where pages are kept, what to do about a damaged one.

use crate::domain::ids::Position;

/// The longest page in bytes, header included.
pub const PAGE_BYTES_MAX: usize = 4096;

/// The longest event in bytes: 16 MiB.
pub const EVENT_BYTES_MAX: usize = 16 << 20;

/// The version of the page format that is written.
pub const FORMAT_VERSION: u8 = 1;

/// The header's length in bytes.
pub const HEADER_BYTES: usize = 24;

/// The longest payload in bytes.
pub const PAYLOAD_BYTES_MAX: usize = PAGE_BYTES_MAX - HEADER_BYTES;

pub(super) const FRAME_PREFIX_BYTES: usize = 4;

const CHECKSUM_AT: usize = 20;

const COMMIT_END: u8 = 1;
const CONTINUES: u8 = 2;
const GOES_ON: u8 = 4;

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
        "its format version is {version}, and this build reads {FORMAT_VERSION}: use a newer build"
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

/// Divides one commit's events among pages and hands each page to `put`, with its key.
///
/// Whole events share pages; an event that fits no page has pages of its own. Without events
/// there are no pages. Returns the chain value for the page after.
///
/// # Errors
/// [`EventTooLong`]; pages before that event may have been handed out already.
pub fn paginate<'a>(
    first: Position,
    before: Chain,
    events: impl Iterator<Item = &'a [u8]>,
    put: impl FnMut(PageKey, &[u8]),
) -> Result<Chain, EventTooLong> {
    let mut events = events.peekable();
    let mut page = Draft {
        bytes: vec![0; HEADER_BYTES],
        key: PageKey { first, part: 0 },
        count: 0,
        before,
        put,
    };
    while let Some(event) = events.next() {
        if event.len() > EVENT_BYTES_MAX {
            return Err(EventTooLong { bytes: event.len() });
        }
        let frame_bytes = FRAME_PREFIX_BYTES + event.len();
        if page.count > 0 && page.bytes.len() + frame_bytes > PAGE_BYTES_MAX {
            page.close(0);
        }
        if frame_bytes <= PAYLOAD_BYTES_MAX {
            page.push(event);
        } else {
            page.span(event, if events.peek().is_none() { COMMIT_END } else { 0 });
        }
    }
    if page.count > 0 {
        page.close(COMMIT_END);
    }
    Ok(page.before)
}

struct Draft<P> {
    /// Room for the header, then the payload so far.
    bytes: Vec<u8>,
    key: PageKey,
    count: u16,
    before: Chain,
    put: P,
}

impl<P: FnMut(PageKey, &[u8])> Draft<P> {
    fn push(&mut self, event: &[u8]) {
        self.bytes.extend_from_slice(&prefix(event));
        self.bytes.extend_from_slice(event);
        self.count += 1;
    }

    /// Writes an event over pages of its own; `end` are the last one's flags.
    fn span(&mut self, event: &[u8], end: u8) {
        self.bytes.extend_from_slice(&prefix(event));
        self.count = 1;
        let mut rest = event;
        let mut continues = 0;
        loop {
            let (now, later) = rest.split_at(rest.len().min(PAGE_BYTES_MAX - self.bytes.len()));
            self.bytes.extend_from_slice(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
            let next = PageKey { first: self.key.first, part: self.key.part + 1 };
            self.emit(continues | GOES_ON);
            self.key = next;
            continues = CONTINUES;
        }
        let next = self.key.first.next();
        self.emit(continues | end);
        self.key = PageKey { first: next, part: 0 };
    }

    /// Ends a page of whole events.
    fn close(&mut self, flags: u8) {
        let next = self.key.first.plus(self.count.into());
        self.emit(flags);
        self.key = PageKey { first: next, part: 0 };
    }

    fn emit(&mut self, flags: u8) {
        let length = self.bytes.len() - HEADER_BYTES;
        debug_assert!(length <= PAYLOAD_BYTES_MAX);
        self.bytes[0] = FORMAT_VERSION;
        self.bytes[1] = flags;
        self.bytes[2..4].copy_from_slice(&self.key.part.to_le_bytes());
        self.bytes[4..6].copy_from_slice(&self.count.to_le_bytes());
        self.bytes[6..8].copy_from_slice(&(length as u16).to_le_bytes());
        self.bytes[8..16].copy_from_slice(&self.key.first.0.to_le_bytes());
        self.bytes[16..CHECKSUM_AT].copy_from_slice(&self.before.0.to_le_bytes());
        let checksum = checksum(&self.bytes);
        self.bytes[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        (self.put)(self.key, &self.bytes);
        self.before = Chain(checksum);
        self.bytes.truncate(HEADER_BYTES);
        self.count = 0;
    }
}

/// A frame's length; [`paginate`] has checked that it fits.
fn prefix(event: &[u8]) -> [u8; FRAME_PREFIX_BYTES] {
    (event.len() as u32).to_le_bytes()
}

/// CRC32C of everything but the checksum itself; `page` is at least a header long.
fn checksum(page: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&page[..CHECKSUM_AT]), &page[HEADER_BYTES..])
}

/// A page that is sound in itself.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    flags: u8,
    part: u16,
    count: u16,
    first: Position,
    before: Chain,
    after: Chain,
    payload: &'a [u8],
}

impl<'a> Page<'a> {
    /// What it is filed under.
    pub fn key(&self) -> PageKey {
        PageKey { first: self.first, part: self.part }
    }

    /// How many events begin here.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The chain value from the page before.
    pub fn before(&self) -> Chain {
        self.before
    }

    /// The chain value for the page after.
    pub fn after(&self) -> Chain {
        self.after
    }

    /// Whether a commit ends with this page.
    pub fn is_commit_end(&self) -> bool {
        self.flags & COMMIT_END != 0
    }

    /// Whether the first bytes belong to an event begun in the page before.
    pub fn continues(&self) -> bool {
        self.flags & CONTINUES != 0
    }

    /// Whether the event's bytes go on in the page after.
    pub fn goes_on(&self) -> bool {
        self.flags & GOES_ON != 0
    }

    /// The last position with bytes here.
    pub fn last(&self) -> Position {
        Position(self.first.0 + u64::from(self.count.max(1)) - 1)
    }

    /// The bytes after the header.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The events of a page of whole events, with their positions.
    pub fn events(&self) -> impl Iterator<Item = (Position, &'a [u8])> + use<'a> {
        let mut rest = if self.continues() || self.goes_on() { &[][..] } else { self.payload };
        let mut position = self.first;
        std::iter::from_fn(move || {
            let (event, later) = split_frame(rest)?;
            let this = position;
            rest = later;
            position = position.next();
            Some((this, event))
        })
    }
}

/// Reads a page and checks all that can be checked without its neighbours.
///
/// # Errors
/// [`PageError`], by the rules 1 to 7 in the module's doc.
pub fn decode(bytes: &[u8]) -> Result<Page<'_>, PageError> {
    let length_error = PageError::Length { bytes: bytes.len() };
    if bytes.len() > PAGE_BYTES_MAX {
        return Err(length_error);
    }
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(length_error);
    };
    if header[0] != FORMAT_VERSION {
        return Err(PageError::Version { version: header[0] });
    }
    if payload.len() != usize::from(u16_at(header, 6)) {
        return Err(length_error);
    }
    let after = u32_at(header, CHECKSUM_AT);
    if checksum(bytes) != after {
        return Err(PageError::Checksum);
    }
    let page = Page {
        flags: header[1],
        part: u16_at(header, 2),
        count: u16_at(header, 4),
        first: Position(u64::from(u32_at(header, 8)) | u64::from(u32_at(header, 12)) << 32),
        before: Chain(u32_at(header, 16)),
        after: Chain(after),
        payload,
    };
    check_fields(&page).map_err(|what| PageError::Fields { what })?;
    Ok(page)
}

fn check_fields(page: &Page<'_>) -> Result<(), &'static str> {
    let ensure = |holds: bool, what| if holds { Ok(()) } else { Err(what) };
    ensure(page.flags & !(COMMIT_END | CONTINUES | GOES_ON) == 0, "an unknown flag")?;
    ensure(!(page.goes_on() && page.is_commit_end()), "a commit that ends within an event")?;
    ensure(page.first.0 > 0, "a position of 0")?;
    ensure(page.first.0 < u64::MAX - u64::from(u16::MAX), "positions past the last number")?;
    let full = page.payload.len() == PAYLOAD_BYTES_MAX;
    ensure(!page.goes_on() || full, "an event that goes on from a page that is not full")?;
    if page.continues() {
        ensure(page.count == 0, "an event that begins in a page that continues one")?;
        ensure(page.part > 0, "a continued event without a part")?;
        return ensure(!page.payload.is_empty(), "a continued event without bytes");
    }
    ensure(page.part == 0, "a part of an event that begins here")?;
    if page.goes_on() {
        let length = u32_at(page.payload, 0) as usize;
        ensure(page.count == 1, "several events in a page of one that goes on")?;
        ensure(length <= EVENT_BYTES_MAX, "an event longer than the log takes")?;
        return ensure(
            length > PAYLOAD_BYTES_MAX - FRAME_PREFIX_BYTES,
            "an event that goes on though it fits",
        );
    }
    ensure(page.count > 0, "no events")?;
    check_frames(page.payload, page.count)
}

fn check_frames(mut rest: &[u8], count: u16) -> Result<(), &'static str> {
    for _ in 0..count {
        let Some((_, later)) = split_frame(rest) else {
            return Err("a frame that runs past the payload");
        };
        rest = later;
    }
    if rest.is_empty() { Ok(()) } else { Err("bytes after the last frame") }
}

fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<FRAME_PREFIX_BYTES>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
