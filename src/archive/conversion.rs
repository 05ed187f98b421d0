//! Brings an archive into the current format, before anything else is done with it.
//!
//! ```text
//!   totals of an older version
//!     ──▶ some frames ──▶ those of an older version written anew, synced ──▶ the next …
//!                                     ──▶ totals of the current version, synced
//! ```
//!
//! The version of the totals is the archive's. As long as it is an older one there may be frames of
//! both, and an opening goes through all of them and rewrites what is still old: so a crash may
//! come at any moment. The totals are made anew on the way, over the bytes that are there then.
//!
//! Memory is bounded by a batch. On disk, old and new are there together until the tree has merged
//! them.
//!
//! Not here: what is in a record.

use super::{ArchiveError, BoxedError, damaged_record, failed};
use crate::codec::archive_frame::{FrameError, Totals, decode_value, encode_value};
use crate::codec::entry::Entry;
use crate::codec::records::{self, Format};

/// How much is read and written at once.
const BATCH_BYTES: usize = 1024 * 1024;
/// How often it is said how far it has come.
const TELL_EVERY: u64 = 100_000;

/// The stored bytes of an archive that nobody else uses.
pub(super) trait Frames {
    /// The first frames behind a key, in the order of the keys, with at least so many bytes
    /// together; all that are left where there are fewer.
    fn after(&self, key: Option<&[u8]>, bytes: usize) -> Result<Vec<Entry>, BoxedError>;

    /// Puts frames in the place of others: all or none, durable on return.
    fn replace(&self, frames: Vec<Entry>) -> Result<(), BoxedError>;

    /// Puts the totals in the place of the old ones, durably.
    fn finish(&self, totals: &Totals) -> Result<(), BoxedError>;
}

/// Converts what an interrupted conversion has left, or all; gives the new totals.
///
/// # Errors
/// [`ArchiveError`], where frames can't be read or written, where one is damaged, and where there
/// are fewer than were counted.
pub(super) fn convert(
    frames: &impl Frames,
    place: &str,
    counted: u64,
) -> Result<Totals, ArchiveError> {
    let format = Format::CURRENT.number();
    tracing::info!(place, format, entities = counted, "the archive is being converted");
    let mut totals = Totals::default();
    let mut last: Option<Vec<u8>> = None;
    loop {
        let batch = frames.after(last.as_deref(), BATCH_BYTES).map_err(failed("read", place))?;
        let Some((key, _)) = batch.last() else { break };
        last = Some(key.clone());
        let before = totals.entities;
        let replaced = convert_batch(&batch, place, &mut totals)?;
        if !replaced.is_empty() {
            frames.replace(replaced).map_err(failed("convert", place))?;
        }
        if before / TELL_EVERY < totals.entities / TELL_EVERY {
            tracing::info!(done = totals.entities, of = counted, "the archive is being converted");
        }
    }
    if totals.entities < counted {
        let (place, found) = (place.to_owned(), totals.entities);
        return Err(ArchiveError::Lost { place, counted, found });
    }
    frames.finish(&totals).map_err(failed("convert", place))?;
    tracing::info!(place, format, entities = totals.entities, "the archive has been converted");
    Ok(totals)
}

/// The frames to be replaced; counts all of the batch as they are then.
fn convert_batch(
    batch: &[Entry],
    place: &str,
    totals: &mut Totals,
) -> Result<Vec<Entry>, ArchiveError> {
    let mut replaced = Vec::new();
    for (key, value) in batch {
        let damaged = |error| damaged_record(place, key, error);
        let (format, record) = decode_value(key, value).map_err(damaged)?;
        if format == Format::CURRENT {
            totals.add(key, record);
            continue;
        }
        let converted = records::convert(key, format, record);
        let record = converted.map_err(|error| damaged(FrameError::Record(error)))?;
        totals.add(key, &record);
        replaced.push((key.clone(), encode_value(key, &record)));
    }
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::*;
    use crate::codec::v1;
    use crate::domain::ids::{EntityKey, ResourceKey, StockKey};
    use crate::domain::name::{Location, Sku, TenantId};

    /// Of a balance at version 1: created, updated, on hand; the rest is in another order.
    const OLD: [u8; 10] = [5, 7, 3, 0, 0, 1, 9, 0, 0, 0];
    const NEW: [u8; 10] = [5, 4, 3, 0, 0, 1, 9, 0, 0, 0];
    const ENTITIES: u64 = 7;

    fn key(n: u64) -> Vec<u8> {
        let (sku, location) = (Sku::new(&format!("{n}")).unwrap(), Location::new("").unwrap());
        let key = ResourceKey::Stock(StockKey { sku, location });
        v1::encode(&EntityKey::resource(&TenantId::default_tenant(), key))
    }

    /// As version 1 had it.
    fn old_frame(key: &[u8], record: &[u8]) -> Vec<u8> {
        let crc = [&[1], key, record].iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
        [&[1], &crc.to_le_bytes()[..], record].concat()
    }

    type Stored = BTreeMap<Vec<u8>, Vec<u8>>;

    /// A few frames, and a disk that fails after so many writes.
    struct Desk {
        frames: RefCell<Stored>,
        totals: Cell<Option<Totals>>,
        writes_left: Cell<usize>,
        frames_a_batch: usize,
    }

    impl Desk {
        fn of_version_1() -> Self {
            let frame = |n| (key(n), old_frame(&key(n), &OLD));
            Self {
                frames: RefCell::new((0..ENTITIES).map(frame).collect()),
                totals: Cell::new(None),
                writes_left: Cell::new(usize::MAX),
                frames_a_batch: 2,
            }
        }

        fn write(&self) -> Result<(), BoxedError> {
            let left = self.writes_left.get().checked_sub(1).ok_or("told to fail")?;
            self.writes_left.set(left);
            Ok(())
        }

        fn convert(&self) -> Result<Totals, ArchiveError> {
            convert(self, "desk", ENTITIES)
        }
    }

    impl Frames for Desk {
        fn after(&self, key: Option<&[u8]>, _: usize) -> Result<Vec<Entry>, BoxedError> {
            let frames = self.frames.borrow();
            let behind =
                frames.iter().filter(|(other, _)| key.is_none_or(|key| key < other.as_slice()));
            let some = behind.take(self.frames_a_batch);
            Ok(some.map(|(key, value)| (key.clone(), value.clone())).collect())
        }

        fn replace(&self, frames: Vec<Entry>) -> Result<(), BoxedError> {
            self.write()?;
            for (key, value) in frames {
                let before = self.frames.borrow_mut().insert(key, value);
                assert!(before.is_some(), "a frame that wasn't there");
            }
            Ok(())
        }

        fn finish(&self, totals: &Totals) -> Result<(), BoxedError> {
            self.write()?;
            self.totals.set(Some(*totals));
            Ok(())
        }
    }

    #[test]
    fn a_conversion_goes_on_wherever_it_was_interrupted() {
        let mut expected = Totals::default();
        (0..ENTITIES).for_each(|n| expected.add(&key(n), &NEW));
        let mut interrupted = 0;
        loop {
            let desk = Desk::of_version_1();
            desk.writes_left.set(interrupted);
            let is_done = desk.convert().is_ok();
            assert_eq!(desk.totals.get().is_some(), is_done, "after {interrupted} writes");
            desk.writes_left.set(usize::MAX);
            assert_eq!(desk.convert().unwrap(), expected, "after {interrupted} writes");
            assert_eq!(desk.totals.get(), Some(expected));
            for (key, value) in &*desk.frames.borrow() {
                assert_eq!(decode_value(key, value), Ok((Format::CURRENT, &NEW[..])));
            }
            if is_done {
                break;
            }
            interrupted += 1;
        }
        assert_eq!(interrupted, 5, "four batches and the totals");
    }

    #[test]
    fn what_is_damaged_or_lost_or_no_record_ends_it_before_the_totals() {
        let harms: [fn(&mut Stored); 4] = [
            |frames| *frames.get_mut(&key(6)).unwrap().last_mut().unwrap() ^= 1,
            |frames| drop(frames.remove(&key(0))),
            |frames| drop(frames.insert(key(3), old_frame(&key(3), b"nonsense"))),
            |frames| drop(frames.insert(b"?".into(), old_frame(b"?", &OLD))),
        ];
        for (n, harm) in harms.into_iter().enumerate() {
            let desk = Desk::of_version_1();
            harm(&mut desk.frames.borrow_mut());
            let refused = desk.convert();
            let is_told = match n {
                1 => matches!(refused, Err(ArchiveError::Lost { counted: 7, found: 6, .. })),
                _ => matches!(refused, Err(ArchiveError::Damaged { .. })),
            };
            assert!(is_told, "{refused:?}");
            assert_eq!(desk.totals.get(), None);
        }
    }
}
