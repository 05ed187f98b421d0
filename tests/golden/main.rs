//! The bytes of each format, as they are on disks.
//!
//! Whoever changes a domain type so that a test in here fails has changed a format. That takes a
//! new one beside those that there are, and new golden bytes; the old ones stay as they are, and
//! are read.
#![allow(clippy::unwrap_used)]

mod expected;
#[path = "../format_1/mod.rs"]
mod format_1;
mod samples;
mod times;

use holdfast::codec::digest::Digest;
use holdfast::codec::fingerprint::fingerprint;
use holdfast::codec::records::Format;
use holdfast::codec::{CodecError, v1};
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::{EntityKey, EntityKind, Position};
use holdfast::domain::{calendar, reservation, sales_order, stock_balance};
use holdfast::recovery::AnyEntity;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    v1::encode_event(event, &mut bytes);
    bytes
}

/// The found bytes are printed in full, as they would stand in `expected.rs`.
#[track_caller]
fn check(found: &[(String, String)], expected: &[(&str, &str)]) {
    let differs = |n: usize| {
        let (name, bytes) = &found[n];
        expected.get(n) != Some(&(name.as_str(), bytes.as_str()))
    };
    let different: Vec<_> = (0..found.len()).filter(|n| differs(*n)).collect();
    for n in &different {
        println!("    ({:?}, {:?}),", found[*n].0, found[*n].1);
    }
    assert!(different.is_empty(), "{} of {} differ", different.len(), found.len());
    assert_eq!(found.len(), expected.len());
}

#[test]
fn events_are_stored_as_they_always_were() {
    let found = samples::events()
        .into_iter()
        .map(|event| (event.body.name().to_owned(), hex(&bytes_of(&event))));
    check(&found.collect::<Vec<_>>(), expected::EVENTS);
}

#[test]
fn events_that_were_stored_are_read() {
    for (event, (name, bytes)) in samples::events().into_iter().zip(expected::EVENTS) {
        let read = v1::decode_event(event.position, &unhex(bytes));
        assert_eq!(read, Ok(event), "{name}");
    }
}

/// The samples that format 1 knew.
fn older(entities: Vec<(&'static str, AnyEntity)>) -> Vec<(&'static str, AnyEntity)> {
    let is_older = |entity: &AnyEntity| match entity {
        AnyEntity::Calendar(_) => false,
        AnyEntity::Reservation(entity) => entity
            .state
            .details()
            .is_none_or(|details| details.lines.len() < 3 && details.change.is_none()),
        AnyEntity::StockBalance(_) | AnyEntity::SalesOrder(_) => true,
    };
    entities.into_iter().filter(|(_, entity)| is_older(entity)).collect()
}

/// The records of samples, as a format stores them; of a long one its digest.
fn records(
    entities: Vec<(&'static str, AnyEntity)>,
    store: impl Fn(&AnyEntity) -> Vec<u8>,
) -> Vec<(String, String)> {
    let records = entities.into_iter().map(|(name, entity)| match store(&entity) {
        long if name == samples::LANDMARK => (name, Digest::of(b"", &long).to_bytes().to_vec()),
        record => (name, record),
    });
    records.map(|(name, bytes)| (name.to_owned(), hex(&bytes))).collect()
}

fn kind_of(entity: &AnyEntity) -> EntityKind {
    match entity {
        AnyEntity::StockBalance(_) => EntityKind::StockBalance,
        AnyEntity::Reservation(_) => EntityKind::Reservation,
        AnyEntity::SalesOrder(_) => EntityKind::SalesOrder,
        AnyEntity::Calendar(_) => EntityKind::Calendar,
    }
}

fn check_that_they_are_read(format: Format, expected: &[(&str, &str)]) {
    for ((name, entity), (_, bytes)) in samples::entities().into_iter().zip(expected) {
        if name == samples::LANDMARK {
            continue;
        }
        let read = AnyEntity::decode(kind_of(&entity), format, &unhex(bytes));
        assert_eq!(read, Ok(entity), "{name}");
    }
}

#[test]
fn records_of_format_1_are_read() {
    // What other tests take for an older server's is what one wrote.
    check(&records(older(samples::entities()), format_1::record), expected::RECORDS_1);
    check_that_they_are_read(Format::One, expected::RECORDS_1);
}

#[test]
fn records_of_format_2_are_stored_as_they_always_were_and_read() {
    check(&records(samples::entities(), AnyEntity::encode), expected::RECORDS_2);
    check_that_they_are_read(Format::Two, expected::RECORDS_2);
}

#[test]
fn a_record_with_a_byte_changed_is_another_entity_or_none() {
    for (name, entity) in samples::entities() {
        let record = entity.encode();
        let kind = kind_of(&entity);
        for at in 0..record.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 0xff, 0xfb, 0xfd] {
                let mut changed = record.clone();
                changed[at] ^= change;
                let read = AnyEntity::decode(kind, Format::CURRENT, &changed);
                assert_ne!(read.as_ref(), Ok(&entity), "byte {at} of {name}");
            }
        }
    }
}

#[test]
fn keys_are_stored_as_they_always_were() {
    let found: Vec<_> = samples::keys()
        .iter()
        .map(|(name, key)| ((*name).to_owned(), hex(&v1::encode(key))))
        .collect();
    check(&found, expected::KEYS);
    for ((_, key), (_, bytes)) in samples::keys().into_iter().zip(expected::KEYS) {
        assert_eq!(v1::decode::<EntityKey>(&unhex(bytes)), Ok(key));
    }
}

#[test]
fn a_command_has_the_fingerprint_that_it_always_had() {
    let found = samples::commands()
        .into_iter()
        .map(|(name, command)| (name.to_owned(), hex(&fingerprint(&command).0)));
    check(&found.collect::<Vec<_>>(), expected::FINGERPRINTS);
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// A number for every kind of event: a new one can't be left out of the samples.
fn ordinal(body: &Body) -> usize {
    use calendar::Event as Time;
    use reservation::Event as Hold;
    use sales_order::Event as Order;
    use stock_balance::Event as Stock;
    match body {
        Body::StockBalance(Stock::Received { .. }) => 0,
        Body::StockBalance(Stock::Adjusted { .. }) => 1,
        Body::StockBalance(Stock::ClaimMade(_)) => 2,
        Body::StockBalance(Stock::ClaimChanged(_)) => 3,
        Body::StockBalance(Stock::ClaimCommitted(_)) => 4,
        Body::StockBalance(Stock::ClaimReleased { .. }) => 5,
        Body::Reservation(Hold::Created { .. }) => 6,
        Body::Reservation(Hold::Extended { .. }) => 7,
        Body::Reservation(Hold::Confirmed) => 8,
        Body::Reservation(Hold::Committed) => 9,
        Body::Reservation(Hold::Cancelled { .. }) => 10,
        Body::Reservation(Hold::Expired { .. }) => 11,
        Body::Reservation(Hold::CommittedInPart { .. }) => 30,
        Body::SalesOrder(Order::Created { .. }) => 12,
        Body::SalesOrder(Order::Reserved { .. }) => 13,
        Body::SalesOrder(Order::Rejected(_)) => 14,
        Body::SalesOrder(Order::Confirmed) => 15,
        Body::SalesOrder(Order::Delivered) => 16,
        Body::SalesOrder(Order::Completed) => 17,
        Body::SalesOrder(Order::Cancelled { .. }) => 18,
        Body::SalesOrder(Order::Released) => 19,
        Body::Calendar(Time::Created(_)) => 20,
        Body::Calendar(Time::Set(setting)) => match **setting {
            calendar::Setting::Rules(_) => 21,
            calendar::Setting::Capacity(..) => 22,
            calendar::Setting::Closed(..) => 23,
        },
        Body::Calendar(Time::Retired) => 24,
        Body::Calendar(Time::ClaimsInConflict(_)) => 25,
        Body::Calendar(Time::ClaimMade(_)) => 26,
        Body::Calendar(Time::ClaimChanged(_)) => 27,
        Body::Calendar(Time::ClaimCommitted(_)) => 28,
        Body::Calendar(Time::ClaimReleased { .. }) => 29,
        Body::Calendar(Time::ClaimWidened { .. }) => 31,
        Body::Reservation(Hold::ChangeStarted { .. }) => 32,
        Body::Reservation(Hold::Changed { .. }) => 33,
        Body::Reservation(Hold::ChangeRefused) => 34,
    }
}

#[test]
fn every_kind_of_event_has_a_sample() {
    let mut found: Vec<_> = samples::events().iter().map(|event| ordinal(&event.body)).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, (0..35).collect::<Vec<_>>());
}

#[test]
fn an_event_with_a_byte_changed_is_another_event_or_none() {
    for event in samples::events() {
        let bytes = bytes_of(&event);
        for at in 0..bytes.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 0xff, 0xfb, 0xfd] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let read = v1::decode_event(event.position, &changed);
                assert_ne!(read, Ok(event.clone()), "byte {at} of {}", event.body.name());
            }
        }
    }
}

#[test]
fn an_event_that_is_cut_or_followed_by_something_is_none() {
    for event in samples::events() {
        let mut bytes = bytes_of(&event);
        for cut in 0..bytes.len() {
            let read = v1::decode_event(event.position, &bytes[..cut]);
            assert!(read.is_err(), "{} bytes of {}", cut, event.body.name());
        }
        bytes.push(0);
        let read = v1::decode_event(event.position, &bytes);
        assert_eq!(read, Err(CodecError::Trailing { bytes: 1 }));
    }
}

#[test]
fn a_length_beyond_all_bounds_is_refused_before_anything_is_reserved_for_it() {
    // The first byte of an event is the length of its tenant's name.
    let rest = &bytes_of(&samples::events()[0])[1..];
    for length in [v1::BYTES_MAX as u64 + 1, 1 << 40, u64::MAX] {
        let bytes = [&[0xfd][..], &length.to_le_bytes(), rest].concat();
        let read = v1::decode_event(Position(1_000), &bytes);
        assert!(matches!(read, Err(CodecError::Malformed(_))), "{read:?}");
    }
}

#[test]
fn an_event_can_not_link_to_before_the_log() {
    let event = samples::events().swap_remove(1);
    assert!(event.previous > Position::START);
    let read = v1::decode_event(Position(3), &bytes_of(&event));
    assert_eq!(read, Err(CodecError::LinkBeforeStart));
}
