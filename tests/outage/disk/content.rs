//! A file: what readers see of it, and what the disk would keep of it.
//!
//! Until a sync, a write is in volatile memory alone. At a power cut each 512-byte sector is one of
//! the versions that it went through since the last sync, and the length one of those that the file
//! went through; what a length reaches and no sector was kept for reads as zeros.
//!
//! Not here: names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cut::Cut;

const SECTOR: u64 = 512;
const PAGE: u64 = 4096;

type Page = [u8; PAGE as usize];

/// Bytes, of which zeros needn't be stored. A copy shares what neither changes.
#[derive(Clone, Default)]
pub struct Bytes {
    length: u64,
    pages: BTreeMap<u64, Arc<Page>>,
}

/// The parts of a range that lie in one block each: the block's number, and the range in it.
fn blocks(size: u64, offset: u64, length: u64) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + length;
    (offset / size..end.div_ceil(size)).map(move |block| {
        let base = block * size;
        let (from, to) = (offset.max(base) - base, end.min(base + size) - base);
        (block, from as usize, to as usize)
    })
}

impl Bytes {
    pub fn length(&self) -> u64 {
        self.length
    }

    /// At most so many bytes; fewer at the end.
    pub fn read(&self, offset: u64, length: u64) -> Vec<u8> {
        let length = length.min(self.length.saturating_sub(offset));
        let mut bytes = Vec::with_capacity(length as usize);
        for (page, from, to) in blocks(PAGE, offset, length) {
            match self.pages.get(&page) {
                Some(page) => bytes.extend_from_slice(&page[from..to]),
                None => bytes.resize(bytes.len() + to - from, 0),
            }
        }
        bytes
    }

    fn write(&mut self, offset: u64, mut bytes: &[u8]) {
        self.length = self.length.max(offset + bytes.len() as u64);
        for (page, from, to) in blocks(PAGE, offset, bytes.len() as u64) {
            let (now, later) = bytes.split_at(to - from);
            let page = self.pages.entry(page).or_insert_with(|| Arc::new([0; PAGE as usize]));
            Arc::make_mut(page)[from..to].copy_from_slice(now);
            bytes = later;
        }
    }

    fn resize(&mut self, length: u64) {
        let _ = self.pages.split_off(&length.div_ceil(PAGE));
        if let Some(page) = self.pages.get_mut(&(length / PAGE)) {
            Arc::make_mut(page)[(length % PAGE) as usize..].fill(0);
        }
        self.length = length;
    }

    /// Takes over one sector as it is in `other`, whatever the length.
    fn take_sector(&mut self, other: &Self, sector: u64) {
        let offset = sector * SECTOR;
        let length = self.length;
        self.write(offset, &other.padded_sector(offset));
        self.length = length;
    }

    fn padded_sector(&self, offset: u64) -> [u8; SECTOR as usize] {
        let from = (offset % PAGE) as usize;
        let mut sector = [0; SECTOR as usize];
        if let Some(page) = self.pages.get(&(offset / PAGE)) {
            sector.copy_from_slice(&page[from..from + SECTOR as usize]);
        }
        sector
    }
}

/// What was done to a file since its last sync.
#[derive(Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Resize { length: u64 },
}

impl Change {
    fn apply(&self, bytes: &mut Bytes) {
        match self {
            Self::Write { offset, bytes: written } => bytes.write(*offset, written),
            Self::Resize { length } => bytes.resize(*length),
        }
    }
}

/// A file.
#[derive(Clone, Default)]
pub struct Content {
    seen: Bytes,
    kept: Bytes,
    unsynced: Vec<Change>,
}

impl Content {
    /// What readers see.
    pub fn seen(&self) -> &Bytes {
        &self.seen
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.change(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub fn resize(&mut self, length: u64) {
        self.change(Change::Resize { length });
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    pub fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.kept);
        }
    }

    /// The file as it is found after a power cut.
    pub fn after_cut(&self, cut: &mut Cut<'_>) -> Self {
        let lengths_kept = cut.prefix(self.unsynced.len());
        let mut fates = cut.fates();
        let (mut written, mut survivor) = (self.kept.clone(), self.kept.clone());
        let mut length = self.kept.length;
        for (number, change) in self.unsynced.iter().enumerate() {
            change.apply(&mut written);
            match change {
                Change::Resize { length } if number < lengths_kept => survivor.resize(*length),
                Change::Resize { .. } => {}
                Change::Write { offset, bytes } => {
                    let sectors = blocks(SECTOR, *offset, bytes.len() as u64);
                    let sectors: Vec<_> = sectors.map(|(sector, ..)| sector).collect();
                    for sector in fates.kept(cut, &sectors) {
                        survivor.take_sector(&written, sector);
                    }
                }
            }
            if number < lengths_kept {
                length = written.length;
            }
        }
        cut.losses += fates.losses();
        survivor.resize(length);
        Self { seen: survivor.clone(), kept: survivor, unsynced: Vec::new() }
    }
}
