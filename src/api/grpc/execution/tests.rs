//! One stream, in front of an engine that decides when the test says so.
//!
//! Time stands still, so a short sleep ends when nobody has anything left to do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic_types::StatusExt;
use uuid::Uuid;

use super::*;
use crate::actors::delivery::{Refused, Shown};
use crate::api::admission::{self, Closed};
use crate::api::grpc;
use crate::api::grpc::caller::Caller;
use crate::api::grpc::stream_watch::{StreamWatch, Ticks};
use crate::api::grpc::validate::Fields;
use crate::domain::ids::{EntityKey, Position, Version};
use crate::domain::rejection::Rejection;
use crate::domain::view::View;
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command;

/// The most messages that wait in front of a stream.
const MESSAGES_MAX: usize = 100;
/// Longer than anything that a stream waits for.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Takes commands and keeps them until they are to be answered.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Vec<(Uuid, Asker)>>>);

impl Look for Desk {
    async fn look(&self, _: &EntityKey) -> Result<Shown, Failure> {
        Err(Failure::Uncertain)
    }
}

impl TakeCommand for Desk {
    fn take(&self, request: CommandRequest, client: Asker) {
        self.0.lock().unwrap().push((request.request_id.0, client));
    }

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

impl Desk {
    fn has(&self) -> Vec<u128> {
        self.0.lock().unwrap().iter().map(|(id, _)| id.as_u128()).collect()
    }

    /// Answers what came first.
    fn answer(&self, count: usize) {
        for (_, client) in self.0.lock().unwrap().drain(..count) {
            let now = Shown { version: Version(1), position: Position(1), view: View::Nothing };
            client.tell(Ok(Accepted { version: Version(1), position: Position(1), now }));
        }
    }

    fn refuse_first(&self) {
        let (_, client) = self.0.lock().unwrap().remove(0);
        client.tell(Err(Refused { rejection: Rejection::Overflow, position: Position(1) }));
    }
}

struct Nobody;

impl StreamWatch for Nobody {
    fn watch(&self, _: EntityKey) -> Ticks {
        futures::stream::pending().boxed()
    }

    fn watch_end(&self, _: EntityKey) -> Ticks {
        futures::stream::pending().boxed()
    }
}

struct Opened {
    requests: mpsc::Sender<Result<v1::ExecuteRequest, Status>>,
    answers: mpsc::Receiver<Result<v1::ExecuteResponse, Status>>,
    desk: Desk,
    gate: Admission,
    task: JoinHandle<()>,
}

/// A stream that may have so many commands in flight, at a gate that lets in so many.
fn open(in_flight_max: usize, let_in_max: u32) -> Opened {
    let limits = admission::Limits { in_flight_max: let_in_max, ..Default::default() };
    let (gate, desk) = (Admission::new(limits), Desk::default());
    let mut fields = Fields::default();
    let caller = Caller::read(&MetadataMap::new(), &mut fields).unwrap();
    let limits = grpc::Limits { execute_in_flight_max: in_flight_max, ..Default::default() };
    let inbox = Inbox::new(caller, Arc::new(Nobody));
    let execution = Execution::new(desk.clone(), gate.clone(), inbox, limits);
    let (requests, asked) = mpsc::channel(MESSAGES_MAX);
    let (queue, answers) = mpsc::channel(1);
    let task = tokio::spawn(execution.run(ReceiverStream::new(asked), queue));
    Opened { requests, answers, desk, gate, task }
}

/// A command that is told from others by its number.
fn command(number: u128) -> v1::SequencedCommand {
    let receipt = v1::ReceiveStockRequest {
        request_id: Uuid::from_u128(number).to_string(),
        stock: Some(v1::StockResource { sku: "A".to_owned(), location: String::new() }),
        quantity: 1,
        ..Default::default()
    };
    let command = Some(Command::ReceiveStock(receipt));
    v1::SequencedCommand { sequence: number as u64, command }
}

async fn quiet() {
    sleep(Duration::from_millis(1)).await;
}

impl Opened {
    async fn send(&self, numbers: impl IntoIterator<Item = u128>) {
        let commands = numbers.into_iter().map(command).collect();
        self.requests.send(Ok(v1::ExecuteRequest { commands })).await.unwrap();
    }

    /// How many messages nobody has read.
    fn unread(&self) -> usize {
        MESSAGES_MAX - self.requests.capacity()
    }

    /// The next message: each answer's sequence, and the reason why it is no success.
    async fn next(&mut self) -> Vec<(u64, String)> {
        let message = timeout(PATIENCE, self.answers.recv()).await.expect("there is an answer");
        let message = message.expect("the stream is open").unwrap();
        let told = |answer: v1::SequencedAnswer| match answer.outcome.unwrap() {
            Outcome::Error(status) => (answer.sequence, reason(&status)),
            _ => (answer.sequence, String::new()),
        };
        message.answers.into_iter().map(told).collect()
    }
}

fn reason(status: &tonic_types::Status) -> String {
    let info = status.details.iter().find(|any| any.type_url.ends_with("ErrorInfo")).unwrap();
    let info: tonic_types::pb::ErrorInfo = prost::Message::decode(&info.value[..]).unwrap();
    info.reason
}

fn fine(sequence: u64) -> (u64, String) {
    (sequence, String::new())
}

#[tokio::test(start_paused = true)]
async fn beyond_what_may_be_in_flight_nothing_is_read() {
    let mut stream = open(4, 100);
    for numbers in [1..=3, 4..=6, 7..=7, 8..=8] {
        stream.send(numbers).await;
    }
    quiet().await;
    assert_eq!(
        stream.desk.has(),
        [1, 2, 3, 4],
        "of the second message only what there is room for"
    );
    assert_eq!(stream.unread(), 2);
    // Answered, but the queue to the transport has room for one message only.
    stream.desk.answer(2);
    quiet().await;
    assert_eq!(stream.desk.has(), [3, 4, 5, 6]);
    stream.desk.answer(4);
    quiet().await;
    assert_eq!((stream.desk.has(), stream.unread()), (vec![], 2), "nobody reads the answers");
    assert_eq!(stream.gate.in_flight(), 0, "but the engine is done with them");
    assert_eq!(stream.next().await, [fine(1), fine(2)]);
    assert_eq!(stream.next().await, [fine(3), fine(4), fine(5), fine(6)]);
    quiet().await;
    assert_eq!((stream.desk.has(), stream.unread()), (vec![7, 8], 0));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_let_in_is_answered_with_that_and_the_stream_goes_on() {
    let mut stream = open(100, 2);
    stream.send(1..=3).await;
    assert_eq!(stream.next().await, [(3, "OVERLOADED".to_owned())]);
    assert_eq!((stream.desk.has(), stream.gate.in_flight()), (vec![1, 2], 2));
    stream.desk.refuse_first();
    assert_eq!(stream.next().await, [(1, "QUANTITY_OVERFLOW".to_owned())]);
    stream.send(4..=4).await;
    quiet().await;
    assert_eq!(stream.desk.has(), [2, 4]);
    stream.desk.answer(2);
    assert_eq!(stream.next().await, [fine(2), fine(4)]);
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_has_stays_admitted_though_the_client_has_gone() {
    let stream = open(100, 100);
    stream.send(1..=3).await;
    quiet().await;
    drop(stream.answers);
    stream.desk.answer(1);
    quiet().await;
    assert_eq!((stream.gate.in_flight(), stream.task.is_finished()), (2, false));
    assert!(stream.requests.is_closed());
    stream.desk.answer(2);
    quiet().await;
    assert_eq!((stream.gate.in_flight(), stream.task.is_finished()), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_waited_for_while_answers_come() {
    let mut stream = open(100, 100);
    stream.send(1..=1).await;
    quiet().await;
    let gate = stream.gate.clone();
    let hold = tokio::spawn(async move { gate.hold().await.unwrap() });
    quiet().await;
    stream.send(2..=3).await;
    quiet().await;
    assert_eq!(stream.desk.has(), [1]);
    stream.desk.answer(1);
    assert_eq!(stream.next().await, [fine(1)]);
    let hold = hold.await.unwrap();
    quiet().await;
    assert_eq!((stream.desk.has(), stream.gate.in_flight()), (vec![], 0));
    drop(hold);
    quiet().await;
    assert_eq!((stream.desk.has(), stream.gate.in_flight()), (vec![2, 3], 2));
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_is_too_long_turns_away_what_waited_for_it() {
    let mut stream = open(100, 100);
    let _hold = stream.gate.hold().await.unwrap();
    stream.send(1..=2).await;
    let turned_away = |sequence| (sequence, "OVERLOADED".to_owned());
    assert_eq!(stream.next().await, [turned_away(1), turned_away(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_answers_what_it_has_and_refuses_the_rest_and_then_ends_the_stream() {
    let mut stream = open(100, 100);
    stream.send(1..=1).await;
    quiet().await;
    stream.gate.close(Closed::Stopping);
    stream.send(2..=2).await;
    assert_eq!(stream.next().await, [(2, "STOPPING".to_owned())]);
    stream.desk.answer(1);
    assert_eq!(stream.next().await, [fine(1)]);
    let end = stream.answers.recv().await.unwrap().unwrap_err();
    assert_eq!(end.get_details_error_info().unwrap().reason, "STOPPING");
    assert!(stream.answers.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_command_that_the_engine_loses_is_answered_with_that_and_the_stream_goes_on() {
    let mut stream = open(100, 100);
    stream.send(1..=3).await;
    quiet().await;
    drop(stream.desk.0.lock().unwrap().remove(1));
    assert_eq!(stream.next().await, [(2, "UNCERTAIN".to_owned())]);
    assert_eq!((stream.desk.has(), stream.gate.in_flight()), (vec![1, 3], 2));
    stream.desk.answer(2);
    assert_eq!(stream.next().await, [fine(1), fine(3)]);
    drop(stream.requests);
    assert!(stream.answers.recv().await.is_none(), "the client has ended its half");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cant_be_read_ends_the_stream_after_the_answers() {
    let mut stream = open(100, 100);
    stream.send(1..=1).await;
    stream.requests.send(Err(Status::out_of_range("300 KiB"))).await.unwrap();
    quiet().await;
    stream.desk.answer(1);
    assert_eq!(stream.next().await, [fine(1)]);
    let end = stream.answers.recv().await.unwrap().unwrap_err();
    assert_eq!(end.get_details_error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
}
