//! Bytes that are no HTTP/2, and HTTP/2 that is an attack.

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::io::AsyncWriteExt;

use crate::attacked::attack;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
const GOAWAY: u8 = 7;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What every connection begins with.
pub fn beginning() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// `:method POST`, `:scheme http`, then the path and the authority as they are.
fn call_headers() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (name, value) in [(4, "/holdfast.v1.CommandService/Execute"), (1, "x")] {
        block.extend([name, value.len() as u8]);
        block.extend(value.as_bytes());
    }
    block
}

/// Whether these bytes hold a frame that ends the connection.
fn says_goodbye(mut bytes: &[u8]) -> bool {
    while let [a, b, c, kind, ..] = *bytes {
        if kind == GOAWAY {
            return true;
        }
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    false
}

#[test]
fn noise_ends_its_own_connection_only() {
    attack(async |attacked| {
        let mut random = StdRng::seed_from_u64(7);
        let mut open = Vec::new();
        for n in 0..300 {
            let mut noise = vec![0; 1 + n * 16];
            random.fill_bytes(&mut noise);
            let beginning = if n % 2 == 0 { beginning() } else { Vec::new() };
            open.push(attacked.said(&[beginning, noise].concat()).await);
        }
        attacked.serves().await;
    });
}

#[test]
fn calls_that_are_reset_as_fast_as_they_are_made_end_the_connection() {
    attack(async |attacked| {
        for _ in 0..10 {
            let mut bytes = beginning();
            for n in 0..20_000 {
                let stream = 1 + 2 * n;
                bytes.extend(frame(HEADERS, END_HEADERS, stream, &call_headers()));
                bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL));
            }
            let stream = attacked.said(&bytes).await;
            let heard = attacked.hears_the_end_of(stream).await;
            assert!(heard.is_empty() || says_goodbye(&heard));
        }
        attacked.serves().await;
    });
}

#[test]
fn headers_without_end_end_the_connection() {
    attack(async |attacked| {
        for _ in 0..10 {
            let mut stream = attacked.said(&beginning()).await;
            let mut bytes = frame(HEADERS, 0, 1, &call_headers());
            // Each a literal field that isn't to be remembered, of 15 KB.
            let field = [&[0, 1, b'a', 0x7f, 0x99, 0x74][..], &[b'b'; 15_000]].concat();
            for _ in 0..2_000 {
                bytes.extend(frame(CONTINUATION, 0, 1, &field));
            }
            let _ = stream.write_all(&bytes).await;
            attacked.hears_the_end_of(stream).await;
        }
        attacked.serves().await;
    });
}

#[test]
fn pings_whose_answers_nobody_reads_are_not_gathered_without_end() {
    attack(async |attacked| {
        let mut open = Vec::new();
        for _ in 0..10 {
            let stream = attacked.said(&beginning()).await;
            let pings = frame(PING, 0, 0, &[0; 8]).repeat(200_000);
            // Until the server takes no more of them.
            let writing = async move {
                let mut stream = stream;
                let _ = stream.write_all(&pings).await;
                std::future::pending::<()>().await;
            };
            open.push(tokio::spawn(writing));
        }
        attacked.serves().await;
        open.iter().for_each(|it| it.abort());
    });
}
