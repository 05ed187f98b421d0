//! A sales order in format 2.

use std::sync::Arc;

use super::{EXISTS, State, all, read_marks, read_text, write_text};
use crate::codec::CodecError;
use crate::codec::records::fields::{Marks, Reader, Writer};
use crate::domain::money::Amount;
use crate::domain::sales_order::{Details, SalesOrder};
use crate::domain::time::Timestamp;

const CUSTOMER: u8 = 2;
const REASON: u8 = 4;
const REFUSAL: u8 = 8;
const RELEASED: u8 = 16;

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
        let known = CUSTOMER | REASON | REFUSAL | RELEASED;
        let Some(marks) = read_marks(known, reader)? else { return Ok(Default::default()) };
        let details = read_details(marks, reader)?;
        let created = details.created;
        Ok((Self { details: Some(Arc::new(details)) }, created))
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
    writer.value(currency);
    writer.value(lines);
    writer.number(total.minor);
    writer.number(created.0);
    writer.time(*updated, *created);
    write_text(customer, writer);
    if let Some(refusal) = refusal {
        writer.value(refusal);
    }
    write_text(cancel_reason, writer);
}

fn read_details(marks: Marks, reader: &mut Reader<'_>) -> Result<Details, CodecError> {
    let state = reader.value()?;
    let currency = reader.value()?;
    let lines = reader.value()?;
    let total = Amount { minor: reader.number()? };
    let created = Timestamp(reader.number()?);
    // In the order in which they were written.
    Ok(Details {
        state,
        currency,
        lines,
        total,
        created,
        updated: reader.time(created)?,
        is_released: marks.has(RELEASED),
        customer: read_text(marks, CUSTOMER, reader)?,
        refusal: marks.has(REFUSAL).then(|| reader.value()).transpose()?,
        cancel_reason: read_text(marks, REASON, reader)?,
    })
}
