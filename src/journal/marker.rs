//! How far the log was durable when the process last knew.
//!
//! A segment's database cuts a torn end off silently when it is opened. The marker tells what it
//! may not have cut. It is rewritten in place after each sync and never synced itself: it only
//! has to survive a crash of the process. After a power cut it may be old, which is harmless, or
//! torn, which its checksum shows.
//!
//! ```text
//!  0            8            16        20         24
//!  ┌────────────┬────────────┬─────────┬──────────┐
//!  │ "hfmark1\n"│ position   │ chain   │ checksum │   little-endian; CRC32C of bytes 0..20
//!  └────────────┴────────────┴─────────┴──────────┘
//! ```
//!
//! Not here: comparing it with the log. Stores do that when they open.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::codec::page::Chain;
use crate::domain::ids::Position;

const MAGIC: &[u8; 8] = b"hfmark1\n";
const BYTES: usize = 24;

/// The last durable position and the chain value after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// The last position of a commit that was synced.
    pub position: Position,
    /// The chain value after that commit.
    pub chain: Chain,
}

/// What was found where the marker should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerFound {
    /// One whose checksum fits.
    Whole(Marker),
    /// None: a new log, or somebody removed it.
    Absent,
    /// One that is torn, as after a power cut. It counts as absent.
    Torn,
}

impl MarkerFound {
    /// The marker, where it can be believed.
    pub fn whole(self) -> Option<Marker> {
        match self {
            Self::Whole(marker) => Some(marker),
            Self::Absent | Self::Torn => None,
        }
    }
}

/// Reads a marker, and changes nothing.
pub(super) fn read(path: &Path) -> io::Result<MarkerFound> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(BYTES as u64 + 1).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(MarkerFound::Absent),
        Err(error) => return Err(error),
    };
    Ok(decode(&bytes).map_or(MarkerFound::Torn, MarkerFound::Whole))
}

/// The marker's file, open for rewriting.
#[derive(Debug)]
pub(super) struct MarkerFile(File);

impl MarkerFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(false).open(path).map(Self)
    }

    pub(super) fn write(&self, marker: Marker) -> io::Result<()> {
        self.0.write_all_at(&encode(marker), 0)
    }

    /// Makes the file as long as a marker is, whatever was there.
    pub(super) fn trim(&self) -> io::Result<()> {
        self.0.set_len(BYTES as u64)
    }
}

fn encode(marker: Marker) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&marker.position.0.to_le_bytes());
    bytes[16..20].copy_from_slice(&marker.chain.0.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..20]);
    bytes[20..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Marker> {
    let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
    let number =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..20]) != number(20) {
        return None;
    }
    let position = u64::from(number(8)) | u64::from(number(12)) << 32;
    Some(Marker { position: Position(position), chain: Chain(number(16)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: Marker = Marker { position: Position(0x0102_0304_0506), chain: Chain(7) };

    #[test]
    fn a_marker_comes_back() {
        assert_eq!(decode(&encode(MARKER)), Some(MARKER));
    }

    #[test]
    fn a_changed_or_cut_marker_is_not_believed() {
        let bytes = encode(MARKER);
        for at in 0..BYTES {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert_eq!(decode(&changed), None, "byte {at}");
            assert_eq!(decode(&bytes[..at]), None, "cut to {at}");
        }
    }
}
