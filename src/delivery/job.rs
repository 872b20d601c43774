//! The rows that the run processes, and their source.

use crate::customer::Fingerprint;
use crate::input;
use crate::journal::Status;
use crate::offerit::Request;
use crate::resume::Keys;
use std::task::{Context, Poll};

/// A row that the run sends or records.
#[derive(Debug)]
pub struct Job {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether the unchanged row was `failed` or `unknown` in an earlier run.
    pub has_failed: bool,
    /// Whether an earlier run may have applied the row without a confirmation.
    pub is_maybe_applied: bool,
    /// Whether its last record before this run is not in sync, or the row has a `_status`.
    pub was_not_in_sync: bool,
    /// The work to do.
    pub work: Work,
}

/// The work to do for a row.
#[derive(Debug)]
pub enum Work {
    /// Send the row, when it has its turn in these lanes.
    Send(Request, Keys),
    /// Record the row without sending it.
    Record {
        /// Empty if the row has no `customer_id`.
        customer_id: String,
        /// Empty if the row has no `subscription_id`.
        subscription_id: String,
        /// The outcome.
        status: Status,
        /// The reason, with line and columns.
        error: String,
    },
}

/// The reason why no more rows come before the end of the input.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Reading the input failed.
    #[error(transparent)]
    Input(#[from] input::Error),
    /// A bug.
    #[error("the thread that reads the input ended unexpectedly: this is a bug")]
    Died,
}

/// A source of rows.
pub trait Feed {
    /// The next rows, in input order; `None` after the last row.
    ///
    /// # Errors
    /// If reading the input fails. No row comes after the error.
    fn poll_jobs(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<Job>, FeedError>>>;
}
