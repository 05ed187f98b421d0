//! Where bytes from outside come in: what a fuzzer feeds, and what a test feeds with the same corpus.
//!
//! Any input may be refused; none may panic, and what is accepted must come back the same.
//!
//! | entry | what it is fed |
//! | --- | --- |
//! | [`page`] | a page of the log, whose checksum is made to fit |
//! | [`event`] | an event, a key and a record as they are stored |
//! | [`snapshot`] | a snapshot file |
//! | [`Server::request`] | a message of a client, from the wire through validation to the decision |
#![allow(dead_code, clippy::unwrap_used)]

mod server;

use std::ops::ControlFlow;

use holdfast::codec::PageWalk;
use holdfast::codec::page::{HEADER_BYTES, Scratch, decode};
use holdfast::codec::records::Format;
use holdfast::codec::snapshot_block::Decoder;
use holdfast::codec::v1;
use holdfast::domain::ids::{EntityKey, EntityKind, Position};
use holdfast::recovery::AnyEntity;

pub use server::Server;

/// Where a page keeps its checksum, which is over all that is before and after it.
const CHECKSUM: std::ops::Range<usize> = 20..HEADER_BYTES;

/// A page that passes its checksum, and the events in it.
pub fn page(bytes: &[u8]) {
    let _ = decode(bytes, &mut Scratch::default());
    let mut sealed = bytes.to_vec();
    if sealed.len() >= HEADER_BYTES {
        let before = crc32c::crc32c(&sealed[..CHECKSUM.start]);
        let sum = crc32c::crc32c_append(before, &sealed[CHECKSUM.end..]);
        sealed[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
    }
    let mut scratch = Scratch::default();
    let Ok(page) = decode(&sealed, &mut scratch) else { return };
    let events = page.events().map(|(position, event)| v1::decode_event(position, event));
    let _ = events.count();
    let mut walk = PageWalk::at(page.key().first, page.before());
    let _ = walk.step(page.key(), &sealed, &mut |_, _| ControlFlow::Continue(()));
}

/// Values as they are stored, each of which is written back as it was read.
pub fn event(bytes: &[u8]) {
    if let Ok(event) = v1::decode_event(Position(1 << 40), bytes) {
        let mut again = Vec::new();
        v1::encode_event(&event, &mut again);
        assert_eq!(v1::decode_event(event.position, &again), Ok(event));
    }
    if let Ok(key) = v1::decode::<EntityKey>(bytes) {
        assert_eq!(v1::decode::<EntityKey>(&v1::encode(&key)), Ok(key));
    }
    for kind in EntityKind::ALL {
        for format in [Format::One, Format::Two] {
            if let Ok(record) = AnyEntity::decode(kind, format, bytes) {
                let again = record.encode();
                let read = AnyEntity::decode(kind, Format::CURRENT, &again).unwrap();
                assert_eq!(read.encode(), again);
            }
        }
    }
}

/// A snapshot's bytes, in the pieces that its reader wants.
pub fn snapshot(mut bytes: &[u8]) {
    let mut decoder = Decoder::new();
    loop {
        while let Some((key, _)) = decoder.next_entry() {
            let _ = v1::decode::<EntityKey>(key);
        }
        let wanted = decoder.wanted().min(bytes.len());
        let (piece, rest) = bytes.split_at(wanted);
        if piece.is_empty() || decoder.accept(piece).is_err() {
            break;
        }
        bytes = rest;
    }
    let is_at_end = decoder.is_at_end();
    assert_eq!(decoder.finish().is_ok(), is_at_end);
}
