//! What a calendar keeps while a reservation of it is changed.

use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::command::Command as Any;
use holdfast::domain::name::LineId;

use super::stage::Stage;
use super::times::*;

fn christmas(day: u8) -> Date {
    date(2026, 12, day)
}

/// So many rooms for some nights.
fn nights_of(day: u8, nights: i32, rooms: u64) -> (Span, u64) {
    (stay(christmas(day), nights), rooms)
}

fn demand(n: u128, version: u64, has: &[(Span, u64)], change: &[(Span, u64)]) -> Any {
    let change = Some(lines_of(change));
    Any::Calendar(Command::Demand(Claim { change, ..time_wish(n, version, has) }))
}

/// Units that are claimed in the nights from the 20th on.
fn claimed(stage: &Stage<Calendar>) -> [u32; 8] {
    let from = i64::from(christmas(20).0);
    let pieces = stage.entity.state.available(from, from + 8, 8);
    pieces.iter().map(|piece| piece.claimed).collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn while_a_change_is_under_way_whichever_takes_more_counts() {
    let (has, is_to_have) = ([nights_of(20, 3, 1)], [nights_of(22, 3, 2), nights_of(24, 1, 1)]);
    let stage = granted(rooms(4).told(time_claim(1, 1, &has)));
    let stage = granted(stage.told(demand(1, 2, &has, &is_to_have)));
    assert_eq!(stage.events[0].name(), "ClaimChanged");
    assert_eq!(claimed(&stage), [1, 1, 2, 2, 3, 0, 0, 0]);
    let stage = stage.told(time_claim(2, 1, &[nights_of(24, 1, 2)]));
    assert_eq!(lacks(&stage)[0].1, 1, "nobody else gets in between");
    let made = rooms(4).told(time_claim(1, 1, &has)).told(demand(1, 2, &has, &is_to_have));
    let made = made.told(time_claim(1, 3, &is_to_have)).telling([]);
    assert_eq!(claimed(&made), [0, 0, 2, 2, 3, 0, 0, 0]);
    let refused = stage.told(time_claim(1, 3, &has)).telling([]);
    assert_eq!(claimed(&refused), [1, 1, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_reservation_that_is_new_to_a_calendar_has_its_first_claim_by_a_change() {
    let wanted = [nights_of(20, 2, 1)];
    let stage = granted(rooms(1).told(demand(1, 5, &[], &wanted)));
    assert_eq!(stage.events[0].name(), "ClaimMade");
    let stage = granted(stage.told(demand(1, 5, &[], &wanted)).then_nothing());
    assert_eq!(claimed(&stage)[..3], [1, 1, 0]);
    let stage = stage.told(time_release(1, 6)).telling([]);
    assert_eq!(claimed(&stage), [0; 8]);
    assert_eq!(stage.events[0].name(), "ClaimReleased");
}

#[test]
fn only_the_growth_must_fit_be_open_and_be_offered() {
    let has = [nights_of(20, 4, 1)];
    let stage = granted(rooms(2).told(time_claim(1, 1, &has)));
    let stage = granted(stage.told(time_claim(2, 1, &[nights_of(20, 2, 1)])));
    // Fewer rooms than are claimed, and a night that is closed since.
    let stage = stage.when(insist_on(Setting::Capacity(When::Always, Some(1)))).accepted();
    let stage = stage.when(insist_on(Setting::Closed(dates(christmas(21), 1), true))).accepted();
    let longer = [nights_of(20, 5, 1)];
    let stage = granted(stage.told(demand(1, 2, &has, &longer)));
    let stage = stage.told(time_claim(1, 3, &longer));
    let stage = stage.told(demand(1, 4, &longer, &[nights_of(20, 5, 2)]));
    assert_eq!(cause(&stage), Cause::Taken(stay(christmas(20), 1)), "one more is new");
    let stage = stage.told(demand(1, 4, &longer, &[nights_of(20, 5, 1), nights_of(21, 1, 1)]));
    assert_eq!(cause(&stage), Cause::Closed(stay(christmas(21), 1)), "one more is new");
    let stage = stage.when(insist_on(Setting::Closed(dates(christmas(26), 1), true))).accepted();
    let stage = stage.told(demand(1, 4, &longer, &[nights_of(20, 7, 1)]));
    assert_eq!(cause(&stage), Cause::Closed(stay(christmas(26), 1)));
    let stage = stage.when(Any::Calendar(Command::Retire)).accepted();
    let stage = stage.told(demand(1, 4, &longer, &[nights_of(20, 6, 1)]));
    assert_eq!(cause(&stage), Cause::Retired);
    granted(stage.told(demand(1, 4, &longer, &[nights_of(21, 3, 1)])));
}

#[test]
fn a_stay_that_is_changed_must_keep_the_rules_and_one_that_is_as_it_was_is_exempt() {
    let has = [nights_of(20, 4, 1), nights_of(21, 2, 1)];
    let stage = granted(rooms(9).told(time_claim(1, 1, &has)));
    let least = DayRules { stay_min: Set::To(4), ..DayRules::default() };
    let no_departure = DayRules { closed_to_departure: Some(true), ..DayRules::default() };
    let stage = stage.when(set(ruled(christmas(1), 31, least))).accepted();
    let stage = stage.when(set(ruled(christmas(27), 1, no_departure))).accepted();
    let stage = stage.told(demand(1, 2, &has, &[nights_of(20, 3, 1)])).then_nothing();
    assert_eq!(cause(&stage), Cause::StayTooShort { nights_min: 4 });
    let stage = stage.told(demand(1, 2, &has, &[nights_of(20, 7, 1)])).then_nothing();
    assert_eq!(cause(&stage), Cause::ClosedToDeparture(christmas(27)));
    // The short one is as it was, and may have more rooms.
    granted(stage.told(demand(1, 2, &has, &[nights_of(20, 5, 1), nights_of(21, 2, 3)])));
}

#[test]
fn what_a_change_is_granted_keeps_its_turnover_whatever_is_set_before_it_is_made() {
    let ten = utc("2026-12-24T10:00:00Z");
    let hours = |from: u64, hours: u64| (slot(ten.plus_ms(from * HOUR), hours * HOUR), 1);
    let rules = |turnover_ms| SlotRules { turnover_ms, ..SlotRules::default() };
    let turned_over_in = |hours: u32| {
        let general = Some(General::Slots(rules(hours * HOUR as u32)));
        set(Setting::Rules(RulesChange { general, days: Arc::new([]) }))
    };
    let stage = opened(slots("UTC", 1, rules(HOUR as u32)));
    let stage = granted(stage.told(time_claim(1, 1, &[hours(0, 4)])));
    let stage = stage.when(turned_over_in(2)).accepted();
    // One within what it has, with its turnover, and one that is new.
    let change = [hours(1, 1), hours(6, 2)];
    let stage = granted(stage.told(demand(1, 2, &[hours(0, 4)], &change)));
    let stage = granted(stage.told(time_claim(2, 1, &[hours(10, 1)])));
    let stage = stage.when(turned_over_in(9)).accepted();
    let stage = stage.told(time_claim(1, 3, &change));
    let taken = |at: u64| {
        let at = ten.plus_ms(at * HOUR).0 as i64;
        stage.entity.state.available(at, at + 1, 1)[0].claimed
    };
    let expected = [0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1];
    assert_eq!((0..11).map(taken).collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_used_of_a_changed_line_takes_no_more_though_its_rest_has_the_span_of_an_older_one() {
    let midnight = utc("2026-12-24T00:00:00Z");
    let span = |from: u64, to: u64| slot(midnight.plus_ms(from * HOUR), (to - from) * HOUR);
    let rules = |hours| SlotRules { turnover_ms: hours * HOUR as u32, ..SlotRules::default() };
    let stage = opened(slots("UTC", 2, rules(2)));
    let has = [(span(5, 10), 1)];
    let both = [(span(5, 10), 1), (span(0, 10), 1)];
    let stage = granted(stage.told(time_claim(1, 1, &has)));
    let shorter = RulesChange { general: Some(General::Slots(rules(1))), days: Arc::new([]) };
    let stage = stage.when(set(Setting::Rules(shorter))).accepted();
    let stage = granted(stage.told(demand(1, 2, &has, &both)));
    let stage = stage.told(time_claim(1, 3, &both)).telling([]);
    // All that is left in the hour that only the older line's turnover takes.
    let stage = granted(stage.told(time_claim(2, 1, &[(span(11, 12), 1)])));
    let line = |nth, span, held, committed| {
        let id = LineId::counted(nth);
        ClaimLine { id, span, held, committed }
    };
    let lines = [line(0, span(5, 10), 1, 0), line(1, span(0, 5), 0, 1), line(1, span(5, 10), 1, 0)];
    let used = Claim { lines: lines.into(), ..time_wish(1, 4, &[]) };
    let stage = stage.told(Any::Calendar(Command::Claim(used))).telling([]);
    assert_eq!(stage.events[0].name(), "ClaimCommitted");
}
