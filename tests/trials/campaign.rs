//! What is told to the campaigns, and what they have come to so far.
//!
//! | variable | what |
//! | --- | --- |
//! | `HOLDFAST_SEEDS` | which seeds to simulate, as `FROM..TO`; or `on`, to go on where the record ends; 20 |
//! | `HOLDFAST_HISTORY` | how many commands to send to a real server; or `on:COMMANDS`, to add them to the record; 5,000 |
//!
//! The records are `docs/campaigns/simulation.toml` and `docs/campaigns/history.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::tally::{Head, Tally};

/// What a campaign has come to, as its file holds it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// When something was last added.
    pub date: String,
    /// How many seeds (from 0), or rounds.
    pub done: u64,
    /// How many of them showed that something doesn't hold.
    pub failures: u64,
    pub seconds: u64,
    pub crashes: u64,
    /// How often what occurred, under its head.
    pub counts: BTreeMap<String, BTreeMap<String, u64>>,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/campaigns").join(format!("{name}.toml"))
}

impl Record {
    /// What the record says; an empty one where there is none.
    pub fn read(name: &str) -> Self {
        match std::fs::read_to_string(path(name)) {
            Ok(text) => toml::from_str(&text).unwrap(),
            Err(_) => Self::default(),
        }
    }

    pub fn write(&mut self, name: &str) {
        let now = jiff::Timestamp::now().to_string();
        self.date = now.split('T').next().unwrap().to_owned();
        let text = format!(
            "# What scripts/trials {name} has come to; it goes on from here.\n\n{}",
            toml::to_string(self).unwrap()
        );
        // Whoever stops it finds the record before or after, and nothing in between.
        let path = path(name);
        let beside = path.with_extension("new");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    pub fn add(&mut self, tally: &Tally) {
        for head in Head::ALL {
            let counts = self.counts.entry(head.name().to_owned()).or_default();
            for (name, count) in tally.of(head) {
                *counts.entry(name.to_owned()).or_default() += count;
            }
        }
    }
}

/// Checks that everything that can occur has occurred.
pub fn check_complete(tally: &Tally, all: &[(Head, &'static [&'static str])]) {
    let missing: Vec<_> =
        all.iter().map(|(head, names)| (head, tally.missing(*head, names))).collect();
    let is_complete = missing.iter().all(|(_, names)| names.is_empty());
    assert!(is_complete, "never occurred: {missing:?}");
}
