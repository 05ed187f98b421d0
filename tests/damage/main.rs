//! A data folder that is damaged in a way chosen by a seed, again and again, and what is made of it.
//!
//! ```text
//!   template ──copy, harm by seed──▶ holdfast verify ──▶ holdfast serve ──▶ digest, every event,
//!   (made once, by a real server)                                          every entity
//! ```
//!
//! Each case must end as one of these; all else is a wrong answer, which fails the test:
//!
//! | outcome | what it means |
//! | --- | --- |
//! | refused | no start, with a message that names what is damaged |
//! | refused when read | the state is right, and the rest is refused where somebody reads what is damaged |
//! | made up for | the state is right, and `verify` tells of the damage |
//! | harmless | the state is right, and `verify` finds nothing wrong |
//! | cut, and said | the marker is damaged and the end is gone, as after a crash: the server says so |
//!
//! | variable | what |
//! | --- | --- |
//! | `HOLDFAST_DAMAGE` | which cases, as `FROM..TO`; `0..150` |
//! | `HOLDFAST_TALLY` | a file that gets a line for every hundred cases |
//!
//! The folder is made anew by each run, so a seed names a way to damage it and not its bytes.
//!
//! Not here: a folder that was put back as a whole to an older state, which nothing in it shows.
#![allow(clippy::unwrap_used)]

#[path = "../support/process.rs"]
mod process;
#[path = "../support/requests.rs"]
mod requests;
#[path = "../support/server.rs"]
mod server;

mod harm;
mod judgement;
mod knowledge;
mod tally;
mod template;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, thread};

use tally::{Tally, keep};
use template::Template;

/// Cases that run at once.
const WORKERS: usize = 3;
/// After how many the tally is written down.
const STRETCH: u64 = 100;

fn cases() -> Range<u64> {
    let text = env::var("HOLDFAST_DAMAGE").unwrap_or_else(|_| "0..150".to_owned());
    let (from, to) = text.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn damage_is_refused_by_name_or_changes_nothing() {
    let templates = [Template::killed(), Template::stopped()];
    let cases = cases();
    let mut total = Tally::default();
    let mut from = cases.start;
    while from < cases.end {
        let to = cases.end.min((from / STRETCH + 1) * STRETCH);
        let tally = run(&templates, from..to);
        keep(from..to, &tally);
        total.add(tally);
        from = to;
    }
    println!("damage {}..{}: {total}", cases.start, cases.end);
    assert!(total.wrong.is_empty(), "{:#?}", total.wrong);
    assert!(total.told() > 0, "nothing was damaged so that it mattered");
}

fn run(templates: &[Template], cases: Range<u64>) -> Tally {
    let (next, tally) = (AtomicU64::new(cases.start), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= cases.end {
                        return;
                    }
                    let template = &templates[(seed % templates.len() as u64) as usize];
                    let verdict = judgement::judge(template, seed);
                    tally.lock().unwrap().count(seed, verdict);
                }
            });
        }
    });
    tally.into_inner().unwrap()
}
