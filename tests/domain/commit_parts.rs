//! Commits in parts, one by one: what happens, who is told what, and what is refused.

use std::num::NonZeroU64;

use holdfast::domain::calendar::{self, Claim, ClaimLine, SlotRules, Span};
use holdfast::domain::claim::Claim as StockClaim;
use holdfast::domain::command::Command;
use holdfast::domain::ids::Version;
use holdfast::domain::name::{CalendarId, LineId};
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{
    self, CommitFlaw, CommitLine, End, Event, Line, LinePart, Reservation, State,
};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;

use super::stage::{Stage, given};
use super::times::*;
use super::words::*;

/// 3 of A, 1 of B, and 2 of A again.
const WANTED: [(&str, u64); 3] = [("A", 3), ("B", 1), ("A", 2)];
const DEADLINE: Timestamp = Timestamp(NOON.0 + 60_000);

fn line(nth: usize, quantity: Option<u64>, end: Option<End>) -> CommitLine {
    CommitLine { line: LineId::counted(nth), quantity: quantity.and_then(NonZeroU64::new), end }
}

fn some(nth: usize, quantity: u64) -> CommitLine {
    line(nth, Some(quantity), None)
}

fn commit(lines: &[CommitLine], is_final: bool) -> Command {
    to_reservation(reservation::Command::CommitPart { lines: lines.into(), is_final })
}

fn units(nth: usize, quantity: u64) -> LinePart {
    LinePart { line: LineId::counted(nth), span: None, quantity }
}

fn used(parts: &[LinePart], is_final: bool) -> Event {
    Event::CommittedInPart { parts: parts.into(), is_final }
}

fn has(version: u64, held: u64, used: u64) -> StockClaim {
    StockClaim { held, ..committed(1, version, used) }
}

fn confirmed() -> Stage<Reservation> {
    given(reservation_id(1), [created(&WANTED, None)])
}

fn state(stage: &Stage<Reservation>) -> State {
    stage.entity.state.details().unwrap().state
}

#[test]
fn each_part_is_told_to_every_resource_and_the_last_one_commits() {
    let stage = given(reservation_id(1), [created(&WANTED, Some(DEADLINE))])
        .when(commit(&[some(2, 1), some(0, 2)], false))
        .accepted()
        .then([Event::Confirmed, used(&[units(0, 2), units(2, 1)], false)])
        .telling([tells("A", has(3, 2, 3)), tells("B", has(3, 1, 0))]);
    assert_eq!(state(&stage), State::Confirmed);
    let stage = stage
        .at(after_ms(90_000))
        .when(commit(&[line(0, None, None), some(2, 1)], false))
        .accepted()
        .then([used(&[units(0, 1), units(2, 1)], false)])
        .telling([tells("A", has(4, 0, 5)), tells("B", has(4, 1, 0))]);
    // Nothing is left, so that was the last, whatever it said.
    let stage = stage
        .when(commit(&[some(1, 1)], false))
        .accepted()
        .then([used(&[units(1, 1)], true)])
        .telling([tells("A", has(5, 0, 5)), tells("B", has(5, 0, 1))]);
    assert_eq!(state(&stage), State::Committed);
    assert!(!stage.entity.state.details().unwrap().is_partly_used());
}

#[test]
fn the_last_part_gives_the_rest_back_and_so_does_a_cancellation() {
    let stage = confirmed()
        .when(commit(&[some(0, 1)], true))
        .accepted()
        .then([used(&[units(0, 1)], true)])
        .telling([tells("A", has(2, 0, 1)), tells("B", has(2, 0, 0))]);
    assert_eq!(state(&stage), State::Committed);
    let stage = confirmed()
        .when(commit(&[some(0, 1)], false))
        .when(cancel())
        .accepted()
        .telling([tells("A", has(3, 0, 1)), tells("B", has(3, 0, 0))]);
    assert_eq!(state(&stage), State::Cancelled);
}

#[test]
fn parts_that_are_all_of_every_line_are_the_whole() {
    let all = [line(1, None, None), some(0, 3), line(2, Some(2), None)];
    for lines in [&all[..], &[]] {
        let stage = confirmed().when(commit(lines, false)).accepted().then([Event::Committed]);
        let stage = stage.telling([tells("A", has(2, 0, 5)), tells("B", has(2, 0, 1))]);
        assert_eq!(state(&stage), State::Committed);
    }
    let stage = confirmed().when(commit(&[some(0, 1)], false)).when(commit(&[], false));
    let rest = [units(0, 2), units(1, 1), units(2, 2)];
    stage.accepted().then([used(&rest, true)]);
}

fn calendar(name: &str, span: Span) -> Wanted {
    Wanted::Time { calendar: CalendarId::new(name).unwrap(), span }
}

/// A bay from 10:00 to 12:00, two rooms for three nights, and a towel.
fn stay() -> Stage<Reservation> {
    let wanted = [
        (calendar("BAY", hours(10, 12)), 1),
        (calendar("DOUBLE", stay_of(3)), 2),
        (wanted_sku("TOWEL"), 1),
    ];
    let line = |(nth, (wanted, quantity)): (usize, (Wanted, u64))| Line {
        id: LineId::counted(nth),
        wanted,
        quantity,
    };
    let mut event = created(&[], None);
    let Event::Created { lines, .. } = &mut event else { panic!("{event:?}") };
    *lines = wanted.into_iter().enumerate().map(line).collect();
    given(reservation_id(1), [event])
}

fn stay_of(nights: i32) -> Span {
    super::times::stay(date(2026, 12, 24), nights)
}

fn at_minute(minute: u64) -> Option<End> {
    Some(End::Time(at(10).plus_ms(minute * MINUTE)))
}

fn after_nights(nights: i32) -> Option<End> {
    Some(End::Date(date(2026, 12, 24).plus(nights)))
}

#[test]
fn a_line_that_can_not_be_meant_is_named_with_what_is_wrong_and_nothing_happens() {
    use CommitFlaw::{EndOutside, UnknownLine, WrongEnd};
    let (minute, day) = (at_minute(30).unwrap(), after_nights(1).unwrap());
    let cases = [
        (line(3, None, None), UnknownLine),
        (line(0, None, Some(day)), WrongEnd(day)),
        (line(1, None, Some(minute)), WrongEnd(minute)),
        (line(2, None, Some(minute)), WrongEnd(minute)),
        (line(2, None, Some(day)), WrongEnd(day)),
        (line(0, None, at_minute(0)), EndOutside(at_minute(0).unwrap())),
        (line(0, None, at_minute(121)), EndOutside(at_minute(121).unwrap())),
        (line(1, None, after_nights(0)), EndOutside(after_nights(0).unwrap())),
        (line(1, None, after_nights(4)), EndOutside(after_nights(4).unwrap())),
        (line(0, None, Some(End::Time(Timestamp(u64::MAX)))), {
            EndOutside(End::Time(Timestamp(u64::MAX)))
        }),
    ];
    let fine = line(0, None, at_minute(63));
    for (line, flaw) in cases {
        let first = if line.line == fine.line { some(1, 1) } else { fine.clone() };
        let refused = Rejection::InvalidCommit { place: 1, flaw };
        let stage = stay().when(commit(&[first, line], true));
        stage.then_rejected(refused).then_nothing().telling([]);
    }
    let twice = stay().when(commit(&[fine.clone(), fine], false));
    twice.then_rejected(Rejection::InvalidCommit { place: 1, flaw: UnknownLine }).then_nothing();
}

#[test]
fn units_of_which_most_is_left_are_used_first_and_more_than_is_left_is_refused() {
    let night = |from, to| {
        let [check_in, check_out] = [from, to].map(|nights| date(2026, 12, 24).plus(nights));
        Some(Span::Nights { check_in, check_out })
    };
    let part =
        |from, to, quantity| LinePart { line: LineId::counted(1), span: night(from, to), quantity };
    let stage = stay()
        .when(commit(&[line(1, Some(1), after_nights(2))], false))
        .accepted()
        .then([used(&[part(0, 2, 1)], false)]);
    let stage = stage
        .when(commit(&[line(1, Some(1), after_nights(1))], false))
        .accepted()
        .then([used(&[part(0, 1, 1)], false)]);
    let left =
        |requested, left| Rejection::MoreThanLeft { line: LineId::counted(1), requested, left };
    let stage = stage.when(commit(&[line(1, Some(2), after_nights(2))], false));
    let stage = stage.then_rejected(left(2, 1)).then_nothing();
    let stage = stage.when(commit(&[line(1, None, after_nights(1))], true));
    let stage = stage.then_rejected(left(1, 0)).then_nothing();
    let stage = stage.when(commit(&[some(1, 3)], true));
    let stage = stage.then_rejected(left(3, 2)).then_nothing();
    stage
        .when(commit(&[line(1, None, None)], false))
        .accepted()
        .then([used(&[part(1, 3, 1), part(2, 3, 1)], false)]);
}

fn hours(from: u64, to: u64) -> Span {
    Span::Slots { start: at(from), end: at(to) }
}

fn at(hour: u64) -> Timestamp {
    utc("2026-12-24T00:00:00Z").plus_ms(hour * HOUR)
}

/// A piece of one line: when, what is held, and what is used.
fn piece(span: Span, held: u64, committed: u64) -> ClaimLine {
    ClaimLine { id: LineId::counted(0), span, held, committed }
}

fn wish(n: u128, version: u64, lines: &[ClaimLine]) -> Command {
    let nothing = Claim::release(reservation(n), Version(version));
    Command::Calendar(calendar::Command::Claim(Claim { lines: lines.into(), ..nothing }))
}

#[test]
fn between_two_pieces_of_a_line_is_no_turnover_and_after_the_last_there_is() {
    let half = 30 * MINUTE;
    let rules =
        SlotRules { turnover_ms: half as u32, granularity_ms: half, ..SlotRules::default() };
    let stage = opened(slots("Europe/Lisbon", 2, rules)).at(at(9));
    let claimed = |stage: &Stage<calendar::Calendar>, minute: u64| {
        let moment = at(10).plus_ms(minute * MINUTE).0 as i64;
        stage.entity.state.available(moment, moment + 1, 1)[0].claimed
    };
    let stage = granted(stage.told(time_claim(1, 1, &[(hours(10, 12), 2)])));
    let retired = Command::Calendar(calendar::Command::Retire);
    let stage = stage.when(insist_on(calendar::Setting::Capacity(calendar::When::Always, Some(0))));
    let stage = stage.accepted().when(retired).accepted();
    // One of the two leaves at an instant that is on no grid.
    let gone = Span::Slots { start: at(10), end: at(10).plus_ms(63 * MINUTE) };
    let rest = Span::Slots { start: at(10).plus_ms(63 * MINUTE), end: at(12) };
    let split = [piece(hours(10, 12), 1, 0), piece(gone, 0, 1), piece(rest, 1, 0)];
    let stage = stage.told(wish(1, 2, &split)).telling([]);
    let [calendar::Event::ClaimCommitted(standing)] = &stage.events[..] else {
        panic!("{:?}", stage.events)
    };
    let followed: Vec<_> = standing.followed().map(|(_, is_followed)| is_followed).collect();
    assert_eq!(followed, [false, true, false]);
    let levels = [0, 62, 63, 92, 93, 119, 149, 150].map(|minute| claimed(&stage, minute));
    assert_eq!(levels, [2, 2, 2, 2, 2, 2, 2, 0]);
    // The other stays to the end, and what the first had left is given back.
    let ended = [piece(hours(10, 12), 0, 1), piece(gone, 0, 1)];
    let stage = stage.told(wish(1, 3, &ended)).telling([]);
    let levels = [62, 63, 92, 93, 149, 150].map(|minute| claimed(&stage, minute));
    assert_eq!(levels, [2, 2, 2, 1, 1, 0]);
}

#[test]
fn a_cancellation_after_a_part_releases_what_a_calendar_held_and_keeps_what_was_used() {
    let rules = SlotRules { turnover_ms: HOUR as u32, ..SlotRules::default() };
    let stage = opened(slots("Europe/Lisbon", 1, rules)).at(at(9));
    let stage = granted(stage.told(time_claim(1, 1, &[(hours(10, 14), 1)])));
    let split = [piece(hours(10, 11), 0, 1), piece(hours(11, 14), 1, 0)];
    let stage = stage.told(wish(1, 2, &split)).telling([]);
    let stage = stage.told(wish(1, 3, &split[..1])).telling([]);
    assert!(matches!(stage.events[..], [calendar::Event::ClaimReleased { .. }]));
    let stage = stage.told(time_claim(2, 1, &[(hours(11, 12), 1)]));
    assert_eq!(cause(&stage), calendar::Cause::Taken(hours(11, 12)));
    granted(stage.told(time_claim(2, 1, &[(hours(12, 13), 1)])));
}
