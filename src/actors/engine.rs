//! Stand-in with the engine's signatures.
#![allow(missing_docs, unused_variables, clippy::unimplemented)]
use super::delivery::*;
use crate::codec::digest::Digest;
use crate::domain::command::Command;
use crate::domain::event::Origin;
use crate::domain::ids::*;
use crate::domain::name::TenantId;
use crate::domain::reservation;
use crate::domain::time::Timestamp;
use crate::journal::LogReader;
use crate::snapshot::store::SnapshotInfo;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Clone)]
pub struct Engine {}
pub struct CommandRequest {
    pub key: EntityKey,
    pub command: Command,
    pub request_id: RequestId,
    pub expected_version: Option<Version>,
    pub origin: Arc<Origin>,
}
#[derive(Debug)]
pub enum CommandError {
    Refused(Refused),
    Uncertain,
}
#[derive(Debug)]
pub struct Uncertain;
pub struct ListReservations {
    pub states: Vec<reservation::State>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub after: Option<(Timestamp, ReservationId)>,
    pub count: usize,
}
pub struct EntityCount {
    pub kind: EntityKind,
    pub state: &'static str,
    pub active: u64,
    pub passive: u64,
    pub archived: u64,
}
pub struct Statistics {
    pub assigned: Position,
    pub durable: Position,
    pub entities: Vec<EntityCount>,
    pub last_snapshot: Option<SnapshotInfo>,
}
impl Engine {
    pub async fn command(&self, request: CommandRequest) -> Result<Accepted, CommandError> {
        unimplemented!()
    }
    pub async fn show(&self, key: EntityKey) -> Result<Told<Shown>, Uncertain> {
        unimplemented!()
    }
    pub async fn claims(
        &self,
        key: EntityKey,
        after: Option<ReservationId>,
        count: usize,
    ) -> Result<Told<ShownClaims>, Uncertain> {
        unimplemented!()
    }
    pub async fn list_stock_balances(
        &self,
        tenant: &TenantId,
        after: Option<StockKey>,
        count: usize,
    ) -> Result<Vec<(StockKey, Shown)>, Uncertain> {
        unimplemented!()
    }
    pub async fn list_reservations(
        &self,
        tenant: &TenantId,
        query: ListReservations,
    ) -> Result<Vec<(ReservationId, Shown)>, Uncertain> {
        unimplemented!()
    }
    pub async fn take_snapshot(&self) -> Result<SnapshotInfo, String> {
        unimplemented!()
    }
    pub async fn statistics(&self) -> Result<Statistics, Uncertain> {
        unimplemented!()
    }
    /// Exact only while no command is admitted: the caller closes admission first.
    pub async fn digest(&self) -> Result<(Position, Digest), Uncertain> {
        unimplemented!()
    }
    pub fn accept_clock(&self) {}
    pub fn log_id(&self) -> Uuid {
        unimplemented!()
    }
    pub fn now(&self) -> Timestamp {
        unimplemented!()
    }
    pub fn log_reader(&self) -> Arc<dyn LogReader> {
        unimplemented!()
    }
}
