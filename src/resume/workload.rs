//! What is there to do: the input held against the marks, before anything is sent.

use crate::customer::Fingerprint;
use crate::journal::{Marks, Place, Status};

/// What a run will do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It is in sync and unchanged: nothing.
    Skip,
    /// It has no record yet.
    New,
    /// It was not in sync: once more.
    Again(Status),
    /// It was in sync, but is another row now.
    Changed,
}

impl Doing {
    /// What there is to do with a row.
    #[must_use]
    pub fn with(marks: &Marks, row: u64, fingerprint: Fingerprint) -> Doing {
        match marks.get(row) {
            None => Doing::New,
            Some(mark) if !mark.status.is_in_sync() => Doing::Again(mark.status),
            Some(mark) if mark.is_of(fingerprint) => Doing::Skip,
            Some(_) => Doing::Changed,
        }
    }
}

/// The rows of an input, counted by what there is to do with each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// All rows of the input, those of other shards as well.
    pub input_rows: u64,
    /// The rows to account for: all of the input, or those of the run's shard.
    pub rows: u64,
    /// Rows of other shards that are in sync by this result file.
    pub elsewhere: u64,
    /// Rows that are no valid update.
    pub invalid: u64,
    /// In sync and unchanged: not sent.
    pub in_sync: u64,
    /// Was in sync, changed since: sent again.
    pub changed: u64,
    /// Not in sync by an earlier run: tried again.
    pub again: u64,
    /// No record yet.
    pub new: u64,
    /// Not in sync, but delivered to the customer by an earlier job: recorded and not sent.
    pub unchanged: u64,
    /// Valid updates that have not come to their customers yet: sent.
    pub to_send: u64,
}

impl Survey {
    /// Counts one row and says what there is to do with it.
    pub fn add(&mut self, marks: &Marks, row: u64, fingerprint: Fingerprint, is_valid: bool) -> Doing {
        let doing = Doing::with(marks, row, fingerprint);
        self.input_rows += 1;
        self.rows += 1;
        self.invalid += u64::from(!is_valid);
        *match doing {
            Doing::Skip => &mut self.in_sync,
            Doing::New => &mut self.new,
            Doing::Again(_) => &mut self.again,
            Doing::Changed => &mut self.changed,
        } += 1;
        doing
    }

    /// Counts a row of another shard.
    pub fn pass_over(&mut self, marks: &Marks, row: u64) {
        self.input_rows += 1;
        self.elsewhere += u64::from(marks.get(row).is_some_and(|mark| mark.status.is_in_sync()));
    }

    /// Rows the run will deal with.
    #[must_use]
    pub fn to_do(&self) -> u64 {
        self.rows - self.in_sync
    }

    /// Why the result file plainly belongs to another input, if it does: most of what it says is done is not
    /// in the input, or it speaks of rows the input does not have.
    #[must_use]
    pub fn foreign(&self, marks: &Marks) -> Option<Foreign> {
        let (row, rows) = (marks.last_row(), self.input_rows);
        if row > rows {
            return Some(Foreign::Beyond { row, rows, at: marks.last_row_at() });
        }
        let (changed, finished) = (self.changed, self.in_sync + self.changed);
        let (elsewhere, everywhere) = (self.elsewhere, finished + self.elsewhere);
        if elsewhere * 2 > everywhere {
            return Some(Foreign::OtherShard { elsewhere, finished: everywhere });
        }
        (changed * 2 > finished).then_some(Foreign::Changed { changed, finished })
    }
}

/// Why a result file plainly belongs to another input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// It has a record of a row that the input does not have.
    #[error("its line {} (byte {}) is a record of row {row}, but the input has only {rows} rows", at.line, at.offset)]
    Beyond {
        /// The highest row that has a record.
        row: u64,
        /// The rows of the input.
        rows: u64,
        /// Where the first record of that row stands.
        at: Place,
    },
    /// Most rows in sync belong to other shards.
    #[error("{elsewhere} of its {finished} rows in sync belong to other shards")]
    OtherShard {
        /// Rows in sync that belong to other shards.
        elsewhere: u64,
        /// All rows in sync.
        finished: u64,
    },
    /// Most rows in sync are not what they were.
    #[error("{changed} of its {finished} rows in sync do not match the input")]
    Changed {
        /// Rows in sync that do not match.
        changed: u64,
        /// All rows in sync.
        finished: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_by_record_and_content() {
        let mut marks = Marks::default();
        let (one, other) = (Fingerprint(0x10), Fingerprint(0x20));
        marks.set(1, Status::Updated, one);
        marks.set(2, Status::Updated, one);
        marks.set(3, Status::Failed, one);
        let mut survey = Survey::default();
        let doing: Vec<_> = [(1, one), (2, other), (3, one), (4, one)]
            .map(|(row, print)| survey.add(&marks, row, print, true))
            .to_vec();
        assert_eq!(doing, [Doing::Skip, Doing::Changed, Doing::Again(Status::Failed), Doing::New]);
        assert_eq!((survey.rows, survey.to_do()), (4, 3));
        assert_eq!(survey.foreign(&marks), None);
    }

    #[test]
    fn a_file_of_another_input_is_told() {
        let mut marks = Marks::default();
        (1..=3).for_each(|row| marks.set(row, Status::Updated, Fingerprint(0x10)));
        let mut survey = Survey::default();
        survey.add(&marks, 1, Fingerprint(0x10), true);
        survey.add(&marks, 2, Fingerprint(0x20), true);
        assert!(survey.foreign(&marks).unwrap().to_string().contains("row 3, but the input has only 2 rows"));
        survey.add(&marks, 3, Fingerprint(0x20), true);
        assert!(survey.foreign(&marks).unwrap().to_string().contains("2 of its 3 rows"));
    }
}
