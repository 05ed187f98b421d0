//! Values over time: each from a moment on, until the next.
//!
//! ```text
//!   value  ▁▁▁▁▂▂▂▂▂▂▃▃▂▂▁▁▁▁▁▁
//!              ▲     ▲ ▲ ▲          a change is kept for each of these moments alone
//! ```
//!
//! Before the first change the value is the default. Neighbours that are equal are one, so what is
//! kept follows from the values and not from how they came about.

use serde::{Deserialize, Serialize};

use super::rows::{PIECE_ROWS_MAX, Row, Rows};

/// A value from a moment on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change<V> {
    at: i64,
    value: V,
}

impl<V: Clone> Row for Change<V> {
    type Key = i64;

    fn key(&self) -> i64 {
        self.at
    }
}

/// Values over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "V: Clone + Serialize + serde::de::DeserializeOwned")]
pub struct Course<V: Clone> {
    changes: Rows<Change<V>>,
}

/// From a moment up to another, one value.
#[derive(Debug)]
pub struct Segment<'a, V> {
    /// The first moment.
    pub from: i64,
    /// The moment after the last.
    pub to: i64,
    /// The value; none before the first change.
    pub value: Option<&'a V>,
}

impl<V: Clone> Default for Course<V> {
    fn default() -> Self {
        Self { changes: Rows::default() }
    }
}

impl<V: Clone + Default + PartialEq> Course<V> {
    /// How many changes are kept.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether the value is always the default.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The value at a moment; none before the first change.
    pub fn at(&self, at: i64) -> Option<&V> {
        self.changes.before(at.saturating_add(1)).next().map(|change| &change.value)
    }

    /// What there is between two moments, without a gap.
    pub fn segments(&self, from: i64, to: i64) -> impl Iterator<Item = Segment<'_, V>> {
        let mut value = if self.is_empty() { None } else { self.at(from) };
        let mut changes =
            self.changes.from(from.saturating_add(1)).take_while(move |change| change.at < to);
        let mut begin = from;
        std::iter::from_fn(move || {
            if begin >= to {
                return None;
            }
            let next = changes.next();
            let end = next.map_or(to, |change| change.at);
            let segment = Segment { from: begin, to: end, value };
            begin = end;
            value = next.map(|change| &change.value);
            Some(segment)
        })
    }

    /// Moments from one on at which the value changes, with the value from there on.
    pub fn changes(&self, from: i64) -> impl Iterator<Item = (i64, &V)> {
        self.changes.from(from).map(|change| (change.at, &change.value))
    }

    /// Changes every value between two moments in a way that leaves different ones different.
    pub fn shift(&mut self, from: i64, to: i64, mut shift: impl FnMut(&mut V)) {
        if from >= to || self.shift_in_one_piece(from, to, &mut shift) {
            return;
        }
        self.cut(from);
        self.cut(to);
        self.changes.change(from, to, |change| shift(&mut change.value));
        self.heal(from);
        self.heal(to);
    }

    /// Does so in one go, if all of it is kept in one piece: as it is for most claims.
    fn shift_in_one_piece(&mut self, from: i64, to: i64, shift: &mut impl FnMut(&mut V)) -> bool {
        let before = self.changes.before(from).next().map(|change| &change.value);
        let mut last = before.cloned().unwrap_or_default();
        let (mut known, mut begin) = (last.clone(), from);
        let mut shifted = Vec::new();
        let mut changes = self.changes.from(from).take_while(|change| change.at <= to).peekable();
        loop {
            if let Some(change) = changes.next_if(|change| change.at == begin) {
                known = change.value.clone();
            }
            let mut value = known.clone();
            if begin < to {
                shift(&mut value);
            }
            if value != last {
                shifted.push(Change { at: begin, value: value.clone() });
                last = value;
            }
            if begin >= to {
                break;
            }
            if shifted.len() > PIECE_ROWS_MAX {
                return false;
            }
            begin = changes.peek().map_or(to, |change| change.at);
        }
        drop(changes);
        self.changes.replace(from, to, shifted)
    }

    /// Changes every value between two moments.
    pub fn change(&mut self, from: i64, to: i64, change: impl FnMut(&mut V)) {
        self.shift(from, to, change);
        let inside: Vec<_> =
            self.changes(from).map(|(at, _)| at).take_while(|at| *at < to).collect();
        inside.into_iter().for_each(|at| self.heal(at));
    }

    /// Keeps a change at a moment, though it may be none.
    fn cut(&mut self, at: i64) {
        if self.changes.get(at).is_none() {
            let value = self.at(at).cloned().unwrap_or_default();
            self.changes.insert(Change { at, value });
        }
    }

    /// Keeps no change at a moment where it is none.
    fn heal(&mut self, at: i64) {
        let Some(change) = self.changes.get(at) else { return };
        let is_none = match self.changes.before(at).next() {
            Some(before) => before.value == change.value,
            None => change.value == V::default(),
        };
        if is_none {
            self.changes.remove(at);
        }
    }
}

impl Course<u32> {
    /// The value at a moment.
    pub fn level(&self, at: i64) -> u32 {
        self.at(at).copied().unwrap_or_default()
    }

    /// So many more between two moments.
    pub fn add(&mut self, from: i64, to: i64, units: u32) {
        if units > 0 {
            self.shift(from, to, |level| *level = level.saturating_add(units));
        }
    }

    /// So many less between two moments.
    pub fn take(&mut self, from: i64, to: i64, units: u32) {
        if units > 0 {
            self.shift(from, to, |level| *level = level.saturating_sub(units));
        }
    }

    /// Forgets when the first changes were: what was until the third is, from ever, the greatest that it
    /// was until then.
    pub fn blur_first(&mut self) {
        let first: Vec<_> =
            self.changes(i64::MIN).take(3).map(|(at, level)| (at, *level)).collect();
        let [(_, one), (_, two), rest @ ..] = &first[..] else { return };
        let until = rest.first().map_or(i64::MAX, |(third, _)| *third);
        self.change(i64::MIN, until, |level| *level = *one.max(two));
    }

    /// What comes of adding all of these: from, to and how many.
    pub fn sum(spans: impl Iterator<Item = (i64, i64, u32)>) -> Self {
        let mut turns: Vec<(i64, i64)> = spans
            .flat_map(|(from, to, units)| [(from, i64::from(units)), (to, -i64::from(units))])
            .collect();
        turns.sort_unstable();
        let (mut sum, mut level) = (Self::default(), 0i64);
        for turns in turns.chunk_by(|one, other| one.0 == other.0) {
            let before = level;
            level += turns.iter().map(|(_, turn)| turn).sum::<i64>();
            if level != before {
                let value = u32::try_from(level).unwrap_or(u32::MAX);
                sum.changes.insert(Change { at: turns[0].0, value });
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn levels_are_what_counting_each_moment_gives(
            spans in prop::collection::vec((0i64..400, 1i64..30, 1u32..4), 0..200),
            kept in any::<u64>(),
        ) {
            let mut course = Course::<u32>::default();
            let mut counted = BTreeMap::<i64, u32>::new();
            let spans: Vec<_> = spans.into_iter().map(|(from, span, n)| (from, from + span, n)).collect();
            for (from, to, units) in &spans {
                course.add(*from, *to, *units);
            }
            let is_kept = |nth: usize| kept >> (nth % 64) & 1 == 1;
            let mut left = Vec::new();
            for (nth, (from, to, units)) in spans.into_iter().enumerate() {
                if is_kept(nth) {
                    (from..to).for_each(|at| *counted.entry(at).or_default() += units);
                    left.push((from, to, units));
                } else {
                    course.take(from, to, units);
                }
            }
            for segment in course.segments(-5, 440) {
                for at in segment.from..segment.to {
                    let expected = counted.get(&at).copied().unwrap_or(0);
                    prop_assert_eq!(segment.value.copied().unwrap_or(0), expected, "at {}", at);
                    prop_assert_eq!(course.level(at), expected);
                }
            }
            prop_assert_eq!(&course, &Course::sum(left.into_iter()));
            let values: Vec<_> = course.changes(i64::MIN).map(|(_, value)| *value).collect();
            prop_assert!(values.windows(2).all(|two| two[0] != two[1]));
        }

        #[test]
        fn of_changes_the_later_wins_and_equal_neighbours_are_one(
            changes in prop::collection::vec((0i64..40, 1i64..20, 0u8..3), 0..30),
        ) {
            let mut course = Course::<u8>::default();
            let mut plain = [0u8; 64];
            for (from, span, value) in changes {
                course.change(from, from + span, |known| *known = value);
                plain[from as usize..(from + span) as usize].fill(value);
            }
            let found: Vec<u8> =
                (0..64).map(|at| course.at(at).copied().unwrap_or_default()).collect();
            prop_assert_eq!(found, plain);
            let turns = plain.windows(2).filter(|two| two[0] != two[1]).count();
            prop_assert_eq!(course.len(), turns + usize::from(plain[0] != 0));
        }
    }
}
