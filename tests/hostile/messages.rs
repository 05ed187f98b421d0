//! Calls that are too large, or whose answers nobody reads.

use futures::future::join_all;
use holdfast::proto::v1;
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tonic::codegen::http::{Request, StatusCode};
use v1::subscribe_request::Start;

use crate::attacked::{Attacked, PATIENCE, attack};
use crate::requests::*;

/// A connection over bare HTTP/2, whose flow control is the test's.
struct Bare {
    requests: h2::client::SendRequest<Bytes>,
    _connection: JoinHandle<Result<(), h2::Error>>,
}

impl Bare {
    async fn connect(attacked: &Attacked) -> Self {
        let socket = TcpStream::connect(attacked.grpc).await.unwrap();
        let (requests, connection) = h2::client::handshake(socket).await.unwrap();
        Self { requests, _connection: tokio::spawn(connection) }
    }

    /// Begins a call; nobody reads its answer unless the caller does.
    async fn call(
        &mut self,
        path: &str,
        field: &str,
    ) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let head = Request::post(format!("http://holdfast/holdfast.v1.{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("x-field", field)
            .body(())
            .unwrap();
        self.requests = self.requests.clone().ready().await.unwrap();
        self.requests.send_request(head, false).unwrap()
    }
}

fn framed(message: &impl Message) -> Bytes {
    let bytes = message.encode_to_vec();
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat().into()
}

#[test]
fn subscribers_that_read_nothing_hold_nobody_up() {
    attack(async |attacked| {
        let client = attacked.client.clone();
        let many = (0..6_000).map(|n| {
            let reference = "x".repeat(200);
            let receipt = v1::ReceiveStockRequest { reference, ..receive(&format!("{n}"), 1) };
            client.receive_stock(receipt)
        });
        join_all(many).await.into_iter().for_each(|answer| drop(answer.unwrap()));
        let mut open = Vec::new();
        for _ in 0..10 {
            let mut bare = Bare::connect(attacked).await;
            for _ in 0..10 {
                let (answer, mut body) = bare.call("EventService/Subscribe", "").await;
                let start = Some(Start::AfterPosition(0));
                let request = v1::SubscribeRequest { start, ..Default::default() };
                body.send_data(framed(&request), true).unwrap();
                open.push((answer, body));
            }
            std::mem::forget(bare);
        }
        attacked.serves().await;
    });
}

#[test]
fn ten_thousand_calls_that_never_say_anything_hold_nobody_up() {
    attack(async |attacked| {
        let mut connections = Vec::new();
        for _ in 0..100 {
            let mut bare = Bare::connect(attacked).await;
            let mut calls = Vec::new();
            for _ in 0..100 {
                calls.push(bare.call("CommandService/Execute", "").await);
            }
            connections.push((bare, calls));
        }
        attacked.serves().await;
        assert_eq!(connections.iter().map(|(_, calls)| calls.len()).sum::<usize>(), 10_000);
    });
}

#[test]
fn headers_beyond_the_limit_are_refused() {
    attack(async |attacked| {
        for _ in 0..20 {
            let mut bare = Bare::connect(attacked).await;
            let (answer, _body) = bare.call("CommandService/Execute", &"x".repeat(60_000)).await;
            let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
            match answer {
                Ok(answer) => {
                    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
                }
                Err(error) => assert!(error.is_remote() || error.is_io(), "{error}"),
            }
        }
        attacked.serves().await;
    });
}

#[test]
fn a_message_that_says_it_is_huge_takes_no_room() {
    attack(async |attacked| {
        let mut connections = Vec::new();
        for _ in 0..20 {
            let mut bare = Bare::connect(attacked).await;
            for _ in 0..50 {
                let (answer, mut body) = bare.call("CommandService/Execute", "").await;
                let lie = [&[0, 0xff, 0xff, 0xff, 0xff][..], &[7; 1_000]].concat();
                body.send_data(lie.into(), false).unwrap();
                connections.push((answer, body));
            }
            std::mem::forget(bare);
        }
        attacked.serves().await;
        for (answer, _) in connections {
            let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
            assert_ne!(
                answer.headers().get("grpc-status").map(|it| it.as_bytes()),
                Some(&b"0"[..])
            );
        }
    });
}
