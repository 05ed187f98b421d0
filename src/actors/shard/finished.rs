//! Who has finished and waits for the archive, oldest first, in little room: there may be millions.
//!
//! One that is woken again stands here twice when it rests again.

use imbl::Vector;

use crate::domain::ids::{EntityKey, Position};
use crate::domain::time::Timestamp;
use crate::recovery::packed::{PackedKey, Tenants};

/// Entities that can't change any more.
#[derive(Debug, Default)]
pub struct Finished {
    tenants: Tenants,
    /// Each with the position of its last event and the time when it came. In pieces: a row of
    /// millions that grows is copied, and the shard waits meanwhile.
    queue: Vector<(PackedKey, Position, Timestamp)>,
}

impl Finished {
    /// One more, whose last event stands at this position.
    pub fn push(&mut self, key: &EntityKey, position: Position, now: Timestamp) {
        let tenant = self.tenants.keep(&key.tenant);
        self.queue.push_back((PackedKey::new(tenant, key.id.clone()), position, now));
    }

    /// Takes the oldest, where its last event stands no later than `through` and it came before
    /// this time.
    pub fn take(&mut self, through: Position, before: Timestamp) -> Option<EntityKey> {
        let (_, position, time) = self.queue.front()?;
        if *position > through || *time >= before {
            return None;
        }
        let (packed, ..) = self.queue.pop_front()?;
        let key = packed.unpacked(&self.tenants);
        self.tenants.let_go(packed.tenant());
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::ReservationId;
    use crate::domain::name::TenantId;

    #[test]
    fn the_oldest_is_taken_when_a_snapshot_has_passed_it_and_its_time_has_come() {
        let tenants = ["a", "b"].map(|name| TenantId::new(name).unwrap());
        let key = |n: u8| {
            let id = ReservationId(Uuid::from_u128(u128::from(n)));
            EntityKey::reservation(&tenants[usize::from(n) % 2], id)
        };
        let mut finished = Finished::default();
        for n in 1..4 {
            finished.push(&key(n), Position(u64::from(n) * 10), Timestamp(u64::from(n)));
        }
        assert_eq!(finished.take(Position(9), Timestamp(9)), None);
        assert_eq!(finished.take(Position(99), Timestamp(1)), None);
        assert_eq!(finished.take(Position(20), Timestamp(9)), Some(key(1)));
        assert_eq!(finished.take(Position(20), Timestamp(9)), Some(key(2)));
        assert_eq!(finished.take(Position(20), Timestamp(9)), None);
        assert_eq!(finished.take(Position(30), Timestamp(4)), Some(key(3)));
        assert_eq!(finished.take(Position(99), Timestamp(9)), None);
    }
}
