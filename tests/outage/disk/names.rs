//! A folder: the names that its readers see, and those that the disk would keep.
//!
//! Until the folder is synced, what was done to its names is in volatile memory alone. At a power
//! cut a beginning of it is kept, as a journal would: a name that was put before another is kept
//! where the other is. Each folder has a beginning of its own, and a file's sync doesn't keep its
//! name, so this allows for more than any one file system does, and leans on none.
//!
//! Not here: what the names stand for.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::cut::Cut;

pub type Table = BTreeMap<OsString, u64>;

#[derive(Clone)]
enum Step {
    Put(OsString, u64),
    Remove(OsString),
    Rename(OsString, OsString),
}

impl Step {
    fn apply(&self, table: &mut Table) {
        match self {
            Self::Put(name, node) => {
                table.insert(name.clone(), *node);
            }
            Self::Remove(name) => {
                table.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(node) = table.remove(from) {
                    table.insert(to.clone(), node);
                }
            }
        }
    }
}

/// A folder.
#[derive(Clone, Default)]
pub struct Names {
    seen: Table,
    kept: Table,
    unsynced: Vec<Step>,
}

impl Names {
    /// What readers see.
    pub fn seen(&self) -> &Table {
        &self.seen
    }

    pub fn put(&mut self, name: &OsStr, node: u64) {
        self.step(Step::Put(name.to_owned(), node));
    }

    pub fn remove(&mut self, name: &OsStr) {
        self.step(Step::Remove(name.to_owned()));
    }

    pub fn rename(&mut self, from: &OsStr, to: &OsStr) {
        self.step(Step::Rename(from.to_owned(), to.to_owned()));
    }

    fn step(&mut self, step: Step) {
        step.apply(&mut self.seen);
        self.unsynced.push(step);
    }

    pub fn sync(&mut self) {
        self.kept.clone_from(&self.seen);
        self.unsynced.clear();
    }

    /// The folder as it is found after a power cut.
    pub fn after_cut(&self, cut: &mut Cut<'_>) -> Self {
        let steps = cut.prefix(self.unsynced.len());
        cut.losses.names_kept += steps as u64;
        cut.losses.names_dropped += (self.unsynced.len() - steps) as u64;
        let mut survivor = self.kept.clone();
        for step in &self.unsynced[..steps] {
            step.apply(&mut survivor);
        }
        Self { seen: survivor.clone(), kept: survivor, unsynced: Vec::new() }
    }
}
