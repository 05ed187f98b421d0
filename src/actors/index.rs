//! What one arbiter knows of its entities without asking them.
//!
//! An entity tells it in the very step in which it changes, so that a list never shows what was.
//!
//! Not here: the entities' records; those are the table's.

use super::deadlines::{self, Deadlines};
use super::listing::{self, Listing};
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

/// Entities that come into memory together: what is sorted is sorted once.
#[derive(Debug, Default)]
pub struct Newcomers {
    listing: listing::Newcomers,
    deadlines: Vec<deadlines::Entry>,
}

impl Index {
    /// An entity, which is passive, comes into memory with many others.
    pub fn enter_among(&mut self, newcomers: &mut Newcomers, key: &EntityKey, summary: &Summary) {
        self.listing.enter_among(&mut newcomers.listing, key, summary);
        if let (Some(deadline), EntityId::Reservation(id)) = (summary.deadline, &key.id) {
            newcomers.deadlines.push(self.deadlines.entry(deadline, &key.tenant, *id));
        }
    }

    /// They have all come.
    pub fn enter_all(&mut self, newcomers: Newcomers) {
        self.listing.list_all(newcomers.listing);
        self.deadlines.add_all(newcomers.deadlines);
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
