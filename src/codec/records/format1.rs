//! Format 1 of records, which is only read: bincode of the entity as it was in memory then.
//!
//! The structs say what that was, and stay as they are whatever becomes of the entities. Times,
//! positions and the creation's fingerprint are spelled out wherever they occur, and a claim's
//! reservation twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::codec::{CodecError, v1};
use crate::domain::calendar::Calendar;
use crate::domain::claim::Claim;
use crate::domain::claims::Claims;
use crate::domain::entity::{Aggregate, Creation, Entity};
use crate::domain::event::Fingerprint;
use crate::domain::ids::{Position, RequestId, ReservationId, SalesOrderId, Version};
use crate::domain::money::{Amount, Currency};
use crate::domain::name::Label;
use crate::domain::process::Refusal;
use crate::domain::request::Remembered;
use crate::domain::reservation::{self, Reservation};
use crate::domain::sales_order::{self, SalesOrder};
use crate::domain::stock_balance::StockBalance;
use crate::domain::time::Timestamp;

/// An aggregate that format 1 knows.
pub trait State: Aggregate {
    /// As it was stored.
    type Stored: DeserializeOwned + Into<Self>;
}

#[derive(Deserialize)]
struct StoredEntity<S> {
    state: S,
    version: Version,
    position: Position,
    landmark: Position,
    creation: Option<StoredCreation>,
    requests: Vec<StoredRequest>,
}

#[derive(Deserialize)]
struct StoredCreation {
    fingerprint: Fingerprint,
    position: Position,
}

#[derive(Deserialize)]
struct StoredRequest {
    id: RequestId,
    fingerprint: Fingerprint,
    version: Version,
    position: Position,
    time: Timestamp,
}

/// A stock balance.
#[derive(Deserialize)]
pub struct StoredBalance {
    created: Timestamp,
    updated: Timestamp,
    on_hand: u64,
    held: u64,
    claims: BTreeMap<ReservationId, Claim>,
}

/// A reservation, or nothing yet.
#[derive(Deserialize)]
pub struct StoredReservation(Option<StoredReservationDetails>);

#[derive(Deserialize)]
struct StoredReservationDetails {
    state: reservation::State,
    lines: Arc<[reservation::Line]>,
    deadline: Option<Timestamp>,
    customer: Label,
    external_reference: Label,
    attributes: BTreeMap<Label, Label>,
    owner: Option<SalesOrderId>,
    cancel_reason: Label,
    created: Timestamp,
    updated: Timestamp,
    claims_version: Version,
}

/// A sales order, or nothing yet.
#[derive(Deserialize)]
pub struct StoredOrder(Option<StoredOrderDetails>);

#[derive(Deserialize)]
struct StoredOrderDetails {
    state: sales_order::State,
    customer: Label,
    currency: Currency,
    lines: Arc<[sales_order::Line]>,
    total: Amount,
    refusal: Option<Refusal>,
    cancel_reason: Label,
    is_released: bool,
    created: Timestamp,
    updated: Timestamp,
}

/// Reads a record.
///
/// # Errors
/// [`CodecError`], where the bytes are none.
pub(super) fn decode<A: State>(bytes: &[u8]) -> Result<Entity<A>, CodecError> {
    let stored: StoredEntity<A::Stored> = v1::decode(bytes)?;
    let creation = stored
        .creation
        .map(|StoredCreation { fingerprint, position }| Creation { fingerprint, position });
    let requests = stored.requests.into_iter().map(|request| {
        let StoredRequest { id, fingerprint, version, position, time } = request;
        Remembered { id, fingerprint, version, position, time }
    });
    Ok(Entity {
        state: stored.state.into(),
        version: stored.version,
        position: stored.position,
        landmark: stored.landmark,
        creation,
        requests: requests.collect::<VecDeque<_>>().into(),
    })
}

impl State for StockBalance {
    type Stored = StoredBalance;
}

impl From<StoredBalance> for StockBalance {
    fn from(stored: StoredBalance) -> Self {
        let StoredBalance { created, updated, on_hand, held, claims: stored } = stored;
        let mut claims = Claims::default();
        for claim in stored.into_values() {
            claims.insert(claim);
        }
        Self { created, updated, on_hand, held, claims }
    }
}

impl State for Reservation {
    type Stored = StoredReservation;
}

impl From<StoredReservation> for Reservation {
    fn from(StoredReservation(details): StoredReservation) -> Self {
        let details = details.map(|stored| reservation::Details {
            change: None,
            state: stored.state,
            lines: stored.lines,
            used: Vec::new(),
            deadline: stored.deadline,
            customer: stored.customer,
            external_reference: stored.external_reference,
            attributes: stored.attributes,
            owner: stored.owner,
            cancel_reason: stored.cancel_reason,
            created: stored.created,
            updated: stored.updated,
            claims_version: stored.claims_version,
        });
        Self { details: details.map(Arc::new) }
    }
}

impl State for SalesOrder {
    type Stored = StoredOrder;
}

impl From<StoredOrder> for SalesOrder {
    fn from(StoredOrder(details): StoredOrder) -> Self {
        let details = details.map(|stored| sales_order::Details {
            state: stored.state,
            customer: stored.customer,
            currency: stored.currency,
            lines: stored.lines,
            total: stored.total,
            refusal: stored.refusal,
            cancel_reason: stored.cancel_reason,
            is_released: stored.is_released,
            created: stored.created,
            updated: stored.updated,
        });
        Self { details: details.map(Arc::new) }
    }
}

/// Calendars came later.
pub enum NoCalendar {}

impl<'de> Deserialize<'de> for NoCalendar {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("there were no calendars"))
    }
}

impl State for Calendar {
    type Stored = NoCalendar;
}

impl From<NoCalendar> for Calendar {
    fn from(none: NoCalendar) -> Self {
        match none {}
    }
}
