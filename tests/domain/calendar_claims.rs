//! What reservations claim of a calendar.

use holdfast::domain::calendar::*;
use holdfast::domain::entity::Aggregate;
use holdfast::domain::time::Timestamp;

use super::stage::Stage;
use super::times::*;
use super::words::*;

const TEN: &str = "2026-12-24T10:00:00Z";

fn at(hour: u64) -> Timestamp {
    utc("2026-12-24T00:00:00Z").plus_ms(hour * HOUR)
}

fn hours(from: u64, to: u64) -> Span {
    slot(at(from), (to - from) * HOUR)
}

fn claimed(stage: &Stage<Calendar>, moment: Timestamp) -> u32 {
    let moment = moment.0.try_into().unwrap();
    stage.entity.state.available(moment, moment + 1, 1)[0].claimed
}

fn count(stage: &Stage<Calendar>) -> usize {
    stage.entity.state.claims_after(None, 100).len()
}

#[test]
fn claims_that_touch_do_not_conflict_and_those_that_overlap_do() {
    let stage = granted(bays(1).told(time_claim(1, 1, &[(hours(10, 12), 1)])));
    let stage = granted(stage.told(time_claim(2, 1, &[(hours(12, 13), 1)])));
    let stage = granted(stage.told(time_claim(3, 1, &[(hours(9, 10), 1)])));
    let stage = stage.told(time_claim(4, 1, &[(hours(8, 11), 1)]));
    let taken = ("1".to_owned(), 0, Cause::Taken(hours(9, 11)), None);
    assert_eq!(lacks(&stage), [taken]);
    let stage = stage.then_nothing();
    assert_eq!(count(&stage), 3);
    assert_eq!(utc(TEN), at(10));
}

#[test]
fn a_turnover_keeps_what_follows_away_and_stays_as_it_was_claimed() {
    let rules = SlotRules { turnover_ms: HOUR as u32, ..SlotRules::default() };
    let stage = opened(slots("UTC", 1, rules.clone()));
    let stage = granted(stage.told(time_claim(1, 1, &[(hours(10, 11), 1)])));
    let stage = stage.told(time_claim(2, 1, &[(hours(11, 12), 1)]));
    assert_eq!(cause(&stage), Cause::Taken(hours(11, 12)));
    let stage = stage.told(time_claim(2, 1, &[(hours(9, 10), 1)]));
    assert_eq!(cause(&stage), Cause::Taken(hours(10, 11)), "its own turnover is in the way");
    let stage = granted(stage.told(time_claim(2, 1, &[(hours(12, 13), 1)])));

    let general = Some(General::Slots(SlotRules { turnover_ms: 0, ..rules }));
    let change = RulesChange { general, days: std::sync::Arc::new([]) };
    let stage = stage.when(set(Setting::Rules(change))).accepted();
    assert_eq!(claimed(&stage, at(13)), 1, "what stands isn't moved");
    let stage = stage.told(time_claim(3, 1, &[(hours(11, 12), 1)]));
    assert_eq!(cause(&stage), Cause::Taken(hours(11, 12)));
    granted(stage.told(time_claim(3, 1, &[(hours(9, 10), 1)])));
}

#[test]
fn lines_of_one_reservation_count_together_and_each_has_what_is_left_by_those_before() {
    let wanted = [(hours(10, 12), 2), (hours(11, 13), 2), (hours(12, 14), 3)];
    let stage = bays(3).told(time_claim(1, 1, &wanted));
    let short = |line: &str, available, span| (line.into(), available, Cause::Taken(span), None);
    let expected = [short("2", 1, hours(11, 12)), short("3", 1, hours(12, 13))];
    assert_eq!(lacks(&stage), expected);
    granted(stage.told(time_claim(1, 1, &wanted[..1])));
}

#[test]
fn a_refusal_names_the_earliest_deadline_of_a_hold_that_stands_in_the_way() {
    let until = |n, deadline, wanted: &[(Span, u64)]| {
        let deadline = Some(after_ms(deadline));
        let wish = Claim { deadline, ..time_wish(n, 1, wanted) };
        holdfast::domain::command::Command::Calendar(Command::Claim(wish))
    };
    let stage = granted(bays(2).told(until(1, 90, &[(hours(10, 12), 1)])));
    let stage = granted(stage.told(until(2, 60, &[(hours(11, 12), 1)])));
    let stage = granted(stage.told(until(3, 30, &[(hours(13, 14), 2)])));
    let stage = stage.told(time_claim(4, 1, &[(hours(10, 13), 1)]));
    let taken = ("1".to_owned(), 0, Cause::Taken(hours(11, 12)), Some(after_ms(60)));
    assert_eq!(lacks(&stage), [taken]);
}

#[test]
fn an_older_wish_changes_nothing_and_at_an_equal_version_a_release_wins() {
    let stage = granted(bays(2).told(time_claim(1, 2, &[(hours(10, 12), 1)])));
    let stage = stage.told(time_claim(1, 1, &[(hours(14, 16), 2)])).then_nothing();
    assert!(!lacks(&stage).is_empty(), "what stands isn't enough for it");
    let stage = stage.told(time_claim(1, 2, &[(hours(14, 16), 1)])).then_nothing();
    let stage = stage.told(time_release(1, 1)).then_nothing();
    let stage = stage.told(time_release(1, 2));
    let stage = stage.telling([]);
    assert_eq!((count(&stage), claimed(&stage, at(10))), (0, 0));
    stage.told(time_release(1, 2)).then_nothing();
}

#[test]
fn a_wish_said_twice_is_granted_twice_and_made_once() {
    let stage = granted(bays(1).told(time_claim(1, 1, &[(hours(10, 12), 1)])));
    let stage = granted(stage.told(time_claim(1, 1, &[(hours(10, 12), 1)])).then_nothing());
    assert_eq!(claimed(&stage, at(10)), 1);
}

#[test]
fn only_what_a_claim_takes_more_is_asked_for() {
    let stage = granted(bays(2).told(time_claim(1, 1, &[(hours(10, 12), 2)])));
    let stage = stage.told(time_claim(1, 2, &[(hours(10, 12), 2)])).telling([]);
    let stage = granted(stage.told(time_claim(1, 3, &[(hours(11, 13), 2)])));
    assert_eq!((claimed(&stage, at(10)), claimed(&stage, at(12))), (0, 2));
    let stage = granted(stage.told(time_claim(2, 1, &[(hours(10, 11), 1)])));
    let stage = stage.told(time_claim(1, 4, &[(hours(10, 13), 2)])).then_nothing();
    assert_eq!(lacks(&stage)[0].1, 1);
    granted(stage.told(time_claim(1, 4, &[(hours(10, 11), 1), (hours(11, 13), 2)])));
}

#[test]
fn a_claim_that_stands_is_prolonged_and_used_whatever_was_set_since() {
    let stage = granted(bays(2).told(time_claim(1, 1, &[(hours(10, 12), 2)])));
    let closed = Setting::Closed(When::Always, true);
    let stage = stage.when(insist_on(closed)).accepted();
    let stage = stage.when(insist_on(Setting::Capacity(When::Always, Some(0)))).accepted();
    let stage = stage.when(holdfast::domain::command::Command::Calendar(Command::Retire));
    let stage = stage.told(time_claim(1, 2, &[(hours(10, 12), 2)]));
    assert_eq!(stage.events.len(), 1);
    let stage = stage.told(time_used(1, 3, &[(hours(10, 11), 2)]));
    assert!(matches!(stage.events[..], [Event::ClaimCommitted(_)]), "{:?}", stage.events);
    assert_eq!((claimed(&stage, at(10)), claimed(&stage, at(11))), (2, 0));
    let stage = stage.told(time_claim(2, 1, &[(hours(20, 21), 1)]));
    assert_eq!(cause(&stage), Cause::Retired);
}

#[test]
fn what_was_used_stays_claimed_and_is_folded_when_it_is_past() {
    let stage = bays(1).at(at(9));
    let stage = granted(stage.told(time_claim(1, 1, &[(hours(10, 11), 1)])));
    let stage = stage.told(time_used(1, 2, &[(hours(10, 11), 1)]));
    assert_eq!(count(&stage), 1);
    let stage = granted(stage.at(at(11)).told(time_claim(2, 1, &[(hours(20, 21), 1)])));
    assert_eq!((count(&stage), claimed(&stage, at(10))), (1, 1));
    let stage = stage.told(time_claim(3, 1, &[(hours(10, 11), 1)]));
    assert_eq!(cause(&stage), Cause::Taken(hours(10, 11)), "the past can't be had again");
    // What was used is used, however often and late one hears of it.
    let stage = stage.told(time_used(1, 2, &[(hours(10, 11), 1)])).then_nothing();
    let stage = stage.told(time_release(1, 3)).then_nothing();
    assert_eq!(claimed(&stage, at(10)), 1);
    // What is used up when it is past already leaves no entry.
    let stage = stage.at(at(22)).told(time_used(2, 2, &[(hours(20, 21), 1)]));
    assert_eq!((count(&stage), claimed(&stage, at(20))), (0, 1));
}

#[test]
fn nights_are_past_when_they_are_past_in_every_zone() {
    let night = stay(date(2026, 12, 24), 1);
    let stage = opened(nights("Pacific/Pago_Pago", 1)).at(utc("2026-12-20T00:00:00Z"));
    let stage = granted(stage.told(time_claim(1, 1, &[(night, 1)])));
    let stage = stage.told(time_used(1, 2, &[(night, 1)]));
    let other = |n| time_claim(n, 1, &[(stay(date(2027, 1, n as u8), 1), 1)]);
    let stage = granted(stage.at(utc("2026-12-25T23:00:00Z")).told(other(2)));
    assert_eq!(count(&stage), 2);
    let stage = granted(stage.at(utc("2026-12-26T00:00:00Z")).told(other(3)));
    assert_eq!(count(&stage), 2);
    let night = i64::from(date(2026, 12, 24).0);
    assert_eq!(stage.entity.state.available(night, night + 1, 1)[0].claimed, 1);
}

#[test]
fn many_that_are_past_are_folded_a_few_with_each_event() {
    let bay = |n: u128| [(slot(at(0).plus_ms(n as u64 * MINUTE), MINUTE), 1)];
    let mut stage = bays(1).at(at(0));
    for n in 0..20 {
        stage = granted(stage.told(time_claim(n, 1, &bay(n)))).told(time_used(n, 2, &bay(n)));
    }
    assert_eq!(count(&stage), 20);
    stage = stage.at(at(1));
    for n in 100..105 {
        stage = granted(stage.told(time_claim(n, 1, &bay(n))));
    }
    assert_eq!(count(&stage), 5);
    assert_eq!(stage.entity.state.available(at(0).0 as i64, at(1).0 as i64, 9)[0].claimed, 1);
}

#[test]
fn of_a_calendar_that_is_unknown_nothing_is_to_be_had() {
    let stage = super::stage::given::<Calendar>(calendar_id(), []);
    let stage = stage.told(time_claim(1, 1, &[(hours(10, 11), 1)])).then_nothing();
    assert_eq!(cause(&stage), Cause::Unknown);
    let stage = stage.told(time_release(1, 1)).telling([]);
    assert!(!stage.entity.exists());
}

#[test]
fn a_check_answers_like_a_claim_and_has_no_effect() {
    let check = |n, wanted: &[(Span, u64)]| {
        holdfast::domain::command::Command::Calendar(Command::Check(time_wish(n, 1, wanted)))
    };
    let stage = granted(bays(2).told(time_claim(1, 1, &[(hours(10, 12), 1)])));
    let stage = granted(stage.told(check(2, &[(hours(10, 12), 1)])).then_nothing());
    let stage = stage.told(check(2, &[(hours(10, 12), 2)])).then_nothing();
    assert_eq!(cause(&stage), Cause::Taken(hours(10, 12)));
}

#[test]
fn what_makes_no_sense_is_short_of_everything() {
    let night = stay(date(2026, 12, 24), 1);
    let backward = Span::Slots { start: at(11), end: at(10) };
    let late = Span::Slots { start: at(10), end: Timestamp(u64::MAX) };
    let long = slot(at(0), SLOT_MS_MAX + MINUTE);
    let crooked = Span::Slots { start: Timestamp(at(10).0 + 1), end: at(11) };
    let cases = [
        (night, Cause::WrongKind { kind: Kind::Slots }),
        (backward, Cause::NoSpan),
        (late, Cause::NoSpan),
        (long, Cause::SlotTooLong { length_max_ms: SLOT_MS_MAX }),
        (crooked, Cause::OffGrid { granularity_ms: MINUTE }),
    ];
    for (span, expected) in cases {
        let stage = bays(1).told(time_claim(1, 1, &[(span, 1)])).then_nothing();
        assert_eq!(cause(&stage), expected);
    }
    let all = bays(1).told(time_claim(1, 1, &[(hours(10, 11), u64::MAX), (hours(10, 11), 1)]));
    let available: Vec<_> = lacks(&all).iter().map(|lack| lack.1).collect();
    assert_eq!(available, [1, 0]);
}
