//! An index of sorted 64-bit keys by their first bits. Keys are hashes and evenly distributed, so that one look at the index
//! leaves about eight candidates; a binary search of a million keys would touch memory in twenty places.

use std::ops::Range;

/// Keys that share an entry of the index, on average (chosen).
const KEYS_PER_ENTRY: usize = 8;

/// Finds the position of a key among sorted keys.
#[derive(Debug)]
pub struct IdIndex {
    /// The position of the first key whose first bits are this number or more, and at the end the number of keys.
    starts: Vec<usize>,
    /// The bits of a key that the index ignores.
    ignored_bits: u32,
}

impl Default for IdIndex {
    /// An index of no keys.
    fn default() -> IdIndex {
        IdIndex::of(std::iter::empty())
    }
}

impl IdIndex {
    /// Indexes keys, which must be sorted.
    #[must_use]
    pub fn of(keys: impl ExactSizeIterator<Item = u64>) -> IdIndex {
        let bits = (keys.len() / KEYS_PER_ENTRY).max(2).ilog2();
        let ignored_bits = u64::BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        keys.for_each(|key| starts[(key >> ignored_bits) as usize + 1] += 1);
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        IdIndex { starts, ignored_bits }
    }

    /// The positions at which this key can be.
    #[must_use]
    pub fn range(&self, key: u64) -> Range<usize> {
        let entry = (key >> self.ignored_bits) as usize;
        self.starts[entry]..self.starts[entry + 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Holds for few keys and many, and for the lowest and the highest.
        #[test]
        fn a_key_is_where_the_index_says(
            mut keys in proptest::collection::vec(
                prop_oneof![any::<u64>(), 0_u64..4, (u64::MAX - 3)..=u64::MAX], 0..200
            ),
            other: u64,
        ) {
            keys.sort_unstable();
            keys.dedup();
            let index = IdIndex::of(keys.iter().copied());
            for (place, key) in keys.iter().enumerate() {
                prop_assert!(index.range(*key).contains(&place));
            }
            prop_assert!(index.range(other).all(|place| place < keys.len()));
        }
    }
}
