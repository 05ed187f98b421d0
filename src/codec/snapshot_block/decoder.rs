//! Bytes to entries.
//!
//! The decoder says how many bytes it wants next, and is given exactly these:
//!
//! ```text
//!   header ──▶ head ──▶ block ──┐         wanted() = 0 where nothing is wanted:
//!               ▲ │             │           - a block's entries are not all taken yet
//!               │ └──▶ footer ──┼──▶ end    - or the end is reached
//!               └── its entries ┘
//! ```
//!
//! Any input is safe: nothing panics, and a length is bounded before memory is asked for.
//!
//! Not here: reading a file.

use uuid::Uuid;

use super::{
    BLOCK_BYTES_MAX, END_MAGIC, ENTRY_HEAD_BYTES, FOOTER_BODY_BYTES, FormatError, HEAD_BYTES,
    HEADER_BYTES, Head, KIND_BLOCK, KIND_FOOTER, MAGIC, SnapshotEnd, SnapshotFooter,
    SnapshotHeader, u32_at, u64_at,
};
use crate::codec::digest::Digest;
use crate::codec::entry::{KEY_BYTES_MAX, RECORD_BYTES_MAX, check_entry};
use crate::codec::records::Format;
use crate::domain::ids::Position;
use crate::domain::time::Timestamp;

/// LZ4 can't shrink further than to a 255th: a length byte stands for at most 255 bytes.
const LZ4_RATIO_MAX: u64 = 255;

#[derive(Debug)]
enum State {
    Header,
    Head,
    Body(Head),
    End(SnapshotFooter),
    /// Something was wrong, and stays so.
    Refused(FormatError),
}

/// Reads one snapshot's bytes, piece by piece.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    header: Option<SnapshotHeader>,
    format: Format,
    header_crc: u32,
    blocks: u64,
    entries: u64,
    /// The entries of the block before last, checked; `taken` bytes of them are given out.
    block: Vec<u8>,
    taken: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Before the first byte.
    pub fn new() -> Self {
        Self {
            state: State::Header,
            header: None,
            format: Format::CURRENT,
            header_crc: 0,
            blocks: 0,
            entries: 0,
            block: Vec::new(),
            taken: 0,
        }
    }

    /// How many bytes [`accept`](Self::accept) wants next; 0 where entries are to be taken first,
    /// and at the end.
    pub fn wanted(&self) -> usize {
        match &self.state {
            _ if self.has_entry() => 0,
            State::Header => HEADER_BYTES,
            State::Head => HEAD_BYTES,
            State::Body(head) => head.stored_len as usize,
            State::End(_) | State::Refused(_) => 0,
        }
    }

    /// Takes the next piece, of exactly the length that was wanted. A shorter one means that the
    /// file ended there; bytes where none are wanted at the end are trailing.
    ///
    /// # Errors
    /// [`FormatError`]. Whatever was wrong once stays wrong: later calls give the same error.
    pub fn accept(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let accepted = self.step(bytes);
        if let Err(error) = &accepted {
            self.state = State::Refused(error.clone());
            self.block.clear();
            self.taken = 0;
        }
        accepted
    }

    /// What the header says, once it was accepted.
    pub fn header(&self) -> Option<&SnapshotHeader> {
        self.header.as_ref()
    }

    /// The format of the records, once the header was accepted.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The next entry of the block that was accepted last: key and record. None where bytes are
    /// wanted, at the end, and after an error.
    pub fn next_entry(&mut self) -> Option<(&[u8], &[u8])> {
        let (key, record, rest) = split_entry(self.block.get(self.taken..)?)?;
        self.taken = self.block.len() - rest.len();
        Some((key, record))
    }

    /// Whether all was read and checked, up to the end of the footer. Every entry is taken then:
    /// no piece is accepted before the entries of the one before are.
    pub fn is_at_end(&self) -> bool {
        matches!(self.state, State::End(_))
    }

    /// The footer of a snapshot that was read as a whole.
    ///
    /// # Errors
    /// [`FormatError::Unread`] where something is still to be read or taken, and the first error
    /// where there was one.
    pub fn finish(self) -> Result<SnapshotFooter, FormatError> {
        match self.state {
            State::End(footer) => Ok(footer),
            State::Refused(error) => Err(error),
            _ => Err(FormatError::Unread),
        }
    }

    fn has_entry(&self) -> bool {
        self.taken < self.block.len()
    }

    fn step(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        if self.has_entry() {
            return Err(FormatError::Unread);
        }
        if bytes.len() < self.wanted() {
            return Err(FormatError::Cut { frame: self.blocks });
        }
        self.state = match &self.state {
            State::Header => self.accept_header(bytes)?,
            State::Head => self.accept_head(bytes)?,
            State::Body(head) => {
                let head = *head;
                self.accept_body(&head, bytes)?
            }
            State::End(_) if !bytes.is_empty() => return Err(FormatError::Trailing),
            State::End(footer) => State::End(*footer),
            State::Refused(error) => return Err(error.clone()),
        };
        Ok(())
    }

    fn accept_header(&mut self, bytes: &[u8]) -> Result<State, FormatError> {
        let Some((magic, _)) = bytes.split_first_chunk::<8>() else {
            return Err(FormatError::Magic);
        };
        if *magic != MAGIC {
            return Err(FormatError::Magic);
        }
        let version = u32_at(bytes, 8);
        self.format = Format::numbered(version).ok_or(FormatError::Version { version })?;
        let (body, crc) = bytes.split_at(HEADER_BYTES - 4);
        self.header_crc = crc32c::crc32c(body);
        if crc != self.header_crc.to_le_bytes() {
            return Err(FormatError::Header);
        }
        let log_id = u128::from_be_bytes(bytes[12..28].try_into().unwrap_or_default());
        let position = Position(u64_at(bytes, 28));
        self.header = Some(SnapshotHeader { log_id: Uuid::from_u128(log_id), position });
        Ok(State::Head)
    }

    fn accept_head(&self, bytes: &[u8]) -> Result<State, FormatError> {
        let bytes = bytes.try_into().map_err(|_| self.refused("has a head of another length"))?;
        let Some(head) = Head::decode(bytes, self.header_crc) else {
            return Err(self.refused("has a head that fails its checksum"));
        };
        if head.sequence != self.blocks {
            return Err(self.refused("is out of sequence"));
        }
        let lengths_are_possible = match head.kind {
            KIND_BLOCK => block_lengths_are_possible(&head),
            KIND_FOOTER => {
                let body = FOOTER_BODY_BYTES as u32;
                (head.raw_len, head.stored_len, head.entries) == (body, body, 0)
            }
            _ => return Err(self.refused("is neither a block nor the footer")),
        };
        if !lengths_are_possible {
            return Err(self.refused("has lengths that are not possible"));
        }
        Ok(State::Body(head))
    }

    fn accept_body(&mut self, head: &Head, bytes: &[u8]) -> Result<State, FormatError> {
        if bytes.len() != head.stored_len as usize {
            return Err(self.refused("has a body of another length"));
        }
        if crc32c::crc32c(bytes) != head.body_crc {
            return Err(self.refused("has a body that fails its checksum"));
        }
        if head.kind == KIND_FOOTER {
            return self.accept_footer(bytes);
        }
        self.taken = 0;
        self.block = decompress(head, bytes)
            .ok_or_else(|| self.refused("has a body that can't be decompressed"))?;
        if count_entries(&self.block) != Some(head.entries) {
            return Err(self.refused("has entries that don't fill it"));
        }
        self.entries += u64::from(head.entries);
        self.blocks += 1;
        Ok(State::Head)
    }

    fn accept_footer(&self, body: &[u8]) -> Result<State, FormatError> {
        let (numbers, rest) = body.split_at(4 * 8);
        let (has_digest, rest) = rest.split_at(1);
        let (digest, end_magic) = rest.split_at(Digest::BYTES);
        let digest = Digest::from_bytes(digest.try_into().unwrap_or_default());
        let digest = match has_digest {
            [1] => Some(digest),
            [0] if digest == Digest::ZERO => None,
            _ => return Err(self.refused("has a digest both there and not there")),
        };
        if end_magic != END_MAGIC {
            return Err(self.refused("doesn't end as a footer does"));
        }
        let entries = u64_at(numbers, 8);
        if entries != self.entries {
            return Err(self.refused("counts other entries than there are"));
        }
        let barrier = Position(u64_at(numbers, 0));
        if self.header.is_none_or(|header| barrier < header.position) {
            return Err(self.refused("has a barrier before the snapshot's position"));
        }
        let end = SnapshotEnd {
            barrier,
            time: Timestamp(u64_at(numbers, 16)),
            archived: u64_at(numbers, 24),
            digest,
        };
        Ok(State::End(SnapshotFooter { end, entries, blocks: self.blocks }))
    }

    fn refused(&self, problem: &'static str) -> FormatError {
        FormatError::Frame { frame: self.blocks, problem }
    }
}

fn block_lengths_are_possible(head: &Head) -> bool {
    let raw_len = head.raw_len as usize;
    let raw_len_max = match head.entries {
        0 => 0,
        1 => ENTRY_HEAD_BYTES + KEY_BYTES_MAX + RECORD_BYTES_MAX,
        _ => BLOCK_BYTES_MAX,
    };
    raw_len > 0
        && raw_len <= raw_len_max
        && head.stored_len <= head.raw_len
        && u64::from(head.raw_len) <= u64::from(head.stored_len) * LZ4_RATIO_MAX
}

fn decompress(head: &Head, stored: &[u8]) -> Option<Vec<u8>> {
    if head.stored_len == head.raw_len {
        return Some(stored.to_vec());
    }
    let mut raw = vec![0; head.raw_len as usize];
    let bytes = lz4_flex::block::decompress_into(stored, &mut raw).ok()?;
    (bytes == raw.len()).then_some(raw)
}

/// How many entries fill a block exactly; none where they don't.
fn count_entries(mut block: &[u8]) -> Option<u32> {
    let mut entries = 0;
    while !block.is_empty() {
        let (key, record, rest) = split_entry(block)?;
        check_entry(key, record).ok()?;
        block = rest;
        entries += 1;
    }
    Some(entries)
}

fn split_entry(block: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, rest) = block.split_first_chunk::<ENTRY_HEAD_BYTES>()?;
    let (key, rest) = rest.split_at_checked(u32_at(head, 0) as usize)?;
    let (record, rest) = rest.split_at_checked(u32_at(head, 4) as usize)?;
    Some((key, record, rest))
}
