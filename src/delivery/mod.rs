//! The concurrent part: which row is sent when, what its reply leads to, and when the run ends early. There is
//! one task and one loop ([`deliver`]); everything it decides with is a plain value beside it: lanes, slots,
//! pacer, verdict, schedule.

mod feed;
mod lanes;
mod pacer;
mod pipeline;
mod schedule;
mod slots;
mod verdict;

use crate::customer::Fingerprint;
use crate::input;
use crate::journal::Status;
use crate::offerit::Request;
use std::io;
use std::num::{NonZeroU32, NonZeroUsize};
use std::task::{Context, Poll};

pub use feed::ChannelFeed;
pub use pacer::{BadRate, Rate};
pub use pipeline::deliver;
pub use verdict::Refusal;

/// How many rows may be open for each request that may be in flight (`K = 4 × C`).
pub const OPEN_ROWS_PER_REQUEST: usize = 4;

/// The limits of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most requests in flight (`C`).
    pub concurrency: NonZeroUsize,
    /// The most attempts started in any window, retries included.
    pub rate: Rate,
    /// The most attempts of one row.
    pub max_attempts: NonZeroU32,
    /// Seeds the jitter of the pauses; `None` is another run every time.
    pub seed: Option<u64>,
}

/// A row that is to be dealt with.
#[derive(Debug)]
pub struct Job {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What there is to do.
    pub work: Work,
}

/// What there is to do with a row.
#[derive(Debug)]
pub enum Work {
    /// Send it.
    Send(Request),
    /// Record that it is wrong.
    Invalid {
        /// Empty if it has none.
        customer_id: String,
        /// Empty if it has none.
        subscription_id: String,
        /// What is wrong, with line and columns.
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

/// Who is told how the run goes. Called after records are durable, never before.
pub trait Observer {
    /// The counts have changed.
    fn progressed(&mut self, tally: &Tally);
}

/// What a run has done so far. Only durable records count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [u64; Status::ALL.len()],
    /// Attempts started.
    pub attempts: u64,
    /// Attempts that were not a row's first.
    pub retries: u64,
    /// How often all sending was held.
    pub holds: u64,
}

impl Tally {
    /// Rows with this outcome.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        self.counts[position(status)]
    }

    /// Rows that were dealt with.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Rows that were dealt with and are not in sync.
    #[must_use]
    pub fn not_in_sync(&self) -> u64 {
        Status::ALL.into_iter().filter(|status| !status.is_in_sync()).map(|status| self.count(status)).sum()
    }

    fn add(&mut self, status: Status) {
        self.counts[position(status)] += 1;
    }
}

fn position(status: Status) -> usize {
    Status::ALL.into_iter().position(|known| known == status).unwrap_or_default()
}

/// A wish of the user to end the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Why a run ended before its last row.
#[derive(Debug)]
pub enum Stop {
    /// The user wished it.
    Interrupted(Interrupt),
    /// The server refuses every row.
    Refused(Refusal),
    /// The input cannot be read on.
    Input(FeedError),
    /// A record could not be made durable. Nothing was sent after that.
    Storage(io::Error),
}

/// How a run ended.
#[derive(Debug)]
pub struct Ending {
    /// What was done.
    pub tally: Tally,
    /// `None`: every row was dealt with.
    pub stop: Option<Stop>,
}

#[cfg(test)]
mod tests;
