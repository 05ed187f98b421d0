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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::codec::v1::{self, BYTES_MAX};
    use crate::domain::calendar::*;
    use crate::domain::ids::{ReservationId, Version};
    use crate::domain::name::{LineId, ZoneName};

    /// How much smaller than the largest calendar the one is that is looked at.
    const SCALE: usize = 1_000;

    /// Something else on each of so many dates, as long as it can be.
    fn setting(dates: usize) -> Event {
        let hours = Set::To([Opening { opens: 0, closes: 1_440 }; OPENINGS_MAX].into());
        let (capacity, closed) = (|n| Set::To(n as u32), Some(true));
        let day = |n| {
            let date = Date(20_000 + n as i32);
            let range = DateRange { from: date, until: date.plus(1) };
            let rules = DayRules {
                capacity: capacity(n),
                closed,
                hours: hours.clone(),
                ..Default::default()
            };
            DaySetting { range, weekdays: Weekdays::ALL, rules }
        };
        let days = (0..dates).map(day).collect();
        Event::Set(Arc::new(Setting::Rules(RulesChange { general: None, days })))
    }

    fn claim(n: usize) -> Event {
        let start = Timestamp(4_000_000_000_000 + n as u64);
        let span = Span::Slots { start, end: start.plus_ms(SLOT_MS_MAX) };
        let line = ClaimLine { id: LineId::counted(0), span, held: 1, committed: 0 };
        Event::ClaimMade(Standing {
            reservation: ReservationId(Uuid::from_u128(n as u128)),
            reservation_version: Version(u64::MAX),
            deadline: Some(start),
            parts: [Part { line, turnover_ms: TURNOVER_MS_MAX }].into(),
        })
    }

    #[test]
    fn the_largest_calendar_takes_half_of_what_can_be_read() {
        let general = General::Slots(SlotRules::default());
        let zone = ZoneName::new("UTC").unwrap();
        let create = Create { zone, capacity: UNITS_MAX, general };
        let claims = (0..PIECES_MAX / SCALE).map(claim);
        let rules = [Event::Created(Arc::new(create)), setting(CHANGES_MAX / SCALE)];
        let mut calendar = Calendar::default();
        for event in rules.into_iter().chain(claims) {
            calendar.evolve(&event, Version(1), Timestamp(0));
        }
        let bytes = v1::encode(&calendar);
        let half = bincode::config::standard().with_limit::<{ BYTES_MAX / SCALE / 2 }>();
        let read = bincode::serde::decode_from_slice::<Calendar, _>(&bytes, half);
        assert_eq!(read.unwrap().0, calendar);
    }
}
