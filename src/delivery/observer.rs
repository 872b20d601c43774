//! What an onlooker learns while a run goes on.

use super::ending::Tally;
use crate::journal::Status;
use std::time::Duration;

/// Watches a run.
pub trait Observer {
    /// The counts have changed. Called after records are durable, never before.
    fn progressed(&mut self, tally: &Tally);

    /// Something happened that people want to know of at once.
    fn noticed(&mut self, notice: &Notice);

    /// An attempt whose request left has ended. Called for every one: it must cost next to nothing.
    fn attempted(&mut self, took: Duration) {
        let _ = took;
    }

    /// A row is sent again later.
    fn retrying(&mut self, retry: &Retry<'_>) {
        let _ = retry;
    }

    /// A row was recorded as not in sync. Called after its record is durable, never before.
    fn failed(&mut self, row: &FailedRow) {
        let _ = row;
    }

    /// All sending pauses from now on, pauses for something else or longer, or goes on (`None`).
    fn paused(&mut self, pause: Option<Pause>) {
        let _ = pause;
    }
}

/// A row that is sent again. The text is the server's, redacted, not yet escaped.
#[derive(Debug, Clone, Copy)]
pub struct Retry<'run> {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// How often it was tried in this run.
    pub attempts: u32,
    /// What the last attempt met.
    pub why: &'run str,
    /// Its backoff.
    pub pause: Duration,
}

/// A row that was recorded as not in sync. The text is that of the record, redacted, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRow {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// Its `customer_id`, else its `subscription_id`; empty if it has neither.
    pub customer: String,
    /// Its outcome.
    pub status: Status,
    /// Of the last reply, if there was one.
    pub http_status: Option<u16>,
    /// Requests that left in this run.
    pub attempts: u32,
    /// Why.
    pub error: String,
}

/// Why all sending pauses, and for how long from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The server asked for it.
    Held {
        /// Until sending goes on.
        left: Duration,
    },
    /// The server is taken to be down.
    Outage {
        /// Until the next probe; zero while one is on its way.
        left: Duration,
    },
}

/// What people want to know of at once. Texts are the server's, redacted, not yet escaped.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The server asked for a pause.
    Held {
        /// For how long.
        asked: Duration,
    },
    /// The server is taken to be down: sending pauses.
    Outage {
        /// What the last attempt met.
        why: String,
        /// How long that may go on before the run stops or gives the waiting rows up.
        patience: Duration,
    },
    /// The server answers again.
    Recovered {
        /// Since its first failure.
        after: Duration,
    },
    /// The server is overloaded: the rate is cut for the first time since it was at its limit.
    SlowedDown {
        /// To this many attempts a second.
        rate: f64,
    },
    /// The run was interrupted and waits for what is in flight.
    Stopping {
        /// How many requests.
        in_flight: usize,
        /// How long at most.
        wait: Duration,
    },
}
