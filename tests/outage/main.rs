//! A real server that is ended again and again, and what is left of its promises.
//!
//! ```text
//!   start ─▶ check what was promised ─▶ load ─▶ end ─▶ (start, end before it is ready) ─▶ start …
//!              │ every acknowledgement is in the log, at its version and position
//!              │ positions and versions are dense, no request took effect twice
//!              └ some hundred commands, sent again, answer as they did
//! ```
//!
//! It is killed on the disk of this machine, or loses the power on a disk of our own, which forgets
//! what nobody synced. After 20 such ends a folder is done: the balances, claims and records that
//! the server tells are those that its log says, the folder is verified, and a new one begins.
//!
//! Beside these: a short life that ends before each step on its disk in turn (`steps`), and a disk
//! that is full (`full_disk`).
//!
//! | variable | what |
//! | --- | --- |
//! | `HOLDFAST_KILLS` | how many kills under load; 20 |
//! | `HOLDFAST_POWER_CUTS` | how many power cuts under load; 30 |
//! | `HOLDFAST_STEPS` | before how many steps the short life ends, evenly spread; 10 |
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
mod full_disk;
mod ledger;
mod load;
mod promises;
mod reading;
mod steps;
mod tally;
mod trigger;
mod verification;

use futures::future::join_all;

use folder::Folder;
use full_disk::Filling;
use tally::{Campaign, Counted, Tally};

const ENDS_OF_A_FOLDER: u64 = 20;
/// Two, as each waits at times: for its disk, and for holds to end.
const FOLDERS_AT_ONCE: u64 = 2;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn seed() -> u64 {
    variable("HOLDFAST_SEED", rand::random::<u32>().into())
}

/// Says aloud what can't be tried here.
fn is_skipped(obstacle: Option<String>) -> bool {
    if let Some(obstacle) = &obstacle {
        println!("SKIPPED: {obstacle}");
    }
    obstacle.is_some()
}

fn wait<T>(trial: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(trial)
}

/// Some folders after the others, until there were so many ends of the kind that is counted.
fn run(ends: u64, counted: Counted, folder: fn(u64, u64) -> Folder) {
    let load_ms_max = variable("HOLDFAST_LOAD_MS", 1_500);
    let mut campaign = Campaign::begin(seed());
    println!("HOLDFAST_SEED={}", campaign.tally.seed);
    while counted(&campaign.tally) < ends {
        let left = ends - counted(&campaign.tally);
        let ends_of_each = left.div_ceil(FOLDERS_AT_ONCE).min(ENDS_OF_A_FOLDER);
        let folders: Vec<_> = (0..FOLDERS_AT_ONCE.min(left))
            .map(|n| folder(campaign.seed_of_next(n), load_ms_max))
            .collect();
        for tally in wait(endure(folders, ends_of_each, counted)) {
            campaign.tally += tally;
        }
        campaign.progress(counted, ends);
    }
}

async fn endure(folders: Vec<Folder>, ends: u64, counted: Counted) -> Vec<Tally> {
    let folders = folders.into_iter().map(|folder| tokio::spawn(folder.endure(ends, counted)));
    join_all(folders).await.into_iter().map(Result::unwrap).collect()
}

#[test]
fn whatever_was_acknowledged_survives_being_killed_and_nothing_happens_twice() {
    run(variable("HOLDFAST_KILLS", 20), |tally| tally.kills, Folder::new);
}

#[test]
fn whatever_was_acknowledged_survives_a_power_cut_and_nothing_happens_twice() {
    if !is_skipped(disk::obstacle()) {
        let cuts = variable("HOLDFAST_POWER_CUTS", 30);
        run(cuts, |tally| tally.power_cuts, Folder::on_own_disk);
    }
}

#[test]
fn an_end_before_any_step_of_a_short_life_breaks_no_promise() {
    if !is_skipped(disk::obstacle()) {
        let tally = wait(steps::run(variable("HOLDFAST_STEPS", 10), seed()));
        println!("{tally}");
    }
}

#[test]
fn a_disk_that_fills_up_ends_the_server_clearly_and_with_room_again_nothing_is_missing() {
    match Filling::mount(8) {
        Ok(disk) => wait(full_disk::fill_and_come_back(&disk)),
        Err(obstacle) => drop(is_skipped(Some(obstacle))),
    }
}

#[test]
fn with_the_default_settings_commands_are_refused_before_the_disk_is_full() {
    match Filling::mount(1_024 + 8) {
        Ok(disk) => wait(full_disk::stop_short(&disk)),
        Err(obstacle) => drop(is_skipped(Some(obstacle))),
    }
}
