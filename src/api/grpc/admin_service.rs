//! `AdminService`: the whole server, for whoever runs it.
//!
//! Not here: anything of one tenant.

use tonic::{Request, Response, Status};

use super::convert;
use super::errors::Failure;
use super::gateway::Gateway;
use crate::actors::engine::{DigestError, EntityCount};
use crate::api::admission::TurnedAway;
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

    /// The digest, exact since nothing is let in meanwhile. Its turn comes first: while a snapshot
    /// is being taken, nobody needs to wait.
    async fn digest(&self) -> Result<v1::StateDigest, Failure> {
        let turn = self.gateway.engine().digest_turn().await?;
        let _hold = self.gateway.admission().hold().await?;
        let (position, digest) = turn.digest().await.map_err(of_digest)?;
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
        self.gateway.engine().accept_clock();
        let time = Some(convert::timestamp(self.gateway.engine().now()));
        Ok(Response::new(v1::AcceptClockResponse { time }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::actors::Engine;
    use crate::actors::engine::Parts;
    use crate::actors::keeper::{self, DigestTurn};
    use crate::actors::topology::Topology;
    use crate::api::admission::Admission;
    use crate::archive::MemoryArchive;
    use crate::clock::ManualClock;
    use crate::codec::digest::Digest;
    use crate::domain::ids::Position;
    use crate::journal::Journal;
    use crate::recovery::Spread;

    /// An engine without entities, whose keeper is whoever has the other end.
    fn engine() -> (Engine, mpsc::Receiver<keeper::Request>) {
        let (keeper, asked) = mpsc::channel(1);
        let parts = Parts {
            topology: Topology::new(Vec::new(), Vec::new(), Spread::new(0, 0)),
            journal: Journal::new(Position::START),
            clock: Arc::new(ManualClock::at(Timestamp(0))),
            archive: Arc::new(MemoryArchive::new()),
            log_id: uuid::Uuid::nil(),
            keeper,
            last_snapshot: watch::channel(None).1,
        };
        (Engine::new(parts), asked)
    }

    #[tokio::test]
    async fn commands_are_let_in_until_it_is_the_digests_turn_and_after_it() {
        let (engine, mut asked) = engine();
        let gate = Admission::new(Default::default());
        let admin = AdminApi::new(Gateway::new(engine, gate.clone()), Timestamp(0));
        let mut digest = Box::pin(admin.digest());
        assert!(digest.as_mut().now_or_never().is_none());
        assert!(gate.admit_up_to(1).unwrap().is_some(), "the keeper has something else to do");

        let Ok(keeper::Request::Digest { turn: to }) = asked.try_recv() else { panic!() };
        let (turn, mut used) = DigestTurn::new();
        to.send(turn).ok().unwrap();
        assert!(digest.as_mut().now_or_never().is_none());
        assert!(gate.admit_up_to(1).unwrap().is_none(), "the digest is being made");

        used.try_recv().unwrap().send(Some((Position(7), Digest::ZERO))).unwrap();
        assert_eq!(digest.now_or_never().unwrap().unwrap().position, 7);
        assert!(gate.admit_up_to(1).unwrap().is_some());
    }
}
