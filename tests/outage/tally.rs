//! What a trial came to: counted, told, and kept in a file where it is a long one.
//!
//! Not here: judging. A count of what was lost is a count.

use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::disk::Losses;

/// What a trial came to so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tally {
    /// What everything was chosen by: folder n by the n-th number after it.
    pub seed: u64,
    pub folders: u64,
    pub kills: u64,
    pub power_cuts: u64,
    /// Of all these, those in the midst of a snapshot, and before the server was ready.
    pub in_snapshots: u64,
    pub in_recovery: u64,
    pub acknowledgements: u64,
    /// Acknowledgements that weren't kept.
    pub lost: u64,
    pub events: u64,
    pub sent_again: u64,
    /// Commands without an answer, and how many of them had taken effect.
    pub unanswered: u64,
    pub took_effect: u64,
    pub seconds: f64,
    /// What became of writes and names that nobody had synced.
    pub unsynced: Losses,
}

/// Which of the counts a trial goes by.
pub type Counted = fn(&Tally) -> u64;

/// What one folder came to is added to what there is.
impl AddAssign for Tally {
    fn add_assign(&mut self, folder: Self) {
        self.folders += folder.folders;
        self.kills += folder.kills;
        self.power_cuts += folder.power_cuts;
        self.in_snapshots += folder.in_snapshots;
        self.in_recovery += folder.in_recovery;
        self.acknowledgements += folder.acknowledgements;
        self.lost += folder.lost;
        self.events += folder.events;
        self.sent_again += folder.sent_again;
        self.unanswered += folder.unanswered;
        self.took_effect += folder.took_effect;
        self.unsynced += folder.unsynced;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills and {} power cuts ({} inside a snapshot, {} inside recovery) on {} folders in \
             {:.0} s; {} acknowledgements checked, {:.0}/s, {} lost; {} events read; {} commands \
             sent again; of {} commands without an answer {} took effect, each once",
            self.kills,
            self.power_cuts,
            self.in_snapshots,
            self.in_recovery,
            self.folders,
            self.seconds,
            self.acknowledgements,
            self.acknowledgements as f64 / self.seconds.max(0.001),
            self.lost,
            self.events,
            self.sent_again,
            self.unanswered,
            self.took_effect,
        )?;
        if self.power_cuts == 0 {
            return Ok(());
        }
        let unsynced = &self.unsynced;
        write!(
            f,
            "; of sectors that nobody had synced {} kept, {} as they were in between, {} dropped, \
             {} writes torn, {} files reordered; of names {} kept, {} dropped",
            unsynced.sectors_kept,
            unsynced.sectors_older,
            unsynced.sectors_dropped,
            unsynced.writes_torn,
            unsynced.files_reordered,
            unsynced.names_kept,
            unsynced.names_dropped,
        )
    }
}

/// A trial that goes on where it was left, if there is a file for it.
pub struct Campaign {
    pub tally: Tally,
    file: Option<PathBuf>,
    before: f64,
    begun: Instant,
}

impl Campaign {
    /// Begins, or goes on. The file is the one that `HOLDFAST_TALLY` names.
    pub fn begin(seed: u64) -> Self {
        let file = std::env::var_os("HOLDFAST_TALLY").map(PathBuf::from);
        let before = file.as_ref().filter(|file| file.exists());
        let tally = match before {
            Some(file) => toml::from_str(&fs::read_to_string(file).unwrap()).unwrap(),
            None => Tally { seed, ..Tally::default() },
        };
        Self { before: tally.seconds, tally, file, begun: Instant::now() }
    }

    /// The seed of the n-th of the next folders.
    pub fn seed_of_next(&self, n: u64) -> u64 {
        self.tally.seed.wrapping_add(self.tally.folders + n)
    }

    /// Tells how far it has come, writes it down, and ends the trial where something was lost.
    pub fn progress(&mut self, counted: Counted, of: u64) {
        self.tally.seconds = self.before + self.begun.elapsed().as_secs_f64();
        let tally = &self.tally;
        println!("{} of {of}: {tally}, HOLDFAST_SEED={}", counted(tally), tally.seed);
        if let Some(file) = &self.file {
            let new = file.with_extension("new");
            fs::write(&new, toml::to_string(tally).unwrap()).unwrap();
            fs::rename(new, file).unwrap();
        }
        assert_eq!(tally.lost, 0, "acknowledgements are lost");
    }
}
