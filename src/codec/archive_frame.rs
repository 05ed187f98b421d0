//! What the archive stores: a frame around each record, and the running totals.
//!
//! ```text
//!  value    │ version │ crc │ record …                        │
//!  bytes    │    1    │  4  │                                 │
//!
//!  totals   │ version │ crc │ entities │ digest, big-endian   │
//!  bytes    │    1    │  4  │    8     │        32            │
//! ```
//!
//! A value's version is that of its record ([`Format`]), and that of the totals the oldest that may
//! be among the records: totals of an older one mean that the archive isn't converted yet, or not
//! to its end, and that their digest is over other bytes than are there now.
//!
//! Numbers are little-endian. `crc` is CRC32C: of a value over the version, the key and the
//! record, so that a record that turns up under another key is refused like a damaged one; of
//! the totals over the version and all that follows the checksum.
//!
//! Not here: where the bytes are kept.

use super::CodecError;
use super::digest::Digest;
use super::records::Format;

const HEAD_BYTES: usize = 5;
const TOTALS_BYTES: usize = HEAD_BYTES + 8 + Digest::BYTES;

/// Why stored bytes are not what was put there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end too early, or go on.
    #[error("has {bytes} bytes, which is no length for it")]
    Length {
        /// How many there are.
        bytes: usize,
    },
    /// Written by a program that knows more, or damaged.
    #[error(
        "has format version {version}, and this program reads only up to {}",
        Format::CURRENT.number()
    )]
    Version {
        /// What the first byte says.
        version: u8,
    },
    /// Of an older format than the archive as a whole.
    #[error("has format version {}, in an archive of version {}", .found.number(), Format::CURRENT.number())]
    Older {
        /// Its own format.
        found: Format,
    },
    /// Damaged, or another key's.
    #[error("fails its checksum")]
    Checksum,
    /// Whole, but no record.
    #[error("holds a record that {0}")]
    Record(CodecError),
}

/// How many entities the archive holds, and the digest over them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entities.
    pub entities: u64,
    /// The sum over their keys and records.
    pub digest: Digest,
}

impl Totals {
    /// Counts one more entity in.
    pub fn add(&mut self, key: &[u8], record: &[u8]) {
        self.entities += 1;
        self.digest.add(key, record);
    }
}

fn head(crc: u32) -> [u8; HEAD_BYTES] {
    let crc = crc.to_le_bytes();
    [Format::CURRENT.number(), crc[0], crc[1], crc[2], crc[3]]
}

/// Splits version and checksum off.
fn split(frame: &[u8]) -> Result<(Format, u32, &[u8]), FrameError> {
    let Some((head, body)) = frame.split_first_chunk::<HEAD_BYTES>() else {
        return Err(FrameError::Length { bytes: frame.len() });
    };
    let [version, crc @ ..] = *head;
    let format = Format::numbered(version.into()).ok_or(FrameError::Version { version })?;
    Ok((format, u32::from_le_bytes(crc), body))
}

fn value_crc(format: Format, key: &[u8], record: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&[format.number()]);
    crc32c::crc32c_append(crc32c::crc32c_append(crc, key), record)
}

/// The bytes to store under a key, of a record of the current format.
pub fn encode_value(key: &[u8], record: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD_BYTES + record.len());
    value.extend_from_slice(&head(value_crc(Format::CURRENT, key, record)));
    value.extend_from_slice(record);
    value
}

/// The record in bytes that were stored under this key, and its format.
///
/// # Errors
/// [`FrameError`], where they are not what was put there under this key.
pub fn decode_value<'a>(key: &[u8], value: &'a [u8]) -> Result<(Format, &'a [u8]), FrameError> {
    let (format, crc, record) = split(value)?;
    if crc != value_crc(format, key, record) {
        return Err(FrameError::Checksum);
    }
    Ok((format, record))
}

/// The record in bytes that were stored under this key, in an archive of the current format.
///
/// # Errors
/// [`FrameError`], where they are not what was put there under this key.
pub fn decode_current<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], FrameError> {
    match decode_value(key, value)? {
        (Format::CURRENT, record) => Ok(record),
        (found, _) => Err(FrameError::Older { found }),
    }
}

fn totals_crc(format: Format, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[format.number()]), body)
}

/// The bytes of the totals.
pub fn encode_totals(totals: &Totals) -> Vec<u8> {
    let mut body = Vec::with_capacity(TOTALS_BYTES);
    body.extend_from_slice(&totals.entities.to_le_bytes());
    body.extend_from_slice(&totals.digest.to_bytes());
    let mut frame = head(totals_crc(Format::CURRENT, &body)).to_vec();
    frame.append(&mut body);
    frame
}

/// The totals in stored bytes, and their format.
///
/// # Errors
/// [`FrameError`], where they are not what was stored.
pub fn decode_totals(frame: &[u8]) -> Result<(Format, Totals), FrameError> {
    let (format, crc, body) = split(frame)?;
    let Some((entities, digest)) = body.split_first_chunk::<8>() else {
        return Err(FrameError::Length { bytes: frame.len() });
    };
    let Ok(digest) = <[u8; Digest::BYTES]>::try_from(digest) else {
        return Err(FrameError::Length { bytes: frame.len() });
    };
    if crc != totals_crc(format, body) {
        return Err(FrameError::Checksum);
    }
    let entities = u64::from_le_bytes(*entities);
    Ok((format, Totals { entities, digest: Digest::from_bytes(digest) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals() -> Totals {
        let mut totals = Totals::default();
        totals.add(b"key", b"record");
        totals
    }

    #[test]
    fn frames_of_version_1_are_read_and_told_from_current_ones() {
        let value = b"\x01\x06\x45\x86\x1erecord";
        assert_eq!(decode_value(b"key", value), Ok((Format::One, &b"record"[..])));
        assert_eq!(decode_current(b"key", value), Err(FrameError::Older { found: Format::One }));
        let mut frame = b"\x01\xc8\x07\x49\x6d\x01\0\0\0\0\0\0\0".to_vec();
        frame.extend_from_slice(&Digest::of(b"key", b"record").to_bytes());
        assert_eq!(decode_totals(&frame), Ok((Format::One, totals())));
    }

    #[test]
    fn frames_of_version_2_keep_their_bytes() {
        let value = encode_value(b"key", b"record");
        assert_eq!(value, b"\x02\x18\xbf\x90\x46record");
        let frame = encode_totals(&totals());
        assert_eq!(frame[..13], *b"\x02\x29\x5f\x9f\xa2\x01\0\0\0\0\0\0\0");
        assert_eq!(frame[13..], Digest::of(b"key", b"record").to_bytes());
    }

    #[test]
    fn a_later_version_is_refused() {
        let mut value = encode_value(b"key", b"record");
        value[0] = Format::CURRENT.number() + 1;
        let version = value[0];
        assert_eq!(decode_value(b"key", &value), Err(FrameError::Version { version }));
    }

    #[test]
    fn what_was_framed_is_read_back() {
        let value = encode_value(b"key", b"");
        assert_eq!(decode_current(b"key", &value), Ok(&b""[..]));
        assert_eq!(decode_totals(&encode_totals(&totals())), Ok((Format::CURRENT, totals())));
    }

    #[test]
    fn any_flipped_bit_or_cut_is_refused() {
        let value = encode_value(b"key", b"record");
        let frame = encode_totals(&totals());
        for (frame, refused) in [
            (&value, (|b| decode_value(b"key", b).is_err()) as fn(&[u8]) -> bool),
            (&frame, |b| decode_totals(b).is_err()),
        ] {
            for bit in 0..frame.len() * 8 {
                let mut damaged = frame.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(refused(&damaged), "bit {bit}");
            }
            for bytes in 0..frame.len() {
                assert!(refused(&frame[..bytes]), "cut to {bytes} bytes");
            }
        }
    }

    #[test]
    fn a_record_under_another_key_is_refused() {
        let value = encode_value(b"key", b"record");
        assert_eq!(decode_value(b"yek", &value), Err(FrameError::Checksum));
    }
}
