//! Cuts a commit into pages.
//!
//! ```text
//!   events ──▶ gathered, up to a goal ──▶ packed ──fits a page──▶ written
//!                   ▲                       │
//!                   └── fewer, by the ratio ┘ too long
//! ```
//!
//! How far a page's worth of frames packs is known only when it is done, so each page sets the
//! goal for the next one: as many bytes as would fill a page if they pack as well as the last
//! ones did, less some that are there to be wrong by.
//!
//! Invariants: a page's bytes depend on its commit alone. A commit whose events don't pack takes
//! the pages that it would take without packing.

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use super::{
    CHECKSUM_AT, COMMIT_END, CONTINUES, Chain, EVENT_BYTES_MAX, EventTooLong, FORMAT_VERSION,
    FRAME_PREFIX_BYTES, GOES_ON, HEADER_BYTES, PACKED, PAYLOAD_BYTES_MAX, PageKey,
    RAW_PREFIX_BYTES, checksum,
};
use crate::domain::ids::Position;

/// The most bytes of frames in a page, so that reading a single event doesn't unpack too many
/// others.
const GATHERED_BYTES_MAX: usize = 16 << 10;

/// The goal of a commit's first page.
const FIRST_GOAL_BYTES: usize = 2 * PAYLOAD_BYTES_MAX;

/// Where the block of a packed page begins.
const BLOCK_AT: usize = HEADER_BYTES + RAW_PREFIX_BYTES;

/// The compressor wants room for whatever it might make of its input.
const ROOM_BYTES: usize = BLOCK_AT + get_maximum_output_size(GATHERED_BYTES_MAX);

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
    let mut cutter = Cutter {
        page: vec![0; ROOM_BYTES],
        key: PageKey { first, part: 0 },
        before,
        frames: Vec::with_capacity(GATHERED_BYTES_MAX),
        ends: Vec::new(),
        goal: FIRST_GOAL_BYTES,
        table: CompressTable::default(),
        put,
    };
    while let Some(event) = events.next() {
        if event.len() > EVENT_BYTES_MAX {
            return Err(EventTooLong { bytes: event.len() });
        }
        if FRAME_PREFIX_BYTES + event.len() <= PAYLOAD_BYTES_MAX {
            cutter.push(event);
        } else {
            cutter.close_all(0);
            cutter.span(event, if events.peek().is_none() { COMMIT_END } else { 0 });
        }
    }
    cutter.close_all(COMMIT_END);
    Ok(cutter.before)
}

struct Cutter<P> {
    /// Room for a header and a payload.
    page: Vec<u8>,
    key: PageKey,
    before: Chain,
    /// The frames that no page has yet.
    frames: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// How many bytes of frames the next page should hold.
    goal: usize,
    table: CompressTable,
    put: P,
}

impl<P: FnMut(PageKey, &[u8])> Cutter<P> {
    /// Gathers an event that fits a page, after making room for it.
    fn push(&mut self, event: &[u8]) {
        let frame_bytes = FRAME_PREFIX_BYTES + event.len();
        while !self.ends.is_empty() && self.frames.len() + frame_bytes > self.goal {
            self.close(0);
        }
        self.frames.extend_from_slice(&prefix(event));
        self.frames.extend_from_slice(event);
        self.ends.push(self.frames.len());
    }

    fn close_all(&mut self, end: u8) {
        while !self.ends.is_empty() {
            self.close(end);
        }
    }

    /// Writes a page of as many of the gathered events as fit; where that is all of them, `end`
    /// are its flags.
    fn close(&mut self, end: u8) {
        let mut count = self.ends.len();
        let (raw, block) = loop {
            let raw = self.ends[count - 1];
            let block = self.pack(raw);
            let payload = raw.min(RAW_PREFIX_BYTES + block);
            self.goal = goal_after(raw, payload);
            if payload <= PAYLOAD_BYTES_MAX {
                break (raw, block);
            }
            // A single event fits without being packed, so this ends.
            let fewer = self.ends[..count - 1].partition_point(|end| *end <= self.goal);
            count = fewer.max(1);
        };
        let end = if count == self.ends.len() { end } else { 0 };
        if RAW_PREFIX_BYTES + block < raw {
            self.page[HEADER_BYTES..BLOCK_AT].copy_from_slice(&(raw as u16).to_le_bytes());
            self.emit(end | PACKED, count, RAW_PREFIX_BYTES + block);
        } else {
            self.page[HEADER_BYTES..][..raw].copy_from_slice(&self.frames[..raw]);
            self.emit(end, count, raw);
        }
        self.frames.drain(..raw);
        self.ends.drain(..count);
        self.ends.iter_mut().for_each(|end| *end -= raw);
        self.key = PageKey { first: self.key.first.plus(count as u64), part: 0 };
    }

    /// Packs the first `raw` bytes of the frames into the page, and tells the block's length.
    fn pack(&mut self, raw: usize) -> usize {
        let room = &mut self.page[BLOCK_AT..];
        compress_into_with_table(&self.frames[..raw], room, &mut self.table)
            .expect("the room is as large as the compressor asks for")
    }

    /// Writes an event that fits no page over pages of its own; `end` are the last one's flags.
    fn span(&mut self, event: &[u8], end: u8) {
        let (begin, rest) = event.split_at(PAYLOAD_BYTES_MAX - FRAME_PREFIX_BYTES);
        let payload = &mut self.page[HEADER_BYTES..];
        payload[..FRAME_PREFIX_BYTES].copy_from_slice(&prefix(event));
        payload[FRAME_PREFIX_BYTES..][..begin.len()].copy_from_slice(begin);
        self.emit(GOES_ON, 1, PAYLOAD_BYTES_MAX);
        let mut parts = rest.chunks(PAYLOAD_BYTES_MAX).peekable();
        while let Some(part) = parts.next() {
            self.key.part += 1;
            self.page[HEADER_BYTES..][..part.len()].copy_from_slice(part);
            let flags = if parts.peek().is_some() { GOES_ON } else { end };
            self.emit(CONTINUES | flags, 0, part.len());
        }
        self.key = PageKey { first: self.key.first.next(), part: 0 };
    }

    /// Puts the header before a payload of so many bytes, and hands the page out.
    fn emit(&mut self, flags: u8, count: usize, length: usize) {
        debug_assert!(length <= PAYLOAD_BYTES_MAX);
        let page = &mut self.page[..HEADER_BYTES + length];
        page[0] = FORMAT_VERSION;
        page[1] = flags;
        page[2..4].copy_from_slice(&self.key.part.to_le_bytes());
        page[4..6].copy_from_slice(&(count as u16).to_le_bytes());
        page[6..8].copy_from_slice(&(length as u16).to_le_bytes());
        page[8..16].copy_from_slice(&self.key.first.0.to_le_bytes());
        page[16..CHECKSUM_AT].copy_from_slice(&self.before.0.to_le_bytes());
        let checksum = checksum(page);
        page[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        (self.put)(self.key, page);
        self.before = Chain(checksum);
    }
}

/// How many bytes of frames should fill the next page, after so many took so long a payload.
fn goal_after(raw: usize, payload: usize) -> usize {
    let full = raw * PAYLOAD_BYTES_MAX / payload;
    (full - full / 16).clamp(PAYLOAD_BYTES_MAX, GATHERED_BYTES_MAX)
}

/// A frame's length; [`paginate`] has checked that it fits.
fn prefix(event: &[u8]) -> [u8; FRAME_PREFIX_BYTES] {
    (event.len() as u32).to_le_bytes()
}
