//! Putting the actors together.
//!
//! The same pieces serve many threads and one: whoever assembles them decides where each shard
//! is started, on an arbiter of its own or all in one place.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr};

use super::delivery::{Delivery, Envelope, Payload, Reply};
use super::environment::{Environment, Surroundings};
use super::process_manager::ProcessManager;
use super::shard::{Begin, Connect, Residents, Shard};
use super::topology::{Mailbox, Topology};
use crate::archive::Archive;
use crate::domain::command::Intent;
use crate::domain::event::Origin;
use crate::recovery::{Begun, Part, Spread, Unsettled};

/// The actors of one arbiter.
#[derive(Clone)]
pub struct Started {
    shard: Addr<Shard>,
    process: Addr<ProcessManager>,
    mailbox: Arc<Mailbox>,
    server: Arc<Origin>,
}

/// What one shard begins with.
pub struct Beginning {
    /// What is the same everywhere.
    pub surroundings: Surroundings,
    /// The finished entities.
    pub archive: Arc<dyn Archive>,
    /// The shard's own.
    pub entities: Part,
}

/// Starts a shard and its process manager where this is called.
pub fn start(beginning: Beginning) -> Started {
    let Beginning { surroundings, archive, entities } = beginning;
    let environment = Rc::new(Environment::new(surroundings));
    let (server, mailbox) = (environment.server.clone(), environment.mailbox.clone());
    let process = ProcessManager::new(environment.clone()).start();
    let shard = Shard::new(Residents::new(environment, archive, entities)).start();
    Started { shard, process, mailbox, server }
}

/// Tells all shards of each other, then sends what a crash left unsettled, before anything else
/// can come.
pub fn connect(started: &[Started], spread: Spread, unsettled: Unsettled) -> Topology {
    let shards = started.iter().map(|started| started.shard.clone()).collect();
    let mailboxes = started.iter().map(|started| started.mailbox.clone()).collect();
    let topology = Topology::new(shards, mailboxes, spread.clone());
    for (here, Started { shard, process, .. }) in started.iter().enumerate() {
        shard.do_send(Connect { topology: topology.clone(), here, process: process.clone() });
    }
    settle(started, &topology, &spread, unsettled);
    for Started { shard, .. } in started {
        shard.do_send(Begin);
    }
    topology
}

fn settle(started: &[Started], topology: &Topology, spread: &Spread, unsettled: Unsettled) {
    for (to, command) in unsettled.claims {
        let origin = started[spread.index(&to)].server.clone();
        topology
            .send(Delivery { to, payload: Payload::Tell { command, origin, causation_id: None } });
    }
    for begun in unsettled.begun {
        let origin = started[spread.index(&begun.entity)].server.clone();
        topology.send(again(begun, origin));
    }
    // By way of the shard, like everything: the process manager may run before the shard has been
    // told of the others.
    for order in unsettled.orders {
        let origin = started[spread.index(&order)].server.clone();
        topology.send(Delivery { to: order, payload: Payload::GoOn { origin } });
    }
}

/// The command that has begun, as it was: so a client that sends it too finds it under way, and it is
/// remembered under its own name.
fn again(begun: Begun, origin: Arc<Origin>) -> Delivery {
    let Begun { entity, command, request } = begun;
    let envelope = Envelope {
        command,
        request,
        intent: Intent::Execute,
        expected_version: None,
        issuer: None,
        origin,
        causation_id: None,
        reply: Reply::Nobody,
    };
    Delivery { to: entity, payload: Payload::Command(Box::new(envelope)) }
}
