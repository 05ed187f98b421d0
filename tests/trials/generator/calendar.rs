//! Calendars: what owners set, when anybody wants something of them, and what readers ask.
//!
//! All of it is on a small grid, so that it meets: a day of half hours, a week of nights; around a change
//! of clocks, a leap day, or the present, which passes.

use std::sync::Arc;

use holdfast::domain::calendar::{
    self, ClaimLine, Command, Create, Date, DateRange, DayRules, DaySetting, General, Kind,
    NIGHTS_MAX, NightRules, Opening, Question, RulesChange, SLOT_MS_MAX, Search, Set, Setting,
    SlotRules, Span, Weekdays, When,
};
use holdfast::domain::command::Command as Any;
use holdfast::domain::ids::{EntityId, ReservationId, ResourceKey};
use holdfast::domain::name::{CalendarId, LineId, ZoneName};
use holdfast::domain::reservation::End;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use rand::Rng;
use uuid::Uuid;

use super::Draw;

const HALF_MS: i64 = 30 * 60_000;
const DAY_MS: i64 = 86_400_000;

/// How many half hours, or nights, after the first something begins.
const HALVES: i64 = 40;
const NIGHTS: i64 = 8;

/// After how many commands a calendar goes out of use, and another comes into it.
const COMMANDS_OF_A_CALENDAR: u128 = 300;

/// How many of each kind are in use at a time.
const IN_USE: u128 = 2;

/// What calendars of slots and of nights are called.
const BAY: &str = "bay";
const ROOM: &str = "room";

/// In which zones slots are, and around which days: of the present where none is named.
const BAYS: [(&str, Option<i64>); 5] = [
    ("Europe/Lisbon", None),
    // From 3:00 back to 2:00, at 1:00 UTC.
    ("Europe/Berlin", Some(19_659)),
    ("Asia/Kathmandu", None),
    // From 2:00 to 3:00, at 7:00 UTC.
    ("America/New_York", Some(19_792)),
    // By half an hour, at 15:00 UTC.
    ("Australia/Lord_Howe", Some(19_819)),
];

/// The same of nights.
const ROOMS: [(&str, Option<i64>); 3] =
    [("Pacific/Auckland", None), ("Europe/Lisbon", Some(19_779)), ("Pacific/Pago_Pago", None)];

/// What readers ask a calendar.
pub const QUESTIONS: &[&str] = &[
    "check availability",
    "find slots",
    "get availability",
    "list claims of time",
    "list conflicts",
    "list conflicts of a setting",
];

/// A calendar that may be there, and where and when.
struct Place {
    id: CalendarId,
    kind: Kind,
    zone: &'static str,
    /// The first day, and the first moment that is looked at.
    day: i64,
    first: i64,
}

impl Place {
    fn unit(&self) -> i64 {
        match self.kind {
            Kind::Slots => HALF_MS,
            Kind::Nights => 1,
        }
    }
}

fn kind(draw: &mut Draw<'_>) -> Kind {
    if draw.random.random_bool(0.6) { Kind::Slots } else { Kind::Nights }
}

fn place(draw: &mut Draw<'_>, kind: Kind) -> Place {
    let number = draw.serial / COMMANDS_OF_A_CALENDAR + draw.random.random_range(0..IN_USE);
    let (name, places) = match kind {
        Kind::Slots => (BAY, &BAYS[..]),
        Kind::Nights => (ROOM, &ROOMS[..]),
    };
    let (zone, day) = places[number as usize % places.len()];
    let day = day.unwrap_or(draw.now.0 as i64 / DAY_MS);
    let first = if kind == Kind::Slots { day * DAY_MS } else { day };
    Place { id: CalendarId::new(&format!("{name} {number}")).unwrap(), kind, zone, day, first }
}

/// What a calendar of this name counts.
pub fn kind_of(id: &CalendarId) -> Kind {
    if id.as_str().starts_with(BAY) { Kind::Slots } else { Kind::Nights }
}

/// The id of one that may be there.
pub fn id(draw: &mut Draw<'_>) -> CalendarId {
    let kind = kind(draw);
    place(draw, kind).id
}

/// Some time of a calendar, rarely such as it doesn't count.
pub fn wanted(draw: &mut Draw<'_>) -> Wanted {
    let kind = kind(draw);
    let mut place = place(draw, kind);
    let span = span(draw, &place);
    if draw.is_absurd() {
        let other = if kind == Kind::Slots { Kind::Nights } else { Kind::Slots };
        place = self::place(draw, other);
    }
    Wanted::Time { calendar: place.id, span }
}

fn span(draw: &mut Draw<'_>, place: &Place) -> Span {
    let is_absurd = draw.is_absurd();
    let longest = if place.kind == Kind::Slots { 7 } else { 5 };
    let mut from = start(draw, place);
    let random = &mut *draw.random;
    let mut to = from + random.random_range(1..longest) * place.unit();
    match place.kind {
        Kind::Slots if is_absurd => from += 7 * 60_000,
        Kind::Nights if is_absurd => to = from + i64::from(NIGHTS_MAX) + 1,
        Kind::Slots | Kind::Nights => {}
    }
    place.kind.span(from, to)
}

/// When something begins: often when others of the same reservation do.
fn start(draw: &mut Draw<'_>, place: &Place) -> i64 {
    let count = if place.kind == Kind::Slots { HALVES } else { NIGHTS };
    let nth = match draw.random.random_range(0..3) {
        0 => draw.random.random_range(0..count),
        _ => (draw.about % count as u128) as i64,
    };
    place.first + nth * place.unit()
}

/// When some time may have ended: not long after it began, also between two half hours.
pub fn end(draw: &mut Draw<'_>) -> End {
    let kind = kind(draw);
    let place = place(draw, kind);
    let begin = start(draw, &place);
    match kind {
        Kind::Nights => End::Date(Date((begin + draw.random.random_range(0..5)) as i32)),
        Kind::Slots => {
            let end = begin + draw.random.random_range(0..14) * HALF_MS / 2;
            End::Time(Timestamp(end as u64))
        }
    }
}

pub fn command(draw: &mut Draw<'_>) -> (EntityId, Any) {
    let kind = kind(draw);
    let place = place(draw, kind);
    (EntityId::Resource(ResourceKey::Calendar(place.id.clone())), command_for(draw, &place))
}

/// A command that a calendar of this name could be sent.
pub fn another(draw: &mut Draw<'_>, id: &CalendarId) -> Any {
    let place = place(draw, kind_of(id));
    command_for(draw, &place)
}

fn command_for(draw: &mut Draw<'_>, place: &Place) -> Any {
    Any::Calendar(match draw.random.random_range(0..40) {
        0..14 => Command::Create(Arc::new(create(draw, place))),
        14 => Command::Retire,
        _ => {
            let setting = setting(draw, place);
            let opens = matches!(setting, Setting::Closed(_, false));
            let accept_conflicts = !opens && draw.random.random_bool(0.5);
            Command::Set { setting: Arc::new(setting), accept_conflicts }
        }
    })
}

fn create(draw: &mut Draw<'_>, place: &Place) -> Create {
    let general = general(draw, place.kind);
    let capacity = draw.random.random_range(1..5);
    Create { zone: ZoneName::new(place.zone).unwrap(), capacity, general }
}

fn general(draw: &mut Draw<'_>, kind: Kind) -> General {
    let random = &mut *draw.random;
    let mut now_and_then = |value: u64| random.random_bool(0.1).then_some(value);
    let hour_ms = 2 * HALF_MS as u64;
    match kind {
        Kind::Slots => General::Slots(SlotRules {
            granularity_ms: now_and_then(hour_ms).unwrap_or(hour_ms / 4),
            length_min_ms: now_and_then(hour_ms).unwrap_or(0),
            length_max_ms: now_and_then(2 * hour_ms).unwrap_or(SLOT_MS_MAX),
            ahead_min_ms: now_and_then(hour_ms),
            ahead_max_ms: now_and_then(20 * hour_ms),
            turnover_ms: [0, 0, 15, 30][random.random_range(0..4)] * 60_000,
        }),
        Kind::Nights => General::Nights(NightRules {
            ahead_min_days: now_and_then(1).map(|days| days as u32),
            ahead_max_days: now_and_then(4).map(|days| days as u32),
        }),
    }
}

fn setting(draw: &mut Draw<'_>, place: &Place) -> Setting {
    let when = when(draw, place);
    match draw.random.random_range(0..12) {
        0..4 => rules(draw, place),
        4..7 => {
            let lifts = when != When::Always && draw.random.random_bool(0.2);
            Setting::Capacity(when, (!lifts).then(|| draw.random.random_range(0..5)))
        }
        7..9 => Setting::Closed(when, true),
        _ => Setting::Closed(when, false),
    }
}

fn when(draw: &mut Draw<'_>, place: &Place) -> When {
    let has_instants = (place.kind == Kind::Slots) != draw.is_absurd();
    match draw.random.random_range(0..8) {
        0 => When::Always,
        1..5 if has_instants => {
            let first = place.day * DAY_MS;
            let start = first + draw.random.random_range(0..HALVES) * HALF_MS;
            let end = start + draw.random.random_range(1..10) * HALF_MS;
            When::Interval { start: Timestamp(start as u64), end: Timestamp(end as u64) }
        }
        _ => {
            let (range, weekdays) = dates(draw, place);
            When::Dates { range, weekdays }
        }
    }
}

fn dates(draw: &mut Draw<'_>, place: &Place) -> (DateRange, Weekdays) {
    let random = &mut *draw.random;
    let (first, count) = match place.kind {
        Kind::Slots => (place.day - 1, 3),
        Kind::Nights => (place.day, NIGHTS),
    };
    let from = Date((first + random.random_range(0..count)) as i32);
    let range = DateRange { from, until: from.plus(random.random_range(1..4)) };
    let weekdays = match random.random_range(0..4) {
        0 => Weekdays::of(&[random.random_range(0..7), 5, 6]),
        _ => Weekdays::ALL,
    };
    (range, weekdays)
}

fn rules(draw: &mut Draw<'_>, place: &Place) -> Setting {
    let ruled = if draw.is_absurd() { Kind::Nights } else { place.kind };
    let general = draw.random.random_bool(0.2).then(|| general(draw, ruled));
    let count = draw.random.random_range(1..3);
    let days = (0..count).map(|_| {
        let (range, weekdays) = dates(draw, place);
        let ruled = if draw.is_absurd() { Kind::Slots } else { place.kind };
        DaySetting { range, weekdays, rules: day_rules(draw, ruled) }
    });
    Setting::Rules(RulesChange { general, days: days.collect() })
}

fn some<T>(draw: &mut Draw<'_>, value: T) -> Set<T> {
    if draw.random.random_bool(0.3) { Set::Lift } else { Set::To(value) }
}

/// One rule or another, or two.
fn day_rules(draw: &mut Draw<'_>, kind: Kind) -> DayRules {
    let mut rules = DayRules::default();
    for _ in 0..draw.random.random_range(1..3) {
        let (number, is_so) = (draw.random.random_range(0..4), draw.random.random_bool(0.4));
        match draw.random.random_range(0..8) {
            0 => rules.closed = Some(is_so),
            1 => rules.capacity = some(draw, number),
            _ if kind == Kind::Slots => {
                let hours = hours(draw);
                rules.hours = some(draw, hours);
            }
            2 => rules.closed_to_arrival = Some(is_so),
            3 => rules.closed_to_departure = Some(is_so),
            4 | 5 => rules.overbooking = Some(number),
            6 => rules.stay_min = some(draw, 2),
            _ => rules.stay_max = some(draw, 3),
        }
    }
    rules
}

/// By day, by night past midnight, or around when clocks change.
fn hours(draw: &mut Draw<'_>) -> Arc<[Opening]> {
    let all = [(480, 1_080), (1_320, 1_560), (120, 180), (150, 1_500), (0, 150), (600, 720)];
    let count = draw.random.random_range(0..3);
    let opening = |_| {
        let (opens, closes) = all[draw.random.random_range(0..all.len())];
        Opening { opens, closes }
    };
    (0..count).map(opening).collect()
}

/// Something to ask a calendar: which, by what name, and what.
pub fn question(draw: &mut Draw<'_>) -> (CalendarId, &'static str, Question) {
    let kind = kind(draw);
    let place = place(draw, kind);
    let longest = if kind == Kind::Slots { 2 * DAY_MS } else { 2 * NIGHTS };
    let from = place.first + draw.random.random_range(-2..HALVES / 8) * place.unit();
    let to = from + draw.random.random_range(1..=longest / place.unit()) * place.unit();
    let count = [1, 3, 1_000][draw.random.random_range(0..3)];
    let after = draw.random.random_bool(0.3).then(|| (from, ReservationId(Uuid::from_u128(40))));
    let name = QUESTIONS[draw.random.random_range(0..QUESTIONS.len())];
    let question = match name {
        "check availability" => Question::Fits(lines(draw, &place)),
        "find slots" => {
            let length = draw.random.random_range(1..5) * place.unit();
            let units = draw.random.random_range(1..4);
            Question::Find(Search { from, until: to, length, units, count })
        }
        "get availability" => Question::Available { from, to, count },
        "list claims of time" => {
            let begin = after.map(|start| calendar::Place { start, nth: 0 });
            Question::Claims { from, to, begin, count }
        }
        "list conflicts" => Question::Conflicts { after, count },
        _ => Question::ConflictsOf { setting: setting(draw, &place), after, count },
    };
    (place.id, name, question)
}

/// What nobody wants, but may want to know whether it could be had.
fn lines(draw: &mut Draw<'_>, place: &Place) -> Arc<[ClaimLine]> {
    let count = draw.random.random_range(1..3);
    let line = |nth| ClaimLine {
        id: LineId::counted(nth),
        span: span(draw, place),
        held: draw.random.random_range(1..4),
        committed: 0,
    };
    (0..count).map(line).collect()
}
