//! One shard's entities: those that have an actor, and the records of the rest.

use super::delivery::Payload;
use super::seat::Seat;
use crate::domain::time::Timestamp;
use crate::recovery::EntityMap;

/// An entity that has an actor.
pub struct Active {
    /// The actor.
    pub seat: Seat,
    /// When it got its last message.
    pub used: Timestamp,
    /// Whether its record is in the archive, where it stays as it is.
    pub is_archived: bool,
}

impl Active {
    /// Puts something into the actor's mailbox.
    pub fn send(&mut self, payload: Payload, now: Timestamp) {
        self.used = now;
        self.seat.send(payload);
    }
}

/// An entity's place.
pub enum Slot {
    /// It has an actor.
    Active(Box<Active>),
    /// Its record.
    Passive(Box<[u8]>),
}

/// Every entity of one shard.
pub type Table = EntityMap<Slot>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_small() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
