//! What is kept of every row while a result file is read: its last outcome, in four bytes.

use crate::journal::Status;
use std::collections::BTreeMap;

/// Rows a page: small enough that a single late row costs little, large enough that the tree stays small.
const PAGE: u64 = 1024;

/// The most reasons and segments that a word has room for.
pub(super) const MOST_REASONS: u16 = (1 << 13) - 1;
pub(super) const MOST_SEGMENTS: u16 = u16::MAX;

/// The last record of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub status: Status,
    /// Why it is not in sync, as [`super::reasons::Reasons`] numbers it; 0 if it is.
    pub reason: u16,
    /// Where in the file it stands, as [`super::runs::Runs`] numbers it.
    pub segment: u16,
}

/// The last record of every row, by row number. A word holds status (3 bits), reason (13) and segment (16).
#[derive(Debug, Default)]
pub(super) struct Rows {
    pages: BTreeMap<u64, Box<[u32]>>,
    last_row: u64,
}

impl Rows {
    /// Notes a record and gives the one that it replaces.
    pub fn set(&mut self, row: u64, last: Last) -> Option<Last> {
        let page = self.pages.entry(row / PAGE).or_insert_with(|| vec![0; PAGE as usize].into_boxed_slice());
        let word = &mut page[(row % PAGE) as usize];
        let replaced = unpack(*word);
        *word =
            last.status as u32 | u32::from(last.reason & MOST_REASONS) << 3 | u32::from(last.segment) << 16;
        self.last_row = self.last_row.max(row);
        replaced
    }

    /// The highest row that has a record; 0 if none has.
    pub fn last_row(&self) -> u64 {
        self.last_row
    }

    /// Every row that has a record, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Last)> {
        self.pages.iter().flat_map(|(page, words)| {
            let numbered = (page * PAGE..).zip(words.iter());
            numbered.filter_map(|(row, word)| Some((row, unpack(*word)?)))
        })
    }
}

fn unpack(word: u32) -> Option<Last> {
    let status = Status::ALL.into_iter().find(|status| *status as u32 == word & 7)?;
    Some(Last { status, reason: (word >> 3) as u16 & MOST_REASONS, segment: (word >> 16) as u16 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_the_last_record_counts() {
        let mut rows = Rows::default();
        for (row, status) in (1_u64..).step_by(1000).zip(Status::ALL) {
            let first = Last { status, reason: MOST_REASONS, segment: 0 };
            let second = Last { status, reason: 0, segment: MOST_SEGMENTS };
            assert_eq!(rows.set(row, first), None);
            assert_eq!(rows.set(row, second), Some(first));
            assert_eq!(rows.iter().last(), Some((row, second)));
        }
        assert_eq!((rows.iter().count(), rows.last_row()), (6, 5001));
    }
}
