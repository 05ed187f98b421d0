//! Works every balance out from the log's events, one by one, and holds them against what was told.
//!
//! The events are all that it believes. What must hold:
//!
//! - positions rise, and each entity's versions go 1, 2, 3 without a gap;
//! - after each event, a balance has no more units held and committed than it had received;
//! - nothing is committed for a reservation and later taken back;
//! - the balances at the end are those that the server reports;
//! - the units that left stock are those of completed orders, and these are the orders whose
//!   customers were told so.
//!
//! Not here: reading the log. Pure, so that a log that lies can be tried.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;

use crate::cli::view::event::Stream;
use crate::proto::v1::{self, entity_id, event::Body, sales_order_line};

/// Problems that are told of each check; the rest are only counted.
const PROBLEMS_TOLD_MAX: usize = 5;

/// One promise, and where it was broken.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What is promised.
    pub(super) promise: &'static str,
    /// Whether it was kept.
    pub(super) ok: bool,
    /// The first places where it wasn't.
    pub(super) problems: Vec<String>,
    /// How many there are in all.
    pub(super) problems_total: usize,
}

/// What the events so far add up to.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    position: u64,
    events: u64,
    versions: HashMap<String, u64>,
    balances: BTreeMap<String, Balance>,
    orders: HashMap<String, Order>,
    misplaced: Vec<String>,
    oversold: Vec<String>,
}

/// A balance, worked out.
#[derive(Debug, Default)]
struct Balance {
    received: u64,
    held: u64,
    committed: u64,
    claims: HashMap<String, Granted>,
}

/// What one reservation has of one balance.
#[derive(Debug, Default, Clone, Copy)]
struct Granted {
    held: u64,
    committed: u64,
}

/// An order, as far as its events tell.
#[derive(Debug)]
struct Order {
    state: v1::SalesOrderState,
    /// Units of each balance.
    lines: Vec<(String, u64)>,
}

/// A balance as the ledger or the server has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    on_hand: u64,
    held: u64,
    version: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { on_hand, held, version } = self;
        write!(f, "{on_hand} on hand, {held} held, version {version}")
    }
}

impl Balance {
    /// Follows an event of the balance.
    fn follow(&mut self, body: &Body) -> Result<(), String> {
        match body {
            Body::StockReceived(event) => self.receive(i128::from(event.quantity))?,
            Body::StockAdjusted(event) => self.receive(i128::from(event.delta))?,
            Body::ClaimMade(event) => {
                self.grant(&event.reservation_id, event.held, event.committed)?;
            }
            Body::ClaimChanged(event) => {
                self.grant(&event.reservation_id, event.held, event.committed)?;
            }
            Body::ClaimCommitted(event) => {
                self.grant(&event.reservation_id, event.held, event.committed)?;
            }
            Body::ClaimReleased(event) => self.release(&event.reservation_id, event.released)?,
            _ => return Err("an event that is none of a balance".to_owned()),
        }
        let Self { received, held, committed, .. } = self;
        if u128::from(*held) + u128::from(*committed) > u128::from(*received) {
            return Err(format!("{held} held and {committed} committed of {received} received"));
        }
        Ok(())
    }

    fn receive(&mut self, units: i128) -> Result<(), String> {
        self.received = u64::try_from(i128::from(self.received) + units)
            .map_err(|_| format!("{units} units on top of {}", self.received))?;
        Ok(())
    }

    /// A reservation's part is so large now.
    fn grant(&mut self, reservation: &str, held: u64, committed: u64) -> Result<(), String> {
        let claim = self.claims.entry(reservation.to_owned()).or_default();
        if committed < claim.committed {
            let before = claim.committed;
            return Err(format!("{before} units that {reservation} had are {committed} again"));
        }
        self.held = (self.held - claim.held).saturating_add(held);
        self.committed = (self.committed - claim.committed).saturating_add(committed);
        *claim = Granted { held, committed };
        Ok(())
    }

    fn release(&mut self, reservation: &str, released: u64) -> Result<(), String> {
        let claim = self.claims.get(reservation).copied().unwrap_or_default();
        if claim.held != released {
            return Err(format!("{released} units came back of {} held", claim.held));
        }
        self.grant(reservation, 0, claim.committed)
    }
}

impl Ledger {
    /// Follows the next event of the log.
    pub(super) fn follow(&mut self, event: &v1::Event) {
        self.events += 1;
        self.check_place(event);
        let Some((entity, body)) = event.stream.as_ref().zip(event.body.as_ref()) else { return };
        match &entity.id {
            Some(entity_id::Id::StockBalance(stock)) => {
                let balance = self.balances.entry(stock.to_string()).or_default();
                if let Err(problem) = balance.follow(body) {
                    self.oversold.push(format!("position {}, {stock}: {problem}", event.position));
                }
            }
            Some(entity_id::Id::SalesOrderId(id)) => self.follow_order(id, body),
            Some(entity_id::Id::ReservationId(_) | entity_id::Id::CalendarId(_)) | None => {}
        }
    }

    fn check_place(&mut self, event: &v1::Event) {
        let v1::Event { position, version, .. } = *event;
        if position <= self.position {
            let after = self.position;
            self.misplaced.push(format!("position {position} comes after position {after}"));
        }
        self.position = position;
        let stream = Stream::from(event.stream.clone().unwrap_or_default()).to_string();
        let last = self.versions.entry(stream).or_default();
        if version != *last + 1 {
            self.misplaced.push(format!("position {position}: version {version} follows {last}"));
        }
        *last = version;
    }

    fn follow_order(&mut self, id: &str, body: &Body) {
        let state = match body {
            Body::SalesOrderCreated(created) => {
                let lines = created.lines.iter().filter_map(units).collect();
                let order = Order { state: v1::SalesOrderState::Created, lines };
                self.orders.insert(id.to_owned(), order);
                return;
            }
            Body::SalesOrderCompleted(_) => v1::SalesOrderState::Completed,
            Body::SalesOrderRejected(_) => v1::SalesOrderState::Rejected,
            Body::SalesOrderCancelled(_) => v1::SalesOrderState::Cancelled,
            _ => return,
        };
        match self.orders.get_mut(id) {
            Some(order) => order.state = state,
            None => self.misplaced.push(format!("order {id} ends before it was created")),
        }
    }

    /// How many events there were.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// The position of the last.
    pub(super) fn last_position(&self) -> u64 {
        self.position
    }

    /// Units that were committed of a balance.
    pub(super) fn sold(&self, stock: &v1::StockResource) -> u64 {
        self.balances.get(&stock.to_string()).map_or(0, |balance| balance.committed)
    }

    /// Holds what the events add up to against the balances that the server reports, and what
    /// customers were told of their orders, by the order's id.
    pub(super) fn checks(
        &self,
        reported: &[v1::StockBalance],
        told: &HashMap<&str, v1::SalesOrderState>,
    ) -> Vec<Check> {
        vec![
            check("every event is in its place, and none is missing", self.misplaced.clone()),
            check("no unit was promised twice, after any event", self.oversold.clone()),
            check("the balances are what their events add up to", self.compare(reported)),
            check("each unit that left stock is in one completed order", self.trace_units()),
            check("customers were told what the log says", self.compare_orders(told)),
        ]
    }

    fn figures(&self, stock: &str, balance: &Balance) -> Figures {
        Figures {
            on_hand: balance.received.saturating_sub(balance.committed),
            held: balance.held,
            version: self.versions.get(stock).copied().unwrap_or_default(),
        }
    }

    fn compare(&self, reported: &[v1::StockBalance]) -> Vec<String> {
        let worked_out = self
            .balances
            .iter()
            .map(|(stock, balance)| (stock.clone(), self.figures(stock, balance)))
            .collect();
        let named = |balance: &v1::StockBalance| {
            let v1::StockBalance { on_hand, held, version, .. } = *balance;
            let stock = balance.stock.clone().unwrap_or_default();
            (stock.to_string(), Figures { on_hand, held, version })
        };
        differences(worked_out, reported.iter().map(named).collect(), "the server reports")
    }

    fn trace_units(&self) -> Vec<String> {
        let left = self.balances.iter().map(|(stock, balance)| (stock.clone(), balance.committed));
        let mut ordered: BTreeMap<_, u64> =
            self.balances.keys().map(|stock| (stock.clone(), 0)).collect();
        for order in self.orders.values() {
            if order.state != v1::SalesOrderState::Completed {
                continue;
            }
            for (stock, quantity) in &order.lines {
                let sum = ordered.entry(stock.clone()).or_default();
                *sum = sum.saturating_add(*quantity);
            }
        }
        differences(left.collect(), ordered, "completed orders have")
    }

    fn compare_orders(&self, told: &HashMap<&str, v1::SalesOrderState>) -> Vec<String> {
        let logged = self.orders.iter().map(|(id, order)| (id.clone(), order.state.as_str_name()));
        let told = told.iter().map(|(id, state)| ((*id).to_owned(), state.as_str_name()));
        differences(logged.collect(), told.collect(), "the customer was told")
    }
}

fn units(line: &v1::SalesOrderLine) -> Option<(String, u64)> {
    let Some(sales_order_line::Resource::Stock(stock)) = &line.resource else { return None };
    Some((stock.to_string(), line.quantity))
}

/// Everything in which two accounts of the same things differ.
fn differences<T: PartialEq + fmt::Display>(
    logged: BTreeMap<String, T>,
    mut other: BTreeMap<String, T>,
    other_says: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, logged) in logged {
        match other.remove(&name) {
            Some(other) if other == logged => {}
            Some(other) => {
                found.push(format!("{name}: the log has {logged}, {other_says} {other}"));
            }
            None => found.push(format!("{name}: the log has {logged}, {other_says} nothing")),
        }
    }
    let unknown = other.into_iter();
    found.extend(
        unknown.map(|(name, other)| format!("{name}: {other_says} {other}, the log has nothing")),
    );
    found
}

fn check(promise: &'static str, mut problems: Vec<String>) -> Check {
    let problems_total = problems.len();
    problems.truncate(PROBLEMS_TOLD_MAX);
    Check { promise, ok: problems_total == 0, problems, problems_total }
}

#[cfg(test)]
mod tests;
