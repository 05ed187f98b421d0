//! Why a creation could not have what it wanted.

use std::collections::BTreeMap;

use holdfast::domain::ids::*;
use holdfast::domain::rejection::Shortage;
use holdfast::domain::reservation::Line;

use super::reservation::wanted;
use super::{Checked, Model, beside, check};

impl Model {
    /// Checks why a creation was refused: each line that fell short did so at its position, which is
    /// between the two that are given, and of the resources of no line that isn't named there was
    /// too little all the time.
    pub(super) fn check_short(
        &self,
        key: &EntityKey,
        lines: &[Line],
        short: &[Shortage],
        between: (Position, Position),
    ) -> Checked {
        let wanted = wanted(lines).ok_or("its sums are too large")?;
        let mut left = BTreeMap::new();
        for Shortage { wanted, shortfall, .. } in short {
            left.insert(wanted.resource(), shortfall.position);
        }
        for (resource, position) in &left {
            let is_between = (between.0..=between.1).contains(position);
            check(is_between, || format!("{resource} fell short at {position}"))?;
        }
        let first = left.values().next().copied().unwrap_or_default();
        let mut left: BTreeMap<_, _> = left
            .into_iter()
            .map(|(resource, position)| {
                let at = beside(key, EntityId::Resource(resource.clone()));
                (resource, self.shortfall(&at, position))
            })
            .collect();
        let is_late = left.values().all(|shortfall| shortfall.position >= first);
        check(is_late, || format!("{first} was not the first position"))?;
        for (resource, quantity) in wanted {
            let at = beside(key, EntityId::Resource(resource.clone()));
            match left.get(&resource) {
                Some(shortfall) => check(shortfall.available < quantity, || {
                    format!("{quantity} of {resource} could be had: {shortfall:?}")
                })?,
                None => check(self.sufficed(&at, quantity, between), || {
                    format!("there was never enough of {resource}")
                })?,
            }
        }
        let mut expected = Vec::new();
        for line in lines {
            let Some(shortfall) = left.get_mut(&line.wanted.resource()) else { continue };
            if shortfall.available < line.quantity {
                expected.push(Shortage {
                    line: line.id.clone(),
                    wanted: line.wanted.clone(),
                    requested: line.quantity,
                    shortfall: *shortfall,
                });
            }
            shortfall.available = shortfall.available.saturating_sub(line.quantity);
        }
        check(!expected.is_empty(), || "nothing fell short".into())?;
        check(expected == short, || format!("expected {expected:?}"))
    }
}
