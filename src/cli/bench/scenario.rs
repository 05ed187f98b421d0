//! What is sent.
//!
//! Commands are numbered. Where stock is reserved and nothing else, a number is the SKU's, and each is as
//! likely as any other; where time is, numbers come one after the other, over all connections, and each
//! is for a slot or a stay of its own: so what is measured is granted and not refused.
//!
//! Not here: what must be there before (see [`super::setting_up`]), and when commands are sent.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use rand::Rng;
use serde::Serialize;
use uuid::Uuid;

use super::lines::{self, Line};
use super::template::{CallTemplate, Piece, StreamTemplate};
use super::timetable::Timetable;
use crate::cli::parse;
use crate::proto::{Money, v1};
use v1::create_reservation_request::Lifetime;
use v1::sequenced_command::Command;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scenario {
    /// Reservations of one unit, all of one SKU
    Hot,
    /// Reservations of one unit, over 100,000 SKUs
    Spread,
    /// Sales orders of one unit over 100,000 SKUs, counted when completed
    Orders,
    /// Reservations of one slot, over 10,000 calendars for one at a time with 100 claims each
    Slots,
    /// Reservations of 1 to 7 nights, over 1,000 half full calendars of 50 rooms and two years
    Nights,
    /// Reservations of one unit, one slot and some nights, of all these
    Mixed,
}

impl Scenario {
    pub(super) fn has_stock(self) -> bool {
        !matches!(self, Self::Slots | Self::Nights)
    }

    pub(super) fn has_slots(self) -> bool {
        matches!(self, Self::Slots | Self::Mixed)
    }

    pub(super) fn has_nights(self) -> bool {
        matches!(self, Self::Nights | Self::Mixed)
    }
}

/// What one run reserves. A run's name makes it its own, so that runs don't meet.
#[derive(Debug)]
pub(super) struct Stocked {
    pub(super) scenario: Scenario,
    /// Of letters, so that no number is found in it.
    pub(super) run: String,
    pub(super) sizes: Sizes,
    pub(super) timetable: Timetable,
    /// How long reservations are held, where that isn't left to the server.
    pub(super) ttl: Option<Duration>,
    /// The number of the next command that is for a time.
    pub(super) next: AtomicU32,
}

/// How many there are of what a scenario has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) skus: u32,
    /// Calendars of slots.
    pub(super) bays: u32,
    /// Calendars of nights.
    pub(super) hotels: u32,
}

impl Stocked {
    pub(super) fn new(scenario: Scenario) -> Self {
        let skus = if scenario == Scenario::Hot { 1 } else { 100_000 };
        Self {
            scenario,
            run: format!("bench-{}", letters(Uuid::new_v4())),
            sizes: Sizes { skus, bays: 10_000, hotels: 1_000 },
            timetable: Timetable::from_tomorrow(),
            ttl: None,
            next: AtomicU32::new(0),
        }
    }

    /// The number of another command.
    pub(super) fn any_number(&self, rng: &mut impl Rng) -> u32 {
        if self.scenario.has_slots() || self.scenario.has_nights() {
            self.next.fetch_add(1, Ordering::Relaxed)
        } else {
            rng.random_range(0..self.sizes.skus)
        }
    }

    /// What varies in the command of this number.
    pub(super) fn pieces(&self, number: u32) -> impl Iterator<Item = Piece> + use<> {
        self.lines(number).flat_map(Line::pieces)
    }

    fn lines(&self, number: u32) -> impl Iterator<Item = Line> + use<> {
        let Self { scenario, sizes: Sizes { skus, bays, hotels }, timetable, .. } = *self;
        let unit = scenario.has_stock().then(|| Line::Unit(number % skus));
        let slot =
            scenario.has_slots().then(|| Line::Time(number % bays, timetable.slot(number / bays)));
        let stay = scenario
            .has_nights()
            .then(|| Line::Time(number % hotels, timetable.stay(number / hotels)));
        unit.into_iter().chain(slot).chain(stay)
    }

    /// The method that the scenario calls.
    pub(super) fn path(&self) -> &'static str {
        match self.scenario {
            Scenario::Orders => "/holdfast.v1.SalesOrderService/CreateSalesOrder",
            _ => "/holdfast.v1.ReservationService/CreateReservation",
        }
    }

    /// The scenario's command, for calls.
    pub(super) fn call_template(&self) -> CallTemplate {
        let (number, request_id) = (0, Uuid::nil());
        let pieces = self.pieces(number);
        match self.scenario {
            Scenario::Orders => CallTemplate::new(&self.order(number, request_id), pieces),
            _ => CallTemplate::new(&self.hold(number, request_id), pieces),
        }
    }

    /// The scenario's command, for a stream.
    pub(super) fn stream_template(&self) -> StreamTemplate {
        StreamTemplate::new(self.command(0, Uuid::nil()), self.pieces(0))
    }

    /// The command of this number.
    pub(super) fn command(&self, number: u32, request_id: Uuid) -> Command {
        match self.scenario {
            Scenario::Orders => Command::CreateSalesOrder(self.order(number, request_id)),
            _ => Command::CreateReservation(self.hold(number, request_id)),
        }
    }

    /// A reservation of one unit of each, held.
    fn hold(&self, number: u32, request_id: Uuid) -> v1::CreateReservationRequest {
        let lines = self.lines(number).map(|line| (line, 1));
        let lifetime = self.ttl.map(|ttl| Lifetime::Ttl(parse::to_wire_span(ttl)));
        self.reservation(lines, lifetime, request_id)
    }

    /// A reservation of so many units of each of these.
    pub(super) fn reservation(
        &self,
        lines: impl Iterator<Item = (Line, u32)>,
        lifetime: Option<Lifetime>,
        request_id: Uuid,
    ) -> v1::CreateReservationRequest {
        let line = |(line, units): (Line, u32)| v1::ReservationLine {
            line_id: String::new(),
            resource: Some(line.resource(&self.run)),
            quantity: units.into(),
        };
        v1::CreateReservationRequest {
            request_id: request_id.to_string(),
            lines: lines.map(line).collect(),
            lifetime,
            ..Default::default()
        }
    }

    /// A sales order of one unit, answered when it has ended.
    fn order(&self, number: u32, request_id: Uuid) -> v1::CreateSalesOrderRequest {
        let stock = lines::stock(&self.run, number % self.sizes.skus);
        let price = Money { currency_code: "EUR".to_owned(), units: 4, nanos: 250_000_000 };
        let line = v1::SalesOrderLine {
            line_id: String::new(),
            resource: Some(v1::sales_order_line::Resource::Stock(stock)),
            quantity: 1,
            unit_price: Some(price),
            total: None,
        };
        v1::CreateSalesOrderRequest {
            request_id: request_id.to_string(),
            lines: vec![line],
            wait: v1::SalesOrderWait::Ended.into(),
            ..Default::default()
        }
    }
}

/// Eight letters for an id.
fn letters(id: Uuid) -> String {
    id.as_bytes()[..8].iter().map(|byte| char::from(b'a' + byte % 16)).collect()
}
