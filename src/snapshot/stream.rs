//! Snapshots to and from anything that takes or gives bytes.
//!
//! Memory is bounded by one block and the largest entity.
//!
//! Not here: names, and what makes bytes durable.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::store::{SnapshotError, SnapshotInfo, SnapshotSource};
use crate::codec::entry::Entry;
use crate::codec::records::Format;
use crate::codec::snapshot_block::{
    BLOCK_BYTES_MAX, Decoder, Encoder, FormatError, SnapshotEnd, SnapshotFooter, SnapshotHeader,
};
use crate::domain::ids::Position;

/// Writes one snapshot.
pub(super) struct Writer<W> {
    name: PathBuf,
    header: SnapshotHeader,
    encoder: Encoder,
    /// Encoded and not written yet.
    pending: Vec<u8>,
    bytes: u64,
    has_failed: bool,
    to: W,
}

impl<W: Write> Writer<W> {
    /// Begins with the header, which is written with the first block.
    pub(super) fn new(name: PathBuf, header: SnapshotHeader, to: W) -> Self {
        let mut pending = Vec::new();
        let encoder = Encoder::new(&header, &mut pending);
        Self { name, header, encoder, pending, bytes: 0, has_failed: false, to }
    }

    pub(super) fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), SnapshotError> {
        self.check_not_failed()?;
        let encoded = self.encoder.put(key, record, &mut self.pending);
        if let Err(source) = encoded {
            self.has_failed = true;
            return Err(SnapshotError::Entry { name: name_of(&self.name), source });
        }
        if self.pending.len() >= BLOCK_BYTES_MAX / 2 {
            self.write_pending()?;
        }
        Ok(())
    }

    /// Ends with the footer, and gives back what was written to.
    pub(super) fn finish(self, end: SnapshotEnd) -> Result<(W, SnapshotInfo), SnapshotError> {
        self.check_not_failed()?;
        let position = self.header.position;
        if end.barrier < position {
            let (name, barrier) = (name_of(&self.name), end.barrier);
            return Err(SnapshotError::Barrier { name, position, barrier });
        }
        let Self { name, header, encoder, mut pending, bytes, mut to, .. } = self;
        let footer = encoder.finish(end, &mut pending);
        to.write_all(&pending).map_err(|source| write_failed(&name, source))?;
        let bytes = bytes + pending.len() as u64;
        Ok((to, SnapshotInfo { header, footer, bytes }))
    }

    fn check_not_failed(&self) -> Result<(), SnapshotError> {
        if self.has_failed {
            return Err(SnapshotError::GivenUp { name: name_of(&self.name) });
        }
        Ok(())
    }

    fn write_pending(&mut self) -> Result<(), SnapshotError> {
        if let Err(source) = self.to.write_all(&self.pending) {
            self.has_failed = true;
            return Err(write_failed(&self.name, source));
        }
        self.bytes += self.pending.len() as u64;
        self.pending.clear();
        self.pending.shrink_to(2 * BLOCK_BYTES_MAX);
        Ok(())
    }
}

/// Reads one snapshot.
pub(super) struct Reader<R> {
    name: PathBuf,
    header: SnapshotHeader,
    decoder: Decoder,
    /// The piece that was read last.
    piece: Vec<u8>,
    has_failed: bool,
    is_finished: bool,
    from: R,
}

impl<R: Read> Reader<R> {
    /// Reads the header, and refuses a snapshot of another position or another log.
    pub(super) fn open(
        name: PathBuf,
        expected: SnapshotHeader,
        from: R,
    ) -> Result<Self, SnapshotError> {
        let mut reader = Self {
            name,
            header: expected,
            decoder: Decoder::new(),
            piece: Vec::new(),
            has_failed: false,
            is_finished: false,
            from,
        };
        reader.read_piece()?;
        let found = reader.decoder.header().copied();
        reader.check_header(found.ok_or_else(|| reader.damaged(FormatError::Header))?)?;
        Ok(reader)
    }

    fn check_header(&self, found: SnapshotHeader) -> Result<(), SnapshotError> {
        let name = name_of(&self.name);
        let expected = self.header;
        if found.log_id != expected.log_id {
            let (found, expected): (Uuid, Uuid) = (found.log_id, expected.log_id);
            return Err(SnapshotError::OtherLog { name, found, expected });
        }
        if found.position != expected.position {
            let position: Position = found.position;
            return Err(SnapshotError::Misnamed { name, position });
        }
        Ok(())
    }

    fn damaged(&self, source: FormatError) -> SnapshotError {
        SnapshotError::Damaged { name: name_of(&self.name), source }
    }

    /// Reads what the decoder wants; at the end, whatever there may be after it.
    fn read_piece(&mut self) -> Result<(), SnapshotError> {
        let wanted = if self.decoder.is_at_end() { 1 } else { self.decoder.wanted() };
        let read = self.read_up_to(wanted);
        if let Err(source) = read {
            return Err(SnapshotError::Io { action: "read", path: self.name.clone(), source });
        }
        let accepted = self.decoder.accept(&self.piece);
        accepted.map_err(|source| self.damaged(source))
    }

    /// Fills the piece as far as there are bytes, so that a length that lies costs nothing.
    fn read_up_to(&mut self, bytes: usize) -> io::Result<()> {
        self.piece.clear();
        self.piece.shrink_to(BLOCK_BYTES_MAX);
        self.from.by_ref().take(bytes as u64).read_to_end(&mut self.piece).map(|_| ())
    }

    fn advance(&mut self) -> Result<Option<Entry>, SnapshotError> {
        loop {
            if let Some((key, record)) = self.decoder.next_entry() {
                return Ok(Some((key.to_vec(), record.to_vec())));
            }
            if self.is_finished {
                return Ok(None);
            }
            // The piece after the end finds out whether there are trailing bytes.
            let was_at_end = self.decoder.is_at_end();
            self.read_piece()?;
            self.is_finished = was_at_end;
        }
    }
}

impl<R: Read + Send> SnapshotSource for Reader<R> {
    fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    fn format(&self) -> Format {
        self.decoder.format()
    }

    fn next(&mut self) -> Result<Option<Entry>, SnapshotError> {
        if self.has_failed {
            return Err(SnapshotError::GivenUp { name: name_of(&self.name) });
        }
        let next = self.advance();
        self.has_failed = next.is_err();
        next
    }

    fn finish(self: Box<Self>) -> Result<SnapshotFooter, SnapshotError> {
        if self.has_failed || !self.is_finished {
            return Err(self.damaged(FormatError::Unread));
        }
        let name = name_of(&self.name);
        self.decoder.finish().map_err(|source| SnapshotError::Damaged { name, source })
    }
}

fn write_failed(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::Io { action: "write to", path: path.to_owned(), source }
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use crate::domain::time::Timestamp;

    use super::*;

    /// A disk with room for so many bytes.
    struct SmallDisk {
        bytes_left: usize,
    }

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.bytes_left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = bytes.len().min(self.bytes_left);
            self.bytes_left -= written;
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer(bytes_left: usize) -> Writer<SmallDisk> {
        let header = SnapshotHeader { log_id: Uuid::nil(), position: Position(1) };
        Writer::new(PathBuf::from("a/file.snap.tmp"), header, SmallDisk { bytes_left })
    }

    fn end() -> SnapshotEnd {
        SnapshotEnd { barrier: Position(1), time: Timestamp(1), archived: 0, digest: None }
    }

    /// So random that it doesn't shrink.
    fn record(n: u32) -> Vec<u8> {
        let hash = |seed| xxhash_rust::xxh3::xxh3_64_with_seed(&n.to_le_bytes(), seed);
        (0..1000).flat_map(|seed| hash(seed).to_le_bytes()).collect()
    }

    #[test]
    fn a_full_disk_ends_the_snapshot_with_an_error_that_names_the_file() {
        let mut writer = writer(100_000);
        let error = (0..100).find_map(|n| writer.put(b"key", &record(n)).err()).unwrap();
        let text = error.to_string();
        assert!(text.contains("could not write to a/file.snap.tmp"), "{text}");
        assert!(text.contains("check that the disk has room"), "{text}");
        assert!(matches!(writer.put(b"key", b""), Err(SnapshotError::GivenUp { .. })));
        assert!(matches!(writer.finish(end()), Err(SnapshotError::GivenUp { .. })));
    }

    #[test]
    fn a_disk_that_is_full_at_the_footer_gives_no_snapshot() {
        let mut writer = writer(100);
        writer.put(b"key", b"record").unwrap();
        assert!(matches!(writer.finish(end()), Err(SnapshotError::Io { .. })));
    }

    /// Says no once, when so many bytes were read, and then goes on as if nothing had been.
    struct Hiccup<'a> {
        bytes: &'a [u8],
        until: Option<usize>,
    }

    impl Read for Hiccup<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.until == Some(0) {
                self.until = None;
                return Err(io::Error::other("told to fail"));
            }
            let length = buffer.len().min(self.until.unwrap_or(usize::MAX));
            let read = self.bytes.read(&mut buffer[..length])?;
            self.until = self.until.map(|until| until - read);
            Ok(read)
        }
    }

    #[test]
    fn a_disk_that_fails_once_while_it_is_read_gives_no_state() {
        let header = SnapshotHeader { log_id: Uuid::nil(), position: Position(1) };
        let mut whole = Writer::new(PathBuf::from("whole"), header, Vec::new());
        whole.put(b"key", b"record").unwrap();
        let (bytes, _) = whole.finish(end()).unwrap();
        for until in 0..=bytes.len() {
            let from = Hiccup { bytes: &bytes, until: Some(until) };
            let Ok(reader) = Reader::open(PathBuf::from("whole"), header, from) else {
                continue;
            };
            let mut source: Box<dyn SnapshotSource + '_> = Box::new(reader);
            let error = (0..2).find_map(|_| source.next().err());
            assert!(matches!(error, Some(SnapshotError::Io { .. })), "after {until}: {error:?}");
            assert!(source.next().is_err(), "after {until}");
            assert!(source.finish().is_err(), "after {until}");
        }
    }

    #[test]
    fn what_waits_to_be_written_is_bounded() {
        let mut writer = writer(usize::MAX);
        for n in 0..200 {
            writer.put(b"key", &record(n)).unwrap();
            assert!(writer.pending.capacity() <= 4 * BLOCK_BYTES_MAX);
        }
        writer.put(b"key", &vec![7; 100 * BLOCK_BYTES_MAX]).unwrap();
        assert!(writer.pending.capacity() <= 4 * BLOCK_BYTES_MAX);
    }
}
