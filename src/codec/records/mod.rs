//! Records: what entities durably are, as bytes.
//!
//! Snapshots and the archive hold them, shards keep passive entities as them, and the digest hashes
//! them. So there is one current format, in which everything is that this program compares, and
//! what was written in an older one is converted when it comes in:
//!
//! ```text
//!   snapshot of version 1 ──▶ read ──▶ convert ──▶ memory ──▶ snapshot of version 2
//!   archive of version 1 ──▶ rewritten when it is opened
//! ```
//!
//! Each format is a module of its own: the current one writes and reads, those before it only
//! read. A new one is one more module, and one more arm in [`decode`]. Events are another matter:
//! they stay in the log for ever as they were written, in [`v1`].
//!
//! Not here: which file says which format its records have; that is `snapshot_block`'s and
//! `archive_frame`'s.

mod fields;
mod format1;
mod format2;
#[cfg(test)]
mod tests;

use super::{CodecError, scratch, v1};
use crate::domain::calendar::Calendar;
use crate::domain::entity::{Entity, Summary};
use crate::domain::ids::{EntityKey, EntityKind};
use crate::domain::reservation::Reservation;
use crate::domain::sales_order::SalesOrder;
use crate::domain::stock_balance::StockBalance;

/// A format of records, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// As entities were in memory.
    One = 1,
    /// What is said once isn't said again.
    Two = 2,
}

impl Format {
    /// The one that is written.
    pub const CURRENT: Self = Self::Two;

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The format with this number, where this program knows it.
    pub fn numbered(number: u32) -> Option<Self> {
        [Self::One, Self::Two].into_iter().find(|format| u32::from(format.number()) == number)
    }
}

/// An aggregate that has records.
pub trait Recorded: format1::State + format2::State {}

impl<A: format1::State + format2::State> Recorded for A {}

/// The record of an entity.
pub fn encode<A: Recorded>(entity: &Entity<A>) -> Vec<u8> {
    encoded(entity, <[u8]>::to_vec)
}

/// Shows the record of an entity to `read`.
pub fn encoded<A: Recorded, R>(entity: &Entity<A>, read: impl FnOnce(&[u8]) -> R) -> R {
    scratch::with(|bytes| format2::encode_into(entity, bytes), read)
}

/// Reads a record of some format.
///
/// # Errors
/// [`CodecError`], where the bytes are no record of such an entity.
pub fn decode<A: Recorded>(format: Format, record: &[u8]) -> Result<Entity<A>, CodecError> {
    match format {
        Format::One => format1::decode(record),
        Format::Two => format2::decode(record),
    }
}

/// What the table should know of an entity with this record, of the current format: read from its
/// front alone, a tenth of the time that the whole takes.
///
/// # Errors
/// [`CodecError`], where the bytes don't begin like a record of such an entity.
pub fn summary<A: Recorded>(record: &[u8]) -> Result<Summary, CodecError> {
    format2::summary::<A>(record)
}

/// A record of some format in the current one. The key, as it is stored, says whose it is.
///
/// # Errors
/// [`CodecError`], where the bytes are no key or no record of such an entity.
pub fn convert(key: &[u8], format: Format, record: &[u8]) -> Result<Vec<u8>, CodecError> {
    let key: EntityKey = v1::decode(key)?;
    match key.kind() {
        EntityKind::StockBalance => Ok(encode::<StockBalance>(&decode(format, record)?)),
        EntityKind::Reservation => Ok(encode::<Reservation>(&decode(format, record)?)),
        EntityKind::SalesOrder => Ok(encode::<SalesOrder>(&decode(format, record)?)),
        EntityKind::Calendar => Ok(encode::<Calendar>(&decode(format, record)?)),
    }
}
