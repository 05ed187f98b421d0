//! What clients know and were told, through all lives of the server.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use holdfast::actors::delivery::{ShownClaims, Told};
use holdfast::actors::listing::ReservationQuery;
use holdfast::domain::calendar::{Answer, Question};
use holdfast::domain::ids::*;
use holdfast::domain::name::TenantId;
use rand::Rng;
use rand::rngs::StdRng;

use super::faults::Fault;
use super::time::Gaps;
use crate::model::{Asked, Listed, Page, Reply, Seen};
use crate::sent::{Registry, Sent};
use crate::tally::{Head, Tally};

/// How many of the commands that were answered are kept to be sent again.
const KEPT_MAX: usize = 200;

/// How many of the reservations that were created are kept to be sent commands.
const CREATED_MAX: usize = 8;

/// What a reader was told.
#[derive(Debug)]
pub enum Look {
    Shown {
        key: EntityKey,
        floor: Position,
        told: Told<Seen>,
    },
    Claims {
        key: EntityKey,
        floor: Position,
        page: (Option<ReservationId>, usize),
        told: Told<ShownClaims>,
    },
    Answered {
        key: EntityKey,
        asked: Asked,
        question: Question,
        told: Told<Answer>,
    },
    Resources(Listed<Page, ResourceKey>),
    Reservations(Listed<ReservationQuery, ReservationId>),
}

/// What happened, as one number.
#[derive(Clone, Default)]
pub struct Trace(DefaultHasher);

impl Trace {
    pub fn add(&mut self, what: impl Hash) {
        what.hash(&mut self.0);
    }

    pub fn value(&self) -> u64 {
        self.0.finish()
    }
}

/// What clients share.
#[derive(Default)]
pub struct Scene {
    pub registry: Registry,
    pub tally: Tally,
    pub trace: Trace,
    pub gaps: Gaps,
    /// The highest position that anybody was told.
    pub floor: Position,
    /// What was told in this life, to be checked when its log is read.
    pub replies: Vec<Reply>,
    pub looks: Vec<Look>,
    /// Sent, and not answered as far as its client knows.
    pub unanswered: Vec<Arc<Sent>>,
    answered: Vec<Arc<Sent>>,
    /// The reservations that were created last, as far as their clients know.
    created: VecDeque<EntityKey>,
    /// How many commands there were.
    pub commands: u128,
}

impl Scene {
    pub fn fault(&mut self, fault: Fault) {
        self.tally.count(Head::Faults, fault.name());
    }

    /// Keeps what was told of a command.
    pub fn told(&mut self, reply: Reply) {
        let (outcome, position) = match &reply.answer {
            Ok(accepted) => {
                let is_new = accepted.position > reply.asked.floor;
                ((if is_new { "accepted" } else { "as before" }), accepted.position)
            }
            Err(refused) => ("refused", refused.position),
        };
        self.tally.count(Head::Answers, outcome);
        if let Err(refused) = &reply.answer {
            self.tally.count_rejection(&refused.rejection);
        }
        self.trace.add((&reply.sent.key, reply.sent.request, outcome, position));
        self.trace.add(reply.asked.until);
        self.floor = self.floor.max(position);
        if reply.answer.is_ok() && reply.sent.creates_reservation() {
            self.created.push_front(reply.sent.key.clone());
            self.created.truncate(CREATED_MAX);
        }
        self.replies.push(reply);
    }

    /// A reservation of a tenant that was created not long ago, if there is one.
    pub fn created(&self, tenant: &TenantId, random: &mut StdRng) -> Option<ReservationId> {
        let key = self.created.get(random.random_range(0..CREATED_MAX))?;
        match key.id {
            EntityId::Reservation(id) if key.tenant == *tenant => Some(id),
            _ => None,
        }
    }

    /// A client has its answer and may send the command again all the same.
    pub fn keep(&mut self, sent: Arc<Sent>, random: &mut StdRng) {
        if self.answered.len() < KEPT_MAX {
            self.answered.push(sent);
        } else {
            self.answered[random.random_range(0..KEPT_MAX)] = sent;
        }
    }

    /// Some command that was sent before.
    pub fn known(&mut self, random: &mut StdRng) -> Option<Arc<Sent>> {
        if !self.unanswered.is_empty() && random.random_bool(0.7) {
            let index = random.random_range(0..self.unanswered.len());
            return Some(self.unanswered.swap_remove(index));
        }
        let count = self.answered.len();
        (count > 0).then(|| self.answered[random.random_range(0..count)].clone())
    }
}
