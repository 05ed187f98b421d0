//! The end of a server, as its clients see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt;
use futures::future::join_all;
use holdfast::client::CallError;
use holdfast::proto::v1;
use v1::subscribe_request::Start;

use crate::requests::*;
use crate::server::{Server, eventually};

#[test]
fn a_stopping_server_says_so_to_commands_and_to_subscribers() {
    let server = Server::start();
    let (clients, mut feed) = server.run(async {
        let client = server.client().await;
        // The more there is to snapshot, the longer commands meet a server that is stopping.
        let receipts = (0..40).map(|some| {
            let client = client.clone();
            async move {
                for n in 0..50 {
                    client.receive_stock(receive(&format!("{some} {n}"), 1)).await.unwrap();
                }
            }
        });
        join_all(receipts).await;
        let start = Some(Start::From(v1::SubscribeFrom::End.into()));
        let request = v1::SubscribeRequest { start, ..Default::default() };
        let feed = client.events().subscribe(request).await.unwrap().into_inner();
        (join_all((0..4).map(|_| server.client())).await, feed)
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let accepted = Arc::new(AtomicU64::new(0));
    let sending: Vec<_> = clients
        .into_iter()
        .flat_map(|client| vec![client; 8])
        .map(|client| {
            let accepted = accepted.clone();
            runtime.spawn(async move {
                loop {
                    match client.receive_stock(receive("hot", 1)).await {
                        Ok(_) => accepted.fetch_add(1, Ordering::Relaxed),
                        Err(error) => return error,
                    };
                }
            })
        })
        .collect();
    let following = runtime.spawn(async move {
        loop {
            match feed.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a feed does not end without a word"),
                Err(status) => return CallError::from(status),
            }
        }
    });
    runtime.block_on(eventually("a server at work", || async {
        (accepted.load(Ordering::Relaxed) > 100).then_some(())
    }));
    server.stop();
    let end = runtime.block_on(following).unwrap();
    assert_eq!((end.code, end.reason.as_str()), (tonic::Code::Unavailable, "STOPPING"));
    assert!(end.retry_delay.is_some());
    for answer in runtime.block_on(join_all(sending)) {
        let error = answer.unwrap();
        assert_eq!((error.code, error.reason.as_str()), (tonic::Code::Unavailable, "STOPPING"));
        assert!(error.retry_delay.is_some());
    }
}
