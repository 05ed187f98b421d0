//! Format 2 of records: what is said once isn't said again.
//!
//! ```text
//!  record       │ state │ version │ position │ landmark │ requests │ creation │
//!  requests     │ count │ each: id, fingerprint, version, position and time near the one before │
//!  creation     │ 0: none │ 1: the first request │ 2 │ fingerprint │ position │
//!
//!  balance      │ created │ updated │ on hand │ held │ count of claims │ claims, by reservation │
//!  claim        │ reservation │ marks │ version │ held │ deadline near `updated`? │ committed? │
//!  reservation  │ marks │ more marks? │ state │ created │ deadline near it? │ lines │ updated │
//!               │ version of its claims │ owner? │ customer? │ reference? │ attributes? │ reason? │
//!               │ what is used? │ change?: lines │ request id │ fingerprint │ version │
//!  order        │ marks │ state │ created │ currency │ lines │ total │ updated │
//!               │ customer? │ refusal? │ reason? │
//!  calendar     │ value │
//! ```
//!
//! What stands with a `?` is there where its mark is. `fields` says how each looks. The first
//! request's position is near the entity's, its time near when the entity was created; of an
//! entity that doesn't exist yet there is no time, and `created` is 0.
//!
//! Nothing is taken for granted: a deadline before the creation, requests out of order and a
//! creation that was forgotten come back as they were.

mod calendar;
mod reservation;
mod sales_order;
mod stock_balance;

use std::collections::VecDeque;

use super::fields::{Marks, Reader, Writer, malformed};
use crate::codec::CodecError;
use crate::domain::entity::{Aggregate, Creation, Entity, Summary};
use crate::domain::event::Fingerprint;
use crate::domain::ids::{Position, RequestId, Version};
use crate::domain::name::Label;
use crate::domain::request::{Remembered, RequestMemory};
use crate::domain::time::Timestamp;

/// An aggregate that format 2 knows. Each way also tells when it was created.
pub trait State: Aggregate {
    /// Appends it.
    fn write(&self, writer: &mut Writer<'_>) -> Timestamp;

    /// Takes it off.
    ///
    /// # Errors
    /// [`CodecError`], where something else is there.
    fn read(reader: &mut Reader<'_>) -> Result<(Self, Timestamp), CodecError>;

    /// Reads what stands in front of it: what the table should know.
    ///
    /// # Errors
    /// [`CodecError`], where something else is there.
    fn read_summary(reader: &mut Reader<'_>) -> Result<Summary, CodecError>;
}

/// Appends a record.
pub(super) fn encode_into<A: State>(entity: &Entity<A>, bytes: &mut Vec<u8>) {
    let Entity { state, version, position, landmark, creation, requests } = entity;
    let writer = &mut Writer::new(bytes);
    let created = state.write(writer);
    writer.number(version.0);
    writer.number(position.0);
    writer.number(landmark.0);
    write_requests(requests, *position, created, writer);
    write_creation(*creation, requests, writer);
}

/// Reads a record.
///
/// # Errors
/// [`CodecError`], where the bytes are none.
pub(super) fn decode<A: State>(bytes: &[u8]) -> Result<Entity<A>, CodecError> {
    let mut reader = Reader::new(bytes);
    let (state, created) = A::read(&mut reader)?;
    let version = Version(reader.number()?);
    let position = Position(reader.number()?);
    let landmark = Position(reader.number()?);
    let requests = read_requests(position, created, &mut reader)?;
    let creation = read_creation(&requests, &mut reader)?;
    reader.finish()?;
    Ok(Entity { state, version, position, landmark, creation, requests })
}

/// What the table should know of an entity with this record.
///
/// # Errors
/// [`CodecError`], where the bytes don't begin like one.
pub(super) fn summary<A: State>(bytes: &[u8]) -> Result<Summary, CodecError> {
    A::read_summary(&mut Reader::new(bytes))
}

const NO_CREATION: u64 = 0;
const FIRST_REQUEST: u64 = 1;
const SPELLED_OUT: u64 = 2;

fn first_creation(requests: &RequestMemory) -> Option<Creation> {
    let first = requests.iter().next()?;
    Some(Creation { fingerprint: first.fingerprint, position: first.position })
}

fn write_creation(creation: Option<Creation>, requests: &RequestMemory, writer: &mut Writer<'_>) {
    let Some(creation) = creation else { return writer.number(NO_CREATION) };
    if first_creation(requests) == Some(creation) {
        return writer.number(FIRST_REQUEST);
    }
    writer.number(SPELLED_OUT);
    writer.bytes(&creation.fingerprint.0);
    writer.number(creation.position.0);
}

fn read_creation(
    requests: &RequestMemory,
    reader: &mut Reader<'_>,
) -> Result<Option<Creation>, CodecError> {
    match (reader.number()?, first_creation(requests)) {
        (NO_CREATION, _) => Ok(None),
        (FIRST_REQUEST, Some(creation)) => Ok(Some(creation)),
        (SPELLED_OUT, _) => {
            let fingerprint = Fingerprint(reader.bytes()?);
            Ok(Some(Creation { fingerprint, position: Position(reader.number()?) }))
        }
        _ => Err(malformed("a creation of no known kind")),
    }
}

/// An id, a fingerprint, and at least a byte for each of version, position and time.
const REQUEST_BYTES_MIN: usize = 16 + 16 + 3;

fn write_requests(
    requests: &RequestMemory,
    position: Position,
    created: Timestamp,
    writer: &mut Writer<'_>,
) {
    let requests = requests.iter();
    writer.number(requests.len() as u64);
    let mut before = (position, created);
    for request in requests {
        writer.bytes(request.id.0.as_bytes());
        writer.bytes(&request.fingerprint.0);
        writer.number(request.version.0);
        writer.position(request.position, before.0);
        writer.time(request.time, before.1);
        before = (request.position, request.time);
    }
}

fn read_requests(
    position: Position,
    created: Timestamp,
    reader: &mut Reader<'_>,
) -> Result<RequestMemory, CodecError> {
    let count = reader.count(REQUEST_BYTES_MIN)?;
    let mut requests = VecDeque::with_capacity(count);
    let mut before = (position, created);
    for _ in 0..count {
        let request = Remembered {
            id: RequestId(reader.id()?),
            fingerprint: Fingerprint(reader.bytes()?),
            version: Version(reader.number()?),
            position: reader.position(before.0)?,
            time: reader.time(before.1)?,
        };
        before = (request.position, request.time);
        requests.push_back(request);
    }
    Ok(requests.into())
}

/// That the entity exists: without it nothing else is there.
const EXISTS: u8 = 1;

/// The marks of what is there.
fn all(marks: &[(u8, bool)]) -> u8 {
    marks.iter().filter(|(_, is_there)| *is_there).fold(0, |all, (mark, _)| all | mark)
}

/// The marks of what exists; nothing where there is nothing.
fn read_marks(known: u8, reader: &mut Reader<'_>) -> Result<Option<Marks>, CodecError> {
    let marks = reader.marks(EXISTS | known)?;
    if !marks.has(EXISTS) && !marks.is_empty() {
        return Err(malformed("marks of what doesn't exist"));
    }
    Ok(marks.has(EXISTS).then_some(marks))
}

fn write_text(text: &Label, writer: &mut Writer<'_>) {
    if !text.is_empty() {
        writer.value(text);
    }
}

fn read_text(marks: Marks, mark: u8, reader: &mut Reader<'_>) -> Result<Label, CodecError> {
    if marks.has(mark) { reader.value() } else { Ok(Label::empty()) }
}
