//! What an entity remembers of the commands that it has accepted, at any moment of its life.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use holdfast::domain::event::RequestMark;
use holdfast::domain::ids::{Position, RequestId, Version};
use holdfast::domain::time::Timestamp;

use super::{Checked, check};
use crate::sent::Sent;

/// For how long nothing is forgotten.
pub const DAY_MS: u64 = 86_400_000;

/// One accepted command.
pub struct Remembered {
    pub sent: Arc<Sent>,
    /// The version and the position of its last event.
    pub version: Version,
    pub position: Position,
    pub time: Timestamp,
}

/// Every accepted command, oldest first.
#[derive(Default)]
pub struct Memory {
    all: Vec<Remembered>,
    by_request: HashMap<RequestId, Vec<usize>, FixedState>,
    /// How many of the oldest are forgotten, from which position on.
    forgotten: Vec<(Position, usize)>,
}

impl Memory {
    /// What brought the entity into being, where one command did.
    pub fn first(&self) -> Option<&Remembered> {
        self.all.first()
    }

    /// What is remembered under a request id at a position.
    pub fn find(&self, request: RequestId, at: Position) -> Option<&Remembered> {
        let forgotten = self.forgotten_at(at);
        let known = self.by_request.get(&request)?;
        let known = known.iter().rev().filter(|index| **index >= forgotten);
        known.map(|index| &self.all[*index]).find(|known| known.position <= at)
    }

    /// What was ever accepted under a request id with this effect.
    pub fn effect(
        &self,
        request: RequestId,
        version: Version,
        position: Position,
    ) -> Option<&Remembered> {
        let known = self.by_request.get(&request)?;
        let mut known = known.iter().map(|index| &self.all[*index]);
        known.find(|known| (known.version, known.position) == (version, position))
    }

    fn forgotten_at(&self, at: Position) -> usize {
        let earlier = self.forgotten.partition_point(|(position, _)| *position <= at);
        earlier.checked_sub(1).map_or(0, |last| self.forgotten[last].1)
    }

    /// What would be forgotten to remember one more at a position: how many, and of these the one
    /// that was accepted last.
    fn excess(&self, at: Position, remembered_max: usize) -> (usize, usize, Option<&Remembered>) {
        let forgotten = self.forgotten_at(at);
        let known = self.all.partition_point(|known| known.position <= at) - forgotten;
        let excess = (known + 1).saturating_sub(remembered_max).min(known);
        let newest = excess.checked_sub(1).map(|before| &self.all[forgotten + before]);
        (known, excess, newest)
    }

    /// When there will be room for one more, where there is none before `now`; and how many fill it.
    pub fn full(
        &self,
        at: Position,
        remembered_max: usize,
        now: Timestamp,
    ) -> Option<(usize, Timestamp)> {
        let (known, _, newest) = self.excess(at, remembered_max);
        let free_at = newest?.time.plus_ms(DAY_MS);
        (free_at > now).then_some((known, free_at))
    }

    /// Checks that a command may be accepted now, as far as memory goes.
    pub fn check_new(&self, mark: &RequestMark, time: Timestamp, remembered_max: usize) -> Checked {
        let now = Position(u64::MAX);
        check(self.find(mark.id, now).is_none(), || "the request took effect twice".into())?;
        let (_, excess, newest) = self.excess(now, remembered_max);
        check(mark.forgets as usize == excess, || format!("it has to forget {excess} requests"))?;
        let is_old = newest.is_none_or(|newest| newest.time.plus_ms(DAY_MS) <= time);
        check(is_old, || "it forgets a request of the last day".into())
    }

    /// Remembers a command whose decision has ended.
    pub fn note(&mut self, mark: &RequestMark, remembered: Remembered) {
        if mark.forgets > 0 {
            let forgotten = self.forgotten_at(Position(u64::MAX)) + mark.forgets as usize;
            self.forgotten.push((remembered.position, forgotten));
        }
        self.by_request.entry(mark.id).or_default().push(self.all.len());
        self.all.push(remembered);
    }
}
