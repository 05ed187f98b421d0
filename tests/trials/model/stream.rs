//! What every entity has: where its events stand in the log, when they were decided, and for whom.

use holdfast::domain::event::Event;
use holdfast::domain::ids::{Position, Version};
use holdfast::domain::time::Timestamp;

use super::memory::Memory;
use super::{Checked, check};

/// Every so many versions an event names the one as many before it.
const LANDMARK_EVERY: usize = 256;

/// The events of one entity.
#[derive(Default)]
pub struct Stream {
    moments: Vec<Moment>,
    pub memory: Memory,
}

/// One event's place.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub position: Position,
    pub time: Timestamp,
    /// Whether it is the last event of its decision.
    pub ends: bool,
}

impl Stream {
    pub fn version(&self) -> Version {
        Version(self.moments.len() as u64)
    }

    /// The version that it had at a position.
    pub fn version_at(&self, at: Position) -> Version {
        Version(self.moments.partition_point(|moment| moment.position <= at) as u64)
    }

    /// The event that made a version; none for 0 and for what is still to come.
    pub fn moment(&self, version: Version) -> Option<&Moment> {
        self.moments.get((version.0 as usize).checked_sub(1)?)
    }

    /// The position of the event that made a version; before the log for 0.
    pub fn position(&self, version: Version) -> Position {
        self.moment(version).map_or(Position::START, |moment| moment.position)
    }

    /// Checks that an event is where the next one has to be.
    pub fn check_next(&self, event: &Event) -> Checked {
        let count = self.moments.len();
        let version = Version(count as u64 + 1);
        check(event.version == version, || format!("it has version {}", event.version))?;
        let previous = self.position(self.version());
        check(event.previous == previous, || format!("it names {} before it", event.previous))?;
        let is_landmark = (count + 1).is_multiple_of(LANDMARK_EVERY);
        let before = Version((count + 1).saturating_sub(LANDMARK_EVERY) as u64);
        let landmark = if is_landmark { self.position(before) } else { Position::START };
        check(event.landmark == landmark, || format!("it has the landmark {}", event.landmark))?;
        let time = self.moments.last().map_or(Timestamp(0), |moment| moment.time);
        check(event.time >= time, || format!("it was decided before {time:?}"))
    }

    pub fn push(&mut self, event: &Event, ends: bool) {
        self.moments.push(Moment { position: event.position, time: event.time, ends });
    }
}
