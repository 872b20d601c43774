//! The order of a customer's rows: one at a time, in the order in which the rows joined. A row that names both ids is in
//! two lanes and has its turn when the row is first in both.

use super::queue::RowKey;
use crate::resume::Keys;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// The lanes of all open rows.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// For each lane, the rows that wait for its first row; mostly none.
    lanes: HashMap<u64, VecDeque<RowKey>>,
    /// For each row that waits, the number of lanes in which the row is not first.
    behind: HashMap<RowKey, u8>,
}

impl Lanes {
    /// Puts a row at the end of its lanes; true if the row has its turn at once.
    pub(super) fn join(&mut self, row: RowKey, keys: Keys) -> bool {
        let mut behind = 0;
        for key in keys.iter() {
            match self.lanes.entry(key) {
                Entry::Vacant(lane) => drop(lane.insert(VecDeque::new())),
                Entry::Occupied(mut lane) => {
                    behind += 1;
                    lane.get_mut().push_back(row);
                }
            }
        }
        if behind > 0 {
            self.behind.insert(row, behind);
        }
        behind == 0
    }

    /// Removes a row that had its turn from its lanes, and calls `turn` for each row whose turn comes next.
    pub(super) fn leave(&mut self, keys: Keys, mut turn: impl FnMut(RowKey)) {
        for key in keys.iter() {
            let lane = self.lanes.get_mut(&key).expect("a row that had its turn is first in its lanes");
            let Some(next) = lane.pop_front() else {
                self.lanes.remove(&key);
                continue;
            };
            let behind = self.behind.get_mut(&next).expect("a row that is not first waits");
            *behind -= 1;
            if *behind == 0 {
                self.behind.remove(&next);
                turn(next);
            }
        }
    }

    /// Whether another row waits for the first row of these lanes.
    pub(super) fn is_waited_for(&self, keys: Keys) -> bool {
        keys.iter().any(|key| self.lanes.get(&key).is_some_and(|lane| !lane.is_empty()))
    }

    /// Rows that wait.
    pub(super) fn behind(&self) -> usize {
        self.behind.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::{LaneKeys, lane_keys_of as keys};
    use proptest::prelude::*;

    fn key(slot: u32) -> RowKey {
        RowKey { row: u64::from(slot) + 1, slot }
    }

    #[test]
    fn a_row_with_both_ids_waits_for_both() {
        let maker = &mut LaneKeys::default();
        let (one, other, both) = (keys(maker, "1", ""), keys(maker, "", "s"), keys(maker, "1", "s"));
        let mut lanes = Lanes::default();
        assert!(lanes.join(key(0), one) && lanes.join(key(1), other));
        assert!(!lanes.join(key(2), both));
        assert!(!lanes.join(key(3), one));
        assert!(lanes.is_waited_for(one) && lanes.behind() == 2);
        let mut turns = Vec::new();
        lanes.leave(one, |slot| turns.push(slot));
        assert_eq!(turns, []);
        lanes.leave(other, |slot| turns.push(slot));
        assert_eq!(turns, [key(2)]);
        lanes.leave(both, |slot| turns.push(slot));
        assert_eq!(turns, [key(2), key(3)]);
        lanes.leave(one, |_| panic!("nobody is left"));
        assert!(lanes.lanes.is_empty() && lanes.behind.is_empty());
    }

    proptest! {
        /// Any rows over few ids, finished in any order: two rows of one id never run at once, their order holds, and every
        /// row has its turn.
        #[test]
        fn order_holds_for_any_rows(rows in proptest::collection::vec((0_u64..4, 0_u64..4), 1..60), seed: u64) {
            let mut random = fastrand::Rng::with_seed(seed);
            let keys: Vec<_> = rows.iter().map(|(one, other)| match (one, other) {
                (0, other) => Keys { first: 100 + other, second: None },
                (one, 0) => Keys { first: *one, second: None },
                (one, other) => Keys { first: *one, second: Some(100 + other) },
            }).collect();
            let mut lanes = Lanes::default();
            let mut running: Vec<usize> = Vec::new();
            for (index, keys) in keys.iter().enumerate() {
                if lanes.join(key(index as u32), *keys) {
                    running.push(index);
                }
            }
            let mut last: HashMap<u64, usize> = HashMap::new();
            let mut count = 0;
            while !running.is_empty() {
                for (at, one) in running.iter().enumerate() {
                    for other in &running[at + 1..] {
                        prop_assert!(!keys[*one].iter().any(|key| keys[*other].iter().any(|same| same == key)));
                    }
                }
                let index = running.swap_remove(random.usize(..running.len()));
                for key in keys[index].iter() {
                    prop_assert!(last.insert(key, index).is_none_or(|before| before < index));
                }
                count += 1;
                lanes.leave(keys[index], |slot| running.push(slot.slot as usize));
            }
            prop_assert_eq!(count, rows.len());
        }
    }
}
