use proptest::prelude::*;

use super::*;
use crate::codec::entry::{Entry, EntryError, KEY_BYTES_MAX, RECORD_BYTES_MAX};

fn header() -> SnapshotHeader {
    SnapshotHeader { log_id: Uuid::from_bytes(*b"the log's own id"), position: Position(41) }
}

fn end() -> SnapshotEnd {
    SnapshotEnd {
        barrier: Position(42),
        time: Timestamp(1_700_000_000_000),
        archived: 7,
        digest: Some(Digest::of(b"key", b"record")),
    }
}

fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&header(), &mut bytes);
    for (key, record) in entries {
        encoder.put(key, record, &mut bytes).unwrap();
    }
    encoder.finish(end(), &mut bytes);
    bytes
}

/// Reads as a loader does, from bytes that may end anywhere.
fn decode(mut bytes: &[u8]) -> Result<(Vec<Entry>, SnapshotFooter), FormatError> {
    let mut decoder = Decoder::new();
    let mut entries = Vec::new();
    while !decoder.is_at_end() {
        let (piece, rest) = bytes.split_at(decoder.wanted().min(bytes.len()));
        decoder.accept(piece)?;
        bytes = rest;
        while let Some((key, record)) = decoder.next_entry() {
            entries.push((key.to_vec(), record.to_vec()));
        }
    }
    decoder.accept(bytes)?;
    assert_eq!(decoder.header(), Some(&header()));
    Ok((entries, decoder.finish()?))
}

/// Two blocks: one of many small entries, and one that an entry of more than a block fills alone.
fn entries_of_two_blocks() -> Vec<Entry> {
    let small = (0u32..20).map(|n| (n.to_be_bytes().to_vec(), b"record".repeat(4)));
    small.chain([(b"large".to_vec(), vec![7; BLOCK_BYTES_MAX + 1])]).collect()
}

/// Where the head of a frame lies, by its kind.
fn find(bytes: &[u8], kind: [u8; 4]) -> usize {
    bytes.windows(4).position(|window| window == kind).unwrap()
}

/// Both checksums made to fit again after a change: what only a program could have written.
fn reseal(bytes: &mut [u8], head_at: usize) {
    let header_crc = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
    let stored_len = u32_at(bytes, head_at + 20) as usize;
    let body_at = head_at + HEAD_BYTES;
    if let Some(body) = bytes.get(body_at..body_at + stored_len) {
        let crc = crc32c::crc32c(body).to_le_bytes();
        bytes[head_at + 24..head_at + 28].copy_from_slice(&crc);
    }
    let head = bytes[head_at..body_at].try_into().unwrap();
    let crc = head_crc(header_crc, &head).to_le_bytes();
    bytes[head_at + 28..body_at].copy_from_slice(&crc);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// What the header says.
fn format_of(bytes: &[u8]) -> Format {
    let mut decoder = Decoder::new();
    decoder.accept(&bytes[..HEADER_BYTES]).unwrap();
    decoder.format()
}

#[test]
fn a_snapshot_of_version_1_is_read_and_says_so() {
    let golden = [
        "4846534e41500d0a01000000746865206c6f672773206f776e2069642900000000000000923dfffa",
        "424c434b01000000000000000000000011000000110000009e9821ae390450cd",
        "03000000060000006b65797265636f7264",
        "464f4f540000000001000000000000004900000049000000d29281be491baa43",
        "2a0000000000000001000000000000000068e5cf8b0100000700000000000000015e904170579e431358b195eca4935ec83143a213bca14e9171040267f126145b4846534e50454e44",
    ]
    .concat();
    let bytes = unhex(&golden);
    let (entries, footer) = decode(&bytes).unwrap();
    assert_eq!(entries, [(b"key".to_vec(), b"record".to_vec())]);
    assert_eq!(footer, SnapshotFooter { end: end(), entries: 1, blocks: 1 });
    assert_eq!(format_of(&bytes), Format::One);
}

#[test]
fn a_snapshot_of_version_2_keeps_its_bytes() {
    let bytes = encode(&[(b"key".to_vec(), b"record".to_vec())]);
    let golden = [
        "4846534e41500d0a02000000746865206c6f672773206f776e20696429000000000000003fd62d19",
        "424c434b01000000000000000000000011000000110000009e9821aed4e89c53",
        "03000000060000006b65797265636f7264",
        "464f4f540000000001000000000000004900000049000000d29281bea4f766dd",
        "2a0000000000000001000000000000000068e5cf8b0100000700000000000000015e904170579e431358b195eca4935ec83143a213bca14e9171040267f126145b4846534e50454e44",
    ]
    .concat();
    assert_eq!(hex(&bytes), golden);
    assert_eq!(format_of(&bytes), Format::Two);
}

#[test]
fn what_was_written_is_read_back_with_its_footer() {
    let entries = entries_of_two_blocks();
    let (read, footer) = decode(&encode(&entries)).unwrap();
    assert_eq!(read, entries);
    assert_eq!(footer, SnapshotFooter { end: end(), entries: 21, blocks: 2 });
}

#[test]
fn a_snapshot_of_nothing_is_whole() {
    let (read, footer) = decode(&encode(&[])).unwrap();
    assert_eq!((read.len(), footer.entries, footer.blocks), (0, 0, 0));
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = encode(&entries_of_two_blocks());
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&damaged).is_err(), "bit {bit} of {}", bytes.len() * 8);
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = encode(&entries_of_two_blocks());
    for len in 0..bytes.len() {
        assert!(matches!(decode(&bytes[..len]), Err(FormatError::Cut { .. })), "{len} bytes");
    }
}

#[test]
fn bytes_after_the_footer_are_refused() {
    let mut bytes = encode(&entries_of_two_blocks());
    bytes.push(0);
    assert_eq!(decode(&bytes), Err(FormatError::Trailing));
}

#[test]
fn a_read_that_stops_early_gets_no_footer() {
    let bytes = encode(&[(b"key".to_vec(), b"record".to_vec())]);
    let footer_at = find(&bytes, KIND_FOOTER);
    let mut decoder = Decoder::new();
    decoder.accept(&bytes[..HEADER_BYTES]).unwrap();
    decoder.accept(&bytes[HEADER_BYTES..HEADER_BYTES + HEAD_BYTES]).unwrap();
    decoder.accept(&bytes[HEADER_BYTES + HEAD_BYTES..footer_at]).unwrap();
    assert!(decoder.next_entry().is_some());
    assert_eq!(decoder.next_entry(), None);
    assert!(!decoder.is_at_end());
    assert_eq!(decoder.finish(), Err(FormatError::Unread));
}

#[test]
fn what_was_refused_once_stays_refused() {
    let mut bytes = encode(&[]);
    bytes[0] ^= 1;
    let mut decoder = Decoder::new();
    assert_eq!(decoder.accept(&bytes[..HEADER_BYTES]), Err(FormatError::Magic));
    bytes[0] ^= 1;
    assert_eq!(decoder.accept(&bytes[..HEADER_BYTES]), Err(FormatError::Magic));
    assert_eq!(decoder.finish(), Err(FormatError::Magic));
}

#[test]
fn a_block_that_is_missing_swapped_or_of_another_snapshot_is_refused() {
    let record = |fill| vec![fill; BLOCK_BYTES_MAX];
    let entries = [(vec![1], record(1)), (vec![2], record(2))];
    let bytes = encode(&entries);
    let footer_at = find(&bytes, KIND_FOOTER);
    let (header, blocks) = bytes[..footer_at].split_at(HEADER_BYTES);
    let second_at = HEAD_BYTES + u32_at(blocks, 20) as usize;
    let (first, second) = blocks.split_at(second_at);
    let footer = &bytes[footer_at..];

    for (case, parts) in [
        ("missing", [header, second, &[], footer]),
        ("the last missing", [header, first, &[], footer]),
        ("swapped", [header, second, first, footer]),
        ("twice", [header, first, first, footer]),
    ] {
        assert!(decode(&parts.concat()).is_err(), "{case}");
    }

    let mut other = Vec::new();
    let other_header = SnapshotHeader { position: Position(40), ..self::header() };
    let mut encoder = Encoder::new(&other_header, &mut other);
    encoder.put(&entries[0].0, &entries[0].1, &mut other).unwrap();
    let foreign = &other[HEADER_BYTES..];
    assert_eq!(foreign.len(), first.len());
    assert!(decode(&[header, foreign, second, footer].concat()).is_err());
    assert!(decode(&[header, first, second, footer].concat()).is_ok());
}

#[test]
fn a_length_beyond_its_bound_is_refused_before_its_bytes_are_wanted() {
    let bytes = encode(&[(b"key".to_vec(), b"record".repeat(40))]);
    // Offsets in the head: 4 entries, 16 raw length, 20 stored length.
    let more_than_a_block = BLOCK_BYTES_MAX as u32 + 1;
    let cases: [&[(usize, u32)]; 7] = [
        &[(16, u32::MAX)],
        &[(20, u32::MAX)],
        &[(4, 0)],
        &[(16, 0)],
        &[(20, 0)],
        &[(16, 100_000)],
        &[(4, 2), (16, more_than_a_block), (20, more_than_a_block)],
    ];
    for case in cases {
        let mut lying = bytes.clone();
        for (at, number) in case {
            let at = HEADER_BYTES + at;
            lying[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        reseal(&mut lying, HEADER_BYTES);
        let mut decoder = Decoder::new();
        decoder.accept(&lying[..HEADER_BYTES]).unwrap();
        let head = &lying[HEADER_BYTES..HEADER_BYTES + HEAD_BYTES];
        assert!(decoder.accept(head).is_err(), "{case:?}");
        assert_eq!(decoder.wanted(), 0);
    }
}

#[test]
fn a_footer_that_miscounts_or_contradicts_itself_is_refused() {
    let bytes = encode(&[(b"key".to_vec(), b"record".to_vec())]);
    let footer_at = find(&bytes, KIND_FOOTER);
    let body_at = footer_at + HEAD_BYTES;
    for (at, byte) in [(0, 40), (8, 2), (32, 0), (32, 2), (65, b'h')] {
        let mut lying = bytes.clone();
        lying[body_at + at] = byte;
        reseal(&mut lying, footer_at);
        assert!(decode(&lying).is_err(), "{byte} at {at}");
    }
}

#[test]
fn an_entry_without_a_key_is_refused() {
    let mut bytes = encode(&[(b"key".to_vec(), b"record".to_vec())]);
    let entry_at = HEADER_BYTES + HEAD_BYTES;
    bytes[entry_at] = 0;
    bytes[entry_at + 4] = b"keyrecord".len() as u8;
    reseal(&mut bytes, HEADER_BYTES);
    assert!(matches!(decode(&bytes), Err(FormatError::Frame { frame: 0, .. })));
}

#[test]
fn a_later_version_is_named_in_the_refusal() {
    let mut bytes = encode(&[]);
    for version in [0, Format::CURRENT.number() + 1] {
        bytes[8] = version;
        let version = version.into();
        assert_eq!(decode(&bytes), Err(FormatError::Version { version }));
    }
}

#[test]
fn what_can_not_be_stored_is_refused_when_put() {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&header(), &mut out);
    assert_eq!(encoder.put(b"", b"", &mut out), Err(EntryError::Key { bytes: 0 }));
    let key = vec![0; KEY_BYTES_MAX + 1];
    assert_eq!(encoder.put(&key, b"", &mut out), Err(EntryError::Key { bytes: key.len() }));
    let record = vec![0; RECORD_BYTES_MAX + 1];
    let refused = Err(EntryError::Record { bytes: record.len() });
    assert_eq!(encoder.put(b"key", &record, &mut out), refused);
    assert_eq!(encoder.finish(end(), &mut out).entries, 0);
    assert!(decode(&out).is_ok());
}

proptest! {
    #[test]
    fn any_entries_are_read_back(
        entries in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 1..40), prop::collection::vec(any::<u8>(), 0..20_000)),
            0..30,
        ),
    ) {
        let (read, footer) = decode(&encode(&entries)).unwrap();
        prop_assert_eq!(footer.entries, entries.len() as u64);
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        garbage in prop::collection::vec(any::<u8>(), 0..400),
        at: prop::sample::Index,
    ) {
        prop_assert!(decode(&garbage).is_err());
        // The same in place of a block's or footer's content, under checksums that hold.
        let bytes = encode(&[(b"key".to_vec(), b"record".repeat(80))]);
        let footer_at = find(&bytes, KIND_FOOTER);
        for head_at in [HEADER_BYTES, footer_at] {
            let mut lying = bytes.clone();
            let start = head_at + at.index(bytes.len() - head_at);
            for (byte, garbage) in lying[start..].iter_mut().zip(&garbage) {
                *byte = *garbage;
            }
            reseal(&mut lying, head_at);
            let _ = decode(&lying);
        }
    }
}
