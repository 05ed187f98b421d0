//! A sales order in format 2.

use std::sync::Arc;

use super::{EXISTS, State, all, read_marks, read_text, write_text};
use crate::codec::CodecError;
use crate::codec::records::fields::{Marks, Reader, Writer};
use crate::domain::entity::Summary;
use crate::domain::money::Amount;
use crate::domain::sales_order::{self, Details, SalesOrder};
use crate::domain::time::Timestamp;

const CUSTOMER: u8 = 2;
const REASON: u8 = 4;
const REFUSAL: u8 = 8;
const RELEASED: u8 = 16;
const KNOWN: u8 = CUSTOMER | REASON | REFUSAL | RELEASED;

impl State for SalesOrder {
    fn write(&self, writer: &mut Writer<'_>) -> Timestamp {
        let Some(details) = &self.details else {
            writer.marks(0);
            return Timestamp::default();
        };
        write_details(details, writer);
        details.created
    }

    fn read(reader: &mut Reader<'_>) -> Result<(Self, Timestamp), CodecError> {
        let Some(marks) = read_marks(KNOWN, reader)? else { return Ok(Default::default()) };
        let details = read_details(marks, reader)?;
        let created = details.created;
        Ok((Self { details: Some(Arc::new(details)) }, created))
    }

    fn read_summary(reader: &mut Reader<'_>) -> Result<Summary, CodecError> {
        let Some(marks) = read_marks(KNOWN, reader)? else { return Ok(Summary::NONE) };
        let state: sales_order::State = reader.value()?;
        let created = Timestamp(reader.number()?);
        Ok(state.summary(created, marks.has(RELEASED)))
    }
}

fn write_details(details: &Details, writer: &mut Writer<'_>) {
    let Details {
        state,
        customer,
        currency,
        lines,
        total,
        refusal,
        cancel_reason,
        is_released,
        created,
        updated,
    } = details;
    writer.marks(all(&[
        (EXISTS, true),
        (CUSTOMER, !customer.is_empty()),
        (REASON, !cancel_reason.is_empty()),
        (REFUSAL, refusal.is_some()),
        (RELEASED, *is_released),
    ]));
    writer.value(state);
    writer.number(created.0);
    writer.value(currency);
    writer.value(lines);
    writer.number(total.minor);
    writer.time(*updated, *created);
    write_text(customer, writer);
    if let Some(refusal) = refusal {
        writer.value(refusal);
    }
    write_text(cancel_reason, writer);
}

fn read_details(marks: Marks, reader: &mut Reader<'_>) -> Result<Details, CodecError> {
    let state = reader.value()?;
    let created = Timestamp(reader.number()?);
    // In the order in which they were written.
    Ok(Details {
        state,
        created,
        currency: reader.value()?,
        lines: reader.value()?,
        total: Amount { minor: reader.number()? },
        updated: reader.time(created)?,
        is_released: marks.has(RELEASED),
        customer: read_text(marks, CUSTOMER, reader)?,
        refusal: marks.has(REFUSAL).then(|| reader.value()).transpose()?,
        cancel_reason: read_text(marks, REASON, reader)?,
    })
}
