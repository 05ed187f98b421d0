//! Many commands under way on one stream.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::stream::{self, TryStreamExt};
use holdfast::client::{CallError, Client};
use holdfast::config::Config;
use holdfast::proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming};
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command;

use crate::requests::*;
use crate::server::{Server, connect};

fn sequenced(sequence: u64, command: Command) -> v1::SequencedCommand {
    v1::SequencedCommand { sequence, command: Some(command) }
}

/// Numbers commands from 1.
fn numbered(commands: impl IntoIterator<Item = Command>) -> Vec<v1::SequencedCommand> {
    (1..).zip(commands).map(|(sequence, command)| sequenced(sequence, command)).collect()
}

/// Sends messages, ends, and gives every answer by its sequence.
async fn answers(
    client: &Client,
    messages: Vec<Vec<v1::SequencedCommand>>,
) -> BTreeMap<u64, Outcome> {
    let count = messages.iter().map(Vec::len).sum::<usize>();
    let messages = messages.into_iter().map(|commands| v1::ExecuteRequest { commands });
    let told = client.commands().execute(stream::iter(messages.collect::<Vec<_>>())).await.unwrap();
    let told: Vec<_> = told.into_inner().try_collect().await.unwrap();
    let told: Vec<_> = told.into_iter().flat_map(|message| message.answers).collect();
    assert_eq!(told.len(), count, "each is answered once");
    told.into_iter().map(|answer| (answer.sequence, answer.outcome.unwrap())).collect()
}

fn error(outcome: &Outcome) -> CallError {
    let Outcome::Error(status) = outcome else { panic!("{outcome:?}") };
    status.clone().into()
}

/// The version and position of an answer.
fn effect(outcome: &Outcome) -> (u64, u64) {
    match outcome {
        Outcome::Error(_) => panic!("{}", error(outcome)),
        Outcome::CreateCalendar(it) => (it.version, it.position),
        Outcome::UpdateCalendarRules(it) => (it.version, it.position),
        Outcome::SetCapacity(it) => (it.version, it.position),
        Outcome::CloseDates(it) => (it.version, it.position),
        Outcome::OpenDates(it) => (it.version, it.position),
        Outcome::RetireCalendar(it) => (it.version, it.position),
        Outcome::ReceiveStock(it) => (it.version, it.position),
        Outcome::AdjustStock(it) => (it.version, it.position),
        Outcome::CreateReservation(it) => (it.version, it.position),
        Outcome::ConfirmReservation(it) => (it.version, it.position),
        Outcome::CommitReservation(it) => (it.version, it.position),
        Outcome::CancelReservation(it) => (it.version, it.position),
        Outcome::ExtendReservation(it) => (it.version, it.position),
        Outcome::ChangeReservation(it) => (it.version, it.position),
        Outcome::CreateSalesOrder(it) => (it.version, it.position),
        Outcome::CancelSalesOrder(it) => (it.version, it.position),
    }
}

#[test]
fn commands_on_one_entity_take_effect_in_the_order_in_which_they_were_sent() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        // Each is meant for the version that the one before it makes.
        let receipt = |version| {
            let receipt = receive("A", 1);
            Command::ReceiveStock(v1::ReceiveStockRequest {
                expected_version: Some(version),
                ..receipt
            })
        };
        let mut commands = numbered((0..2_000).map(receipt));
        let rest = commands.split_off(1_500);
        let mut messages = vec![commands];
        messages.extend(rest.chunks(7).map(<[_]>::to_vec));
        let told = answers(&client, messages).await;
        assert!(told.iter().all(|(sequence, outcome)| effect(outcome).0 == *sequence));

        let named = v1::CreateReservationRequest { reservation_id: uuid(1), ..hold(&[("A", 5)]) };
        let life = [
            Command::CreateReservation(named),
            Command::ExtendReservation(extend(&uuid(1), 7_200)),
            Command::ConfirmReservation(confirm(&uuid(1))),
            Command::CommitReservation(commit(&uuid(1))),
        ];
        let told = answers(&client, vec![numbered(life)]).await;
        assert_eq!(told.values().map(|it| effect(it).0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    });
}

#[test]
fn a_stream_and_a_call_give_a_command_the_same_answer() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        client.receive_stock(receive("A", 100)).await.unwrap();
        let held = [1, 2]
            .map(|n| v1::CreateReservationRequest { reservation_id: uuid(n), ..hold(&[("A", 1)]) });
        let placed = order_to_its_end(&[("A", 2)]);
        let short = v1::CreateSalesOrderRequest {
            sales_order_id: uuid(3),
            ..order_to_its_end(&[("A", 1_000)])
        };
        let (receipt, correction) = (receive("B", 3), adjust("A", -1));
        let (extending, confirming) = (extend(&uuid(1), 7_200), confirm(&uuid(1)));
        let (committing, cancelling) = (commit(&uuid(1)), cancel(&uuid(2)));
        let late = cancel_order(&uuid(3));
        let [first, second] = held.clone();
        let commands = numbered([
            Command::ReceiveStock(receipt.clone()),
            Command::AdjustStock(correction.clone()),
            Command::CreateReservation(first.clone()),
            Command::ExtendReservation(extending.clone()),
            Command::ConfirmReservation(confirming.clone()),
            Command::CommitReservation(committing.clone()),
            Command::CreateReservation(second),
            Command::CancelReservation(cancelling.clone()),
            Command::CreateSalesOrder(placed.clone()),
            Command::CreateSalesOrder(short.clone()),
        ]);
        let told = answers(&client, vec![commands.clone()]).await;
        let Outcome::CreateSalesOrder(order) = &told[&9] else { panic!("{told:?}") };
        let order = order.sales_order.as_ref().unwrap();
        assert_eq!((order.state(), order.ended), (v1::SalesOrderState::Completed, true));
        let Outcome::CreateSalesOrder(order) = &told[&10] else { panic!("{told:?}") };
        assert_eq!(order.sales_order.as_ref().unwrap().state(), v1::SalesOrderState::Rejected);

        // Whatever has become of the entities since, both ways show them as they are now.
        let again = answers(&client, vec![commands]).await;
        let effects = |told: &BTreeMap<_, _>| told.values().map(effect).collect::<Vec<_>>();
        assert_eq!(effects(&again), effects(&told));
        let called = [
            Outcome::ReceiveStock(client.receive_stock(receipt).await.unwrap()),
            Outcome::AdjustStock(client.adjust_stock(correction).await.unwrap()),
            Outcome::CreateReservation(client.create_reservation(first).await.unwrap()),
            Outcome::ExtendReservation(client.extend_reservation(extending).await.unwrap()),
            Outcome::ConfirmReservation(client.confirm_reservation(confirming).await.unwrap()),
            Outcome::CommitReservation(client.commit_reservation(committing).await.unwrap()),
            Outcome::CreateReservation(client.create_reservation(held[1].clone()).await.unwrap()),
            Outcome::CancelReservation(client.cancel_reservation(cancelling).await.unwrap()),
            Outcome::CreateSalesOrder(client.create_sales_order(placed).await.unwrap()),
            Outcome::CreateSalesOrder(client.create_sales_order(short).await.unwrap()),
        ];
        assert_eq!(again.into_values().collect::<Vec<_>>(), called);

        let refused = answers(&client, vec![numbered([Command::CancelSalesOrder(late.clone())])]);
        let refused = error(&refused.await[&1]);
        let called = client.cancel_sales_order(late).await.unwrap_err();
        assert_eq!(refused.reason, "INVALID_TRANSITION");
        assert_eq!(
            (refused.code, refused.message, refused.metadata),
            (called.code, called.message, called.metadata)
        );
    });
}

#[test]
fn a_refusal_names_every_line_that_fell_short() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let skus: Vec<_> = (0..1_000).map(|n| format!("{n:0100}")).collect();
        let wish = hold(&skus.iter().map(|sku| (sku.as_str(), 1)).collect::<Vec<_>>());
        let told = answers(&client, vec![numbered([Command::CreateReservation(wish.clone())])]);
        let told = error(&told.await[&1]);
        let called = client.create_reservation(wish).await.unwrap_err();
        assert_eq!((told.code, &*told.reason), (Code::FailedPrecondition, "INSUFFICIENT_STOCK"));
        assert_eq!((told.message, told.metadata), (called.message, called.metadata));
        assert_eq!((told.shortages_total, called.shortages_total), (1_000, 1_000));
        let lines: BTreeSet<_> = told.shortages.iter().map(|it| it.line_id.clone()).collect();
        assert_eq!(lines.len(), 1_000);
        assert!(called.shortages.len() < 100, "a call has no room for them");
        assert_eq!(called.shortages, told.shortages[..called.shortages.len()]);
    });
}

#[test]
fn what_cant_be_read_is_answered_with_its_fields_and_the_stream_goes_on() {
    let server = Server::start();
    server.run(async {
        let client = server.client().await;
        let mut wish = hold(&[("A", 0)]);
        wish.request_id = "7".to_owned();
        let commands = vec![
            sequenced(5, Command::CreateReservation(wish)),
            v1::SequencedCommand { sequence: 6, command: None },
            sequenced(0, Command::ReceiveStock(receive("A", 0))),
            sequenced(7, Command::ReceiveStock(receive("A", 5))),
            sequenced(7, Command::ReceiveStock(receive("B", 5))),
        ];
        let told = client
            .commands()
            .execute(stream::iter([v1::ExecuteRequest { commands }, Default::default()]))
            .await
            .unwrap();
        let told: Vec<_> = told.into_inner().try_collect().await.unwrap();
        let told: Vec<_> = told.into_iter().flat_map(|message| message.answers).collect();
        let fields = |sequence| {
            let answer = told.iter().find(|it| it.sequence == sequence).unwrap();
            let error = error(answer.outcome.as_ref().unwrap());
            assert_eq!((error.code, &*error.reason), (Code::InvalidArgument, "INVALID_ARGUMENT"));
            error.fields.into_iter().map(|it| it.field).collect::<BTreeSet<_>>()
        };
        assert_eq!(fields(5), ["lines[0].quantity", "request_id"].map(Into::into).into());
        assert_eq!(fields(6), ["command"].map(Into::into).into());
        assert_eq!(fields(0), ["quantity", "sequence"].map(Into::into).into());
        let accepted: Vec<_> = told.iter().filter(|it| it.sequence == 7).collect();
        assert_eq!(accepted.len(), 2, "a sequence is the client's mark and nothing else");
        assert!(accepted.iter().all(|it| effect(it.outcome.as_ref().unwrap()).0 == 1));
    });
}

#[test]
fn a_stream_is_its_tenants_alone_and_fails_where_that_cant_be_read() {
    let server = Server::start();
    server.run(async {
        let (red, blue) = (server.client_of("red").await, server.client_of("blue").await);
        let receipt = v1::ReceiveStockRequest { request_id: uuid(1), ..receive("A", 5) };
        let other = v1::ReceiveStockRequest { quantity: 7, ..receipt.clone() };
        let wish = v1::CreateReservationRequest { request_id: uuid(2), ..hold(&[("A", 5)]) };
        let told = |client, receipt| {
            let commands = numbered([Command::ReceiveStock(receipt)]);
            async move { effect(&answers(client, vec![commands]).await[&1]).0 }
        };
        assert_eq!((told(&red, receipt).await, told(&blue, other).await), (1, 1));
        for client in [&red, &blue] {
            let commands = numbered([Command::CreateReservation(wish.clone())]);
            assert_eq!(effect(&answers(client, vec![commands]).await[&1]).0, 1);
        }
        let balance = blue.get_stock_balance(balance_of("A")).await.unwrap().stock_balance.unwrap();
        assert_eq!((balance.on_hand, balance.held), (7, 5));

        let mut request = tonic::Request::new(stream::empty());
        request.metadata_mut().insert("x-correlation-id", "7".parse().unwrap());
        let refused = CallError::from(red.commands().execute(request).await.unwrap_err());
        assert_eq!(
            (&*refused.reason, &*refused.fields[0].field),
            ("INVALID_ARGUMENT", "x-correlation-id")
        );
    });
}

#[test]
fn after_a_streams_deadline_no_more_commands_are_executed() {
    // More than fit in the time before the deadline.
    let server = Server::with(|config| config.entities.resource_requests_remembered = 1_000_000);
    server.run(async {
        let client = server.client().await;
        let (sender, messages) = mpsc::unbounded_channel();
        let mut request = tonic::Request::new(UnboundedReceiverStream::new(messages));
        request.set_timeout(Duration::from_millis(200));
        let mut told = client.commands().execute(request).await.unwrap().into_inner();
        let mut accepted = 0;
        let refusal = loop {
            let commands = numbered([Command::ReceiveStock(receive("A", 1))]);
            sender.send(v1::ExecuteRequest { commands }).unwrap();
            let message = told.message().await.unwrap().unwrap();
            match message.answers[0].outcome.as_ref().unwrap() {
                Outcome::ReceiveStock(_) => accepted += 1,
                refusal => break error(refusal),
            }
        };
        assert_eq!(refusal.reason, "DEADLINE_EXCEEDED");
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        assert_eq!(balance.stock_balance.unwrap().on_hand, accepted);
    });
}

/// Keeps receipts under way until the stream ends. Gives those that were accepted, those that were
/// refused with their reasons, how many were sent, and the end.
async fn receive_to_the_end(
    sender: mpsc::UnboundedSender<v1::ExecuteRequest>,
    mut told: Streaming<v1::ExecuteResponse>,
    begun: mpsc::UnboundedSender<()>,
) -> (u64, Vec<String>, Option<Status>) {
    let send = |sequence| {
        let commands = vec![sequenced(sequence, Command::ReceiveStock(receive("A", 1)))];
        // Nobody takes it once the stream has ended; then it isn't executed.
        let _ = sender.send(v1::ExecuteRequest { commands });
    };
    (1..=500).for_each(send);
    let (mut accepted, mut refused) = (0, Vec::new());
    loop {
        let message = match told.message().await {
            Ok(Some(message)) => message,
            Ok(None) => return (accepted, refused, None),
            Err(status) => return (accepted, refused, Some(status)),
        };
        for answer in message.answers {
            match answer.outcome.unwrap() {
                Outcome::ReceiveStock(_) => accepted += 1,
                refusal => refused.push(error(&refusal).reason),
            }
            send(answer.sequence);
        }
        let _ = begun.send(());
    }
}

#[test]
fn a_stopping_server_answers_all_that_it_took_and_ends_streams_with_that_reason() {
    let folder = tempfile::tempdir().unwrap();
    let set = |config: &mut Config| {
        config.server.data_dir = folder.path().join("data");
        // More than there are receipts in this test: none is forgotten within a day.
        config.entities.resource_requests_remembered = 1_000_000;
    };
    let server = Server::with(set);
    let address = server.grpc();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (busy, idle) = runtime.block_on(async {
        let client = connect(address, "default").await;
        let open = || async {
            let (sender, messages) = mpsc::unbounded_channel();
            let messages = UnboundedReceiverStream::new(messages);
            let told = client.commands().execute(messages).await.unwrap().into_inner();
            (sender, told)
        };
        (open().await, open().await)
    });
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let busy = runtime.spawn(receive_to_the_end(busy.0, busy.1, begun));
    runtime.block_on(has_begun.recv()).unwrap();
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(10));

    let (accepted, refused, end) = runtime.block_on(busy).unwrap();
    assert!(refused.iter().all(|reason| reason == "STOPPING"), "{refused:?}");
    let end = CallError::from(end.expect("a stream does not end without a word"));
    assert_eq!((end.code, &*end.reason), (Code::Unavailable, "STOPPING"));
    assert!(end.retry_delay.is_some());
    let (_sender, mut told) = idle;
    let end = CallError::from(runtime.block_on(told.message()).unwrap_err());
    assert_eq!((end.code, &*end.reason), (Code::Unavailable, "STOPPING"));

    let server = Server::with(set);
    let balance = server.run(async {
        let client = server.client().await;
        client.get_stock_balance(balance_of("A")).await.unwrap().stock_balance.unwrap()
    });
    assert_eq!(balance.on_hand, accepted, "what has no answer was not executed");
}
