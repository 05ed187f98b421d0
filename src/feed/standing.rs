//! Where each subscriber stands, for whoever wants to know how far they are behind.
//!
//! A subscriber writes its own standing and nobody waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::domain::ids::Position;

/// Where one subscriber stands.
#[derive(Debug)]
pub(super) struct Standing {
    at: AtomicU64,
    is_live: AtomicBool,
    /// What is told live of one stream comes by itself, so between its events the position says
    /// nothing.
    follows_one_stream: bool,
}

/// How subscribers are doing, by how they get their events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standings {
    /// Those that are told what happens as it happens.
    pub live: Class,
    /// Those that read the log.
    pub catching_up: Class,
}

/// Subscribers that get their events alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Class {
    /// How many there are.
    pub subscribers: u64,
    /// How many events the slowest is behind the log's end.
    pub events_behind: u64,
}

impl Standing {
    pub(super) fn new(at: Position, follows_one_stream: bool) -> Self {
        Self { at: AtomicU64::new(at.0), is_live: AtomicBool::new(false), follows_one_stream }
    }

    /// The subscriber has everything up to here.
    pub(super) fn is_at(&self, at: Position, is_live: bool) {
        self.at.store(at.0, Ordering::Relaxed);
        self.is_live.store(is_live, Ordering::Relaxed);
    }
}

impl Standings {
    /// Of these subscribers of a log that ends at `last`.
    pub(super) fn of<'a>(standings: impl Iterator<Item = &'a Standing>, last: Position) -> Self {
        let mut all = Self::default();
        for standing in standings {
            let is_live = standing.is_live.load(Ordering::Relaxed);
            let class = if is_live { &mut all.live } else { &mut all.catching_up };
            class.subscribers += 1;
            if !(is_live && standing.follows_one_stream) {
                let behind = last.0.saturating_sub(standing.at.load(Ordering::Relaxed));
                class.events_behind = class.events_behind.max(behind);
            }
        }
        all
    }
}
