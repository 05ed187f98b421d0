//! What a client of events asks for, checked.
//!
//! Not here: anything that needs the log. Whether a position or an entity exists is asked later.

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::ids::{
    EntityId, EntityKey, EntityKind, Position, ReservationId, ResourceKey, SalesOrderId, StockKey,
    Version,
};
use crate::domain::name::{InvalidName, Location, Sku, TenantId};
use crate::feed::{Direction, Filter, Start};
use crate::proto::v1::{
    self, EventType, ReadDirection, SubscribeFrom, entity_id, subscribe_request,
};

/// The most entries of a filter's list: more than there are values, so that none is ever missing.
const FILTER_ENTRIES_MAX: usize = 100;
const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;

/// A field that can't be read, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidField {
    pub(super) field: String,
    pub(super) problem: String,
}

fn invalid(field: impl Into<String>, problem: impl ToString) -> InvalidField {
    InvalidField { field: field.into(), problem: problem.to_string() }
}

/// Where a subscription starts.
pub(super) fn start(request: &v1::SubscribeRequest) -> Result<Start, InvalidField> {
    let Some(start) = &request.start else { return Ok(Start::End) };
    match start {
        subscribe_request::Start::AfterPosition(position) => Ok(Start::After(Position(*position))),
        subscribe_request::Start::From(from) => match SubscribeFrom::try_from(*from) {
            Ok(SubscribeFrom::Beginning) => Ok(Start::Beginning),
            Ok(SubscribeFrom::End | SubscribeFrom::Unspecified) => Ok(Start::End),
            Err(_) => Err(invalid("from", format!("{from} is no place to start from"))),
        },
    }
}

/// Which events a subscription is about.
pub(super) fn filter(request: &v1::SubscribeRequest) -> Result<Filter, InvalidField> {
    Ok(Filter {
        kinds: each(&request.kinds, "kinds", kind)?,
        stream: request.stream.as_ref().map(entity).transpose()?,
        names: each(&request.event_types, "event_types", name)?,
    })
}

/// Reads each number of a list of enum values.
fn each<T>(
    values: &[i32],
    field: &str,
    read: fn(i32) -> Option<T>,
) -> Result<Vec<T>, InvalidField> {
    if values.len() > FILTER_ENTRIES_MAX {
        let count = values.len();
        let problem = format!("has {count} entries, more than the {FILTER_ENTRIES_MAX} allowed");
        return Err(invalid(field, problem));
    }
    let indexed = values.iter().enumerate();
    indexed
        .map(|(index, value)| {
            read(*value).ok_or_else(|| {
                invalid(format!("{field}[{index}]"), format!("{value} is no value of this enum"))
            })
        })
        .collect()
}

fn kind(value: i32) -> Option<EntityKind> {
    match v1::EntityKind::try_from(value).ok()? {
        v1::EntityKind::Unspecified => None,
        v1::EntityKind::StockBalance => Some(EntityKind::StockBalance),
        v1::EntityKind::Reservation => Some(EntityKind::Reservation),
        v1::EntityKind::SalesOrder => Some(EntityKind::SalesOrder),
    }
}

/// The name that the domain gives to events of a type.
pub(super) fn name(value: i32) -> Option<&'static str> {
    Some(match EventType::try_from(value).ok()? {
        EventType::Unspecified => return None,
        EventType::StockReceived => "StockReceived",
        EventType::StockAdjusted => "StockAdjusted",
        EventType::ClaimMade => "ClaimMade",
        EventType::ClaimChanged => "ClaimChanged",
        EventType::ClaimCommitted => "ClaimCommitted",
        EventType::ClaimReleased => "ClaimReleased",
        EventType::ReservationCreated => "ReservationCreated",
        EventType::ReservationExtended => "ReservationExtended",
        EventType::ReservationConfirmed => "ReservationConfirmed",
        EventType::ReservationCommitted => "ReservationCommitted",
        EventType::ReservationCancelled => "ReservationCancelled",
        EventType::ReservationExpired => "ReservationExpired",
        EventType::SalesOrderCreated => "SalesOrderCreated",
        EventType::SalesOrderReserved => "SalesOrderReserved",
        EventType::SalesOrderRejected => "SalesOrderRejected",
        EventType::SalesOrderConfirmed => "SalesOrderConfirmed",
        EventType::SalesOrderDelivered => "SalesOrderDelivered",
        EventType::SalesOrderCompleted => "SalesOrderCompleted",
        EventType::SalesOrderCancelled => "SalesOrderCancelled",
        EventType::SalesOrderReleased => "SalesOrderReleased",
    })
}

/// One page of one entity's history.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    pub(super) key: EntityKey,
    pub(super) direction: Direction,
    pub(super) from: Version,
    pub(super) size: usize,
}

/// Which page a client asks for.
pub(super) fn page(
    request: &v1::ReadStreamRequest,
    tenant: TenantId,
) -> Result<PageRequest, InvalidField> {
    let stream = request.stream.as_ref().ok_or_else(|| invalid("stream", "must be set"))?;
    let key = EntityKey { tenant, id: entity(stream)? };
    let direction = direction(request.direction)?;
    let from = if request.page_token.is_empty() {
        first_version(request.from_version, direction)
    } else {
        read_token(&request.page_token, &key, direction)
            .ok_or_else(|| invalid("page_token", "is not of a page of this stream and direction"))?
    };
    let size = match usize::try_from(request.page_size).unwrap_or(PAGE_SIZE_MAX) {
        0 => PAGE_SIZE_DEFAULT,
        size => size.min(PAGE_SIZE_MAX),
    };
    Ok(PageRequest { key, direction, from, size })
}

fn direction(value: i32) -> Result<Direction, InvalidField> {
    match ReadDirection::try_from(value) {
        Ok(ReadDirection::Unspecified | ReadDirection::Forwards) => Ok(Direction::Forwards),
        Ok(ReadDirection::Backwards) => Ok(Direction::Backwards),
        Err(_) => Err(invalid("direction", format!("{value} is no direction"))),
    }
}

fn first_version(from_version: u64, direction: Direction) -> Version {
    match (from_version, direction) {
        (0, Direction::Forwards) => Version(1),
        (0, Direction::Backwards) => Version(u64::MAX),
        (version, _) => Version(version),
    }
}

/// Asks for the page that begins with this version.
pub(super) fn token(next: Version, key: &EntityKey, direction: Direction) -> String {
    format!("{next}-{:016x}", seal(next, key, direction))
}

fn read_token(token: &str, key: &EntityKey, direction: Direction) -> Option<Version> {
    let (next, _) = token.split_once('-')?;
    let next = Version(next.parse().ok()?);
    (self::token(next, key, direction) == token).then_some(next)
}

/// So that a token of another stream or direction is told from one of this. No secret.
fn seal(next: Version, key: &EntityKey, direction: Direction) -> u64 {
    xxh3_64(format!("{next} {direction:?} {key}").as_bytes())
}

fn entity(entity: &v1::EntityId) -> Result<EntityId, InvalidField> {
    match &entity.id {
        None => Err(invalid("stream", "must name an entity")),
        Some(entity_id::Id::StockBalance(stock)) => {
            let refused = |field| move |error: InvalidName| invalid(field, error);
            let sku = Sku::new(&stock.sku).map_err(refused("stream.stock_balance.sku"))?;
            let location =
                Location::new(&stock.location).map_err(refused("stream.stock_balance.location"))?;
            Ok(EntityId::Resource(ResourceKey::Stock(StockKey { sku, location })))
        }
        Some(entity_id::Id::ReservationId(id)) => {
            uuid("stream.reservation_id", id).map(|id| EntityId::Reservation(ReservationId(id)))
        }
        Some(entity_id::Id::SalesOrderId(id)) => {
            uuid("stream.sales_order_id", id).map(|id| EntityId::SalesOrder(SalesOrderId(id)))
        }
    }
}

fn uuid(field: &str, text: &str) -> Result<Uuid, InvalidField> {
    Uuid::parse_str(text)
        .map_err(|_| invalid(field, "must be a UUID such as 0190d5c4-7a1e-7c3b-9a52-3f0e6d8b1c47"))
}
