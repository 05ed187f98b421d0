//! A reservation in format 2.

use std::sync::Arc;

use super::{EXISTS, State, all, read_marks, read_text, write_text};
use crate::codec::CodecError;
use crate::codec::records::fields::{Marks, Reader, Writer, malformed};
use crate::domain::entity::Summary;
use crate::domain::ids::{SalesOrderId, Version};
use crate::domain::reservation::{self, Details, Reservation};
use crate::domain::time::Timestamp;

const CUSTOMER: u8 = 2;
const REASON: u8 = 4;
const DEADLINE: u8 = 8;
const OWNER: u8 = 16;
const REFERENCE: u8 = 32;
const ATTRIBUTES: u8 = 64;
/// A second byte of marks follows.
const MORE: u8 = 128;
const KNOWN: u8 = CUSTOMER | REASON | DEADLINE | OWNER | REFERENCE | ATTRIBUTES | MORE;

/// In the second byte: something is used, and not all.
const USED: u8 = 2;
const MORE_KNOWN: u8 = USED;

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
        let Some(marks) = read_both_marks(reader)? else { return Ok(Default::default()) };
        let details = read_details(marks, reader)?;
        let created = details.created;
        Ok((Self { details: Some(Arc::new(details)) }, created))
    }

    fn read_summary(reader: &mut Reader<'_>) -> Result<Summary, CodecError> {
        let Some((marks, _)) = read_both_marks(reader)? else { return Ok(Summary::NONE) };
        let Front { state, created, deadline } = read_front(marks, reader)?;
        Ok(state.summary(created, deadline))
    }
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
    } = details;
    let more = all(&[(USED, !used.is_empty())]);
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
}

/// The marks of what there is, in the first byte and in the second.
fn read_both_marks(reader: &mut Reader<'_>) -> Result<Option<(Marks, Marks)>, CodecError> {
    let Some(marks) = read_marks(KNOWN, reader)? else { return Ok(None) };
    if !marks.has(MORE) {
        return Ok(Some((marks, Marks::NONE)));
    }
    match reader.marks(MORE_KNOWN)? {
        more if more.is_empty() => Err(malformed("a second byte of marks without any")),
        more => Ok(Some((marks, more))),
    }
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

fn read_details(
    (marks, more): (Marks, Marks),
    reader: &mut Reader<'_>,
) -> Result<Details, CodecError> {
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
    })
}
