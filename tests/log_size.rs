//! How much of the log a held reservation takes, where reservations come as `holdfast bench` sends
//! them: of one line, with random ids, by the same client.
//!
//! Not here: what the database around the pages adds.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use futures::stream::{self, StreamExt};
use holdfast::actors::engine::CommandRequest;
use holdfast::codec::page::{Chain, paginate};
use holdfast::codec::v1;
use holdfast::domain::command::Intent;
use holdfast::domain::event::{Body, Event, Origin};
use holdfast::domain::ids::{EntityKey, EntityKind, Position, RequestId, ReservationId, derived};
use holdfast::domain::name::Label;
use holdfast::domain::reservation::{HOLD_MS_DEFAULT, Term};
use holdfast::domain::stock_balance;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::*;
use uuid::Uuid;

const RESERVATIONS: usize = 1_000;
const IN_FLIGHT: usize = 64;
const BYTES_MAX: usize = 150;

fn sku(number: u32) -> String {
    format!("bench-5e17c0de-{number:06}")
}

fn hold(random: &mut StdRng, sku: &str) -> CommandRequest {
    let request_id = RequestId(uuid::Builder::from_random_bytes(random.random()).into_uuid());
    let id = ReservationId(derived(&tenant(), EntityKind::Reservation, request_id));
    let origin = Origin {
        principal: Label::new("anonymous").unwrap(),
        source: Label::new("holdfast-cli/0.1.0 tonic/0.14.9").unwrap(),
        correlation_id: request_id.0,
    };
    CommandRequest {
        key: EntityKey::reservation(&tenant(), id),
        command: create(&[(sku, 1)], Term::For(HOLD_MS_DEFAULT)),
        intent: Intent::Execute,
        request_id,
        expected_version: None,
        origin: Arc::new(origin),
    }
}

/// The events of many held reservations, each of any of so many SKUs, as an engine writes them
/// when a millisecond brings as many as are in flight.
fn events(skus: u32) -> Vec<Event> {
    let disks = Disks { log_id: Uuid::from_u128(0x9f2c << 112 | 0x77), ..Disks::new(u64::MAX) };
    on_one_thread(async {
        let mut random = StdRng::seed_from_u64(4);
        let trial = start(&disks, clock(), Settings::default());
        let wanted: Vec<_> = (0..RESERVATIONS).map(|_| sku(random.random_range(0..skus))).collect();
        for sku in &wanted {
            trial.command(stock_entity(sku), random.random(), receive(1_000_000)).await.unwrap();
        }
        let holds: Vec<_> = wanted.iter().map(|sku| hold(&mut random, sku)).collect();
        let answers = stream::iter(holds.into_iter().enumerate()).map(|(number, hold)| {
            if number % IN_FLIGHT == 0 {
                trial.clock.advance_ms(1);
            }
            trial.engine.command(hold)
        });
        let answers = answers.buffer_unordered(IN_FLIGHT);
        answers.for_each(|answer| async { drop(answer.unwrap()) }).await;
    });
    let is_receipt = |event: &Event| {
        matches!(event.body, Body::StockBalance(stock_balance::Event::Received { .. }))
    };
    disks.events().into_iter().filter(|event| !is_receipt(event)).collect()
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    v1::encode_event(event, &mut bytes);
    bytes
}

/// The length of all pages, where each commit has so many events.
fn page_bytes(events: &[Vec<u8>], of_a_commit: usize) -> usize {
    let mut bytes = 0;
    for commit in events.chunks(of_a_commit) {
        let events = commit.iter().map(Vec::as_slice);
        paginate(Position(1), Chain(0), events, |_, page| bytes += page.len()).unwrap();
    }
    bytes
}

#[test]
fn a_held_reservation_takes_at_most_150_bytes_of_pages() {
    for skus in [1, 100_000] {
        let events: Vec<_> = events(skus).iter().map(encoded).collect();
        assert_eq!(events.len(), 2 * RESERVATIONS);
        let raw = events.iter().map(Vec::len).sum::<usize>() / RESERVATIONS;
        for of_a_commit in [100, 1_000] {
            let bytes = page_bytes(&events, of_a_commit) / RESERVATIONS;
            println!("{skus} SKUs, commits of {of_a_commit} events: {bytes} bytes of {raw}");
            assert!(bytes <= BYTES_MAX, "{bytes} bytes");
        }
    }
}
