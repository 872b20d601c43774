//! Reads, validates and encodes rows on a thread of its own and hands them over in batches, so that the
//! delivery loop never waits for a disk or a pipe.

use super::{Feed, FeedError, Job, Work};
use crate::customer::{FingerprintKey, Parameter, Update};
use crate::input::{Invalid, Row, Rows};
use crate::journal::Status;
use crate::offerit::Encoder;
use crate::resume::Done;
use std::io;
use std::task::{Context, Poll};
use std::thread;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Rows a batch of a file: a thread is woken once for all of them.
const BATCH: usize = 64;

/// Batches of a file that wait to be taken.
const WAITING: usize = 2;

/// What the thread has to say. Its end is said too: a thread that dies says nothing, and must not look like the
/// end of the input.
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
    /// Starts reading. Rows that are done are left out, superseded ones only recorded. The thread ends with the
    /// input, or soon after the feed is dropped; one that waits for a pipe ends with the process.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(rows: Rows, is_stream: bool, done: Done, key: FingerprintKey) -> io::Result<ChannelFeed> {
        // A stream's row must not be kept back until others come: nobody knows when that will be.
        let (batch, waiting) = if is_stream { (1, WAITING * BATCH) } else { (BATCH, WAITING) };
        let (sender, messages) = channel(waiting);
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || read(rows, batch, done, &key, &sender))?;
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

fn read(mut rows: Rows, most: usize, mut done: Done, key: &FingerprintKey, sender: &Sender<Message>) {
    let mut batch = Vec::with_capacity(most);
    let (mut scratch, mut encoder) = (Vec::new(), Encoder::default());
    loop {
        let row = match rows.next_row_of(|number| !done.rows.contains(number)) {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => {
                let _ = sender.blocking_send(Message::Jobs(batch));
                let _ = sender.blocking_send(Message::Failed(error.into()));
                return;
            }
        };
        let fingerprint = row.fingerprint(key, &mut scratch);
        let Row { number, line, content } = row;
        batch.push(Job {
            row: number,
            line,
            fingerprint,
            has_failed: done.failed.contains(number),
            maybe_applied: done.unknown.contains(number),
            work: match content {
                Ok(update) => match done.find_unsent_outcome(number) {
                    Some((status, reason)) => unsent(&update, status, reason),
                    None => {
                        let keys = done.lanes.keys(&update);
                        Work::Send(encoder.request(update), keys)
                    }
                },
                Err(invalid) => unfit(line, invalid),
            },
        });
        if batch.len() < most {
            continue;
        }
        let full = std::mem::replace(&mut batch, Vec::with_capacity(most));
        if sender.blocking_send(Message::Jobs(full)).is_err() {
            return;
        }
    }
    let _ = sender.blocking_send(Message::Jobs(batch));
    let _ = sender.blocking_send(Message::End);
}

fn unsent(update: &Update, status: Status, error: String) -> Work {
    let id = |parameter| update.get(parameter).unwrap_or_default().to_owned();
    let (customer_id, subscription_id) = (id(Parameter::CustomerId), id(Parameter::SubscriptionId));
    Work::Record { customer_id, subscription_id, status, error }
}

/// What becomes of a row that is no update.
fn unfit(line: u64, invalid: Invalid) -> Work {
    let (status, error) = if invalid.is_passed_over {
        let error = format!("line {line}: the row has nothing to send, and --empty-rows skip passes over it");
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
