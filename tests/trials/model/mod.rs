//! The whole server as anybody would write it down: one entity after the other, one event at a time.
//!
//! ```text
//!   log ──each event──▶ is this what the command, the clock or the process leads to here?
//!                                │
//!                                ▼
//!                 streams, balances, reservations, orders: every state there ever was
//!                                │
//!   replies ──at their position──▶ is this what was true there?
//! ```
//!
//! It is fed with the log in its order, so it needs no idea of threads, messages or crashes. Of each
//! event it says what it has to be, by rules of its own; it shares only words (commands, events,
//! ids) with the server. Since it keeps every state, a reply can be checked at the position that it
//! names, whenever it comes.
//!
//! One file, or folder, for each kind of entity, and a line in the table of `kinds`: `stock_balance`,
//! `calendar`, `reservation`, `sales_order`. Beside them `stream` and `memory`, which are the same for
//! all; `resource`, what is the same for whatever claims are made on; `portion`, `creation`,
//! `shortage` and `used` (what a reservation wants, how it comes to be, why it can't, and what of it is
//! used); and `replies`.

mod calendar;
mod creation;
mod kinds;
mod memory;
mod portion;
mod replies;
mod reservation;
mod resource;
mod sales_order;
mod shortage;
mod stock_balance;
mod stream;
mod used;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;
use holdfast::domain::event::{Body, Event, RequestMark};
use holdfast::domain::ids::*;
use holdfast::domain::name::TenantId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::time::Timestamp;

use crate::sent::{Registry, Sent};
use kinds::{Entities, Entity};
use memory::Remembered;
use stream::Stream;

pub use calendar::Sight as CalendarSight;
pub use kinds::Sight;
pub use replies::{Asked, Done, Listed, Page, Reply, Seen};
pub use used::Reached;

/// Nothing, or what doesn't hold.
pub type Checked = Result<(), String>;

/// As late as it gets: where the log has got to so far, and each entity with it.
const NOW: Position = Position(u64::MAX);
const LATEST: Version = Version(u64::MAX);

pub fn check(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

type Map<K, V> = HashMap<K, V, FixedState>;

/// How many request ids entities remember.
#[derive(Debug, Clone, Copy)]
pub struct Remembering {
    pub resources: usize,
    pub others: usize,
}

/// When, where and for whom something is decided.
#[derive(Debug, Clone, Copy)]
struct Situation {
    /// The log's last position.
    at: Position,
    now: Timestamp,
    /// The order on whose behalf a command comes.
    issuer: Option<SalesOrderId>,
}

/// What a command leads to.
#[derive(Debug, Default)]
struct Decision {
    events: Vec<Body>,
    refusal: Option<Rejection>,
}

impl Decision {
    fn accepted(events: Vec<Body>) -> Self {
        Self { events, refusal: None }
    }

    fn refused(rejection: Rejection) -> Self {
        Self { events: Vec::new(), refusal: Some(rejection) }
    }
}

/// What is still to come of a decision that has begun.
struct Begun {
    stream: EntityKey,
    time: Timestamp,
    behind: Option<(RequestMark, Arc<Sent>)>,
    rest: VecDeque<Body>,
}

/// Every entity of every tenant, and all that they ever were.
pub struct Model {
    last: Position,
    remembering: Remembering,
    begun: Option<Begun>,
    streams: Map<EntityKey, Stream>,
    /// Of an entity to which nothing has happened.
    none: Stream,
    entities: Entities,
}

impl Model {
    pub fn new(remembering: Remembering) -> Self {
        Self {
            last: Position::START,
            remembering,
            begun: None,
            streams: Map::default(),
            none: Stream::default(),
            entities: Entities::default(),
        }
    }

    /// From the next event on, entities remember so many.
    pub fn set_remembering(&mut self, remembering: Remembering) {
        self.remembering = remembering;
    }

    /// The last position.
    pub fn last(&self) -> Position {
        self.last
    }

    /// How many streams there are.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Follows the next event, where it is what it has to be.
    pub fn follow(&mut self, event: &Event, sent: &Registry) -> Checked {
        let Event { position, stream, body, .. } = event;
        let say = |what| format!("at {position}, {} of {stream}: {what}", body.name());
        check(*position == self.last.next(), || say(format!("it follows {}", self.last)))?;
        self.stream(stream).check_next(event).map_err(say)?;
        let mut begun = match self.begun.take() {
            Some(begun) => begun,
            None => self.begin(event, sent).map_err(say)?,
        };
        begun.check(event).map_err(say)?;
        begun.rest.pop_front();
        self.last = *position;
        let ends = begun.rest.is_empty();
        self.streams.entry(stream.clone()).or_default().push(event, ends);
        self.entities.apply(event);
        self.check_after(event).map_err(say)?;
        if ends {
            self.end(event, begun.behind);
        } else {
            self.begun = Some(begun);
        }
        Ok(())
    }

    /// The log ends here for now: no decision may be there by half.
    pub fn check_whole(&self) -> Checked {
        check(self.begun.is_none(), || format!("a decision is cut off after {}", self.last))
    }

    /// The decision that an event is the first of.
    fn begin(&self, event: &Event, sent: &Registry) -> Result<Begun, String> {
        let (stream, time) = (event.stream.clone(), event.time);
        let Some(mark) = event.request else {
            let rest = self.by_itself(event, sent)?.into();
            return Ok(Begun { stream, time, behind: None, rest });
        };
        let (behind, issuer) = self.behind(event, &mark, sent)?;
        let known = self.stream(&stream);
        known.memory.check_new(&mark, time, self.remembered_max(&stream))?;
        let expected = behind.expected.unwrap_or(known.version());
        check(expected == known.version(), || format!("it was meant for version {expected}"))?;
        let now = creation::decided_at(&behind, &event.body, time)?;
        let situation = Situation { at: NOW, now, issuer };
        let decision = self.decide(&stream, &behind.command, &situation);
        match decision.refusal {
            Some(rejection) => Err(format!("{:?} was to be refused: {rejection}", behind.command)),
            None => {
                let rest = decision.events.into();
                Ok(Begun { stream, time, behind: Some((mark, behind)), rest })
            }
        }
    }

    /// The command behind an event, and the order that issued it, if one did.
    fn behind(
        &self,
        event: &Event,
        mark: &RequestMark,
        sent: &Registry,
    ) -> Result<(Arc<Sent>, Option<SalesOrderId>), String> {
        let version = self.stream(&event.stream).version();
        let mut same = sent.find(&event.stream, mark.id, mark.fingerprint).peekable();
        let first = same.peek().copied();
        let meant = same.find(|sent| sent.expected.is_none_or(|meant| meant == version));
        if let Some(sent) = meant.or(first) {
            check(sent.origin == event.origin, || format!("{:?} is behind it", sent.origin))?;
            let is_later = event.position > sent.floor;
            check(is_later, || format!("it was sent when {} was known", sent.floor))?;
            return Ok((sent.clone(), None));
        }
        let step = self.step(event, mark).ok_or("nobody has sent its command")?;
        Ok((Arc::new(step), order_of(&event.stream)))
    }

    fn end(&mut self, event: &Event, behind: Option<(RequestMark, Arc<Sent>)>) {
        let Some((mark, sent)) = behind else { return };
        let Event { version, position, time, .. } = *event;
        let stream = self.streams.get_mut(&event.stream).expect("it has this event");
        stream.memory.note(&mark, Remembered { sent, version, position, time });
    }

    fn remembered_max(&self, key: &EntityKey) -> usize {
        match key.id {
            EntityId::Resource(_) => self.remembering.resources,
            EntityId::Reservation(_) | EntityId::SalesOrder(_) => self.remembering.others,
        }
    }

    fn stream(&self, key: &EntityKey) -> &Stream {
        self.streams.get(key).unwrap_or(&self.none)
    }

    fn version_at(&self, key: &EntityKey, at: Position) -> Version {
        self.stream(key).version_at(at)
    }
}

impl Begun {
    /// Whether an event is what comes next.
    fn check(&self, event: &Event) -> Checked {
        check(self.stream == event.stream, || format!("{} was cut off", self.stream))?;
        check(self.time == event.time, || format!("it was decided at {:?}", self.time))?;
        let mark = self.behind.as_ref().map(|(mark, _)| *mark);
        check(mark == event.request, || format!("it is the effect of {mark:?}"))?;
        let expected = self.rest.front();
        check(expected == Some(&event.body), || {
            format!("expected {expected:?}\n   found {:?}", event.body)
        })
    }
}

/// The entity of the same tenant with another id.
fn beside(key: &EntityKey, id: EntityId) -> EntityKey {
    EntityKey { tenant: key.tenant.clone(), id }
}

/// The sales order that has a reservation's id.
fn order_of(key: &EntityKey) -> Option<SalesOrderId> {
    match key.id {
        EntityId::Reservation(id) => Some(SalesOrderId(id.0)),
        EntityId::Resource(_) | EntityId::SalesOrder(_) => None,
    }
}

/// A reservation's entity.
fn reservation_of(tenant: &TenantId, id: ReservationId) -> EntityKey {
    EntityKey::reservation(tenant, id)
}
