//! Runs the steps of sales orders, one process manager on each arbiter.
//!
//! ```text
//!   order ──RunStep──▶ process manager ──command──▶ reservation
//!     ▲                        │ ▲                       │
//!     └───────report───────────┘ └──────StepDone─────────┘
//! ```
//!
//! It keeps nothing but what is in flight: which step of which order comes next is the order's
//! own record, and after a step that could not be run the order is asked again. A step may be run
//! twice, its command has the same request id each time.
//!
//! Not here: what a step means; that is `domain::process`.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use uuid::Uuid;

use super::delivery::{Delivery, Envelope, Payload, Reply, StepReply};
use super::environment::Environment;
use crate::codec::fingerprint::fingerprint;
use crate::domain::command::{Command, Intent};
use crate::domain::event::Origin;
use crate::domain::ids::{EntityId, EntityKey, SalesOrderId};
use crate::domain::process::{Step, StepResult};
use crate::domain::rejection::Rejection;
use crate::domain::request::Request;
use crate::domain::reservation;
use crate::domain::sales_order::{self, Report};
use crate::telemetry;

/// How long a step waits before it is tried again, and before the pace is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// How many put-off steps are run at once when there is room again.
const STEPS_AT_ONCE: usize = 256;

/// Runs the steps of one arbiter's orders.
pub struct ProcessManager {
    environment: Rc<Environment>,
    /// Steps put off while the journal is behind.
    put_off: VecDeque<RunStep>,
    is_scheduled: bool,
}

/// A step of an order is due.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RunStep {
    /// Whose.
    pub order: EntityKey,
    /// Which.
    pub step: Step,
    /// Who is behind the order; the server itself where a restart takes it up.
    pub origin: Arc<Origin>,
    /// The order's event that made it due.
    pub causation_id: Option<Uuid>,
}

/// A reservation has answered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StepDone {
    /// For which step.
    pub reply: Box<StepReply>,
    /// What it said.
    pub result: Result<(), Rejection>,
}

/// It may be time to run what was put off.
#[derive(Message)]
#[rtype(result = "()")]
struct Resume;

impl ProcessManager {
    /// A process manager without anything to do.
    pub fn new(environment: Rc<Environment>) -> Self {
        Self { environment, put_off: VecDeque::new(), is_scheduled: false }
    }

    fn run(&self, run: RunStep) {
        let EntityId::SalesOrder(order) = run.order.id else { return };
        let RunStep { order: key, step, origin, causation_id } = run;
        match step.command() {
            Some(command) => {
                let reply =
                    Box::new(StepReply { order: key.clone(), step, origin: origin.clone() });
                self.command(&key, order, command, reply, causation_id);
            }
            None => {
                telemetry::step_done();
                self.report(key, step.result(Ok(())), &step, origin);
            }
        }
    }

    fn command(
        &self,
        key: &EntityKey,
        order: SalesOrderId,
        command: reservation::Command,
        reply: Box<StepReply>,
        causation_id: Option<Uuid>,
    ) {
        let command = Command::Reservation(command);
        let id = reply.step.request_id(order);
        let envelope = Envelope {
            request: Request { id, fingerprint: fingerprint(&command) },
            command,
            intent: Intent::Execute,
            expected_version: None,
            issuer: Some(order),
            origin: reply.origin.clone(),
            causation_id,
            reply: Reply::Process(reply),
        };
        let to = EntityKey::reservation(&key.tenant, order.reservation());
        self.environment.send(Delivery { to, payload: Payload::Command(Box::new(envelope)) });
    }

    fn report(&self, order: EntityKey, result: StepResult, step: &Step, origin: Arc<Origin>) {
        match result {
            StepResult::Tell(report) => self.tell(order, report, origin),
            StepResult::Stalled(rejection) => {
                telemetry::order_stalled();
                tracing::error!(%order, step = step.name(), %rejection, "a sales order is stalled");
            }
            StepResult::Retry => {}
        }
    }

    fn tell(&self, order: EntityKey, report: Report, origin: Arc<Origin>) {
        let command = Command::SalesOrder(sales_order::Command::Report(report));
        let payload = Payload::Tell { command, origin, causation_id: None };
        self.environment.send(Delivery { to: order, payload });
    }

    /// Asks the order for its next step after a pause: it may have moved on by then.
    fn ask_again(order: EntityKey, origin: Arc<Origin>, context: &mut Context<Self>) {
        context.run_later(PAUSE, move |process, _| {
            process.environment.send(Delivery { to: order, payload: Payload::GoOn { origin } });
        });
    }

    fn put_off(&mut self, run: RunStep, context: &mut Context<Self>) {
        self.put_off.push_back(run);
        self.schedule(context);
    }

    fn schedule(&mut self, context: &mut Context<Self>) {
        if !self.is_scheduled && !self.put_off.is_empty() {
            self.is_scheduled = true;
            context.notify_later(Resume, PAUSE);
        }
    }
}

impl Actor for ProcessManager {
    type Context = Context<Self>;
}

impl Handler<RunStep> for ProcessManager {
    type Result = ();

    fn handle(&mut self, run: RunStep, context: &mut Self::Context) {
        telemetry::step_due();
        if self.environment.is_busy() || !self.put_off.is_empty() {
            return self.put_off(run, context);
        }
        self.run(run);
    }
}

impl Handler<StepDone> for ProcessManager {
    type Result = ();

    fn handle(&mut self, done: StepDone, context: &mut Self::Context) {
        telemetry::step_done();
        let StepReply { order, step, origin } = *done.reply;
        match step.result(done.result) {
            StepResult::Retry => {
                telemetry::step_retried();
                Self::ask_again(order, origin, context);
            }
            result => self.report(order, result, &step, origin),
        }
    }
}

impl Handler<Resume> for ProcessManager {
    type Result = ();

    fn handle(&mut self, _: Resume, context: &mut Self::Context) {
        self.is_scheduled = false;
        let mut steps_left = STEPS_AT_ONCE;
        while steps_left > 0
            && !self.environment.is_busy()
            && let Some(run) = self.put_off.pop_front()
        {
            self.run(run);
            steps_left -= 1;
        }
        self.schedule(context);
    }
}
