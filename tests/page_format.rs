//! The page format, byte for byte, and what becomes of damaged pages.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use holdfast::codec::PageWalk;
use holdfast::codec::page::{
    Chain, EVENT_BYTES_MAX, HEADER_BYTES, PAGE_BYTES_MAX, PAYLOAD_BYTES_MAX, PageError, PageKey,
    decode, paginate,
};
use holdfast::domain::ids::Position;
use proptest::prelude::*;

const SEED: Chain = Chain(0x1234_5678);

fn cut(first: u64, events: &[Vec<u8>]) -> Vec<(PageKey, Vec<u8>)> {
    let mut pages = Vec::new();
    let frames = events.iter().map(Vec::as_slice);
    paginate(Position(first), SEED, frames, |key, page| pages.push((key, page.to_vec()))).unwrap();
    pages
}

/// The events of the whole commits in these pages; whatever follows the last one is dropped.
fn join(first: u64, pages: &[(PageKey, Vec<u8>)]) -> Result<Vec<Vec<u8>>, PageError> {
    let mut walk = PageWalk::at(Position(first), SEED);
    let (mut events, mut whole) = (Vec::new(), 0);
    for (key, bytes) in pages {
        let page = decode(bytes)?;
        assert_eq!(page.key(), *key);
        let _ = walk.step(&page, &mut |position, event| {
            assert_eq!(position, Position(first + events.len() as u64));
            events.push(event.to_vec());
            ControlFlow::Continue(())
        })?;
        if walk.is_between_commits() {
            whole = events.len();
        }
    }
    events.truncate(whole);
    Ok(events)
}

fn bytes(length: usize, salt: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + salt * 7) as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn version_1_has_these_bytes() {
    let pages = cut(7, &[b"held".to_vec(), b"".to_vec(), b"confirmed".to_vec()]);
    assert_eq!(pages.len(), 1);
    assert_eq!(
        hex(&pages[0].1),
        concat!(
            "01",
            "01",
            "0000",
            "0300",
            "1900",
            "0700000000000000",
            "78563412",
            "8ceed067",
            "04000000",
            "68656c64",
            "00000000",
            "09000000",
            "636f6e6669726d6564"
        )
    );
}

#[test]
fn version_1_spans_pages_with_these_headers() {
    let pages = cut(7, &[bytes(1, 0), bytes(2 * PAYLOAD_BYTES_MAX, 1), bytes(3, 2)]);
    let headers: Vec<String> = pages.iter().map(|(_, page)| hex(&page[..16])).collect();
    assert_eq!(
        headers,
        [
            "01000000010005000700000000000000",
            "010400000100e80f0800000000000000",
            "010601000000e80f0800000000000000",
            "01020200000004000800000000000000",
            "01010000010007000900000000000000",
        ]
    );
    assert_eq!(hex(&pages[1].1[HEADER_BYTES..HEADER_BYTES + 6]), "d01f000007 26".replace(' ', ""));
}

#[test]
fn every_length_around_a_page_comes_back() {
    for length in (PAYLOAD_BYTES_MAX - 9..PAYLOAD_BYTES_MAX + 9)
        .chain(2 * PAYLOAD_BYTES_MAX - 9..2 * PAYLOAD_BYTES_MAX + 9)
        .chain([0, 1, 100_000])
    {
        let events = [bytes(5, 1), bytes(length, 2), bytes(length, 3), bytes(5, 4)];
        let pages = cut(1, &events);
        assert!(pages.iter().all(|(_, page)| page.len() <= PAGE_BYTES_MAX));
        assert!(pages.is_sorted_by(|(a, _), (b, _)| a.to_bytes() < b.to_bytes()));
        assert_eq!(join(1, &pages).unwrap(), events, "length {length}");
    }
}

#[test]
fn the_longest_event_fits_and_a_longer_one_is_refused() {
    let longest = vec![9; EVENT_BYTES_MAX];
    assert_eq!(join(1, &cut(1, std::slice::from_ref(&longest))).unwrap(), [longest]);
    let longer = vec![9; EVENT_BYTES_MAX + 1];
    let refused = paginate(Position(1), SEED, [longer.as_slice()].into_iter(), |_, _| {});
    assert_eq!(refused.unwrap_err().bytes, EVENT_BYTES_MAX + 1);
}

#[test]
fn a_flipped_byte_anywhere_is_refused() {
    let pages = cut(1, &[bytes(3000, 1), bytes(2000, 2), bytes(9000, 3), bytes(10, 4)]);
    for (_, page) in &pages {
        let mut page = page.clone();
        for at in 0..page.len() {
            for mask in [0x01, 0x80, 0xff] {
                page[at] ^= mask;
                assert!(decode(&page).is_err(), "byte {at} changed by {mask:02x}");
                page[at] ^= mask;
            }
        }
    }
}

#[test]
fn a_page_cut_or_continued_anywhere_is_refused() {
    let pages = cut(1, &[bytes(3000, 1), bytes(2000, 2), bytes(9000, 3), bytes(10, 4)]);
    for (_, page) in &pages {
        for length in 0..page.len() {
            assert!(decode(&page[..length]).is_err(), "cut to {length}");
        }
        let mut longer = page.clone();
        longer.push(0);
        assert!(decode(&longer).is_err());
    }
}

#[test]
fn a_commit_is_never_half_there() {
    let pages = cut(1, &[bytes(3000, 1), bytes(2000, 2), bytes(9000, 3), bytes(10, 4)]);
    assert_eq!(pages.len(), 6);
    for kept in 0..pages.len() {
        assert_eq!(join(1, &pages[..kept]).unwrap(), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn a_page_that_is_missing_doubled_or_moved_is_refused() {
    let pages = cut(1, &[bytes(3000, 1), bytes(2000, 2), bytes(9000, 3), bytes(10, 4)]);
    for at in 0..pages.len() - 1 {
        let mut missing = pages.clone();
        missing.remove(at);
        assert!(join(1, &missing).is_err(), "without page {at}");
        let mut doubled = pages.clone();
        doubled.insert(at, pages[at].clone());
        assert!(join(1, &doubled).is_err(), "page {at} twice");
        let mut moved = pages.clone();
        moved.swap(at, at + 1);
        assert!(join(1, &moved).is_err(), "page {at} after the next");
    }
}

#[test]
fn a_page_of_another_log_is_refused() {
    let mut pages = Vec::new();
    paginate(Position(1), Chain(1), [&b"x"[..]].into_iter(), |key, page| {
        pages.push((key, page.to_vec()));
    })
    .unwrap();
    assert_eq!(join(1, &pages).unwrap_err(), PageError::Chain);
}

#[test]
fn a_newer_version_is_named() {
    let mut page = cut(1, &[bytes(3, 1)]).remove(0).1;
    page[0] = 2;
    assert_eq!(decode(&page).unwrap_err(), PageError::Version { version: 2 });
}

/// Gives a changed page the checksum that fits it.
fn sealed(mut page: Vec<u8>) -> Vec<u8> {
    if page.len() >= HEADER_BYTES {
        let sum =
            crc32c::crc32c_append(crc32c::crc32c(&page[..20]), &page[HEADER_BYTES..]).to_le_bytes();
        page[20..24].copy_from_slice(&sum);
    }
    page
}

#[test]
fn fields_that_contradict_each_other_are_refused_though_the_checksum_fits() {
    let whole = cut(1, &[bytes(3, 1)]).remove(0).1;
    for (at, value) in [(1, 9), (1, 5), (1, 3), (2, 1), (4, 0), (4, 2), (24, 2), (24, 4)] {
        let mut page = whole.clone();
        page[at] = value;
        let found = decode(&sealed(page)).unwrap_err();
        assert!(matches!(found, PageError::Fields { .. }), "byte {at} = {value}: {found:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_cut_is_joined_again(
        lengths in prop::collection::vec(prop_oneof![0usize..300, 3900usize..4200, 0usize..20_000], 1..30),
        first in 1u64..u64::MAX / 2,
    ) {
        let events: Vec<_> = lengths.iter().enumerate().map(|(i, n)| bytes(*n, i)).collect();
        prop_assert_eq!(join(first, &cut(first, &events)).unwrap(), events);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        page in prop::collection::vec(any::<u8>(), 0..200),
        header in prop::collection::vec(0u8..8, 8),
    ) {
        let mut page = page;
        for (at, byte) in header.iter().enumerate().take(page.len()) {
            page[at] = *byte;
        }
        if page.len() >= HEADER_BYTES {
            page[0] = 1;
            let length = (page.len() - HEADER_BYTES) as u16;
            page[6..8].copy_from_slice(&length.to_le_bytes());
        }
        if let Ok(page) = decode(&sealed(page)) {
            let mut walk = PageWalk::at(page.key().first, page.before());
            let _ = walk.step(&page, &mut |_, _| ControlFlow::Continue(()));
        }
    }
}
