//! Customers that several rows name, with their lines, in bounded memory: a hash of every id is kept, up to a limit.
//! Beyond the limit, only customers that are already known are recognised, and the report indicates this.

use super::report::{Duplicates, MOST_EXAMPLES, RepeatedCustomer};
use crate::customer::Parameter;
use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;

/// The most ids that are remembered: 35 MB of memory, and 17 MB more while the table grows for the last time.
pub(super) const MOST_IDS: usize = 1_000_000;

/// Finds customers that several rows name.
pub(super) struct DuplicateFinder {
    hasher: RandomState,
    /// By the hash of the parameter and the id: the line on which the id occurred first, and whether it occurred again.
    known: HashMap<u64, (u32, bool)>,
    most: usize,
    found: Duplicates,
    /// The hashes of `found.examples`.
    example_hashes: Vec<u64>,
}

impl DuplicateFinder {
    pub(super) fn new() -> DuplicateFinder {
        DuplicateFinder::with_room(MOST_IDS)
    }

    fn with_room(most: usize) -> DuplicateFinder {
        DuplicateFinder {
            hasher: RandomState::default(),
            known: HashMap::default(),
            most,
            found: Duplicates { is_complete: true, most_ids: most as u64, ..Duplicates::default() },
            example_hashes: Vec::new(),
        }
    }

    /// Sees the id of a row. An empty id is ignored.
    pub(super) fn see(&mut self, parameter: Parameter, id: &[u8], line: u64) {
        if id.is_empty() {
            return;
        }
        let hash = self.hasher.hash_one((parameter, id));
        let has_room = self.known.len() < self.most;
        let (first, is_second) = match self.known.entry(hash) {
            Entry::Occupied(mut known) => {
                let (first, is_repeated) = *known.get();
                known.insert((first, true));
                (u64::from(first), !is_repeated)
            }
            // Files of more lines are not complete.
            Entry::Vacant(place) => match u32::try_from(line).ok().filter(|_| has_room) {
                Some(line) => {
                    place.insert((line, false));
                    return;
                }
                None => return self.found.is_complete = false,
            },
        };
        self.see_again(hash, first, is_second, (parameter, id, line));
    }

    fn see_again(
        &mut self,
        hash: u64,
        first: u64,
        is_second: bool,
        (parameter, id, line): (Parameter, &[u8], u64),
    ) {
        self.found.rows += 1;
        self.found.customers += u64::from(is_second);
        if let Some(at) = self.example_hashes.iter().position(|known| *known == hash) {
            let example = &mut self.found.examples[at];
            example.rows += 1;
            if example.lines.len() < MOST_EXAMPLES {
                example.lines.push(line);
            }
        } else if is_second && self.example_hashes.len() < MOST_EXAMPLES {
            self.example_hashes.push(hash);
            let lines = vec![first, line];
            self.found.examples.push(RepeatedCustomer { parameter, id: id.to_vec(), rows: 2, lines });
        }
    }

    /// The customers that several rows name.
    pub(super) fn finish(self) -> Duplicates {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn found(most: usize, ids: &[u32]) -> Duplicates {
        let mut finder = DuplicateFinder::with_room(most);
        for (index, id) in ids.iter().enumerate() {
            finder.see(Parameter::CustomerId, id.to_string().as_bytes(), index as u64 + 2);
        }
        finder.finish()
    }

    #[test]
    fn repeated_customers_are_reported_with_their_first_lines() {
        let found = found(100, &[7, 8, 7, 9, 8, 7, 7, 7, 7]);
        assert_eq!((found.customers, found.rows, found.is_complete), (2, 6, true));
        let examples: Vec<_> = found
            .examples
            .iter()
            .map(|example| (&example.id[..], example.rows, &example.lines[..]))
            .collect();
        assert_eq!(examples, [(&b"7"[..], 6, &[2, 4, 7, 8, 9][..]), (b"8", 2, &[3, 6])]);
    }

    #[test]
    fn ids_of_two_kinds_are_two_customers() {
        let mut finder = DuplicateFinder::with_room(10);
        finder.see(Parameter::CustomerId, b"7", 2);
        finder.see(Parameter::SubscriptionId, b"7", 2);
        finder.see(Parameter::SubscriptionId, b"", 3);
        finder.see(Parameter::SubscriptionId, b"", 4);
        assert_eq!(finder.finish().customers, 0);
    }

    #[test]
    fn beyond_the_limit_only_known_customers_are_found_and_the_result_is_incomplete() {
        let ids: Vec<u32> = (0..200).chain([5, 150]).collect();
        let found = found(100, &ids);
        assert_eq!((found.customers, found.is_complete), (1, false));
    }

    proptest! {
        #[test]
        fn it_counts_as_a_map_of_all_ids_does(ids in proptest::collection::vec(0..6000_u32, 0..9000)) {
            let mut counts = HashMap::new();
            ids.iter().for_each(|id| *counts.entry(id).or_insert(0_u64) += 1);
            let found = found(6000, &ids);
            prop_assert_eq!(found.customers, counts.values().filter(|count| **count > 1).count() as u64);
            prop_assert_eq!(found.rows, counts.values().map(|count| count - 1).sum::<u64>());
            prop_assert!(found.is_complete);
        }
    }
}
