//! Many clients at once, by call and by pipeline, and what each was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast::actors::delivery::Told as At;
use holdfast::client::{CallError, Client, Pipeline};
use holdfast::domain::calendar::{Answer, Question};
use holdfast::domain::event::Origin;
use holdfast::domain::ids::*;
use holdfast::domain::name::{Label, TenantId};
use holdfast::domain::time::Timestamp;
use holdfast::proto::v1;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command as Wire;

use super::wire::{self, Told};
use crate::generator::{Draw, Scope, kind_of};
use crate::model::Asked;
use crate::sent::Sent;
use crate::tally::{self, Head, Tally};

/// By how much the clocks of two threads may differ.
const CLOCKS_DIFFER_MS: u64 = 5;

/// What a client was told of a command.
pub struct Heard {
    pub sent: Arc<Sent>,
    pub asked: Asked,
    pub answer: Result<(Version, Position, Told), CallError>,
}

/// What a reader was told.
pub struct Seen {
    pub key: EntityKey,
    pub floor: Position,
    pub told: Told,
    pub position: Position,
}

/// What a calendar answered.
pub struct Answered {
    pub key: EntityKey,
    pub asked: Asked,
    pub question: Question,
    pub told: At<Answer>,
}

/// What one client has to tell in the end.
#[derive(Default)]
pub struct Report {
    pub sent: Vec<Arc<Sent>>,
    pub heard: Vec<Heard>,
    pub seen: Vec<Seen>,
    pub answered: Vec<Answered>,
    pub tally: Tally,
}

/// What all clients of a round share.
pub struct Round {
    pub scope: Scope,
    /// How many commands are still to be sent.
    left: AtomicU64,
    /// Counts commands.
    serial: AtomicU64,
    /// The highest position that anybody was told.
    floor: AtomicU64,
    /// The first request id.
    requests_from: u128,
}

impl Round {
    pub fn new(scope: Scope, commands: u64, requests_from: u128) -> Self {
        let (left, serial, floor) = Default::default();
        let round = Self { scope, left, serial, floor, requests_from };
        round.left.store(commands, Ordering::Relaxed);
        round
    }

    fn floor(&self) -> Position {
        Position(self.floor.load(Ordering::SeqCst))
    }

    fn told(&self, position: Position) {
        self.floor.fetch_max(position.0, Ordering::SeqCst);
    }

    fn goes_on(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// How commands get to the server.
#[derive(Clone)]
pub enum Way {
    Calls(Client),
    Pipeline(Pipeline),
}

impl Way {
    async fn send(&self, command: Wire) -> Result<Outcome, CallError> {
        macro_rules! call {
            ($client:ident, $($kind:ident $method:ident),*) => {
                match command {
                    $(Wire::$kind(request) => $client.$method(request).await.map(Outcome::$kind),)*
                }
            };
        }
        match self {
            Self::Pipeline(pipeline) => pipeline.send(command).await,
            Self::Calls(client) => call!(client,
                ReceiveStock receive_stock, AdjustStock adjust_stock,
                CreateReservation create_reservation, ConfirmReservation confirm_reservation,
                CommitReservation commit_reservation, CancelReservation cancel_reservation,
                ExtendReservation extend_reservation,
                ChangeReservation change_reservation, CreateSalesOrder create_sales_order,
                CancelSalesOrder cancel_sales_order, CreateCalendar create_calendar,
                UpdateCalendarRules update_calendar_rules, SetCapacity set_capacity,
                CloseDates close_dates, OpenDates open_dates, RetireCalendar retire_calendar),
        }
    }
}

/// What the clock on the wall says.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as u64)
}

/// Who is behind a command, as the server is to note it.
pub fn origin(source: &Label, request: RequestId) -> Arc<Origin> {
    let (principal, source) = (Label::new("anonymous").unwrap(), source.clone());
    Arc::new(Origin { principal, source, correlation_id: request.0 })
}

/// One client.
pub struct Customer {
    round: Arc<Round>,
    tenant: TenantId,
    /// What the server calls the program that this is.
    source: Label,
    way: Way,
    client: Client,
    random: StdRng,
    report: Report,
    /// The reservation that it created last.
    created: Option<ReservationId>,
}

impl Customer {
    pub fn new(
        round: Arc<Round>,
        (tenant, source): (TenantId, Label),
        (client, way): (Client, Way),
        seed: u64,
    ) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let (report, created) = (Report::default(), None);
        Self { round, tenant, source, way, client, random, report, created }
    }

    /// Sends and asks until there was enough of it.
    pub async fn run(mut self) -> Report {
        while self.round.goes_on() {
            match self.random.random_range(0..20) {
                0 => self.look().await,
                1 if !self.report.sent.is_empty() => self.send_again().await,
                _ => self.send_new().await,
            }
        }
        self.report
    }

    fn draw(&mut self) -> Draw<'_> {
        let serial = u128::from(self.round.serial.load(Ordering::Relaxed));
        let (scope, tenant) = (self.round.scope, self.tenant.clone());
        let created = self.created;
        let random = &mut self.random;
        Draw { random, scope, tenant, now: now(), serial, created, about: serial }
    }

    async fn send_new(&mut self) {
        let serial = u128::from(self.round.serial.fetch_add(1, Ordering::Relaxed));
        let (key, command) = self.draw().command();
        let request = Uuid::from_u128(self.round.requests_from + serial);
        let expected = self.random.random_bool(0.03);
        let expected = expected.then(|| Version(self.random.random_range(0..4)));
        self.send(Sent { expected, ..self.sent(key, command, RequestId(request)) }).await;
    }

    /// An old command, or another under its id.
    async fn send_again(&mut self) {
        let known = self.report.sent[self.random.random_range(0..self.report.sent.len())].clone();
        let command = self.draw().command_for(&known.key);
        if self.random.random_bool(0.8) || command == known.command {
            return self.command(known).await;
        }
        self.send(self.sent(known.key.clone(), command, known.request)).await;
    }

    fn sent(
        &self,
        key: EntityKey,
        command: holdfast::domain::command::Command,
        request: RequestId,
    ) -> Sent {
        let since = Timestamp(now().0 - CLOCKS_DIFFER_MS);
        let (origin, floor) = (origin(&self.source, request), self.round.floor());
        Sent { key, command, request, expected: None, origin, floor, since }
    }

    async fn send(&mut self, sent: Sent) {
        let sent = Arc::new(sent);
        self.report.sent.push(sent.clone());
        self.command(sent).await;
    }

    async fn command(&mut self, sent: Arc<Sent>) {
        self.report.tally.count(Head::Commands, tally::command(&sent.command));
        let (floor, since) = (self.round.floor(), Timestamp(now().0 - CLOCKS_DIFFER_MS));
        let answer = self.way.send(wire::command(&sent)).await.map(wire::answer);
        let until = Timestamp(now().0 + CLOCKS_DIFFER_MS);
        match &answer {
            Ok((_, position, _)) => {
                self.round.told(*position);
                if let (EntityId::Reservation(id), true) =
                    (&sent.key.id, sent.creates_reservation())
                {
                    self.created = Some(*id);
                }
            }
            Err(error) => {
                let position = error.metadata.get("position");
                position.iter().for_each(|text| self.round.told(Position(text.parse().unwrap())));
            }
        }
        self.report.heard.push(Heard { sent, asked: Asked { floor, since, until }, answer });
    }

    async fn look(&mut self) {
        if self.random.random_bool(0.5) {
            return self.ask().await;
        }
        let key = self.draw().key();
        let floor = self.round.floor();
        let (name, answer) = match &key.id {
            EntityId::Resource(ResourceKey::Stock(stock)) => {
                let request = v1::GetStockBalanceRequest { stock: Some(wire::stock(stock)) };
                let told = self.client.get_stock_balance(request).await;
                let told = told.map(|it| (it.stock_balance.map(Told::StockBalance), it.position));
                ("get stock balance", told)
            }
            EntityId::Reservation(id) => {
                let request = v1::GetReservationRequest { reservation_id: id.to_string() };
                let told = self.client.get_reservation(request).await;
                let told = told.map(|it| (it.reservation.map(Told::Reservation), it.position));
                ("get reservation", told)
            }
            EntityId::SalesOrder(id) => {
                let request = v1::GetSalesOrderRequest { sales_order_id: id.to_string() };
                let told = self.client.get_sales_order(request).await;
                let told = told.map(|it| (it.sales_order.map(Told::SalesOrder), it.position));
                ("get sales order", told)
            }
            EntityId::Resource(ResourceKey::Calendar(id)) => {
                let request = v1::GetCalendarRequest { calendar_id: id.to_string() };
                let told = self.client.get_calendar(request).await;
                let told = told.map(|it| (it.calendar.map(Told::Calendar), it.position));
                ("get calendar", told)
            }
        };
        self.report.tally.count(Head::Questions, name);
        let (told, position) = match answer {
            Ok((told, position)) => (told.unwrap(), position),
            Err(error) => match error.metadata.get("position") {
                Some(position) => (Told::Nothing, position.parse().unwrap()),
                None => return,
            },
        };
        let position = Position(position);
        self.round.told(position);
        self.report.seen.push(Seen { key, floor, told, position });
    }

    /// Asks a calendar what can be had, if it is a question that a client would ask.
    async fn ask(&mut self) {
        let (calendar, name, question) = self.draw().question();
        let (floor, since) = (self.round.floor(), Timestamp(now().0 - CLOCKS_DIFFER_MS));
        let (question, told) = match question {
            Question::Fits(lines) => {
                let first = lines[..1].into();
                let told = self.client.check_availability(wire::check(&calendar, &lines[0]));
                let read = |told: v1::CheckAvailabilityResponse| {
                    (wire::fits(&told).expect("it fits or doesn't"), told.position)
                };
                let told = told.await.ok().map(read);
                (Question::Fits(first), told)
            }
            Question::Available { from, to, count } => {
                let range = kind_of(&calendar).span(from, to);
                let request = wire::available(&calendar, range, count);
                let told = self.client.get_availability(request).await.ok();
                let read = |told: v1::GetAvailabilityResponse| {
                    (wire::pieces(&told).expect("it can be read"), told.position)
                };
                let told = told.map(read);
                (question, told)
            }
            _ => return,
        };
        let Some((answer, position)) = told else { return };
        self.report.tally.count(Head::Questions, name);
        let (position, until) = (Position(position), Timestamp(now().0 + CLOCKS_DIFFER_MS));
        self.round.told(position);
        let key = EntityKey::resource(&self.tenant, ResourceKey::Calendar(calendar));
        let told = At { answer, position };
        let asked = Asked { floor, since, until };
        self.report.answered.push(Answered { key, asked, question, told });
    }
}

/// What readers ask here.
pub const QUESTIONS: &[&str] = &[
    "check availability",
    "get availability",
    "get calendar",
    "get reservation",
    "get sales order",
    "get stock balance",
];
