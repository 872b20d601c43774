//! The open rows: in flight, waiting to be sent, waiting for an older row of their customer, or waiting for their record to
//! reach the disk. At most `K` rows are open.

use super::job::{Job, Work};
use super::lanes::Lanes;
use super::queue::{Queue, RowKey};
use super::recorder::Outcome;
use super::retry::RowLog;
use crate::customer::Fingerprint;
use crate::offerit::Request;
use crate::resume::Keys;
use std::time::Duration;

/// Bytes of the bodies of all open rows from which no row is opened. Chosen: a file with cells of a megabyte needs less than
/// a hundred megabytes of memory.
const MAX_OPEN_BYTES: usize = 32 << 20;

/// An open row.
#[derive(Debug)]
pub(super) struct OpenRow {
    /// Its number, from 1.
    pub row: u64,
    /// The physical line it starts on.
    pub line: u64,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether its last record was not in sync before this run, or the row is from a file of failures.
    pub was_not_in_sync: bool,
    /// The attempts of the row.
    pub log: RowLog,
    /// Its last failure.
    pub last_failure: Option<LastFailure>,
    keys: Keys,
    /// `None` while an attempt is in flight.
    request: Option<Request>,
    bytes: usize,
}

/// The last failure of a row.
#[derive(Debug, Clone)]
pub(super) struct LastFailure {
    /// The HTTP status, if there was a reply.
    pub http_status: Option<u16>,
    /// The duration of the attempt.
    pub duration: Duration,
    /// The reason.
    pub why: String,
}

impl OpenRow {
    /// The request, while no attempt is in flight.
    pub(super) fn request(&self) -> &Request {
        self.request.as_ref().expect("a row that is recorded has no attempt in flight")
    }

    /// The outcome of a row that ends without a success.
    pub(super) fn lost_outcome(&self, given_up: GivenUp) -> Outcome {
        let last = self.last_failure.as_ref();
        let LastFailure { http_status, duration, why } =
            last.expect("a row that was not tried has no outcome");
        let error = match (given_up, self.log.sent) {
            (GivenUp::AtTheEnd, _) => format!("the run ended before another attempt: {why}"),
            (GivenUp::AfterAttempts, 0) => why.clone(),
            (GivenUp::AfterAttempts, 1) => format!("after 1 attempt: {why}"),
            (GivenUp::AfterAttempts, sent) => format!("after {sent} attempts: {why}"),
        };
        Outcome { status: self.log.lost_status(), http_status: *http_status, duration: *duration, error }
    }
}

/// The time at which a row is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// When its attempts, or the patience of the run, are used up.
    AfterAttempts,
    /// When the run has stopped.
    AtTheEnd,
}

/// All open rows.
#[derive(Debug)]
pub(super) struct OpenRows {
    slots: Vec<Option<OpenRow>>,
    free: Vec<u32>,
    bytes: usize,
    lanes: Lanes,
    queue: Queue,
}

impl OpenRows {
    /// No open rows, and slots for `count` rows.
    pub(super) fn new(count: usize) -> OpenRows {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        OpenRows {
            slots: (0..count).map(|_| None).collect(),
            free: (0..count).rev().collect(),
            bytes: 0,
            lanes: Lanes::default(),
            queue: Queue::default(),
        }
    }

    /// Whether another row may be opened.
    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty() && self.bytes < MAX_OPEN_BYTES
    }

    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Rows that have their turn. This is the number of customers with an open row; a customer with two lanes may count twice.
    pub(super) fn with_turn(&self) -> usize {
        self.slots.len() - self.free.len() - self.behind()
    }

    /// Rows that wait for an older row of their customer.
    pub(super) fn behind(&self) -> usize {
        self.lanes.behind()
    }

    /// Opens a row that will be sent. There must be [room](OpenRows::has_room).
    pub(super) fn open(&mut self, job: Job) {
        let Work::Send(request, keys) = job.work else {
            unreachable!("a row that is not sent needs no slot")
        };
        let slot = self.free.pop().expect("a row is opened where there is room");
        let key = RowKey { row: job.row, slot };
        let bytes = request.len();
        self.bytes += bytes;
        self.slots[slot as usize] = Some(OpenRow {
            row: job.row,
            line: job.line,
            fingerprint: job.fingerprint,
            was_not_in_sync: job.was_not_in_sync,
            log: RowLog {
                has_failed_before: job.has_failed,
                is_maybe_applied: job.is_maybe_applied,
                ..RowLog::default()
            },
            last_failure: None,
            keys,
            request: Some(request),
            bytes,
        });
        if self.lanes.join(key, keys) {
            self.queue.push_untried(key);
        }
    }

    /// Frees the slot of a row whose record is durable. The next rows of its customer have their turn.
    pub(super) fn close(&mut self, key: RowKey) {
        let row = self.slots[key.slot as usize].take().expect("a row is closed once");
        self.free.push(key.slot);
        self.bytes -= row.bytes;
        let queue = &mut self.queue;
        self.lanes.leave(row.keys, |next| queue.push_untried(next));
    }

    pub(super) fn get(&self, key: RowKey) -> &OpenRow {
        self.slots[key.slot as usize].as_ref().expect("a row is open until its record is durable")
    }

    pub(super) fn get_mut(&mut self, key: RowKey) -> &mut OpenRow {
        self.slots[key.slot as usize].as_mut().expect("a row is open until its record is durable")
    }

    /// The rows that have failed and have no outcome: rows that wait, and rows in flight again.
    pub(super) fn in_trouble(&self) -> impl Iterator<Item = &OpenRow> {
        let rows = self.slots.iter().flatten();
        let in_flight_again = rows.filter(|row| row.request.is_none() && row.last_failure.is_some());
        self.queue.waiting().map(|key| self.get(key)).chain(in_flight_again)
    }

    /// All open rows.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut OpenRow> {
        self.slots.iter_mut().flatten()
    }

    /// Takes the request of a row whose attempt starts.
    pub(super) fn take_request(&mut self, key: RowKey) -> Request {
        self.get_mut(key).request.take().expect("a queued row holds its request")
    }

    /// Returns the request of a row whose attempt has ended.
    pub(super) fn return_request(&mut self, key: RowKey, request: Request) {
        self.get_mut(key).request = Some(request);
    }

    /// Sends every further attempt of a row over a fresh connection.
    pub(super) fn use_fresh_connection(&mut self, key: RowKey) {
        let request = self.get_mut(key).request.as_mut();
        request.expect("a stale attempt has given its request back").use_fresh_connection();
    }

    /// The queue of the rows.
    pub(super) fn queue_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// The queue of the rows.
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The parked row with the fewest attempts. A suspect row comes last.
    pub(super) fn least_tried_parked(&self, is_suspect: impl Fn(&RowLog) -> bool) -> Option<RowKey> {
        let rank = |key: &RowKey| {
            let log = &self.get(*key).log;
            (is_suspect(log), log.tries, key.row)
        };
        self.queue.parked().min_by_key(rank)
    }

    /// The oldest row that has its turn and that another row of its customer waits for.
    pub(super) fn oldest_blocker(&self) -> Option<RowKey> {
        self.queue.waiting().filter(|key| self.lanes.is_waited_for(self.get(*key).keys)).min()
    }
}
