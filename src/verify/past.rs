//! What changed reservations had before.
//!
//! A claim is of one version of its reservation. Of those that were never changed, the lines are what
//! they always were; of the others, this tells what they were at each version.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::domain::ids::{EntityKey, Version};
use crate::domain::reservation::{Change, Details, Event, Line};

/// The lines that reservations had.
#[derive(Default)]
pub(super) struct Past {
    had: HashMap<EntityKey, Vec<(Version, Had)>, FixedState>,
}

/// What a reservation had.
#[derive(Debug, Clone)]
pub(super) struct Had {
    /// Its lines.
    pub(super) lines: Arc<[Line]>,
    /// The change of them that was under way.
    pub(super) change: Option<Arc<Change>>,
}

impl Past {
    /// Whether what a reservation is before an event has to be noted: whether its lines or the change
    /// of them may be others after it.
    pub(super) fn concerns(&self, key: &EntityKey, event: &Event) -> bool {
        let is_change = matches!(event, Event::ChangeStarted { .. } | Event::Changed { .. });
        is_change || self.had.contains_key(key)
    }

    /// Notes what a reservation is before an event of this version.
    pub(super) fn note(&mut self, key: &EntityKey, before: &Details, version: Version) {
        let last = Version(version.0.saturating_sub(1));
        self.had.entry(key.clone()).or_default().push((last, Had::now(before)));
    }

    /// What a reservation had at a version.
    pub(super) fn at(&self, key: &EntityKey, details: &Details, version: Version) -> Had {
        let before = self.had.get(key).map_or(&[][..], Vec::as_slice);
        let had = before.iter().find(|(last, _)| version <= *last);
        had.map_or_else(|| Had::now(details), |(_, had)| had.clone())
    }

    /// Every line that a reservation ever had, or was to have.
    pub(super) fn lines(&self, key: &EntityKey, details: &Details) -> Vec<Line> {
        let before = self.had.get(key).into_iter().flatten().map(|(_, had)| had.clone());
        let all = before.chain([Had::now(details)]);
        all.flat_map(|had| {
            let change = had.change.iter().flat_map(|change| change.lines.iter());
            had.lines.iter().chain(change).cloned().collect::<Vec<_>>()
        })
        .collect()
    }
}

impl Had {
    fn now(details: &Details) -> Self {
        Self { lines: details.lines.clone(), change: details.change.clone() }
    }

    /// The lines that were to take the place of its own, in claims of a version.
    pub(super) fn change_at(&self, version: Version) -> Option<&[Line]> {
        let change = self.change.as_ref().filter(|change| change.version == version);
        change.map(|change| &*change.lines)
    }
}
