//! What travels between the edge, the shards and the entities.
//!
//! What reaches an entity is a [`Payload`]; on its way there it is a [`Delivery`].

use std::sync::Arc;

use actix::Message;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::domain::calendar::{self, Question};
use crate::domain::claim::Wish;
use crate::domain::command::{Command, Intent};
use crate::domain::event::Origin;
use crate::domain::ids::{EntityKey, Position, ReservationId, SalesOrderId, Version};
use crate::domain::process::Step;
use crate::domain::rejection::Rejection;
use crate::domain::request::Request;
use crate::domain::view::View;

/// Something for one entity.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Delivery {
    /// For whom.
    pub to: EntityKey,
    /// What.
    pub payload: Payload,
}

/// What an entity can be given.
#[derive(Message)]
#[rtype(result = "()")]
pub enum Payload {
    /// A command of a client or of the order process: checked, remembered and answered.
    Command(Box<Envelope>),
    /// A command of another entity, or of the clock.
    Tell {
        /// What is said.
        command: Command,
        /// Who was behind it at first.
        origin: Arc<Origin>,
        /// The event that caused it, if one did.
        causation_id: Option<Uuid>,
    },
    /// A reader wants to know how it is.
    Show(oneshot::Sender<Told<Shown>>),
    /// A reader wants to know the claims on it.
    ShowClaims {
        /// Only those of reservations after this one.
        after: Option<ReservationId>,
        /// So many at the most.
        count: usize,
        /// Where they go.
        reply: oneshot::Sender<Told<ShownClaims>>,
    },
    /// A reader asks a calendar something.
    Ask {
        /// What.
        question: Box<Question>,
        /// Where the answer goes.
        reply: oneshot::Sender<Told<calendar::Answer>>,
    },
    /// The order process is to take up an order where it stands: after a start, or after a step
    /// that could not be run.
    GoOn {
        /// Who is behind the order.
        origin: Arc<Origin>,
    },
}

/// A command that wants an answer.
pub struct Envelope {
    /// What is commanded.
    pub command: Command,
    /// How it identifies itself.
    pub request: Request,
    /// Whether it is to take effect.
    pub intent: Intent,
    /// The version that it is meant for.
    pub expected_version: Option<Version>,
    /// The sales order on whose behalf it comes.
    pub issuer: Option<SalesOrderId>,
    /// Who is behind it.
    pub origin: Arc<Origin>,
    /// The event that caused it, if one did.
    pub causation_id: Option<Uuid>,
    /// Who wants to know.
    pub reply: Reply,
}

/// Who is told what became of a command.
pub enum Reply {
    /// A client: once it is durable.
    Client(Asker),
    /// The order process: at once, as it only acts within the log.
    Process(Box<StepReply>),
    /// Nobody: whoever asked did so before a crash.
    Nobody,
}

/// What became of a command.
pub type Answer = Result<Accepted, Refused>;

/// A client that waits for an answer. Where this is dropped, it hears that there will be none.
pub enum Asker {
    /// For this one.
    One(oneshot::Sender<Answer>),
    /// For one of many.
    Many(Numbered),
}

/// One of many commands that a client has under way, which it tells apart by number.
pub struct Numbered {
    number: u64,
    /// None once the answer was told.
    answers: Option<NumberedAnswers>,
}

/// Where the answers of many commands go, each with its command's number; none where there will be
/// no answer.
///
/// The channel has no bound of its own: who waits here never has more commands under way than it has
/// room for answers.
pub type NumberedAnswers = mpsc::UnboundedSender<(u64, Option<Answer>)>;

impl Asker {
    /// Tells the answer. A client that is gone doesn't want to know.
    pub fn tell(self, answer: Answer) {
        match self {
            Self::One(reply) => drop(reply.send(answer)),
            Self::Many(mut numbered) => numbered.tell(Some(answer)),
        }
    }
}

impl Numbered {
    /// The command of this number.
    pub fn new(number: u64, answers: NumberedAnswers) -> Self {
        Self { number, answers: Some(answers) }
    }

    fn tell(&mut self, answer: Option<Answer>) {
        if let Some(answers) = self.answers.take() {
            drop(answers.send((self.number, answer)));
        }
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.tell(None);
    }
}

/// The step that a command was run for.
pub struct StepReply {
    /// Whose step.
    pub order: EntityKey,
    /// Which.
    pub step: Step,
    /// Who is behind the order.
    pub origin: Arc<Origin>,
}

/// An entity as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its version; 0 where there is none.
    pub version: Version,
    /// The position of its last event.
    pub position: Position,
    /// What it is.
    pub view: View,
}

/// An answer to a reader, with the log's position at which it was true.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<T> {
    /// The answer.
    pub answer: T,
    /// When it was true.
    pub position: Position,
}

/// Claims on a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownClaims {
    /// The resource's version; 0 where there is none.
    pub version: Version,
    /// The claims, by reservation.
    pub claims: Vec<Wish>,
}

/// A command took effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The entity's version when it did.
    pub version: Version,
    /// The log's position when it did.
    pub position: Position,
    /// The entity as it is now.
    pub now: Shown,
}

/// A command was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Why.
    pub rejection: Rejection,
    /// The log's position when it was.
    pub position: Position,
}
