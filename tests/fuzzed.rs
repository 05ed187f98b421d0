//! The fuzzer's entries on its corpus, and on some thousand mutations of it: what can be run
//! without the fuzzer and its compiler.
//!
//! `HOLDFAST_FUZZED` says how many mutations each entry gets, `HOLDFAST_SEED` by what they are
//! chosen.
#![allow(clippy::unwrap_used)]

#[path = "../fuzz/entries/mod.rs"]
mod entries;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use holdfast::verify;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore, SeedableRng};

use entries::Server;

/// As many inputs as there are in the corpus at least: fewer have been lost.
const CORPUS_MIN: usize = 5;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn corpus(entry: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(entry);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= CORPUS_MIN, "{files:?}");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Some bytes changed, taken out, put in or taken over from another input.
fn mutate(corpus: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = corpus.choose(rng).unwrap().clone();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=bytes.len());
        let to = (at + rng.random_range(0..9)).min(bytes.len());
        match rng.random_range(0..6u32) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8u32),
            2 => rng.fill_bytes(&mut bytes[at..to]),
            3 => drop(bytes.drain(at..to)),
            4 => drop(bytes.splice(at..at, [[0, 1, 0x7f, 0xff][rng.random_range(0..4)]])),
            _ => {
                let other = corpus.choose(rng).unwrap();
                let from = rng.random_range(0..=other.len());
                let until = (from + rng.random_range(0..40)).min(other.len());
                bytes.splice(at..to, other[from..until].iter().copied());
            }
        }
    }
    bytes
}

/// Feeds the corpus and its mutations; an input that panics is shown in full.
fn feed(entry: &str, mutations: u64, mut take: impl FnMut(&[u8])) {
    let mutations = variable("HOLDFAST_FUZZED", mutations);
    let seed = variable("HOLDFAST_SEED", 20_261_121);
    let mut rng = StdRng::seed_from_u64(seed);
    let corpus = corpus(entry);
    let mut feed = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| take(input))) {
            println!("{entry}, HOLDFAST_SEED={seed}: {input:02x?}");
            resume_unwind(panic);
        }
    };
    corpus.iter().for_each(|input| feed(input));
    (0..mutations).for_each(|_| feed(&mutate(&corpus, &mut rng)));
}

#[test]
fn no_page_panics() {
    feed("page", 20_000, entries::page);
}

#[test]
fn no_stored_value_panics_and_each_that_is_read_is_written_back() {
    feed("event", 50_000, entries::event);
}

#[test]
fn no_snapshot_panics() {
    feed("snapshot", 20_000, entries::snapshot);
}

#[test]
fn every_message_is_answered_and_none_breaks_a_promise() {
    let server = Server::start();
    let mut accepted = 0;
    feed("request", 3_000, |input| accepted += u64::from(server.request(input) == tonic::Code::Ok));
    assert!(accepted > 100, "hardly anything was let in: {accepted}");
    let folder = server.stop();
    let report = verify::run(&folder.path().join("data"), &mut |_| {}).unwrap();
    assert!(report.ok && report.events > 50, "{report:?}");
}
