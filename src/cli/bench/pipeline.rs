//! Keeps commands under way on one stream of one connection.
//!
//! ```text
//! places ──free, and due──▶ message ──▶ stream ──▶ answers ──▶ tally
//!    ▲                                                │
//!    └────────────────────────────────────────────────┘
//! ```
//!
//! One task drives one connection. A command under way is a place, which is also its sequence, and
//! the moment it was due; what is due together goes in one message.

use std::sync::Arc;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status, Streaming};

use super::load::{DELAY_AFTER_FAILURE, Pace};
use super::scenario::Stocked;
use super::tally::{Outcome, Tally};
use super::template::{self, Answer, Answers, LeanCodec, Template};
use crate::client::{CallError, Client, Family};

const PATH: &str = "/holdfast.v1.CommandService/Execute";
/// The most commands of one message: with every command of a scenario far below what a server takes.
const MESSAGE_COMMANDS_MAX: usize = 512;

/// The commands of one connection.
#[derive(Debug)]
pub(super) struct Pipeline {
    stocked: Arc<Stocked>,
    template: Template,
    rng: StdRng,
    /// When the command of each place was due.
    dues: Vec<Instant>,
    free: Vec<u32>,
    tally: Tally,
}

impl Pipeline {
    /// For at most `in_flight` commands under way.
    pub(super) fn new(stocked: Arc<Stocked>, in_flight: u32) -> Self {
        Self {
            template: stocked.template(),
            stocked,
            rng: StdRng::from_os_rng(),
            dues: vec![Instant::now(); in_flight as usize],
            free: (0..in_flight).rev().collect(),
            tally: Tally::default(),
        }
    }

    /// Keeps the places full until nothing is due any more and all are answered, or the stream ends.
    pub(super) async fn drive(mut self, client: Client, mut pace: Pace) -> Tally {
        // Without a bound of its own: no more is in there than there are places.
        let (sender, messages) = mpsc::unbounded_channel();
        let mut answers = match open(&client, messages).await {
            Ok(answers) => answers,
            Err(status) => {
                self.tally.fail(status.into(), 1);
                return self.tally;
            }
        };
        let mut more = true;
        let mut rest = None;
        loop {
            let under_way = self.dues.len() - self.free.len();
            tokio::select! {
                biased;
                message = answers.message(), if under_way > 0 => match message {
                    Ok(Some(Answers { answers })) => rest = self.settle(answers).or(rest),
                    ended => {
                        let status = ended.err().unwrap_or_else(|| Status::unknown("it ended"));
                        self.tally.fail(status.into(), under_way as u64);
                        return self.tally;
                    }
                },
                () = until(rest), if rest.is_some() => rest = None,
                due = pace.next(), if more && rest.is_none() && !self.free.is_empty() => match due {
                    // The other half is the stream's, which ends first.
                    Some(due) => drop(sender.send(self.message(due, &mut pace))),
                    None => more = false,
                },
                else => return self.tally,
            }
        }
    }

    /// A message with the command that is due, and with all others that are by now.
    fn message(&mut self, due: Instant, pace: &mut Pace) -> Vec<u8> {
        let mut message = Vec::new();
        let mut next = Some(due);
        for _ in 0..MESSAGE_COMMANDS_MAX {
            // A moment is only taken where there is a place for it.
            let Some(place) = self.free.pop() else { break };
            let Some(due) = next.take().or_else(|| pace.another(due)) else {
                self.free.push(place);
                break;
            };
            self.dues[place as usize] = due;
            let request_id = uuid::Builder::from_random_bytes(self.rng.random()).into_uuid();
            let number = self.stocked.any_number(&mut self.rng);
            self.template.write(&mut message, place, request_id, number);
        }
        message
    }

    /// Counts answers; gives the moment until which the server is to be left alone, where one failed.
    fn settle(&mut self, answers: Vec<Answer>) -> Option<Instant> {
        let now = Instant::now();
        let mut rest = None;
        for answer in answers {
            let place = template::place(answer.sequence).filter(|place| *place < self.dues.len());
            let Some(place) = place else { continue };
            let outcome = outcome(answer);
            if let Outcome::Failed(error) = &outcome {
                rest = Some(now + error.retry_delay.unwrap_or(DELAY_AFTER_FAILURE));
            }
            self.tally.count(outcome, now.saturating_duration_since(self.dues[place]));
            self.free.push(place as u32);
        }
        rest
    }
}

async fn open(
    client: &Client,
    messages: mpsc::UnboundedReceiver<Vec<u8>>,
) -> Result<Streaming<Answers>, Status> {
    let mut service = Grpc::new(client.channel());
    service.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let messages = Request::new(UnboundedReceiverStream::new(messages));
    let answers = service.streaming(messages, PathAndQuery::from_static(PATH), LeanCodec).await?;
    Ok(answers.into_inner())
}

async fn until(moment: Option<Instant>) {
    if let Some(moment) = moment {
        tokio::time::sleep_until(moment.into()).await;
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
