//! What bounds a calendar, and the work of one decision or answer.

use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::ids::Version;
use holdfast::domain::name::LineId;
use holdfast::domain::time::Timestamp;

use super::stage::{Stage, given};
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
    let stage =
        stage.told(time_used(2, 4, &[(hours(1, 2), 1), (hours(2, 3), 1), (hours(5, 6), 1)]));
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

#[test]
fn the_lines_of_one_claim_are_together_so_long_at_the_most() {
    let room = |nth: i32| stay(date(2026, 1, 1).plus(nth), NIGHTS_MAX as i32);
    let wanted: Vec<_> =
        (0..CLAIM_DAYS_MAX / NIGHTS_MAX).map(|nth| (room(nth as i32), 1)).collect();
    let stage = granted(rooms(100).told(time_claim(1, 1, &wanted)));
    let more = [&wanted[..], &[(stay(date(2026, 1, 1), 1), 1)]].concat();
    let stage = stage.told(time_claim(2, 1, &more));
    assert_eq!(cause(&stage), Cause::ClaimTooLong { days_max: CLAIM_DAYS_MAX });
    let stage = stage.told(time_claim(1, 2, &wanted));
    assert_eq!(stage.events.len(), 1, "what stands can be prolonged");
}

fn found(stage: &Stage<Calendar>, search: Search) -> Found {
    match asked(&stage.entity.state, &Question::Find(search)) {
        Answer::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn weeks_that_are_closed_or_taken_are_passed_over_as_a_whole() {
    let rules = SlotRules { granularity_ms: 15 * MINUTE, ..SlotRules::default() };
    let (days, moment) = (24 * HOUR, |hour| i64::try_from(at(hour).0).unwrap());
    let stage = opened(slots("Europe/Lisbon", 1, rules));
    let stage = stage.when(set(Setting::Closed(interval(at(0), 21 * days), true))).accepted();
    let stage = granted(stage.told(time_claim(1, 1, &[(slot(at(21 * 24), 21 * days), 1)])));
    let (from, until, length) = (moment(0), moment(43 * 24), 15 * MINUTE as i64);
    let search = Search { from, until, length, units: 1, count: 2 };
    let begin = moment(42 * 24);
    assert_eq!(found(&stage, search).starts, [begin, begin + length]);
}

#[test]
fn a_search_that_has_looked_at_enough_says_where_to_go_on_and_gets_there() {
    let day = |n: u64| slot(at(24 * n), 23 * HOUR);
    let everywhere: Vec<_> = (0..CLAIM_DAYS_MAX.into()).map(|n| (day(n), 1)).collect();
    let mut stage = bays(1);
    for (n, wanted) in everywhere.chunks(1_000).enumerate() {
        stage = granted(stage.told(time_claim(n as u128, 1, wanted)));
    }
    let (from, until) = (at(0).0 as i64, at(24 * (u64::from(CLAIM_DAYS_MAX) + 1)).0 as i64);
    let search = Search { from, until, length: 2 * HOUR as i64, units: 1, count: 1 };
    let mut answers = vec![found(&stage, search)];
    while answers.last().unwrap().starts.is_empty() {
        let from = answers.last().unwrap().looked_until;
        answers.push(found(&stage, Search { from, ..search }));
    }
    assert!((2..10).contains(&answers.len()), "{}", answers.len());
    let first = at(24 * u64::from(CLAIM_DAYS_MAX) - 1).0 as i64;
    assert_eq!(answers.last().unwrap().starts, [first]);
}

/// Used for an hour, every other hour, before now.
fn past(n: u64) -> Event {
    let start = Timestamp(NOON.0 - (10_000 - n) * 2 * HOUR);
    let line = ClaimLine { id: LineId::counted(0), span: slot(start, HOUR), held: 0, committed: 1 };
    let (deadline, parts) = (None, [Part { line, turnover_ms: 0 }].into());
    let (reservation, reservation_version) = (reservation(n.into()), Version(2));
    Event::ClaimCommitted(Standing { reservation, reservation_version, deadline, parts })
}

#[test]
fn what_is_past_takes_no_more_room_with_the_years_and_is_never_counted_for_less_than_it_was() {
    let after = |used| {
        let rules = SlotRules { granularity_ms: 1, ..SlotRules::default() };
        let created = Event::Created(Arc::new(slots("UTC", 2, rules)));
        given::<Calendar>(calendar_id(), std::iter::once(created).chain((0..used).map(past)))
    };
    let room = |stage: &Stage<Calendar>| holdfast::codec::v1::encode(&stage.entity.state).len();
    let (young, old) = (after(FOLDED_CHANGES_MAX as u64 / 2), after(5_000));
    assert!(room(&old) < room(&young) + 50, "{} after {}", room(&old), room(&young));

    let claimed = |hour: u64| {
        let moment = (NOON.0 - 20_000 * HOUR + hour * HOUR) as i64;
        let found = old.entity.state.available(moment, moment + 1, 1)[0].claimed;
        (found, moment >= old.entity.state.exact_from())
    };
    assert_eq!([9_997, 9_998, 9_999].map(claimed), [(0, true), (1, true), (0, true)]);
    assert_eq!([0, 1, 4_001, 5_999].map(claimed), [(1, false); 4]);
    let long_ago = slot(Timestamp(NOON.0 - 19_999 * HOUR), HOUR);
    let stage = granted(old.told(time_claim(90_000, 1, &[(long_ago, 1)])));
    let stage = stage.told(time_claim(90_001, 1, &[(long_ago, 1)]));
    assert_eq!(cause(&stage), Cause::Taken(long_ago));
}

#[test]
fn what_is_over_is_in_no_conflict_and_keeps_no_setting_back() {
    let christmas = |day| date(2026, 12, day);
    let stage = rooms(1).at(utc("2026-12-24T12:00:00Z"));
    let stage = granted(stage.told(time_claim(1, 1, &[(stay(christmas(20), 2), 1)])));
    let stage = granted(stage.told(time_claim(2, 1, &[(stay(christmas(23), 3), 1)])));
    let stage = stage.when(set(Setting::Closed(dates(christmas(19), 5), true))).accepted();
    assert_eq!(conflicts(&stage, None, 9), []);
    let today = Setting::Closed(dates(christmas(24), 1), true);
    assert_eq!(conflicts_of(&stage, today.clone()).len(), 1);
    let stage = stage.when(insist_on(today)).accepted();
    assert_eq!(conflicts(&stage, None, 9)[0].reservation, reservation(2));
    assert_eq!(conflicts(&stage.at(utc("2026-12-25T12:00:00Z")), None, 9), []);
}

#[test]
fn looking_for_conflicts_ends_when_many_claims_were_looked_at_and_goes_on_there() {
    let line = |hour| ClaimLine {
        id: LineId::counted(0),
        span: hours(hour, hour + 1),
        held: 1,
        committed: 0,
    };
    let parts = (0..10_050).map(|hour| Part { line: line(hour), turnover_ms: 0 }).collect();
    let (reservation, reservation_version) = (reservation(1), Version(1));
    let standing = Standing { reservation, reservation_version, deadline: None, parts };
    let created = Event::Created(Arc::new(slots("UTC", 1, SlotRules::default())));
    let stage = given::<Calendar>(calendar_id(), [created, Event::ClaimMade(standing)]);
    let last = interval(at(10_049), HOUR);
    let stage = stage.when(insist_on(Setting::Closed(last, true))).accepted();
    let page = |after| match asked(&stage.entity.state, &Question::Conflicts { after, count: 9 }) {
        Answer::Conflicts { conflicts, next, .. } => (conflicts.len(), next),
        other => panic!("{other:?}"),
    };
    let (none, next) = page(None);
    assert_eq!((none, next.is_some()), (0, true));
    assert_eq!(page(next), (1, None));
}

/// On so many dates from one on, every other one.
fn on_dates(first: i32, count: i32, rules: DayRules) -> Setting {
    let day = |n| {
        let from = date(2026, 1, 1).plus(first + 2 * n);
        let range = DateRange { from, until: from.plus(1) };
        DaySetting { range, weekdays: Weekdays::ALL, rules: rules.clone() }
    };
    Setting::Rules(RulesChange { general: None, days: (0..count).map(day).collect() })
}

#[test]
fn a_proposal_is_refused_as_its_command_is() {
    use holdfast::domain::entity::Outcome;
    use holdfast::domain::rejection::Rejection;
    let units = |units| DayRules { capacity: Set::To(units), ..DayRules::default() };
    let mut stage = rooms(9);
    for n in 0..12 {
        stage = stage.when(set(on_dates(n * 800, 400, units(8)))).accepted();
    }
    let everywhere = DaySetting { range: DateRange::ALL, weekdays: Weekdays::ALL, rules: units(7) };
    let days = std::iter::repeat_n(everywhere, 20).collect();
    let refused = [
        (on_dates(9_600, 400, units(8)), Rejection::TooManyRules { changes_max: CHANGES_MAX }),
        (
            Setting::Rules(RulesChange { general: None, days }),
            Rejection::TooMuchToSet { work_max: WORK_MAX },
        ),
        (
            Setting::Capacity(When::Always, None),
            Rejection::InvalidRule(Flaw {
                at: FlawAt::Capacity,
                says: "there is always a capacity",
            }),
        ),
    ];
    for (setting, rejection) in refused {
        let question = Question::ConflictsOf { setting: setting.clone(), after: None, count: 9 };
        assert_eq!(asked(&stage.entity.state, &question), Answer::Refused(rejection.clone()));
        stage = stage.when(set(setting));
        assert_eq!(stage.outcome, Outcome::Rejected(rejection));
    }
}

#[test]
fn a_page_of_claims_ends_and_begins_within_those_of_one_reservation_that_begin_together() {
    let wanted = [(hours(10, 12), 1), (hours(10, 13), 1), (hours(10, 14), 1), (hours(9, 10), 1)];
    let stage = granted(bays(9).told(time_claim(1, 1, &wanted)));
    let stage = granted(stage.told(time_claim(2, 1, &[(hours(10, 11), 1)])));
    let (from, to) = (at(10).0 as i64, at(14).0 as i64);
    let told = |begin, count| match asked(
        &stage.entity.state,
        &Question::Claims { from, to, begin, count },
    ) {
        Answer::Claims(pieces) => pieces,
        other => panic!("{other:?}"),
    };
    let all = told(None, 9);
    let spans: Vec<_> = all.iter().map(|piece| piece.span).collect();
    assert_eq!(spans, [hours(10, 12), hours(10, 13), hours(10, 14), hours(10, 11)]);
    for (nth, piece) in all.iter().enumerate() {
        assert_eq!(told(Some(piece.place), 2), all[nth..(nth + 2).min(4)]);
    }
}
