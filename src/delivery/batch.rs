//! Records that gather while others are on their way to the disk.

use super::FailedRow;
use super::slots::{Open, SlotId};
use crate::customer::Parameter;
use crate::journal::{Record, Status, Timestamps};
use std::time::{Duration, SystemTime};

/// What became of a row.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub status: Status,
    pub http_status: Option<u16>,
    /// Of the last attempt.
    pub duration: Duration,
    /// Empty if the row is in sync.
    pub error: String,
}

impl Outcome {
    /// Of a row that was not sent.
    pub(super) fn unsent(status: Status, error: String) -> Outcome {
        Outcome { status, http_status: None, duration: Duration::ZERO, error }
    }
}

/// Lines of the result file, with the rows they are of.
#[derive(Default)]
pub(super) struct Batch {
    pub lines: Vec<u8>,
    pub recorded: Recorded,
    timestamps: Timestamps,
}

/// The rows of a batch.
#[derive(Default)]
pub(super) struct Recorded {
    pub rows: Vec<(SlotId, Status)>,
    /// Those that are not in sync, to tell of once they are durable.
    pub failed: Vec<FailedRow>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.recorded.rows.is_empty()
    }

    /// Adds the record of an open row, its ids taken from its request.
    pub(super) fn add(&mut self, slot: SlotId, row: &Open, outcome: &Outcome) {
        let id = |parameter| row.request.as_ref().and_then(|request| request.update.get(parameter));
        let ids = [Parameter::CustomerId, Parameter::SubscriptionId]
            .map(|parameter| id(parameter).unwrap_or_default());
        self.add_with_ids(slot, row, ids, outcome);
    }

    /// Adds the record of a row that has no request.
    pub(super) fn add_with_ids(&mut self, slot: SlotId, row: &Open, ids: [&str; 2], outcome: &Outcome) {
        let [customer_id, subscription_id] = ids;
        let record = Record {
            row: row.row,
            line: row.line,
            customer_id,
            subscription_id,
            status: outcome.status,
            http_status: outcome.http_status,
            attempts: row.attempts,
            duration: outcome.duration,
            finished_at: self.timestamps.at(SystemTime::now()),
            error: &outcome.error,
            fingerprint: row.fingerprint,
        };
        record.write(&mut self.lines);
        self.recorded.rows.push((slot, outcome.status));
        if !outcome.status.is_in_sync() {
            self.recorded.failed.push(FailedRow {
                row: row.row,
                line: row.line,
                status: outcome.status,
                http_status: outcome.http_status,
                attempts: row.attempts,
                error: outcome.error.clone(),
            });
        }
    }
}
