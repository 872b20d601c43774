//! The counts of a run and its end.

use super::brakes::MaxFailures;
use super::job::FeedError;
use crate::journal::Status;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

/// The counts of a run so far. Only durable records count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    counts: [u64; Status::ALL.len()],
    /// Rows that were sent and have a record.
    pub sent: u64,
    /// Requests that left.
    pub attempts: u64,
    /// Requests that left and were not the first of their row.
    pub retries: u64,
    /// Pauses that the server asked for.
    pub holds: u64,
    /// Openings of the circuit breaker.
    pub outages: u64,
    /// The adaptive rate in attempts per second, if the adaptive rate is below the configured rate.
    pub effective_rate: Option<f64>,
}

impl Tally {
    /// Rows with this outcome.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        self.counts[position(status)]
    }

    /// Rows with a record.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Rows with a record that are not in sync.
    #[must_use]
    pub fn not_in_sync(&self) -> u64 {
        Status::ALL.into_iter().filter(|status| !status.is_in_sync()).map(|status| self.count(status)).sum()
    }

    pub(crate) fn add(&mut self, status: Status) {
        self.counts[position(status)] += 1;
    }
}

fn position(status: Status) -> usize {
    Status::ALL.into_iter().position(|known| known == status).expect("ALL lists every status")
}

/// A signal that ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// The reason why the server accepts no row of this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 401, 403, 407, 511.
    Denied {
        /// The HTTP status.
        status: u16,
        /// The reason, in the server's words.
        text: String,
    },
    /// 3xx.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// The target of the redirect.
        target: String,
    },
    /// The server's certificate is not trusted, or the server speaks no TLS or no HTTP.
    Unusable {
        /// The reason of the last failure.
        why: String,
    },
}

/// A limit that ends the run early, resumable.
#[derive(Debug, Clone, PartialEq)]
pub enum Brake {
    /// More rows failed than `--max-failures` allows.
    Failures {
        /// Failed rows in the window.
        failed: u64,
        /// Rows in the window: the latest rows, or all.
        sent: u64,
        /// The limit.
        most: MaxFailures,
        /// The commonest reason in this run.
        why: String,
        /// Rows with that reason.
        alike: u64,
    },
    /// The server accepted no row of a series.
    NothingAccepted {
        /// Rows of the series.
        rows: u64,
        /// Whether the series is the first rows, all refused for one reason; else the series is the latest rows.
        is_start: bool,
        /// The commonest reason.
        why: String,
        /// Rows with that reason.
        alike: u64,
    },
    /// The server answered nothing for too long.
    Outage {
        /// The duration of the outage.
        lasted: Duration,
        /// The reason of the last failure.
        why: String,
        /// The first and the last row that wait, if the run is at its tail: these rows may be at fault.
        left: Option<(u64, u64)>,
    },
    /// The server asks for a longer pause than `--max-retry-after`.
    RetryAfter {
        /// The pause that the server asked for.
        asked: Duration,
        /// The longest pause that is allowed.
        most: Duration,
    },
}

/// A limit of the user that is not a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The deadline has passed.
    Deadline,
    /// This number of rows was sent, and more rows are left.
    Rows(NonZeroU64),
}

/// The reason why a run ended before its last row.
#[derive(Debug)]
pub enum Stop {
    /// A signal.
    Interrupted(Interrupt),
    /// The server accepts no row of this run.
    Refused(Refusal),
    /// A limit that ends the run early.
    Brake(Brake),
    /// The run has reached a limit that the user set.
    Reached(Limit),
    /// Reading the input failed.
    Input(FeedError),
    /// A record could not be made durable. Nothing was sent after that.
    Storage(io::Error),
}

impl Stop {
    /// Whether too many rows failed, or no row was accepted.
    #[must_use]
    pub fn is_for_failures(&self) -> bool {
        matches!(self, Stop::Brake(Brake::Failures { .. } | Brake::NothingAccepted { .. }))
    }

    /// Whether the server answered nothing for too long, or cannot be used.
    pub(super) fn is_for_outage(&self) -> bool {
        matches!(self, Stop::Brake(Brake::Outage { .. }) | Stop::Refused(Refusal::Unusable { .. }))
    }
}

/// The end of a run.
#[derive(Debug)]
pub struct Ending {
    /// The counts.
    pub tally: Tally,
    /// `None`: every row has a record.
    pub stop: Option<Stop>,
}
