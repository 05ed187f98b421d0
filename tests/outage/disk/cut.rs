//! Chance at a power cut: what of the unsynced is kept, and a count of what became of it.
//!
//! In one cut of four nothing unsynced is kept, in one of eight everything. Else each file has its
//! own odds, and each write of it is kept, dropped or torn by them, whatever became of those before.
//!
//! Not here: what a write or a name is.

use std::ops::AddAssign;

use rand::Rng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

/// What became of what wasn't synced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    pub writes_kept: u64,
    pub writes_dropped: u64,
    /// Kept in some of their sectors.
    pub writes_torn: u64,
    /// Kept where one before it in the same file wasn't, or not whole.
    pub writes_reordered: u64,
    /// Steps of folders (a name put, removed or changed) that were kept.
    pub names_kept: u64,
    pub names_dropped: u64,
}

impl AddAssign for Losses {
    fn add_assign(&mut self, other: Self) {
        self.writes_kept += other.writes_kept;
        self.writes_dropped += other.writes_dropped;
        self.writes_torn += other.writes_torn;
        self.writes_reordered += other.writes_reordered;
        self.names_kept += other.names_kept;
        self.names_dropped += other.names_dropped;
    }
}

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
        Fates { odds, has_lost: false }
    }
}

/// What becomes of the writes to one file.
pub struct Fates {
    odds: f64,
    has_lost: bool,
}

impl Fates {
    /// Which sectors are kept of the next write.
    pub fn sectors_kept(&mut self, cut: &mut Cut<'_>, sectors: usize) -> Vec<bool> {
        let is_mixed = cut.severity == Severity::Mixed;
        let kept = if is_mixed && sectors > 1 && cut.rng.random_bool(0.2) {
            (0..sectors).map(|_| cut.rng.random()).collect()
        } else {
            vec![cut.rng.random_bool(self.odds); sectors]
        };
        self.count(&mut cut.losses, &kept);
        kept
    }

    fn count(&mut self, losses: &mut Losses, kept: &[bool]) {
        let sectors = kept.iter().filter(|is_kept| **is_kept).count();
        losses.writes_reordered += u64::from(self.has_lost && sectors > 0);
        self.has_lost |= sectors < kept.len();
        match sectors {
            0 => losses.writes_dropped += 1,
            _ if sectors == kept.len() => losses.writes_kept += 1,
            _ => losses.writes_torn += 1,
        }
    }
}
