//! The delivery loop against simulated servers, in virtual time: hours pass in milliseconds.

use super::*;
use crate::customer::{Fingerprint, Parameter, Update, Values};
use crate::journal::{Log, Status};
use crate::offerit::{Attempt, AttemptEvents, Fault, Reply, Request, Transport};
use crate::resume::LaneKeys;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, Sleep, sleep};

mod brakes;
mod connections;
mod durability;
mod holds;
mod laws;
mod limiters;
mod outages;
mod running;
mod unsent;

const SECOND: Duration = Duration::from_secs(1);

/// An attempt that the server received.
#[derive(Debug, Clone)]
struct SeenAttempt {
    customer: String,
    subscription: String,
    row: u64,
    began: Duration,
    ended: Duration,
}

/// The behaviour of the server: the duration of an attempt and its answer.
type Script = Box<dyn Fn(&Arrival<'_>) -> (Duration, Answer)>;

/// The state of the server when an attempt arrives.
struct Arrival<'account> {
    now: Duration,
    row: u64,
    /// Earlier attempts of the row.
    earlier: usize,
    account: &'account [SeenAttempt],
}

/// A server that keeps its own account.
struct Simulated {
    began: Instant,
    /// The time that a connection takes, by the time at which it begins.
    connects: Box<dyn Fn(Duration) -> Duration>,
    script: Script,
    /// In the order in which the attempts began.
    account: RefCell<Vec<SeenAttempt>>,
    attempts: RefCell<HashMap<u64, usize>>,
}

impl Simulated {
    fn new(script: impl Fn(&Arrival<'_>) -> (Duration, Answer) + 'static) -> Simulated {
        Simulated {
            began: Instant::now(),
            connects: Box::new(|_| Duration::ZERO),
            script: Box::new(script),
            account: RefCell::default(),
            attempts: RefCell::default(),
        }
    }

    /// The same server with slow connections.
    fn that_connects(self, connects: impl Fn(Duration) -> Duration + 'static) -> Simulated {
        Simulated { connects: Box::new(connects), ..self }
    }

    fn account(&self) -> Vec<SeenAttempt> {
        self.account.borrow().clone()
    }

    fn attempts_of(&self, row: u64) -> usize {
        self.attempts.borrow().get(&row).copied().unwrap_or_default()
    }

    fn most_in_flight(&self) -> usize {
        let account = self.account.borrow();
        let at = |time| account.iter().filter(|seen| seen.began <= time && time < seen.ended).count();
        account.iter().map(|seen| at(seen.began)).max().unwrap_or(0)
    }

    fn busiest(&self, window: Duration) -> usize {
        let account = self.account.borrow();
        let before = |time| account.partition_point(|seen| seen.began < time);
        account.iter().map(|seen| before(seen.began + window) - before(seen.began)).max().unwrap_or(0)
    }

    fn span(&self) -> Duration {
        self.account.borrow().iter().map(|seen| seen.ended).max().unwrap_or_default()
    }
}

impl Transport for Simulated {
    async fn attempt(&self, request: &Request, events: &dyn AttemptEvents) -> Attempt {
        let connecting = (self.connects)(Instant::now() - self.began);
        sleep(connecting).await;
        if !connecting.is_zero() {
            // A real connection sends the request after the attempt has yielded.
            tokio::task::yield_now().await;
        }
        let began = Instant::now() - self.began;
        let value = |parameter| request.update.get(parameter).unwrap_or_default().to_owned();
        let row = value(Parameter::City).parse().unwrap();
        let (latency, Answer { reply, asked, body }) = {
            let account = self.account.borrow();
            let earlier = self.attempts_of(row);
            (self.script)(&Arrival { now: began, row, earlier, account: &account })
        };
        if !matches!(reply, Reply::NotSent { .. }) {
            events.request_sent();
        }
        let (customer, subscription) = (value(Parameter::CustomerId), value(Parameter::SubscriptionId));
        let seen = SeenAttempt { customer, subscription, row, began, ended: began + latency + body };
        self.account.borrow_mut().push(seen);
        *self.attempts.borrow_mut().entry(row).or_default() += 1;
        sleep(latency).await;
        if let Some(wait) = asked {
            events.retry_after(wait);
        }
        sleep(body).await;
        Attempt { reply, duration: latency + body }
    }
}

/// An answer of the server.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    reply: Reply,
    /// The Retry-After of its head.
    asked: Option<Duration>,
    /// The time between its head and the end of its body.
    body: Duration,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        Answer { reply, asked: None, body: Duration::ZERO }
    }
}

fn updated() -> Answer {
    Reply::Confirmed { status: 200 }.into()
}

fn busy(status: u16, retry_after: Option<u64>) -> Answer {
    let reply = Reply::Overloaded { status, text: "busy".to_owned() };
    Answer { asked: retry_after.map(Duration::from_secs), ..reply.into() }
}

fn lost() -> Answer {
    Reply::Lost { text: "reset".to_owned(), fault: None }.into()
}

fn not_sent() -> Answer {
    Reply::NotSent { text: "connection refused".to_owned(), fault: None }.into()
}

/// A maintenance page.
fn page() -> Answer {
    Reply::Unconfirmed { status: 200, text: "Back soon".to_owned() }.into()
}

/// A connection that fails because of a permanent fault.
fn unusable(fault: Fault) -> Answer {
    Reply::NotSent { text: format!("{fault:?}"), fault: Some(fault) }.into()
}

/// An update with these ids. The value of its field is the number of its row.
fn update(row: u64, customer: &str, subscription: &str) -> Update {
    let mut values = Values::default();
    values.set(Parameter::CustomerId, customer);
    values.set(Parameter::SubscriptionId, subscription);
    values.set(Parameter::City, &row.to_string());
    Update::new(values, &mut Vec::new()).unwrap()
}

/// A feed that has all its rows at once.
struct Rows(Option<Vec<Job>>);

impl Rows {
    fn of(ids: impl Iterator<Item = (String, String)>) -> Rows {
        let mut lanes = LaneKeys::default();
        let job = |(index, (customer, subscription)): (usize, (String, String))| {
            let row = index as u64 + 1;
            let update = update(row, &customer, &subscription);
            let keys = lanes.keys(&update);
            Job {
                row,
                line: row + 1,
                fingerprint: Fingerprint(row),
                has_failed: false,
                is_maybe_applied: false,
                was_not_in_sync: false,
                work: Work::Send(Request::from(update), keys),
            }
        };
        Rows(Some(ids.enumerate().map(job).collect()))
    }

    fn distinct(count: u64) -> Rows {
        Rows::of((1..=count).map(|row| (row.to_string(), String::new())))
    }

    /// Rows of `customers` customers in turn.
    fn of_customers(count: u64, customers: u64) -> Rows {
        Rows::of((0..count).map(|row| ((row % customers).to_string(), String::new())))
    }

    /// The same rows; the rows that `failed` selects failed in an earlier run.
    fn after_failures(mut self, failed: impl Fn(u64) -> bool) -> Rows {
        for job in self.0.iter_mut().flatten().filter(|job| failed(job.row)) {
            (job.has_failed, job.was_not_in_sync) = (true, true);
        }
        self
    }
}

impl Feed for Rows {
    fn poll_jobs(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Vec<Job>, FeedError>>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

/// A log that keeps its lines, and whose batches are durable at once.
#[derive(Clone, Default)]
struct Lines {
    text: Rc<RefCell<String>>,
    under_way: Rc<RefCell<Option<Vec<u8>>>>,
    batches: Rc<Cell<usize>>,
}

impl Log for Lines {
    fn submit(&mut self, batch: Vec<u8>) {
        self.under_way.replace(Some(batch));
        self.batches.set(self.batches.get() + 1);
    }

    fn poll_durable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        let batch = self.under_way.take().unwrap();
        self.text.borrow_mut().push_str(std::str::from_utf8(&batch).unwrap());
        Poll::Ready(Ok(Vec::new()))
    }
}

impl Lines {
    /// The status of every row that has a record.
    fn statuses(&self) -> HashMap<u64, String> {
        let text = self.text.borrow();
        let fields = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        fields.map(|fields| (fields[0].parse().unwrap(), fields[4].to_owned())).collect()
    }

    fn count(&self, status: &str) -> usize {
        self.statuses().values().filter(|known| *known == status).count()
    }
}

#[derive(Default, Clone)]
struct Notices(Rc<RefCell<Vec<Notice>>>);

impl Observer for Notices {
    fn progressed(&mut self, _: &Tally) {}

    fn noticed(&mut self, notice: &Notice) {
        self.0.borrow_mut().push(notice.clone());
    }
}

fn settings(rate: &str, concurrency: usize) -> Settings {
    Settings {
        concurrency: NonZeroUsize::new(concurrency).unwrap(),
        rate: rate.parse().unwrap(),
        max_attempts: NonZeroU32::new(5).unwrap(),
        max_retry_after: 3600 * SECOND,
        max_outage: 600 * SECOND,
        brakes: Brakes::default(),
        drain_timeout: 30 * SECOND,
        adapt: true,
        seed: Some(1),
    }
}

async fn run(settings: &Settings, server: &Simulated, rows: Rows) -> (Ending, Lines) {
    let (_, silent) = unbounded_channel();
    run_with(settings, server, rows, silent).await
}

async fn run_with(
    settings: &Settings,
    server: &Simulated,
    rows: Rows,
    interrupts: UnboundedReceiver<Interrupt>,
) -> (Ending, Lines) {
    let lines = Lines::default();
    let ending = deliver(settings, server, lines.clone(), rows, interrupts, Notices::default()).await;
    (ending, lines)
}
