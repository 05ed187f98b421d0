//! One arbiter, and so one thread, for each shard.

use std::sync::Arc;

use actix::{Arbiter, System, SystemRunner};

use super::ServerError;
use crate::actors::assembly::{self, Beginning};
use crate::actors::environment::Surroundings;
use crate::actors::topology::Topology;
use crate::archive::Archive;
use crate::recovery::{Unsettled, World};

/// The shards' threads.
pub struct Arbiters {
    arbiters: Vec<Arbiter>,
    /// Arbiters belong to a system; this one has nothing else to do.
    _system: SystemRunner,
}

impl Arbiters {
    /// Starts a shard for each part on a thread of its own, and tells them of each other.
    ///
    /// # Errors
    /// [`ServerError::Threads`].
    pub fn start(
        world: World,
        unsettled: Unsettled,
        surroundings: &Surroundings,
        archive: &Arc<dyn Archive>,
    ) -> Result<(Self, Topology), ServerError> {
        let system = System::new();
        let (spread, parts) = world.into_parts();
        let mut arbiters = Vec::with_capacity(parts.len());
        let mut starting = Vec::with_capacity(parts.len());
        for entities in parts {
            let arbiter = Arbiter::new();
            let (surroundings, archive) = (surroundings.clone(), archive.clone());
            let (started, start) = std::sync::mpsc::channel();
            arbiter.spawn_fn(move || {
                let beginning = Beginning { surroundings, archive, entities };
                // Nobody listens any more only where the start has failed elsewhere.
                let _ = started.send(assembly::start(beginning));
            });
            arbiters.push(arbiter);
            starting.push(start);
        }
        let started = starting
            .into_iter()
            .map(|start| start.recv())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| ServerError::Threads(std::io::Error::other(error)))?;
        let topology = assembly::connect(&started, spread, unsettled);
        Ok((Self { arbiters, _system: system }, topology))
    }

    /// Ends the threads; what their actors still have to do is left.
    pub fn stop(self) {
        for arbiter in self.arbiters {
            arbiter.stop();
            // An arbiter whose thread has panicked has ended the process before.
            let _ = arbiter.join();
        }
    }
}
