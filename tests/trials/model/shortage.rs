//! Why a creation could not have what it wanted.

use std::collections::BTreeMap;

use holdfast::domain::ids::*;
use holdfast::domain::rejection::Shortage;
use holdfast::domain::reservation::Line;
use holdfast::domain::time::Timestamp;

use super::portion::portions;
use super::resource::Moment;
use super::{Checked, Model, beside, check};

/// Between which positions and times something was decided.
#[derive(Debug, Clone, Copy)]
pub struct Between {
    pub positions: (Position, Position),
    pub times: (Timestamp, Timestamp),
}

impl Model {
    /// Checks why a creation was refused: each line that fell short did so at its position, and of
    /// the resources of no line that isn't named there was too little all the time.
    pub(super) fn check_short(
        &self,
        key: &EntityKey,
        lines: &[Line],
        short: &[Shortage],
        between: Between,
    ) -> Checked {
        let wanted = portions(lines).ok_or("its sums are too large")?;
        let (from, to) = between.positions;
        let mut first = None;
        for resource in wanted.keys() {
            let its_lines: Vec<_> =
                lines.iter().filter(|line| line.wanted.is_of(resource)).collect();
            let its_short: Vec<_> =
                short.iter().filter(|short| short.wanted.is_of(resource)).collect();
            let at = beside(key, EntityId::Resource(resource.clone()));
            let Some(position) = its_short.first().map(|short| short.shortfall.position) else {
                let sufficed = self.sufficed(&at, &its_lines, between);
                check(sufficed, || format!("there was never enough of {resource}"))?;
                continue;
            };
            let is_between = (from..=to).contains(&position);
            check(is_between, || format!("{resource} fell short at {position}"))?;
            let is_late = *first.get_or_insert(position) <= position;
            check(is_late, || format!("{first:?} was not the first position"))?;
            self.check_short_of(&at, &its_lines, &its_short, (position, between.times))?;
        }
        check(!short.is_empty(), || "nothing fell short".into())?;
        let places: BTreeMap<_, _> =
            lines.iter().enumerate().map(|(place, line)| (&line.id, place)).collect();
        let is_in_order = short.is_sorted_by_key(|short| places.get(&short.line));
        check(is_in_order, || "its lines are in no order".into())
    }

    /// Whether the lines on a resource could be had at some moment between two.
    fn sufficed(&self, at: &EntityKey, lines: &[&Line], between: Between) -> bool {
        let (from, to) = between.positions;
        let Some(resource) = self.resource(at) else { return false };
        let (first, last) = (self.version_at(at, from), self.version_at(at, to));
        (first.0..=last.0).map(Version).any(|version| {
            let times = resource.times(version, lines, &[], between.times);
            let position = self.stream(at).position(version);
            times
                .into_iter()
                .any(|now| resource.short(lines, Moment { version, position, now }).is_empty())
        })
    }

    /// Checks that the lines on a resource fell short as it is told, at a position and at some time.
    fn check_short_of(
        &self,
        at: &EntityKey,
        lines: &[&Line],
        told: &[&Shortage],
        (position, times): (Position, (Timestamp, Timestamp)),
    ) -> Checked {
        let resource = self.resource(at).ok_or("no resource")?;
        let version = self.version_at(at, position);
        let mut expected = Vec::new();
        for now in resource.times(version, lines, told, times) {
            expected = resource.short(lines, Moment { version, position, now });
            let is_told = told.len() == expected.len()
                && told.iter().zip(&expected).all(|(told, it)| resource.is_told(told, it));
            if is_told {
                return Ok(());
            }
        }
        Err(format!("expected of {at} {expected:?}"))
    }
}
