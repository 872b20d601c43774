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

/// From how many bytes on a batch takes no more records of rows that are not sent.
const LONG: usize = 512 * 1024;

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
    /// Without a slot: one that is not sent.
    pub rows: Vec<(Option<SlotId>, Status)>,
    /// How many have no slot.
    pub unsent: usize,
    /// Those that are not in sync, to tell of once they are durable.
    pub failed: Vec<FailedRow>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.recorded.rows.is_empty()
    }

    /// Whether so much has gathered that the record of a row that is not sent should rather come with the next.
    pub(super) fn is_long(&self) -> bool {
        self.lines.len() >= LONG
    }

    /// Adds the record of an open row, its ids taken from its request.
    pub(super) fn add(&mut self, slot: SlotId, row: &Open, outcome: &Outcome) {
        let id = |parameter| row.request.as_ref().and_then(|request| request.update.get(parameter));
        let ids = [Parameter::CustomerId, Parameter::SubscriptionId]
            .map(|parameter| id(parameter).unwrap_or_default());
        self.write(Some(slot), row, ids, outcome);
    }

    /// Adds the record of a row that is not sent.
    pub(super) fn add_unsent(&mut self, row: &Open, ids: [&str; 2], outcome: &Outcome) {
        self.recorded.unsent += 1;
        self.write(None, row, ids, outcome);
    }

    fn write(&mut self, slot: Option<SlotId>, row: &Open, ids: [&str; 2], outcome: &Outcome) {
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
