//! A reservation in format 2.

use std::sync::Arc;

use super::{EXISTS, State, all, read_marks, read_text, write_text};
use crate::codec::CodecError;
use crate::codec::records::fields::{Marks, Reader, Writer, malformed};
use crate::domain::entity::Summary;
use crate::domain::event::Fingerprint;
use crate::domain::ids::{RequestId, SalesOrderId, Version};
use crate::domain::request::Request;
use crate::domain::reservation::{self, Change, Details, Reservation};
use crate::domain::time::Timestamp;

const CUSTOMER: u8 = 2;
const REASON: u8 = 4;
const DEADLINE: u8 = 8;
const OWNER: u8 = 16;
const REFERENCE: u8 = 32;
const ATTRIBUTES: u8 = 64;
/// A second byte of marks follows, which isn't empty.
const MORE: u8 = 128;
const KNOWN: u8 = CUSTOMER | REASON | DEADLINE | OWNER | REFERENCE | ATTRIBUTES | MORE;

/// In the second byte: a change is under way.
const CHANGE: u8 = 1;
/// In the second byte: something is used, and not all.
const USED: u8 = 2;
const KNOWN_MORE: u8 = CHANGE | USED;

/// What is there: the first byte, and the second.
#[derive(Clone, Copy)]
struct BothMarks(Marks, Marks);

impl State for Reservation {
    fn write(&self, writer: &mut Writer<'_>) -> Timestamp {
        let Some(details) = &self.details else {
            writer.marks(0);
            return Timestamp::default();
        };
        write_details(details, writer);
        details.created
    }

    fn read(reader: &mut Reader<'_>) -> Result<(Self, Timestamp), CodecError> {
        let Some(marks) = read_both(reader)? else { return Ok(Default::default()) };
        let details = read_details(marks, reader)?;
        let created = details.created;
        Ok((Self { details: Some(Arc::new(details)) }, created))
    }

    fn read_summary(reader: &mut Reader<'_>) -> Result<Summary, CodecError> {
        let Some(BothMarks(marks, more)) = read_both(reader)? else { return Ok(Summary::NONE) };
        let Front { state, created, deadline } = read_front(marks, reader)?;
        Ok(Summary { under_way: more.has(CHANGE), ..state.summary(created, deadline) })
    }
}

fn read_both(reader: &mut Reader<'_>) -> Result<Option<BothMarks>, CodecError> {
    let Some(marks) = read_marks(KNOWN, reader)? else { return Ok(None) };
    if !marks.has(MORE) {
        return Ok(Some(BothMarks(marks, Marks::default())));
    }
    let more = reader.marks(KNOWN_MORE)?;
    if more.is_empty() {
        return Err(malformed("a second byte of marks for nothing"));
    }
    Ok(Some(BothMarks(marks, more)))
}

fn write_details(details: &Details, writer: &mut Writer<'_>) {
    let Details {
        state,
        lines,
        used,
        deadline,
        customer,
        external_reference,
        attributes,
        owner,
        cancel_reason,
        created,
        updated,
        claims_version,
        change,
    } = details;
    let more = all(&[(CHANGE, change.is_some()), (USED, !used.is_empty())]);
    writer.marks(all(&[
        (EXISTS, true),
        (CUSTOMER, !customer.is_empty()),
        (REASON, !cancel_reason.is_empty()),
        (DEADLINE, deadline.is_some()),
        (OWNER, owner.is_some()),
        (REFERENCE, !external_reference.is_empty()),
        (ATTRIBUTES, !attributes.is_empty()),
        (MORE, more != 0),
    ]));
    if more != 0 {
        writer.marks(more);
    }
    writer.value(state);
    writer.number(created.0);
    if let Some(deadline) = deadline {
        writer.time(*deadline, *created);
    }
    writer.value(lines);
    writer.time(*updated, *created);
    writer.number(claims_version.0);
    if let Some(owner) = owner {
        writer.bytes(owner.0.as_bytes());
    }
    write_text(customer, writer);
    write_text(external_reference, writer);
    if !attributes.is_empty() {
        writer.value(attributes);
    }
    write_text(cancel_reason, writer);
    if !used.is_empty() {
        writer.value(used);
    }
    if let Some(change) = change {
        write_change(change, writer);
    }
}

fn write_change(change: &Change, writer: &mut Writer<'_>) {
    let Change { lines, request: Request { id, fingerprint }, version } = change;
    writer.value(lines);
    writer.bytes(id.0.as_bytes());
    writer.bytes(&fingerprint.0);
    writer.number(version.0);
}

fn read_change(reader: &mut Reader<'_>) -> Result<Arc<Change>, CodecError> {
    let lines = reader.value()?;
    let id = RequestId(reader.id()?);
    let request = Request { id, fingerprint: Fingerprint(reader.bytes()?) };
    Ok(Arc::new(Change { lines, request, version: Version(reader.number()?) }))
}

/// What stands in front, for whoever wants no more.
struct Front {
    state: reservation::State,
    created: Timestamp,
    deadline: Option<Timestamp>,
}

fn read_front(marks: Marks, reader: &mut Reader<'_>) -> Result<Front, CodecError> {
    let state = reader.value()?;
    let created = Timestamp(reader.number()?);
    let deadline = marks.has(DEADLINE).then(|| reader.time(created)).transpose()?;
    Ok(Front { state, created, deadline })
}

fn read_details(marks: BothMarks, reader: &mut Reader<'_>) -> Result<Details, CodecError> {
    let BothMarks(marks, more) = marks;
    let Front { state, created, deadline } = read_front(marks, reader)?;
    // In the order in which they were written.
    Ok(Details {
        state,
        created,
        deadline,
        lines: reader.value()?,
        updated: reader.time(created)?,
        claims_version: Version(reader.number()?),
        owner: marks.has(OWNER).then(|| reader.id().map(SalesOrderId)).transpose()?,
        customer: read_text(marks, CUSTOMER, reader)?,
        external_reference: read_text(marks, REFERENCE, reader)?,
        attributes: if marks.has(ATTRIBUTES) { reader.value()? } else { Default::default() },
        cancel_reason: read_text(marks, REASON, reader)?,
        used: if more.has(USED) { reader.value()? } else { Vec::new() },
        change: more.has(CHANGE).then(|| read_change(reader)).transpose()?,
    })
}
