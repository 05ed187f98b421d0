//! Words for calendars.

use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::command::Command as Any;
use holdfast::domain::ids::*;
use holdfast::domain::name::*;
use holdfast::domain::time::Timestamp;

use super::stage::{Stage, given};
use super::words::*;

pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;

pub fn calendar_key() -> ResourceKey {
    ResourceKey::Calendar(CalendarId::new("BAY 7").unwrap())
}

pub fn calendar_id() -> EntityId {
    EntityId::Resource(calendar_key())
}

pub fn date(year: i32, month: u8, day: u8) -> Date {
    Date::of_civil(year, month, day).unwrap()
}

pub fn utc(text: &str) -> Timestamp {
    let instant = text.parse::<jiff::Timestamp>().unwrap();
    Timestamp(instant.as_millisecond().unsigned_abs())
}

pub fn slot(start: Timestamp, span_ms: u64) -> Span {
    Span::Slots { start, end: start.plus_ms(span_ms) }
}

pub fn stay(check_in: Date, nights: i32) -> Span {
    Span::Nights { check_in, check_out: check_in.plus(nights) }
}

pub fn slots(zone: &str, capacity: u32, rules: SlotRules) -> Create {
    let zone = ZoneName::new(zone).unwrap();
    Create { zone, capacity, general: General::Slots(rules) }
}

pub fn nights(zone: &str, capacity: u32) -> Create {
    let zone = ZoneName::new(zone).unwrap();
    Create { zone, capacity, general: General::Nights(NightRules::default()) }
}

/// A calendar that has just come to be.
pub fn opened(create: Create) -> Stage<Calendar> {
    let command = Any::Calendar(Command::Create(Arc::new(create)));
    given(calendar_id(), []).remembering(10_000).when(command).accepted()
}

/// Bays in Lisbon.
pub fn bays(capacity: u32) -> Stage<Calendar> {
    opened(slots("Europe/Lisbon", capacity, SlotRules::default()))
}

/// Rooms in Lisbon.
pub fn rooms(capacity: u32) -> Stage<Calendar> {
    opened(nights("Europe/Lisbon", capacity))
}

pub fn set(setting: Setting) -> Any {
    Any::Calendar(Command::Set { setting: Arc::new(setting), accept_conflicts: false })
}

pub fn insist_on(setting: Setting) -> Any {
    Any::Calendar(Command::Set { setting: Arc::new(setting), accept_conflicts: true })
}

pub fn dates(from: Date, days: i32) -> When {
    let range = DateRange { from, until: from.plus(days) };
    When::Dates { range, weekdays: Weekdays::ALL }
}

pub fn interval(start: Timestamp, span_ms: u64) -> When {
    When::Interval { start, end: start.plus_ms(span_ms) }
}

/// Rules for dates.
pub fn ruled(from: Date, days: i32, rules: DayRules) -> Setting {
    let range = DateRange { from, until: from.plus(days) };
    let days = Arc::new([DaySetting { range, weekdays: Weekdays::ALL, rules }]);
    Setting::Rules(RulesChange { general: None, days })
}

pub fn open_at(hours: &[(u16, u16)]) -> DayRules {
    let opening = |(opens, closes): &(u16, u16)| Opening { opens: *opens, closes: *closes };
    DayRules { hours: Set::To(hours.iter().map(opening).collect()), ..DayRules::default() }
}

pub fn lines_of(wanted: &[(Span, u64)]) -> Arc<[ClaimLine]> {
    let line = |(n, (span, held)): (usize, &(Span, u64))| ClaimLine {
        id: LineId::counted(n),
        span: *span,
        held: *held,
        committed: 0,
    };
    wanted.iter().enumerate().map(line).collect()
}

/// A wish to hold all of this.
pub fn time_wish(n: u128, version: u64, wanted: &[(Span, u64)]) -> Claim {
    Claim { lines: lines_of(wanted), ..Claim::release(reservation(n), Version(version)) }
}

pub fn time_claim(n: u128, version: u64, wanted: &[(Span, u64)]) -> Any {
    Any::Calendar(Command::Claim(time_wish(n, version, wanted)))
}

/// A wish to have used all of this.
pub fn time_used(n: u128, version: u64, wanted: &[(Span, u64)]) -> Any {
    let mut wish = time_wish(n, version, wanted);
    for line in Arc::make_mut(&mut wish.lines) {
        (line.held, line.committed) = (0, line.held);
    }
    Any::Calendar(Command::Claim(wish))
}

pub fn time_release(n: u128, version: u64) -> Any {
    Any::Calendar(Command::Claim(Claim::release(reservation(n), Version(version))))
}

/// What a reservation was told: nothing where all is granted, else what each line lacks.
pub fn lacks(stage: &Stage<Calendar>) -> Vec<(String, u64, Cause, Option<Timestamp>)> {
    use holdfast::domain::claim::{Blocker, ClaimOutcome};
    use holdfast::domain::reservation::Command as Hold;
    let [message] = &stage.messages[..] else { panic!("{:?}", stage.messages) };
    let Any::Reservation(Hold::Answered(answer)) = &message.command else { panic!("{message:?}") };
    assert_eq!(answer.resource, calendar_key());
    match &answer.outcome {
        ClaimOutcome::Granted => vec![],
        ClaimOutcome::ShortLines(lines) => {
            let told = lines.iter().map(|short| {
                let Some(Blocker::Calendar(obstacle)) = short.shortfall.blocker else {
                    panic!("{short:?}")
                };
                assert_eq!(short.shortfall.position, stage.log_position);
                let Obstacle { cause, deadline } = obstacle;
                (short.line.to_string(), short.shortfall.available, cause, deadline)
            });
            told.collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The first thing that a claim's first short line lacks.
#[track_caller]
pub fn cause(stage: &Stage<Calendar>) -> Cause {
    lacks(stage).first().expect("a line that fell short").2
}

#[track_caller]
pub fn granted(stage: Stage<Calendar>) -> Stage<Calendar> {
    assert_eq!(lacks(&stage), []);
    stage
}

pub fn asked(state: &Calendar, question: &Question) -> Answer {
    state.answer(question, NOON, Position(1))
}

/// The claims that are in conflict.
pub fn conflicts(stage: &Stage<Calendar>, after: Option<Start>, count: usize) -> Vec<Conflict> {
    let question = Question::Conflicts { after, count };
    match stage.entity.state.answer(&question, stage.now, Position(1)) {
        Answer::Conflicts { conflicts, .. } => conflicts,
        other => panic!("{other:?}"),
    }
}

/// The claims that a setting would bring into conflict.
pub fn conflicts_of(stage: &Stage<Calendar>, setting: Setting) -> Vec<Conflict> {
    let question = Question::ConflictsOf { setting, after: None, count: 100 };
    match stage.entity.state.answer(&question, stage.now, Position(1)) {
        Answer::Conflicts { conflicts, .. } => conflicts,
        other => panic!("{other:?}"),
    }
}
