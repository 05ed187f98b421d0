//! Entries to bytes.
//!
//! Not here: writing them anywhere. The encoder appends to a buffer that the caller empties.

use super::{
    BLOCK_BYTES_MAX, END_MAGIC, ENTRY_HEAD_BYTES, FOOTER_BODY_BYTES, HEADER_BYTES, Head,
    KIND_BLOCK, KIND_FOOTER, MAGIC, SnapshotEnd, SnapshotFooter, SnapshotHeader,
};
use crate::codec::entry::{EntryError, check_entry};
use crate::codec::records::Format;

/// Turns one snapshot's entries into the bytes of its file.
///
/// Every function appends what is ready to `out`; what it appended before is not looked at, so
/// the caller may write it away and clear it.
#[derive(Debug)]
pub struct Encoder {
    header_crc: u32,
    /// The entries of the block that is being filled.
    block: Vec<u8>,
    block_entries: u32,
    blocks: u64,
    entries: u64,
}

impl Encoder {
    /// Begins with the header.
    pub fn new(header: &SnapshotHeader, out: &mut Vec<u8>) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&u32::from(Format::CURRENT.number()).to_le_bytes());
        bytes.extend_from_slice(header.log_id.as_bytes());
        bytes.extend_from_slice(&header.position.0.to_le_bytes());
        let header_crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&header_crc.to_le_bytes());
        out.append(&mut bytes);
        Self { header_crc, block: Vec::new(), block_entries: 0, blocks: 0, entries: 0 }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`EntryError`], where it is too large; then nothing has changed.
    pub fn put(&mut self, key: &[u8], record: &[u8], out: &mut Vec<u8>) -> Result<(), EntryError> {
        check_entry(key, record)?;
        let entry_bytes = ENTRY_HEAD_BYTES + key.len() + record.len();
        if self.block.len() + entry_bytes > BLOCK_BYTES_MAX {
            self.close_block(out);
        }
        self.block.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.block.extend_from_slice(&(record.len() as u32).to_le_bytes());
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(record);
        self.block_entries += 1;
        self.entries += 1;
        if self.block.len() >= BLOCK_BYTES_MAX {
            self.close_block(out);
        }
        Ok(())
    }

    /// Closes the last block and ends with the footer.
    pub fn finish(mut self, end: SnapshotEnd, out: &mut Vec<u8>) -> SnapshotFooter {
        self.close_block(out);
        let footer = SnapshotFooter { end, entries: self.entries, blocks: self.blocks };
        let body = encode_footer_body(&footer);
        let head = Head {
            kind: KIND_FOOTER,
            entries: 0,
            sequence: self.blocks,
            raw_len: body.len() as u32,
            stored_len: body.len() as u32,
            body_crc: crc32c::crc32c(&body),
        };
        out.extend_from_slice(&head.encode(self.header_crc));
        out.extend_from_slice(&body);
        footer
    }

    fn close_block(&mut self, out: &mut Vec<u8>) {
        if self.block.is_empty() {
            return;
        }
        let compressed = lz4_flex::block::compress(&self.block);
        let body = if compressed.len() < self.block.len() { &compressed } else { &self.block };
        let head = Head {
            kind: KIND_BLOCK,
            entries: self.block_entries,
            sequence: self.blocks,
            raw_len: self.block.len() as u32,
            stored_len: body.len() as u32,
            body_crc: crc32c::crc32c(body),
        };
        out.extend_from_slice(&head.encode(self.header_crc));
        out.extend_from_slice(body);
        self.block.clear();
        // One huge entity must not hold its memory until the end.
        self.block.shrink_to(BLOCK_BYTES_MAX);
        self.block_entries = 0;
        self.blocks += 1;
    }
}

fn encode_footer_body(footer: &SnapshotFooter) -> Vec<u8> {
    let end = &footer.end;
    let mut body = Vec::with_capacity(FOOTER_BODY_BYTES);
    body.extend_from_slice(&end.barrier.0.to_le_bytes());
    body.extend_from_slice(&footer.entries.to_le_bytes());
    body.extend_from_slice(&end.time.0.to_le_bytes());
    body.extend_from_slice(&end.archived.to_le_bytes());
    body.push(u8::from(end.digest.is_some()));
    body.extend_from_slice(&end.digest.unwrap_or_default().to_bytes());
    body.extend_from_slice(&END_MAGIC);
    body
}
