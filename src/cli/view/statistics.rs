//! Snapshots and statistics.

use std::fmt;

use serde::Serialize;

use super::{bare, field, moment};
use crate::proto::v1;

/// A snapshot.
#[derive(Debug, Serialize)]
pub struct Snapshot {
    /// What it was taken at.
    pub position: u64,
    /// What the log must reach for it to count.
    pub barrier_position: u64,
    /// When it was finished.
    pub time: Option<String>,
    /// The size of its file.
    pub size_bytes: u64,
}

impl From<v1::Snapshot> for Snapshot {
    fn from(snapshot: v1::Snapshot) -> Self {
        Self {
            position: snapshot.position,
            barrier_position: snapshot.barrier_position,
            time: moment(snapshot.time),
            size_bytes: snapshot.size_bytes,
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.as_deref().unwrap_or("an unknown time");
        write!(f, "position {}, {} bytes, {time}", self.position, self.size_bytes)
    }
}

/// How a server is doing.
#[derive(Debug, Serialize)]
pub struct Statistics {
    /// The last position given to an event.
    pub assigned_position: u64,
    /// The last position on disk.
    pub durable_position: u64,
    /// Entities by kind and state.
    pub entities: Vec<EntityCount>,
    /// Commands let in and not answered.
    pub commands_in_flight: u64,
    /// The last snapshot.
    pub last_snapshot: Option<Snapshot>,
    /// The state's digest, where it was asked for.
    pub state_sha256: Option<String>,
    /// The position of the digest.
    pub state_position: Option<u64>,
    /// The server's version.
    pub server_version: String,
    /// When it started.
    pub start_time: Option<String>,
    /// Finished entities that are on disk and no longer in memory.
    pub archived_entities: u64,
}

/// Entities of one kind in one state.
#[derive(Debug, Serialize)]
pub struct EntityCount {
    /// The kind.
    pub kind: String,
    /// The state; empty for a kind without states.
    pub state: String,
    /// With an actor.
    pub active: u64,
    /// In memory as a record.
    pub passive: u64,
}

impl From<v1::EntityCount> for EntityCount {
    fn from(count: v1::EntityCount) -> Self {
        Self {
            kind: bare(count.kind().as_str_name(), "ENTITY_KIND_").to_lowercase(),
            state: count.state,
            active: count.active,
            passive: count.passive,
        }
    }
}

impl From<v1::GetStatisticsResponse> for Statistics {
    fn from(statistics: v1::GetStatisticsResponse) -> Self {
        let (state_sha256, state_position) =
            statistics.digest.map(|digest| (digest.sha256, digest.position)).unzip();
        Self {
            assigned_position: statistics.assigned_position,
            durable_position: statistics.durable_position,
            entities: statistics.entities.into_iter().map(EntityCount::from).collect(),
            commands_in_flight: statistics.commands_in_flight,
            last_snapshot: statistics.last_snapshot.map(Snapshot::from),
            state_sha256,
            state_position,
            server_version: statistics.server_version,
            start_time: moment(statistics.start_time),
            archived_entities: statistics.archived_entities,
        }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { durable_position, assigned_position, .. } = self;
        write!(f, "holdfast {}", self.server_version)?;
        field(f, "started", self.start_time.as_deref().unwrap_or_default())?;
        field(
            f,
            "log",
            &format!("{assigned_position} events, {durable_position} of them on disk"),
        )?;
        field(f, "in flight", &self.commands_in_flight.to_string())?;
        field(f, "archived", &format!("{} finished entities", self.archived_entities))?;
        let snapshot =
            self.last_snapshot.as_ref().map_or("none yet".to_owned(), Snapshot::to_string);
        field(f, "snapshot", &snapshot)?;
        if let (Some(sha256), Some(position)) = (&self.state_sha256, self.state_position) {
            field(f, "state", &format!("{sha256} at position {position}"))?;
        }
        if !self.entities.is_empty() {
            let [active, passive] = ["active", "passive"];
            write!(f, "\n\n  {:<28}{active:>12}{passive:>12}", "entities")?;
        }
        for count in &self.entities {
            let EntityCount { kind, state, active, passive } = count;
            let name = format!("{} {state}", kind.replace('_', " "));
            write!(f, "\n  {name:<28}{active:>12}{passive:>12}")?;
        }
        Ok(())
    }
}
