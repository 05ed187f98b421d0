//! What one arbiter knows of its entities without asking them.
//!
//! An entity tells it in the very step in which it changes, so that a list never shows what was.
//!
//! Not here: the entities' records; those are the table's.

use super::deadlines::Deadlines;
use super::listing::Listing;
use crate::domain::entity::Summary;
use crate::domain::ids::{EntityId, EntityKey};

/// Lists, counts and deadlines.
#[derive(Debug, Default)]
pub struct Index {
    /// What can be listed and counted.
    pub listing: Listing,
    /// Who must be woken when.
    pub deadlines: Deadlines,
}

impl Index {
    /// An entity, which is passive, has come into memory.
    pub fn enter(&mut self, key: &EntityKey, summary: &Summary) {
        self.listing.enter(key, summary);
        self.expect(key, None, summary);
    }

    /// An active entity has changed.
    pub fn change(&mut self, key: &EntityKey, before: Option<&Summary>, after: &Summary) {
        self.listing.change(key, before, after);
        self.expect(key, before, after);
    }

    fn expect(&mut self, key: &EntityKey, before: Option<&Summary>, after: &Summary) {
        let known = before.and_then(|summary| summary.deadline);
        if let (Some(deadline), EntityId::Reservation(id)) = (after.deadline, &key.id)
            && known != Some(deadline)
        {
            self.deadlines.add(deadline, &key.tenant, *id);
        }
    }
}
