//! Customers that several rows name, with their lines, in bounded memory: a hash of every id is kept, up to a limit.
//! Beyond it, only the customers that are known already are recognised, and that is said. The ids are looked up on a
//! thread of their own: each look goes to another place of the memory, and reading would wait for it.

use crate::customer::Parameter;
use crate::report::{Duplicates, Repeated, SHOWN};
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// The most ids that are remembered: 18 MB of memory.
pub(super) const MOST_IDS: usize = 1_000_000;

/// So many ids that follow each other, such as 10240 to 10247, stand together in the table: a line of the cache.
const BLOCK: u64 = 8;

/// So many ids are handed over together.
const BATCH: usize = 4096;

/// So many batches may be full and not looked up yet.
const BATCHES_AHEAD: usize = 2;

/// Marks a line whose customer came again.
const CAME_AGAIN: u32 = 1 << 31;

/// Finds customers that come again.
pub(super) struct Finder {
    batch: Batch,
    /// To the thread that looks up, and back from it what is empty again.
    full: SyncSender<Batch>,
    empty: Receiver<Batch>,
    thread: JoinHandle<Duplicates>,
}

/// Ids on their way.
#[derive(Default)]
struct Batch {
    sightings: Vec<Sighting>,
    /// Their ids, one behind the other.
    ids: Vec<u8>,
}

struct Sighting {
    parameter: Parameter,
    line: u64,
    /// Where its id ends in `ids`.
    end: usize,
}

impl Finder {
    /// Starts the thread.
    ///
    /// # Errors
    /// If there is none to be had.
    pub(super) fn start() -> io::Result<Finder> {
        Finder::with_room(MOST_IDS)
    }

    fn with_room(most: usize) -> io::Result<Finder> {
        let (full, to_look_up) = sync_channel::<Batch>(BATCHES_AHEAD);
        let (looked_up, empty) = sync_channel(BATCHES_AHEAD + 1);
        let thread = thread::Builder::new().name("duplicates".to_owned()).spawn(move || {
            let mut known = Known::with_room(most);
            for mut batch in to_look_up {
                known.look_up(&mut batch);
                // Nobody takes the last ones.
                let _ = looked_up.try_send(batch);
            }
            known.found
        })?;
        Ok(Finder { batch: Batch::default(), full, empty, thread })
    }

    /// Sees a row's id; an empty one is none.
    pub(super) fn see(&mut self, parameter: Parameter, id: &[u8], line: u64) {
        if id.is_empty() {
            return;
        }
        self.batch.ids.extend_from_slice(id);
        self.batch.sightings.push(Sighting { parameter, line, end: self.batch.ids.len() });
        if self.batch.sightings.len() == BATCH {
            self.hand_over();
        }
    }

    #[inline(never)]
    fn hand_over(&mut self) {
        let next = self.empty.try_recv().unwrap_or_default();
        // If the thread has ended, it has panicked, and that shows in the end.
        let _ = self.full.send(std::mem::replace(&mut self.batch, next));
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Duplicates {
        self.hand_over();
        drop(self.full);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The customers that were seen.
struct Known {
    /// For each kind of id, so that no id of one looks like an id of the other.
    hashers: [RandomState; Parameter::LOOKUPS],
    table: Table,
    found: Duplicates,
    /// The hashes of `found.examples`.
    shown: Vec<u64>,
}

impl Known {
    fn with_room(most: usize) -> Known {
        Known {
            hashers: [RandomState::default(), RandomState::default()],
            table: Table::new(most),
            found: Duplicates { is_complete: true, looked_at: most as u64, ..Duplicates::default() },
            shown: Vec::new(),
        }
    }

    /// Looks up a batch and empties it.
    fn look_up(&mut self, batch: &mut Batch) {
        let mut start = 0;
        for sighting in &batch.sightings {
            let id = &batch.ids[start..sighting.end];
            start = sighting.end;
            let Some(hasher) = self.hashers.get(sighting.parameter.index()) else { continue };
            let hash = hash(hasher, id);
            match self.table.insert(hash, sighting.line) {
                Seen::New => {}
                Seen::NoRoom => self.found.is_complete = false,
                Seen::Again { first, is_second } => {
                    self.found.rows += 1;
                    self.found.customers += u64::from(is_second);
                    if let Some(at) = self.shown.iter().position(|shown| *shown == hash) {
                        let example = &mut self.found.examples[at];
                        example.rows += 1;
                        if example.lines.len() < SHOWN {
                            example.lines.push(sighting.line);
                        }
                    } else if is_second && self.shown.len() < SHOWN {
                        self.shown.push(hash);
                        self.found.examples.push(Repeated {
                            parameter: sighting.parameter,
                            id: id.to_vec(),
                            rows: 2,
                            lines: vec![first, sighting.line],
                        });
                    }
                }
            }
        }
        batch.sightings.clear();
        batch.ids.clear();
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

/// Hashes with the line on which each came first: 12 bytes a slot. What is not used of it takes no memory.
struct Table {
    hashes: Vec<u64>,
    lines: Vec<u32>,
    count: usize,
    most: usize,
}

impl Table {
    fn new(most: usize) -> Table {
        // A third is left free, or the ways to a free slot are long.
        let slots = (most + most / 2).next_multiple_of(BLOCK as usize) + BLOCK as usize;
        Table { hashes: vec![0; slots], lines: vec![0; slots], count: 0, most }
    }

    fn insert(&mut self, hash: u64, line: u64) -> Seen {
        let slot = self.slot_of(hash);
        if self.hashes[slot] == hash {
            let known = &mut self.lines[slot];
            let is_second = *known & CAME_AGAIN == 0;
            *known |= CAME_AGAIN;
            return Seen::Again { first: u64::from(*known & !CAME_AGAIN), is_second };
        }
        let short = u32::try_from(line).ok().filter(|line| line & CAME_AGAIN == 0);
        let Some(line) = short.filter(|_| self.count < self.most) else { return Seen::NoRoom };
        (self.hashes[slot], self.lines[slot]) = (hash, line);
        self.count += 1;
        Seen::New
    }

    /// Where a hash stands, or the free slot for it.
    fn slot_of(&self, hash: u64) -> usize {
        let slots = self.hashes.len();
        let (block, within) = (hash / BLOCK * BLOCK, hash % BLOCK);
        // The high half of the product: evenly spread over any number of blocks.
        let blocks = slots as u128 / u128::from(BLOCK);
        let start = ((u128::from(block) * blocks) >> 64) as usize * BLOCK as usize;
        let mut slot = start + within as usize;
        while self.hashes[slot] != hash && self.hashes[slot] != 0 {
            slot = if slot + 1 == slots { 0 } else { slot + 1 };
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn found(most: usize, ids: &[u32]) -> Duplicates {
        let mut finder = Finder::with_room(most).expect("a thread");
        for (index, id) in ids.iter().enumerate() {
            finder.see(Parameter::CustomerId, id.to_string().as_bytes(), index as u64 + 2);
        }
        finder.finish()
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
        let mut finder = Finder::with_room(10).expect("a thread");
        finder.see(Parameter::CustomerId, b"7", 2);
        finder.see(Parameter::SubscriptionId, b"7", 2);
        finder.see(Parameter::SubscriptionId, b"", 3);
        finder.see(Parameter::SubscriptionId, b"", 4);
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
