//! Who must be woken when.
//!
//! An entry is never taken out: one whose entity has another deadline by now wakes it for
//! nothing, which its own decision finds out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::domain::ids::EntityKey;
use crate::domain::time::Timestamp;

/// Deadlines of one shard's entities.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, EntityKey)>>,
}

impl Deadlines {
    /// Wakes the entity then.
    pub fn add(&mut self, deadline: Timestamp, key: EntityKey) {
        self.heap.push(Reverse((deadline, key)));
    }

    /// The next entity whose deadline has come.
    pub fn due(&mut self, now: Timestamp) -> Option<EntityKey> {
        let Reverse((deadline, _)) = self.heap.peek()?;
        if *deadline > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, key))| key)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::ReservationId;
    use crate::domain::name::TenantId;

    #[test]
    fn deadlines_come_in_their_order_and_not_before_their_time() {
        let key = |n| {
            EntityKey::reservation(&TenantId::default_tenant(), ReservationId(Uuid::from_u128(n)))
        };
        let mut deadlines = Deadlines::default();
        for (at, n) in [(30, 3), (10, 1), (20, 2)] {
            deadlines.add(Timestamp(at), key(n));
        }
        assert_eq!(deadlines.due(Timestamp(9)), None);
        assert_eq!(deadlines.due(Timestamp(20)), Some(key(1)));
        assert_eq!(deadlines.due(Timestamp(20)), Some(key(2)));
        assert_eq!(deadlines.due(Timestamp(20)), None);
    }
}
