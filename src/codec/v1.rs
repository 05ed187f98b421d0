//! Format version 1 of events and keys: bincode 2, variable-length integers.
//!
//! An event's position isn't stored: it follows from its place in the log. Its link back is
//! stored as a distance, which is short where a stream is busy.
//!
//! These bytes are on disks: a change to a domain type that alters them needs a new format
//! version beside this one and an upcaster. The golden bytes in the tests tell.

use std::sync::Arc;

use bincode::config::{Configuration, Limit};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CodecError, scratch};
use crate::domain::event::{Body, Change, Event, Origin, RequestMark};
use crate::domain::ids::{EntityKey, Position, Version};
use crate::domain::time::Timestamp;

/// The longest event or record that is decoded: 256 MiB, a balance with some millions of claims.
pub const BYTES_MAX: usize = 256 * 1024 * 1024;

type Config =
    Configuration<bincode::config::LittleEndian, bincode::config::Varint, Limit<BYTES_MAX>>;

const CONFIG: Config = bincode::config::standard().with_limit::<BYTES_MAX>();

#[derive(Serialize)]
struct StoredEventRef<'a> {
    stream: &'a EntityKey,
    version: Version,
    back: u64,
    landmark: Position,
    time: Timestamp,
    origin: &'a Origin,
    causation_id: Option<Uuid>,
    request: &'a Option<RequestMark>,
    body: &'a Body,
}

/// All but the stream, which comes first, of which only what a state depends on is kept.
#[derive(Deserialize)]
struct StoredChange<'a> {
    version: Version,
    back: u64,
    _landmark: Position,
    time: Timestamp,
    #[serde(borrow)]
    _origin: (&'a str, &'a str, Uuid),
    _causation_id: Option<Uuid>,
    request: Option<RequestMark>,
    body: Body,
}

/// All but the stream, which comes first.
#[derive(Deserialize)]
struct StoredRest {
    version: Version,
    back: u64,
    landmark: Position,
    time: Timestamp,
    origin: Arc<Origin>,
    causation_id: Option<Uuid>,
    request: Option<RequestMark>,
    body: Body,
}

/// Appends the bytes of an event.
pub fn encode_event(event: &Event, bytes: &mut Vec<u8>) {
    let back = match event.previous {
        Position::START => 0,
        previous => event.position.0 - previous.0,
    };
    let stored = StoredEventRef {
        stream: &event.stream,
        version: event.version,
        back,
        landmark: event.landmark,
        time: event.time,
        origin: &event.origin,
        causation_id: event.causation_id,
        request: &event.request,
        body: &event.body,
    };
    encode_into(&stored, bytes);
}

/// Reads the event at a position.
///
/// # Errors
/// [`CodecError`], where the bytes are no event.
pub fn decode_event(position: Position, bytes: &[u8]) -> Result<Event, CodecError> {
    let (stream, rest) = split_event(bytes)?;
    let stored: StoredRest = decode(rest)?;
    Ok(Event {
        position,
        stream,
        version: stored.version,
        previous: previous(position, stored.back)?,
        landmark: stored.landmark,
        time: stored.time,
        origin: stored.origin,
        causation_id: stored.causation_id,
        request: stored.request,
        body: stored.body,
    })
}

/// Reads whose event this is; the rest is for [`decode_change`].
///
/// # Errors
/// [`CodecError`], where the bytes are no event.
pub fn split_event(bytes: &[u8]) -> Result<(EntityKey, &[u8]), CodecError> {
    let (stream, read) = decode_front(bytes)?;
    Ok((stream, &bytes[read..]))
}

/// Reads what a state depends on of the event at a position, of which all but the stream is left
/// to read. What only readers of the log want isn't made: a tenth of the time.
///
/// # Errors
/// [`CodecError`], where the bytes are no event.
pub fn decode_change(position: Position, rest: &[u8]) -> Result<Change, CodecError> {
    let stored: StoredChange<'_> = decode(rest)?;
    Ok(Change {
        position,
        version: stored.version,
        previous: previous(position, stored.back)?,
        time: stored.time,
        request: stored.request,
        body: stored.body,
    })
}

/// The position that a distance back names.
fn previous(position: Position, back: u64) -> Result<Position, CodecError> {
    match back {
        0 => Ok(Position::START),
        back => Ok(Position(position.0.checked_sub(back).ok_or(CodecError::LinkBeforeStart)?)),
    }
}

/// Shows the bytes of a value to `read`.
pub fn encoded<R>(value: &impl Serialize, read: impl FnOnce(&[u8]) -> R) -> R {
    scratch::with(|bytes| encode_into(value, bytes), read)
}

/// The bytes of a value.
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(value, &mut bytes);
    bytes
}

/// Appends the bytes of a value.
pub fn encode_into(value: &impl Serialize, bytes: &mut Vec<u8>) {
    bincode::serde::encode_into_std_write(value, bytes, CONFIG)
        .expect("plain data goes into a vector without fail");
}

/// Reads a value that takes up all the bytes.
///
/// # Errors
/// [`CodecError`], where they are something else, or more.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    let (value, read) = decode_front(bytes)?;
    if read < bytes.len() {
        return Err(CodecError::Trailing { bytes: bytes.len() - read });
    }
    Ok(value)
}

/// Reads a value that the bytes begin with, and tells how many it takes up.
pub(super) fn decode_front<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<(T, usize), CodecError> {
    bincode::serde::borrow_decode_from_slice(bytes, CONFIG)
        .map_err(|error| CodecError::Malformed(error.to_string()))
}
