//! What a client could send: one file for each kind of entity.
//!
//! Everything that the edge would let through, mostly what makes sense, and often enough what
//! doesn't: unknown entities, wrong states, sums beyond counting, deadlines out of range.
//!
//! Not here: when and how often it is sent.

mod calendar;
mod reservation;
mod sales_order;
mod stock_balance;

use holdfast::domain::calendar::Question;
use holdfast::domain::command::Command;
use holdfast::domain::ids::*;
use holdfast::domain::name::{CalendarId, Label, LineId, Location, Sku, TenantId};
use holdfast::domain::reservation::Line;
use holdfast::domain::time::Timestamp;
use holdfast::domain::wanted::Wanted;
use rand::Rng;
use rand::rngs::StdRng;
use uuid::Uuid;

pub use calendar::{QUESTIONS as CALENDAR_QUESTIONS, kind_of};

/// The largest quantity.
const MOST: u64 = i64::MAX as u64;

/// How often a reservation is called as an order is, or the other way round.
const STRANGE: f64 = 0.1;

/// After how many commands an id goes out of use, and another comes into it.
const COMMANDS_OF_AN_ID: u128 = 12;

/// Among how many of each a client chooses.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// SKUs that everybody wants, and SKUs that few do.
    pub hot: usize,
    pub spread: usize,
    /// Ids of reservations and orders that are in use at a time.
    pub ids: u128,
    /// How often something is asked for that is meant to be refused, in a thousand.
    pub absurd: u32,
    /// Whether text is long, and such as can't be packed.
    pub long_labels: bool,
}

/// One client's choice of what to send next.
pub struct Draw<'a> {
    pub random: &'a mut StdRng,
    pub scope: Scope,
    pub tenant: TenantId,
    pub now: Timestamp,
    /// Counts up, so that ids come out of use.
    pub serial: u128,
    /// A reservation that was created not long ago, if the client knows of one.
    pub created: Option<ReservationId>,
    /// What a command is about, by a number: of a reservation's times, many are near each other.
    pub about: u128,
}

impl Draw<'_> {
    /// A command and whom it is for.
    pub fn command(&mut self) -> (EntityKey, Command) {
        let (id, command) = match self.random.random_range(0..28) {
            0..3 => stock_balance::command(self),
            3..16 => reservation::command(self),
            16..22 => sales_order::command(self),
            _ => calendar::command(self),
        };
        (EntityKey { tenant: self.tenant.clone(), id }, command)
    }

    /// Another command for the same entity.
    pub fn command_for(&mut self, key: &EntityKey) -> Command {
        match &key.id {
            EntityId::Resource(ResourceKey::Stock(_)) => stock_balance::command(self).1,
            EntityId::Resource(ResourceKey::Calendar(id)) => calendar::another(self, id),
            EntityId::Reservation(id) => reservation::another(self, *id),
            EntityId::SalesOrder(_) => sales_order::command(self).1,
        }
    }

    /// An entity that may be there.
    pub fn key(&mut self) -> EntityKey {
        let id = match self.random.random_range(0..3) {
            0 => EntityId::Resource(self.resource()),
            1 => EntityId::Reservation(self.reservation_id()),
            _ => EntityId::SalesOrder(self.order_id()),
        };
        EntityKey { tenant: self.tenant.clone(), id }
    }

    /// A resource that may be there.
    pub fn resource(&mut self) -> ResourceKey {
        match self.random.random_range(0..2) {
            0 => ResourceKey::Stock(self.stock()),
            _ => ResourceKey::Calendar(calendar::id(self)),
        }
    }

    /// Something to ask a calendar that may be there: which, by what name, and what.
    pub fn question(&mut self) -> (CalendarId, &'static str, Question) {
        calendar::question(self)
    }

    /// A balance that may be there.
    fn stock(&mut self) -> StockKey {
        let Scope { hot, spread, .. } = self.scope;
        let number = match self.random.random_range(0..10) {
            0..6 => self.random.random_range(0..hot),
            _ => hot + self.random.random_range(0..spread),
        };
        let location = if number % 5 == 4 { "elsewhere" } else { "" };
        StockKey {
            sku: Sku::new(&format!("sku {number}")).unwrap(),
            location: Location::new(location).unwrap(),
        }
    }

    /// The id of a reservation that is in use now, rarely an order's.
    fn reservation_id(&mut self) -> ReservationId {
        let is_foreign = self.random.random_bool(STRANGE);
        ReservationId(self.id(is_foreign))
    }

    /// The id of an order that is in use now, rarely a reservation's.
    fn order_id(&mut self) -> SalesOrderId {
        let is_foreign = self.random.random_bool(STRANGE);
        SalesOrderId(self.id(!is_foreign))
    }

    fn id(&mut self, is_orders: bool) -> Uuid {
        let number = self.serial / COMMANDS_OF_AN_ID + self.random.random_range(0..self.scope.ids);
        Uuid::from_u128(number | u128::from(is_orders) << 100)
    }

    fn is_absurd(&mut self) -> bool {
        self.random.random_range(0..1_000) < self.scope.absurd
    }

    /// Text that shows whose it is; sometimes so much that a page of the log holds little else.
    fn label(&mut self) -> Label {
        let number = self.random.random_range(0..4);
        let mut text = format!("{} {number}", self.tenant);
        while self.scope.long_labels && text.len() < Label::BYTES_MAX - 40 {
            text.push_str(&format!(" {:x}", self.random.random::<u128>()));
        }
        Label::new(&text).unwrap()
    }

    /// What is wanted: a few lines, sometimes twice the same resource.
    fn lines(&mut self) -> Vec<Line> {
        let count = if self.random.random_bool(0.6) { 1 } else { self.random.random_range(2..5) };
        let mut lines: Vec<_> = (0..count).map(|index| self.line(index)).collect();
        if self.is_absurd() {
            // More than can be counted.
            let first = lines[0].clone();
            lines = (0..3)
                .map(|index| Line { id: LineId::counted(index), quantity: MOST, ..first.clone() })
                .collect();
        }
        lines
    }

    fn line(&mut self, index: usize) -> Line {
        let (wanted, most) = match self.random.random_range(0..5) {
            0..3 => (Wanted::Stock(self.stock()), 5),
            _ => (calendar::wanted(self), 3),
        };
        Line { id: LineId::counted(index), wanted, quantity: self.random.random_range(1..most) }
    }
}
