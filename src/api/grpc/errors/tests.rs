use std::collections::HashMap;

use prost::Message;
use prost_types::Any;
use uuid::Uuid;

use super::*;
use crate::domain::calendar::{Conflict, Flaw};
use crate::domain::claim::StockFigures;
use crate::domain::ids::{ReservationId, SalesOrderId, StockKey, Version};
use crate::domain::name::{LineId, Location, Sku};
use crate::proto::v1;

/// What a client reads of a status.
struct Read {
    code: Code,
    info: pb::ErrorInfo,
    details: Vec<Any>,
}

impl Read {
    fn detail<M: Message + Default>(&self, name: &str) -> Option<M> {
        let url = format!("type.googleapis.com/{name}");
        let found = self.details.iter().find(|any| any.type_url == url)?;
        Some(M::decode(&found.value[..]).unwrap())
    }

    fn retry_ms(&self) -> Option<i64> {
        let retry: pb::RetryInfo = self.detail("google.rpc.RetryInfo")?;
        let delay = retry.retry_delay.unwrap();
        Some(delay.seconds * 1_000 + i64::from(delay.nanos / 1_000_000))
    }

    fn shortages(&self) -> Option<v1::Shortages> {
        self.detail("holdfast.v1.Shortages")
    }

    fn violations(&self) -> Vec<String> {
        let bad: Option<pb::BadRequest> = self.detail("google.rpc.BadRequest");
        bad.unwrap_or_default().field_violations.into_iter().map(|found| found.field).collect()
    }
}

fn read(failure: Failure) -> Read {
    let status = Status::from(failure);
    let whole = pb::Status::decode(status.details()).unwrap();
    assert_eq!((whole.code, &*whole.message), (status.code() as i32, status.message()));
    let headers = status.clone().into_http::<()>().into_parts().0.headers;
    let bytes: usize = headers.iter().map(|(key, value)| key.as_str().len() + value.len()).sum();
    assert!(bytes < 8 * 1_024, "clients read no more than 8 KiB, not {bytes}");
    let infos = whole.details.iter().filter(|any| any.type_url.ends_with("ErrorInfo"));
    let [info] = infos.collect::<Vec<_>>()[..] else { panic!("exactly one ErrorInfo") };
    let info = pb::ErrorInfo::decode(&info.value[..]).unwrap();
    assert_eq!(info.domain, "holdfast");
    Read { code: status.code(), info, details: whole.details }
}

fn stock(sku: &str) -> StockKey {
    let (sku, location) = (Sku::new(sku).unwrap(), Location::new("").unwrap());
    StockKey { sku, location }
}

fn refusal(rejection: Rejection) -> Failure {
    Failure::Refused(Box::new(Refusal {
        refused: Refused { rejection, position: Position(42) },
        subject: Subject {
            resource: Some(ResourceKey::Stock(stock("A"))),
            deadline_field: "expire_time",
        },
        now: Timestamp(1_000),
    }))
}

fn short(line: &str, sku: &str, available: u64, blocker: Option<Blocker>) -> Shortage {
    let shortfall = Shortfall { available, position: Position(40), blocker };
    let (line, wanted) = (LineId::new(line).unwrap(), Wanted::Stock(stock(sku)));
    Shortage { line, wanted, requested: 5, shortfall }
}

/// A rejection, and its code, its reason, and its metadata beside the position.
type Row = (Rejection, Code, &'static str, &'static [(&'static str, &'static str)]);

#[test]
fn every_rejection_has_its_code_its_reason_and_the_position_of_the_decision() {
    use Code::{Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};
    let figures = StockFigures { on_hand: 3, held: 2 };
    let order = SalesOrderId(Uuid::from_u128(7));
    let (expected, current) = (Version(1), Version(2));
    let (earliest, latest) = (Timestamp(0), Timestamp(1));
    let retry_at = Timestamp(3_500);
    let table: [Row; 20] = [
        (Rejection::Short(vec![]), FailedPrecondition, "INSUFFICIENT_STOCK", &[]),
        (Rejection::NotFound(EntityKind::StockBalance), NotFound, "STOCK_BALANCE_NOT_FOUND", &[]),
        (Rejection::NotFound(EntityKind::Reservation), NotFound, "RESERVATION_NOT_FOUND", &[]),
        (Rejection::NotFound(EntityKind::SalesOrder), NotFound, "SALES_ORDER_NOT_FOUND", &[]),
        (Rejection::RequestIdReused, AlreadyExists, "REQUEST_ID_REUSED", &[]),
        (
            Rejection::VersionConflict { expected, current },
            Aborted,
            "VERSION_CONFLICT",
            &[("expected", "1"), ("current", "2")],
        ),
        (
            Rejection::TooManyRequests { remembered: 64, retry_at },
            Code::ResourceExhausted,
            "TOO_MANY_REQUESTS",
            &[("remembered", "64")],
        ),
        (
            Rejection::HoldExpired { deadline: Timestamp(1_500) },
            FailedPrecondition,
            "HOLD_EXPIRED",
            &[("expire_time", "1970-01-01T00:00:01.500Z")],
        ),
        (
            Rejection::InvalidTransition { from: "COMMITTED", command: "ConfirmReservation" },
            FailedPrecondition,
            "INVALID_TRANSITION",
            &[("from", "COMMITTED"), ("command", "ConfirmReservation")],
        ),
        (
            Rejection::OwnedByOrder(order),
            FailedPrecondition,
            "OWNED_BY_ORDER",
            &[("sales_order_id", "00000000-0000-0000-0000-000000000007")],
        ),
        (
            Rejection::BelowHeld { requested: 2, stock: figures },
            FailedPrecondition,
            "INSUFFICIENT_STOCK",
            &[],
        ),
        (Rejection::Overflow, FailedPrecondition, "QUANTITY_OVERFLOW", &[]),
        (
            Rejection::DeadlineOutOfRange { earliest, latest },
            InvalidArgument,
            "INVALID_ARGUMENT",
            &[("violations", "1")],
        ),
        (Rejection::QueueFull, Code::ResourceExhausted, "OVERLOADED", &[]),
        (Rejection::NotFound(EntityKind::Calendar), NotFound, "CALENDAR_NOT_FOUND", &[]),
        (
            Rejection::ClaimsInConflict { conflicts: vec![], total: 7 },
            FailedPrecondition,
            "CLAIMS_IN_CONFLICT",
            &[("total", "7")],
        ),
        (
            Rejection::TooManyRules { changes_max: 9 },
            FailedPrecondition,
            "TOO_MANY_RULES",
            &[("changes_max", "9")],
        ),
        (
            Rejection::TooMuchToSet { work_max: 8 },
            FailedPrecondition,
            "TOO_MUCH_TO_SET",
            &[("work_max", "8")],
        ),
        (
            Rejection::TooManyConflicts { conflicts_max: 7 },
            FailedPrecondition,
            "TOO_MANY_CONFLICTS",
            &[("conflicts_max", "7")],
        ),
        (
            Rejection::InvalidRule(Flaw { at: FlawAt::Day(37), says: "it can't hold" }),
            InvalidArgument,
            "INVALID_ARGUMENT",
            &[("violations", "1")],
        ),
    ];
    for (rejection, code, reason, metadata) in table {
        let read = read(refusal(rejection.clone()));
        assert_eq!((read.code, &*read.info.reason), (code, reason), "{rejection:?}");
        let expected: HashMap<_, _> = metadata
            .iter()
            .chain(&[("position", "42")])
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        assert_eq!(read.info.metadata, expected, "{rejection:?}");
    }
}

#[test]
fn a_retry_is_offered_where_it_helps_and_when_it_does() {
    let retry_at = Timestamp(3_500);
    let too_many = refusal(Rejection::TooManyRequests { remembered: 64, retry_at });
    assert_eq!(read(too_many).retry_ms(), Some(2_500), "from now on");
    assert_eq!(read(refusal(Rejection::QueueFull)).retry_ms(), Some(100));
    assert_eq!(read(refusal(Rejection::Overflow)).retry_ms(), None);
    let table = [
        (TurnedAway::Overloaded, Code::ResourceExhausted, "OVERLOADED"),
        (TurnedAway::StorageLow, Code::ResourceExhausted, "STORAGE_LOW"),
        (TurnedAway::Recovering, Code::Unavailable, "RECOVERING"),
        (TurnedAway::Stopping, Code::Unavailable, "STOPPING"),
    ];
    for (why, code, reason) in table {
        let read = read(why.into());
        assert_eq!((read.code, &*read.info.reason), (code, reason));
        assert!(read.retry_ms().is_some_and(|delay| delay > 0), "{reason}");
    }
}

#[test]
fn what_was_perhaps_executed_is_told_apart_from_what_was_not() {
    let uncertain = read(Failure::Uncertain);
    assert_eq!((uncertain.code, &*uncertain.info.reason), (Code::Unknown, "UNCERTAIN"));
    let late = read(Failure::DeadlinePassed);
    assert_eq!((late.code, &*late.info.reason), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    let missing = read(Failure::NotFound(EntityKind::SalesOrder, Position(9)));
    assert_eq!(missing.info.metadata["position"], "9");
    let (position, last) = (Position(9), Position(8));
    let beyond = read(Failure::PositionOutOfRange { position, last });
    assert_eq!((beyond.code, &*beyond.info.reason), (Code::OutOfRange, "POSITION_OUT_OF_RANGE"));
    assert_eq!((&*beyond.info.metadata["position"], &*beyond.info.metadata["last"]), ("9", "8"));
    let crowded = read(Failure::TooManySubscriptions(7));
    assert_eq!((crowded.code, &*crowded.info.reason), (Code::ResourceExhausted, "OVERLOADED"));
    assert_eq!(crowded.retry_ms(), Some(1_000));
    let unreadable = read(Failure::LogUnreadable);
    assert_eq!((unreadable.code, &*unreadable.info.reason), (Code::DataLoss, "LOG_UNREADABLE"));
    assert_eq!(unreadable.retry_ms(), None, "it would not help");
    let failed = read(Failure::SnapshotFailed("no room".to_owned()));
    assert_eq!((failed.code, &*failed.info.reason), (Code::Internal, "SNAPSHOT_FAILED"));
}

#[test]
fn each_short_line_is_told_with_what_it_could_have_had() {
    let blocker = Blocker::Stock(StockFigures { on_hand: 4, held: 1 });
    let lines = vec![short("1", "A", 3, Some(blocker)), short("x", "unknown", 0, None)];
    let shortages = read(refusal(Rejection::Short(lines))).shortages().unwrap();
    assert_eq!(shortages.total_count, 2);
    let [first, second] = &shortages.shortages[..] else { panic!("{shortages:?}") };
    assert_eq!((&*first.line_id, first.requested, first.available), ("1", 5, 3));
    assert_eq!(first.position, 40);
    let stock_blocker = v1::StockBlocker { on_hand: 4, held: 1 };
    assert_eq!(first.blocker, Some(v1::shortage::Blocker::StockBlocker(stock_blocker)));
    assert_eq!((&*second.line_id, second.available, &second.blocker), ("x", 0, &None));
}

#[test]
fn an_adjustment_below_held_names_the_balance_and_no_line() {
    let stock = StockFigures { on_hand: 3, held: 2 };
    let shortages =
        read(refusal(Rejection::BelowHeld { requested: 2, stock })).shortages().unwrap();
    let [only] = &shortages.shortages[..] else { panic!("{shortages:?}") };
    assert_eq!(shortages.total_count, 1);
    assert_eq!((&*only.line_id, only.requested, only.available, only.position), ("", 2, 1, 42));
    let Some(v1::shortage::Resource::Stock(named)) = &only.resource else { panic!() };
    assert_eq!(named.sku, "A");
}

#[test]
fn shortages_are_cut_at_4_kib_and_counted_in_full() {
    let sku = "s".repeat(128);
    let line = |index: usize| short(&index.to_string(), &sku, 0, None);
    let shortages =
        read(refusal(Rejection::Short((0..1_000).map(line).collect()))).shortages().unwrap();
    assert_eq!(shortages.total_count, 1_000);
    let told = shortages.shortages.len();
    assert!(shortages.encoded_len() <= LIST_BYTES_MAX, "{}", shortages.encoded_len());
    let mut one_more = shortages.clone();
    one_more.shortages.push(convert::shortage(&line(told)));
    assert!(one_more.encoded_len() > LIST_BYTES_MAX, "one more would have fitted");
    let ids: Vec<_> = shortages.shortages.iter().map(|short| short.line_id.clone()).collect();
    assert_eq!(ids, (0..told).map(|index| index.to_string()).collect::<Vec<_>>(), "in order");
}

#[test]
fn conflicts_are_cut_like_shortages_and_a_message_carries_them_all() {
    let span = Span::Slots { start: Timestamp(1), end: Timestamp(2) };
    let of = |n| Conflict { reservation: ReservationId(Uuid::from_u128(n)), span };
    let rejection =
        || Rejection::ClaimsInConflict { conflicts: (0..100).map(of).collect(), total: 1_000 };
    let told: v1::Conflicts = read(refusal(rejection())).detail("holdfast.v1.Conflicts").unwrap();
    assert_eq!(told.total_count, 1_000);
    assert!(told.encoded_len() <= LIST_BYTES_MAX && told.conflicts.len() < 100);
    assert_eq!(told.conflicts[0], calendar_view::conflict(&of(0)), "the first are told");
    let status = pb::Status::from(refusal(rejection()));
    let carried = status.details.iter().find_map(|any| any.to_msg::<v1::Conflicts>().ok());
    assert_eq!(carried.unwrap().conflicts.len(), 100);
}

#[test]
fn what_blocks_a_calendar_is_told_with_its_limit_in_the_words_of_its_kind() {
    use crate::domain::calendar::{Cause, Date, Kind, Obstacle};
    use v1::calendar_blocker::{Limit, When};
    let told = |cause, kind| {
        calendar_view::blocker(&Obstacle { cause, deadline: Some(Timestamp(1_500)) }, kind)
    };
    let christmas = Date::of_civil(2030, 12, 25).unwrap();
    let date = crate::proto::Date { year: 2030, month: 12, day: 25 };
    let soon = Cause::TooSoon { earliest: christmas.0.into() };
    assert_eq!(told(soon, Kind::Nights).limit, Some(Limit::LimitDate(date)));
    let instant = prost_types::Timestamp { seconds: 1, nanos: 500_000_000 };
    let late = told(Cause::TooFarAhead { latest: 1_500 }, Kind::Slots);
    assert_eq!(late.limit, Some(Limit::LimitTime(instant)));
    assert_eq!(late.expire_time, Some(instant));
    let arrival = told(Cause::ClosedToArrival(christmas), Kind::Nights);
    assert_eq!((arrival.when, arrival.limit), (Some(When::Date(date)), None));
    let grid = told(Cause::OffGrid { granularity_ms: 60_000 }, Kind::Slots);
    let minute = prost_types::Duration { seconds: 60, nanos: 0 };
    assert_eq!(grid.limit, Some(Limit::LimitDuration(minute)));
}

#[test]
fn violations_are_all_named_as_far_as_they_fit() {
    let violation = |field: String| Violation { field, description: "must be set".to_owned() };
    let two = vec![violation("a".to_owned()), violation("b".to_owned())];
    let few = read(Failure::Invalid(two));
    assert_eq!(few.violations(), ["a", "b"]);
    let many = (0..4_000).map(|index| violation(format!("lines[{index}].stock.sku"))).collect();
    let many = read(Failure::Invalid(many));
    assert_eq!(many.info.metadata["violations"], "4000");
    assert!((50..4_000).contains(&many.violations().len()));
}

#[test]
fn a_deadline_out_of_range_names_the_field_that_said_it() {
    let (earliest, latest) = (Timestamp(2_000), Timestamp(9_000));
    let read = read(refusal(Rejection::DeadlineOutOfRange { earliest, latest }));
    assert_eq!(read.violations(), ["expire_time"]);
}

#[test]
fn a_status_of_the_transport_gets_its_error_info_and_others_stay_as_they_are() {
    let explained = |status: Status| {
        let response = explain(status.into_http::<()>());
        Status::from_header_map(response.headers()).unwrap()
    };
    let unknown = explained(Status::unimplemented(""));
    assert_eq!(unknown.code(), Code::Unimplemented);
    assert!(!unknown.details().is_empty());
    assert_eq!(explained(Status::internal("no protobuf")).code(), Code::InvalidArgument);
    let ours = Status::from(Failure::Uncertain);
    assert_eq!(explained(ours.clone()).details(), ours.details());
    assert!(explain(http::Response::new(())).headers().is_empty(), "an answer");
}
