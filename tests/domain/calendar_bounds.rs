//! What bounds a calendar, and the work of one decision or answer.

use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::ids::Version;
use holdfast::domain::name::LineId;
use holdfast::domain::time::Timestamp;

use super::stage::given;
use super::times::*;
use super::words::*;

fn at(hour: u64) -> Timestamp {
    utc("2026-12-24T00:00:00Z").plus_ms(hour * HOUR)
}

fn hours(from: u64, to: u64) -> Span {
    slot(at(from), (to - from) * HOUR)
}

/// Claimed by one reservation: so many pieces.
fn crowd(pieces: usize) -> Event {
    let line = ClaimLine { id: LineId::counted(0), span: hours(10, 12), held: 1, committed: 0 };
    let part = Part { line, turnover_ms: 0 };
    let parts = std::iter::repeat_n(part, pieces).collect();
    let (reservation, reservation_version) = (reservation(1), Version(1));
    Event::ClaimMade(Standing { reservation, reservation_version, deadline: None, parts })
}

#[test]
fn a_calendar_takes_on_so_many_pieces_of_claims_and_what_stands_can_still_be_used_and_changed() {
    let created = Event::Created(Arc::new(slots("UTC", UNITS_MAX, SlotRules::default())));
    let stage = given(calendar_id(), [created, crowd(PIECES_MAX - 2)]);
    let stage = granted(stage.told(time_claim(2, 1, &[(hours(1, 3), 1), (hours(3, 4), 1)])));
    let stage = stage.told(time_claim(3, 1, &[(hours(20, 21), 1)]));
    assert_eq!(cause(&stage), Cause::Full);
    let stage = stage.then_nothing().told(time_claim(2, 2, &[(hours(1, 3), 1), (hours(5, 6), 1)]));
    let stage = granted(stage);
    let stage = stage.told(time_claim(2, 3, &[(hours(1, 3), 1); 3]));
    assert_eq!(cause(&stage), Cause::Full, "it would be of one piece more");
    let stage = stage.told(time_used(2, 4, &[(hours(1, 2), 1), (hours(2, 3), 1), (hours(5, 6), 1)]));
    assert_eq!(stage.events.len(), 1, "what stands can be used up in pieces");
    let stage = stage.told(time_claim(3, 1, &[(hours(20, 21), 1)]));
    assert_eq!(cause(&stage), Cause::Full);
    let stage = stage.told(time_release(1, 2));
    granted(stage.told(time_claim(3, 1, &[(hours(20, 21), 1)])));
}

#[test]
fn whether_something_fits_is_asked_for_nobody_whatever_id_a_reservation_has() {
    let stage = granted(bays(1).told(time_claim(0, 1, &[(hours(10, 12), 1)])));
    let question = Question::Fits(lines_of(&[(hours(11, 12), 1)]));
    let Answer::Fits(short) = asked(&stage.entity.state, &question) else { panic!() };
    assert_eq!(short.len(), 1, "what the reservation of the lowest id has isn't the asker's");
}
