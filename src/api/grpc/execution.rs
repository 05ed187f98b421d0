//! One stream of commands, from its first to its last answer.
//!
//! ```text
//!   messages ──▶ pending ──read, admit──▶ engine ──┐
//!                   │                              │ durable, by number
//!                invalid, turned away              ▼
//!                   │          given ──settle──▶ outbox ──▶ queue ──▶ transport
//!                   └────────────────────────────▲ ▲
//!                                orders whose end is awaited
//! ```
//!
//! One task drives a stream and costs a command nothing of its own: no task, no channel, no timer.
//! It hands commands to the engine in the order in which they came, so those on one entity are
//! decided in that order; it takes all answers that are there at a time.
//!
//! Invariants: given, awaited and unsent commands together are at most
//! [`Bounds::in_flight_max`]; beyond that nothing is read, so the transport holds the client back.
//! What was given to the engine stays admitted until the engine has answered, whether its client
//! reads or has gone; a client that doesn't read keeps nobody else out.
//!
//! Not here: what commands mean, and how answers look.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::FixedState;
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tonic::Status;

use super::caller::Caller;
use super::deadline::Deadline;
use super::errors::{self, Failure};
use super::gateway::{Done, Gateway, Ready, Ticket};
use super::outbox::{Outbox, Settled, Words};
use super::stream_watch::{AwaitedEnd, Look, StreamWatch};
use super::validate::{Fields, ReadCommand};
use crate::actors::delivery::{Accepted, Answer, Client};
use crate::actors::engine::{CommandError, CommandRequest, Uncertain};
use crate::api::admission::{Admission, Admitted, TurnedAway};
use crate::domain::time::Timestamp;
use crate::proto::v1;
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command;

/// The most commands that are taken up before others on the same thread have their turn.
const TURN_COMMANDS_MAX: usize = 256;
/// The most answers that are settled at a time.
const TURN_ANSWERS_MAX: usize = 1_024;

/// How much of a stream is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Commands that have no answer, or one that the transport hasn't taken.
    pub in_flight_max: usize,
    /// The largest message of answers.
    pub message_bytes_max: usize,
}

/// Whoever decides commands.
pub(super) trait TakeCommand: Look + Clone {
    /// Has a command decided, and the client told.
    fn take(&self, request: CommandRequest, client: Client);

    /// Now.
    fn now(&self) -> Timestamp;
}

impl TakeCommand for Gateway {
    fn take(&self, request: CommandRequest, client: Client) {
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
    watch: Arc<dyn StreamWatch>,
    caller: Caller,
    deadline: Option<Deadline>,
    bounds: Bounds,
    /// What came in the last message and isn't taken up yet, and when it came.
    pending: std::vec::IntoIter<v1::SequencedCommand>,
    came: Instant,
    /// Leave for the next command, or none for all pending ones: what was waited for.
    leave: Option<Result<Admitted, TurnedAway>>,
    /// The commands that the engine has, by a number of our own: the client's may be anything.
    given: HashMap<u64, Given, FixedState>,
    last_number: u64,
    admitted: Option<Admitted>,
    /// Orders that are created and whose end is awaited.
    awaited: FuturesUnordered<BoxFuture<'static, Settled>>,
    outbox: Outbox,
}

/// A command that the engine has.
struct Given {
    sequence: u64,
    words: Words,
    ticket: Ticket,
    end: Option<AwaitedEnd>,
}

/// A command that could be read.
struct Readable {
    ready: Ready,
    words: Words,
    end: Option<AwaitedEnd>,
}

/// Where the engine's answers come in, by number. Without a bound of its own: no more come than
/// commands were given.
type Replies = mpsc::UnboundedSender<(u64, Answer)>;
/// The end of somebody's hold on admission.
type Waiting = BoxFuture<'static, Result<Admitted, TurnedAway>>;

impl<T: TakeCommand> Execution<T> {
    /// A stream of this caller.
    pub fn new(
        taker: T,
        admission: Admission,
        watch: Arc<dyn StreamWatch>,
        caller: Caller,
        bounds: Bounds,
    ) -> Self {
        Self {
            taker,
            admission,
            watch,
            caller,
            deadline: None,
            bounds,
            pending: Vec::new().into_iter(),
            came: Instant::now(),
            leave: None,
            given: HashMap::default(),
            last_number: 0,
            admitted: None,
            awaited: FuturesUnordered::new(),
            outbox: Outbox::new(bounds.message_bytes_max),
        }
    }

    /// The same, with a deadline after which no more commands are taken.
    pub fn until(self, deadline: Option<Deadline>) -> Self {
        Self { deadline, ..self }
    }

    /// Runs until the last answer is sent, or the client has gone and the engine has nothing of it
    /// any more.
    pub async fn run(
        mut self,
        mut requests: impl Stream<Item = Result<v1::ExecuteRequest, Status>> + Unpin,
        queue: mpsc::Sender<Result<v1::ExecuteResponse, Status>>,
    ) {
        let (sender, mut answers) = mpsc::unbounded_channel();
        // Gone once nothing will be given any more: then the channel ends where the engine does.
        let mut replies = Some(sender);
        let mut answered = Vec::new();
        let admission = self.admission.clone();
        let mut stopping = pin!(admission.stopping().fuse());
        let mut waiting = None;
        let mut is_read = false;
        // What the stream ends with once everything is answered.
        let mut end = None;
        loop {
            if waiting.is_none() {
                waiting = self.take_up(replies.as_ref());
            }
            if end.is_some() && self.is_done() {
                break;
            }
            let has_room = self.room() > 0;
            let is_taken_up = self.pending.len() == 0;
            let reads = !is_read && is_taken_up && has_room;
            let goes_on = waiting.is_none() && !is_taken_up && has_room;
            tokio::select! {
                biased;
                () = queue.closed() => break,
                () = &mut stopping => {
                    replies = None;
                    end.get_or_insert(Err(Failure::from(TurnedAway::Stopping).into()));
                }
                _ = answers.recv_many(&mut answered, TURN_ANSWERS_MAX), if !self.given.is_empty() => {
                    self.settle(answered.drain(..));
                }
                Some(settled) = self.awaited.next() => self.outbox.push(settled),
                Ok(place) = queue.reserve(), if !self.outbox.is_empty() => {
                    place.send(Ok(self.outbox.message()));
                }
                Some(leave) = OptionFuture::from(waiting.as_mut()) => {
                    waiting = None;
                    self.leave = Some(leave);
                }
                message = requests.next(), if reads => match message {
                    Some(Ok(message)) => self.receive(message),
                    last => {
                        is_read = true;
                        replies = None;
                        end.get_or_insert(last.map_or(Ok(()), |failed| failed.map(drop)));
                    }
                },
                () = yield_now(), if goes_on => {}
            }
        }
        if let Some(Err(status)) = end {
            let status = errors::explained(&status).unwrap_or(status);
            // A client that is gone doesn't want to know.
            let _ = queue.send(Err(status)).await;
        }
        // A place in the line behind a hold that nobody takes would keep others waiting.
        drop((requests, queue, replies, waiting, self.leave.take()));
        self.see_off(answers).await;
    }

    /// Waits for what the engine still has, though nobody else does.
    async fn see_off(mut self, mut answers: mpsc::UnboundedReceiver<(u64, Answer)>) {
        let mut answered = Vec::new();
        while !self.given.is_empty() {
            answers.recv_many(&mut answered, TURN_ANSWERS_MAX).await;
            self.settle(answered.drain(..));
        }
    }

    /// How many more commands may be taken up.
    fn room(&self) -> usize {
        let in_flight = self.given.len() + self.awaited.len() + self.outbox.len();
        self.bounds.in_flight_max.saturating_sub(in_flight)
    }

    fn is_done(&self) -> bool {
        self.pending.len() == 0 && self.room() == self.bounds.in_flight_max
    }

    fn receive(&mut self, message: v1::ExecuteRequest) {
        self.pending = message.commands.into_iter();
        self.came = Instant::now();
    }

    /// Takes up some of what is pending, as far as there is room. Where somebody holds admission,
    /// that is to be waited for first.
    fn take_up(&mut self, replies: Option<&Replies>) -> Option<Waiting> {
        let some = self.room().min(self.pending.len());
        if some == 0 {
            return None;
        }
        let turn = some.min(TURN_COMMANDS_MAX);
        let (leave, count) = match self.leave.take() {
            Some(Ok(admitted)) => (Ok(admitted), 1),
            Some(Err(why)) => (Err(why), some),
            // What fits in a turn fits in a u32.
            None => match self.admission.admit_up_to(turn as u32) {
                Ok(Some(admitted)) => (Ok(admitted), turn),
                Ok(None) => {
                    let admission = self.admission.clone();
                    return Some(async move { admission.admit().await }.boxed());
                }
                Err(why) => (Err(why), turn),
            },
        };
        match (leave, replies) {
            (Ok(admitted), Some(replies)) => self.let_in(admitted, count, replies),
            (Ok(_), None) => self.turn_away(TurnedAway::Stopping, count),
            (Err(why), _) => self.turn_away(why, count),
        }
        None
    }

    /// Gives the next commands to the engine, as many as there is leave for.
    fn let_in(&mut self, mut admitted: Admitted, count: usize, replies: &Replies) {
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
                self.give(sequence, readable, replies);
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
        let v1::SequencedCommand { sequence, command } = self.pending.next()?;
        let mut fields = Fields::default();
        if sequence == 0 {
            fields.refuse(format_args!("sequence"), "must not be 0");
        }
        let read = match fields.required(format_args!("command"), command) {
            Some(command) => self.read(command, fields),
            None => fields.finish(None),
        };
        match read {
            Ok(readable) => Some((sequence, readable)),
            Err(failure) => {
                self.outbox.push(Settled { sequence, result: Err(failure) });
                None
            }
        }
    }

    fn read(&self, command: Command, fields: Fields) -> Result<Readable, Failure> {
        use Command as C;
        use Outcome as O;
        match command {
            C::ReceiveStock(it) => self.readable(it, fields, |done| O::ReceiveStock(done.into())),
            C::AdjustStock(it) => self.readable(it, fields, |done| O::AdjustStock(done.into())),
            C::CreateReservation(it) => {
                self.readable(it, fields, |done| O::CreateReservation(done.into()))
            }
            C::ConfirmReservation(it) => {
                self.readable(it, fields, |done| O::ConfirmReservation(done.into()))
            }
            C::CommitReservation(it) => {
                self.readable(it, fields, |done| O::CommitReservation(done.into()))
            }
            C::CancelReservation(it) => {
                self.readable(it, fields, |done| O::CancelReservation(done.into()))
            }
            C::ExtendReservation(it) => {
                self.readable(it, fields, |done| O::ExtendReservation(done.into()))
            }
            C::CreateSalesOrder(it) => {
                let wait = it.wait();
                let read = self.readable(it, fields, |done| O::CreateSalesOrder(done.into()))?;
                let end = AwaitedEnd::of(wait, &*self.watch, &read.ready.request.key);
                Ok(Readable { end, ..read })
            }
            C::CancelSalesOrder(it) => {
                self.readable(it, fields, |done| O::CancelSalesOrder(done.into()))
            }
        }
    }

    fn readable<M: ReadCommand>(
        &self,
        message: M,
        fields: Fields,
        words: Words,
    ) -> Result<Readable, Failure> {
        let (caller, came) = (Some(&self.caller), self.came);
        let ready = Ready::read(message, caller, fields, came)?;
        Ok(Readable { ready, words, end: None })
    }

    fn give(&mut self, sequence: u64, readable: Readable, replies: &Replies) {
        let Readable { ready: Ready { request, ticket }, words, end } = readable;
        self.last_number += 1;
        let number = self.last_number;
        self.given.insert(number, Given { sequence, words, ticket, end });
        self.taker.take(request, Client::Many { number, answers: replies.clone() });
    }

    /// Takes answers in, and gives back the leave of their commands. Where there are none though
    /// some are awaited, the engine has ended and will give none.
    fn settle(&mut self, answers: impl ExactSizeIterator<Item = (u64, Answer)>) {
        let (mut count, is_lost) = (answers.len(), answers.len() == 0);
        for (number, answer) in answers {
            if let Some(given) = self.given.remove(&number) {
                self.settle_one(given, answer.map_err(CommandError::Refused));
            }
        }
        if is_lost {
            count = self.given.len();
            for (_, given) in std::mem::take(&mut self.given) {
                self.settle_one(given, Err(Uncertain.into()));
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
