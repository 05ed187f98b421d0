//! Keeps commands under way on one stream of one connection.
//!
//! ```text
//! places ──free, and due──▶ message ──▶ stream ──▶ answers ──▶ tally
//!    ▲                                                │
//!    └────────────────────────────────────────────────┘
//! ```
//!
//! One task drives one connection and its stream. A command under way is a place, which is also its
//! sequence, and the moment it was due; what is due together goes in one message.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use prost::Message;
use prost::bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep_until;
use tonic::Status;

use super::load::{self, DELAY_AFTER_FAILURE};
use super::pace::{AfterFailure, Pace};
use super::scenario::Stocked;
use super::tally::{Outcome, Tally};
use super::template::{self, Answer, Answers, StreamTemplate};
use crate::client::bare::{self, Connection, Method, PREFIX_BYTES, write_prefix};
use crate::client::{CallError, Family};

/// The method that all commands go through.
pub(super) const PATH: &str = "/holdfast.v1.CommandService/Execute";
/// The most commands of one message: with every command of a scenario far below what a server takes.
const MESSAGE_COMMANDS_MAX: usize = 512;

/// The commands of one connection.
#[derive(Debug)]
pub(super) struct Pipeline {
    stocked: Arc<Stocked>,
    template: StreamTemplate,
    rng: StdRng,
    /// When the command of each place was due; nothing where the place is free.
    dues: Vec<Option<Instant>>,
    free: Vec<u32>,
    tally: Tally,
}

impl Pipeline {
    /// For at most `in_flight` commands under way.
    pub(super) fn new(stocked: Arc<Stocked>, in_flight: u32) -> Self {
        Self {
            template: stocked.stream_template(),
            stocked,
            rng: StdRng::from_os_rng(),
            dues: vec![None; in_flight as usize],
            free: (0..in_flight).rev().collect(),
            tally: Tally::default(),
        }
    }

    /// Keeps the places full until nothing is due any more and all are answered, until the stream
    /// ends, or until answers are no longer waited for.
    pub(super) async fn drive(
        mut self,
        method: Method,
        connection: Connection,
        mut pace: Pace,
    ) -> Tally {
        if let Err(error) = self.exchange(method, connection, &mut pace).await {
            // A stream that could not even begin fails as one call.
            self.tally.fail(*error, self.under_way().max(1) as u64);
            self.tally.ended_early = true;
        }
        self.tally.not_sent = pace.not_sent();
        self.tally
    }

    /// Sends what is due and counts what is answered.
    ///
    /// # Errors
    /// What has ended all that is under way.
    async fn exchange(
        &mut self,
        method: Method,
        connection: Connection,
        pace: &mut Pace,
    ) -> Result<(), Box<CallError>> {
        let (mut messages, mut answers) = method.stream().map_err(failed)?;
        // Why it ended, the stream tells.
        let mut connection = connection.fuse();
        let mut patience = pin!(sleep_until(pace.patience_end().into()));
        let mut more = true;
        let mut rest = None;
        while more || self.under_way() > 0 {
            tokio::select! {
                biased;
                read = read(&mut answers), if self.under_way() > 0 => {
                    let failed = self.settle(read.map_err(failed)?);
                    if pace.after_failure() == AfterFailure::Rest {
                        rest = failed.or(rest);
                    }
                }
                () = until(rest), if rest.is_some() => rest = None,
                due = pace.next(), if more && rest.is_none() && !self.free.is_empty() => match due {
                    Some(due) => messages.send(self.message(due, pace)),
                    None => more = false,
                },
                // Last of what moves bytes, so that it writes all there is at once.
                _ = &mut connection => {}
                () = &mut patience => {
                    self.tally.fail(load::unanswered(), self.under_way() as u64);
                    break;
                }
            }
        }
        Ok(())
    }

    fn under_way(&self) -> usize {
        self.dues.len() - self.free.len()
    }

    /// A message with the command that is due, and with all others that are by now.
    fn message(&mut self, due: Instant, pace: &mut Pace) -> Bytes {
        let mut frame = vec![0; PREFIX_BYTES];
        let mut next = Some(due);
        for _ in 0..MESSAGE_COMMANDS_MAX {
            // A moment is only taken where there is a place for it.
            let Some(place) = self.free.pop() else { break };
            let Some(due) = next.take().or_else(|| pace.another(due)) else {
                self.free.push(place);
                break;
            };
            self.dues[place as usize] = Some(due);
            let request_id = uuid::Builder::from_random_bytes(self.rng.random()).into_uuid();
            let number = self.stocked.any_number(&mut self.rng);
            let pieces = self.stocked.pieces(number);
            self.template.write(&mut frame, place, request_id, pieces);
        }
        write_prefix(&mut frame);
        frame.into()
    }

    /// Counts answers; gives the moment until which the server is to be left alone, where one failed.
    fn settle(&mut self, answers: Vec<Answer>) -> Option<Instant> {
        let now = Instant::now();
        let mut rest = None;
        for answer in answers {
            let Some(place) = template::place(answer.sequence) else { continue };
            let Some(due) = self.dues.get_mut(place).and_then(Option::take) else { continue };
            let outcome = outcome(answer);
            if let Outcome::Failed(error) = &outcome {
                rest = Some(now + error.retry_delay.unwrap_or(DELAY_AFTER_FAILURE));
            }
            self.tally.count(outcome, now.saturating_duration_since(due));
            self.free.push(place as u32);
        }
        rest
    }
}

/// The answers of the next message.
async fn read(answers: &mut bare::Answer) -> Result<Vec<Answer>, Status> {
    let message = answers.message().await?.ok_or_else(|| Status::unknown("it ended"))?;
    let read = Answers::decode(message).map_err(|error| Status::internal(error.to_string()))?;
    Ok(read.answers)
}

fn failed(status: Status) -> Box<CallError> {
    Box::new(status.into())
}

async fn until(moment: Option<Instant>) {
    if let Some(moment) = moment {
        sleep_until(moment.into()).await;
    }
}

fn outcome(answer: Answer) -> Outcome {
    if let Some(status) = answer.error {
        let error = Box::new(CallError::from(status));
        return match error.family() {
            Family::Rejected => Outcome::Rejected,
            _ => Outcome::Failed(error),
        };
    }
    let Some(order) = answer.create_sales_order.and_then(|answer| answer.sales_order) else {
        return Outcome::Completed;
    };
    Outcome::of_order(order.state())
}
