//! The archive: whole records of entities that can't change any more.
//!
//! - [`FjallArchive`]: on disk
//! - [`MemoryArchive`]: the same in memory, which can fail and crash on demand
//!
//! A record is never changed after it was put. Each carries a checksum over key and record, so
//! what is damaged is refused and not served. The digest and the count of all that is archived
//! are stored in the same step as the records they count.
//!
//! An archive whose records are of an older format is converted when it is opened; after that, all
//! that is there is of the current one.
//!
//! Not here: which entities go to the archive and when, and what keys and records mean. An
//! archive can't know that it is older than the log: whoever opens it compares its count with
//! what the snapshot says.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::ControlFlow;

use crate::codec::archive_frame::{FrameError, Totals};
use crate::codec::digest::Digest;
use crate::codec::entry::{Entry, EntryError, check_entry};

mod conversion;
mod fjall_archive;
mod memory_archive;

#[cfg(test)]
mod conformance;

pub use fjall_archive::FjallArchive;
pub use memory_archive::{MemoryArchive, PutFailure};

/// Why the archive didn't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store below failed.
    #[error(
        "could not {action} the archive {place}; check that the disk has room, is writable and \
         is sound, then start again"
    )]
    Store {
        /// What was tried.
        action: &'static str,
        /// Its folder, or what stands for it.
        place: String,
        /// What the store said.
        source: BoxedError,
    },
    /// What is stored is not what was put.
    #[error(
        "{what} in the archive {place} {source}; stop the server, remove the archive and the \
         snapshots, and start again to rebuild them from the log"
    )]
    Damaged {
        /// The record of which key (in hexadecimal), or the totals.
        what: String,
        /// Its folder, or what stands for it.
        place: String,
        /// What is wrong with it.
        source: FrameError,
    },
    /// Records are gone.
    #[error(
        "the archive {place} counts {counted} entities, and has the records of {found}; stop the \
         server, remove the archive and the snapshots, and start again to rebuild them from the log"
    )]
    Lost {
        /// Its folder, or what stands for it.
        place: String,
        /// How many there should be.
        counted: u64,
        /// How many there are.
        found: u64,
    },
    /// An archived entity was put with another record.
    #[error(
        "the archive {place} has another record of the entity {key}, which can't change any \
         more; run verify to find out which one the log tells"
    )]
    Conflict {
        /// The entity's key, in hexadecimal.
        key: String,
        /// Its folder, or what stands for it.
        place: String,
    },
    /// A key or a record that can't be stored.
    #[error("could not archive the entity {key}: {source}; nothing of the batch was archived")]
    Entry {
        /// The entity's key, in hexadecimal; of a long one, the beginning.
        key: String,
        /// Why not.
        source: EntryError,
    },
    /// Writing had failed before.
    #[error("the archive {place} has failed before and takes nothing more; start again")]
    GivenUp {
        /// Its folder, or what stands for it.
        place: String,
    },
}

/// What [`Archive::for_each`] shows keys and records to.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Where finished entities' records are kept for ever.
pub trait Archive: Send + Sync {
    /// The record under a key.
    ///
    /// # Errors
    /// [`ArchiveError`], where it can't be read or is damaged.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// Whether there is a record under a key. The record itself isn't checked.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    fn contains(&self, key: &[u8]) -> Result<bool, ArchiveError>;

    /// Puts keys and records: all or nothing, durable on return. A key that is there already
    /// with the same record stays as it is and is not counted again.
    ///
    /// # Errors
    /// [`ArchiveError::Conflict`] and [`ArchiveError::Entry`]: nothing was put. After any other
    /// error the batch may be there, whole, or not, and the archive takes nothing more until it
    /// is opened again.
    fn put(&self, batch: &[Entry]) -> Result<(), ArchiveError>;

    /// The digest over all that is archived, and how many entities that is.
    fn digest(&self) -> (Digest, u64);

    /// How much it takes on disk, in bytes.
    ///
    /// # Errors
    /// [`ArchiveError`], where it can't be said.
    fn size_bytes(&self) -> Result<u64, ArchiveError>;

    /// Shows every key and record in the order of the keys, as of one moment, until the visitor
    /// breaks off.
    /// The visitor must not use the archive itself.
    ///
    /// # Errors
    /// [`ArchiveError`], where one can't be read or is damaged.
    fn for_each(&self, visit: &mut Visitor<'_>) -> Result<(), ArchiveError>;

    /// Removes everything, as one step: after a crash all is there, or nothing.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]; then the archive takes nothing more until it is opened again.
    fn clear(&self) -> Result<(), ArchiveError>;
}

/// The part of a batch that isn't there yet, with the totals that it leads to.
struct Addition<'a> {
    entities: Vec<(&'a [u8], &'a [u8])>,
    totals: Totals,
}

/// Sorts out what of a batch is new; `stored` looks a record up. Both archives decide here.
fn plan_addition<'a>(
    place: &str,
    batch: &'a [Entry],
    mut totals: Totals,
    stored: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, ArchiveError>,
) -> Result<Addition<'a>, ArchiveError> {
    let mut new = BTreeMap::<&[u8], &[u8]>::new();
    for (key, record) in batch {
        check_entry(key, record).map_err(|source| ArchiveError::Entry { key: hex(key), source })?;
        let is_there = match new.get(key.as_slice()) {
            Some(there) => Some(*there == record),
            None => stored(key)?.map(|there| there == *record),
        };
        match is_there {
            Some(true) => {}
            Some(false) => {
                return Err(ArchiveError::Conflict { key: hex(key), place: place.to_owned() });
            }
            None => {
                new.insert(key, record);
                totals.add(key, record);
            }
        }
    }
    Ok(Addition { entities: new.into_iter().collect(), totals })
}

/// A key as it stands in messages: no longer than a line.
fn hex(key: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 64;
    let shown = key.iter().take(SHOWN_BYTES_MAX);
    let mut text: String = shown.map(|byte| format!("{byte:02x}")).collect();
    if key.len() > SHOWN_BYTES_MAX {
        text.push('…');
    }
    text
}

type BoxedError = Box<dyn Error + Send + Sync>;

fn failed<E: Into<BoxedError>>(
    action: &'static str,
    place: &str,
) -> impl FnOnce(E) -> ArchiveError {
    move |error| ArchiveError::Store { action, place: place.to_owned(), source: error.into() }
}

fn damaged_record(place: &str, key: &[u8], source: FrameError) -> ArchiveError {
    ArchiveError::Damaged {
        what: format!("the record {}", hex(key)),
        place: place.to_owned(),
        source,
    }
}
