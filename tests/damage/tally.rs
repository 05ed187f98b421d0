//! What a campaign came to.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::ops::Range;

use crate::harm::Part;
use crate::judgement::{Named, Outcome, Verdict};

/// How many cases ended how.
#[derive(Debug, Default)]
pub struct Tally {
    cases: u64,
    refused: u64,
    refused_when_read: u64,
    made_up_for: u64,
    harmless: u64,
    cut_and_said: u64,
    parts: BTreeMap<Part, u64>,
    named: BTreeMap<Named, u64>,
    /// Each with its seed.
    pub wrong: Vec<String>,
}

impl Tally {
    pub fn count(&mut self, seed: u64, verdict: Verdict) {
        let Verdict { harm, outcome } = verdict;
        self.cases += 1;
        *self.parts.entry(harm.part).or_default() += 1;
        let named = match outcome {
            Outcome::Refused(named) => (&mut self.refused, Some(named)),
            Outcome::RefusedWhenRead(named) => (&mut self.refused_when_read, Some(named)),
            Outcome::MadeUpFor(named) => (&mut self.made_up_for, Some(named)),
            Outcome::Harmless => (&mut self.harmless, None),
            Outcome::CutAndSaid => (&mut self.cut_and_said, None),
            Outcome::Wrong(how) => {
                let told = format!("case {seed}: {harm}: {how}");
                println!("WRONG {told}");
                self.wrong.push(told);
                return;
            }
        };
        *named.0 += 1;
        if let Some(named) = named.1 {
            *self.named.entry(named).or_default() += 1;
        }
    }

    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.refused += other.refused;
        self.refused_when_read += other.refused_when_read;
        self.made_up_for += other.made_up_for;
        self.harmless += other.harmless;
        self.cut_and_said += other.cut_and_said;
        other.parts.into_iter().for_each(|(part, n)| *self.parts.entry(part).or_default() += n);
        other.named.into_iter().for_each(|(how, n)| *self.named.entry(how).or_default() += n);
        self.wrong.extend(other.wrong);
    }

    /// Cases in which the damage was told.
    pub fn told(&self) -> u64 {
        self.refused + self.refused_when_read + self.made_up_for
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cases: {} refused, {} refused when read, {} made up for, {} harmless, {} cut and \
             said, {} WRONG; parts {:?}; named {:?}",
            self.cases,
            self.refused,
            self.refused_when_read,
            self.made_up_for,
            self.harmless,
            self.cut_and_said,
            self.wrong.len(),
            self.parts,
            self.named,
        )
    }
}

/// Writes a stretch's tally down, where somebody wants it.
pub fn keep(cases: Range<u64>, tally: &Tally) {
    let Ok(path) = std::env::var("HOLDFAST_TALLY") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{}..{}: {tally}", cases.start, cases.end).unwrap();
}
