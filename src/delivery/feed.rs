//! Reads, validates and encodes rows on a separate thread and passes them on in batches, so that the dispatcher never waits
//! for a disk or a pipe.

use super::job::{Feed, FeedError, Job, Work};
use crate::customer::{Fingerprint, FingerprintKey, Parameter, Update};
use crate::input::{Invalid, Row, Rows};
use crate::journal::Status;
use crate::offerit::Encoder;
use crate::resume::Done;
use std::io;
use std::task::{Context, Poll};
use std::thread;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Rows per batch of a file. Chosen: one wake-up of the receiving thread serves all rows of a batch.
const BATCH: usize = 256;

/// Bytes of request bodies per batch. Chosen: cells of a megabyte must not fill the memory.
const BATCH_BYTES: usize = 1 << 20;

/// Batches of a file that wait in the channel. Chosen: one batch is taken while the other is filled.
const WAITING: usize = 2;

/// A message of the thread. The end of the input is a message too: a thread that dies sends nothing, and its death must not
/// look like the end of the input.
enum Message {
    Jobs(Vec<Job>),
    End,
    Failed(FeedError),
}

/// The rows of an input that are not done yet.
pub struct ChannelFeed {
    messages: Receiver<Message>,
}

impl ChannelFeed {
    /// Starts reading. Rows that are done are left out; superseded rows are only recorded. The thread ends with the input, or
    /// soon after the feed is dropped; a thread that waits for a pipe ends with the process.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(rows: Rows, is_stream: bool, done: Done, key: FingerprintKey) -> io::Result<ChannelFeed> {
        // A row of a stream must not wait for the next rows, which may come late.
        let (batch, waiting) = if is_stream { (1, WAITING * BATCH) } else { (BATCH, WAITING) };
        let (sender, messages) = channel(waiting);
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || send_rows(rows, batch, done, &key, &sender))?;
        Ok(ChannelFeed { messages })
    }
}

impl Feed for ChannelFeed {
    fn poll_jobs(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<Job>, FeedError>>> {
        self.messages.poll_recv(context).map(|message| match message {
            Some(Message::Jobs(jobs)) => Some(Ok(jobs)),
            Some(Message::End) => None,
            Some(Message::Failed(error)) => Some(Err(error)),
            None => Some(Err(FeedError::Died)),
        })
    }
}

fn send_rows(mut rows: Rows, most: usize, mut done: Done, key: &FingerprintKey, sender: &Sender<Message>) {
    let (mut batch, mut bytes) = (Vec::with_capacity(most), 0);
    let (mut scratch, mut encoder) = (Vec::new(), Encoder::default());
    loop {
        let next = rows.skip_rows(|number| done.rows.contains(number)).and_then(|()| rows.next_row());
        let row = match next {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => {
                // The receiver is gone if the run has ended.
                let _ = sender.blocking_send(Message::Jobs(batch));
                let _ = sender.blocking_send(Message::Failed(error.into()));
                return;
            }
        };
        let fingerprint = row.fingerprint(key, &mut scratch);
        let job = job(row, fingerprint, &mut done, &mut encoder);
        if let Work::Send(request, _) = &job.work {
            bytes += request.len();
        }
        batch.push(job);
        if batch.len() < most && bytes < BATCH_BYTES {
            continue;
        }
        bytes = 0;
        let full = std::mem::replace(&mut batch, Vec::with_capacity(most));
        if sender.blocking_send(Message::Jobs(full)).is_err() {
            return;
        }
    }
    let _ = sender.blocking_send(Message::Jobs(batch));
    let _ = sender.blocking_send(Message::End);
}

fn job(row: Row<'_>, fingerprint: Fingerprint, done: &mut Done, encoder: &mut Encoder) -> Job {
    let Row { number, line, has_status, content, .. } = row;
    Job {
        row: number,
        line,
        fingerprint,
        has_failed: done.failed.contains(number),
        is_maybe_applied: done.unknown.contains(number),
        was_not_in_sync: has_status || done.not_in_sync.contains(number),
        work: match content {
            Ok(update) => match done.find_unsent_outcome(number) {
                Some((status, reason)) => record_unsent(&update, status, reason),
                None => {
                    let keys = done.lanes.keys(&update);
                    Work::Send(encoder.request(update), keys)
                }
            },
            Err(invalid) => record_invalid(line, *invalid),
        },
    }
}

fn record_unsent(update: &Update, status: Status, error: String) -> Work {
    let id = |parameter| update.get(parameter).unwrap_or_default().to_owned();
    let (customer_id, subscription_id) = (id(Parameter::CustomerId), id(Parameter::SubscriptionId));
    Work::Record { customer_id, subscription_id, status, error }
}

/// Records a row that is not a valid update.
fn record_invalid(line: u64, invalid: Invalid) -> Work {
    let (status, error) = if invalid.is_passed_over {
        let error = format!("line {line}: nothing to send, skipped (--empty-rows skip)");
        (Status::Unchanged, error)
    } else {
        let problems: Vec<_> = invalid.problems.iter().map(ToString::to_string).collect();
        (Status::Invalid, format!("line {line}: {}", problems.join("; ")))
    };
    Work::Record {
        customer_id: invalid.customer_id.unwrap_or_default(),
        subscription_id: invalid.subscription_id.unwrap_or_default(),
        status,
        error,
    }
}
