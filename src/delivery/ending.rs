//! How a run goes and how it ends.

use super::brakes::MaxFailures;
use super::job::FeedError;
use crate::journal::Status;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

/// What a run has done so far. Only durable records count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    counts: [u64; Status::ALL.len()],
    /// Rows that were dealt with by sending them.
    pub sent: u64,
    /// Requests that left.
    pub attempts: u64,
    /// Those of them that were not a row's first.
    pub retries: u64,
    /// How often the server asked for a pause.
    pub holds: u64,
    /// How often the server was taken to be down.
    pub outages: u64,
    /// The adaptive rate in attempts a second, where it is below the configured one.
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

/// Why the server accepts nothing of this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 401, 403, 407, 511.
    Denied {
        /// The HTTP status.
        status: u16,
        /// Why, in the server's words.
        text: String,
    },
    /// 3xx.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to.
        target: String,
    },
    /// Its certificate is not trusted, or it speaks no TLS or no HTTP.
    Unusable {
        /// What the last attempt met.
        why: String,
    },
}

/// A limit that ends the run early, resumable.
#[derive(Debug, Clone, PartialEq)]
pub enum Brake {
    /// More rows failed than `--max-failures` allows.
    Failures {
        /// How many failed.
        failed: u64,
        /// Of how many: those sent last, or all.
        sent: u64,
        /// What was allowed.
        most: MaxFailures,
        /// The commonest reason in this run.
        why: String,
        /// How many rows have that reason.
        alike: u64,
    },
    /// None of these rows was accepted.
    NothingAccepted {
        /// How many.
        rows: u64,
        /// Whether they are the first that were sent, all refused for one reason; else they are the last.
        is_start: bool,
        /// The commonest reason.
        why: String,
        /// How many rows have that reason.
        alike: u64,
    },
    /// The server answered nothing for too long.
    Outage {
        /// For how long.
        lasted: Duration,
        /// What the last attempt met.
        why: String,
        /// The first and the last row that wait, if the run is at its tail: they may be at fault.
        left: Option<(u64, u64)>,
    },
    /// The server asks for a longer pause than `--max-retry-after`.
    RetryAfter {
        /// What it asked for.
        asked: Duration,
        /// The longest pause.
        most: Duration,
    },
}

/// A bound the user set to what a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The time is up.
    Deadline,
    /// This many rows were sent, and there are more.
    Rows(NonZeroU64),
}

/// Why a run ended before its last row.
#[derive(Debug)]
pub enum Stop {
    /// A signal.
    Interrupted(Interrupt),
    /// The server accepts nothing of this run.
    Refused(Refusal),
    /// A limit that ends the run early.
    Brake(Brake),
    /// All that was wanted of this run is done.
    Reached(Limit),
    /// The input cannot be read on.
    Input(FeedError),
    /// A record could not be made durable. Nothing was sent after that.
    Storage(io::Error),
}

impl Stop {
    /// Whether too many rows failed, or none was accepted.
    #[must_use]
    pub fn is_for_failures(&self) -> bool {
        matches!(self, Stop::Brake(Brake::Failures { .. } | Brake::NothingAccepted { .. }))
    }

    /// Whether the server answered nothing for too long, or cannot be used.
    pub(super) fn is_for_outage(&self) -> bool {
        matches!(self, Stop::Brake(Brake::Outage { .. }) | Stop::Refused(Refusal::Unusable { .. }))
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ending {
    /// What was done.
    pub tally: Tally,
    /// `None`: every row was dealt with.
    pub stop: Option<Stop>,
}
