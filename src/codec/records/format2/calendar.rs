//! A calendar in format 2.

use super::State;
use crate::codec::CodecError;
use crate::codec::records::fields::{Reader, Writer};
use crate::domain::calendar::Calendar;
use crate::domain::entity::{Aggregate, Summary};
use crate::domain::time::Timestamp;

impl State for Calendar {
    fn write(&self, writer: &mut Writer<'_>) -> Timestamp {
        writer.value(self);
        self.summary().created
    }

    fn read(reader: &mut Reader<'_>) -> Result<(Self, Timestamp), CodecError> {
        let calendar: Self = reader.value()?;
        let created = calendar.summary().created;
        Ok((calendar, created))
    }

    // There are few, so it needn't stand in front.
    fn read_summary(reader: &mut Reader<'_>) -> Result<Summary, CodecError> {
        Ok(Self::read(reader)?.0.summary())
    }
}
