//! Reads, validates and encodes rows on a thread of its own and hands them over in batches, so that the
//! delivery loop never waits for a disk or a pipe.

use super::{Feed, FeedError, Job, Superseded, Work};
use crate::customer::{FingerprintKey, Parameter, Update};
use crate::input::{Invalid, Row, Rows};
use crate::journal::{RowSet, Status};
use crate::offerit::Request;
use std::collections::HashMap;
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

/// What earlier runs have done with the rows of an input.
#[derive(Default)]
pub struct Done {
    /// Rows in sync and unchanged: not looked at again.
    pub rows: RowSet,
    /// Rows that must not be sent any more.
    pub superseded: HashMap<u64, Superseded>,
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
            .spawn(move || read(rows, batch, &done, &key, &sender))?;
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

fn read(mut rows: Rows, most: usize, done: &Done, key: &FingerprintKey, sender: &Sender<Message>) {
    let mut batch = Vec::with_capacity(most);
    let mut scratch = Vec::new();
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
            work: work(line, content, done.superseded.get(&number)),
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

fn work(line: u64, content: Result<Update, Invalid>, superseded: Option<&Superseded>) -> Work {
    match content {
        Ok(update) => match superseded {
            None => Work::Send(Request::new(update)),
            Some(superseded) => {
                let id = |parameter| update.get(parameter).unwrap_or_default().to_owned();
                Work::Record {
                    customer_id: id(Parameter::CustomerId),
                    subscription_id: id(Parameter::SubscriptionId),
                    status: superseded.status(),
                    error: superseded.reason(),
                }
            }
        },
        Err(invalid) if invalid.is_passed_over => Work::Record {
            customer_id: invalid.customer_id.unwrap_or_default(),
            subscription_id: invalid.subscription_id.unwrap_or_default(),
            status: Status::Unchanged,
            error: format!("line {line}: the row has nothing to send, and --empty-rows skip passes over it"),
        },
        Err(invalid) => {
            let problems: Vec<_> = invalid.problems.iter().map(ToString::to_string).collect();
            Work::Record {
                customer_id: invalid.customer_id.unwrap_or_default(),
                subscription_id: invalid.subscription_id.unwrap_or_default(),
                status: Status::Invalid,
                error: format!("line {line}: {}", problems.join("; ")),
            }
        }
    }
}
