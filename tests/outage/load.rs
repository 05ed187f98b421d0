//! Clients that keep a server busy with every command there is, until it is gone.

use std::sync::Arc;
use std::time::Duration;

use holdfast::client::{CallError, Client};
use holdfast::proto::v1;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::ledger::number;
use crate::requests::*;
use crate::trigger::Trigger;

/// SKUs that everybody wants, and SKUs that few do.
const HOT: usize = 3;
const SPREAD: usize = 5_000;
/// Of so many acknowledgements one is kept whole, to be sent again.
const KEEP_ONE_OF: u32 = 64;

/// A command as it was sent.
#[derive(Debug, Clone)]
pub enum Sent {
    Receive(v1::ReceiveStockRequest),
    Adjust(v1::AdjustStockRequest),
    Create(v1::CreateReservationRequest),
    Confirm(v1::ConfirmReservationRequest),
    Commit(v1::CommitReservationRequest),
    Cancel(v1::CancelReservationRequest),
    Extend(v1::ExtendReservationRequest),
    Order(v1::CreateSalesOrderRequest),
    CancelOrder(v1::CancelSalesOrderRequest),
}

/// What the server has promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    pub request: u128,
    pub version: u64,
    pub position: u64,
}

/// What one client has to tell when the server is gone.
#[derive(Default, Clone)]
pub struct Report {
    pub acks: Vec<Ack>,
    pub kept: Vec<(Sent, Ack)>,
    /// Sent, and never answered.
    pub unsure: Vec<Sent>,
}

/// Sends each kind of request by its own method.
macro_rules! each {
    ($sent:expr, $client:ident, $($kind:ident: $method:ident),*) => {
        match $sent {
            $(Sent::$kind(request) => {
                let answer = $client.$method(request.clone()).await?;
                Ok(Ack {
                    request: number(&request.request_id),
                    version: answer.version,
                    position: answer.position,
                })
            })*
        }
    };
}

impl Sent {
    pub async fn send(&self, client: &Client) -> Result<Ack, CallError> {
        each!(self, client,
            Receive: receive_stock, Adjust: adjust_stock, Create: create_reservation,
            Confirm: confirm_reservation, Commit: commit_reservation,
            Cancel: cancel_reservation, Extend: extend_reservation,
            Order: create_sales_order, CancelOrder: cancel_sales_order)
    }

    pub fn request(&self) -> u128 {
        number(match self {
            Self::Receive(request) => &request.request_id,
            Self::Adjust(request) => &request.request_id,
            Self::Create(request) => &request.request_id,
            Self::Confirm(request) => &request.request_id,
            Self::Commit(request) => &request.request_id,
            Self::Cancel(request) => &request.request_id,
            Self::Extend(request) => &request.request_id,
            Self::Order(request) => &request.request_id,
            Self::CancelOrder(request) => &request.request_id,
        })
    }
}

/// Whether a server said no, rather than nothing.
pub fn is_answer(error: &CallError) -> bool {
    !error.reason.is_empty() && error.reason != "UNCERTAIN"
}

/// The server is gone.
struct Gone;

/// One client.
pub struct Customer {
    client: Client,
    rng: StdRng,
    report: Report,
    trigger: Arc<Trigger>,
}

impl Customer {
    pub fn new(client: Client, seed: u64, trigger: Arc<Trigger>) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { client, rng, report: Report::default(), trigger }
    }

    /// Buys, and changes its mind, until the server is gone.
    pub async fn run(mut self) -> Report {
        while self.visit().await.is_ok() {}
        self.report
    }

    async fn visit(&mut self) -> Result<(), Gone> {
        match self.rng.random_range(0..100u32) {
            0..8 => self.restock().await,
            8..70 => self.reserve().await,
            70..92 => self.order().await,
            _ => self.repeat().await,
        }
    }

    fn sku(&mut self) -> String {
        match self.rng.random_range(0..2u32) {
            0 => format!("hot {}", self.rng.random_range(0..HOT)),
            _ => format!("sku {}", self.rng.random_range(0..SPREAD)),
        }
    }

    fn id(&mut self) -> String {
        Uuid::from_u128(self.rng.random()).to_string()
    }

    /// Sends a command; tells whether it was granted.
    async fn send(&mut self, sent: Sent) -> Result<bool, Gone> {
        match sent.send(&self.client).await {
            Ok(ack) => {
                self.trigger.acknowledged();
                self.report.acks.push(ack);
                if self.rng.random_range(0..KEEP_ONE_OF) == 0 {
                    self.report.kept.push((sent, ack));
                }
                Ok(true)
            }
            Err(error) if is_answer(&error) => {
                let expected = [
                    "INSUFFICIENT_STOCK",
                    "STOCK_BALANCE_NOT_FOUND",
                    "SALES_ORDER_NOT_FOUND",
                    "HOLD_EXPIRED",
                    "INVALID_TRANSITION",
                    "OVERLOADED",
                    "TOO_MANY_REQUESTS",
                    "STORAGE_LOW",
                ];
                assert!(expected.contains(&error.reason.as_str()), "{sent:?}: {error}");
                Ok(false)
            }
            Err(_) => {
                self.report.unsure.push(sent);
                Err(Gone)
            }
        }
    }

    async fn restock(&mut self) -> Result<(), Gone> {
        let (request_id, sku) = (self.id(), self.sku());
        let receipt = receive(&sku, self.rng.random_range(1..500));
        self.send(Sent::Receive(v1::ReceiveStockRequest { request_id, ..receipt })).await?;
        if self.rng.random_range(0..4u32) == 0 {
            let (request_id, delta) = (self.id(), self.rng.random_range(-20..20i64) * 2 + 1);
            let correction = v1::AdjustStockRequest { request_id, ..adjust(&sku, delta) };
            self.send(Sent::Adjust(correction)).await?;
        }
        Ok(())
    }

    fn wishes(&mut self) -> Vec<(String, u64)> {
        let lines = if self.rng.random_range(0..4u32) == 0 { 3 } else { 1 };
        (0..lines).map(|_| (self.sku(), self.rng.random_range(1..4))).collect()
    }

    async fn reserve(&mut self) -> Result<(), Gone> {
        let wishes = self.wishes();
        let lines: Vec<_> = wishes.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
        let wish = match self.rng.random_range(0..4u32) {
            0 => confirmed(&lines),
            1 => hold_for(self.rng.random_range(1..3), &lines),
            _ => hold(&lines),
        };
        let (request_id, reservation_id) = (self.id(), self.id());
        let wish = v1::CreateReservationRequest {
            request_id,
            reservation_id: reservation_id.clone(),
            ..wish
        };
        if !self.send(Sent::Create(wish)).await? {
            return Ok(());
        }
        for round in 0..self.rng.random_range(0..4i64) {
            let request_id = self.id();
            let command = match self.rng.random_range(0..4u32) {
                0 => Sent::Confirm(v1::ConfirmReservationRequest {
                    request_id,
                    ..confirm(&reservation_id)
                }),
                1 => Sent::Commit(v1::CommitReservationRequest {
                    request_id,
                    ..commit(&reservation_id)
                }),
                2 => Sent::Cancel(v1::CancelReservationRequest {
                    request_id,
                    ..cancel(&reservation_id)
                }),
                _ => Sent::Extend(v1::ExtendReservationRequest {
                    request_id,
                    ..extend(&reservation_id, 7_200 + 60 * round)
                }),
            };
            self.send(command).await?;
        }
        Ok(())
    }

    async fn order(&mut self) -> Result<(), Gone> {
        let wishes = self.wishes();
        let lines: Vec<_> = wishes.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
        let is_waiting = self.rng.random_range(0..2u32) == 0;
        let order = if is_waiting { order_to_its_end(&lines) } else { order(&lines) };
        let (request_id, sales_order_id) = (self.id(), self.id());
        let order = v1::CreateSalesOrderRequest {
            request_id,
            sales_order_id: sales_order_id.clone(),
            ..order
        };
        self.send(Sent::Order(order)).await?;
        if self.rng.random_range(0..6u32) == 0 {
            let request_id = self.id();
            let cancel =
                v1::CancelSalesOrderRequest { request_id, ..cancel_order(&sales_order_id) };
            self.send(Sent::CancelOrder(cancel)).await?;
        }
        Ok(())
    }

    /// Sends an old command again: it must have been as it was.
    async fn repeat(&mut self) -> Result<(), Gone> {
        let Some((sent, ack)) = self.report.kept.choose(&mut self.rng) else { return Ok(()) };
        match sent.send(&self.client).await {
            Ok(again) => assert_eq!(again, *ack, "{sent:?}"),
            Err(error) if ["OVERLOADED", "STORAGE_LOW"].contains(&error.reason.as_str()) => {}
            Err(error) => {
                assert!(!is_answer(&error), "{sent:?} was acknowledged, and then: {error}");
                return Err(Gone);
            }
        }
        Ok(())
    }
}

/// First units for everything that can be wanted.
pub async fn stock_up(client: &Client) {
    let hot = (0..HOT).map(|n| (format!("hot {n}"), 200_000));
    let spread = (0..SPREAD).step_by(4).map(|n| (format!("sku {n}"), 60));
    let receipts: Vec<_> = hot.chain(spread).collect();
    for some in receipts.chunks(50) {
        let sent = some.iter().map(|(sku, units)| client.receive_stock(receive(sku, *units)));
        for answer in futures::future::join_all(sent).await {
            answer.unwrap();
        }
    }
}

/// Takes one snapshot after the other until the server is gone; tells whether one was cut off.
pub async fn keep_taking_snapshots(client: Client) -> bool {
    loop {
        let taken = client.take_snapshot(v1::TakeSnapshotRequest {}).await;
        if let Err(error) = taken {
            return !is_answer(&error);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
