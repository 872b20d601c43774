//! The last record of every row, in little more than 8 bytes per row. A row without neighbours needs about 1 KiB.

use super::parse::RecordPosition;
use super::record::Status;
use crate::customer::Fingerprint;

/// Rows per page. Chosen: large enough that there are few pages.
const PAGE: u64 = 4096;

/// Rows per block of a page. Chosen: small enough that a row without neighbours costs little.
const BLOCK: u64 = 64;

/// The words of [`BLOCK`] rows.
type Block = [u64; BLOCK as usize];

/// The bits of a word that hold the status; the other bits hold the fingerprint's upper bits.
const STATUS_BITS: u64 = 0xf;

/// The last record of a row: its status and its fingerprint without the lowest 4 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The outcome of the row.
    pub status: Status,
    fingerprint: u64,
}

impl Mark {
    /// Whether the row is unchanged: its fingerprint is equal in the 60 bits that are kept.
    #[must_use]
    pub fn is_of(self, fingerprint: Fingerprint) -> bool {
        self.fingerprint == fingerprint.0 & !STATUS_BITS
    }
}

/// The last record of every row, by row number. It grows by pages, because a growing vector would double the memory.
#[derive(Debug, Default)]
pub struct Marks {
    /// In the order of their rows.
    pages: Vec<Page>,
    last_row: u64,
    last_row_at: RecordPosition,
    last_in_sync: u64,
    in_sync: u64,
}

/// The words of [`PAGE`] rows. Blocks without a record are absent.
#[derive(Debug)]
struct Page {
    number: u64,
    blocks: Box<[Option<Box<Block>>; (PAGE / BLOCK) as usize]>,
}

impl Page {
    fn new(number: u64) -> Page {
        Page { number, blocks: Box::new([const { None }; (PAGE / BLOCK) as usize]) }
    }
}

/// The index of a row's block in its page, and of the row's word in that block.
fn indices_in_page(row: u64) -> (usize, usize) {
    ((row % PAGE / BLOCK) as usize, (row % BLOCK) as usize)
}

impl Marks {
    /// Keeps a record; a later record of the same row replaces it.
    pub fn set(&mut self, row: u64, status: Status, fingerprint: Fingerprint) {
        let number = row / PAGE;
        let index = self.find(number).unwrap_or_else(|index| {
            self.pages.insert(index, Page::new(number));
            index
        });
        let (block, word) = indices_in_page(row);
        let word =
            &mut self.pages[index].blocks[block].get_or_insert_with(|| Box::new([0; BLOCK as usize]))[word];
        let was_in_sync = status_of(*word).is_some_and(Status::is_in_sync);
        *word = (fingerprint.0 & !STATUS_BITS) | status as u64;
        self.in_sync = self.in_sync + u64::from(status.is_in_sync()) - u64::from(was_in_sync);
        self.last_row = self.last_row.max(row);
        if status.is_in_sync() {
            self.last_in_sync = self.last_in_sync.max(row);
        }
    }

    /// Keeps a record as [`Marks::set`] does, and its position in the result file.
    pub(super) fn set_at(
        &mut self,
        position: RecordPosition,
        row: u64,
        status: Status,
        fingerprint: Fingerprint,
    ) {
        if row > self.last_row {
            self.last_row_at = position;
        }
        self.set(row, status, fingerprint);
    }

    /// Adds the records of another result file. If a row has records in both files, the record of the other file counts, and
    /// `is_in_both` is called with the row.
    pub(super) fn absorb(&mut self, other: Marks, mut is_in_both: impl FnMut(u64)) {
        if other.last_row > self.last_row {
            self.last_row_at = other.last_row_at;
        }
        for Page { number, blocks } in other.pages {
            let starts = (number * PAGE..).step_by(BLOCK as usize);
            let blocks = starts.zip(*blocks).filter_map(|(start, block)| Some((start, block?)));
            let words = blocks.flat_map(|(start, block)| (start..).zip(*block));
            for (row, word) in words {
                let Some(status) = status_of(word) else { continue };
                if self.get(row).is_some() {
                    is_in_both(row);
                }
                self.set(row, status, Fingerprint(word & !STATUS_BITS));
            }
        }
    }

    /// The index of a page, or the index to insert it at. Without gaps between the pages, which is usual, the index is the
    /// page's number.
    fn find(&self, number: u64) -> Result<usize, usize> {
        match usize::try_from(number) {
            Ok(index) if self.pages.get(index).is_some_and(|page| page.number == number) => Ok(index),
            _ => self.pages.binary_search_by_key(&number, |page| page.number),
        }
    }

    /// The last record of a row, if the row has a record.
    #[must_use]
    pub fn get(&self, row: u64) -> Option<Mark> {
        let (block, word) = indices_in_page(row);
        let word = self.pages[self.find(row / PAGE).ok()?].blocks[block].as_ref()?[word];
        Some(Mark { status: status_of(word)?, fingerprint: word & !STATUS_BITS })
    }

    /// Whether the row is unchanged and in sync.
    #[must_use]
    pub fn is_done(&self, row: u64, fingerprint: Fingerprint) -> bool {
        self.get(row).is_some_and(|mark| mark.status.is_in_sync() && mark.is_of(fingerprint))
    }

    /// The highest row that was ever in sync; 0 if no row was.
    #[must_use]
    pub fn last_in_sync(&self) -> u64 {
        self.last_in_sync
    }

    /// Rows that are in sync by their last record. Their content may have changed since.
    #[must_use]
    pub fn in_sync(&self) -> u64 {
        self.in_sync
    }

    /// The highest row that has a record; 0 without a record.
    #[must_use]
    pub fn last_row(&self) -> u64 {
        self.last_row
    }

    /// The position of the first record of [`Marks::last_row`] in the result file.
    #[must_use]
    pub fn last_row_at(&self) -> RecordPosition {
        self.last_row_at
    }
}

fn status_of(word: u64) -> Option<Status> {
    Status::ALL.into_iter().find(|status| *status as u64 == word & STATUS_BITS)
}

/// A set of row numbers, as a bitmap.
#[derive(Debug, Default)]
pub struct RowSet(Vec<u64>);

impl RowSet {
    /// Inserts a row. The memory grows with the highest row.
    pub fn insert(&mut self, row: u64) {
        let word = (row / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (row % 64);
    }

    /// Whether the set contains a row.
    #[must_use]
    pub fn contains(&self, row: u64) -> bool {
        self.0.get((row / 64) as usize).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_last_record_of_a_row_counts() {
        let mut marks = Marks::default();
        let print = Fingerprint(0x1234_5678_9abc_def5);
        marks.set(4096, Status::Failed, print);
        assert!(!marks.is_done(4096, print));
        marks.set(4096, Status::Updated, print);
        assert!(marks.is_done(4096, print));
        assert!(!marks.is_done(4096, Fingerprint(0x0234_5678_9abc_def5)));
        assert_eq!((marks.get(4095), marks.get(1), marks.last_row()), (None, None, 4096));
    }

    #[test]
    fn a_row_without_neighbours_costs_a_kilobyte_and_any_other_row_about_a_word() {
        let bytes = |marks: &Marks| {
            let blocks: usize = marks.pages.iter().map(|page| page.blocks.iter().flatten().count()).sum();
            let page = size_of::<Page>() + size_of_val(&*Page::new(0).blocks);
            marks.pages.len() * page + blocks * size_of::<Block>()
        };
        let (mut sparse, mut dense) = (Marks::default(), Marks::default());
        for row in 0..10_000 {
            sparse.set(row * PAGE, Status::Updated, Fingerprint(row));
            dense.set(row, Status::Updated, Fingerprint(row));
        }
        assert!(bytes(&sparse) <= 10_000 * 1100, "{}", bytes(&sparse));
        assert!(bytes(&dense) <= 10_000 * 84 / 10, "{}", bytes(&dense));
    }

    proptest! {
        #[test]
        fn marks_are_a_map_by_row_in_any_order(
            records in proptest::collection::vec(
                (prop_oneof![0_u64..3 * PAGE, any::<u64>()], 0_usize..6, any::<u64>()), 0..60,
            ),
            asked in any::<u64>(),
        ) {
            let (mut marks, mut map) = (Marks::default(), BTreeMap::new());
            for (row, status, print) in &records {
                marks.set(*row, Status::ALL[*status], Fingerprint(*print));
                map.insert(*row, (Status::ALL[*status], *print & !STATUS_BITS));
            }
            for row in map.keys().flat_map(|row| [row.saturating_sub(1), *row, row.saturating_add(1)]).chain([asked]) {
                let mark = marks.get(row).map(|mark| (mark.status, mark.fingerprint));
                prop_assert_eq!(mark, map.get(&row).copied(), "row {}", row);
            }
            let in_sync = |(_, (status, _)): &(&u64, &(Status, u64))| status.is_in_sync();
            prop_assert_eq!(marks.in_sync(), map.iter().filter(in_sync).count() as u64);
            prop_assert_eq!(marks.last_row(), map.keys().next_back().copied().unwrap_or(0));
        }

        #[test]
        fn a_row_set_contains_exactly_the_inserted_rows(rows in proptest::collection::btree_set(0_u64..1000, 0..40)) {
            let mut set = RowSet::default();
            rows.iter().for_each(|row| set.insert(*row));
            prop_assert!((0..1100).all(|row| set.contains(row) == rows.contains(&row)));
        }
    }

    #[test]
    fn marks_keep_every_status_and_fingerprint() {
        let mut marks = Marks::default();
        for (row, status) in Status::ALL.into_iter().enumerate() {
            marks.set(row as u64, status, Fingerprint(u64::MAX));
            let mark = marks.get(row as u64).unwrap();
            assert_eq!(mark.status, status);
            assert!(mark.is_of(Fingerprint(u64::MAX)) && !mark.is_of(Fingerprint(0)));
        }
    }
}
