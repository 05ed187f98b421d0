//! What came over a stream of commands and isn't taken up yet.
//!
//! A command is read only when its turn comes, so what nobody has room for costs nothing but its
//! message.
//!
//! Not here: when a turn comes, and what becomes of a command.

use std::sync::Arc;
use std::time::Instant;

use super::caller::Caller;
use super::errors::Failure;
use super::gateway::Ready;
use super::outbox::Words;
use super::stream_watch::{AwaitedEnd, StreamWatch};
use super::validate::{Fields, ReadCommand};
use crate::proto::v1;
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command;

/// The commands of the last message.
pub(super) struct Inbox {
    caller: Caller,
    watch: Arc<dyn StreamWatch>,
    commands: std::vec::IntoIter<v1::SequencedCommand>,
    came: Instant,
}

/// A command that could be read.
pub(super) struct Readable {
    /// The command, for the engine.
    pub ready: Ready,
    /// How its answer is said.
    pub words: Words,
    /// What is waited for before that, once it took effect.
    pub end: Option<AwaitedEnd>,
}

impl Inbox {
    /// An empty one, for commands of this caller.
    pub fn new(caller: Caller, watch: Arc<dyn StreamWatch>) -> Self {
        Self { caller, watch, commands: Vec::new().into_iter(), came: Instant::now() }
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Takes in a message. The one before has been taken up.
    pub fn receive(&mut self, message: v1::ExecuteRequest) {
        debug_assert_eq!(self.len(), 0);
        self.commands = message.commands.into_iter();
        self.came = Instant::now();
    }

    /// Takes out the next command: the client's mark on it, and what it is or why it can't be read.
    pub fn next(&mut self) -> Option<(u64, Result<Readable, Failure>)> {
        let v1::SequencedCommand { sequence, command } = self.commands.next()?;
        let mut fields = Fields::default();
        if sequence == 0 {
            fields.refuse(format_args!("sequence"), "must not be 0");
        }
        let read = match fields.required(format_args!("command"), command) {
            Some(command) => self.read(command, fields),
            None => fields.finish(None),
        };
        Some((sequence, read))
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
            C::ChangeReservation(it) => {
                self.readable(it, fields, |done| O::ChangeReservation(done.into()))
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
            C::CreateCalendar(it) => {
                self.readable(it, fields, |done| O::CreateCalendar(done.into()))
            }
            C::UpdateCalendarRules(it) => {
                self.readable(it, fields, |done| O::UpdateCalendarRules(done.into()))
            }
            C::SetCapacity(it) => self.readable(it, fields, |done| O::SetCapacity(done.into())),
            C::CloseDates(it) => self.readable(it, fields, |done| O::CloseDates(done.into())),
            C::OpenDates(it) => self.readable(it, fields, |done| O::OpenDates(done.into())),
            C::RetireCalendar(it) => {
                self.readable(it, fields, |done| O::RetireCalendar(done.into()))
            }
        }
    }

    fn readable<M: ReadCommand>(
        &self,
        message: M,
        fields: Fields,
        words: Words,
    ) -> Result<Readable, Failure> {
        let ready = Ready::read(message, Some(&self.caller), fields, self.came)?;
        Ok(Readable { ready, words, end: None })
    }
}
