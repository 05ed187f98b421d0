//! Chance at a power cut: what of the unsynced is kept, and a count of what became of it.
//!
//! In one cut of four nothing unsynced is kept, in one of eight everything. Else each file has its
//! own odds, and each write of it is kept, dropped or torn by them, whatever became of those before.
//!
//! Not here: what a write or a name is.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use rand::Rng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

/// What became of what wasn't synced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Sectors of which the newest version was kept.
    pub sectors_kept: u64,
    /// Sectors of which an older one was, and none that was synced.
    pub sectors_older: u64,
    /// Sectors that are as they were synced.
    pub sectors_dropped: u64,
    /// Writes of which some sectors were kept and others weren't.
    pub writes_torn: u64,
    /// Files in which a write was kept and an earlier one elsewhere in the file wasn't.
    pub files_reordered: u64,
    /// Steps of folders (a name put, removed or changed) that were kept.
    pub names_kept: u64,
    pub names_dropped: u64,
}

impl AddAssign for Losses {
    fn add_assign(&mut self, other: Self) {
        self.sectors_kept += other.sectors_kept;
        self.sectors_older += other.sectors_older;
        self.sectors_dropped += other.sectors_dropped;
        self.writes_torn += other.writes_torn;
        self.files_reordered += other.files_reordered;
        self.names_kept += other.names_kept;
        self.names_dropped += other.names_dropped;
    }
}

/// How many of the writes that could be torn are.
const TORN: f64 = 0.2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    NothingIsKept,
    EverythingIsKept,
    Mixed,
}

/// One power cut.
pub struct Cut<'a> {
    rng: &'a mut StdRng,
    severity: Severity,
    pub losses: Losses,
}

impl<'a> Cut<'a> {
    pub fn new(rng: &'a mut StdRng) -> Self {
        let severity = match rng.random_range(0..8u32) {
            0 | 1 => Severity::NothingIsKept,
            2 => Severity::EverythingIsKept,
            _ => Severity::Mixed,
        };
        Self { rng, severity, losses: Losses::default() }
    }

    /// How many of so many things that happen one after the other have happened.
    pub fn prefix(&mut self, length: usize) -> usize {
        match self.severity {
            Severity::NothingIsKept => 0,
            Severity::EverythingIsKept => length,
            Severity::Mixed => self.rng.random_range(0..=length),
        }
    }

    /// The fates of one file's writes.
    pub fn fates(&mut self) -> Fates {
        let odds = match self.severity {
            Severity::NothingIsKept => 0.0,
            Severity::EverythingIsKept => 1.0,
            Severity::Mixed => self.rng.random(),
        };
        Fates { odds, writes: 0, writes_torn: 0, sectors: BTreeMap::new() }
    }
}

/// What becomes of the writes to one file.
pub struct Fates {
    odds: f64,
    writes: u64,
    writes_torn: u64,
    sectors: BTreeMap<u64, Versions>,
}

/// The writes to one sector, by number.
#[derive(Default)]
struct Versions {
    newest: u64,
    kept: Option<u64>,
}

impl Fates {
    /// Which sectors are kept of the next write.
    pub fn kept(&mut self, cut: &mut Cut<'_>, sectors: &[u64]) -> Vec<u64> {
        let is_torn = cut.severity == Severity::Mixed && cut.rng.random_bool(TORN);
        let is_kept = cut.rng.random_bool(self.odds);
        let mut kept = sectors.to_vec();
        kept.retain(|_| if is_torn { cut.rng.random() } else { is_kept });
        self.writes += 1;
        self.writes_torn += u64::from(!kept.is_empty() && kept.len() < sectors.len());
        for sector in sectors {
            self.sectors.entry(*sector).or_default().newest = self.writes;
        }
        for sector in &kept {
            self.sectors.entry(*sector).or_default().kept = Some(self.writes);
        }
        kept
    }

    /// What became of them all.
    pub fn losses(&self) -> Losses {
        let mut losses = Losses { writes_torn: self.writes_torn, ..Losses::default() };
        for Versions { newest, kept } in self.sectors.values() {
            match kept {
                Some(kept) if kept == newest => losses.sectors_kept += 1,
                Some(_) => losses.sectors_older += 1,
                None => losses.sectors_dropped += 1,
            }
        }
        losses.files_reordered = u64::from(self.is_reordered());
        losses
    }

    fn is_reordered(&self) -> bool {
        let sectors = self.sectors.values();
        let earliest_lost = sectors.clone().filter(|it| it.kept != Some(it.newest));
        let earliest_lost = earliest_lost.map(|it| it.newest).min();
        let latest_kept = sectors.filter_map(|it| it.kept).max();
        earliest_lost.is_some_and(|lost| latest_kept > Some(lost))
    }
}
