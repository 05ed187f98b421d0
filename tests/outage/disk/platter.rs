//! All files and folders of a disk, and its power switch.
//!
//! Each step that changes or syncs something is counted, and the power can be set to fail before a
//! given one. Without power every request fails, so what a server is told was synced was synced
//! before the cut.
//!
//! Not here: requests as the kernel makes them.

use std::collections::HashMap;
use std::ffi::OsStr;

use rand::rngs::StdRng;

use super::content::Content;
use super::cut::{Cut, Losses};
use super::names::Names;

pub const ROOT: u64 = 1;

/// Why a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no power.
    Dead,
    Missing,
    Exists,
    NotEmpty,
    WrongKind,
    /// Names move within their folder only.
    OtherFolder,
}

#[derive(Clone)]
pub enum Node {
    File(Content),
    Folder(Names),
}

/// A disk.
#[derive(Clone)]
pub struct Platter {
    nodes: HashMap<u64, Node>,
    next: u64,
    steps: u64,
    fails_before: Option<u64>,
    is_dead: bool,
}

impl Default for Platter {
    fn default() -> Self {
        let nodes = HashMap::from([(ROOT, Node::Folder(Names::default()))]);
        Self::of(nodes, ROOT + 1)
    }
}

impl Platter {
    fn of(nodes: HashMap<u64, Node>, next: u64) -> Self {
        Self { nodes, next, steps: 0, fails_before: None, is_dead: false }
    }

    /// Takes the power away.
    pub fn cut(&mut self) {
        self.is_dead = true;
    }

    /// How often anything was changed or synced.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Lets the power fail just before the n-th step from now, counted from 1.
    pub fn fail_before(&mut self, n: u64) {
        self.fails_before = Some(self.steps + n);
    }

    /// The disk with power again, and everything on it as it was last seen: what a killed process
    /// leaves.
    pub fn as_seen(&self) -> Self {
        Self::of(self.nodes.clone(), self.next)
    }

    /// The disk with power again, as a power cut leaves it.
    pub fn after_cut(&self, rng: &mut StdRng) -> (Self, Losses) {
        let mut cut = Cut::new(rng);
        let mut survivor = Self::of(HashMap::new(), self.next);
        self.survive(ROOT, &mut cut, &mut survivor);
        (survivor, cut.losses)
    }

    fn survive(&self, number: u64, cut: &mut Cut<'_>, survivor: &mut Self) {
        let node = match &self.nodes[&number] {
            Node::File(content) => Node::File(content.after_cut(cut)),
            Node::Folder(names) => {
                let names = names.after_cut(cut);
                for child in names.seen().values() {
                    self.survive(*child, cut, survivor);
                }
                Node::Folder(names)
            }
        };
        survivor.nodes.insert(number, node);
    }

    /// Before anything is read.
    fn powered(&self) -> Result<(), Refusal> {
        if self.is_dead { Err(Refusal::Dead) } else { Ok(()) }
    }

    /// Before anything is changed or synced.
    fn step(&mut self) -> Result<(), Refusal> {
        self.powered()?;
        self.steps += 1;
        self.is_dead = self.fails_before == Some(self.steps);
        self.powered()
    }

    pub fn node(&self, number: u64) -> Result<&Node, Refusal> {
        self.powered()?;
        self.nodes.get(&number).ok_or(Refusal::Missing)
    }

    pub fn names(&self, folder: u64) -> Result<&Names, Refusal> {
        match self.node(folder)? {
            Node::Folder(names) => Ok(names),
            Node::File(_) => Err(Refusal::WrongKind),
        }
    }

    pub fn content(&self, file: u64) -> Result<&Content, Refusal> {
        match self.node(file)? {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(Refusal::WrongKind),
        }
    }

    fn names_to_change(&mut self, folder: u64) -> Result<&mut Names, Refusal> {
        match self.nodes.get_mut(&folder).ok_or(Refusal::Missing)? {
            Node::Folder(names) => Ok(names),
            Node::File(_) => Err(Refusal::WrongKind),
        }
    }

    fn content_to_change(&mut self, file: u64) -> Result<&mut Content, Refusal> {
        self.step()?;
        match self.nodes.get_mut(&file).ok_or(Refusal::Missing)? {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(Refusal::WrongKind),
        }
    }

    pub fn find(&self, folder: u64, name: &OsStr) -> Result<u64, Refusal> {
        self.names(folder)?.seen().get(name).copied().ok_or(Refusal::Missing)
    }

    pub fn make(&mut self, folder: u64, name: &OsStr, node: Node) -> Result<u64, Refusal> {
        if self.find(folder, name).is_ok() {
            return Err(Refusal::Exists);
        }
        self.step()?;
        let number = self.next;
        self.names_to_change(folder)?.put(name, number);
        self.nodes.insert(number, node);
        self.next += 1;
        Ok(number)
    }

    /// The name goes; whoever has the file open goes on with it.
    pub fn remove(&mut self, folder: u64, name: &OsStr) -> Result<(), Refusal> {
        let number = self.find(folder, name)?;
        if self.names(number).is_ok_and(|names| !names.seen().is_empty()) {
            return Err(Refusal::NotEmpty);
        }
        self.step()?;
        self.names_to_change(folder)?.remove(name);
        Ok(())
    }

    pub fn rename(&mut self, folder: u64, from: &OsStr, to: &OsStr) -> Result<(), Refusal> {
        self.find(folder, from)?;
        if let Ok(replaced) = self.find(folder, to)
            && self.names(replaced).is_ok_and(|names| !names.seen().is_empty())
        {
            return Err(Refusal::NotEmpty);
        }
        self.step()?;
        self.names_to_change(folder)?.rename(from, to);
        Ok(())
    }

    pub fn write(&mut self, file: u64, offset: u64, bytes: &[u8]) -> Result<(), Refusal> {
        self.content_to_change(file)?.write(offset, bytes);
        Ok(())
    }

    pub fn resize(&mut self, file: u64, length: u64) -> Result<(), Refusal> {
        self.content_to_change(file)?.resize(length);
        Ok(())
    }

    pub fn sync_file(&mut self, file: u64) -> Result<(), Refusal> {
        self.content_to_change(file)?.sync();
        Ok(())
    }

    pub fn sync_folder(&mut self, folder: u64) -> Result<(), Refusal> {
        self.step()?;
        self.names_to_change(folder)?.sync();
        Ok(())
    }
}
