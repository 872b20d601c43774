//! Outcomes on their way to the disk: records gather in a batch while the batch before is synced
//! ([group commit](https://www.postgresql.org/docs/current/wal-configuration.html)).

use super::job::{Job, Work};
use super::observer::FailedRow;
use super::queue::RowKey;
use super::rows::OpenRow;
use super::time::Time;
use crate::customer::{Fingerprint, Parameter};
use crate::journal::{Log, Record, Status, unsent_together};
use std::io;
use std::mem;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

/// The time for which a record waits for others of its batch while other rows go on. Measured: a sync costs as much
/// processor time as several requests.
const GATHERING: Duration = Duration::from_millis(90);

/// Bytes of a batch from which no more records of rows that are not sent are added. Chosen: it bounds the memory.
const LONG_BATCH: usize = 512 * 1024;

/// The outcome of a row.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub status: Status,
    pub http_status: Option<u16>,
    /// The duration of the last attempt.
    pub duration: Duration,
    /// Empty if the row is in sync.
    pub error: String,
}

/// The rows of a batch.
#[derive(Debug, Default)]
pub(super) struct RecordBatch {
    /// Rows that were sent.
    pub sent: Vec<(RowKey, Status)>,
    /// Rows that were not sent.
    pub unsent: Vec<Status>,
    /// The rows that are not in sync.
    pub failed: Vec<FailedRow>,
}

impl RecordBatch {
    fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.unsent.is_empty()
    }
}

/// Writes records and reports the durable ones.
pub(super) struct Recorder<L> {
    log: L,
    /// The records of the batch that gathers.
    lines: Vec<u8>,
    gathered: RecordBatch,
    gathering_since: Time,
    /// The batch that is on its way to the disk.
    under_way: Option<RecordBatch>,
    /// Durable records of rows that were not sent.
    durable_unsent: u64,
}

impl<L: Log> Recorder<L> {
    /// Writes to `log`.
    pub(super) fn new(log: L) -> Recorder<L> {
        Recorder {
            log,
            lines: Vec::new(),
            gathered: RecordBatch::default(),
            gathering_since: Time::ZERO,
            under_way: None,
            durable_unsent: 0,
        }
    }

    /// Whether every record is durable.
    pub(super) fn is_idle(&self) -> bool {
        self.gathered.is_empty() && self.under_way.is_none()
    }

    /// Adds the record of an open row.
    pub(super) fn add(&mut self, key: RowKey, row: &OpenRow, outcome: &Outcome, now: Time) {
        let id = |parameter| row.request().update.get(parameter).unwrap_or_default();
        let ids = [id(Parameter::CustomerId), id(Parameter::SubscriptionId)];
        let record = (row.row, row.line, row.fingerprint, row.log.sent);
        self.write(record, ids, outcome, now);
        self.gathered.sent.push((key, outcome.status));
    }

    /// Adds the record of a row that is not sent.
    pub(super) fn add_unsent(&mut self, job: Job, now: Time) {
        let Work::Record { customer_id, subscription_id, status, error } = job.work else {
            unreachable!("a row to be sent has no outcome yet")
        };
        let outcome = Outcome { status, http_status: None, duration: Duration::ZERO, error };
        let ids = [customer_id.as_str(), &subscription_id];
        self.write((job.row, job.line, job.fingerprint, 0), ids, &outcome, now);
        self.gathered.unsent.push(status);
    }

    fn write(
        &mut self,
        (row, line, fingerprint, attempts): (u64, u64, Fingerprint, u32),
        [customer_id, subscription_id]: [&str; 2],
        outcome: &Outcome,
        now: Time,
    ) {
        if self.gathered.is_empty() {
            self.gathering_since = now;
        }
        let Outcome { status, http_status, duration, error } = outcome;
        let record = Record {
            row,
            line,
            customer_id,
            subscription_id,
            status: *status,
            http_status: *http_status,
            attempts,
            duration: *duration,
            finished_at: SystemTime::now(),
            error,
            fingerprint,
        };
        record.write(&mut self.lines);
        if !status.is_in_sync() {
            let (status, http_status, error) = (*status, *http_status, error.clone());
            let customer = if customer_id.is_empty() { subscription_id } else { customer_id }.to_owned();
            self.gathered.failed.push(FailedRow {
                row,
                line,
                customer,
                status,
                http_status,
                attempts,
                error,
            });
        }
    }

    /// Whether the record of a row that is not sent may be added: a crash must not find more records on their way to the
    /// disk than a resumed run accepts as lost. `free`: slots without a row.
    pub(super) fn has_room_for_unsent(&self, free: usize) -> bool {
        let under_way = self.under_way.as_ref().map_or(0, |batch| batch.unsent.len());
        let on_the_way = self.gathered.unsent.len() + under_way;
        let most = usize::try_from(unsent_together(self.durable_unsent)).unwrap_or(usize::MAX);
        on_the_way < free.saturating_add(most) && self.lines.len() < LONG_BATCH
    }

    /// The end of the time in which more records may join the batch. Records gather while other rows `go_on` and fewer than
    /// `enough` rows wait for their records.
    pub(super) fn gathers_until(&self, now: Time, go_on: bool, enough: usize) -> Option<Time> {
        let until = self.gathering_since + GATHERING;
        let is_gathering =
            !self.gathered.is_empty() && self.gathered.sent.len() < enough && go_on && until > now;
        is_gathering.then_some(until)
    }

    /// Submits the batch, unless another batch is under way or the batch still gathers. True if it was submitted.
    pub(super) fn submit(&mut self, now: Time, go_on: bool, enough: usize) -> bool {
        let must_wait = self.under_way.is_some() || self.gathers_until(now, go_on, enough).is_some();
        if self.gathered.is_empty() || must_wait {
            return false;
        }
        self.log.submit(mem::take(&mut self.lines));
        self.under_way = Some(mem::take(&mut self.gathered));
        true
    }

    /// The rows of the batch under way, once the batch is durable. Pending while no batch is under way.
    ///
    /// # Errors
    /// If the batch could not be written.
    pub(super) fn poll_durable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RecordBatch>> {
        if self.under_way.is_none() {
            return Poll::Pending;
        }
        let durable = ready!(self.log.poll_durable(context));
        let batch = self.under_way.take().expect("a batch is under way");
        Poll::Ready(durable.map(|buffer| {
            if self.lines.is_empty() {
                self.lines = buffer;
            }
            self.durable_unsent += batch.unsent.len() as u64;
            batch
        }))
    }
}
