//! The digest of a state: one number for all that the entities durably are.
//!
//! It is the sum, modulo 2^256, over the entities, of
//!
//! ```text
//! SHA-256( key's length: u64, little-endian ‖ key ‖ record )
//! ```
//!
//! read as a big-endian number. A sum depends neither on the order of the entities nor on where
//! a record lives, so parts that were summed apart merge, and an entity that changes is taken
//! out and put in again. The length keeps a key from borrowing bytes of its record.
//!
//! It shows accidents, not attacks: whoever may choose records at will can make sums meet.
//!
//! Not here: which bytes are a key and a record.

use std::fmt;

use sha2::{Digest as _, Sha256};

const LIMBS: usize = 4;

/// A sum over entities; that of no entities is zero.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The least significant first.
    limbs: [u64; LIMBS],
}

impl Digest {
    /// How many bytes one has.
    pub const BYTES: usize = 32;

    /// The digest of no entities.
    pub const ZERO: Self = Self { limbs: [0; LIMBS] };

    /// The digest of one entity.
    pub fn of(key: &[u8], record: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update((key.len() as u64).to_le_bytes());
        hash.update(key);
        hash.update(record);
        Self::from_bytes(hash.finalize().into())
    }

    /// Counts one entity in.
    pub fn add(&mut self, key: &[u8], record: &[u8]) {
        self.merge(&Self::of(key, record));
    }

    /// Takes one entity out that was counted in with the same record.
    pub fn remove(&mut self, key: &[u8], record: &[u8]) {
        self.subtract(&Self::of(key, record));
    }

    /// Counts in all that the other counted.
    pub fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (limb, addend) in self.limbs.iter_mut().zip(other.limbs) {
            let (sum, over) = limb.overflowing_add(addend);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || over_again;
        }
    }

    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (limb, subtrahend) in self.limbs.iter_mut().zip(other.limbs) {
            let (rest, under) = limb.overflowing_sub(subtrahend);
            let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = under || under_again;
        }
    }

    /// The number, big-endian.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.limbs.iter().rev()) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    /// The digest that [`to_bytes`](Self::to_bytes) gave these bytes for.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let mut limbs = [0; LIMBS];
        for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
            *limb = chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        }
        Self { limbs }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limbs.iter().rev().try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum<'a>(entities: impl IntoIterator<Item = &'a (Vec<u8>, Vec<u8>)>) -> Digest {
        let mut digest = Digest::ZERO;
        for (key, record) in entities {
            digest.add(key, record);
        }
        digest
    }

    #[test]
    fn the_digest_of_one_entity_is_the_hash_of_its_framed_bytes() {
        // printf '\x03\0\0\0\0\0\0\0keyrecord' | sha256sum
        assert_eq!(
            Digest::of(b"key", b"record").to_string(),
            "5e904170579e431358b195eca4935ec83143a213bca14e9171040267f126145b"
        );
        assert_eq!(Digest::ZERO.to_string(), "0".repeat(64));
    }

    #[test]
    fn a_key_can_not_borrow_bytes_of_its_record() {
        assert_ne!(Digest::of(b"ab", b"c"), Digest::of(b"a", b"bc"));
    }

    #[test]
    fn carries_and_borrows_run_through_all_limbs() {
        let mut digest = Digest::from_bytes([0xff; 32]);
        let mut one = [0; 32];
        one[31] = 1;
        digest.merge(&Digest::from_bytes(one));
        assert_eq!(digest, Digest::ZERO);
        digest.subtract(&Digest::from_bytes(one));
        assert_eq!(digest.to_bytes(), [0xff; 32]);
    }

    proptest! {
        #[test]
        fn order_and_parts_do_not_matter(
            entities: Vec<(Vec<u8>, Vec<u8>)>,
            cut: prop::sample::Index,
        ) {
            let whole = sum(&entities);
            prop_assert_eq!(sum(entities.iter().rev()), whole);
            let (left, right) = entities.split_at(cut.index(entities.len() + 1));
            let mut parts = sum(left);
            parts.merge(&sum(right));
            prop_assert_eq!(parts, whole);
        }

        #[test]
        fn what_is_taken_out_again_leaves_no_trace(
            entities: Vec<(Vec<u8>, Vec<u8>)>,
            key: Vec<u8>,
            record: Vec<u8>,
        ) {
            let before = sum(&entities);
            let mut digest = before;
            digest.add(&key, &record);
            prop_assert_ne!(digest, before);
            digest.remove(&key, &record);
            prop_assert_eq!(digest, before);
            prop_assert_eq!(Digest::from_bytes(digest.to_bytes()), digest);
        }
    }
}
