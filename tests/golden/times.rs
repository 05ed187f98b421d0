//! At least one of everything of calendars that is stored.

use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::claim::{Blocker, Shortfall};
use holdfast::domain::ids::*;
use holdfast::domain::name::*;
use holdfast::domain::rejection::Shortage;
use holdfast::domain::reservation;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use uuid::Uuid;

pub const MONDAY: Date = Date(20_605);

fn instant(minutes: u64) -> Timestamp {
    Timestamp(1_780_308_000_000 + minutes * 60_000)
}

pub fn slot(from: u64, to: u64) -> Span {
    Span::Slots { start: instant(from), end: instant(to) }
}

pub fn stay(from: i32, nights: i32) -> Span {
    Span::Nights { check_in: MONDAY.plus(from), check_out: MONDAY.plus(from + nights) }
}

pub fn calendar(id: &str) -> CalendarId {
    CalendarId::new(id).unwrap()
}

fn line(id: &str, span: Span, held: u64, committed: u64) -> ClaimLine {
    ClaimLine { id: LineId::new(id).unwrap(), span, held, committed }
}

fn standing(version: u64, deadline: Option<Timestamp>, parts: &[(ClaimLine, u32)]) -> Standing {
    let part = |(line, turnover_ms): &(ClaimLine, u32)| Part {
        line: line.clone(),
        turnover_ms: *turnover_ms,
    };
    Standing {
        reservation: ReservationId(Uuid::from_bytes([0xaa; 16])),
        reservation_version: Version(version),
        deadline,
        parts: parts.iter().map(part).collect(),
    }
}

fn dates(from: i32, days: i32) -> DateRange {
    DateRange { from: MONDAY.plus(from), until: MONDAY.plus(from + days) }
}

pub fn slots() -> Create {
    let rules = SlotRules {
        granularity_ms: 900_000,
        length_min_ms: 1_800_000,
        turnover_ms: 300_000,
        ahead_min_ms: Some(0),
        ..SlotRules::default()
    };
    let zone = ZoneName::new("Europe/Lisbon").unwrap();
    Create { zone, capacity: 2, general: General::Slots(rules) }
}

pub fn nights() -> Create {
    let rules = NightRules { ahead_min_days: None, ahead_max_days: Some(500) };
    let zone = ZoneName::new("Pacific/Auckland").unwrap();
    Create { zone, capacity: 50, general: General::Nights(rules) }
}

pub fn by_dates() -> Setting {
    let hours: Arc<[_]> =
        Arc::new([Opening { opens: 540, closes: 720 }, Opening { opens: 1_320, closes: 1_560 }]);
    let hours = DayRules { hours: Set::To(hours), ..DayRules::default() };
    let stays = DayRules {
        closed: Some(false),
        closed_to_arrival: Some(true),
        closed_to_departure: Some(false),
        stay_min: Set::To(2),
        stay_max: Set::Lift,
        overbooking: Some(3),
        ..DayRules::default()
    };
    let weekend = Weekdays::of(&[5, 6]);
    let setting = |days, weekdays, rules| DaySetting { range: dates(0, days), weekdays, rules };
    let days = [setting(90, Weekdays::ALL, hours), setting(30, weekend, stays)];
    Setting::Rules(RulesChange { general: Some(slots().general), days: Arc::new(days) })
}

fn conflicts() -> Arc<[Conflict]> {
    let reservation = ReservationId(Uuid::from_bytes([0xaa; 16]));
    Arc::new([
        Conflict { reservation, span: slot(0, 60) },
        Conflict { reservation, span: stay(0, 3) },
    ])
}

pub fn events() -> Vec<Event> {
    let weekend = When::Dates { range: dates(0, 30), weekdays: Weekdays::of(&[5, 6]) };
    let interval = When::Interval { start: instant(0), end: instant(120) };
    let set = |setting| Event::Set(Arc::new(setting));
    let two = [(line("1", slot(0, 60), 2, 0), 300_000), (line("bay", slot(60, 90), 1, 0), 0)];
    let part = [(line("1", slot(0, 45), 0, 2), 300_000), (line("1", slot(45, 60), 2, 0), 0)];
    vec![
        Event::Created(Arc::new(slots())),
        Event::Created(Arc::new(nights())),
        set(by_dates()),
        set(Setting::Rules(RulesChange { general: None, days: Arc::new([]) })),
        set(Setting::Capacity(When::Always, Some(300))),
        set(Setting::Capacity(weekend, None)),
        set(Setting::Closed(interval, true)),
        set(Setting::Closed(weekend, false)),
        Event::Retired,
        Event::ClaimsInConflict(conflicts()),
        Event::ClaimMade(standing(1, Some(instant(15)), &two)),
        Event::ClaimChanged(standing(2, None, &[(line("1", stay(-3, 3), 1, 0), 0)])),
        Event::ClaimCommitted(standing(3, None, &part)),
        Event::ClaimReleased {
            reservation: ReservationId(Uuid::from_bytes([0xaa; 16])),
            reservation_version: Version(4),
        },
    ]
}

/// Claims, one of them the first, of reservations that are being changed.
pub fn widened() -> Vec<Event> {
    let has = [(line("1", slot(0, 60), 2, 0), 300_000)];
    let to_have = |parts: &[(ClaimLine, u32)]| standing(0, None, parts).parts;
    let instead = [(line("1", slot(30, 120), 1, 0), 0), (line("more", slot(0, 60), 2, 0), 300_000)];
    let nights = [(line("1", stay(0, 3), 300, 0), 0)];
    vec![
        Event::ClaimWidened {
            standing: standing(5, Some(instant(15)), &has),
            change: to_have(&instead),
        },
        Event::ClaimWidened { standing: standing(2, None, &[]), change: to_have(&nights) },
    ]
}

/// What happened to a calendar of slots that has a bit of everything.
pub fn history() -> Vec<Event> {
    let [created, _, rules, _, _, weekend, closed, _, _, _, made, _, _, _] =
        events().try_into().unwrap();
    let used = [(line("1", slot(0, 60), 0, 2), 300_000)];
    let other = Standing {
        reservation: ReservationId(Uuid::from_bytes([0xab; 16])),
        ..standing(1, None, &[(line("1", slot(0, 120), 1, 0), 0)])
    };
    let past = [(line("1", Span::Slots { start: Timestamp(0), end: Timestamp(60_000) }, 0, 1), 0)];
    let past = Standing {
        reservation: ReservationId(Uuid::from_bytes([0xac; 16])),
        ..standing(2, None, &past)
    };
    vec![
        created,
        rules,
        weekend,
        closed,
        made,
        Event::ClaimMade(other),
        Event::ClaimCommitted(standing(3, None, &used)),
        Event::ClaimCommitted(past),
    ]
}

/// What happened to a calendar of which a claim is used in part.
pub fn in_pieces() -> [Event; 3] {
    let pieces =
        [(line("1", slot(0, 45), 0, 2), 300_000), (line("1", slot(45, 60), 2, 0), 300_000)];
    let whole = [(line("1", slot(0, 60), 2, 0), 300_000)];
    [
        Event::Created(Arc::new(slots())),
        Event::ClaimMade(standing(1, None, &whole)),
        Event::ClaimCommitted(standing(2, None, &pieces)),
    ]
}

/// A night, an hour, and what comes of asking for them.
pub fn lines() -> Vec<reservation::Line> {
    let line = |index, calendar_id: &str, span| reservation::Line {
        id: LineId::counted(index),
        wanted: Wanted::Time { calendar: calendar(calendar_id), span },
        quantity: 1,
    };
    vec![line(0, "DOUBLE", stay(0, 3)), line(1, "BAY", slot(0, 60))]
}

pub fn shortages() -> Vec<Shortage> {
    let causes = [
        Cause::Taken(slot(0, 60)),
        Cause::Closed(stay(0, 1)),
        Cause::OutsideHours(slot(0, 60)),
        Cause::ClosedToArrival(MONDAY),
        Cause::ClosedToDeparture(MONDAY),
        Cause::StayTooShort { nights_min: 2 },
        Cause::StayTooLong { nights_max: 7 },
        Cause::SlotTooShort { length_min_ms: 1_800_000 },
        Cause::SlotTooLong { length_max_ms: 7_200_000 },
        Cause::OffGrid { granularity_ms: 900_000 },
        Cause::TooSoon { earliest: 20_605 },
        Cause::TooFarAhead { latest: -1 },
        Cause::NoSpan,
        Cause::WrongKind { kind: Kind::Nights },
        Cause::Retired,
        Cause::Unknown,
    ];
    let [line, _] = lines().try_into().unwrap();
    let short = |cause| {
        let deadline = matches!(cause, Cause::Taken(_)).then(|| instant(15));
        let blocker = Some(Blocker::Calendar(Obstacle { cause, deadline }));
        Shortage {
            line: line.id.clone(),
            wanted: line.wanted.clone(),
            requested: 1,
            shortfall: Shortfall { available: 0, position: Position(70_000), blocker },
        }
    };
    causes.map(short).into()
}
