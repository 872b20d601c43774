//! The decision of a run about one row, by its last record.

use crate::customer::Fingerprint;
use crate::journal::{Marks, Status};

/// The decision of a run about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPlan {
    /// Skip the row: the row is in sync and unchanged.
    Skip,
    /// Process the row for the first time: the row has no record.
    New,
    /// Process the row again: its record has this status, which is not in sync.
    Retry(Status),
    /// Process the row again: the row was in sync, and its content has changed since.
    Changed,
}

impl RowPlan {
    /// Decides by the row's last record.
    #[must_use]
    pub fn decide(marks: &Marks, row: u64, fingerprint: Fingerprint) -> RowPlan {
        match marks.get(row) {
            None => RowPlan::New,
            Some(mark) if !mark.status.is_in_sync() => RowPlan::Retry(mark.status),
            Some(mark) if mark.is_of(fingerprint) => RowPlan::Skip,
            Some(_) => RowPlan::Changed,
        }
    }
}
