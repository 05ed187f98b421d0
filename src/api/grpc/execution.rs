//! One stream of commands, from its first to its last answer.
//!
//! ```text
//!   messages ──▶ inbox ──read, admit──▶ engine ──┐
//!                  │                             │ durable, by number
//!               invalid, turned away             ▼
//!                  │         given ──settle──▶ outbox ──▶ queue ──▶ transport
//!                  └────────────────────────────▲ ▲
//!                               orders whose end is awaited
//! ```
//!
//! One task drives a stream and costs a command nothing of its own: no task, no channel, no timer.
//! It hands commands to the engine in the order in which they came, so those on one entity are
//! decided in that order; it takes all answers that are there at a time.
//!
//! Invariants: given, awaited and unsent commands together are at most
//! [`Limits::execute_in_flight_max`]; beyond that nothing is read, so the transport holds the client
//! back. What was given to the engine stays admitted until the engine has answered, whether its
//! client reads or has gone; a client that doesn't read keeps nobody else out.
//!
//! Not here: what commands mean, and how answers look.

use std::collections::HashMap;
use std::pin::pin;

use foldhash::fast::FixedState;
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tonic::Status;

use super::Limits;
use super::deadline::Deadline;
use super::errors::{self, Failure};
use super::gateway::{Done, Gateway, Ready, Ticket};
use super::inbox::{Inbox, Readable};
use super::outbox::{Outbox, Settled, Words};
use super::stream_watch::{AwaitedEnd, Look};
use crate::actors::delivery::{Accepted, Answer, Asker, Numbered, NumberedAnswers};
use crate::actors::engine::{CommandError, CommandRequest, Uncertain};
use crate::api::admission::{Admission, Admitted, TurnedAway};
use crate::domain::time::Timestamp;
use crate::proto::v1;

/// The most commands that are taken up before others on the same thread have their turn.
const TURN_COMMANDS_MAX: usize = 256;
/// The most answers that are settled at a time.
const TURN_ANSWERS_MAX: usize = 1_024;

/// Whoever decides commands.
pub(super) trait TakeCommand: Look + Clone {
    /// Has a command decided, and the client told.
    fn take(&self, request: CommandRequest, client: Asker);

    /// Now.
    fn now(&self) -> Timestamp;
}

impl TakeCommand for Gateway {
    fn take(&self, request: CommandRequest, client: Asker) {
        self.engine().send(request, client);
    }

    fn now(&self) -> Timestamp {
        self.engine().now()
    }
}

/// A stream at work.
pub(super) struct Execution<T> {
    taker: T,
    admission: Admission,
    deadline: Option<Deadline>,
    in_flight_max: usize,
    inbox: Inbox,
    /// A place behind somebody's hold on admission.
    line: Option<Line>,
    /// What came of it: leave for the next command, or none for all that is in the inbox.
    leave: Option<Result<Admitted, TurnedAway>>,
    /// The commands that the engine has, by a number of our own: the client's may be anything.
    given: HashMap<u64, Given, FixedState>,
    last_number: u64,
    admitted: Option<Admitted>,
    replies: NumberedAnswers,
    answers: mpsc::UnboundedReceiver<(u64, Option<Answer>)>,
    /// Orders that are created and whose end is awaited.
    awaited: FuturesUnordered<BoxFuture<'static, Settled>>,
    outbox: Outbox,
    /// Whether the client has said all that it will.
    is_read: bool,
    /// What the stream ends with once everything is answered.
    end: Option<Result<(), Status>>,
}

/// A command that the engine has.
struct Given {
    sequence: u64,
    words: Words,
    ticket: Ticket,
    end: Option<AwaitedEnd>,
}

type Line = BoxFuture<'static, Result<Admitted, TurnedAway>>;
type Queue = mpsc::Sender<Result<v1::ExecuteResponse, Status>>;
type Message = Result<v1::ExecuteRequest, Status>;

impl<T: TakeCommand> Execution<T> {
    /// A stream of what comes into this inbox.
    pub fn new(taker: T, admission: Admission, inbox: Inbox, limits: Limits) -> Self {
        let (replies, answers) = mpsc::unbounded_channel();
        Self {
            taker,
            admission,
            deadline: None,
            in_flight_max: limits.execute_in_flight_max,
            inbox,
            line: None,
            leave: None,
            given: HashMap::default(),
            last_number: 0,
            admitted: None,
            replies,
            answers,
            awaited: FuturesUnordered::new(),
            outbox: Outbox::new(limits.message_out_bytes_max),
            is_read: false,
            end: None,
        }
    }

    /// The same, with a deadline after which no more commands are taken.
    pub fn until(self, deadline: Option<Deadline>) -> Self {
        Self { deadline, ..self }
    }

    /// Runs until the last answer is sent, or the client has gone and the engine has nothing of it
    /// any more.
    pub async fn run(mut self, mut requests: impl Stream<Item = Message> + Unpin, queue: Queue) {
        self.serve(&mut requests, &queue).await;
        if let Some(Err(status)) = self.end.take() {
            let status = errors::explained(&status).unwrap_or(status);
            // A client that is gone doesn't want to know.
            let _ = queue.send(Err(status)).await;
        }
        // A place in the line that nobody takes would keep others waiting.
        drop((requests, queue, self.line.take(), self.leave.take()));
        self.see_off().await;
    }

    /// Takes commands and sends answers until all is answered, or the client has gone.
    async fn serve(&mut self, requests: &mut (impl Stream<Item = Message> + Unpin), queue: &Queue) {
        let admission = self.admission.clone();
        let mut stopping = pin!(admission.stopping().fuse());
        let mut answered = Vec::new();
        loop {
            self.take_up();
            if self.end.is_some() && self.is_done() {
                return;
            }
            let (reads, goes_on) = (self.reads(), self.goes_on());
            tokio::select! {
                biased;
                () = queue.closed() => return,
                () = &mut stopping => self.end_with(Err(Failure::from(TurnedAway::Stopping).into())),
                _ = self.answers.recv_many(&mut answered, TURN_ANSWERS_MAX) => {
                    self.settle(answered.drain(..));
                }
                Some(settled) = self.awaited.next() => self.outbox.push(settled),
                Ok(place) = queue.reserve(), if !self.outbox.is_empty() => {
                    place.send(Ok(self.outbox.message()));
                }
                Some(leave) = OptionFuture::from(self.line.as_mut()) => {
                    (self.line, self.leave) = (None, Some(leave));
                }
                message = requests.next(), if reads => self.receive(message),
                () = yield_now(), if goes_on => {}
            }
        }
    }

    /// Waits for what the engine still has, though nobody else does.
    async fn see_off(mut self) {
        let mut answered = Vec::new();
        while !self.given.is_empty() {
            self.answers.recv_many(&mut answered, TURN_ANSWERS_MAX).await;
            self.settle(answered.drain(..));
        }
    }

    /// How many more commands may be taken up.
    fn room(&self) -> usize {
        let in_flight = self.given.len() + self.awaited.len() + self.outbox.len();
        self.in_flight_max.saturating_sub(in_flight)
    }

    fn is_taken_up(&self) -> bool {
        self.inbox.len() == 0
    }

    fn is_done(&self) -> bool {
        self.is_taken_up() && self.room() == self.in_flight_max
    }

    /// Whether there is room for another message.
    fn reads(&self) -> bool {
        !self.is_read && self.is_taken_up() && self.room() > 0
    }

    /// Whether more can be taken up at once, when others have had their turn.
    fn goes_on(&self) -> bool {
        self.line.is_none() && !self.is_taken_up() && self.room() > 0
    }

    fn receive(&mut self, message: Option<Message>) {
        match message {
            Some(Ok(message)) => self.inbox.receive(message),
            last => {
                self.is_read = true;
                self.end_with(last.map_or(Ok(()), |failed| failed.map(drop)));
            }
        }
    }

    /// The first reason to end counts.
    fn end_with(&mut self, end: Result<(), Status>) {
        self.end.get_or_insert(end);
    }

    /// Takes up some of what came, as far as there is room. Where somebody holds admission, that is
    /// to be waited for first.
    fn take_up(&mut self) {
        let some = self.room().min(self.inbox.len());
        if some == 0 || self.line.is_some() {
            return;
        }
        let turn = some.min(TURN_COMMANDS_MAX);
        match self.leave.take() {
            Some(Ok(admitted)) => self.let_in(admitted, 1),
            Some(Err(why)) => self.turn_away(why, some),
            // What fits in a turn fits in a u32.
            None => match self.admission.admit_up_to(turn as u32) {
                Ok(Some(admitted)) => self.let_in(admitted, turn),
                Ok(None) => {
                    let admission = self.admission.clone();
                    self.line = Some(async move { admission.admit().await }.boxed());
                }
                Err(why) => self.turn_away(why, turn),
            },
        }
    }

    /// Gives the next commands to the engine, as many as there is leave for.
    fn let_in(&mut self, mut admitted: Admitted, count: usize) {
        let is_late = self.deadline.is_some_and(Deadline::has_passed);
        let mut unused = admitted.commands();
        for _ in 0..count {
            let Some((sequence, readable)) = self.read_next() else { continue };
            if is_late {
                self.turn_one_away(sequence, readable, Failure::DeadlinePassed);
            } else if unused == 0 {
                self.turn_one_away(sequence, readable, TurnedAway::Overloaded.into());
            } else {
                unused -= 1;
                self.give(sequence, readable);
            }
        }
        admitted.give_back(unused);
        match &mut self.admitted {
            Some(all) => all.merge(admitted),
            none => *none = Some(admitted),
        }
    }

    fn turn_away(&mut self, why: TurnedAway, count: usize) {
        for _ in 0..count {
            let Some((sequence, readable)) = self.read_next() else { continue };
            self.turn_one_away(sequence, readable, why.into());
        }
    }

    fn turn_one_away(&mut self, sequence: u64, readable: Readable, why: Failure) {
        let why = readable.ready.ticket.turned_away(why);
        self.outbox.push(Settled { sequence, result: Err(why) });
    }

    /// Reads the next command. One that can't be read is answered with that.
    fn read_next(&mut self) -> Option<(u64, Readable)> {
        let (sequence, read) = self.inbox.next()?;
        match read {
            Ok(readable) => Some((sequence, readable)),
            Err(failure) => {
                self.outbox.push(Settled { sequence, result: Err(failure) });
                None
            }
        }
    }

    fn give(&mut self, sequence: u64, readable: Readable) {
        let Readable { ready: Ready { request, ticket }, words, end } = readable;
        self.last_number += 1;
        let number = self.last_number;
        self.given.insert(number, Given { sequence, words, ticket, end });
        self.taker.take(request, Asker::Many(Numbered::new(number, self.replies.clone())));
    }

    /// Takes answers in, and gives back the leave of their commands.
    fn settle(&mut self, answers: impl ExactSizeIterator<Item = (u64, Option<Answer>)>) {
        let count = answers.len();
        for (number, answer) in answers {
            if let Some(given) = self.given.remove(&number) {
                let answer = answer.ok_or(Uncertain.into());
                self.settle_one(given, answer.and_then(|it| it.map_err(CommandError::Refused)));
            }
        }
        if let Some(admitted) = &mut self.admitted {
            admitted.give_back(count);
        }
    }

    fn settle_one(&mut self, given: Given, answer: Result<Accepted, CommandError>) {
        let Given { sequence, words, ticket, end } = given;
        let settled = ticket.settle(answer, || self.taker.now());
        match (settled, end) {
            (Ok(done), Some(end)) => {
                let reached = end.reached(self.taker.clone(), done);
                let settled = move |reached: Result<Done, Failure>| Settled {
                    sequence,
                    result: reached.map(|done| (done, words)),
                };
                self.awaited.push(reached.map(settled).boxed());
            }
            (settled, _) => {
                let result = settled.map(|done| (done, words));
                self.outbox.push(Settled { sequence, result });
            }
        }
    }
}

#[cfg(test)]
mod tests;
