//! A real server that is ended again and again, and what is left of its promises.
//!
//! ```text
//!   start ─▶ check what was promised ─▶ load ─▶ end ─▶ (start, end before it is ready) ─▶ start …
//!              │ every acknowledgement is in the log, at its version and position
//!              │ positions and versions are dense, no request took effect twice
//!              └ some hundred commands, sent again, answer as they did
//! ```
//!
//! It is killed on a disk of this machine, or loses the power on a disk of our own, which forgets
//! what nobody synced. After 20 such ends a folder is done: the balances, claims and records that
//! the server tells are those that its log says, the folder is verified, and the next one begins.
//!
//! | variable | what |
//! | --- | --- |
//! | `HOLDFAST_KILLS`, `HOLDFAST_POWER_CUTS` | how many kills or power cuts; 20 and 30 |
//! | `HOLDFAST_SEED` | what everything is chosen by; printed |
//! | `HOLDFAST_LOAD_MS` | the longest load before an end; 1,500 |
//! | `HOLDFAST_TALLY` | a file in which a long trial is counted, and by which it goes on |
#![allow(clippy::unwrap_used)]

#[path = "../support/process.rs"]
mod process;
#[path = "../support/requests.rs"]
mod requests;
#[path = "../support/server.rs"]
mod server;

mod disk;
mod folder;
mod ledger;
mod load;
mod promises;
mod reading;
mod tally;
mod trigger;
mod verification;

use folder::Folder;
use tally::Campaign;

const OUTAGES_OF_A_FOLDER: u64 = 20;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// One folder after the other, until there were so many outages.
fn run(outages: u64, folder: impl Fn(u64, u64) -> Folder) {
    let load_ms_max = variable("HOLDFAST_LOAD_MS", 1_500);
    let mut campaign = Campaign::begin(variable("HOLDFAST_SEED", rand::random::<u32>().into()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("HOLDFAST_SEED={}", campaign.tally.seed);
    while campaign.tally.outages() < outages {
        let some = OUTAGES_OF_A_FOLDER.min(outages - campaign.tally.outages());
        let folder = folder(campaign.next_seed(), load_ms_max);
        runtime.block_on(folder.endure(some, &mut campaign.tally));
        campaign.progress(outages);
    }
}

#[test]
fn whatever_was_acknowledged_survives_being_killed_and_nothing_happens_twice() {
    run(variable("HOLDFAST_KILLS", 20), Folder::new);
}

#[test]
fn whatever_was_acknowledged_survives_a_power_cut_and_nothing_happens_twice() {
    if let Some(obstacle) = disk::obstacle() {
        println!("SKIPPED: {obstacle}");
        return;
    }
    run(variable("HOLDFAST_POWER_CUTS", 30), Folder::on_own_disk);
}
