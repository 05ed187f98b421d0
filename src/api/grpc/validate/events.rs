//! Questions about events: which of them to follow, and which page of a history.
//!
//! Not here: anything that needs the log. Whether a position or an entity exists is asked later.

use super::super::page_token::Scope;
use super::Fields;
use super::lists::{EnumList, Page};
use crate::domain::ids::{
    EntityId, EntityKey, EntityKind, Position, ReservationId, ResourceKey, SalesOrderId, Version,
};
use crate::domain::name::TenantId;
use crate::feed::{Direction, Filter, Start};
use crate::proto::v1::{
    self, EventType, ReadDirection, SubscribeFrom, entity_id, subscribe_request,
};

/// More than there are values, so that none is ever missing.
const FILTER_ENTRIES_MAX: usize = 100;
const KINDS: EnumList<EntityKind> = EnumList {
    field: "kinds",
    entries_max: FILTER_ENTRIES_MAX,
    entry_must: "be a kind of entity",
    read: kind,
};
const EVENT_TYPES: EnumList<&'static str> = EnumList {
    field: "event_types",
    entries_max: FILTER_ENTRIES_MAX,
    entry_must: "be a type of event",
    read: name,
};

/// A page of one entity's history.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct History {
    /// Whose.
    pub key: EntityKey,
    /// In which order.
    pub direction: Direction,
    /// The version to begin with.
    pub from: Version,
    /// The most events.
    pub size: usize,
    /// What the next page's token is for.
    pub scope: Scope,
}

impl Fields {
    /// Where a subscription starts, and which events it is about.
    pub fn subscription(&mut self, request: &v1::SubscribeRequest) -> Option<(Start, Filter)> {
        let start = self.start(request.start.as_ref());
        let kinds = self.entries(&KINDS, &request.kinds);
        let stream = match &request.stream {
            None => Some(None),
            Some(stream) => self.stream(stream).map(Some),
        };
        let names = self.entries(&EVENT_TYPES, &request.event_types);
        Some((start?, Filter { kinds: kinds?, stream: stream?, names: names? }))
    }

    /// A page of a history. Its token is of one stream and one direction, so it is looked at where
    /// both could be read.
    pub fn history(
        &mut self,
        tenant: &TenantId,
        request: &v1::ReadStreamRequest,
    ) -> Option<History> {
        let stream = self.required(format_args!("stream"), request.stream.as_ref());
        let id = stream.and_then(|stream| self.stream(stream));
        let direction = self.direction(request.direction);
        let (id, direction) = id.zip(direction)?;
        let key = EntityKey { tenant: tenant.clone(), id };
        let scope = Scope::new("ReadStream", tenant, format!("{direction:?} {key}").as_bytes());
        let page = self.page(scope, request.page_size, &request.page_token)?;
        let Page { size, after, scope } = page;
        let from = match after {
            None => first_version(request.from_version, direction),
            Some(last) => version_after(last, direction),
        };
        Some(History { key, direction, from, size, scope })
    }

    fn start(&mut self, start: Option<&subscribe_request::Start>) -> Option<Start> {
        use subscribe_request::Start as Wire;
        match start {
            None => Some(Start::End),
            Some(Wire::AfterPosition(position)) => Some(Start::After(Position(*position))),
            Some(Wire::From(from)) => match SubscribeFrom::try_from(*from) {
                Ok(SubscribeFrom::Beginning) => Some(Start::Beginning),
                Ok(SubscribeFrom::End | SubscribeFrom::Unspecified) => Some(Start::End),
                Err(_) => {
                    self.refuse(format_args!("from"), "must be BEGINNING or END");
                    None
                }
            },
        }
    }

    fn direction(&mut self, direction: i32) -> Option<Direction> {
        match ReadDirection::try_from(direction) {
            Ok(ReadDirection::Unspecified | ReadDirection::Forwards) => Some(Direction::Forwards),
            Ok(ReadDirection::Backwards) => Some(Direction::Backwards),
            Err(_) => {
                self.refuse(format_args!("direction"), "must be FORWARDS or BACKWARDS");
                None
            }
        }
    }

    /// The entity that a stream is of.
    fn stream(&mut self, stream: &v1::EntityId) -> Option<EntityId> {
        use entity_id::Id;
        match &stream.id {
            None => {
                self.refuse(format_args!("stream"), "must name an entity");
                None
            }
            Some(Id::StockBalance(stock)) => {
                let key = self.stock(format_args!("stream.stock_balance"), Some(stock))?;
                Some(EntityId::Resource(ResourceKey::Stock(key)))
            }
            Some(Id::CalendarId(id)) => {
                let id = self.calendar_id(format_args!("stream.calendar_id"), id)?;
                Some(EntityId::Resource(ResourceKey::Calendar(id)))
            }
            Some(Id::ReservationId(id)) => {
                let id = self.uuid(format_args!("stream.reservation_id"), id)?;
                Some(EntityId::Reservation(ReservationId(id)))
            }
            Some(Id::SalesOrderId(id)) => {
                let id = self.uuid(format_args!("stream.sales_order_id"), id)?;
                Some(EntityId::SalesOrder(SalesOrderId(id)))
            }
        }
    }
}

fn first_version(from_version: u64, direction: Direction) -> Version {
    match (from_version, direction) {
        (0, Direction::Forwards) => Version(1),
        (0, Direction::Backwards) => Version(u64::MAX),
        (version, _) => Version(version),
    }
}

/// The version that comes after one. No token of ours ends where there is none.
fn version_after(last: Version, direction: Direction) -> Version {
    match direction {
        Direction::Forwards => Version(last.0.saturating_add(1)),
        Direction::Backwards => Version(last.0.saturating_sub(1)),
    }
}

fn kind(value: i32) -> Option<EntityKind> {
    match v1::EntityKind::try_from(value).ok()? {
        v1::EntityKind::Unspecified => None,
        v1::EntityKind::StockBalance => Some(EntityKind::StockBalance),
        v1::EntityKind::Reservation => Some(EntityKind::Reservation),
        v1::EntityKind::SalesOrder => Some(EntityKind::SalesOrder),
        v1::EntityKind::Calendar => Some(EntityKind::Calendar),
    }
}

/// The name that the domain gives to events of a type.
pub(in super::super) fn name(value: i32) -> Option<&'static str> {
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
        EventType::ReservationChangeStarted => "ReservationChangeStarted",
        EventType::ReservationChanged => "ReservationChanged",
        EventType::ReservationChangeRefused => "ReservationChangeRefused",
        EventType::SalesOrderCreated => "SalesOrderCreated",
        EventType::SalesOrderReserved => "SalesOrderReserved",
        EventType::SalesOrderRejected => "SalesOrderRejected",
        EventType::SalesOrderConfirmed => "SalesOrderConfirmed",
        EventType::SalesOrderDelivered => "SalesOrderDelivered",
        EventType::SalesOrderCompleted => "SalesOrderCompleted",
        EventType::SalesOrderCancelled => "SalesOrderCancelled",
        EventType::SalesOrderReleased => "SalesOrderReleased",
        EventType::CalendarCreated => "CalendarCreated",
        EventType::CalendarRulesChanged => "CalendarRulesChanged",
        EventType::CapacityChanged => "CapacityChanged",
        EventType::DatesClosed => "DatesClosed",
        EventType::DatesOpened => "DatesOpened",
        EventType::CalendarRetired => "CalendarRetired",
        EventType::ClaimsInConflict => "ClaimsInConflict",
    })
}
