//! What the log says: every event read once, in order, and checked as it is read.
//!
//! Invariants that are checked here: positions and versions are dense; one request has one effect;
//! no balance ever holds more than it has; what a resource holds is what its reservations claim.

use std::collections::{BTreeMap, HashMap};

use holdfast::proto::v1;
use uuid::Uuid;
use v1::event::Body;

/// Who an event happened to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    Stock(String),
    Reservation(u128),
    Order(u128),
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub stream: Stream,
    pub version: u64,
    pub position: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    pub on_hand: u64,
    pub held: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Reservation {
    pub state: v1::ReservationState,
    /// Units of each SKU.
    pub wanted: BTreeMap<String, u64>,
    /// When the hold ends, in seconds since 1970.
    pub expires_s: Option<i64>,
}

/// The state that follows from the events read so far.
#[derive(Default)]
pub struct Ledger {
    pub last: u64,
    pub versions: HashMap<Stream, u64>,
    pub requests: HashMap<u128, Effect>,
    pub balances: BTreeMap<String, Balance>,
    pub reservations: HashMap<u128, Reservation>,
    pub open_orders: HashMap<u128, bool>,
    /// Units held and committed, by SKU and reservation.
    claims: HashMap<(String, u128), (u64, u64)>,
}

pub fn number(id: &str) -> u128 {
    Uuid::parse_str(id).unwrap().as_u128()
}

fn stream_of(id: v1::EntityId) -> Stream {
    match id.id.unwrap() {
        v1::entity_id::Id::StockBalance(stock) => Stream::Stock(stock.sku),
        v1::entity_id::Id::ReservationId(id) => Stream::Reservation(number(&id)),
        v1::entity_id::Id::SalesOrderId(id) => Stream::Order(number(&id)),
        v1::entity_id::Id::CalendarId(id) => panic!("nobody made the calendar {id}"),
    }
}

impl Ledger {
    /// Reads the next event.
    pub fn read(&mut self, event: v1::Event) {
        let (position, version) = (event.position, event.version);
        assert_eq!(position, self.last + 1, "positions are dense");
        self.last = position;
        let stream = stream_of(event.stream.unwrap());
        let before = self.versions.entry(stream.clone()).or_default();
        assert_eq!(version, *before + 1, "versions of {stream:?} are dense at {position}");
        *before = version;
        if !event.request_id.is_empty() {
            self.note(
                number(&event.request_id),
                Effect { stream: stream.clone(), version, position },
            );
        }
        match stream {
            Stream::Stock(sku) => self.stock(&sku, event.body.unwrap(), position),
            Stream::Reservation(id) => self.reservation(id, event.body.unwrap()),
            Stream::Order(id) => self.order(id, &event.body.unwrap()),
        }
    }

    /// The events of one decision follow each other in one stream; a second decision never does.
    fn note(&mut self, request: u128, effect: Effect) {
        if let Some(before) = self.requests.get(&request) {
            let next = Effect {
                stream: before.stream.clone(),
                version: before.version + 1,
                position: before.position + 1,
            };
            assert_eq!(effect, next, "request {} took effect twice", Uuid::from_u128(request));
        }
        self.requests.insert(request, effect);
    }

    fn stock(&mut self, sku: &str, body: Body, position: u64) {
        let balance = self.balances.entry(sku.to_owned()).or_default();
        let (reservation, held, committed) = match body {
            Body::StockReceived(event) => {
                balance.on_hand += event.quantity;
                return;
            }
            Body::StockAdjusted(event) => {
                assert_eq!(balance.on_hand.checked_add_signed(event.delta), Some(event.on_hand));
                balance.on_hand = event.on_hand;
                assert!(balance.held <= balance.on_hand, "{sku} at {position}: {balance:?}");
                return;
            }
            Body::ClaimMade(event) => (event.reservation_id, event.held, event.committed),
            Body::ClaimChanged(event) => (event.reservation_id, event.held, event.committed),
            Body::ClaimCommitted(event) => (event.reservation_id, event.held, event.committed),
            Body::ClaimReleased(event) => (event.reservation_id, 0, 0),
            other => panic!("{other:?} is no event of a balance"),
        };
        let claim = self.claims.entry((sku.to_owned(), number(&reservation))).or_default();
        balance.held = balance.held - claim.0 + held;
        // What was committed has left for good: a release takes nothing of it back.
        let left = committed.saturating_sub(claim.1);
        assert!(balance.on_hand >= left, "{sku} at {position} gave away more than it had");
        balance.on_hand -= left;
        *claim = (held, claim.1.max(committed));
        assert!(balance.held <= balance.on_hand, "{sku} at {position} was sold twice: {balance:?}");
    }

    fn reservation(&mut self, id: u128, body: Body) {
        use v1::ReservationState::{Cancelled, Committed, Confirmed, Expired, Held};
        let reservation = self.reservations.entry(id).or_default();
        match body {
            Body::ReservationCreated(event) => {
                reservation.state = if event.expire_time.is_some() { Held } else { Confirmed };
                reservation.expires_s = event.expire_time.map(|time| time.seconds);
                for line in event.lines {
                    let Some(v1::reservation_line::Resource::Stock(stock)) = line.resource else {
                        panic!("a line without a resource")
                    };
                    *reservation.wanted.entry(stock.sku).or_default() += line.quantity;
                }
            }
            Body::ReservationExtended(event) => {
                reservation.expires_s = event.expire_time.map(|time| time.seconds);
            }
            Body::ReservationConfirmed(_) => reservation.state = Confirmed,
            Body::ReservationCommitted(_) => reservation.state = Committed,
            Body::ReservationCancelled(_) => reservation.state = Cancelled,
            Body::ReservationExpired(_) => reservation.state = Expired,
            other => panic!("{other:?} is no event of a reservation"),
        }
    }

    fn order(&mut self, id: u128, body: &Body) {
        let ends = matches!(
            body,
            Body::SalesOrderCompleted(_)
                | Body::SalesOrderRejected(_)
                | Body::SalesOrderReleased(_)
        );
        self.open_orders.insert(id, !ends);
    }

    /// Whether anything will happen by itself before this moment.
    pub fn is_at_rest_until(&self, moment_s: i64) -> bool {
        let is_hold = |it: &&Reservation| it.state == v1::ReservationState::Held;
        !self.open_orders.values().any(|is_open| *is_open)
            && self.reservations.values().filter(is_hold).all(|it| it.expires_s > Some(moment_s))
    }

    /// Every claim that stands is one that its reservation wants, and the other way round.
    pub fn check_claims(&self) {
        use v1::ReservationState::{Committed, Confirmed, Held};
        let mut wanted = HashMap::new();
        for (id, reservation) in &self.reservations {
            for (sku, units) in &reservation.wanted {
                let claim = match reservation.state {
                    Held | Confirmed => (*units, 0),
                    Committed => (0, *units),
                    _ => (0, 0),
                };
                wanted.insert((sku.clone(), *id), claim);
            }
        }
        for (key, claim) in &self.claims {
            assert_eq!(wanted.remove(key).unwrap_or_default(), *claim, "{key:?}");
        }
        let missing: Vec<_> = wanted.iter().filter(|(_, claim)| **claim != (0, 0)).collect();
        assert!(missing.is_empty(), "reservations without their claims: {missing:?}");
    }
}
