//! The latest durable batches, as many as fit.
//!
//! ```text
//!            floor                                     last
//!              │ batch │    batch    │ batch │  batch  │
//!   ◀─ evicted ┘       └─ whole batches, dense positions ┘
//! ```
//!
//! Invariant: it holds every event after its floor, and never more than its bound.
//!
//! Not here: whether anybody follows.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::event::Event;
use crate::domain::ids::Position;

pub(super) struct Ring {
    batches: VecDeque<Arc<[Event]>>,
    events: usize,
    events_max: usize,
}

impl Ring {
    pub(super) fn new(events_max: usize) -> Self {
        Self { batches: VecDeque::new(), events: 0, events_max }
    }

    /// Adds the batch that follows, and lets the oldest go until the rest fits. A batch that is
    /// larger than the bound leaves nothing, and whoever needs it reads the log.
    pub(super) fn push(&mut self, batch: Arc<[Event]>) {
        self.events += batch.len();
        self.batches.push_back(batch);
        while self.events > self.events_max
            && let Some(oldest) = self.batches.pop_front()
        {
            self.events -= oldest.len();
        }
    }

    pub(super) fn clear(&mut self) {
        self.batches.clear();
        self.events = 0;
    }

    /// The position before the oldest event; nothing where there is none.
    pub(super) fn floor(&self) -> Option<Position> {
        let oldest = self.batches.front()?.first()?;
        Some(Position(oldest.position.0.saturating_sub(1)))
    }

    /// The batch with the event that follows `at`, which must not lie before the floor.
    pub(super) fn after(&self, at: Position) -> Option<Arc<[Event]>> {
        let ends_by = |batch: &Arc<[Event]>| batch.last().is_none_or(|last| last.position <= at);
        self.batches.get(self.batches.partition_point(ends_by)).cloned()
    }

    #[cfg(test)]
    pub(super) fn events(&self) -> usize {
        self.batches.iter().map(|batch| batch.len()).sum()
    }
}
