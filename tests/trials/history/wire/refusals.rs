//! Refusals, as errors say them.

use holdfast::actors::delivery::Refused;
use holdfast::client::CallError;
use holdfast::domain::calendar::{Flaw, FlawAt, Kind, Span};
use holdfast::domain::claim::{Blocker, Shortfall, StockFigures};
use holdfast::domain::command::Command;
use holdfast::domain::ids::*;
use holdfast::domain::name::{CalendarId, LineId};
use holdfast::domain::rejection::{Rejection, Shortage};
use holdfast::domain::reservation::{self, CommitFlaw, CommitLine, End};
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use holdfast::proto::v1;
use uuid::Uuid;

use super::{calendars, key_of, times};
use crate::sent::Sent;

fn figures(told: &v1::Shortage) -> Option<StockFigures> {
    let Some(v1::shortage::Blocker::StockBlocker(blocker)) = &told.blocker else { return None };
    Some(StockFigures { on_hand: blocker.on_hand, held: blocker.held })
}

fn wanted(told: &v1::Shortage) -> Option<Wanted> {
    let time = |calendar: &str, span: Option<Span>| {
        Some(Wanted::Time { calendar: CalendarId::new(calendar).ok()?, span: span? })
    };
    match told.resource.as_ref()? {
        v1::shortage::Resource::Stock(stock) => Some(Wanted::Stock(key_of(stock))),
        v1::shortage::Resource::Slots(told) => {
            time(&told.calendar_id, calendars::span_of_slots(told.start_time, told.end_time))
        }
        v1::shortage::Resource::Nights(told) => {
            let (check_in, check_out) = (&told.check_in_date, &told.check_out_date);
            let span = calendars::span_of_nights(check_in.as_ref(), check_out.as_ref());
            time(&told.calendar_id, span)
        }
    }
}

fn short_line(told: &v1::Shortage) -> Option<Shortage> {
    let blocker = match &told.blocker {
        Some(v1::shortage::Blocker::CalendarBlocker(blocker)) => {
            Some(Blocker::Calendar(times::obstacle(blocker)?))
        }
        _ => figures(told).map(Blocker::Stock),
    };
    Some(Shortage {
        line: LineId::new(&told.line_id).ok()?,
        wanted: wanted(told)?,
        requested: told.requested,
        shortfall: Shortfall {
            available: told.available,
            position: Position(told.position),
            blocker,
        },
    })
}

/// What a refusal says; nothing where the command was not decided.
pub fn refusal(sent: &Sent, error: &CallError) -> Option<Refused> {
    let id = &sent.key.id;
    let said = |key: &str| error.metadata.get(key).map(String::as_str);
    let number = |key: &str| said(key)?.parse::<u64>().ok();
    let position = Position(number("position")?);
    let rejection = match (error.reason.as_str(), id) {
        ("INSUFFICIENT_STOCK", EntityId::Resource(_)) => {
            let short = error.shortages.first()?;
            Rejection::BelowHeld { requested: short.requested, stock: figures(short)? }
        }
        ("INSUFFICIENT_STOCK" | "SLOT_UNAVAILABLE" | "NIGHT_UNAVAILABLE", _) => {
            let lines = error.shortages.iter().map(short_line);
            Rejection::Short(lines.collect::<Option<_>>()?)
        }
        ("STOCK_BALANCE_NOT_FOUND", _) => Rejection::NotFound(EntityKind::StockBalance),
        ("RESERVATION_NOT_FOUND", _) => Rejection::NotFound(EntityKind::Reservation),
        ("SALES_ORDER_NOT_FOUND", _) => Rejection::NotFound(EntityKind::SalesOrder),
        ("CALENDAR_NOT_FOUND", _) => Rejection::NotFound(EntityKind::Calendar),
        ("CLAIMS_IN_CONFLICT", _) => Rejection::ClaimsInConflict {
            conflicts: error.conflicts.iter().map(times::conflict).collect::<Option<_>>()?,
            total: number("total")? as usize,
        },
        ("MORE_THAN_LEFT", _) => Rejection::MoreThanLeft {
            line: LineId::new(said("line_id")?).ok()?,
            requested: number("requested")?,
            left: number("left")?,
        },
        ("REQUEST_ID_REUSED", _) => Rejection::RequestIdReused,
        ("VERSION_CONFLICT", _) => Rejection::VersionConflict {
            expected: Version(number("expected")?),
            current: Version(number("current")?),
        },
        ("HOLD_EXPIRED", _) => Rejection::HoldExpired { deadline: moment(said("expire_time")?)? },
        ("INVALID_TRANSITION", _) => Rejection::InvalidTransition {
            from: one_of(STATES, said("from")?)?,
            command: one_of(COMMANDS, said("command")?)?,
        },
        ("OWNED_BY_ORDER", _) => {
            let order = Uuid::parse_str(said("sales_order_id")?).ok()?;
            Rejection::OwnedByOrder(SalesOrderId(order))
        }
        ("QUANTITY_OVERFLOW", _) => Rejection::Overflow,
        ("OVERLOADED", _) => Rejection::QueueFull,
        ("INVALID_ARGUMENT", _) => {
            let says = &error.fields.first()?.description;
            if let Some(flaw) = says.strip_prefix("is refused: ") {
                let (at, says) = (flaw_at(&error.fields[0].field)?, one_of(FLAWS, flaw)?);
                return Some(Refused {
                    rejection: Rejection::InvalidRule(Flaw { at, says }),
                    position,
                });
            }
            if let Some(invalid) = invalid_commit(&sent.command, &error.fields[0].field, says) {
                return Some(Refused { rejection: invalid, position });
            }
            let (earliest, latest) = says.strip_prefix("must end from ")?.split_once(" to ")?;
            let (earliest, latest) = (moment(earliest)?, moment(latest)?);
            Rejection::DeadlineOutOfRange { earliest, latest }
        }
        _ => return None,
    };
    Some(Refused { rejection, position })
}

/// A line of a commit that can't be meant.
fn invalid_commit(command: &Command, field: &str, says: &str) -> Option<Rejection> {
    let Command::Reservation(reservation::Command::CommitPart { lines, .. }) = command else {
        return None;
    };
    let (place, field) = field.strip_prefix("lines[")?.split_once("].")?;
    let place = place.parse().ok()?;
    let line: &CommitLine = lines.get(place)?;
    let field_of_end = line.end.map(|end| match end {
        End::Time(_) => "end_time",
        End::Date(_) => "check_out_date",
    });
    let is_of_end = field_of_end == Some(field);
    let flaws = [CommitFlaw::UnknownLine].into_iter().chain(
        line.end
            .into_iter()
            .flat_map(|end| [CommitFlaw::WrongEnd(end), CommitFlaw::EndOutside(end)]),
    );
    let flaw = flaws.filter(|flaw| (*flaw == CommitFlaw::UnknownLine) != is_of_end);
    let flaw = flaw.into_iter().find(|flaw| flaw.to_string() == says)?;
    Some(Rejection::InvalidCommit { place, flaw })
}

/// Where a rule has a flaw, by the field that is named.
fn flaw_at(field: &str) -> Option<FlawAt> {
    match field {
        "slot_rules" => Some(FlawAt::General(Kind::Slots)),
        "night_rules" => Some(FlawAt::General(Kind::Nights)),
        "period" => Some(FlawAt::When),
        field => {
            let nth = field.strip_prefix("days[")?.strip_suffix("]")?;
            nth.parse().ok().map(FlawAt::Day)
        }
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(instant.as_millisecond()).ok().map(Timestamp)
}

const STATES: &[&str] = &[
    "CREATED",
    "HELD",
    "CONFIRMED",
    "DELIVERED",
    "COMPLETED",
    "REJECTED",
    "COMMITTED",
    "CANCELLED",
    "EXPIRED",
    "RETIRED",
];
const COMMANDS: &[&str] = &[
    "CreateReservation",
    "ConfirmReservation",
    "CommitReservation",
    "CancelReservation",
    "ExtendReservation",
    "CreateSalesOrder",
    "CancelSalesOrder",
    "RetireCalendar",
];
const FLAWS: &[&str] = &[
    "a calendar's kind is fixed",
    "arrivals and overbooking are rules for nights",
    "hours are a rule for slots",
    "nights are set by dates",
];

fn one_of(names: &[&'static str], text: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| *name == text)
}
