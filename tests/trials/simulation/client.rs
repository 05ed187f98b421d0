//! Clients, and a network that loses, delays and repeats what they send.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use holdfast::actors::delivery::{Shown, Told};
use holdfast::actors::engine::{CommandError, CommandRequest};
use holdfast::actors::listing::ReservationQuery;
use holdfast::domain::command::Intent;
use holdfast::domain::event::Origin;
use holdfast::domain::ids::*;
use holdfast::domain::name::{Label, TenantId};
use holdfast::domain::reservation::State;
use holdfast::domain::time::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::faults::Fault;
use super::life::Life;
use super::scene::Look;
use crate::generator::{Draw, Scope};
use crate::model::{Asked, Done, Listed, Reply, Seen};
use crate::sent::Sent;
use crate::tally::{self, Head};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(80);
/// The longest that the network delays a request.
const LATE_MS_MAX: u64 = 300;

const TENANTS: [&str; 2] = ["tenant-one", "tenant-two"];

/// One client.
pub struct Client {
    life: Rc<Life>,
    random: StdRng,
}

impl Client {
    pub fn new(life: Rc<Life>, seed: u64) -> Self {
        Self { life, random: StdRng::seed_from_u64(seed) }
    }

    /// Sends and asks until there was enough of it.
    pub async fn run(mut self) {
        while self.life.goes_on() {
            self.think().await;
            match self.random.random_range(0..10) {
                0 => self.look().await,
                1 => {
                    let known = self.life.scene().known(&mut self.random);
                    match known {
                        Some(sent) => self.send_known(sent).await,
                        None => self.send_new().await,
                    }
                }
                _ => self.send_new().await,
            }
        }
    }

    async fn think(&mut self) {
        match self.random.random_range(0..40) {
            0..24 => {}
            24..39 => sleep(Duration::from_millis(self.random.random_range(0..12))).await,
            _ => sleep(Duration::from_millis(self.random.random_range(200..1_200))).await,
        }
    }

    fn tenant(&mut self) -> TenantId {
        TenantId::new(TENANTS[self.random.random_range(0..TENANTS.len())]).unwrap()
    }

    fn draw(&mut self) -> Draw<'_> {
        let tenant = self.tenant();
        let (now, serial) = (self.life.now(), self.life.scene().commands);
        let long_labels = self.random.random_ratio(self.life.plan.long_labels, 10);
        let scope = Scope { hot: 3, spread: 6, ids: 7, absurd: 15, long_labels };
        let created = self.life.scene().created(&tenant, &mut self.random);
        let random = &mut self.random;
        Draw { random, scope, tenant, now, serial, created, about: serial }
    }

    async fn send_new(&mut self) {
        let (key, command) = self.draw().command();
        let number = {
            let mut scene = self.life.scene();
            scene.commands += 1;
            scene.commands
        };
        let expected = self.random.random_bool(0.05);
        let expected = expected.then(|| Version(self.random.random_range(0..4)));
        let origin = Origin {
            principal: Label::new(key.tenant.as_str()).unwrap(),
            source: Label::new("simulation").unwrap(),
            correlation_id: Uuid::from_u128(number),
        };
        let sent = Sent {
            key,
            command,
            request: RequestId(Uuid::from_u128(number)),
            expected,
            origin: Arc::new(origin),
            floor: self.life.scene().floor,
            since: self.life.now(),
        };
        self.send(self.noted(sent)).await;
    }

    /// Sends an old command again, or another under its id.
    async fn send_known(&mut self, known: Arc<Sent>) {
        if !self.random.random_bool(0.2) {
            return self.send(known).await;
        }
        let command = self.draw().command_for(&known.key);
        if command == known.command {
            return self.send(known).await;
        }
        self.life.scene().fault(Fault::IdReused);
        let sent = Sent {
            key: known.key.clone(),
            command,
            request: known.request,
            expected: None,
            origin: known.origin.clone(),
            floor: self.life.scene().floor,
            since: self.life.now(),
        };
        self.send(self.noted(sent)).await;
    }

    fn noted(&self, sent: Sent) -> Arc<Sent> {
        let sent = Arc::new(sent);
        self.life.scene().registry.note(&sent);
        sent
    }

    /// Sends a command, as often as it takes or until patience ends.
    async fn send(&mut self, sent: Arc<Sent>) {
        for _ in 0..3 {
            if self.try_once(&sent).await {
                return self.life.scene().keep(sent, &mut self.random);
            }
        }
        self.life.scene().unanswered.push(sent);
    }

    /// Whether there was an answer.
    async fn try_once(&mut self, sent: &Arc<Sent>) -> bool {
        let (life, sent) = (self.life.clone(), sent.clone());
        match self.random.random_range(0..40) {
            0 => {
                life.scene().fault(Fault::RequestLost);
                sleep(PATIENCE).await;
                false
            }
            1 => {
                life.scene().fault(Fault::AnswerLost);
                tokio::task::spawn_local(command(life, sent));
                sleep(PATIENCE).await;
                false
            }
            2 => {
                life.scene().fault(Fault::RequestLate);
                let late = Duration::from_millis(self.random.random_range(1..LATE_MS_MAX));
                let arrival = tokio::task::spawn_local(async move {
                    sleep(late).await;
                    command(life, sent).await
                });
                timeout(PATIENCE, arrival).await.is_ok_and(|answered| answered.unwrap())
            }
            3 => {
                life.scene().fault(Fault::RequestTwice);
                tokio::task::spawn_local(command(life.clone(), sent.clone()));
                timeout(PATIENCE, command(life, sent)).await == Ok(true)
            }
            _ => timeout(PATIENCE, command(life, sent)).await == Ok(true),
        }
    }

    async fn look(&mut self) {
        let life = self.life.clone();
        let floor = life.scene().floor;
        let count = if self.random.random_bool(0.5) { 3 } else { 1_000 };
        let tenant = self.tenant();
        let looked = match self.random.random_range(0..10) {
            0 => self.claims(floor, count).await,
            1 => self.resources(tenant, floor, count).await,
            2 | 3 => {
                let query = self.query(count);
                let page = life.engine.list_reservations(&tenant, query.clone()).await;
                let ceiling = life.disks.last();
                page.ok().map(|page| {
                    (
                        "list reservations",
                        Look::Reservations(Listed {
                            tenant,
                            query,
                            floor,
                            ceiling,
                            page: named(page, |id| id),
                        }),
                    )
                })
            }
            4..7 => self.ask(floor).await,
            _ => {
                let key = self.draw().key();
                let told = life.engine.show(key.clone()).await;
                told.ok().map(|Told { answer, position }| {
                    life.told_at(position);
                    let told = Told { answer: answer.into(), position };
                    ("get", Look::Shown { key, floor, told })
                })
            }
        };
        let Some((name, look)) = looked else { return };
        let mut scene = life.scene();
        scene.tally.count(Head::Questions, name);
        scene.looks.push(look);
    }

    async fn claims(&mut self, floor: Position, count: usize) -> Option<(&'static str, Look)> {
        let (tenant, resource) = (self.tenant(), self.draw().resource());
        let key = EntityKey::resource(&tenant, resource);
        let after = self.random.random_bool(0.3).then(|| {
            let serial = self.life.scene().commands;
            ReservationId(Uuid::from_u128(serial / 8))
        });
        let told = self.life.engine.claims(key.clone(), after, count).await.ok()?;
        self.life.told_at(told.position);
        Some(("list claims", Look::Claims { key, floor, page: (after, count), told }))
    }

    async fn resources(
        &mut self,
        tenant: TenantId,
        floor: Position,
        count: usize,
    ) -> Option<(&'static str, Look)> {
        let engine = self.life.engine.clone();
        let first = self.draw().resource();
        let goes_on = self.random.random_bool(0.5);
        let (name, page) = match &first {
            ResourceKey::Stock(key) => {
                let after = goes_on.then(|| key.clone());
                let page = engine.list_stock_balances(&tenant, after, count).await.ok()?;
                ("list balances", named(page, ResourceKey::Stock))
            }
            ResourceKey::Calendar(id) => {
                let after = goes_on.then(|| id.clone());
                let page = engine.list_calendars(&tenant, after, count).await.ok()?;
                ("list calendars", named(page, ResourceKey::Calendar))
            }
        };
        let kind = EntityId::Resource(first.clone()).kind();
        let query = (kind, goes_on.then_some(first), count);
        let ceiling = self.life.disks.last();
        Some((name, Look::Resources(Listed { tenant, query, floor, ceiling, page })))
    }

    /// Asks a calendar something.
    async fn ask(&mut self, floor: Position) -> Option<(&'static str, Look)> {
        let tenant = self.tenant();
        let (calendar, name, question) = self.draw().question();
        let key = EntityKey::resource(&tenant, ResourceKey::Calendar(calendar));
        let since = self.life.now();
        let told = self.life.engine.ask(key.clone(), question.clone()).await.ok()?;
        self.life.told_at(told.position);
        let asked = Asked { floor, since, until: self.life.now() };
        Some((name, Look::Answered { key, asked, question, told }))
    }

    fn query(&mut self, count: usize) -> ReservationQuery {
        let states = match self.random.random_range(0..3) {
            0 => vec![State::Held],
            1 => vec![State::Confirmed],
            _ => vec![State::Held, State::Confirmed],
        };
        // Narrow, so that a page may well be empty.
        let now = self.life.now();
        let from = Timestamp(now.0 - self.random.random_range(0..1_500));
        let before = Timestamp(from.0 + self.random.random_range(1..60));
        let (has_from, has_before) = (self.random.random_bool(0.5), self.random.random_bool(0.5));
        ReservationQuery {
            states,
            created_from: has_from.then_some(from),
            created_before: has_before.then_some(before),
            after: None,
            count,
        }
    }
}

/// A page as the model compares it, of keys by another name.
fn named<K, N>(page: Vec<(K, Shown)>, name: impl Fn(K) -> N) -> Vec<(N, Seen)> {
    page.into_iter().map(|(key, shown)| (name(key), shown.into())).collect()
}

/// What readers ask besides what only calendars are asked.
pub const QUESTIONS: &[&str] =
    &["get", "list balances", "list calendars", "list claims", "list reservations"];

/// Lets the server decide a command, and keeps what it says, whether or not its client hears it.
async fn command(life: Rc<Life>, sent: Arc<Sent>) -> bool {
    let (floor, since) = (life.scene().floor, life.now());
    life.scene().tally.count(Head::Commands, tally::command(&sent.command));
    life.commanded();
    let request = CommandRequest {
        key: sent.key.clone(),
        command: sent.command.clone(),
        intent: Intent::Execute,
        request_id: sent.request,
        expected_version: sent.expected,
        origin: sent.origin.clone(),
    };
    let answer = match life.engine.command(request).await {
        Ok(accepted) => Ok(Done::from(accepted)),
        Err(CommandError::Refused(refused)) => Err(refused),
        Err(CommandError::Uncertain(_)) => return false,
    };
    let position =
        answer.as_ref().map_or_else(|refused| refused.position, |done| done.now.position);
    life.told_at(position);
    let asked = Asked { floor, since, until: life.now() };
    life.scene().told(Reply { sent, asked, answer });
    true
}
