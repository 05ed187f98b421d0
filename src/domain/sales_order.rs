//! Lines with the price as it was at purchase, and how far they have come.
//!
//! ```text
//!   CREATED ──▶ CONFIRMED ──▶ DELIVERED ──▶ COMPLETED
//!      │ │          │
//!      │ └──────────┴── Cancel ──▶ CANCELLED ──▶ (released)
//!      └── REJECTED
//! ```
//!
//! Invariants: an order is a legal record, its lines and prices never change. Every step's
//! outcome is an event of the order, so its stream alone tells what comes next.
//!
//! Not here: payment; an order of today has nothing to pay.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command;
use super::entity::{Aggregate, Context, Decision, Summary};
use super::event::Body;
use super::ids::{EntityId, EntityKind, ReservationId, SalesOrderId, Version};
use super::money::{Amount, Currency, UnitPrice};
use super::name::{Label, LineId};
use super::process::{Refusal, Step};
use super::rejection::Rejection;
use super::reservation;
use super::time::Timestamp;
use super::view::View;
use super::wanted::Wanted;

/// What one line asks for, and at what price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRequest {
    /// Which line; unique within its order.
    pub id: LineId,
    /// Of what.
    pub wanted: Wanted,
    /// How much; above 0.
    pub quantity: u64,
    /// What one of them costs.
    pub unit_price: UnitPrice,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What was asked for.
    pub request: LineRequest,
    /// Quantity times unit price, rounded half to even to the currency's minor unit.
    pub total: Amount,
}

/// What an order is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// Who buys; may be empty.
    pub customer: Label,
    /// The one currency of all prices.
    pub currency: Currency,
    /// What is bought.
    pub lines: Vec<LineRequest>,
}

/// What a sales order can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Come into being.
    Create(Create),
    /// End, and give everything back.
    Cancel {
        /// Why.
        reason: Label,
    },
    /// A step of the process has come to an end.
    Report(Report),
}

/// What the process reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The reservation stands.
    Reserved,
    /// The reservation was refused.
    Refused(Refusal),
    /// The goods are handed over.
    Delivered,
    /// The reservation is used up.
    Committed,
    /// The reservation is given back.
    Released,
}

/// What can happen to a sales order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It was placed.
    Created {
        /// Who buys.
        customer: Label,
        /// The currency of all prices.
        currency: Currency,
        /// What is bought, at what price.
        lines: Arc<[Line]>,
        /// The sum of the lines' totals.
        total: Amount,
    },
    /// Its reservation stands.
    Reserved {
        /// The reservation.
        reservation: ReservationId,
    },
    /// Its reservation was refused.
    Rejected(Refusal),
    /// Nothing stands in the way of delivery.
    Confirmed,
    /// The goods are handed over.
    Delivered,
    /// Delivered, and the units left on hand.
    Completed,
    /// It was cancelled.
    Cancelled {
        /// Why.
        reason: Label,
    },
    /// Everything that it held was given back.
    Released,
}

/// Where a sales order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Placed; its reservation is being made.
    Created,
    /// Reserved, and nothing stands in the way of delivery.
    Confirmed,
    /// Handed over.
    Delivered,
    /// Handed over and accounted for.
    Completed,
    /// Its lines could not be had.
    Rejected,
    /// Ended by the client.
    Cancelled,
}

/// A sales order that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Where it stands.
    pub state: State,
    /// Who buys.
    pub customer: Label,
    /// The currency of all prices.
    pub currency: Currency,
    /// What is bought, at what price.
    pub lines: Arc<[Line]>,
    /// The sum of the lines' totals.
    pub total: Amount,
    /// Why it was rejected, where it was.
    pub refusal: Option<Refusal>,
    /// Why it was cancelled; empty where it wasn't.
    pub cancel_reason: Label,
    /// Whether what a cancelled order held has been given back.
    pub is_released: bool,
    /// When it was placed.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// A sales order, or nothing yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SalesOrder {
    // Shared with the readers that it was shown to.
    pub(crate) details: Option<Arc<Details>>,
}

impl Command {
    /// The command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "CreateSalesOrder",
            Self::Cancel { .. } => "CancelSalesOrder",
            Self::Report(_) => "ReportStep",
        }
    }
}

impl Event {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "SalesOrderCreated",
            Self::Reserved { .. } => "SalesOrderReserved",
            Self::Rejected(_) => "SalesOrderRejected",
            Self::Confirmed => "SalesOrderConfirmed",
            Self::Delivered => "SalesOrderDelivered",
            Self::Completed => "SalesOrderCompleted",
            Self::Cancelled { .. } => "SalesOrderCancelled",
            Self::Released => "SalesOrderReleased",
        }
    }

    /// Whether nothing comes after it: with it, and not before, the order is finished.
    pub fn is_last(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Completed | Self::Released => true,
            Self::Created { .. }
            | Self::Reserved { .. }
            | Self::Confirmed
            | Self::Delivered
            | Self::Cancelled { .. } => false,
        }
    }
}

impl State {
    /// The state's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Confirmed => "CONFIRMED",
            Self::Delivered => "DELIVERED",
            Self::Completed => "COMPLETED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    fn is_finished(self, is_released: bool) -> bool {
        match self {
            Self::Completed | Self::Rejected => true,
            Self::Cancelled => is_released,
            Self::Created | Self::Confirmed | Self::Delivered => false,
        }
    }

    /// What the table should know of an order in this state, which has given back what it held or
    /// hasn't.
    pub fn summary(self, created: Timestamp, is_released: bool) -> Summary {
        let finished = self.is_finished(is_released);
        Summary { state: self.name(), deadline: None, finished, under_way: false, created }
    }
}

impl Details {
    /// Whether it can never change again.
    pub fn is_finished(&self) -> bool {
        self.state.is_finished(self.is_released)
    }

    fn next_step(&self, id: SalesOrderId) -> Option<Step> {
        match self.state {
            State::Created => Some(Step::Reserve(self.reservation(id))),
            State::Confirmed => Some(Step::Deliver),
            State::Delivered => Some(Step::Commit),
            State::Cancelled if !self.is_released => Some(Step::Release),
            State::Cancelled | State::Completed | State::Rejected => None,
        }
    }

    /// The reservation that the order makes for itself: confirmed at once, as there is nothing
    /// to wait for.
    fn reservation(&self, id: SalesOrderId) -> reservation::Create {
        let line = |line: &Line| {
            let LineRequest { id, wanted, quantity, .. } = line.request.clone();
            reservation::Line { id, wanted, quantity }
        };
        reservation::Create {
            lines: self.lines.iter().map(line).collect(),
            term: reservation::Term::Confirmed,
            customer: self.customer.clone(),
            external_reference: Label::empty(),
            attributes: Default::default(),
            owner: Some(id),
        }
    }
}

/// The order's lines with their totals, and the sum of these; nothing where one is too large.
fn priced(create: &Create) -> Option<(Arc<[Line]>, Amount)> {
    let mut sum = Amount::default();
    let mut lines = Vec::with_capacity(create.lines.len());
    for request in &create.lines {
        let total = request.unit_price.line_total(request.quantity, create.currency)?;
        sum = sum.checked_add(total)?;
        lines.push(Line { request: request.clone(), total });
    }
    Some((lines.into(), sum))
}

fn create(create: Create) -> Decision<Event> {
    let Some((lines, total)) = priced(&create) else {
        return Decision::rejected(Rejection::Overflow);
    };
    let Create { customer, currency, .. } = create;
    Decision::accepted(vec![Event::Created { customer, currency, lines, total }])
}

/// A report moves the order only from the state in which its step was taken; a late one, of an
/// order that has moved meanwhile, changes nothing.
fn report(details: &Details, report: Report, id: SalesOrderId) -> Decision<Event> {
    let events = match (details.state, report) {
        (State::Created, Report::Reserved) => {
            vec![Event::Reserved { reservation: id.reservation() }, Event::Confirmed]
        }
        (State::Created, Report::Refused(refusal)) => vec![Event::Rejected(refusal)],
        (State::Confirmed, Report::Delivered) => vec![Event::Delivered],
        (State::Delivered, Report::Committed) => vec![Event::Completed],
        (State::Cancelled, Report::Released) if !details.is_released => vec![Event::Released],
        _ => vec![],
    };
    Decision { events, ..Decision::nothing() }
}

fn cancel(details: &Details, reason: Label) -> Decision<Event> {
    match details.state {
        State::Created | State::Confirmed => Decision::accepted(vec![Event::Cancelled { reason }]),
        from => Decision::rejected(Rejection::InvalidTransition {
            from: from.name(),
            command: "CancelSalesOrder",
        }),
    }
}

impl SalesOrder {
    /// What it is, once it exists.
    pub fn details(&self) -> Option<&Arc<Details>> {
        self.details.as_ref()
    }
}

impl Aggregate for SalesOrder {
    const KIND: EntityKind = EntityKind::SalesOrder;
    const CREATED_ONCE: bool = true;
    type Command = Command;
    type Event = Event;
    type Transient = ();

    fn command(command: command::Command) -> Option<Command> {
        match command {
            command::Command::SalesOrder(command) => Some(command),
            _ => None,
        }
    }

    fn begins(command: &Command) -> bool {
        matches!(command, Command::Create(_))
    }

    fn decide(&self, _: &mut (), command: Command, context: &Context<'_>) -> Decision<Event> {
        let EntityId::SalesOrder(id) = *context.id else { return Decision::nothing() };
        match (&self.details, command) {
            (None, Command::Create(order)) => create(order),
            (None, Command::Cancel { .. }) => {
                Decision::rejected(Rejection::NotFound(EntityKind::SalesOrder))
            }
            (Some(_), Command::Create(_)) => Decision::rejected(Rejection::RequestIdReused),
            (Some(details), Command::Cancel { reason }) => cancel(details, reason),
            (Some(details), Command::Report(outcome)) => report(details, outcome, id),
            (None, Command::Report(_)) => Decision::nothing(),
        }
    }

    fn evolve(&mut self, event: &Event, _: Version, time: Timestamp) {
        match (&mut self.details, event) {
            (None, Event::Created { customer, currency, lines, total }) => {
                self.details = Some(Arc::new(Details {
                    state: State::Created,
                    customer: customer.clone(),
                    currency: *currency,
                    lines: lines.clone(),
                    total: *total,
                    refusal: None,
                    cancel_reason: Label::empty(),
                    is_released: false,
                    created: time,
                    updated: time,
                }));
            }
            (None, _) => {}
            (Some(details), event) => follow(Arc::make_mut(details), event, time),
        }
    }

    fn summary(&self) -> Summary {
        let Some(details) = &self.details else { return Summary::NONE };
        details.state.summary(details.created, details.is_released)
    }

    fn next_step(&self, id: &EntityId) -> Option<Step> {
        let EntityId::SalesOrder(id) = *id else { return None };
        self.details.as_ref()?.next_step(id)
    }

    fn view(&self) -> View {
        self.details.clone().map_or(View::Nothing, View::SalesOrder)
    }

    fn into_body(event: Event) -> Body {
        Body::SalesOrder(event)
    }

    fn from_body(body: &Body) -> Option<&Event> {
        match body {
            Body::SalesOrder(event) => Some(event),
            _ => None,
        }
    }
}

fn follow(details: &mut Details, event: &Event, time: Timestamp) {
    match event {
        Event::Created { .. } | Event::Reserved { .. } => {}
        Event::Rejected(refusal) => {
            details.state = State::Rejected;
            details.refusal = Some(refusal.clone());
        }
        Event::Confirmed => details.state = State::Confirmed,
        Event::Delivered => details.state = State::Delivered,
        Event::Completed => details.state = State::Completed,
        Event::Cancelled { reason } => {
            details.state = State::Cancelled;
            details.cancel_reason = reason.clone();
        }
        Event::Released => details.is_released = true,
    }
    details.updated = time;
}
