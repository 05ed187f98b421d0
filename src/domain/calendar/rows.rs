//! Rows in the order of their keys, in pieces that captures share.
//!
//! ```text
//!   first key │ piece          a piece: at most 64 rows, in a row
//!   ──────────┼──────▶ ▪▪▪▪▪▪▪▪
//!   first key │──────▶ ▪▪▪▪▪       a capture has the same pieces; what changes meanwhile is
//!   first key │──────▶ ▪▪▪▪▪▪      copied, one piece
//! ```
//!
//! A calendar has millions of small rows at the most and a handful as a rule. Pieces are as long as
//! what is in them, so a few rows take little room, and many hardly more than their own. A tree of
//! fixed nodes would be a third empty.
//!
//! A piece also knows how far its rows reach, where they do, so that a look for what reaches beyond a
//! moment passes over whole pieces.
//!
//! Invariants: keys ascend strictly, over all pieces; no piece is empty.

use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most rows of a piece: moving half of them costs about as much as finding one.
pub const PIECE_ROWS_MAX: usize = 64;

/// How many rows a full piece makes room for.
const PIECE_ROWS_MORE: usize = 2;

/// What has a key to stand in order by.
pub trait Row: Clone {
    /// Unique among the rows.
    type Key: Copy + Ord;

    /// Whether rows reach to somewhere.
    const REACHES: bool = false;

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// The moment that the row reaches to.
    fn end(&self) -> i64 {
        i64::MAX
    }
}

/// Rows, in the order of their keys.
#[derive(Clone)]
pub struct Rows<R: Row> {
    pieces: Vec<Piece<R>>,
    count: usize,
}

#[derive(Clone)]
struct Piece<R: Row> {
    /// The key of its first row, so that pieces are found without looking into them.
    first: R::Key,
    /// The moment that the furthest of its rows reaches to.
    end: i64,
    rows: Arc<Vec<R>>,
}

impl<R: Row> Piece<R> {
    fn of(rows: Vec<R>) -> Self {
        Self { first: rows[0].key(), end: furthest(&rows), rows: Arc::new(rows) }
    }

    /// Has it known again what it knows of its rows, of which there is one.
    fn settle(&mut self) {
        (self.first, self.end) = (self.rows[0].key(), furthest(&self.rows));
    }

    fn from(&self, key: R::Key) -> &[R] {
        &self.rows[self.rows.partition_point(|row| row.key() < key)..]
    }

    fn before(&self, key: R::Key) -> &[R] {
        &self.rows[..self.rows.partition_point(|row| row.key() < key)]
    }
}

impl<R: Row> Default for Rows<R> {
    fn default() -> Self {
        Self { pieces: Vec::new(), count: 0 }
    }
}

impl<R: Row> Rows<R> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The row of a key.
    pub fn get(&self, key: R::Key) -> Option<&R> {
        let rows = &self.pieces.get(self.place(key))?.rows;
        let at = rows.binary_search_by_key(&key, R::key).ok()?;
        rows.get(at)
    }

    /// Puts in a row; gives back the one in whose place it is.
    pub fn insert(&mut self, row: R) -> Option<R> {
        let key = row.key();
        let place = self.place(key);
        let is_last = place + 1 >= self.pieces.len();
        let Some(piece) = self.pieces.get_mut(place) else {
            self.pieces.push(Piece::of(vec![row]));
            self.count = 1;
            return None;
        };
        let at = match piece.rows.binary_search_by_key(&key, R::key) {
            Ok(at) => {
                let before = std::mem::replace(&mut Arc::make_mut(&mut piece.rows)[at], row);
                piece.settle();
                return Some(before);
            }
            Err(at) => at,
        };
        self.count += 1;
        if piece.rows.len() < PIECE_ROWS_MAX {
            put(piece, at, row);
        } else if is_last && at == PIECE_ROWS_MAX {
            // Rows that come in order leave full pieces behind.
            self.pieces.push(Piece::of(vec![row]));
        } else {
            self.split(place, at, row);
        }
        None
    }

    /// Puts a row into a full piece, which becomes two.
    fn split(&mut self, place: usize, at: usize, row: R) {
        let mut rows = self.pieces[place].rows.to_vec();
        rows.insert(at, row);
        let (low, high) = rows.split_at(PIECE_ROWS_MAX / 2);
        self.pieces[place] = Piece::of(low.to_vec());
        self.pieces.insert(place + 1, Piece::of(high.to_vec()));
    }

    /// Takes out the row of a key.
    pub fn remove(&mut self, key: R::Key) -> Option<R> {
        let place = self.place(key);
        let piece = self.pieces.get_mut(place)?;
        let at = piece.rows.binary_search_by_key(&key, R::key).ok()?;
        let rows = Arc::make_mut(&mut piece.rows);
        let row = rows.remove(at);
        self.count -= 1;
        if rows.is_empty() {
            self.pieces.remove(place);
        } else {
            piece.settle();
            self.join(place);
        }
        Some(row)
    }

    /// Makes one of a piece and the one after it where together they are small.
    fn join(&mut self, place: usize) {
        let Some([one, next]) = self.pieces.get(place..place + 2) else { return };
        if one.rows.len() + next.rows.len() > PIECE_ROWS_MAX / 2 {
            return;
        }
        let joined = one.rows.iter().chain(next.rows.iter()).cloned().collect();
        self.pieces[place] = Piece::of(joined);
        self.pieces.remove(place + 1);
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.pieces.iter().flat_map(|piece| piece.rows.iter())
    }

    /// Those from a key on.
    pub fn from(&self, key: R::Key) -> impl Iterator<Item = &R> {
        let place = self.place(key);
        let (first, rest) = match self.pieces.get(place..) {
            Some([first, rest @ ..]) => (first.from(key), rest),
            _ => (&[][..], &[][..]),
        };
        first.iter().chain(rest.iter().flat_map(|piece| piece.rows.iter()))
    }

    /// Those from a key on, but for whole pieces of which none reaches beyond a moment.
    pub fn reaching(&self, key: R::Key, beyond: i64) -> impl Iterator<Item = &R> {
        let pieces = self.pieces[self.place(key).min(self.pieces.len())..].iter();
        let reaching = pieces.filter(move |piece| piece.end > beyond);
        reaching.flat_map(move |piece| piece.from(key))
    }

    /// Those before a key, the last first.
    pub fn before(&self, key: R::Key) -> impl Iterator<Item = &R> {
        let place = self.place(key);
        let last = self.pieces.get(place).map_or(&[][..], |piece| piece.before(key));
        let rest = &self.pieces[..place.min(self.pieces.len())];
        last.iter().rev().chain(rest.iter().rev().flat_map(|piece| piece.rows.iter().rev()))
    }

    /// Changes those from one key up to and without another, but not their keys.
    pub fn change(&mut self, from: R::Key, to: R::Key, mut change: impl FnMut(&mut R)) {
        let first = self.place(from);
        for piece in self.pieces.iter_mut().skip(first) {
            if piece.first >= to {
                break;
            }
            let begin = piece.rows.partition_point(|row| row.key() < from);
            let end = piece.rows.partition_point(|row| row.key() < to);
            if begin < end {
                Arc::make_mut(&mut piece.rows)[begin..end].iter_mut().for_each(&mut change);
                piece.settle();
            }
        }
    }

    /// Puts other rows, whose keys lie between the same two, in the place of those from one key
    /// through another; false where that isn't one piece's matter, and nothing is done.
    pub fn replace(&mut self, from: R::Key, through: R::Key, rows: Vec<R>) -> bool {
        let place = self.place(from);
        let is_before_next = self.pieces.get(place + 1).is_none_or(|next| through < next.first);
        let Some(piece) = self.pieces.get_mut(place).filter(|_| is_before_next) else {
            return false;
        };
        let begin = piece.rows.partition_point(|row| row.key() < from);
        let end = begin + piece.rows[begin..].partition_point(|row| row.key() <= through);
        let (before, after) = (end - begin, rows.len());
        let count = piece.rows.len() - before + after;
        if !(1..=PIECE_ROWS_MAX).contains(&count) {
            return false;
        }
        let kept = Arc::make_mut(&mut piece.rows);
        if count > kept.capacity() {
            kept.reserve_exact(count - kept.len() + PIECE_ROWS_MORE);
        }
        kept.splice(begin..end, rows);
        piece.settle();
        self.count = self.count - before + after;
        true
    }

    /// The piece that a key is in, or would be.
    fn place(&self, key: R::Key) -> usize {
        self.pieces.partition_point(|piece| piece.first <= key).saturating_sub(1)
    }
}

fn put<R: Row>(piece: &mut Piece<R>, at: usize, row: R) {
    let rows = Arc::make_mut(&mut piece.rows);
    if rows.len() == rows.capacity() {
        rows.reserve_exact(PIECE_ROWS_MORE);
    }
    let end = row.end();
    rows.insert(at, row);
    (piece.first, piece.end) = (piece.rows[0].key(), piece.end.max(end));
}

fn furthest<R: Row>(rows: &[R]) -> i64 {
    if !R::REACHES {
        return i64::MAX;
    }
    rows.iter().map(R::end).max().unwrap_or(i64::MAX)
}

impl<R: Row> Extend<R> for Rows<R> {
    fn extend<I: IntoIterator<Item = R>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| drop(self.insert(row)));
    }
}

impl<R: Row> FromIterator<R> for Rows<R> {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let mut all = Self::default();
        all.extend(rows);
        all
    }
}

impl<R: Row + std::fmt::Debug> std::fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<R: Row + PartialEq> PartialEq for Rows<R> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl<R: Row + Serialize> Serialize for Rows<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut list = serializer.serialize_seq(Some(self.count))?;
        for row in self.iter() {
            list.serialize_element(row)?;
        }
        list.end()
    }
}

impl<'de, R: Row + Deserialize<'de>> Deserialize<'de> for Rows<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<R>(std::marker::PhantomData<R>);

        impl<'de, R: Row + Deserialize<'de>> Visitor<'de> for List<R> {
            type Value = Rows<R>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows<R>, A::Error> {
                let mut rows = Rows::default();
                let mut last = None;
                while let Some(row) = list.next_element::<R>()? {
                    let before = last.replace(row.key());
                    if before.is_some_and(|before| before >= row.key()) {
                        return Err(serde::de::Error::custom("rows out of order"));
                    }
                    rows.insert(row);
                }
                Ok(rows)
            }
        }

        deserializer.deserialize_seq(List(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    struct Named(u16, u32);

    impl Row for Named {
        type Key = u16;
        const REACHES: bool = true;

        fn key(&self) -> u16 {
            self.0
        }

        fn end(&self) -> i64 {
            self.1.into()
        }
    }

    fn list<'a>(rows: impl Iterator<Item = &'a Named>) -> Vec<(u16, u32)> {
        rows.map(|row| (row.0, row.1)).collect()
    }

    proptest! {
        #[test]
        fn rows_are_what_a_plain_map_of_them_is(
            changes in prop::collection::vec((0u16..600, any::<u32>(), 0u8..8), 0..1_500),
            (from, to) in (0u16..620, 0u16..40).prop_map(|(from, span)| (from, from + span)),
        ) {
            let (mut rows, mut map) = (Rows::default(), BTreeMap::new());
            for (key, value, dice) in changes {
                if dice < 3 {
                    prop_assert_eq!(rows.remove(key).map(|row: Named| row.1), map.remove(&key));
                } else {
                    let before = rows.insert(Named(key, value)).map(|row| row.1);
                    prop_assert_eq!(before, map.insert(key, value));
                }
            }
            let capture = rows.clone();
            let plain = |map: &BTreeMap<u16, u32>| Vec::from_iter(map.clone());
            prop_assert_eq!(list(rows.iter()), plain(&map));
            prop_assert_eq!(rows.len(), map.len());
            prop_assert_eq!(rows.get(from).map(|row| row.1), map.get(&from).copied());
            let rest: Vec<_> = map.range(from..).map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(list(rows.from(from)), rest.clone());
            let far = u32::MAX / 4 * 3;
            let is_far = |(_, end): &(u16, u32)| *end > far;
            let mut reaching = list(rows.reaching(from, far.into()));
            reaching.retain(is_far);
            prop_assert_eq!(reaching, Vec::from_iter(rest.into_iter().filter(is_far)));
            let down: Vec<_> = map.range(..from).rev().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(list(rows.before(from)), down);
            let mut replaced = rows.clone();
            let others: Vec<_> = (from..=to).step_by(3).map(|key| Named(key, 9)).collect();
            if from <= to && replaced.replace(from, to, others.clone()) {
                let mut map = map.clone();
                map.retain(|key, _| !(from..=to).contains(key));
                map.extend(others.iter().map(|row| (row.0, row.1)));
                prop_assert_eq!(list(replaced.iter()), plain(&map));
                prop_assert_eq!(replaced.len(), map.len());
            }
            rows.change(from, to, |row| row.1 = 7);
            let before = plain(&map);
            map.iter_mut().filter(|(key, _)| (from..to).contains(key)).for_each(|(_, v)| *v = 7);
            prop_assert_eq!(list(rows.iter()), plain(&map));
            prop_assert_eq!(list(capture.iter()), before);
            let bytes = serde_json::to_vec(&rows).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Rows<Named>>(&bytes).unwrap(), rows);
        }
    }

    #[test]
    fn what_ends_before_is_passed_over_a_piece_at_a_time() {
        let mut rows: Rows<Named> = (0..6_400).map(|n| Named(n, u32::from(n))).collect();
        rows.insert(Named(640, 9_000));
        let reaching = |rows: &Rows<Named>| list(rows.reaching(0, 6_390)).len();
        assert_eq!(reaching(&rows), 2 * PIECE_ROWS_MAX);
        rows.insert(Named(640, 640));
        assert_eq!(reaching(&rows), PIECE_ROWS_MAX);
    }

    #[test]
    fn rows_that_are_out_of_order_are_not_read() {
        assert!(serde_json::from_str::<Rows<Named>>("[[1, 0], [2, 0]]").is_ok());
        assert!(serde_json::from_str::<Rows<Named>>("[[2, 0], [1, 0]]").is_err());
        assert!(serde_json::from_str::<Rows<Named>>("[[2, 0], [2, 0]]").is_err());
    }

    #[test]
    fn rows_take_hardly_more_room_than_their_own() {
        let mut rows = Rows::default();
        for n in 0..20_000u32 {
            rows.insert(Named(n.wrapping_mul(40_503) as u16, n));
        }
        let room: usize = rows.pieces.iter().map(|piece| piece.rows.capacity()).sum();
        assert!(room < rows.len() * 11 / 10, "{room} for {}", rows.len());
    }
}
