//! The whole engine, as the edge sees it.
//!
//! Every question and every command is a message to a shard; the answer comes back through the
//! journal when all that it could know of is durable.
//!
//! Not here: admission, validation, and the wire.

use std::sync::Arc;

use actix::{Message, dev::ToEnvelope};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::delivery::{
    Accepted, Asker, Delivery, Envelope, Payload, Refused, Reply, Shown, ShownClaims, Told,
};
use super::keeper;
use super::listing::{Count, ReservationQuery};
use super::shard::{CountEntities, ListCalendars, ListReservations, ListStock, Shard};
use super::topology::Topology;
use crate::archive::Archive;
use crate::clock::Clock;
use crate::codec::fingerprint::fingerprint;
use crate::domain::calendar::{self, Question};
use crate::domain::command::{Command, Intent};
use crate::domain::event::Origin;
use crate::domain::ids::{
    EntityKey, EntityKind, Position, RequestId, ReservationId, ResourceKey, StockKey, Version,
};
use crate::domain::name::{CalendarId, TenantId};
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::journal::Journal;
use crate::snapshot::SnapshotInfo;

/// The way into the engine, for any thread.
#[derive(Clone)]
pub struct Engine {
    parts: Arc<Parts>,
}

/// What an engine is put together from.
pub struct Parts {
    /// The way to every entity.
    pub topology: Topology,
    /// The way to the log.
    pub journal: Journal,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The finished entities.
    pub archive: Arc<dyn Archive>,
    /// The log's own id.
    pub log_id: Uuid,
    /// Where snapshots and digests are asked for.
    pub keeper: mpsc::Sender<keeper::Request>,
    /// The last snapshot.
    pub last_snapshot: watch::Receiver<Option<SnapshotInfo>>,
}

/// A client's command.
pub struct CommandRequest {
    /// To which entity.
    pub key: EntityKey,
    /// What.
    pub command: Command,
    /// Whether it is to take effect.
    pub intent: Intent,
    /// What the client calls it.
    pub request_id: RequestId,
    /// The version that it is meant for.
    pub expected_version: Option<Version>,
    /// Who is behind it.
    pub origin: Arc<Origin>,
}

/// Why a command was not answered with what it did.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It was refused.
    #[error("{}", .0.rejection)]
    Refused(Refused),
    /// Perhaps it was executed: the engine stopped before it could say.
    #[error(transparent)]
    Uncertain(#[from] Uncertain),
}

/// The engine stopped before it could answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server stopped before it could answer; send the same request id again")]
pub struct Uncertain;

/// Why there is no snapshot.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TakeSnapshotError {
    /// It couldn't be taken.
    #[error("the snapshot could not be taken: {0}")]
    Failed(String),
    /// The engine has stopped.
    #[error(transparent)]
    Stopped(#[from] Uncertain),
}

/// Why there is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Entities kept changing.
    #[error("entities kept changing while the digest was made; ask again when there is less to do")]
    Restless,
    /// The engine has stopped.
    #[error(transparent)]
    Stopped(#[from] Uncertain),
}

/// How many entities of one kind are in one state, in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityCount {
    /// The kind.
    pub kind: EntityKind,
    /// The state's name.
    pub state: &'static str,
    /// Those that have an actor.
    pub active: u64,
    /// Those that are a record alone.
    pub passive: u64,
}

/// How the engine is doing.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// The last position that was given.
    pub assigned: Position,
    /// The last position that is durable.
    pub durable: Position,
    /// Entities in memory by kind and state.
    pub entities: Vec<EntityCount>,
    /// Entities in the archive.
    pub archived: u64,
    /// The last snapshot.
    pub last_snapshot: Option<SnapshotInfo>,
}

impl Engine {
    /// Puts an engine together.
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Has a command decided, and answers when that is durable.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn command(&self, request: CommandRequest) -> Result<Accepted, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.send(request, Asker::One(reply));
        match answer.await {
            Ok(Ok(accepted)) => Ok(accepted),
            Ok(Err(refused)) => Err(CommandError::Refused(refused)),
            Err(_) => Err(Uncertain.into()),
        }
    }

    /// Has a command decided, and the client told when that is durable. Commands that one thread
    /// sends to one entity are decided in that order. Where the engine stops before, the client hears
    /// that there will be no answer.
    pub fn send(&self, request: CommandRequest, client: Asker) {
        let CommandRequest { key, command, intent, request_id, expected_version, origin } = request;
        let envelope = Envelope {
            request: Request { id: request_id, fingerprint: fingerprint(&command) },
            command,
            intent,
            expected_version,
            issuer: None,
            origin,
            causation_id: None,
            reply: Reply::Client(client),
        };
        let payload = Payload::Command(Box::new(envelope));
        self.parts.topology.send(Delivery { to: key, payload });
    }

    /// How an entity is.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn show(&self, key: EntityKey) -> Result<Told<Shown>, Uncertain> {
        self.send_show(key).await.map_err(|_| Uncertain)
    }

    fn send_show(&self, key: EntityKey) -> oneshot::Receiver<Told<Shown>> {
        let (reply, answer) = oneshot::channel();
        self.parts.topology.send(Delivery { to: key, payload: Payload::Show(reply) });
        answer
    }

    /// The claims on a resource, after one reservation's.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn claims(
        &self,
        key: EntityKey,
        after: Option<ReservationId>,
        count: usize,
    ) -> Result<Told<ShownClaims>, Uncertain> {
        let (reply, answer) = oneshot::channel();
        let payload = Payload::ShowClaims { after, count, reply };
        self.parts.topology.send(Delivery { to: key, payload });
        answer.await.map_err(|_| Uncertain)
    }

    /// What a calendar answers.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn ask(
        &self,
        key: EntityKey,
        question: Question,
    ) -> Result<Told<calendar::Answer>, Uncertain> {
        let (reply, answer) = oneshot::channel();
        let payload = Payload::Ask { question: Box::new(question), reply };
        self.parts.topology.send(Delivery { to: key, payload });
        answer.await.map_err(|_| Uncertain)
    }

    /// A tenant's stock balances after one, by SKU and location.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn list_stock_balances(
        &self,
        tenant: &TenantId,
        after: Option<StockKey>,
        count: usize,
    ) -> Result<Vec<(StockKey, Shown)>, Uncertain> {
        let ask = |reply| {
            let (tenant, after) = (tenant.clone(), after.clone());
            ListStock { tenant, after, count, reply }
        };
        let keys = self.gather(ask, count).await?;
        let entity = |key: &StockKey| EntityKey::resource(tenant, ResourceKey::Stock(key.clone()));
        self.show_all(keys, entity).await
    }

    /// A tenant's calendars after one, by id.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn list_calendars(
        &self,
        tenant: &TenantId,
        after: Option<CalendarId>,
        count: usize,
    ) -> Result<Vec<(CalendarId, Shown)>, Uncertain> {
        let ask = |reply| {
            let (tenant, after) = (tenant.clone(), after.clone());
            ListCalendars { tenant, after, count, reply }
        };
        let ids = self.gather(ask, count).await?;
        let entity =
            |id: &CalendarId| EntityKey::resource(tenant, ResourceKey::Calendar(id.clone()));
        self.show_all(ids, entity).await
    }

    /// A tenant's open reservations, oldest first. One that has changed since it was listed is
    /// shown as it is.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn list_reservations(
        &self,
        tenant: &TenantId,
        query: ReservationQuery,
    ) -> Result<Vec<(ReservationId, Shown)>, Uncertain> {
        let count = query.count;
        let ask = |reply| {
            let (tenant, query) = (tenant.clone(), query.clone());
            ListReservations { tenant, query, reply }
        };
        let ages = self.gather(ask, count).await?;
        let ids = ages.into_iter().map(|(_, id)| id).collect();
        self.show_all(ids, |id: &ReservationId| EntityKey::reservation(tenant, *id)).await
    }

    /// Asks every shard for a sorted list and merges them.
    async fn gather<M, T: Ord>(
        &self,
        ask: impl Fn(oneshot::Sender<Vec<T>>) -> M,
        count: usize,
    ) -> Result<Vec<T>, Uncertain>
    where
        M: Message<Result = ()> + Send + 'static,
        Shard: actix::Handler<M>,
        actix::Context<Shard>: ToEnvelope<Shard, M>,
    {
        let mut all = self.ask_all(ask).await?.into_iter().flatten().collect::<Vec<_>>();
        all.sort_unstable();
        all.truncate(count);
        Ok(all)
    }

    async fn ask_all<M, T>(
        &self,
        ask: impl Fn(oneshot::Sender<T>) -> M,
    ) -> Result<Vec<T>, Uncertain>
    where
        M: Message<Result = ()> + Send + 'static,
        Shard: actix::Handler<M>,
        actix::Context<Shard>: ToEnvelope<Shard, M>,
    {
        let mut answers = Vec::new();
        for shard in self.parts.topology.shards() {
            let (reply, answer) = oneshot::channel();
            shard.do_send(ask(reply));
            answers.push(answer);
        }
        let mut told = Vec::new();
        for answer in answers {
            told.push(answer.await.map_err(|_| Uncertain)?);
        }
        Ok(told)
    }

    async fn show_all<K>(
        &self,
        keys: Vec<K>,
        entity: impl Fn(&K) -> EntityKey,
    ) -> Result<Vec<(K, Shown)>, Uncertain> {
        if keys.is_empty() {
            // No entity's answer waits for what has left the list.
            self.barrier().await?;
        }
        let asked: Vec<_> =
            keys.into_iter().map(|key| (self.send_show(entity(&key)), key)).collect();
        let mut shown = Vec::with_capacity(asked.len());
        for (answer, key) in asked {
            shown.push((key, answer.await.map_err(|_| Uncertain)?.answer));
        }
        Ok(shown)
    }

    /// Waits until all that was decided before now is durable.
    async fn barrier(&self) -> Result<(), Uncertain> {
        let (reply, durable) = oneshot::channel();
        let release = Box::new(move |_| {
            let _ = reply.send(());
        });
        self.parts.journal.append(Vec::new(), Some(release));
        durable.await.map_err(|_| Uncertain)
    }

    /// Takes a snapshot now.
    ///
    /// # Errors
    /// [`TakeSnapshotError`].
    pub async fn take_snapshot(&self) -> Result<SnapshotInfo, TakeSnapshotError> {
        let (reply, answer) = oneshot::channel();
        let request = keeper::Request::Snapshot { reply };
        self.parts.keeper.send(request).await.map_err(|_| Uncertain)?;
        answer.await.map_err(|_| Uncertain)?.map_err(TakeSnapshotError::Failed)
    }

    /// How the engine is doing.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn statistics(&self) -> Result<Statistics, Uncertain> {
        Ok(Statistics {
            entities: self.entities().await?,
            assigned: self.parts.journal.assigned(),
            durable: self.parts.journal.durable(),
            archived: self.parts.archive.digest().1,
            last_snapshot: self.last_snapshot(),
        })
    }

    /// How many entities are in memory, by kind and state.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn entities(&self) -> Result<Vec<EntityCount>, Uncertain> {
        let mut counts = std::collections::BTreeMap::<_, Count>::new();
        for (kind, state, count) in
            self.ask_all(|reply| CountEntities { reply }).await?.into_iter().flatten()
        {
            let sum = counts.entry((kind, state)).or_default();
            sum.total += count.total;
            sum.active += count.active;
        }
        let count = |((kind, state), Count { total, active })| EntityCount {
            kind,
            state,
            active,
            passive: total - active,
        };
        Ok(counts.into_iter().map(count).collect())
    }

    /// The last snapshot.
    pub fn last_snapshot(&self) -> Option<SnapshotInfo> {
        *self.parts.last_snapshot.borrow()
    }

    /// Waits for a turn in which a digest can be made. Whoever has it lets no command in until the
    /// digest is made, so that what the server does by itself comes to rest.
    ///
    /// # Errors
    /// [`Uncertain`].
    pub async fn digest_turn(&self) -> Result<keeper::DigestTurn, Uncertain> {
        let (turn, given) = oneshot::channel();
        let request = keeper::Request::Digest { turn };
        self.parts.keeper.send(request).await.map_err(|_| Uncertain)?;
        given.await.map_err(|_| Uncertain)
    }

    /// How many messages to entities no shard has taken up yet.
    pub fn messages_waiting(&self) -> u64 {
        self.parts.topology.waiting()
    }

    /// An operator says that the time is right.
    pub fn accept_clock(&self) {
        self.parts.clock.accept();
    }

    /// The log's own id.
    pub fn log_id(&self) -> Uuid {
        self.parts.log_id
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// The clock that tells it.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The way to the log.
    pub fn journal(&self) -> &Journal {
        &self.parts.journal
    }
}
