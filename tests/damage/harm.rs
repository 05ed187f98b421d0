//! What is done to a folder, chosen by a seed.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore, SeedableRng};

use crate::template::{Template, copy};

/// What a disk writes at once.
const SECTOR_BYTES: u64 = 512;

/// The parts of a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Log,
    Snapshots,
    Archive,
    Marker,
    Format,
    Lock,
}

const PARTS: [(Part, u32); 6] = [
    (Part::Log, 10),
    (Part::Snapshots, 4),
    (Part::Archive, 6),
    (Part::Marker, 2),
    (Part::Format, 1),
    (Part::Lock, 1),
];

impl Part {
    fn of(path: &Path) -> Self {
        match path.iter().next().unwrap().to_str().unwrap() {
            "log" => Self::Log,
            "snapshots" => Self::Snapshots,
            "archive" => Self::Archive,
            "MARKER" => Self::Marker,
            "FORMAT" => Self::Format,
            "LOCK" => Self::Lock,
            other => panic!("{other} is no part of a data folder"),
        }
    }

    /// Its files, from the data folder on.
    fn files(self, folder: &Path) -> Vec<PathBuf> {
        let mut files = files(folder);
        files.retain(|file| Self::of(file) == self);
        files
    }
}

/// Every file, from the folder on, in a fixed order.
fn files(folder: &Path) -> Vec<PathBuf> {
    fn gather(folder: &Path, at: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder.join(at)).unwrap() {
            let path = at.join(entry.unwrap().file_name());
            if folder.join(&path).is_dir() {
                gather(folder, &path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    gather(folder, Path::new(""), &mut found);
    found.sort();
    found
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Harm {
    pub part: Part,
    /// What was damaged, from the data folder on.
    pub paths: Vec<PathBuf>,
    what: String,
}

impl Harm {
    /// Whether the log's end may be gone without anything to show it.
    pub fn is_of_the_marker(&self) -> bool {
        self.paths.iter().any(|path| path.ends_with("MARKER"))
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}", self.what, self.paths)
    }
}

/// Copies a template and damages the copy.
pub fn harm(template: &Template, seed: u64, folder: &Path) -> Harm {
    copy(&template.folder(), folder);
    let mut rng = StdRng::seed_from_u64(seed);
    let part = PARTS.choose_weighted(&mut rng, |(_, weight)| *weight).unwrap().0;
    let file = part.files(folder).choose(&mut rng).unwrap().clone();
    let mut damage = Damage { template, folder, rng, paths: vec![file.clone()] };
    let what = damage.of(part, &file);
    Harm { part, paths: damage.paths, what }
}

struct Damage<'a> {
    template: &'a Template,
    folder: &'a Path,
    rng: StdRng,
    paths: Vec<PathBuf>,
}

impl Damage<'_> {
    fn of(&mut self, part: Part, file: &Path) -> String {
        let path = self.folder.join(file);
        match self.rng.random_range(0..14u32) {
            0..=3 => self.flip(&path),
            4 | 5 => self.overwrite(&path),
            6 => self.cut(&path),
            7 => self.append(&path),
            8 => remove(&path),
            9 => self.replace_by_another(part, file),
            10 => self.go_back(file),
            11 => self.misdirect(&path),
            12 => self.remove_folder_of(file),
            _ => self.lose_the_end(),
        }
    }

    /// A place in a file, and for the most part one where something is.
    fn place(&mut self, bytes: &[u8]) -> Option<usize> {
        let used: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        match used.choose(&mut self.rng) {
            Some(at) if self.rng.random_range(0..5u32) > 0 => Some(*at),
            _ if bytes.is_empty() => None,
            _ => Some(self.rng.random_range(0..bytes.len())),
        }
    }

    fn flip(&mut self, path: &Path) -> String {
        let mut bytes = fs::read(path).unwrap();
        let bits = *[1, 1, 2, 8].choose(&mut self.rng).unwrap();
        let mut places = Vec::new();
        for _ in 0..bits {
            let Some(at) = self.place(&bytes) else { return remove(path) };
            bytes[at] ^= 1 << self.rng.random_range(0..8u32);
            places.push(at);
        }
        fs::write(path, bytes).unwrap();
        format!("bits flipped in the bytes {places:?}")
    }

    /// One to eight sectors of zeros, or of noise.
    fn overwrite(&mut self, path: &Path) -> String {
        let bytes = fs::read(path).unwrap();
        let Some(at) = self.place(&bytes) else { return remove(path) };
        let from = at as u64 / SECTOR_BYTES * SECTOR_BYTES;
        let sectors = self.rng.random_range(1..=8);
        let to = (from + sectors * SECTOR_BYTES).min(bytes.len() as u64);
        let mut stretch = vec![0; (to - from) as usize];
        let is_noise = self.rng.random();
        if is_noise {
            self.rng.fill_bytes(&mut stretch);
        }
        write_at(path, &stretch, from);
        let what = if is_noise { "noise" } else { "zeros" };
        format!("{what} in the bytes {from}..{to}")
    }

    fn cut(&mut self, path: &Path) -> String {
        let bytes = fs::read(path).unwrap();
        let length = self.place(&bytes).unwrap_or(0);
        OpenOptions::new().write(true).open(path).unwrap().set_len(length as u64).unwrap();
        format!("cut from {} to {length} bytes", bytes.len())
    }

    fn append(&mut self, path: &Path) -> String {
        let mut noise = vec![0; self.rng.random_range(1..5_000)];
        self.rng.fill_bytes(&mut noise);
        OpenOptions::new().append(true).open(path).unwrap().write_all(&noise).unwrap();
        format!("{} bytes of noise appended", noise.len())
    }

    /// Another file of the same part has its content, and it that of the other.
    fn replace_by_another(&mut self, part: Part, file: &Path) -> String {
        let mut others = part.files(self.folder);
        others.retain(|other| other != file && other.file_name() == file.file_name());
        if others.is_empty() {
            others = part.files(self.folder);
            others.retain(|other| other != file);
        }
        let Some(other) = others.choose(&mut self.rng).cloned() else {
            return remove(&self.folder.join(file));
        };
        let (one, two) = (self.folder.join(file), self.folder.join(&other));
        let contents = (fs::read(&one).unwrap(), fs::read(&two).unwrap());
        fs::write(one, contents.1).unwrap();
        fs::write(two, contents.0).unwrap();
        self.paths.push(other);
        "contents swapped".to_owned()
    }

    /// What was written to a file last never came to be.
    fn go_back(&mut self, file: &Path) -> String {
        let (now, earlier) = (self.folder.join(file), self.template.earlier().join(file));
        if !earlier.exists() {
            return remove(&now);
        }
        fs::copy(earlier, now).unwrap();
        "put back to an earlier state".to_owned()
    }

    /// Some sectors were written to another place in the file.
    fn misdirect(&mut self, path: &Path) -> String {
        let bytes = fs::read(path).unwrap();
        let places = (self.place(&bytes), self.place(&bytes));
        let (Some(from), Some(to)) = places else { return remove(path) };
        let sector = SECTOR_BYTES as usize;
        let (from, to) = (from / sector * sector, to / sector * sector);
        let length = (self.rng.random_range(1..=8) * sector).min(bytes.len() - from.max(to));
        write_at(path, &bytes[from..from + length], to as u64);
        format!("{length} bytes from {from} again at {to}")
    }

    fn remove_folder_of(&mut self, file: &Path) -> String {
        let folder = file.parent().unwrap();
        if folder.as_os_str().is_empty() {
            return remove(&self.folder.join(file));
        }
        fs::remove_dir_all(self.folder.join(folder)).unwrap();
        self.paths = vec![folder.to_owned()];
        "removed with all that is in it".to_owned()
    }

    /// The marker, and what it would have shown.
    fn lose_the_end(&mut self) -> String {
        let pages = Part::Log.files(self.folder);
        let last = pages.iter().rfind(|file| file.ends_with("db")).unwrap().clone();
        self.paths = vec![PathBuf::from("MARKER"), last.clone()];
        remove(&self.folder.join("MARKER"));
        match self.rng.random_range(0..3u32) {
            0 => self.cut(&self.folder.join(&last)),
            1 => self.flip(&self.folder.join(&last)),
            _ => self.remove_folder_of(&last),
        };
        self.paths = vec![PathBuf::from("MARKER"), last];
        "the marker removed, and the last segment damaged".to_owned()
    }
}

fn remove(path: &Path) -> String {
    fs::remove_file(path).unwrap();
    "removed".to_owned()
}

fn write_at(path: &Path, bytes: &[u8], at: u64) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}
