//! Commands over one stream, for whoever waits for each of them.
//!
//! ```text
//!   send ──command, and who waits──▶ drive ──what is ready, together──▶ server
//!     ▲                                │
//!     └────────── by number ───────────┴◀──────────── answers ──────────
//! ```
//!
//! A task of its own drives the stream, and opens another where it has ended. What has no answer by
//! then is sent again, as a call would be: the request id makes that safe.
//!
//! Not here: order. Whoever needs one command to come before another waits for its answer.

use std::collections::HashMap;

use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};

use super::Client;
use super::error::{CallError, status};
use super::retry::{RetryPolicy, call};
use crate::proto::v1;
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command;

/// The most commands that are made into messages at a time.
const READY_MAX: usize = 1_024;
/// The largest message of more than one command: below what a server takes.
const MESSAGE_BYTES_MAX: usize = 128 * 1_024;

/// Sends commands over one stream of a connection. Clones share it; it ends with the last.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Without a bound of its own: each command in there is waited for by a caller.
    commands: mpsc::UnboundedSender<Sent>,
    retry: RetryPolicy,
}

/// A command, and who waits for its answer.
#[derive(Debug)]
struct Sent {
    command: Command,
    reply: oneshot::Sender<Result<Outcome, Status>>,
}

impl Client {
    /// A stream of commands over this connection, under its tenant, with its patience. Needs a
    /// runtime.
    pub fn pipeline(&self) -> Pipeline {
        let (commands, sent) = mpsc::unbounded_channel();
        tokio::spawn(drive(self.clone(), sent));
        Pipeline { commands, retry: self.retry }
    }
}

impl Pipeline {
    /// Sends one command, again where that is safe, and waits for its answer.
    ///
    /// # Errors
    /// [`CallError`], where the last try had no answer or another than its success.
    pub async fn send(&self, command: Command) -> Result<Outcome, CallError> {
        let one_try = |request: Request<Command>| async {
            let (reply, answer) = oneshot::channel();
            // Where nobody takes it, nobody answers.
            let _ = self.commands.send(Sent { command: request.into_inner(), reply });
            match timeout(self.retry.try_timeout, answer).await {
                Ok(Ok(answer)) => answer.map(Response::new),
                Ok(Err(_)) => Err(Status::unknown("the stream ended")),
                Err(_) => Err(Status::deadline_exceeded("no answer came in time")),
            }
        };
        call(self.retry, command, one_try).await
    }
}

macro_rules! commands {
    ($($method:ident: $command:ident($request:ident) -> $response:ident;)*) => {
        impl Pipeline {$(
            #[doc = concat!(
                "Sends one [`", stringify!($request), "`](v1::", stringify!($request),
                ").\n\n# Errors\nAs [`Pipeline::send`]."
            )]
            pub async fn $method(
                &self,
                request: v1::$request,
            ) -> Result<v1::$response, CallError> {
                match self.send(Command::$command(request)).await? {
                    Outcome::$command(answer) => Ok(answer),
                    _ => Err(foreign()),
                }
            }
        )*}
    };
}

commands! {
    receive_stock: ReceiveStock(ReceiveStockRequest) -> ReceiveStockResponse;
    create_reservation: CreateReservation(CreateReservationRequest) -> CreateReservationResponse;
    commit_reservation: CommitReservation(CommitReservationRequest) -> CommitReservationResponse;
    cancel_reservation: CancelReservation(CancelReservationRequest) -> CancelReservationResponse;
    create_sales_order: CreateSalesOrder(CreateSalesOrderRequest) -> CreateSalesOrderResponse;
    create_calendar: CreateCalendar(CreateCalendarRequest) -> CreateCalendarResponse;
}

fn foreign() -> CallError {
    Status::internal("the server gave another command's answer").into()
}

/// Opens a stream whenever there is something to send, and sends over it until it ends.
async fn drive(client: Client, mut commands: mpsc::UnboundedReceiver<Sent>) {
    let mut ready = Vec::new();
    while commands.recv_many(&mut ready, READY_MAX).await > 0 {
        let mut unanswered = Unanswered::default();
        let end = unanswered.run(&client, &mut commands, &mut ready).await;
        unanswered.end(&end);
    }
}

/// The commands of one stream that have no answer. One whose try was given up is forgotten at the
/// latest when it may be one of two.
#[derive(Default)]
struct Unanswered {
    replies: HashMap<u64, oneshot::Sender<Result<Outcome, Status>>>,
    last_sequence: u64,
    /// How many were left when the last ones were forgotten.
    kept: usize,
}

impl Unanswered {
    /// Sends what is ready and what comes, until the stream ends; tells with what.
    async fn run(
        &mut self,
        client: &Client,
        commands: &mut mpsc::UnboundedReceiver<Sent>,
        ready: &mut Vec<Sent>,
    ) -> Status {
        let (sender, messages) = mpsc::unbounded_channel();
        self.send(ready, &sender);
        let opened = client.commands().execute(UnboundedReceiverStream::new(messages)).await;
        let mut answers = match opened {
            Ok(answers) => answers.into_inner(),
            Err(status) => return status,
        };
        loop {
            tokio::select! {
                message = answers.message() => match message {
                    Ok(Some(message)) => self.answer(message),
                    Ok(None) => return Status::unknown("the stream ended"),
                    Err(status) => return status,
                },
                count = commands.recv_many(ready, READY_MAX) => match count {
                    0 => return Status::cancelled("nobody sends any more"),
                    _ => self.send(ready, &sender),
                },
            }
        }
    }

    fn send(&mut self, ready: &mut Vec<Sent>, to: &mpsc::UnboundedSender<v1::ExecuteRequest>) {
        self.forget_given_up();
        let mut message = v1::ExecuteRequest::default();
        let mut bytes = 0;
        for Sent { command, reply } in ready.drain(..) {
            self.last_sequence += 1;
            let sequence = self.last_sequence;
            self.replies.insert(sequence, reply);
            let command = v1::SequencedCommand { sequence, command: Some(command) };
            bytes += command.encoded_len();
            if bytes > MESSAGE_BYTES_MAX && !message.commands.is_empty() {
                bytes = command.encoded_len();
                // Where the stream has ended, that is found out by reading it.
                let _ = to.send(std::mem::take(&mut message));
            }
            message.commands.push(command);
        }
        let _ = to.send(message);
    }

    /// A server that never answers would otherwise have them kept for as long as the stream lasts.
    fn forget_given_up(&mut self) {
        if self.replies.len() >= 2 * self.kept.max(READY_MAX) {
            self.replies.retain(|_, reply| !reply.is_closed());
            self.kept = self.replies.len();
        }
    }

    fn answer(&mut self, message: v1::ExecuteResponse) {
        for v1::SequencedAnswer { sequence, outcome } in message.answers {
            let Some(reply) = self.replies.remove(&sequence) else { continue };
            let answer = match outcome {
                Some(Outcome::Error(error)) => Err(status(error)),
                Some(outcome) => Ok(outcome),
                None => Err(Status::internal("the server gave an answer without an outcome")),
            };
            // Who doesn't wait any more doesn't want to know.
            let _ = reply.send(answer);
        }
    }

    fn end(&mut self, with: &Status) {
        for (_, reply) in self.replies.drain() {
            let _ = reply.send(Err(with.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use futures::StreamExt;
    use futures::future::try_join_all;
    use futures::stream::BoxStream;
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::Streaming;

    use super::*;
    use crate::client::Options;
    use v1::command_service_server::{CommandService, CommandServiceServer};

    /// Ends its first streams, each after its first message, and answers on the one after.
    #[derive(Clone, Default)]
    struct Fickle {
        streams: Arc<AtomicU64>,
        commands: Arc<AtomicU64>,
    }

    const STREAMS_ENDED: u64 = 2;

    #[tonic::async_trait]
    impl CommandService for Fickle {
        type ExecuteStream = BoxStream<'static, Result<v1::ExecuteResponse, Status>>;

        async fn execute(
            &self,
            request: Request<Streaming<v1::ExecuteRequest>>,
        ) -> Result<Response<Self::ExecuteStream>, Status> {
            let mut messages = request.into_inner();
            if self.streams.fetch_add(1, Ordering::Relaxed) < STREAMS_ENDED {
                messages.message().await?;
                return Ok(Response::new(futures::stream::empty().boxed()));
            }
            let commands = self.commands.clone();
            let answers = messages.map(move |message| {
                let answer = |command: v1::SequencedCommand| {
                    let Some(Command::ReceiveStock(receipt)) = command.command else { panic!() };
                    commands.fetch_add(1, Ordering::Relaxed);
                    // Whose answer this is, shows in it.
                    let (version, position) = (receipt.quantity, 0);
                    let outcome =
                        v1::ReceiveStockResponse { version, position, stock_balance: None };
                    let outcome = Some(Outcome::ReceiveStock(outcome));
                    v1::SequencedAnswer { sequence: command.sequence, outcome }
                };
                let mut answers: Vec<_> = message?.commands.into_iter().map(answer).collect();
                answers.reverse();
                Ok(v1::ExecuteResponse { answers })
            });
            Ok(Response::new(answers.boxed()))
        }
    }

    #[test]
    fn tries_that_were_given_up_are_forgotten_and_those_that_are_waited_for_are_not() {
        let (messages, _sent) = mpsc::unbounded_channel();
        let mut unanswered = Unanswered::default();
        let mut answers = Vec::new();
        for _ in 0..20 {
            let (mut ready, mut waited_for) = (Vec::new(), None);
            for _ in 0..READY_MAX {
                let (reply, answer) = oneshot::channel();
                let command = Command::ReceiveStock(v1::ReceiveStockRequest::default());
                ready.push(Sent { command, reply });
                waited_for = Some(answer);
            }
            answers.extend(waited_for);
            unanswered.send(&mut ready, &messages);
            assert!(unanswered.replies.len() <= 3 * READY_MAX, "{}", unanswered.replies.len());
        }
        unanswered.end(&Status::unknown("the stream ended"));
        assert!(answers.into_iter().all(|mut answer| answer.try_recv().unwrap().is_err()));
    }

    #[tokio::test]
    async fn each_gets_its_own_answer_though_streams_end_and_answers_come_in_any_order() {
        let (fickle, listener) =
            (Fickle::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap().to_string();
        let server = tonic::transport::Server::builder()
            .add_service(CommandServiceServer::new(fickle.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        let retry = RetryPolicy { patience: Duration::from_secs(60), ..RetryPolicy::default() };
        let client = Client::connect(&Options { retry, ..Options::new(addr) }).await.unwrap();
        let pipeline = client.pipeline();
        let receipts = (1..=300).map(|quantity| {
            // Large enough that they don't fit in one message.
            let reference = "x".repeat(1_000);
            let receipt = v1::ReceiveStockRequest { quantity, reference, ..Default::default() };
            pipeline.receive_stock(receipt)
        });
        let answers = try_join_all(receipts).await.unwrap();
        let versions: Vec<_> = answers.iter().map(|answer| answer.version).collect();
        assert_eq!(versions, (1..=300).collect::<Vec<_>>());
        assert_eq!(fickle.commands.load(Ordering::Relaxed), 300);
        assert!(fickle.streams.load(Ordering::Relaxed) > STREAMS_ENDED);
    }
}
