//! The facts about earlier runs that the delivery needs.

use super::{LaneKeys, SupersededRow};
use crate::journal::{RowSet, Status};
use std::collections::HashMap;

/// The rows of an input, by the work that earlier runs have done.
#[derive(Default)]
pub struct Done {
    /// Rows in sync and unchanged, and rows of other shards: neither sent nor recorded.
    pub rows: RowSet,
    /// Rows whose update is the last update that was delivered to their customers (`--since`): recorded and not sent.
    pub unchanged: RowSet,
    /// Rows that failed or stayed `unknown` in an earlier run and have not changed since.
    pub failed: RowSet,
    /// The rows of `failed` that may have been applied.
    pub unknown: RowSet,
    /// Rows whose last record, in the result file or in the file of `--since`, is not in sync.
    pub not_in_sync: RowSet,
    /// Rows that would overwrite a newer row of their customer: recorded and not sent.
    pub superseded: HashMap<u64, SupersededRow>,
    /// The lanes of the rows. If the input is a file, they know the ids of all rows.
    pub lanes: LaneKeys,
}

impl Done {
    /// Finds the status and the reason with which a valid row is recorded instead of being sent; `None`: send it. An
    /// unchanged row has an empty reason: the next `--since` counts such a record as a delivery.
    #[must_use]
    pub fn find_unsent_outcome(&self, row: u64) -> Option<(Status, String)> {
        if self.unchanged.contains(row) {
            return Some((Status::Unchanged, String::new()));
        }
        self.superseded.get(&row).map(|superseded| (superseded.status(), superseded.reason()))
    }
}
