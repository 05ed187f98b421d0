//! Many seeds, one after the other.

use std::ops::Range;
use std::time::Instant;

use super::client::QUESTIONS;
use super::faults::Fault;
use super::{Outcome, run};
use crate::campaign::{Record, Stretch, check_complete, code};
use crate::generator::CALENDAR_QUESTIONS;
use crate::tally::{self, Head, Tally};

const NAME: &str = "simulation";

/// How many seeds there are between two lines of progress, and two writings of the record.
const STRETCH: u64 = 100;

/// From so many seeds on, everything that can occur must have occurred.
const COMPLETE_FROM: u64 = 200;

/// What any client's command may be answered with, in few words.
const ANSWERS: &[&str] = &["accepted", "as before", "refused"];

const ALL: &[(Head, &[&str])] = &[
    (Head::Commands, tally::COMMANDS),
    (Head::Answers, ANSWERS),
    (Head::Rejections, tally::REJECTIONS),
    (Head::Obstacles, tally::OBSTACLES),
    (Head::Events, tally::EVENTS),
    (Head::Questions, QUESTIONS),
    (Head::Questions, CALENDAR_QUESTIONS),
    (Head::Faults, Fault::ALL),
];

/// Lives through a seed; where that fails, says how to repeat it.
fn try_seed(seed: u64) -> Result<Outcome, String> {
    let tried = std::panic::catch_unwind(|| run(seed));
    let outcome = tried.unwrap_or_else(|_| Err("a panic, which was printed above".into()));
    outcome.inspect_err(|what| {
        println!("seed {seed}: {what}");
        println!("seed {seed} failed; again: scripts/trials simulation {seed}..{}", seed + 1);
    })
}

/// Some seeds, and what all of them came to. One that fails keeps no other from its turn.
fn stretch(seeds: Range<u64>) -> Stretch {
    let mut stretch = Stretch { numbers: seeds.clone(), ..Stretch::default() };
    let begun = Instant::now();
    for seed in seeds.clone() {
        match try_seed(seed) {
            Ok(outcome) => {
                stretch.tally.add(&outcome.tally);
                stretch.crashes += outcome.crashes;
            }
            Err(_) => stretch.failed.push(seed),
        }
    }
    let took = begun.elapsed();
    stretch.seconds = took.as_secs();
    println!(
        "simulation: seeds {}..{} in {:.1} s: {} commands, {} events, {} crashes, {} failed",
        seeds.start,
        seeds.end,
        took.as_secs_f64(),
        stretch.tally.sum(Head::Commands),
        stretch.tally.sum(Head::Events),
        stretch.crashes,
        stretch.failed.len(),
    );
    stretch
}

/// Some seeds, without the record.
fn simulate(seeds: Range<u64>) {
    let (mut tally, mut failed, mut from) = (Tally::default(), Vec::new(), seeds.start);
    while from < seeds.end {
        let to = seeds.end.min(from + STRETCH);
        let stretch = stretch(from..to);
        tally.add(&stretch.tally);
        failed.extend(stretch.failed);
        from = to;
    }
    println!("{tally}");
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
    if seeds.end - seeds.start >= COMPLETE_FROM {
        check_complete(&tally, ALL);
    }
}

/// Goes on where the record ends. The record is written after each stretch, so whoever stops this
/// loses one stretch at the most.
fn go_on(to: u64) {
    let mut failed = Vec::new();
    loop {
        let mut record = Record::read(NAME);
        let from = record.done;
        if from >= to {
            break;
        }
        let stretch = stretch(from..to.min(from + STRETCH));
        record.add(&stretch, &code());
        record.write(NAME);
        failed.extend(stretch.failed);
    }
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}

#[test]
fn every_promise_holds_whatever_is_sent_lost_repeated_and_cut_off() {
    let wanted = std::env::var("HOLDFAST_SEEDS").unwrap_or("0..20".to_owned());
    let (from, to) = wanted.split_once("..").expect("HOLDFAST_SEEDS is FROM..TO, ..TO or ..");
    let to = if to.is_empty() { u64::MAX } else { to.parse().unwrap() };
    match from {
        "" => go_on(to),
        from => simulate(from.parse().unwrap()..to),
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in [7, 42] {
        let (one, other) = (try_seed(seed).unwrap(), try_seed(seed).unwrap());
        assert_eq!(one.trace, other.trace, "seed {seed}");
        assert_eq!(one.tally, other.tally, "seed {seed}");
    }
}
