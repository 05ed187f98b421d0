//! A sales order: lines with prices, and how far they have come.

use std::sync::Arc;

use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::money::{Amount, Currency};
use holdfast::domain::name::Label;
use holdfast::domain::process::Refusal;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation;
use holdfast::domain::sales_order::{
    Command, Create, Details, Event as Happened, Line, LineRequest, State,
};
use holdfast::domain::time::Timestamp;
use holdfast::domain::view::View;
use uuid::Uuid;

use super::portion::portions;
use super::shortage::Between;
use super::stream::Stream;
use super::{Checked, Decision, Entity, Model, Sight, Situation, beside, check};
use crate::sent::Registry;

/// The largest amount.
const MOST: u128 = i64::MAX as u128;

/// What changes in an order's life.
#[derive(Debug, Clone)]
struct Life {
    state: State,
    refusal: Option<Refusal>,
    cancel_reason: Label,
    is_released: bool,
}

/// An order, as each of its events left it.
#[derive(Default)]
pub struct SalesOrder {
    lives: Vec<Life>,
    placed: Option<Placed>,
}

/// What never changes in it.
struct Placed {
    customer: Label,
    currency: Currency,
    lines: Arc<[Line]>,
    total: Amount,
}

/// How many decimals a currency's amounts have, of those that are used here.
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "JPY" => 0,
        "KWD" => 3,
        _ => 2,
    }
}

/// Quantity times price, rounded half to even; nothing where it is too large.
fn total(line: &LineRequest, currency: Currency) -> Option<u128> {
    let millionths = u128::from(line.unit_price.millionths) * u128::from(line.quantity);
    let scaled = millionths.checked_mul(10u128.pow(decimals(currency)))?;
    let (whole, rest) = (scaled / 1_000_000, scaled % 1_000_000);
    let rounded = match rest.cmp(&500_000) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Equal => whole + whole % 2,
        std::cmp::Ordering::Greater => whole + 1,
    };
    (rounded <= MOST).then_some(rounded)
}

fn place(create: &Create) -> Option<Happened> {
    let mut sum = 0;
    let mut lines = Vec::new();
    for request in &create.lines {
        let total = total(request, create.currency)?;
        sum += total;
        lines.push(Line { request: request.clone(), total: Amount { minor: total as u64 } });
    }
    let total = Amount { minor: u64::try_from(sum).ok().filter(|_| sum <= MOST)? };
    let Create { customer, currency, .. } = create.clone();
    Some(Happened::Created { customer, currency, lines: lines.into(), total })
}

impl SalesOrder {
    fn life(&self, version: Version) -> Option<&Life> {
        self.lives.get((version.0 as usize).checked_sub(1)?)
    }

    fn placed(&self) -> &Placed {
        self.placed.as_ref().expect("its first event is its creation, which the model checks")
    }

    /// The reservation that its process makes for it.
    pub(super) fn reservation(&self, id: SalesOrderId) -> reservation::Create {
        let placed = self.placed();
        let line = |Line { request, .. }: &Line| reservation::Line {
            id: request.id.clone(),
            wanted: request.wanted.clone(),
            quantity: request.quantity,
        };
        reservation::Create {
            lines: placed.lines.iter().map(line).collect(),
            term: reservation::Term::Confirmed,
            customer: placed.customer.clone(),
            external_reference: Label::empty(),
            attributes: Default::default(),
            owner: Some(id),
        }
    }

    /// What its process sends to its reservation under a request id, as far as it has come by now.
    pub(super) fn step(
        &self,
        id: SalesOrderId,
        request: RequestId,
    ) -> Option<reservation::Command> {
        let is_step = |name: &str| request.0 == Uuid::new_v5(&id.0, name.as_bytes());
        let state = self.lives.last()?.state;
        if is_step("reserve") {
            return Some(reservation::Command::Create(self.reservation(id)));
        }
        if is_step("commit") && state == State::Delivered {
            return Some(reservation::Command::Commit);
        }
        if is_step("release") && state == State::Cancelled {
            let reason = Label::new("the sales order was cancelled").ok()?;
            return Some(reservation::Command::Cancel { reason });
        }
        None
    }
}

impl Entity for SalesOrder {
    type Command = Command;
    type Happened = Happened;

    fn decide(
        model: &Model,
        key: &EntityKey,
        command: &Command,
        situation: &Situation,
    ) -> Decision {
        let version = model.version_at(key, situation.at);
        let life = model.entities.orders.get(key).and_then(|order| order.life(version));
        let decided = match (command, life.map(|life| life.state)) {
            (Command::Create(create), _) => place(create).ok_or(Rejection::Overflow),
            (Command::Cancel { .. }, None) => Err(Rejection::NotFound(EntityKind::SalesOrder)),
            (Command::Cancel { reason }, Some(State::Created | State::Confirmed)) => {
                Ok(Happened::Cancelled { reason: reason.clone() })
            }
            (Command::Cancel { .. }, Some(state)) => Err(Rejection::InvalidTransition {
                from: match state {
                    State::Created => "CREATED",
                    State::Confirmed => "CONFIRMED",
                    State::Delivered => "DELIVERED",
                    State::Completed => "COMPLETED",
                    State::Rejected => "REJECTED",
                    State::Cancelled => "CANCELLED",
                },
                command: "CancelSalesOrder",
            }),
            (Command::Report(_), _) => unreachable!("no client can say {command:?}"),
        };
        match decided {
            Ok(event) => Decision::accepted(vec![Body::SalesOrder(event)]),
            Err(rejection) => Decision::refused(rejection),
        }
    }

    /// What the process reported has to be so.
    fn by_itself(
        model: &Model,
        event: &Event,
        report: &Happened,
        _: &Registry,
    ) -> Result<Vec<Body>, String> {
        let EntityId::SalesOrder(id) = event.stream.id else { return Err("no order".into()) };
        let order = model.entities.orders.get(&event.stream).ok_or("there is no such order")?;
        let life = order.lives.last().ok_or("there is no such order")?;
        let own = beside(&event.stream, EntityId::Reservation(id.reservation()));
        let own = model.entities.reservations.get(&own);
        let state_of_own = own.filter(|known| known.owner() == Some(id)).map(|known| known.state());
        let mut events = vec![report.clone()];
        let (is_its_turn, is_so) = match report {
            Happened::Reserved { reservation } => {
                events.push(Happened::Confirmed);
                let is_so = *reservation == id.reservation() && state_of_own.is_some();
                (life.state == State::Created, is_so)
            }
            Happened::Rejected(refusal) => {
                model.check_refusal(event, order, refusal, own.is_some())?;
                (life.state == State::Created, state_of_own.is_none())
            }
            Happened::Delivered => (life.state == State::Confirmed, true),
            Happened::Completed => {
                let is_so = state_of_own == Some(reservation::State::Committed);
                (life.state == State::Delivered, is_so)
            }
            Happened::Released => {
                let is_so = matches!(state_of_own, None | Some(reservation::State::Cancelled));
                (life.state == State::Cancelled && !life.is_released, is_so)
            }
            Happened::Created { .. } | Happened::Confirmed | Happened::Cancelled { .. } => {
                (false, false)
            }
        };
        check(is_its_turn, || format!("the order is {:?}", life.state))?;
        check(is_so, || format!("its reservation is {state_of_own:?}"))?;
        Ok(events.into_iter().map(Body::SalesOrder).collect())
    }

    fn apply(&mut self, happened: &Happened, _: &Event) {
        let mut life = self.lives.last().cloned().unwrap_or(Life {
            state: State::Created,
            refusal: None,
            cancel_reason: Label::empty(),
            is_released: false,
        });
        match happened {
            Happened::Created { customer, currency, lines, total } => {
                self.placed = Some(Placed {
                    customer: customer.clone(),
                    currency: *currency,
                    lines: lines.clone(),
                    total: *total,
                });
            }
            Happened::Reserved { .. } => {}
            Happened::Rejected(refusal) => {
                life.state = State::Rejected;
                life.refusal = Some(refusal.clone());
            }
            Happened::Confirmed => life.state = State::Confirmed,
            Happened::Delivered => life.state = State::Delivered,
            Happened::Completed => life.state = State::Completed,
            Happened::Cancelled { reason } => {
                life.state = State::Cancelled;
                life.cancel_reason = reason.clone();
            }
            Happened::Released => life.is_released = true,
        }
        self.lives.push(life);
    }

    fn sight(&self, stream: &Stream, version: Version) -> Sight {
        let (Some(life), Some(moment)) = (self.life(version), stream.moment(version)) else {
            return Sight::NOTHING;
        };
        let placed = self.placed();
        let first = stream.moment(Version(1)).expect("it has one version at least");
        Sight::Other(View::SalesOrder(Arc::new(Details {
            state: life.state,
            customer: placed.customer.clone(),
            currency: placed.currency,
            lines: placed.lines.clone(),
            total: placed.total,
            refusal: life.refusal.clone(),
            cancel_reason: life.cancel_reason.clone(),
            is_released: life.is_released,
            created: first.time,
            updated: moment.time,
        })))
    }

    /// Checks that at rest every order has ended, with everything or with nothing.
    fn check_at_rest(model: &Model, _: Timestamp) -> Checked {
        for (key, order) in &model.entities.orders {
            let EntityId::SalesOrder(id) = key.id else { continue };
            let own = beside(key, EntityId::Reservation(id.reservation()));
            let own =
                model.entities.reservations.get(&own).filter(|known| known.owner() == Some(id));
            let own = own.map(|known| known.state());
            let life = order.lives.last().ok_or("an order without events")?;
            let is_ended = match life.state {
                State::Completed => own == Some(reservation::State::Committed),
                State::Rejected => own.is_none(),
                State::Cancelled => {
                    life.is_released && matches!(own, None | Some(reservation::State::Cancelled))
                }
                State::Created | State::Confirmed | State::Delivered => false,
            };
            check(is_ended, || format!("{key} is {life:?}, its reservation {own:?}"))?;
        }
        Ok(())
    }
}

impl Model {
    /// Why an order was rejected.
    fn check_refusal(
        &self,
        event: &Event,
        order: &SalesOrder,
        refusal: &Refusal,
        id_is_taken: bool,
    ) -> Checked {
        let EntityId::SalesOrder(id) = event.stream.id else { return Err("no order".into()) };
        let create = order.reservation(id);
        match refusal {
            Refusal::ReservationIdTaken => {
                check(id_is_taken, || "there is no such reservation".into())
            }
            Refusal::Overflow => {
                let counted = portions(&create.lines);
                check(counted.is_none(), || "its sums can be counted".into())
            }
            Refusal::Short(short) => {
                let placed = self.stream(&event.stream).moment(Version(1)).ok_or("no order")?;
                let positions = (placed.position, Position(event.position.0 - 1));
                let between = Between { positions, times: (placed.time, event.time) };
                self.check_short(&event.stream, &create.lines, short, between)
            }
        }
    }
}
