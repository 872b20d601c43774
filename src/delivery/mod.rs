//! The concurrent part: which row is sent when, what its reply leads to, and when the run ends early. There is
//! one task and one loop ([`deliver`]); everything it decides with is a plain value beside it: lanes, slots and
//! queue for the rows, pacer, health, budget and adaptive rate for the server, verdict and schedule for replies.

mod adapt;
mod arrivals;
mod attempts;
mod batch;
mod brakes;
mod budget;
mod climb;
mod departures;
mod feed;
mod health;
mod lanes;
mod observer;
mod outage;
mod pacer;
mod patience;
mod pipeline;
mod queue;
mod replies;
mod rows;
mod schedule;
mod signs;
mod slots;
mod throughput;
mod traffic;
mod trial;
mod verdict;

use crate::customer::Fingerprint;
use crate::input;
use crate::journal::Status;
use crate::offerit::Request;
use crate::resume::Keys;
use std::io;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::task::{Context, Poll};
use std::time::Duration;

pub use brakes::{Brakes, MaxFailures};
pub use feed::ChannelFeed;
pub use observer::{FailedRow, Notice, Observer, Pause, Retry};
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
    /// The longest `Retry-After` that is waited for; a longer one stops the run.
    pub max_retry_after: Duration,
    /// How long nothing may get through before the run stops.
    pub max_outage: Duration,
    /// Limits that end the run early.
    pub brakes: Brakes,
    /// After an interrupt, how long to wait for the attempts in flight.
    pub drain_timeout: Duration,
    /// Whether to send slower than the rate while the server is overloaded.
    pub adapt: bool,
    /// Seeds the jitter of the pauses; `None` is another run every time.
    pub seed: Option<u64>,
}

impl Settings {
    /// The most rows open at once (`K`), which is also the most that a crash makes the next run repeat.
    #[must_use]
    pub fn open_rows(&self) -> usize {
        self.concurrency.get().saturating_mul(OPEN_ROWS_PER_REQUEST)
    }
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
    /// Whether it failed in an earlier run, in which others got through.
    pub has_failed: bool,
    /// Whether it may have been applied in an earlier run without being confirmed.
    pub maybe_applied: bool,
    /// What there is to do.
    pub work: Work,
}

/// What there is to do with a row.
#[derive(Debug)]
pub enum Work {
    /// Send it, when its turn comes in these lanes.
    Send(Request, Keys),
    /// Record what is to be said of it without sending it.
    Record {
        /// Empty if it has none.
        customer_id: String,
        /// Empty if it has none.
        subscription_id: String,
        /// What it is.
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

/// What a run has done so far. Only durable records count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    counts: [u64; Status::ALL.len()],
    /// Rows that were dealt with by sending them.
    pub sent: u64,
    /// Attempts started.
    pub attempts: u64,
    /// Attempts that were not a row's first.
    pub retries: u64,
    /// How often the server asked to be left alone, and was.
    pub holds: u64,
    /// How often nothing got through.
    pub outages: u64,
    /// The rate below the configured one that the server is taken to bear, in attempts a second.
    pub effective_rate: Option<f64>,
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

    pub(crate) fn add(&mut self, status: Status) {
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

/// A limit that ends the run early, resumable.
#[derive(Debug, Clone, PartialEq)]
pub enum Brake {
    /// Too many of the rows that were sent did not make it.
    Failures {
        /// How many failed.
        failed: u64,
        /// Of how many: those sent last, or all.
        sent: u64,
        /// What was allowed.
        most: MaxFailures,
        /// The commonest reason in this run.
        why: String,
        /// How many rows have that.
        alike: u64,
    },
    /// Nothing got through for too long, or no row has an attempt left to find out.
    Outage {
        /// How long nothing got through; `None`: the attempts of the rows ended before the patience did.
        lasted: Option<Duration>,
        /// What the last attempt met.
        why: String,
    },
    /// The server asks for a longer pause than we are willing to wait.
    RetryAfter {
        /// What it asked for.
        asked: Duration,
        /// What we would wait.
        most: Duration,
    },
}

/// A bound the user set to what a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The time is up.
    Deadline,
    /// So many rows were sent, and there are more.
    Rows(NonZeroU64),
}

/// Why a run ended before its last row.
#[derive(Debug)]
pub enum Stop {
    /// The user wished it.
    Interrupted(Interrupt),
    /// The server refuses every row.
    Refused(Refusal),
    /// A limit was reached that ends the run early.
    Brake(Brake),
    /// All was done that was wanted of this run.
    Reached(Limit),
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
