//! The page format, byte for byte, and what becomes of damaged pages.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use holdfast::codec::PageWalk;
use holdfast::codec::page::{
    Chain, EVENT_BYTES_MAX, HEADER_BYTES, PAGE_BYTES_MAX, PAYLOAD_BYTES_MAX, PageError, PageKey,
    Scratch, decode, paginate,
};
use holdfast::domain::ids::Position;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

const SEED: Chain = Chain(0x1234_5678);
const PACKED: u8 = 8;

type Pages = Vec<(PageKey, Vec<u8>)>;

fn cut(first: u64, events: &[Vec<u8>]) -> Pages {
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
        let _ = walk.step(*key, bytes, &mut |position, event| {
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

fn check(page: &[u8]) -> Result<(), PageError> {
    decode(page, &mut Scratch::default()).map(drop)
}

/// Bytes that can't be packed.
fn bytes(length: usize, salt: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(salt as u64).fill_bytes(&mut bytes);
    bytes
}

/// An event that repeats most of any other.
fn text(salt: usize) -> Vec<u8> {
    format!("default, anonymous, holdfast-cli: claim {salt} was made").into_bytes()
}

/// Events that can't be packed, one that spans pages, some that are packed, and at the end more
/// than they gave hope to get into one page.
fn of_every_kind() -> Vec<Vec<u8>> {
    let noise = |lengths: &[usize]| -> Vec<_> {
        lengths.iter().enumerate().map(|(salt, length)| bytes(*length, salt)).collect()
    };
    let texts = (0..100).map(text).collect();
    [noise(&[3000, 2000, 9000, 10]), texts, noise(&[1000; 10])].concat()
}

fn is_packed(page: &[u8]) -> bool {
    page[1] & PACKED != 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
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

/// The same pages as version 1 wrote them, and the chain value after them.
fn as_version_1(pages: &[(PageKey, Vec<u8>)]) -> (Pages, Chain) {
    let mut before = SEED;
    let mut old = Vec::new();
    for (key, page) in pages {
        let mut page = page.clone();
        page[0] = 1;
        page[16..20].copy_from_slice(&before.0.to_le_bytes());
        let page = sealed(page);
        before = decode(&page, &mut Scratch::default()).unwrap().after();
        old.push((*key, page));
    }
    (old, before)
}

const VERSION_1: &str = concat!(
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
);

fn words() -> [Vec<u8>; 3] {
    [b"held".to_vec(), b"".to_vec(), b"confirmed".to_vec()]
}

#[test]
fn version_1_is_read() {
    let key = PageKey { first: Position(7), part: 0 };
    assert_eq!(join(7, &[(key, unhex(VERSION_1))]).unwrap(), words());
}

#[test]
fn version_1_spans_pages_with_these_headers_and_is_read() {
    let events = [bytes(1, 0), bytes(2 * PAYLOAD_BYTES_MAX, 1), bytes(3, 2)];
    let (pages, _) = as_version_1(&cut(7, &events));
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
    assert_eq!(hex(&pages[1].1[HEADER_BYTES..HEADER_BYTES + 4]), "d01f0000");
    assert_eq!(join(7, &pages).unwrap(), events);
}

#[test]
fn a_log_goes_on_in_version_2() {
    let (old, chain) = as_version_1(&cut(1, &[bytes(9000, 1), bytes(10, 2)]));
    let new: Vec<_> = (0..100).map(text).collect();
    let mut pages = old;
    paginate(Position(3), chain, new.iter().map(Vec::as_slice), |key, page| {
        assert!(is_packed(page));
        pages.push((key, page.to_vec()));
    })
    .unwrap();
    assert_eq!(join(1, &pages).unwrap(), [&[bytes(9000, 1), bytes(10, 2)], &*new].concat());
}

#[test]
fn version_2_has_these_bytes() {
    let pages = cut(7, &words());
    assert_eq!(pages.len(), 1);
    assert_eq!(
        hex(&pages[0].1),
        concat!(
            "02",
            "01",
            "0000",
            "0300",
            "1900",
            "0700000000000000",
            "78563412",
            "5f8360d4",
            "04000000",
            "68656c64",
            "00000000",
            "09000000",
            "636f6e6669726d6564"
        )
    );
}

/// Only read: which of the blocks that unpack to the same the compressor writes is not the
/// format's business.
#[test]
fn packed_events_of_version_2_are_read() {
    let page = concat!(
        "02",
        "09",
        "0000",
        "0300",
        "4d00",
        "0700000000000000",
        "78563412",
        "5e3fe8f7",
        "a200",
        "ff27",
        "32000000",
        "64656661756c742c20616e6f6e796d6f75732c20686f6c64666173742d636c69",
        "3a20636c61696d203120776173206d616465",
        "360019",
        "1f",
        "32",
        "360022",
        "a0",
        "3120776173206d616465",
    );
    let key = PageKey { first: Position(7), part: 0 };
    assert_eq!(join(7, &[(key, unhex(page))]).unwrap(), [text(1), text(2), text(1)]);
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
    let pages = cut(1, &of_every_kind());
    for (_, page) in &pages {
        let mut page = page.clone();
        for at in 0..page.len() {
            for mask in [0x01, 0x80, 0xff] {
                page[at] ^= mask;
                assert!(check(&page).is_err(), "byte {at} changed by {mask:02x}");
                page[at] ^= mask;
            }
        }
    }
}

#[test]
fn a_page_cut_or_continued_anywhere_is_refused() {
    let pages = cut(1, &of_every_kind());
    for (_, page) in &pages {
        for length in 0..page.len() {
            assert!(check(&page[..length]).is_err(), "cut to {length}");
        }
        let mut longer = page.clone();
        longer.push(0);
        assert!(check(&longer).is_err());
    }
}

#[test]
fn a_commit_is_never_half_there() {
    let pages = cut(1, &of_every_kind());
    let packed: Vec<_> = pages.iter().map(|(_, page)| is_packed(page)).collect();
    assert_eq!(packed, [false, false, false, false, false, true, true, false, false]);
    for kept in 0..pages.len() {
        assert_eq!(join(1, &pages[..kept]).unwrap(), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn a_page_that_is_missing_doubled_or_moved_is_refused() {
    let pages = cut(1, &of_every_kind());
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
    page[0] = 3;
    assert_eq!(check(&page).unwrap_err(), PageError::Version { version: 3 });
}

#[test]
fn fields_that_contradict_each_other_are_refused_though_the_checksum_fits() {
    let whole = cut(1, &[bytes(3, 1)]).remove(0).1;
    for (at, value) in [(1, 17), (1, 5), (1, 3), (2, 1), (4, 0), (4, 2), (24, 2), (24, 4)] {
        let mut page = whole.clone();
        page[at] = value;
        let found = check(&sealed(page)).unwrap_err();
        assert!(matches!(found, PageError::Fields { .. }), "byte {at} = {value}: {found:?}");
    }
}

/// A page of version 2 whose payload is packed, as nobody would write it.
fn packed(flags: u8, count: u16, raw: usize, block: &[u8]) -> Vec<u8> {
    let payload = [&(raw as u16).to_le_bytes(), block].concat();
    let mut page = cut(1, &[bytes(3, 1)]).remove(0).1;
    page.truncate(HEADER_BYTES);
    page[1] = flags | PACKED;
    page[4..6].copy_from_slice(&count.to_le_bytes());
    page[6..8].copy_from_slice(&(payload.len() as u16).to_le_bytes());
    page.extend_from_slice(&payload);
    sealed(page)
}

#[test]
fn packed_events_that_contradict_their_page_are_refused_though_the_checksum_fits() {
    const FLAG: &str = "an unknown flag";
    const PART: &str = "a packed part of an event";
    const LENGTH: &str = "packed events without a length";
    const SHORTER: &str = "packed events that are no longer than the payload";
    const UNPACKED: &str = "packed events that don't unpack to their length";
    const FRAME: &str = "a frame that runs past the payload";
    const AFTER: &str = "bytes after the last frame";
    let frames = [&40u32.to_le_bytes()[..], &[7; 40]].concat().repeat(3);
    let raw = frames.len();
    let block = lz4_flex::block::compress(&frames);
    let beyond = [&frames[..], &[0; 50]].concat();
    let beyond = lz4_flex::block::compress(&beyond);
    assert_eq!(check(&packed(1, 3, raw, &block)), Ok(()));

    let version_1 = |mut page: Vec<u8>| {
        page[0] = 1;
        sealed(page)
    };
    let cut_to = |length: usize| {
        let mut page = packed(1, 3, raw, &block);
        page.truncate(HEADER_BYTES + length);
        page[6..8].copy_from_slice(&(length as u16).to_le_bytes());
        sealed(page)
    };
    // A block that repeats what lies before its beginning.
    let from_nowhere = [0x10, 1, 2, 0, 0x00];
    for (page, what) in [
        (version_1(packed(1, 3, raw, &block)), FLAG),
        (packed(2, 3, raw, &block), PART),
        (packed(4, 3, raw, &block), PART),
        (cut_to(0), LENGTH),
        (cut_to(1), LENGTH),
        (packed(1, 3, 0, &block), SHORTER),
        (packed(1, 3, block.len() + 2, &block), SHORTER),
        (packed(1, 3, raw - 1, &block), UNPACKED),
        (packed(1, 3, raw + 1, &block), UNPACKED),
        (packed(1, 3, u16::MAX.into(), &block), UNPACKED),
        (packed(1, 3, raw, &block[1..]), UNPACKED),
        (packed(1, 3, raw, &from_nowhere), UNPACKED),
        (packed(1, 3, raw + 50, &beyond), AFTER),
        (packed(1, 2, raw, &block), AFTER),
        (packed(1, 4, raw, &block), FRAME),
    ] {
        assert_eq!(check(&page), Err(PageError::Fields { what }), "{}", hex(&page));
    }
}

#[test]
fn a_page_under_another_key_is_refused() {
    let mut pages = cut(1, &[text(1), text(2)]);
    let own = std::mem::replace(&mut pages[0].0, PageKey { first: Position(2), part: 0 });
    assert_eq!(join(1, &pages).unwrap_err(), PageError::Key { own });
}

#[test]
fn events_that_can_not_be_packed_fill_their_pages() {
    let events: Vec<_> = (0..200).map(|salt| bytes(100, salt)).collect();
    let of_a_page = PAYLOAD_BYTES_MAX / 104;
    assert_eq!(cut(1, &events).len(), events.len().div_ceil(of_a_page));
}

proptest! {
    #[test]
    fn whatever_is_cut_is_joined_again(
        lengths in prop::collection::vec(prop_oneof![0usize..300, 3900usize..4200, 0usize..20_000], 1..30),
        texts in 0usize..500,
        first in 1u64..u64::MAX / 2,
    ) {
        let mut events: Vec<_> = lengths.iter().enumerate().map(|(i, n)| bytes(*n, i)).collect();
        let between = events.len() / 2;
        events.splice(between..between, (0..texts).map(text));
        let pages = cut(first, &events);
        prop_assert!(pages.iter().all(|(_, page)| page.len() <= PAGE_BYTES_MAX));
        prop_assert_eq!(join(first, &pages).unwrap(), events);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        page in prop::collection::vec(any::<u8>(), 0..200),
        header in prop::collection::vec(0u8..16, 8),
        version in 1u8..3,
    ) {
        let mut page = page;
        for (at, byte) in header.iter().enumerate().take(page.len()) {
            page[at] = *byte;
        }
        if page.len() >= HEADER_BYTES {
            page[0] = version;
            let length = (page.len() - HEADER_BYTES) as u16;
            page[6..8].copy_from_slice(&length.to_le_bytes());
        }
        walk_over(sealed(page));
    }

    #[test]
    fn no_change_of_packed_events_makes_the_decoder_panic(
        changes in prop::collection::vec((HEADER_BYTES..2_000, any::<u8>()), 1..10),
    ) {
        let events: Vec<_> = (0..100).map(text).collect();
        let mut page = cut(1, &events).remove(0).1;
        for (at, value) in changes {
            let at = at.min(page.len() - 1);
            page[at] = value;
        }
        walk_over(sealed(page));
    }
}

fn walk_over(page: Vec<u8>) {
    let mut scratch = Scratch::default();
    if let Ok(believed) = decode(&page, &mut scratch) {
        let mut walk = PageWalk::at(believed.key().first, believed.before());
        let _ = walk.step(believed.key(), &page, &mut |_, _| ControlFlow::Continue(()));
    }
}
