//! Calendars for tests of the engine, and lines of every kind.

use std::num::NonZeroU64;
use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::command::Command as Any;
use holdfast::domain::ids::*;
use holdfast::domain::name::*;
use holdfast::domain::reservation::{self, CommitLine, End, Term};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;

use super::{Trial, receive, stock_entity, stock_key, tenant};

pub const HOUR: u64 = 3_600_000;

/// A good day after the clock's beginning.
pub const TOMORROW: Timestamp = Timestamp(1_700_000_000_000 + 90_400_000);

pub fn calendar_id(name: &str) -> CalendarId {
    CalendarId::new(name).unwrap()
}

pub fn calendar_entity(name: &str) -> EntityKey {
    EntityKey::resource(&tenant(), ResourceKey::Calendar(calendar_id(name)))
}

fn open(capacity: u32, general: General) -> Any {
    let zone = ZoneName::new("Europe/Lisbon").unwrap();
    Any::Calendar(Command::Create(Arc::new(Create { zone, capacity, general })))
}

/// With ten minutes of turnover.
pub fn bays(capacity: u32) -> Any {
    open(capacity, General::Slots(SlotRules { turnover_ms: 600_000, ..SlotRules::default() }))
}

pub fn rooms(capacity: u32) -> Any {
    open(capacity, General::Nights(NightRules::default()))
}

pub fn set(setting: Setting) -> Any {
    Any::Calendar(Command::Set { setting: Arc::new(setting), accept_conflicts: false })
}

pub fn stock_line(sku: &str) -> Wanted {
    Wanted::Stock(stock_key(sku))
}

pub fn hours(calendar: &str, from: u64, to: u64) -> Wanted {
    let at = |hour: u64| TOMORROW.plus_ms(hour * HOUR);
    let span = Span::Slots { start: at(from), end: at(to) };
    Wanted::Time { calendar: calendar_id(calendar), span }
}

pub fn nights(calendar: &str, from: i32, count: i32) -> Wanted {
    let check_in = Date(19_700 + from);
    let span = Span::Nights { check_in, check_out: check_in.plus(count) };
    Wanted::Time { calendar: calendar_id(calendar), span }
}

pub fn wants(lines: Vec<(Wanted, u64)>, term: Term) -> Any {
    let line =
        |(n, (wanted, quantity))| reservation::Line { id: LineId::counted(n), wanted, quantity };
    Any::Reservation(reservation::Command::Create(reservation::Create {
        lines: lines.into_iter().enumerate().map(line).collect(),
        term,
        customer: Label::empty(),
        external_reference: Label::empty(),
        attributes: Default::default(),
        owner: None,
    }))
}

/// A hotel stay with parking and breakfasts.
pub fn holiday() -> Vec<(Wanted, u64)> {
    vec![(nights("DOUBLE", 0, 3), 1), (stock_line("BREAKFAST"), 2), (hours("BAY", 0, 2), 1)]
}

pub fn cancel() -> Any {
    Any::Reservation(reservation::Command::Cancel { reason: Label::empty() })
}

pub fn commit() -> Any {
    Any::Reservation(reservation::Command::Commit)
}

/// To use so many units of a line until then, counted from 0; of the others nothing.
pub fn commit_part(nth: usize, quantity: u64, end: Option<End>, is_final: bool) -> Any {
    let (line, quantity) = (LineId::counted(nth), NonZeroU64::new(quantity));
    let lines = Arc::new([CommitLine { line, quantity, end }]);
    Any::Reservation(reservation::Command::CommitPart { lines, is_final })
}

/// Two rooms, one bay, three breakfasts.
pub async fn furnish(trial: &Trial) {
    trial.command(calendar_entity("DOUBLE"), 1, rooms(2)).await.unwrap();
    trial.command(calendar_entity("BAY"), 2, bays(1)).await.unwrap();
    trial.command(stock_entity("BREAKFAST"), 3, receive(3)).await.unwrap();
}
