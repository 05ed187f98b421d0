//! Reads a page, and believes it or not.
//!
//! Not here: what only its neighbours can tell; see [`PageWalk`](super::super::PageWalk).

use lz4_flex::block::decompress_into;

use super::{
    CHECKSUM_AT, COMMIT_END, CONTINUES, Chain, EVENT_BYTES_MAX, FORMAT_VERSION,
    FORMAT_VERSION_PACKED, FRAME_PREFIX_BYTES, GOES_ON, HEADER_BYTES, PACKED, PAGE_BYTES_MAX,
    PAYLOAD_BYTES_MAX, PageError, PageKey, RAW_PREFIX_BYTES, checksum, u16_at, u32_at,
};
use crate::domain::ids::Position;

/// Room in which packed pages are unpacked, one after the other: at most 64 KiB, since that is
/// all that a page's `raw` can say.
#[derive(Debug, Default)]
pub struct Scratch(Vec<u8>);

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

    /// The frames of whole events, unpacked, or the bytes of a spanning one.
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

/// Reads a page and checks all that can be checked without its neighbours. Where it is packed,
/// its events lie in `scratch`.
///
/// # Errors
/// [`PageError`], by the rules 1 to 8 in the format's doc.
pub fn decode<'a>(bytes: &'a [u8], scratch: &'a mut Scratch) -> Result<Page<'a>, PageError> {
    let length_error = PageError::Length { bytes: bytes.len() };
    if bytes.len() > PAGE_BYTES_MAX {
        return Err(length_error);
    }
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(length_error);
    };
    let version = header[0];
    if !(1..=FORMAT_VERSION).contains(&version) {
        return Err(PageError::Version { version });
    }
    if payload.len() != usize::from(u16_at(header, 6)) {
        return Err(length_error);
    }
    let after = u32_at(header, CHECKSUM_AT);
    if checksum(bytes) != after {
        return Err(PageError::Checksum);
    }
    let mut page = Page {
        flags: header[1],
        part: u16_at(header, 2),
        count: u16_at(header, 4),
        first: Position(u64::from(u32_at(header, 8)) | u64::from(u32_at(header, 12)) << 32),
        before: Chain(u32_at(header, 16)),
        after: Chain(after),
        payload,
    };
    let fields_error = |what| PageError::Fields { what };
    check_flags(version, &page).map_err(fields_error)?;
    if page.flags & PACKED != 0 {
        page.payload = unpack(payload, &mut scratch.0).map_err(fields_error)?;
    }
    check_fields(&page).map_err(fields_error)?;
    Ok(page)
}

fn ensure(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

fn check_flags(version: u8, page: &Page<'_>) -> Result<(), &'static str> {
    let packed = if version < FORMAT_VERSION_PACKED { 0 } else { PACKED };
    let known = COMMIT_END | CONTINUES | GOES_ON | packed;
    ensure(page.flags & !known == 0, "an unknown flag")?;
    ensure(!(page.goes_on() && page.is_commit_end()), "a commit that ends within an event")?;
    let spans = page.continues() || page.goes_on();
    ensure(page.flags & PACKED == 0 || !spans, "a packed part of an event")
}

/// Unpacks the frames of a packed page.
fn unpack<'a>(payload: &[u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], &'static str> {
    let Some((raw, block)) = payload.split_first_chunk::<RAW_PREFIX_BYTES>() else {
        return Err("packed events without a length");
    };
    let raw = usize::from(u16::from_le_bytes(*raw));
    ensure(raw > payload.len(), "packed events that are no longer than the payload")?;
    if scratch.len() < raw {
        scratch.resize(raw, 0);
    }
    let unpacked = &mut scratch[..raw];
    let is_whole = decompress_into(block, unpacked).is_ok_and(|found| found == raw);
    ensure(is_whole, "packed events that don't unpack to their length")?;
    Ok(unpacked)
}

fn check_fields(page: &Page<'_>) -> Result<(), &'static str> {
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
