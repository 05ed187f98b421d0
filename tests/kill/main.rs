//! A real server, killed again and again under full load, and what is left of its promises.
//!
//! ```text
//!   start ─▶ check what was promised ─▶ load ─▶ kill ─▶ (start, kill before it is ready) ─▶ start …
//!              │ every acknowledgement is in the log, at its version and position
//!              │ positions and versions are dense, no request took effect twice
//!              └ some hundred commands, sent again, answer as they did
//! ```
//!
//! After every 20 kills a folder is done: the balances, claims and records that the server tells
//! are those that its log says, the folder is verified, and the next kill begins a new one.
//!
//! | variable | what |
//! | --- | --- |
//! | `HOLDFAST_KILLS` | how many kills; 20 |
//! | `HOLDFAST_SEED` | what everything is chosen by; printed |
//! | `HOLDFAST_LOAD_MS` | the longest load before a kill; 1,500 |
#![allow(clippy::unwrap_used)]

#[path = "../support/process.rs"]
mod process;
#[path = "../support/requests.rs"]
mod requests;
#[path = "../support/server.rs"]
mod server;

mod ledger;
mod load;
mod reading;
mod trial;
mod trigger;
mod verification;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn whatever_was_acknowledged_survives_being_killed_and_nothing_happens_twice() {
    let kills = variable("HOLDFAST_KILLS", 20);
    let seed = variable("HOLDFAST_SEED", rand::random());
    let load_ms_max = variable("HOLDFAST_LOAD_MS", 1_500);
    println!("kill trial: {kills} kills, HOLDFAST_SEED={seed}");
    let tally = trial::run(trial::Plan { kills, seed, load_ms_max });
    println!("{tally}, HOLDFAST_SEED={seed}");
    assert!(tally.kills >= kills && tally.acknowledgements > 0, "{tally}");
}
