//! Customers that several rows name, with their lines, in bounded memory: a hash of every id is kept, up to a limit.
//! Beyond it, only the customers that are known already are recognised, and that is said.

use crate::customer::Parameter;
use crate::report::{Duplicates, Repeated, SHOWN};
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};

/// The most ids that are remembered: 18 MB of memory.
pub(super) const MOST_IDS: usize = 1_000_000;

/// So many ids that follow each other, such as 10240 to 10247, stand together in the table: a line of the cache.
const BLOCK: u64 = 8;

/// Marks a line whose customer came again.
const CAME_AGAIN: u32 = 1 << 31;

/// Finds customers that come again.
pub(super) struct Finder {
    /// For each kind of id, so that no id of one looks like an id of the other.
    hashers: [RandomState; Parameter::LOOKUPS],
    table: Table,
    found: Duplicates,
    /// The hashes of `found.examples`.
    shown: Vec<u64>,
}

impl Finder {
    pub(super) fn new() -> Finder {
        Finder::with_room(MOST_IDS)
    }

    fn with_room(most: usize) -> Finder {
        Finder {
            hashers: [RandomState::default(), RandomState::default()],
            table: Table::new(most),
            found: Duplicates { is_complete: true, looked_at: most as u64, ..Duplicates::default() },
            shown: Vec::new(),
        }
    }

    /// The hash of a row's id, for [`Finder::see`]; an empty id has none.
    pub(super) fn hash(&self, parameter: Parameter, id: &[u8]) -> Option<u64> {
        self.hashers.get(parameter.index()).filter(|_| !id.is_empty()).map(|hasher| hash(hasher, id))
    }

    /// Fetches what is known of ids that are to be seen soon. Each stands at another place of the memory: asked for one
    /// after the other, each would be waited for.
    pub(super) fn fetch(&self, hashes: impl Iterator<Item = u64>) {
        let known = hashes.fold(0, |known, hash| known ^ self.table.slots[self.table.start_of(hash)][LINE]);
        std::hint::black_box(known);
    }

    /// Sees an id with its hash.
    pub(super) fn see(&mut self, hash: u64, parameter: Parameter, id: &[u8], line: u64) {
        match self.table.insert(hash, line) {
            Seen::New => {}
            Seen::NoRoom => self.found.is_complete = false,
            Seen::Again { first, is_second } => self.see_again(hash, first, is_second, (parameter, id, line)),
        }
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
        if let Some(at) = self.shown.iter().position(|shown| *shown == hash) {
            let example = &mut self.found.examples[at];
            example.rows += 1;
            if example.lines.len() < SHOWN {
                example.lines.push(line);
            }
        } else if is_second && self.shown.len() < SHOWN {
            self.shown.push(hash);
            let lines = vec![first, line];
            self.found.examples.push(Repeated { parameter, id: id.to_vec(), rows: 2, lines });
        }
    }

    /// What was found.
    pub(super) fn finish(self) -> Duplicates {
        self.found
    }
}

/// The hash of an id, never zero: that stands for a free slot. Numbers of one block differ in their last bits only.
fn hash(hasher: &RandomState, id: &[u8]) -> u64 {
    let number = match id {
        // Two ids are not one for the zeros before them.
        [b'1'..=b'9', ..] if id.len() < 19 => id.iter().try_fold(0, |number: u64, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
        }),
        _ => None,
    };
    let mut hasher = hasher.build_hasher();
    match number {
        Some(number) => hasher.write_u64(number / BLOCK),
        None => hasher.write(id),
    }
    let hash = hasher.finish();
    let hash = number.map_or(hash, |number| hash / BLOCK * BLOCK + number % BLOCK);
    if hash == 0 { 1 << 32 } else { hash }
}

/// What a table knows of a hash.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    New,
    Again { first: u64, is_second: bool },
    NoRoom,
}

/// Hashes with the line on which each came first. What is not used of it takes no memory.
struct Table {
    slots: Vec<Slot>,
    count: usize,
    most: usize,
}

/// The two halves of a hash, both zero if it is free, and the line. In one piece, as it is one look into the memory.
type Slot = [u32; 3];

/// Where the line stands.
const LINE: usize = 2;

fn halves(hash: u64) -> [u32; 2] {
    [hash as u32, (hash >> 32) as u32]
}

impl Table {
    fn new(most: usize) -> Table {
        // A third is left free, or the ways to a free slot are long.
        let slots = (most + most / 2).next_multiple_of(BLOCK as usize) + BLOCK as usize;
        Table { slots: vec![Slot::default(); slots], count: 0, most }
    }

    fn insert(&mut self, hash: u64, line: u64) -> Seen {
        let [low, high] = halves(hash);
        let slot = self.slot_of(hash);
        let slot = &mut self.slots[slot];
        if slot[..LINE] == [low, high] {
            let is_second = slot[LINE] & CAME_AGAIN == 0;
            slot[LINE] |= CAME_AGAIN;
            return Seen::Again { first: u64::from(slot[LINE] & !CAME_AGAIN), is_second };
        }
        let short = u32::try_from(line).ok().filter(|line| line & CAME_AGAIN == 0);
        let Some(line) = short.filter(|_| self.count < self.most) else { return Seen::NoRoom };
        *slot = [low, high, line];
        self.count += 1;
        Seen::New
    }

    /// Where a hash stands, or the free slot for it.
    fn slot_of(&self, hash: u64) -> usize {
        let hash_halves = halves(hash);
        let is_other = |slot: &Slot| slot[..LINE] != hash_halves && slot[..LINE] != [0, 0];
        let mut slot = self.start_of(hash);
        while is_other(&self.slots[slot]) {
            slot = if slot + 1 == self.slots.len() { 0 } else { slot + 1 };
        }
        slot
    }

    /// From where a hash is looked for.
    fn start_of(&self, hash: u64) -> usize {
        let (block, within) = (hash / BLOCK * BLOCK, hash % BLOCK);
        // The high half of the product: evenly spread over any number of blocks.
        let blocks = self.slots.len() as u128 / u128::from(BLOCK);
        let start = ((u128::from(block) * blocks) >> 64) as usize * BLOCK as usize;
        start + within as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn found(most: usize, ids: &[u32]) -> Duplicates {
        let mut finder = Finder::with_room(most);
        for (index, id) in ids.iter().enumerate() {
            see(&mut finder, Parameter::CustomerId, id.to_string().as_bytes(), index as u64 + 2);
        }
        finder.finish()
    }

    fn see(finder: &mut Finder, parameter: Parameter, id: &[u8], line: u64) {
        let hash = finder.hash(parameter, id);
        finder.fetch(hash.into_iter());
        if let Some(hash) = hash {
            finder.see(hash, parameter, id, line);
        }
    }

    #[test]
    fn customers_come_back_with_their_first_lines() {
        let found = found(100, &[7, 8, 7, 9, 8, 7, 7, 7, 7]);
        assert_eq!((found.customers, found.rows, found.is_complete), (2, 6, true));
        let told: Vec<_> = found
            .examples
            .iter()
            .map(|example| (&example.id[..], example.rows, &example.lines[..]))
            .collect();
        assert_eq!(told, [(&b"7"[..], 6, &[2, 4, 7, 8, 9][..]), (b"8", 2, &[3, 6])]);
    }

    #[test]
    fn ids_of_two_kinds_are_two_customers() {
        let mut finder = Finder::with_room(10);
        see(&mut finder, Parameter::CustomerId, b"7", 2);
        see(&mut finder, Parameter::SubscriptionId, b"7", 2);
        see(&mut finder, Parameter::SubscriptionId, b"", 3);
        see(&mut finder, Parameter::SubscriptionId, b"", 4);
        assert_eq!(finder.finish().customers, 0);
    }

    #[test]
    fn beyond_the_limit_those_known_are_found_and_the_rest_is_said() {
        let ids: Vec<u32> = (0..200).chain([5, 150]).collect();
        let found = found(100, &ids);
        assert_eq!((found.customers, found.is_complete), (1, false));
    }

    proptest! {
        #[test]
        fn ids_that_differ_in_anything_are_two(one in "0{0,2}[0-9]{1,20}|[a-c]{1,3}", other in "0{0,2}[0-9]{1,20}|[a-c]{1,3}") {
            let hasher = RandomState::default();
            prop_assert_eq!(hash(&hasher, one.as_bytes()) == hash(&hasher, other.as_bytes()), one == other);
        }

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
