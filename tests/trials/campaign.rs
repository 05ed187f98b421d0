//! What is told to the campaigns, and what they have come to so far.
//!
//! | variable | what |
//! | --- | --- |
//! | `HOLDFAST_SEEDS` | which seeds to simulate, as `FROM..TO`; or `..TO`, from where the record ends, or `..`, without an end; 20 |
//! | `HOLDFAST_HISTORY` | how many commands to send to a real server; or `on:COMMANDS`, to add them to the record; 5,000 |
//! | `HOLDFAST_CODE` | what the record calls the code that is tried; unknown |
//!
//! The records are `docs/campaigns/simulation.toml` and `docs/campaigns/history.toml`. A record is a sum
//! over everything that was ever added, whatever the code was then: its runs say with which code each
//! number was tried, and which numbers failed. A number is tried once, and what failed counts for
//! nothing else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::tally::{Head, Tally};

/// What a campaign has come to, as its file holds it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How many seeds, or rounds, were tried: those from 0 on.
    pub done: u64,
    /// How many of them showed that something doesn't hold.
    failures: u64,
    seconds: u64,
    crashes: u64,
    /// How often what occurred, under its head.
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    /// With which code, oldest first.
    runs: Vec<Run>,
}

/// Seeds, or rounds, that were tried with the same code.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// The last commit that changed the code; with a `+` where it had changed since.
    code: String,
    /// When something was last added.
    date: String,
    from: u64,
    to: u64,
    failed: Vec<u64>,
}

/// What some seeds, or rounds, have come to.
#[derive(Debug, Default)]
pub struct Stretch {
    pub numbers: Range<u64>,
    pub failed: Vec<u64>,
    pub seconds: u64,
    pub crashes: u64,
    pub tally: Tally,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/campaigns").join(format!("{name}.toml"))
}

/// What the code that is tried is called.
pub fn code() -> String {
    std::env::var("HOLDFAST_CODE").unwrap_or("unknown".to_owned())
}

impl Record {
    /// What the record says; an empty one where there is none.
    pub fn read(name: &str) -> Self {
        match std::fs::read_to_string(path(name)) {
            Ok(text) => toml::from_str(&text).unwrap(),
            Err(_) => Self::default(),
        }
    }

    pub fn write(&self, name: &str) {
        let text = format!(
            "# What scripts/trials {name} has come to, over all runs; it goes on from here.\n\n{}",
            toml::to_string(self).unwrap()
        );
        // Whoever stops it finds the record before or after, and nothing in between.
        let path = path(name);
        let beside = path.with_extension("new");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    /// Adds the next numbers, which were tried with this code.
    pub fn add(&mut self, stretch: &Stretch, code: &str) {
        let Stretch { numbers, failed, seconds, crashes, tally } = stretch;
        assert_eq!(numbers.start, self.done, "another campaign has written the record meanwhile");
        self.done = numbers.end;
        self.failures += failed.len() as u64;
        self.seconds += seconds;
        self.crashes += crashes;
        for head in Head::ALL {
            let counts = self.counts.entry(head.name().to_owned()).or_default();
            for (name, count) in tally.of(head) {
                *counts.entry(name.to_owned()).or_default() += count;
            }
        }
        let run = self.run_of(code);
        run.to = numbers.end;
        run.failed.extend(failed);
    }

    /// The last run, where it was of this code; else a new one.
    fn run_of(&mut self, code: &str) -> &mut Run {
        let date = jiff::Timestamp::now().strftime("%F").to_string();
        let from = self.runs.last().map_or(0, |run| run.to);
        if self.runs.last().is_none_or(|run| run.code != code) {
            let (code, date) = (code.to_owned(), date.clone());
            self.runs.push(Run { code, date, from, to: from, failed: Vec::new() });
        }
        let run = self.runs.last_mut().expect("there is one now");
        run.date = date;
        run
    }
}

/// Checks that everything that can occur has occurred.
pub fn check_complete(tally: &Tally, all: &[(Head, &'static [&'static str])]) {
    let missing: Vec<_> =
        all.iter().map(|(head, names)| (head, tally.missing(*head, names))).collect();
    let is_complete = missing.iter().all(|(_, names)| names.is_empty());
    assert!(is_complete, "never occurred: {missing:?}");
}

mod tests {
    use super::*;

    fn stretch(numbers: Range<u64>, failed: &[u64], holds: u64) -> Stretch {
        let mut tally = Tally::default();
        (0..holds).for_each(|_| tally.count(Head::Events, "ReservationCreated"));
        Stretch { numbers, failed: failed.to_vec(), seconds: 7, crashes: 5, tally }
    }

    #[test]
    fn a_record_is_the_sum_of_what_was_added_and_names_what_failed_with_which_code() {
        let mut record = Record::default();
        record.add(&stretch(0..100, &[], 3), "one");
        record.add(&stretch(100..200, &[120, 199], 0), "one");
        record.add(&stretch(200..210, &[204], 4), "other");
        // As it is read when the campaign goes on.
        let mut record: Record = toml::from_str(&toml::to_string(&record).unwrap()).unwrap();
        record.add(&stretch(210..300, &[], 1), "one");
        assert_eq!((record.done, record.failures), (300, 3));
        assert_eq!((record.seconds, record.crashes), (28, 20));
        assert_eq!(record.counts["events"], BTreeMap::from([("ReservationCreated".into(), 8)]));
        let runs: Vec<_> = record
            .runs
            .iter()
            .map(|run| (run.code.as_str(), run.from..run.to, run.failed.as_slice()))
            .collect();
        let (first, second) = (("one", 0..200, &[120, 199][..]), ("other", 200..210, &[204][..]));
        assert_eq!(runs, [first, second, ("one", 210..300, &[])]);
    }

    #[test]
    #[should_panic(expected = "another campaign")]
    fn what_was_tried_before_is_not_added_again() {
        let mut record = Record::default();
        record.add(&stretch(0..100, &[], 3), "one");
        record.add(&stretch(0..100, &[], 3), "one");
    }
}
