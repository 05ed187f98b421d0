//! A sorted set in which most come last and leave from anywhere, in little room.
//!
//! A tree of small nodes that is filled in order keeps every node half empty. Here the chunks are
//! filled to the end before another is begun: what comes in order leaves no room between.
//!
//! Invariants: no chunk is empty; all of one come before all of the next; and two neighbours
//! that would fit well into one are one.

use std::collections::VecDeque;
use std::ops::Bound;

/// How many a chunk holds at the most.
const CHUNK_MAX: usize = 512;

/// Two neighbours that are no more than this together become one, which has room left then.
const MERGED_MAX: usize = CHUNK_MAX * 3 / 4;

/// A sorted set.
#[derive(Debug)]
pub struct SortedChunks<T> {
    chunks: VecDeque<Vec<T>>,
}

impl<T> Default for SortedChunks<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new() }
    }
}

impl<T: Ord + Copy> Extend<T> for SortedChunks<T> {
    /// Puts many in. They are sorted first, so that each comes last: in any other order each would
    /// take as long as a hundred.
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        let mut items: Vec<_> = items.into_iter().collect();
        items.sort_unstable();
        for item in items {
            self.insert(item);
        }
    }
}

impl<T: Ord + Copy> SortedChunks<T> {
    /// Puts one in; tells whether it wasn't there before.
    pub fn insert(&mut self, item: T) -> bool {
        let index = self.chunk_of(&item);
        let is_last = index + 1 == self.chunks.len();
        let Some(chunk) = self.chunks.get_mut(index) else {
            self.chunks.push_back(vec![item]);
            return true;
        };
        let Err(place) = chunk.binary_search(&item) else { return false };
        if chunk.len() < CHUNK_MAX {
            chunk.insert(place, item);
            return true;
        }
        // Where most come last, what is before them stays full.
        let split = if is_last { place.max(CHUNK_MAX / 2) } else { CHUNK_MAX / 2 };
        let mut upper = chunk.split_off(split);
        match place.checked_sub(split) {
            Some(place) => upper.insert(place, item),
            None => chunk.insert(place, item),
        }
        self.chunks.insert(index + 1, upper);
        true
    }

    /// The first.
    pub fn first(&self) -> Option<&T> {
        self.chunks.front()?.first()
    }

    /// Takes one out.
    pub fn remove(&mut self, item: &T) {
        let index = self.chunk_of(item);
        let Some(chunk) = self.chunks.get_mut(index) else { return };
        let Ok(place) = chunk.binary_search(item) else { return };
        chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(index);
        } else if !self.merge_with_next(index)
            && let Some(before) = index.checked_sub(1)
        {
            self.merge_with_next(before);
        }
    }

    /// Those from a bound on, in order.
    pub fn from(&self, bound: Bound<T>) -> impl Iterator<Item = &T> {
        let (first, place) = match bound {
            Bound::Unbounded => (0, 0),
            Bound::Included(item) => self.first_where(&item, |one| *one < item),
            Bound::Excluded(item) => self.first_where(&item, |one| *one <= item),
        };
        let head = self.chunks.get(first).map_or(&[][..], |chunk| &chunk[place..]);
        head.iter().chain(self.chunks.iter().skip(first + 1).flatten())
    }

    fn first_where(&self, near: &T, is_before: impl Fn(&T) -> bool) -> (usize, usize) {
        let index = self.chunk_of(near);
        let place = self.chunks.get(index).map_or(0, |chunk| chunk.partition_point(is_before));
        (index, place)
    }

    /// Where one is, or would be. Most are looked for at the end or at the beginning.
    fn chunk_of(&self, item: &T) -> usize {
        let begins_after = |chunk: Option<&Vec<T>>| chunk.is_none_or(|chunk| chunk[0] > *item);
        if begins_after(self.chunks.get(1)) {
            return 0;
        }
        if !begins_after(self.chunks.back()) {
            return self.chunks.len() - 1;
        }
        self.chunks.partition_point(|chunk| chunk[0] <= *item).saturating_sub(1)
    }

    fn merge_with_next(&mut self, index: usize) -> bool {
        let len = |index| self.chunks.get(index).map_or(CHUNK_MAX, Vec::len);
        if len(index) + len(index + 1) > MERGED_MAX {
            return false;
        }
        let Some(next) = self.chunks.remove(index + 1) else { return false };
        self.chunks[index].extend(next);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(chunks: &SortedChunks<u32>, set: &BTreeSet<u32>) -> Result<(), TestCaseError> {
        prop_assert!(chunks.from(Bound::Unbounded).eq(set));
        prop_assert_eq!(chunks.first(), set.first());
        prop_assert!(chunks.chunks.iter().all(|chunk| (1..=CHUNK_MAX).contains(&chunk.len())));
        Ok(())
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_sorted_set_is(
            filled in 0u32..4_000,
            changes in prop::collection::vec((any::<bool>(), 0u32..8_000), 0..1_500),
            bound in 0u32..8_000,
        ) {
            let (mut chunks, mut set) = (SortedChunks::default(), BTreeSet::new());
            let even = (0..filled).map(|n| n * 2);
            chunks.extend(even.clone().rev());
            set.extend(even);
            for (is_insert, item) in changes {
                if is_insert {
                    prop_assert_eq!(chunks.insert(item), set.insert(item));
                } else {
                    chunks.remove(&item);
                    set.remove(&item);
                }
            }
            check(&chunks, &set)?;
            for from in [Bound::Included(bound), Bound::Excluded(bound)] {
                prop_assert!(chunks.from(from).eq(set.range((from, Bound::Unbounded))));
            }
        }

        #[test]
        fn what_comes_nearly_in_order_leaves_no_room_and_little_of_it_needs_few_chunks(
            order in Just((0u32..5_000).collect::<Vec<_>>()).prop_shuffle(),
            left in 1usize..2_000,
        ) {
            let (mut chunks, mut set) = (SortedChunks::default(), BTreeSet::new());
            for item in 0..5_000 {
                // By twenties, backwards.
                let item = item / 20 * 20 + 19 - item % 20;
                chunks.insert(item);
                set.insert(item);
            }
            prop_assert!(chunks.chunks.len() <= 5_000usize.div_ceil(CHUNK_MAX - 20));
            for item in &order[left..] {
                chunks.remove(item);
                set.remove(item);
            }
            check(&chunks, &set)?;
            prop_assert!(chunks.chunks.len() <= 2 * left.div_ceil(MERGED_MAX) + 1);
        }
    }
}
