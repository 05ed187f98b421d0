//! `AdminService`: the whole server, for whoever runs it.
//!
//! Not here: anything of one tenant.

use tonic::{Request, Response, Status};

use super::convert;
use super::errors::Failure;
use super::gateway::Gateway;
use crate::actors::engine::{DigestError, EntityCount};
use crate::api::admission::{Closed, TurnedAway};
use crate::domain::time::Timestamp;
use crate::proto::v1;
use crate::proto::v1::admin_service_server::AdminService;

/// The service.
pub(super) struct AdminApi {
    gateway: Gateway,
    started: Timestamp,
}

impl AdminApi {
    /// The service of a server that started then.
    pub(super) fn new(gateway: Gateway, started: Timestamp) -> Self {
        Self { gateway, started }
    }

    fn check_recovered(&self) -> Result<(), Failure> {
        match self.gateway.admission().closed() {
            Some(Closed::Recovering) => Err(TurnedAway::Recovering.into()),
            _ => Ok(()),
        }
    }

    async fn statistics(&self) -> Result<v1::GetStatisticsResponse, Failure> {
        let mut statistics = self.gateway.engine().statistics().await?;
        statistics.entities.sort_by_key(|count| (count.kind, count.state));
        let counts = statistics.entities.iter().filter(|count| !is_empty(count));
        Ok(v1::GetStatisticsResponse {
            assigned_position: statistics.assigned.0,
            durable_position: statistics.durable.0,
            entities: counts.map(convert::entity_count).collect(),
            commands_in_flight: self.gateway.admission().in_flight() as u64,
            last_snapshot: statistics.last_snapshot.as_ref().map(convert::snapshot),
            digest: None,
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            archived_entities: statistics.archived,
            start_time: Some(convert::timestamp(self.started)),
        })
    }

    /// The digest, exact since nothing is let in meanwhile.
    async fn digest(&self) -> Result<v1::StateDigest, Failure> {
        let _hold = self.gateway.admission().hold().await?;
        let (position, digest) = self.gateway.engine().digest().await.map_err(of_digest)?;
        Ok(v1::StateDigest { position: position.0, sha256: digest.to_string() })
    }
}

fn of_digest(error: DigestError) -> Failure {
    match error {
        DigestError::Restless => TurnedAway::Overloaded.into(),
        DigestError::Stopped(_) => Failure::Uncertain,
    }
}

fn is_empty(count: &EntityCount) -> bool {
    count.active == 0 && count.passive == 0
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn take_snapshot(
        &self,
        _: Request<v1::TakeSnapshotRequest>,
    ) -> Result<Response<v1::TakeSnapshotResponse>, Status> {
        self.check_recovered()?;
        let taken = self
            .gateway
            .engine()
            .take_snapshot()
            .await
            .map_err(|error| Failure::SnapshotFailed(error.to_string()))?;
        let snapshot = Some(convert::snapshot(&taken));
        Ok(Response::new(v1::TakeSnapshotResponse { snapshot }))
    }

    async fn get_statistics(
        &self,
        request: Request<v1::GetStatisticsRequest>,
    ) -> Result<Response<v1::GetStatisticsResponse>, Status> {
        self.check_recovered()?;
        let mut answer = self.statistics().await?;
        if request.get_ref().include_digest {
            answer.digest = Some(self.digest().await?);
        }
        Ok(Response::new(answer))
    }

    async fn accept_clock(
        &self,
        _: Request<v1::AcceptClockRequest>,
    ) -> Result<Response<v1::AcceptClockResponse>, Status> {
        self.check_recovered()?;
        self.gateway.engine().accept_clock();
        let time = Some(convert::timestamp(self.gateway.engine().now()));
        Ok(Response::new(v1::AcceptClockResponse { time }))
    }
}
