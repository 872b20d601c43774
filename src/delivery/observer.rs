//! What an onlooker is told while a run goes on.

use super::Tally;
use crate::journal::Status;
use std::time::Duration;

/// Who is told how the run goes.
pub trait Observer {
    /// The counts have changed. Called after records are durable, never before.
    fn progressed(&mut self, tally: &Tally);

    /// Something happened that people want to know of while it lasts.
    fn noticed(&mut self, notice: &Notice);

    /// An attempt that was on the wire has ended after so long. Called for every one: it must cost next to nothing.
    fn attempted(&mut self, took: Duration) {
        let _ = took;
    }

    /// A row is tried again later.
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

/// A row that is tried again. The text is the server's, redacted, not yet escaped.
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
    /// How long it waits at least.
    pub pause: Duration,
}

/// A row that was recorded as not in sync. The text is that of the record, redacted, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRow {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// What became of it.
    pub status: Status,
    /// Of the last reply, if there was one.
    pub http_status: Option<u16>,
    /// Attempts that were on the wire in this run.
    pub attempts: u32,
    /// Why.
    pub error: String,
}

/// Why all sending pauses, and for how long from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The server asked to be left alone.
    Held {
        /// Until sending goes on.
        left: Duration,
    },
    /// Nothing gets through.
    Outage {
        /// Until the next probe; zero while one is on its way.
        left: Duration,
    },
}

/// What people want to know of while it lasts. Texts are the server's, redacted, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The server asked to be left alone.
    Held {
        /// For how long.
        asked: Duration,
    },
    /// Nothing gets through: sending holds.
    Outage {
        /// What the last attempt met.
        why: String,
        /// How long that may go on before the run stops.
        patience: Duration,
    },
    /// Something got through again.
    OutageOver,
}
