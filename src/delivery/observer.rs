//! The events of a run that are reported while it goes on.

use super::ending::Tally;
use crate::journal::Status;
use std::time::Duration;

/// Watches a run.
pub trait Observer {
    /// Reports changed counts. Called only after records are durable.
    fn progressed(&mut self, tally: &Tally);

    /// Reports an event that people should see at once.
    fn noticed(&mut self, notice: &Notice);

    /// Reports the duration of an attempt whose request left. Called for every such attempt, so it must be cheap.
    fn attempted(&mut self, took: Duration) {
        let _ = took;
    }

    /// Reports a row that is sent again later.
    fn retrying(&mut self, retry: &Retry<'_>) {
        let _ = retry;
    }

    /// Reports a row that is not in sync. Called only after its record is durable.
    fn failed(&mut self, row: &FailedRow) {
        let _ = row;
    }

    /// Reports that all sending pauses, that the pause changed, or that sending goes on (`None`).
    fn paused(&mut self, pause: Option<Pause>) {
        let _ = pause;
    }
}

/// A row that is sent again. The text comes from the server, is redacted and not yet escaped.
#[derive(Debug, Clone, Copy)]
pub struct Retry<'run> {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// Its attempts in this run.
    pub attempts: u32,
    /// The reason of the last failure.
    pub why: &'run str,
    /// Its backoff.
    pub pause: Duration,
}

/// A row that was recorded as not in sync. The text is the record's error, redacted and not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRow {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// Its `customer_id`, else its `subscription_id`; empty if the row has neither.
    pub customer: String,
    /// Its outcome.
    pub status: Status,
    /// The HTTP status of the last reply, if there was a reply.
    pub http_status: Option<u16>,
    /// Requests that left in this run.
    pub attempts: u32,
    /// The reason.
    pub error: String,
}

/// A pause of all sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The server asked for the pause.
    Held {
        /// The time until sending goes on.
        left: Duration,
    },
    /// The circuit breaker is open.
    Outage {
        /// The time until the next probe; zero while a probe is in flight.
        left: Duration,
    },
}

/// An event that people should see at once. Texts come from the server, are redacted and not yet escaped.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The server asked for a pause.
    Held {
        /// The duration of the pause.
        asked: Duration,
    },
    /// The circuit breaker opened: sending pauses.
    Outage {
        /// The reason of the last failure.
        why: String,
        /// The longest outage before the run stops or gives up the rows that wait.
        patience: Duration,
    },
    /// The server answers again.
    Recovered {
        /// The time since its first failure.
        after: Duration,
    },
    /// The server is overloaded: the rate is cut for the first time since the rate was at its limit, or has halved.
    SlowedDown {
        /// The rate after the cut, in attempts per second.
        rate: f64,
    },
    /// The run was interrupted and waits for the requests in flight.
    Stopping {
        /// Requests in flight.
        in_flight: usize,
        /// The longest wait.
        wait: Duration,
    },
}
