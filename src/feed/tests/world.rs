//! A log with a writer, a feed, and a plain model of what was written.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::domain::event::{Body, Event, LANDMARK_EVERY, Origin};
use crate::domain::ids::{
    EntityId, EntityKey, Position, ReservationId, ResourceKey, SalesOrderId, StockKey, Version,
};
use crate::domain::name::{Label, LineId, Location, Sku, TenantId};
use crate::domain::time::Timestamp;
use crate::domain::wanted::Wanted;
use crate::domain::{reservation, sales_order, stock_balance};
use crate::feed::{Feed, Limits, LiveAudience, Reading, StreamEnd};
use crate::journal::{Audience, Journal, LogReader, MemoryDisk, MemoryStore, Store, Writer};

/// Small enough for everything to happen within a few events.
pub const SMALL: Limits = Limits {
    ring_events_max: 12,
    inbox_events_max: 3,
    slice_events_max: 7,
    slice_bytes_max: 600,
    checkpoint_events: 5,
    checkpoint_interval: std::time::Duration::from_secs(5),
    heartbeat_interval: std::time::Duration::from_secs(10),
    subscriptions_max: 100,
};

pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub fn stock(tenant_name: &str, sku: &str) -> EntityKey {
    let key = StockKey { sku: Sku::new(sku).unwrap(), location: Location::new("").unwrap() };
    EntityKey::resource(&tenant(tenant_name), ResourceKey::Stock(key))
}

pub fn reservation(tenant_name: &str, id: u128) -> EntityKey {
    EntityKey::reservation(&tenant(tenant_name), ReservationId(Uuid::from_u128(id)))
}

pub fn order(tenant_name: &str, id: u128) -> EntityKey {
    EntityKey::sales_order(&tenant(tenant_name), SalesOrderId(Uuid::from_u128(id)))
}

/// A stream whose events have some hundred thousand bytes.
pub fn large(tenant_name: &str) -> EntityKey {
    reservation(tenant_name, LARGE)
}

const LARGE: u128 = u128::MAX;

/// An order that ends with its third event.
pub fn short_lived(tenant_name: &str) -> EntityKey {
    order(tenant_name, SHORT_LIVED)
}

const SHORT_LIVED: u128 = u128::MAX;

/// Between the writer and the feed: keeps what is durable until it is let on, as a busy writer
/// thread would.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<(VecDeque<Vec<Event>>, LiveAudience)>>);

impl Audience for Gate {
    fn tell(&mut self, events: Vec<Event>) {
        self.0.lock().unwrap().0.push_back(events);
    }
}

impl Gate {
    /// Lets everything on that is durable.
    pub fn open(&self) {
        let mut gate = self.0.lock().unwrap();
        while let Some(events) = gate.0.pop_front() {
            gate.1.tell(events);
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Tip {
    version: Version,
    position: Position,
    landmark: Position,
}

pub struct World {
    pub feed: Feed,
    pub gate: Gate,
    pub reader: Arc<dyn LogReader>,
    /// Everything that was ever appended, in order.
    pub model: Vec<Event>,
    journal: Journal,
    tips: HashMap<EntityKey, Tip>,
}

impl World {
    /// An empty log whose writer runs as a task of its own.
    pub fn new(limits: Limits, reading: Reading) -> Self {
        let opened = MemoryStore::open(&MemoryDisk::new(), Uuid::from_u128(1), 1 << 20).unwrap();
        let reader = opened.store.reader();
        let feed = Feed::new(reader.clone(), opened.last, reading, limits);
        let gate = Gate(Arc::new(Mutex::new((VecDeque::new(), feed.audience()))));
        let journal = Journal::new(opened.last);
        let writer = Writer::new(journal.clone(), opened.store, Box::new(gate.clone()), 64);
        tokio::spawn(writer.run());
        Self { feed, gate, reader, model: Vec::new(), journal, tips: HashMap::new() }
    }

    /// Appends one decision for each of these streams, of one event.
    pub fn append(&mut self, streams: &[EntityKey]) -> Position {
        for stream in streams {
            let event = self.next_event(stream);
            self.journal.append(vec![event], None);
        }
        self.journal.assigned()
    }

    /// Appends, and waits until it is durable and told.
    pub async fn tell(&mut self, streams: &[EntityKey]) -> Position {
        let last = self.append(streams);
        while self.journal.durable() < last {
            tokio::task::yield_now().await;
        }
        self.gate.open();
        last
    }

    /// Waits until everything is durable.
    pub async fn settle(&self) {
        while self.journal.durable() < self.journal.assigned() {
            tokio::task::yield_now().await;
        }
    }

    pub fn durable(&self) -> Position {
        self.journal.durable()
    }

    pub fn end_of(&self, key: &EntityKey) -> StreamEnd {
        let tip = self.tips[key];
        StreamEnd { key: key.clone(), version: tip.version, position: tip.position }
    }

    pub fn stream(&self, key: &EntityKey) -> Vec<Event> {
        self.model.iter().filter(|event| event.stream == *key).cloned().collect()
    }

    fn next_event(&mut self, stream: &EntityKey) -> Event {
        let position = Position(self.model.len() as u64 + 1);
        let tip = self.tips.entry(stream.clone()).or_default();
        let version = tip.version.next();
        let is_landmark = version.0.is_multiple_of(LANDMARK_EVERY);
        let event = Event {
            position,
            stream: stream.clone(),
            version,
            previous: tip.position,
            landmark: if is_landmark { tip.landmark } else { Position::START },
            time: Timestamp(position.0),
            origin: origin(),
            causation_id: None,
            request: None,
            body: body(stream, version),
        };
        tip.version = version;
        tip.position = position;
        if is_landmark {
            tip.landmark = position;
        }
        self.model.push(event.clone());
        event
    }
}

fn origin() -> Arc<Origin> {
    let label = |text| Label::new(text).unwrap();
    let correlation_id = Uuid::from_u128(7);
    Arc::new(Origin { principal: label("anonymous"), source: label("test"), correlation_id })
}

/// Odd versions have other names than even ones.
fn body(stream: &EntityKey, version: Version) -> Body {
    let odd = version.0 % 2 == 1;
    let reason = || Label::new("why not").unwrap();
    match &stream.id {
        EntityId::Resource(_) if odd => Body::StockBalance(stock_balance::Event::Received {
            quantity: version.0,
            reference: reason(),
        }),
        EntityId::Resource(_) => Body::StockBalance(stock_balance::Event::Adjusted {
            on_hand: version.0,
            delta: 1,
            reason: reason(),
        }),
        EntityId::Reservation(id) if id.0.as_u128() == LARGE => Body::Reservation(large_created()),
        EntityId::Reservation(_) if odd => Body::Reservation(reservation::Event::Confirmed),
        EntityId::Reservation(_) => {
            Body::Reservation(reservation::Event::Cancelled { reason: reason() })
        }
        EntityId::SalesOrder(id) if id.0.as_u128() == SHORT_LIVED && version == Version(3) => {
            Body::SalesOrder(sales_order::Event::Completed)
        }
        EntityId::SalesOrder(_) if odd => Body::SalesOrder(sales_order::Event::Confirmed),
        EntityId::SalesOrder(_) => Body::SalesOrder(sales_order::Event::Delivered),
    }
}

fn large_created() -> reservation::Event {
    let sku = Sku::new(&"x".repeat(Sku::BYTES_MAX)).unwrap();
    let location = Location::new(&"y".repeat(Location::BYTES_MAX)).unwrap();
    let line = |index| reservation::Line {
        id: LineId::counted(index),
        wanted: Wanted::Stock(StockKey { sku: sku.clone(), location: location.clone() }),
        quantity: 1,
    };
    reservation::Event::Created {
        lines: (0..1_000).map(line).collect(),
        deadline: None,
        customer: Label::empty(),
        external_reference: Label::empty(),
        attributes: Default::default(),
        owner: None,
    }
}
