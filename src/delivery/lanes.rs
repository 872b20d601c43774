//! Whose turn it is: rows of one customer go one at a time, in the order they joined. A row that names both ids
//! stands in two lanes and has its turn when it is first in both.

use super::slots::SlotId;
use crate::resume::Keys;
use foldhash::fast::RandomState;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// The lanes of all open rows.
#[derive(Default)]
pub(super) struct Lanes {
    /// Behind the first row of each, which mostly is the only one, those that wait for it.
    lanes: HashMap<u64, VecDeque<SlotId>, RandomState>,
    /// For each open row, in how many lanes it is not first.
    behind: HashMap<SlotId, u8, RandomState>,
}

impl Lanes {
    /// Puts a row at the end of its lanes; true if it is its turn at once.
    pub(super) fn join(&mut self, slot: SlotId, keys: Keys) -> bool {
        let mut behind = 0;
        for key in keys.iter() {
            match self.lanes.entry(key) {
                Entry::Vacant(lane) => drop(lane.insert(VecDeque::new())),
                Entry::Occupied(mut lane) => {
                    behind += 1;
                    lane.get_mut().push_back(slot);
                }
            }
        }
        if behind > 0 {
            self.behind.insert(slot, behind);
        }
        behind == 0
    }

    /// Takes a row that had its turn out of its lanes, and names the rows whose turn it is now.
    pub(super) fn leave(&mut self, keys: Keys, mut turn: impl FnMut(SlotId)) {
        for key in keys.iter() {
            let Entry::Occupied(mut lane) = self.lanes.entry(key) else { continue };
            let Some(next) = lane.get_mut().pop_front() else {
                lane.remove();
                continue;
            };
            if let Some(behind) = self.behind.get_mut(&next) {
                *behind -= 1;
                if *behind == 0 {
                    self.behind.remove(&next);
                    turn(next);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::{LaneKeys, lane_keys_of as keys};
    use proptest::prelude::*;

    #[test]
    fn a_row_with_both_ids_waits_for_both() {
        let maker = &mut LaneKeys::default();
        let (one, other, both) = (keys(maker, "1", ""), keys(maker, "", "s"), keys(maker, "1", "s"));
        let mut lanes = Lanes::default();
        assert!(lanes.join(SlotId(0), one) && lanes.join(SlotId(1), other));
        assert!(!lanes.join(SlotId(2), both));
        assert!(!lanes.join(SlotId(3), one));
        let mut turns = Vec::new();
        lanes.leave(one, |slot| turns.push(slot));
        assert_eq!(turns, []);
        lanes.leave(other, |slot| turns.push(slot));
        assert_eq!(turns, [SlotId(2)]);
        lanes.leave(both, |slot| turns.push(slot));
        assert_eq!(turns, [SlotId(2), SlotId(3)]);
        lanes.leave(one, |_| panic!("nobody is left"));
        assert!(lanes.lanes.is_empty() && lanes.behind.is_empty());
    }

    proptest! {
        /// Any rows over few ids, finished in any order: never two of one id at once, always in order, and
        /// every row has its turn.
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
                if lanes.join(SlotId(index as u32), *keys) {
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
                lanes.leave(keys[index], |slot| running.push(slot.0 as usize));
            }
            prop_assert_eq!(count, rows.len());
        }
    }
}
