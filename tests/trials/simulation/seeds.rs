//! Many seeds, one after the other.

use std::ops::Range;
use std::time::Instant;

use super::client::QUESTIONS;
use super::faults::Fault;
use super::{Outcome, run};
use crate::campaign::{Record, check_complete};
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
    (Head::Events, tally::EVENTS),
    (Head::Questions, QUESTIONS),
    (Head::Faults, Fault::ALL),
];

/// Says how to repeat a seed that ends in a panic.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed) = *self;
            println!("seed {seed} failed; again: scripts/trials simulation {seed}..{}", seed + 1);
        }
    }
}

fn live(seed: u64) -> Outcome {
    let _named = Named(seed);
    run(seed).unwrap_or_else(|what| panic!("seed {seed}: {what}"))
}

/// Some seeds, and what all of them came to.
fn stretch(seeds: Range<u64>) -> (Tally, u64) {
    let (mut tally, mut crashes) = (Tally::default(), 0);
    let begun = Instant::now();
    for seed in seeds.clone() {
        let outcome = live(seed);
        tally.add(&outcome.tally);
        crashes += outcome.crashes;
    }
    println!(
        "simulation: seeds {}..{} in {:.1} s: {} commands, {} events, {crashes} crashes",
        seeds.start,
        seeds.end,
        begun.elapsed().as_secs_f64(),
        tally.sum(Head::Commands),
        tally.sum(Head::Events),
    );
    (tally, crashes)
}

fn simulate(seeds: Range<u64>) {
    let (mut tally, mut from) = (Tally::default(), seeds.start);
    while from < seeds.end {
        let to = seeds.end.min(from + STRETCH);
        tally.add(&stretch(from..to).0);
        from = to;
    }
    println!("{tally}");
    if seeds.end - seeds.start >= COMPLETE_FROM {
        check_complete(&tally, ALL);
    }
}

/// Goes on where the record ends, until somebody stops it.
fn go_on() {
    loop {
        let mut record = Record::read(NAME);
        let (begun, from) = (Instant::now(), record.done);
        let stretch = std::panic::catch_unwind(|| stretch(from..from + STRETCH));
        record.done += STRETCH;
        record.seconds += begun.elapsed().as_secs();
        match stretch {
            Ok((tally, crashes)) => {
                record.add(&tally);
                record.crashes += crashes;
            }
            Err(_) => record.failures += 1,
        }
        record.write(NAME);
    }
}

#[test]
fn every_promise_holds_whatever_is_sent_lost_repeated_and_cut_off() {
    match std::env::var("HOLDFAST_SEEDS").as_deref() {
        Ok("on") => go_on(),
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("HOLDFAST_SEEDS is FROM..TO, or `on`");
            simulate(from.parse().unwrap()..to.parse().unwrap());
        }
        Err(_) => simulate(0..20),
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in [7, 42] {
        let (one, other) = (live(seed), live(seed));
        assert_eq!(one.trace, other.trace, "seed {seed}");
        assert_eq!(one.tally, other.tally, "seed {seed}");
    }
}
