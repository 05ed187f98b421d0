//! Answers on their way out: what is ready goes into one message, as far as it fits.
//!
//! An answer becomes a message's part only when there is room for that, since an entity's view is
//! shared with the entity and its words on the wire are a copy.
//!
//! Invariant: a message holds at most [`ANSWERS_MAX`] answers and [`BYTES_MAX`] bytes, or a single
//! answer that is larger.
//!
//! Not here: when one is sent.

use std::collections::VecDeque;

use prost::Message;

use super::errors::Failure;
use super::gateway::Done;
use crate::proto::v1;
use crate::proto::v1::sequenced_answer::Outcome;

/// The most answers of one message.
const ANSWERS_MAX: usize = 512;
/// The largest message of more than one answer: large enough that its frame costs nothing, and far
/// below what clients read.
const BYTES_MAX: usize = 256 * 1_024;
/// What an answer costs beside its own bytes: a tag, and a length below 2^35.
const FRAME_BYTES: usize = 6;

/// How a command's answer is said.
pub(super) type Words = fn(Done) -> Outcome;

/// A command that has its answer.
pub(super) struct Settled {
    /// The client's mark on it.
    pub sequence: u64,
    /// What became of it.
    pub result: Result<(Done, Words), Failure>,
}

/// Answers that wait to be sent.
pub(super) struct Outbox {
    settled: VecDeque<Settled>,
    /// Said already, but the message before had no room for it.
    left_over: Option<v1::SequencedAnswer>,
    bytes_max: usize,
}

impl Outbox {
    /// An empty one, of a server that may send messages of so many bytes.
    pub fn new(message_bytes_max: usize) -> Self {
        let bytes_max = message_bytes_max.min(BYTES_MAX);
        Self { settled: VecDeque::new(), left_over: None, bytes_max }
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.settled.len() + usize::from(self.left_over.is_some())
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an answer.
    pub fn push(&mut self, settled: Settled) {
        self.settled.push_back(settled);
    }

    /// Takes out as much as fits in one message.
    pub fn message(&mut self) -> v1::ExecuteResponse {
        let mut answers = Vec::with_capacity(self.len().min(ANSWERS_MAX));
        let mut bytes = 0;
        while answers.len() < ANSWERS_MAX
            && let Some(answer) = self.next()
        {
            bytes += FRAME_BYTES + answer.encoded_len();
            if bytes > self.bytes_max && !answers.is_empty() {
                self.left_over = Some(answer);
                break;
            }
            answers.push(answer);
        }
        v1::ExecuteResponse { answers }
    }

    fn next(&mut self) -> Option<v1::SequencedAnswer> {
        self.left_over.take().or_else(|| self.settled.pop_front().map(said))
    }
}

fn said(Settled { sequence, result }: Settled) -> v1::SequencedAnswer {
    let outcome = match result {
        Ok((done, words)) => words(done),
        Err(failure) => Outcome::Error(failure.into()),
    };
    v1::SequencedAnswer { sequence, outcome: Some(outcome) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::delivery::{Accepted, Shown};
    use crate::domain::ids::{EntityId, Position, ReservationId, Version};
    use crate::domain::view::View;

    fn done() -> Done {
        let now = Shown { version: Version(1), position: Position(1), view: View::Nothing };
        let accepted = Accepted { version: Version(1), position: Position(1), now };
        Done { id: EntityId::Reservation(ReservationId(uuid::Uuid::nil())), accepted }
    }

    /// An answer of about a kilobyte.
    fn large(_: Done) -> Outcome {
        let reservation =
            Some(v1::Reservation { customer: "x".repeat(1_000), ..Default::default() });
        Outcome::CreateReservation(v1::CreateReservationResponse {
            reservation,
            ..Default::default()
        })
    }

    /// The sequences of each message.
    fn messages(count: u64, words: Words, bytes_max: usize) -> Vec<Vec<u64>> {
        let mut outbox = Outbox::new(bytes_max);
        for sequence in 1..=count {
            outbox.push(Settled { sequence, result: Ok((done(), words)) });
        }
        let mut messages = Vec::new();
        while !outbox.is_empty() {
            let message = outbox.message();
            let bytes = message.encoded_len();
            assert!(bytes <= bytes_max || message.answers.len() == 1, "{bytes} bytes");
            messages.push(message.answers.iter().map(|answer| answer.sequence).collect());
        }
        messages
    }

    #[test]
    fn a_message_holds_what_fits_and_every_answer_is_sent_once_and_in_order() {
        assert_eq!(messages(5, large, 2_500), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(messages(3, large, 10), [vec![1], vec![2], vec![3]], "or it would never go");
        let small = messages(600, |done| Outcome::CreateReservation(done.into()), BYTES_MAX);
        assert_eq!(small.iter().map(Vec::len).collect::<Vec<_>>(), [512, 88]);
        assert_eq!(small.concat(), (1..=600).collect::<Vec<_>>());
        let one = said(Settled { sequence: 1, result: Ok((done(), large)) }).encoded_len();
        let first = messages(600, large, usize::MAX)[0].len();
        assert_eq!(first, BYTES_MAX / (one + FRAME_BYTES), "whatever is allowed");
    }
}
