//! Rows that are to be dealt with, and where they come from.

use crate::customer::Fingerprint;
use crate::input;
use crate::journal::Status;
use crate::offerit::Request;
use crate::resume::Keys;
use std::task::{Context, Poll};

/// A row that is to be dealt with.
#[derive(Debug)]
pub struct Job {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether it is `failed` or `unknown` in an earlier run, unchanged.
    pub has_failed: bool,
    /// Whether it may have been applied in an earlier run without being confirmed.
    pub is_maybe_applied: bool,
    /// Whether its last record before this run is not in sync, or its row has a `_status`.
    pub was_not_in_sync: bool,
    /// What there is to do.
    pub work: Work,
}

/// What there is to do with a row.
#[derive(Debug)]
pub enum Work {
    /// Send it, when its turn comes in these lanes.
    Send(Request, Keys),
    /// Record its outcome without sending it.
    Record {
        /// Empty if it has none.
        customer_id: String,
        /// Empty if it has none.
        subscription_id: String,
        /// The outcome.
        status: Status,
        /// Why, with line and columns.
        error: String,
    },
}

/// Why no more rows come although the input has not ended.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The input cannot be read on.
    #[error(transparent)]
    Input(#[from] input::Error),
    /// A bug.
    #[error("the thread that reads the input has ended before its time: this is a bug")]
    Died,
}

/// Where rows come from.
pub trait Feed {
    /// The next few rows, in input order; `None` behind the last.
    ///
    /// # Errors
    /// If the input cannot be read on. Nothing comes after it.
    fn poll_jobs(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<Job>, FeedError>>>;
}
