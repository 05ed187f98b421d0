//! A stock balance in format 2.

use super::{State, all};
use crate::codec::CodecError;
use crate::codec::records::fields::{Reader, Writer};
use crate::domain::claim::Claim;
use crate::domain::claims::Claims;
use crate::domain::entity::Summary;
use crate::domain::ids::{ReservationId, Version};
use crate::domain::stock_balance::StockBalance;
use crate::domain::time::Timestamp;

impl State for StockBalance {
    fn write(&self, writer: &mut Writer<'_>) -> Timestamp {
        let Self { created, updated, on_hand, held, claims } = self;
        writer.number(created.0);
        writer.time(*updated, *created);
        writer.number(*on_hand);
        writer.number(*held);
        writer.number(claims.len() as u64);
        for claim in claims.iter() {
            write_claim(claim, *updated, writer);
        }
        *created
    }

    fn read(reader: &mut Reader<'_>) -> Result<(Self, Timestamp), CodecError> {
        let created = Timestamp(reader.number()?);
        let updated = reader.time(created)?;
        let on_hand = reader.number()?;
        let held = reader.number()?;
        let mut claims = Claims::default();
        for _ in 0..reader.count(CLAIM_BYTES_MIN)? {
            claims.insert(read_claim(updated, reader)?);
        }
        Ok((Self { created, updated, on_hand, held, claims }, created))
    }

    fn read_summary(reader: &mut Reader<'_>) -> Result<Summary, CodecError> {
        Ok(StockBalance::summary_of(Timestamp(reader.number()?)))
    }
}

/// A reservation, and at least a byte for each of marks, version and held.
const CLAIM_BYTES_MIN: usize = 16 + 3;

const CLAIM_DEADLINE: u8 = 1;
const CLAIM_COMMITTED: u8 = 2;

fn write_claim(claim: &Claim, updated: Timestamp, writer: &mut Writer<'_>) {
    let Claim { reservation, reservation_version, held, deadline, committed } = claim;
    writer.bytes(reservation.0.as_bytes());
    writer.marks(all(&[(CLAIM_DEADLINE, deadline.is_some()), (CLAIM_COMMITTED, *committed > 0)]));
    writer.number(reservation_version.0);
    writer.number(*held);
    if let Some(deadline) = deadline {
        writer.time(*deadline, updated);
    }
    if *committed > 0 {
        writer.number(*committed);
    }
}

fn read_claim(updated: Timestamp, reader: &mut Reader<'_>) -> Result<Claim, CodecError> {
    let reservation = ReservationId(reader.id()?);
    let marks = reader.marks(CLAIM_DEADLINE | CLAIM_COMMITTED)?;
    Ok(Claim {
        reservation,
        reservation_version: Version(reader.number()?),
        held: reader.number()?,
        deadline: marks.has(CLAIM_DEADLINE).then(|| reader.time(updated)).transpose()?,
        committed: if marks.has(CLAIM_COMMITTED) { reader.number()? } else { 0 },
    })
}
