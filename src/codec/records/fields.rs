//! What records of format 2 are made of.
//!
//! ```text
//!  number      7 bits a byte, the lowest first; the highest bit of a byte says that more follow
//!  difference  value − base modulo 2^64, as a signed number, folded: 0, −1, 1, −2 … is 0, 1, 2, 3 …
//!  id          16 bytes
//!  marks       one byte, a bit for each thing that is there
//!  value       as events hold it: format 1 of the log
//! ```
//!
//! A difference is total: any value comes back, whatever the base was. Each number has one
//! spelling.

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::codec::{CodecError, v1};
use crate::domain::ids::Position;
use crate::domain::time::Timestamp;

const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

/// Appends fields.
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// After what is there.
    pub fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes }
    }

    /// A number.
    pub fn number(&mut self, mut number: u64) {
        while number >= u64::from(MORE) {
            self.bytes.push(number as u8 | MORE);
            number >>= BITS;
        }
        self.bytes.push(number as u8);
    }

    fn difference(&mut self, value: u64, base: u64) {
        let signed = value.wrapping_sub(base) as i64;
        self.number((signed << 1 ^ signed >> 63) as u64);
    }

    /// An instant near another.
    pub fn time(&mut self, time: Timestamp, base: Timestamp) {
        self.difference(time.0, base.0);
    }

    /// A position near another.
    pub fn position(&mut self, position: Position, base: Position) {
        self.difference(position.0, base.0);
    }

    /// 16 bytes.
    pub fn bytes(&mut self, bytes: &[u8; 16]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What is there.
    pub fn marks(&mut self, marks: u8) {
        self.bytes.push(marks);
    }

    /// Whatever has a stored form of its own.
    pub fn value(&mut self, value: &impl Serialize) {
        v1::encode_into(value, self.bytes);
    }
}

/// Takes fields off.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        let (byte, rest) = self.rest.split_first().ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// A number.
    pub fn number(&mut self) -> Result<u64, CodecError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(BITS as usize) {
            let byte = self.byte()?;
            let bits = u64::from(byte & !MORE);
            let is_last = byte & MORE == 0;
            if bits << shift >> shift != bits || (is_last && bits == 0 && shift > 0) {
                break;
            }
            number |= bits << shift;
            if is_last {
                return Ok(number);
            }
        }
        Err(malformed("a number of no such spelling"))
    }

    fn difference(&mut self, base: u64) -> Result<u64, CodecError> {
        let folded = self.number()?;
        let signed = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        Ok(base.wrapping_add(signed as u64))
    }

    /// An instant near another.
    pub fn time(&mut self, base: Timestamp) -> Result<Timestamp, CodecError> {
        self.difference(base.0).map(Timestamp)
    }

    /// A position near another.
    pub fn position(&mut self, base: Position) -> Result<Position, CodecError> {
        self.difference(base.0).map(Position)
    }

    /// 16 bytes.
    pub fn bytes(&mut self) -> Result<[u8; 16], CodecError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// 16 bytes that are an id.
    pub fn id(&mut self) -> Result<Uuid, CodecError> {
        self.bytes().map(Uuid::from_bytes)
    }

    /// What is there, of what there can be.
    pub fn marks(&mut self, known: u8) -> Result<Marks, CodecError> {
        match self.byte()? {
            marks if marks & !known == 0 => Ok(Marks(marks)),
            _ => Err(malformed("marks that mean nothing")),
        }
    }

    /// Whatever has a stored form of its own.
    pub fn value<T: DeserializeOwned>(&mut self) -> Result<T, CodecError> {
        let (value, read) = v1::decode_front(self.rest)?;
        self.rest = &self.rest[read..];
        Ok(value)
    }

    /// How many things follow, each of at least so many bytes.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize, CodecError> {
        let count = usize::try_from(self.number()?).ok();
        let possible = count.filter(|count| *count <= self.rest.len() / bytes_min);
        possible.ok_or_else(ends_early)
    }

    /// Nothing may follow.
    pub fn finish(self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(CodecError::Trailing { bytes }),
        }
    }
}

/// Says what is there.
#[derive(Clone, Copy, Default)]
pub struct Marks(u8);

impl Marks {
    /// Of what has none.
    pub const NONE: Self = Self(0);

    /// Whether this is there.
    pub fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    /// Whether nothing is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn ends_early() -> CodecError {
    malformed("an end that comes too early")
}

pub fn malformed(what: &str) -> CodecError {
    CodecError::Malformed(what.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn small_numbers_and_near_values_are_short() {
        for (number, bytes) in [(0, 1), (127, 1), (128, 2), (1 << 41, 6), (u64::MAX, 10)] {
            assert_eq!(written(|writer| writer.number(number)).len(), bytes, "{number}");
        }
        let folded = |value, base| written(|writer| writer.difference(value, base));
        assert_eq!([folded(7, 7), folded(6, 7), folded(8, 7)], [[0], [1], [2]]);
    }

    #[test]
    fn a_number_has_one_spelling() {
        let refused: [&[u8]; 5] = [&[], &[0x80], &[0x85, 0], &[0xff; 10], &[0xff; 11]];
        for bytes in refused {
            assert!(Reader::new(bytes).number().is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_difference_comes_back(value: u64, base: u64) {
            let bytes = written(|writer| writer.difference(value, base));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.difference(base), Ok(value));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
