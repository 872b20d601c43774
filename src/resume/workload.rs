//! The rows of an input, counted by the decision about each row, and the check that the result file belongs to this input.

use super::RowPlan;
use crate::customer::Fingerprint;
use crate::journal::{Marks, RecordPosition};

/// The rows of an input, counted by the decision about each row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// All rows of the input, rows of other shards included.
    pub input_rows: u64,
    /// The rows of this run: the whole input, or this run's shard of it.
    pub rows: u64,
    /// Rows of other shards that are in sync in this result file.
    pub in_sync_elsewhere: u64,
    /// Rows that are not a valid update.
    pub invalid: u64,
    /// Rows in sync and unchanged: skipped.
    pub in_sync: u64,
    /// Rows that were in sync and have changed since: sent again.
    pub changed: u64,
    /// Rows that an earlier run did not bring in sync: tried again.
    pub to_retry: u64,
    /// Rows without a record.
    pub new: u64,
    /// Rows whose update an earlier job has delivered to the customer: recorded and not sent.
    pub unchanged: u64,
    /// Valid updates that their customers do not have yet: sent.
    pub to_send: u64,
}

impl Workload {
    /// Counts a row of this run and decides about the row.
    pub fn add(&mut self, marks: &Marks, row: u64, fingerprint: Fingerprint, is_valid: bool) -> RowPlan {
        let plan = RowPlan::decide(marks, row, fingerprint);
        self.input_rows += 1;
        self.rows += 1;
        self.invalid += u64::from(!is_valid);
        *match plan {
            RowPlan::Skip => &mut self.in_sync,
            RowPlan::New => &mut self.new,
            RowPlan::Retry(_) => &mut self.to_retry,
            RowPlan::Changed => &mut self.changed,
        } += 1;
        plan
    }

    /// Counts a row of another shard.
    pub fn add_elsewhere(&mut self, marks: &Marks, row: u64) {
        self.input_rows += 1;
        self.in_sync_elsewhere += u64::from(marks.get(row).is_some_and(|mark| mark.status.is_in_sync()));
    }

    /// Rows that the run sends or records.
    #[must_use]
    pub fn to_do(&self) -> u64 {
        self.rows - self.in_sync
    }

    /// Whether most rows in sync have changed.
    #[must_use]
    pub fn is_mostly_changed(&self) -> bool {
        self.changed * 2 > self.in_sync + self.changed
    }

    /// The evidence that the result file belongs to another input, if any: the file has records of rows beyond the end of the
    /// input, or more than half of its rows in sync are not in this input.
    #[must_use]
    pub fn find_mismatch(&self, marks: &Marks) -> Option<InputMismatch> {
        let (row, rows) = (marks.last_row(), self.input_rows);
        if row > rows {
            return Some(InputMismatch::BeyondInput { row, rows, at: marks.last_row_at() });
        }
        let (changed, finished) = (self.changed, self.in_sync + self.changed);
        let (elsewhere, everywhere) = (self.in_sync_elsewhere, finished + self.in_sync_elsewhere);
        if elsewhere * 2 > everywhere {
            return Some(InputMismatch::OtherShard { elsewhere, finished: everywhere });
        }
        self.is_mostly_changed().then_some(InputMismatch::Changed { changed, finished })
    }
}

/// The evidence that a result file belongs to another input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputMismatch {
    /// The result file has a record of a row that the input does not have.
    #[error("its line {} (byte {}) is a record of row {row}, but the input has only {rows} rows", at.line, at.offset)]
    BeyondInput {
        /// The highest row that has a record.
        row: u64,
        /// The rows of the input.
        rows: u64,
        /// The position of the first record of that row.
        at: RecordPosition,
    },
    /// Most rows in sync belong to other shards.
    #[error("{elsewhere} of its {finished} rows in sync belong to other shards")]
    OtherShard {
        /// Rows in sync that belong to other shards.
        elsewhere: u64,
        /// All rows in sync.
        finished: u64,
    },
    /// Most rows in sync have changed.
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
    use crate::journal::Status;

    #[test]
    fn a_row_is_planned_by_its_record_and_its_content() {
        let mut marks = Marks::default();
        let (one, other) = (Fingerprint(0x10), Fingerprint(0x20));
        marks.set(1, Status::Updated, one);
        marks.set(2, Status::Updated, one);
        marks.set(3, Status::Failed, one);
        let mut workload = Workload::default();
        let plans: Vec<_> = [(1, one), (2, other), (3, one), (4, one)]
            .map(|(row, print)| workload.add(&marks, row, print, true))
            .to_vec();
        assert_eq!(plans, [RowPlan::Skip, RowPlan::Changed, RowPlan::Retry(Status::Failed), RowPlan::New]);
        assert_eq!((workload.rows, workload.to_do()), (4, 3));
        assert_eq!(workload.find_mismatch(&marks), None);
    }

    #[test]
    fn the_result_file_of_another_input_is_recognised() {
        let mut marks = Marks::default();
        (1..=3).for_each(|row| marks.set(row, Status::Updated, Fingerprint(0x10)));
        let mut workload = Workload::default();
        workload.add(&marks, 1, Fingerprint(0x10), true);
        workload.add(&marks, 2, Fingerprint(0x20), true);
        let mismatch = |workload: &Workload| workload.find_mismatch(&marks).unwrap().to_string();
        assert!(mismatch(&workload).contains("row 3, but the input has only 2 rows"));
        workload.add(&marks, 3, Fingerprint(0x20), true);
        assert!(mismatch(&workload).contains("2 of its 3 rows"));
    }
}
