//! What the result file says of every row, in eight bytes a row.

use super::record::Status;
use crate::customer::Fingerprint;
use std::collections::BTreeMap;

/// Rows a page: small enough that a single late row costs little, large enough that the tree stays small.
const PAGE: u64 = 4096;

/// The bits of a word that hold the status; the others hold the fingerprint's upper bits.
const STATUS_BITS: u64 = 0xf;

/// The last record of a row: its status and, but for the lowest four bits, its fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// What became of the row.
    pub status: Status,
    fingerprint: u64,
}

impl Mark {
    /// Whether the row still is what it was: equal in the 60 bits that are kept.
    #[must_use]
    pub fn is_of(self, fingerprint: Fingerprint) -> bool {
        self.fingerprint == fingerprint.0 & !STATUS_BITS
    }
}

/// The last record of every row, by row number. Grows by pages, so that memory never doubles on the way.
#[derive(Debug, Default)]
pub struct Marks {
    pages: BTreeMap<u64, Box<[u64]>>,
    last_row: u64,
    last_in_sync: u64,
}

impl Marks {
    /// Notes a record; a later one of the same row replaces it.
    pub fn set(&mut self, row: u64, status: Status, fingerprint: Fingerprint) {
        let page = self.pages.entry(row / PAGE).or_insert_with(|| vec![0; PAGE as usize].into_boxed_slice());
        page[(row % PAGE) as usize] = (fingerprint.0 & !STATUS_BITS) | status as u64;
        self.last_row = self.last_row.max(row);
        if status.is_in_sync() {
            self.last_in_sync = self.last_in_sync.max(row);
        }
    }

    /// The last record of a row, if it has one.
    #[must_use]
    pub fn get(&self, row: u64) -> Option<Mark> {
        let word = self.pages.get(&(row / PAGE))?[(row % PAGE) as usize];
        let status = Status::ALL.into_iter().find(|status| *status as u64 == word & STATUS_BITS)?;
        Some(Mark { status, fingerprint: word & !STATUS_BITS })
    }

    /// Whether this very row, unchanged, is in sync already.
    #[must_use]
    pub fn is_done(&self, row: u64, fingerprint: Fingerprint) -> bool {
        self.get(row).is_some_and(|mark| mark.status.is_in_sync() && mark.is_of(fingerprint))
    }

    /// No row above this one was ever in sync; 0 if none was.
    #[must_use]
    pub fn last_in_sync(&self) -> u64 {
        self.last_in_sync
    }

    /// The highest row that has a record; 0 if none has.
    #[must_use]
    pub fn last_row(&self) -> u64 {
        self.last_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_status_and_fingerprint_is_kept_apart() {
        let mut marks = Marks::default();
        for (row, status) in Status::ALL.into_iter().enumerate() {
            marks.set(row as u64, status, Fingerprint(u64::MAX));
            let mark = marks.get(row as u64).unwrap();
            assert_eq!(mark.status, status);
            assert!(mark.is_of(Fingerprint(u64::MAX)) && !mark.is_of(Fingerprint(0)));
        }
    }
}
