//! What each failure looks like on the wire. No other module makes a `Status` of its own.
//!
//! ```text
//!   family       code                                        certainly not executed
//!   invalid      INVALID_ARGUMENT, every field named         yes
//!   turned away  RESOURCE_EXHAUSTED or UNAVAILABLE           yes, with RetryInfo
//!   rejection    FAILED_PRECONDITION, NOT_FOUND,             yes, with the position at which
//!                ALREADY_EXISTS, ABORTED                     it was decided
//!   uncertain    DEADLINE_EXCEEDED, UNKNOWN                  no: send it again, same request id
//!   reading      OUT_OF_RANGE, DATA_LOSS                     a question; nothing to execute
//! ```
//!
//! Not here: what went wrong; that is decided where it happens. Nor how a status is put together and
//! kept small; that is `wire`'s.

mod wire;

use std::time::Duration;

use tonic::codegen::http;
use tonic::{Code, Status};
use tonic_types::pb::{self, bad_request::FieldViolation};

use super::{calendar_view, convert};
use crate::actors::delivery::Refused;
use crate::api::admission::TurnedAway;
use crate::domain::calendar::{FlawAt, Kind, Span};
use crate::domain::claim::{Blocker, Shortfall};
use crate::domain::ids::{EntityKind, Position, ResourceKey};
use crate::domain::rejection::{Rejection, Shortage};
use crate::domain::reservation::{CommitFlaw, End};
use crate::domain::time::Timestamp;
use crate::domain::wanted::Wanted;
use wire::{LIST_BYTES_MAX, Wire, cut};

/// When whoever was turned away for load may come again.
const RETRY_OVERLOADED: Duration = Duration::from_millis(100);
/// When whoever found the server unusable may come again.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);
/// When whoever found no room for a subscription may come again: they last.
const RETRY_SUBSCRIBE: Duration = Duration::from_secs(1);

/// One field that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// The field's path in the request, such as `lines[3].stock.sku`, or a metadata key.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// A command that was decided, and refused.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Why, and when.
    pub refused: Refused,
    /// What it was about.
    pub subject: Subject,
    /// What the clock says.
    pub now: Timestamp,
}

/// What a refusal needs to know of its command.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// The resource that was commanded, where one was.
    pub resource: Option<ResourceKey>,
    /// The field that the client said a deadline with.
    pub deadline_field: &'static str,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request can't be read.
    Invalid(Vec<Violation>),
    /// Certainly not executed.
    TurnedAway(TurnedAway),
    /// The client's deadline has passed.
    DeadlinePassed,
    /// Decided, and refused.
    Refused(Box<Refusal>),
    /// A reader asked for what isn't there.
    NotFound(EntityKind, Position),
    /// A reader asked what would come of a command that would be refused.
    Impossible(Rejection, Position),
    /// A reader asked for more log than there is.
    PositionOutOfRange {
        /// What was asked for.
        position: Position,
        /// The last that there is.
        last: Position,
    },
    /// There are as many subscriptions as there may be: so many.
    TooManySubscriptions(usize),
    /// The log can't be read where it must be. What is wrong names files and other tenants'
    /// entities, so it is for the operator alone.
    LogUnreadable,
    /// Perhaps executed.
    Uncertain,
    /// A snapshot could not be taken.
    SnapshotFailed(String),
}

impl Failure {
    /// The reason of a failure before the engine was given anything.
    pub(super) fn reason_turned_away(&self) -> &'static str {
        match self {
            Self::TurnedAway(why) => why.reason(),
            _ => DEADLINE_EXCEEDED,
        }
    }
}

impl From<TurnedAway> for Failure {
    fn from(turned_away: TurnedAway) -> Self {
        Self::TurnedAway(turned_away)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        told(failure).into_status()
    }
}

/// The failure as a message can carry it.
impl From<Failure> for pb::Status {
    fn from(failure: Failure) -> Self {
        told(failure).into_message(usize::MAX)
    }
}

/// The reason of a reservation that fell short: that of its first short line.
pub(super) fn shortage_reason(shortages: &[Shortage]) -> &'static str {
    match shortages.first().map(|shortage| &shortage.wanted) {
        Some(Wanted::Stock(_)) | None => "INSUFFICIENT_STOCK",
        Some(Wanted::Time { span: Span::Slots { .. }, .. }) => "SLOT_UNAVAILABLE",
        Some(Wanted::Time { span: Span::Nights { .. }, .. }) => "NIGHT_UNAVAILABLE",
    }
}

/// The reason where an id is taken.
pub(super) const REQUEST_ID_REUSED: &str = "REQUEST_ID_REUSED";
/// The reason where a sum is too large.
pub(super) const QUANTITY_OVERFLOW: &str = "QUANTITY_OVERFLOW";
const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";
const OVERLOADED: &str = "OVERLOADED";
const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";

fn told(failure: Failure) -> Wire {
    match failure {
        Failure::Invalid(violations) => invalid(violations),
        Failure::TurnedAway(why) => turned_away(why),
        Failure::DeadlinePassed => Wire::new(
            Code::DeadlineExceeded,
            DEADLINE_EXCEEDED,
            "the deadline passed; send a command again with the same request id",
        ),
        Failure::Refused(refusal) => refused(*refusal),
        Failure::NotFound(kind, position) => {
            rejected(Rejection::NotFound(kind)).with("position", position)
        }
        Failure::Impossible(rejection, position) => rejected(rejection).with("position", position),
        Failure::PositionOutOfRange { position, last } => Wire::new(
            Code::OutOfRange,
            "POSITION_OUT_OF_RANGE",
            format_args!(
                "the log ends at position {last}, before {position}; start at {last} or before"
            ),
        )
        .with("position", position)
        .with("last", last),
        Failure::TooManySubscriptions(count) => Wire::new(
            Code::ResourceExhausted,
            OVERLOADED,
            format_args!("there are {count} subscriptions already; try again when one has ended"),
        )
        .retry_after(RETRY_SUBSCRIBE),
        Failure::LogUnreadable => Wire::new(
            Code::DataLoss,
            "LOG_UNREADABLE",
            "the log can't be read there; tell the operator, who finds the cause in the server's log",
        ),
        Failure::Uncertain => Wire::new(
            Code::Unknown,
            "UNCERTAIN",
            "no answer came; a command was perhaps executed: send it again with the same request id",
        ),
        Failure::SnapshotFailed(why) => Wire::new(
            Code::Internal,
            "SNAPSHOT_FAILED",
            format_args!("no snapshot was taken: {why}"),
        ),
    }
}

fn invalid(violations: Vec<Violation>) -> Wire {
    let total = violations.len();
    let message = match violations.first() {
        Some(first) if total == 1 => format!("{} {}", first.field, first.description),
        Some(first) => {
            format!("{total} fields are invalid; the first: {} {}", first.field, first.description)
        }
        None => "the request can't be read".to_owned(),
    };
    let named = violations.into_iter().map(|Violation { field, description }| FieldViolation {
        field,
        description,
        ..Default::default()
    });
    let field_violations = cut(named, LIST_BYTES_MAX);
    Wire::new(Code::InvalidArgument, INVALID_ARGUMENT, message)
        .with("violations", total)
        .detail("google.rpc.BadRequest", &pb::BadRequest { field_violations })
}

/// The field of what can't be set, in the command that sets it.
pub(super) fn rule_field(at: FlawAt) -> String {
    match at {
        FlawAt::General(Kind::Slots) => "slot_rules".to_owned(),
        FlawAt::General(Kind::Nights) => "night_rules".to_owned(),
        FlawAt::Day(nth) => format!("days[{nth}]"),
        FlawAt::Capacity => "capacity".to_owned(),
        FlawAt::When => "period".to_owned(),
    }
}

fn turned_away(why: TurnedAway) -> Wire {
    let (code, delay) = match why {
        TurnedAway::Overloaded => (Code::ResourceExhausted, RETRY_OVERLOADED),
        TurnedAway::StorageLow => (Code::ResourceExhausted, RETRY_UNAVAILABLE),
        TurnedAway::Recovering | TurnedAway::Stopping => (Code::Unavailable, RETRY_UNAVAILABLE),
    };
    Wire::new(code, why.reason(), why).retry_after(delay)
}

fn refused(refusal: Refusal) -> Wire {
    let Refusal { refused: Refused { rejection, position }, subject, now } = refusal;
    let wire = match rejection {
        Rejection::BelowHeld { requested, stock } => {
            let shortfall = Shortfall {
                available: stock.available(),
                position,
                blocker: Some(Blocker::Stock(stock)),
            };
            let wanted = match subject.resource {
                Some(ResourceKey::Stock(key)) => Some(Wanted::Stock(key)),
                Some(ResourceKey::Calendar(_)) | None => None,
            };
            let shortage = convert::shortage_of("", wanted.as_ref(), requested, &shortfall);
            rejected(Rejection::BelowHeld { requested, stock }).short_of(vec![shortage])
        }
        Rejection::TooManyRequests { retry_at, .. } => {
            rejected(rejection).retry_after(Duration::from_millis(retry_at.since_ms(now)))
        }
        Rejection::DeadlineOutOfRange { earliest, latest } => {
            let [earliest, latest] = [earliest, latest].map(convert::timestamp);
            invalid(vec![Violation {
                field: subject.deadline_field.to_owned(),
                description: format!("must end from {earliest} to {latest}"),
            }])
        }
        Rejection::InvalidCommit { place, flaw } => {
            let field = format!("lines[{place}].{}", commit_field(flaw));
            invalid(vec![Violation { field, description: flaw.to_string() }])
        }
        Rejection::InvalidRule(flaw) => invalid(vec![Violation {
            field: rule_field(flaw.at),
            description: format!("is refused: {flaw}"),
        }]),
        other => rejected(other),
    };
    wire.with("position", position)
}

/// A rejection, as far as it speaks for itself.
fn rejected(rejection: Rejection) -> Wire {
    let says = rejection.to_string();
    let precondition = |reason| Wire::new(Code::FailedPrecondition, reason, &says);
    match rejection {
        Rejection::Short(shortages) => {
            let told = shortages.iter().map(convert::shortage).collect();
            precondition(shortage_reason(&shortages)).short_of(told)
        }
        Rejection::BelowHeld { .. } => precondition("INSUFFICIENT_STOCK"),
        Rejection::Overflow => precondition(QUANTITY_OVERFLOW),
        Rejection::HoldExpired { deadline } => {
            precondition("HOLD_EXPIRED").with("expire_time", convert::timestamp(deadline))
        }
        Rejection::InvalidTransition { from, command } => {
            precondition("INVALID_TRANSITION").with("from", from).with("command", command)
        }
        Rejection::OwnedByOrder(order) => {
            precondition("OWNED_BY_ORDER").with("sales_order_id", order)
        }
        Rejection::NotFound(kind) => Wire::new(Code::NotFound, not_found_reason(kind), says),
        Rejection::RequestIdReused => Wire::new(Code::AlreadyExists, REQUEST_ID_REUSED, says),
        Rejection::VersionConflict { expected, current } => {
            Wire::new(Code::Aborted, "VERSION_CONFLICT", says)
                .with("expected", expected)
                .with("current", current)
        }
        Rejection::TooManyRequests { remembered, .. } => {
            Wire::new(Code::ResourceExhausted, "TOO_MANY_REQUESTS", says)
                .with("remembered", remembered)
        }
        Rejection::QueueFull => {
            Wire::new(Code::ResourceExhausted, OVERLOADED, says).retry_after(RETRY_OVERLOADED)
        }
        Rejection::ClaimsInConflict { conflicts, total } => {
            let told = conflicts.iter().map(calendar_view::conflict).collect();
            precondition("CLAIMS_IN_CONFLICT").with("total", total).in_conflict(told, total)
        }
        Rejection::TooManyRules { changes_max } => {
            precondition("TOO_MANY_RULES").with("changes_max", changes_max)
        }
        Rejection::MoreThanLeft { line, requested, left } => precondition("MORE_THAN_LEFT")
            .with("line_id", line)
            .with("requested", requested)
            .with("left", left),
        Rejection::PartlyUsed => precondition("PARTLY_COMMITTED"),
        Rejection::TooMuchToSet { work_max } => {
            precondition("TOO_MUCH_TO_SET").with("work_max", work_max)
        }
        Rejection::TooManyConflicts { conflicts_max } => {
            precondition("TOO_MANY_CONFLICTS").with("conflicts_max", conflicts_max)
        }
        Rejection::DeadlineOutOfRange { .. }
        | Rejection::InvalidRule(_)
        | Rejection::InvalidCommit { .. } => {
            Wire::new(Code::InvalidArgument, INVALID_ARGUMENT, says)
        }
    }
}

/// The field of a line that can't be meant.
fn commit_field(flaw: CommitFlaw) -> &'static str {
    match flaw {
        CommitFlaw::UnknownLine => "line_id",
        CommitFlaw::WrongEnd(End::Time(_)) | CommitFlaw::EndOutside(End::Time(_)) => "end_time",
        CommitFlaw::WrongEnd(End::Date(_)) | CommitFlaw::EndOutside(End::Date(_)) => {
            "check_out_date"
        }
    }
}

fn not_found_reason(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::StockBalance => "STOCK_BALANCE_NOT_FOUND",
        EntityKind::Reservation => "RESERVATION_NOT_FOUND",
        EntityKind::SalesOrder => "SALES_ORDER_NOT_FOUND",
        EntityKind::Calendar => "CALENDAR_NOT_FOUND",
    }
}

/// Gives a status that the transport made by itself the ErrorInfo that every error has: a message
/// that is too large or no protobuf, a method that doesn't exist.
pub(super) fn explain<B: Default>(response: http::Response<B>) -> http::Response<B> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    explained(&status).map_or(response, Status::into_http)
}

/// Such a status with its ErrorInfo; nothing where it has what it needs.
pub(super) fn explained(status: &Status) -> Option<Status> {
    if !status.details().is_empty() {
        return None;
    }
    let (code, reason) = match status.code() {
        Code::OutOfRange => (Code::OutOfRange, "MESSAGE_TOO_LARGE"),
        Code::Internal => (Code::InvalidArgument, INVALID_ARGUMENT),
        Code::Unimplemented => (Code::Unimplemented, "UNIMPLEMENTED"),
        _ => return None,
    };
    let message = match (status.message(), code) {
        ("", Code::Unimplemented) => "there is no such method",
        (message, _) => message,
    };
    Some(Wire::new(code, reason, message).into_status())
}

#[cfg(test)]
mod tests;
