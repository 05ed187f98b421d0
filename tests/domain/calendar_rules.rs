//! What an owner sets for a calendar, and what it does to claims.

use holdfast::domain::calendar::*;
use holdfast::domain::command::Command as Any;
use holdfast::domain::entity::Outcome;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::time::Timestamp;

use super::stage::Stage;
use super::times::*;
use super::words::*;

fn christmas(day: u8) -> Date {
    date(2026, 12, day)
}

/// Whether a span can be had, and if not why not.
fn tried(stage: Stage<Calendar>, span: Span) -> (Stage<Calendar>, Option<Cause>) {
    let stage = stage.told(Any::Calendar(Command::Check(time_wish(99, 1, &[(span, 1)]))));
    let cause = lacks(&stage).first().map(|lack| lack.2);
    (stage, cause)
}

#[track_caller]
fn try_all(stage: Stage<Calendar>, cases: &[(Span, Option<Cause>)]) -> Stage<Calendar> {
    cases.iter().fold(stage, |stage, (span, expected)| {
        let (stage, found) = tried(stage, *span);
        assert_eq!(found, *expected, "{span:?}");
        stage
    })
}

#[test]
fn a_stay_keeps_the_rules_of_its_arrival_its_departure_and_its_nights() {
    let rules = DayRules { closed: Some(true), ..DayRules::default() };
    let stage = rooms(1).when(set(ruled(christmas(10), 1, rules))).accepted();
    let rules = DayRules {
        closed_to_arrival: Some(true),
        closed_to_departure: Some(true),
        ..DayRules::default()
    };
    let stage = stage.when(set(ruled(christmas(5), 1, rules))).accepted();
    let rules = DayRules { stay_min: Set::To(2), stay_max: Set::To(3), ..DayRules::default() };
    let stage = stage.when(set(ruled(christmas(20), 2, rules))).accepted();
    let night = |day| stay(christmas(day), 1);
    try_all(
        stage,
        &[
            (stay(christmas(9), 1), None),
            (stay(christmas(9), 2), Some(Cause::Closed(night(10)))),
            (stay(christmas(11), 1), None),
            (stay(christmas(5), 2), Some(Cause::ClosedToArrival(christmas(5)))),
            (stay(christmas(4), 1), Some(Cause::ClosedToDeparture(christmas(5)))),
            (stay(christmas(4), 2), None),
            (stay(christmas(20), 1), Some(Cause::StayTooShort { nights_min: 2 })),
            (stay(christmas(20), 2), None),
            (stay(christmas(21), 3), None),
            (stay(christmas(21), 4), Some(Cause::StayTooLong { nights_max: 3 })),
            (stay(christmas(22), 1), None),
            (stay(christmas(19), 6), None),
        ],
    );
}

#[test]
fn the_capacity_of_a_date_goes_by_the_weekday_and_later_settings_win() {
    let weekend = When::Dates {
        range: DateRange { from: christmas(1), until: christmas(31) },
        weekdays: Weekdays::of(&[5, 6]),
    };
    let capacity = |when, units| set(Setting::Capacity(when, units));
    // 2026-12-05 is a Saturday.
    let stage = rooms(10).when(capacity(weekend, Some(6))).accepted();
    let stage = stage.when(capacity(dates(christmas(6), 2), Some(3))).accepted();
    let stage = stage.when(capacity(dates(christmas(12), 1), None)).accepted();
    let (from, to) = (christmas(4).0.into(), christmas(14).0.into());
    let nights = stage.entity.state.available(from, to, 100);
    let units: Vec<_> = nights.iter().map(|night| night.capacity).collect();
    assert_eq!(units, [10, 6, 3, 3, 10, 10, 10, 10, 10, 6]);
}

#[test]
fn an_overbooking_allowance_lets_so_many_more_in() {
    let rules = DayRules { overbooking: Some(1), ..DayRules::default() };
    let stage = rooms(1).when(set(ruled(christmas(1), 2, rules))).accepted();
    let stage = granted(stage.told(time_claim(1, 1, &[(stay(christmas(1), 2), 1)])));
    let stage = granted(stage.told(time_claim(2, 1, &[(stay(christmas(1), 2), 1)])));
    let stage = stage.told(time_claim(3, 1, &[(stay(christmas(2), 1), 1)]));
    assert_eq!(cause(&stage), Cause::Taken(stay(christmas(2), 1)));
    let night = christmas(2).0.into();
    let [told] = stage.entity.state.available(night, night + 1, 9)[..] else { panic!() };
    assert_eq!((told.capacity, told.overbooking, told.claimed, told.available), (1, 1, 2, 0));
}

#[test]
fn how_far_ahead_a_claim_is_made_is_a_rule_and_the_past_is_open_without_one() {
    let now = utc("2026-12-24T23:30:00Z");
    let tomorrow = stay(christmas(25), 1);
    let stage = rooms(1).at(now);
    let stage =
        try_all(stage, &[(stay(date(1970, 1, 1), 2), None), (stay(date(9999, 1, 1), 2), None)]);
    let ahead = |min, max| {
        let rules = NightRules { ahead_min_days: Some(min), ahead_max_days: Some(max) };
        Setting::Rules(RulesChange {
            general: Some(General::Nights(rules)),
            days: std::sync::Arc::new([]),
        })
    };
    let days = |date: Date| i64::from(date.0);
    let stage = stage.when(set(ahead(0, 7))).accepted();
    let soon = Cause::TooSoon { earliest: days(christmas(24)) };
    let late = Cause::TooFarAhead { latest: days(christmas(31)) };
    let stage = try_all(
        stage,
        &[
            (stay(christmas(23), 1), Some(soon)),
            (stay(christmas(24), 1), None),
            (stay(christmas(31), 1), None),
            (stay(date(2027, 1, 1), 1), Some(late)),
            (tomorrow, None),
        ],
    );
    // An hour later it is tomorrow in Lisbon.
    let (_, found) = tried(stage.at(now.plus_ms(HOUR)), stay(christmas(24), 1));
    assert_eq!(found, Some(Cause::TooSoon { earliest: days(christmas(25)) }));

    let rules = SlotRules {
        ahead_min_ms: Some(HOUR),
        ahead_max_ms: Some(2 * HOUR),
        ..SlotRules::default()
    };
    let stage = opened(slots("UTC", 1, rules)).at(now);
    let in_hours = |n| slot(now.plus_ms(n * HOUR), HOUR);
    let moment = |n| now.plus_ms(n * HOUR).0 as i64;
    try_all(
        stage,
        &[
            (in_hours(0), Some(Cause::TooSoon { earliest: moment(1) })),
            (in_hours(1), None),
            (in_hours(2), None),
            (in_hours(3), Some(Cause::TooFarAhead { latest: moment(2) })),
        ],
    );
}

fn span(start: &str, end: &str) -> Span {
    Span::Slots { start: utc(start), end: utc(end) }
}

#[test]
fn hours_are_those_of_the_wall_on_both_sides_of_a_change_of_clocks() {
    let stage = opened(slots("Europe/Berlin", 1, SlotRules::default()));
    let hours = open_at(&[(2 * 60 + 30, 3 * 60 + 30), (9 * 60, 17 * 60), (22 * 60, 26 * 60)]);
    let stage = stage.when(set(ruled(date(2026, 1, 1), 365, hours))).accepted();
    let outside = |start, end| Some(Cause::OutsideHours(span(start, end)));
    try_all(
        stage,
        &[
            // The last day of winter time, and the first of summer time.
            (span("2026-03-28T08:00:00Z", "2026-03-28T16:00:00Z"), None),
            (span("2026-03-29T07:00:00Z", "2026-03-29T15:00:00Z"), None),
            (
                span("2026-03-29T06:30:00Z", "2026-03-29T08:00:00Z"),
                outside("2026-03-29T06:30:00Z", "2026-03-29T07:00:00Z"),
            ),
            // Past midnight: until 02:00, when the clocks leap to 03:00. 02:30 is then 03:30, at
            // which it also closes.
            (span("2026-03-28T21:00:00Z", "2026-03-29T01:00:00Z"), None),
            (
                span("2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"),
                outside("2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"),
            ),
            (
                span("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"),
                outside("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"),
            ),
            // 02:00 and 02:30 come twice: it closes at the second, and opens at the first.
            (span("2026-10-24T20:00:00Z", "2026-10-25T02:30:00Z"), None),
            (
                span("2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"),
                outside("2026-10-25T02:30:00Z", "2026-10-25T03:00:00Z"),
            ),
        ],
    );
}

#[test]
fn a_closed_date_is_closed_from_midnight_to_midnight_where_the_calendar_is() {
    for (zone, begin, end) in [
        ("Pacific/Auckland", "2028-02-28T11:00:00Z", "2028-02-29T11:00:00Z"),
        ("Pacific/Pago_Pago", "2028-02-29T11:00:00Z", "2028-03-01T11:00:00Z"),
        ("America/New_York", "2028-02-29T05:00:00Z", "2028-03-01T05:00:00Z"),
    ] {
        let stage = opened(slots(zone, 1, SlotRules::default()));
        let stage = stage.when(set(Setting::Closed(dates(date(2028, 2, 29), 1), true))).accepted();
        let (begin, end) = (utc(begin), utc(end));
        let before = slot(Timestamp(begin.0 - HOUR), HOUR);
        let first = slot(begin, MINUTE);
        let last = slot(Timestamp(end.0 - MINUTE), MINUTE);
        let closed = |span| Some(Cause::Closed(span));
        let cases =
            [(before, None), (first, closed(first)), (last, closed(last)), (slot(end, HOUR), None)];
        let stage = try_all(stage, &cases);
        let stage = stage.when(set(Setting::Closed(dates(date(2028, 2, 29), 1), false))).accepted();
        try_all(stage, &[(slot(begin, 24 * HOUR), None)]);
    }
}

#[test]
fn an_interval_is_set_whatever_holds_on_its_date() {
    let begin = utc("2026-12-24T10:00:00Z");
    let stage = opened(slots("UTC", 4, SlotRules::default()));
    let stage = stage.when(set(Setting::Capacity(dates(christmas(24), 1), Some(2)))).accepted();
    let stage = stage.when(set(Setting::Capacity(interval(begin, HOUR), Some(1)))).accepted();
    let stage = stage.when(set(Setting::Closed(interval(begin.plus_ms(2 * HOUR), HOUR), true)));
    let stage = stage.accepted();
    let (from, to) = (begin.0 as i64 - HOUR as i64, (begin.0 + 4 * HOUR) as i64);
    let pieces = stage.entity.state.available(from, to, 100);
    let hours = |piece: &Available| (piece.to - piece.from) / HOUR as i64;
    let told: Vec<_> =
        pieces.iter().map(|piece| (hours(piece), piece.available, piece.closure)).collect();
    let closed = Some(Closure::Closed);
    assert_eq!(told, [(1, 2, None), (1, 1, None), (1, 2, None), (1, 0, closed), (1, 2, None)]);
    let stage = stage.when(set(Setting::Capacity(interval(begin, HOUR), None))).accepted();
    assert_eq!(stage.entity.state.available(from, from + 3 * HOUR as i64, 9).len(), 1);
}

#[test]
fn less_capacity_or_a_closure_is_refused_where_it_would_break_claims_and_named_where_it_is_accepted()
 {
    let stage = granted(rooms(2).told(time_claim(1, 1, &[(stay(christmas(3), 3), 1)])));
    let stage = granted(stage.told(time_claim(2, 1, &[(stay(christmas(1), 3), 1)])));
    let stage = granted(stage.told(time_claim(3, 1, &[(stay(christmas(20), 1), 2)])));
    let less = |units| Setting::Capacity(dates(christmas(1), 10), Some(units));
    let conflict = |n, span| Conflict { reservation: reservation(n), span };
    let both = vec![conflict(2, stay(christmas(1), 3)), conflict(1, stay(christmas(3), 3))];
    let stage = stage.when(set(less(1))).then_nothing();
    let refused = Rejection::ClaimsInConflict { conflicts: both.clone(), total: 2 };
    let stage = stage.then_rejected(refused);
    assert_eq!(conflicts_of(&stage, less(1)), both);
    assert_eq!(conflicts(&stage, None, 9), []);
    let stage = stage.when(insist_on(less(1))).accepted();
    let named = Event::ClaimsInConflict(both.clone().into());
    let stage = stage.then([Event::Set(less(1).into()), named]);
    assert_eq!(conflicts(&stage, None, 9), both);
    assert_eq!(conflicts(&stage, None, 1), both[..1]);
    let first = (both[0].span.from(), both[0].reservation);
    assert_eq!(conflicts(&stage, Some(first), 9), both[1..]);

    // Those that are in conflict already are in nobody's way, others are.
    let stage = stage.when(set(Setting::Closed(dates(christmas(3), 1), true))).accepted();
    let closed = Setting::Closed(dates(christmas(20), 1), true);
    let stage = stage.when(set(closed)).then_nothing();

    // One that is gone, and room again, resolve them.
    let stage = stage.when(insist_on(Setting::Closed(dates(christmas(3), 1), false))).accepted();
    let stage = stage.told(time_release(2, 2));
    assert_eq!(conflicts(&stage, None, 9), []);
    let stage = granted(stage.told(time_claim(4, 1, &[(stay(christmas(7), 1), 1)])));
    let stage = stage.when(insist_on(less(0))).accepted();
    assert_eq!(conflicts(&stage, None, 9).len(), 2);
    let stage = stage.when(set(less(2))).accepted();
    assert_eq!(conflicts(&stage, None, 9), []);
}

#[test]
fn hours_that_end_before_a_claim_does_are_in_conflict_with_it() {
    let begin = utc("2026-07-01T17:00:00Z");
    let stage = granted(bays(1).told(time_claim(1, 1, &[(slot(begin, HOUR), 1)])));
    let hours = |closes| ruled(date(2026, 1, 1), 365, open_at(&[(480, closes)]));
    // It is 18:00 in Lisbon, and 19:00 when the claim ends.
    let stage = stage.when(set(hours(19 * 60))).accepted();
    let stage = stage.when(set(hours(19 * 60 - 1))).then_nothing();
    assert!(matches!(stage.outcome, Outcome::Rejected(Rejection::ClaimsInConflict { .. })));
}

#[test]
fn many_conflicts_are_named_by_several_events_and_all_of_them() {
    let mut stage = rooms(1_000);
    for n in 0..450 {
        stage = granted(stage.told(time_claim(n, 1, &[(stay(christmas(1), 1), 1)])));
    }
    let none = Setting::Capacity(When::Always, Some(0));
    let stage = stage.when(set(none.clone())).then_nothing();
    let Outcome::Rejected(Rejection::ClaimsInConflict { conflicts, total }) = &stage.outcome else {
        panic!("{:?}", stage.outcome)
    };
    assert_eq!((conflicts.len(), *total), (CONFLICTS_TOLD_MAX, 450));
    let stage = stage.when(insist_on(none)).accepted();
    let mut named: Vec<_> = stage.events[1..]
        .iter()
        .flat_map(|event| match event {
            Event::ClaimsInConflict(conflicts) => {
                assert!(conflicts.len() <= CONFLICTS_PER_EVENT);
                conflicts.iter().map(|conflict| conflict.reservation).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    named.sort_unstable();
    assert_eq!(named, (0..450).map(reservation).collect::<Vec<_>>());
}

#[test]
fn the_next_starts_are_found_by_what_decides_a_claim() {
    let begin = utc("2026-12-24T00:00:00Z");
    let at = |minutes: u64| (begin.0 + minutes * MINUTE) as i64;
    let rules = SlotRules { granularity_ms: 15 * MINUTE, ..SlotRules::default() };
    let stage = opened(slots("UTC", 2, rules));
    let stage = stage.when(set(ruled(christmas(1), 30, open_at(&[(540, 720)])))).accepted();
    let morning = slot(begin.plus_ms(9 * HOUR), 2 * HOUR);
    let stage = granted(stage.told(time_claim(1, 1, &[(morning, 1)])));
    let search = |units, count| Search {
        from: begin.0 as i64 + 1,
        until: at(3 * 24 * 60),
        length: HOUR as i64,
        units,
        count,
    };
    let found = |search| match asked(&stage.entity.state, &Question::Find(search)) {
        Answer::Found(found) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(search(1, 3)).starts, [at(540), at(555), at(570)]);
    let day = 24 * 60;
    assert_eq!(found(search(2, 3)).starts, [at(660), at(day + 540), at(day + 555)]);
    let all = found(search(2, 100));
    assert_eq!(all.starts.len(), 1 + 9 + 9);
    assert_eq!(all.looked_until, at(3 * 24 * 60));
    assert_eq!(found(search(3, 3)).starts, [0i64; 0]);
    assert_eq!(found(Search { length: 7 * MINUTE as i64, ..search(1, 1) }).starts, [0i64; 0]);
}

#[test]
fn what_can_not_be_set_is_refused() {
    let invalid = |stage: Stage<Calendar>, setting| {
        let stage = stage.when(set(setting)).then_nothing();
        let is_invalid = matches!(stage.outcome, Outcome::Rejected(Rejection::InvalidRule(_)));
        assert!(is_invalid, "{:?}", stage.outcome);
        stage
    };
    let backward = When::Dates {
        range: DateRange { from: christmas(2), until: christmas(1) },
        weekdays: Weekdays::ALL,
    };
    let general = Some(General::Slots(SlotRules::default()));
    let other_kind = RulesChange { general, days: std::sync::Arc::new([]) };
    let settings = [
        Setting::Closed(interval(NOON, HOUR), true),
        Setting::Closed(backward, true),
        Setting::Capacity(When::Always, None),
        Setting::Capacity(When::Always, Some(UNITS_MAX + 1)),
        Setting::Rules(other_kind),
        ruled(christmas(1), 1, open_at(&[(0, 1440)])),
        ruled(christmas(1), 1, DayRules { stay_min: Set::To(0), ..DayRules::default() }),
    ];
    settings.into_iter().fold(rooms(1), invalid);
    let hours = [(600, 500), (1_440, 1_500), (600, 600 + 1_441)];
    hours.into_iter().fold(bays(1), |stage, opening| {
        invalid(stage, ruled(christmas(1), 1, open_at(&[opening])))
    });
    let nothing = SlotRules::default();
    let nothing = [
        SlotRules { length_max_ms: 0, ..nothing.clone() },
        SlotRules { length_min_ms: 61_000, length_max_ms: 119_000, ..nothing.clone() },
        SlotRules { ahead_min_ms: Some(2), ahead_max_ms: Some(1), ..nothing },
    ];
    let general = |rules| Setting::Rules(RulesChange { general: Some(rules), days: [].into() });
    nothing.into_iter().map(General::Slots).map(general).fold(bays(1), invalid);
    let ahead = NightRules { ahead_min_days: Some(2), ahead_max_days: Some(1) };
    let stays = DayRules { stay_min: Set::To(3), stay_max: Set::To(2), ..DayRules::default() };
    let nothing = [general(General::Nights(ahead)), ruled(christmas(1), 1, stays)];
    nothing.into_iter().fold(rooms(1), invalid);
    let retire = || Any::Calendar(Command::Retire);
    let refused = Rejection::InvalidTransition { from: "RETIRED", command: "RetireCalendar" };
    rooms(1).when(retire()).accepted().when(retire()).then_rejected(refused);
}
