//! What the disk still has room for.
//!
//! ```text
//!   free:  …        bound         bound / 2          bound / 4          0
//!          commands   │ snapshots     │ expiry, steps    │ what is under way
//!                     ▼               ▼                  ▼
//!                  each level has what stands right of it too
//! ```
//!
//! A level that was left is entered again with an eighth more than it was left at, so that what is
//! allowed doesn't change with every file that comes and goes.
//!
//! Not here: asking the disk, and keeping to the answer.

use std::sync::atomic::{AtomicU8, Ordering};

/// What there is room for, from least to most; each has what is before it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Room {
    /// For what is under way, and nothing new.
    UnderWay,
    /// For what the server does by itself: expiry, and the steps of orders.
    OwnWork,
    /// For snapshots and the archive.
    Snapshots,
    /// For clients' commands.
    Commands,
}

/// How much must be free for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For clients' commands, in bytes. What the server does by itself needs less: a half of it with
    /// snapshots, a quarter without.
    pub min_free_bytes: u64,
}

impl Bounds {
    /// What there is room for, where there was room for `before` until now.
    pub fn room(self, before: Room, free_bytes: u64) -> Room {
        let risen = self.level(free_bytes - free_bytes.div_ceil(9));
        self.level(free_bytes).min(before.max(risen))
    }

    fn level(self, free_bytes: u64) -> Room {
        let bound = self.min_free_bytes;
        match free_bytes {
            free if free >= bound => Room::Commands,
            free if free >= bound / 2 => Room::Snapshots,
            free if free >= bound / 4 => Room::OwnWork,
            _ => Room::UnderWay,
        }
    }
}

/// A room that one thread sets and many look at.
#[derive(Debug)]
pub(super) struct SharedRoom(AtomicU8);

impl Default for SharedRoom {
    fn default() -> Self {
        Self(AtomicU8::new(Room::Commands as u8))
    }
}

impl SharedRoom {
    pub(super) fn set(&self, room: Room) {
        self.0.store(room as u8, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Room {
        let shown = self.0.load(Ordering::Relaxed);
        let rooms = [Room::UnderWay, Room::OwnWork, Room::Snapshots];
        rooms.into_iter().find(|room| *room as u8 == shown).unwrap_or(Room::Commands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { min_free_bytes: 800 };

    #[test]
    fn what_needs_most_room_goes_first() {
        let rooms = [u64::MAX, 800, 799, 400, 399, 200, 199, 0];
        let rooms = rooms.map(|free| BOUNDS.room(Room::Commands, free));
        use Room::*;
        assert_eq!(
            rooms,
            [Commands, Commands, Snapshots, Snapshots, OwnWork, OwnWork, UnderWay, UnderWay]
        );
    }

    #[test]
    fn what_was_left_is_entered_again_with_an_eighth_more() {
        assert_eq!(BOUNDS.room(Room::Snapshots, 899), Room::Snapshots);
        assert_eq!(BOUNDS.room(Room::Snapshots, 900), Room::Commands);
        assert_eq!(BOUNDS.room(Room::UnderWay, 224), Room::UnderWay);
        assert_eq!(BOUNDS.room(Room::UnderWay, 225), Room::OwnWork);
        assert_eq!(BOUNDS.room(Room::UnderWay, 10_000), Room::Commands);
    }

    #[test]
    fn without_a_bound_there_is_always_room() {
        assert_eq!(Bounds { min_free_bytes: 0 }.room(Room::Commands, 0), Room::Commands);
    }

    #[test]
    fn what_was_set_is_shown() {
        let shown = SharedRoom::default();
        assert_eq!(shown.get(), Room::Commands);
        for room in [Room::UnderWay, Room::OwnWork, Room::Snapshots, Room::Commands] {
            shown.set(room);
            assert_eq!(shown.get(), room);
        }
    }
}
