//! The loop: rows in, attempts out, replies in, records out. It is the only concurrent place of the program,
//! and everything in it happens on one task.
//!
//! A row's slot is held from its admission until its record is durable. So is its customer's lane: were the
//! next row of a customer sent before, a crash could make a resumed run send the older row after the newer.

use super::lanes::{KeyMaker, Lanes};
use super::pacer::Pacer;
use super::schedule::pause;
use super::slots::{Open, SlotId, Slots};
use super::verdict::{History, Verdict, may_be_applied, verdict};
use super::{Ending, Feed, Interrupt, Job, OPEN_ROWS_PER_REQUEST, Observer, Settings, Stop, Tally, Work};
use crate::customer::Parameter;
use crate::journal::{Log, Record, Status};
use crate::offerit::{Attempt, Request, Transport};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Sleep, sleep_until};

/// However long a server asks to be left alone, it is asked again after this time.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// Sends every row of `feed` and records each outcome in `log`, until all are dealt with or a reason to stop
/// comes up. After a stop no attempt starts; those in flight end and are recorded. A second interrupt ends at
/// once.
pub async fn deliver<T: Transport, L: Log, F: Feed, O: Observer>(
    settings: &Settings,
    transport: &T,
    log: L,
    feed: F,
    interrupts: UnboundedReceiver<Interrupt>,
    observer: O,
) -> Ending {
    let open_rows = settings.concurrency.get().saturating_mul(OPEN_ROWS_PER_REQUEST);
    let mut pipeline = Pipeline {
        settings,
        transport,
        log,
        feed: Some(feed),
        interrupts: Some(interrupts),
        observer,
        keys: KeyMaker::default(),
        lanes: Lanes::default(),
        slots: Slots::new(open_rows),
        pacer: Pacer::new(settings.rate),
        random: settings.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
        began: Instant::now(),
        jobs: VecDeque::new(),
        ready: BinaryHeap::new(),
        waiting: BinaryHeap::new(),
        hold: None,
        in_flight: FuturesUnordered::new(),
        batch: Batch::default(),
        under_way: None,
        timer: Box::pin(sleep_until(Instant::now())),
        is_abandoned: false,
        stop: None,
        tally: Tally::default(),
    };
    poll_fn(|context| pipeline.poll(context)).await;
    Ending { tally: pipeline.tally, stop: pipeline.stop }
}

type InFlight<'run> = FuturesUnordered<LocalBoxFuture<'run, (SlotId, Request, Attempt)>>;

/// Records that are not durable yet.
#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    rows: Vec<(SlotId, Status)>,
}

struct Pipeline<'run, T, L, F, O> {
    settings: &'run Settings,
    transport: &'run T,
    log: L,
    /// `None` behind its end.
    feed: Option<F>,
    /// `None` once nobody can interrupt any more.
    interrupts: Option<UnboundedReceiver<Interrupt>>,
    observer: O,
    keys: KeyMaker,
    lanes: Lanes,
    slots: Slots,
    pacer: Pacer,
    random: fastrand::Rng,
    began: Instant,
    /// Rows that were handed over and have no slot yet.
    jobs: VecDeque<Job>,
    /// Rows whose turn it is, the oldest first.
    ready: BinaryHeap<Reverse<(u64, SlotId)>>,
    /// Rows that are tried again, by when.
    waiting: BinaryHeap<Reverse<(Instant, SlotId)>>,
    /// Until when nothing is sent at all.
    hold: Option<Instant>,
    in_flight: InFlight<'run>,
    /// Gathers while another batch is on its way to the disk.
    batch: Batch,
    /// The rows of the batch that is on its way.
    under_way: Option<Vec<(SlotId, Status)>>,
    timer: Pin<Box<Sleep>>,
    is_abandoned: bool,
    stop: Option<Stop>,
    tally: Tally,
}

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Does whatever can be done, until the run is over or there is nothing left but to wait.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut moved = self.poll_interrupts(context);
            moved |= self.poll_replies(context);
            moved |= self.poll_durable(context);
            if self.is_abandoned {
                return Poll::Ready(());
            }
            moved |= self.admit(context);
            let now = Instant::now();
            self.wake(now);
            let (started, wake_at) = self.start(now);
            moved |= started;
            moved |= self.submit();
            if self.is_over() {
                return Poll::Ready(());
            }
            if !moved && !self.poll_timer(wake_at, context) {
                return Poll::Pending;
            }
        }
    }

    fn is_over(&self) -> bool {
        let nothing_under_way =
            self.in_flight.is_empty() && self.batch.rows.is_empty() && self.under_way.is_none();
        let nothing_left = self.feed.is_none() && self.jobs.is_empty() && self.slots.is_empty();
        nothing_under_way && (nothing_left || self.stop.is_some())
    }

    fn poll_interrupts(&mut self, context: &mut Context<'_>) -> bool {
        let Some(interrupts) = &mut self.interrupts else { return false };
        match interrupts.poll_recv(context) {
            Poll::Pending => return false,
            Poll::Ready(None) => self.interrupts = None,
            Poll::Ready(Some(interrupt)) => {
                self.is_abandoned = matches!(self.stop, Some(Stop::Interrupted(_)));
                self.stop.get_or_insert(Stop::Interrupted(interrupt));
            }
        }
        true
    }

    fn poll_replies(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let Poll::Ready(Some((slot, request, attempt))) = self.in_flight.poll_next_unpin(context) {
            moved = true;
            self.replied(slot, request, attempt);
        }
        moved
    }

    fn replied(&mut self, slot: SlotId, request: Request, attempt: Attempt) {
        let Some(row) = self.slots.get(slot) else { return };
        let history = History {
            attempts: row.attempts,
            maybe_applied: row.maybe_applied,
            max_attempts: self.settings.max_attempts.get(),
        };
        row.maybe_applied |= may_be_applied(&attempt.reply);
        row.request = Some(request);
        let http_status = attempt.reply.status();
        match verdict(attempt.reply, history) {
            Verdict::Done { status, error } => {
                self.record(slot, status, http_status, attempt.duration, &error)
            }
            Verdict::Again { hold: Some(hold), .. } => {
                let until = Instant::now() + hold.min(LONGEST_HOLD);
                self.tally.holds += u64::from(self.hold.is_none());
                self.hold = self.hold.max(Some(until));
                self.waiting.push(Reverse((until, slot)));
            }
            Verdict::Again { hold: None, .. } => {
                let until = Instant::now() + pause(history.attempts, &mut self.random);
                self.waiting.push(Reverse((until, slot)));
            }
            Verdict::Stop(refusal) => {
                self.stop.get_or_insert(Stop::Refused(refusal));
            }
        }
    }

    /// Puts a row's record into the batch that gathers.
    fn record(
        &mut self,
        slot: SlotId,
        status: Status,
        http_status: Option<u16>,
        duration: Duration,
        error: &str,
    ) {
        let Some(row) = self.slots.get(slot) else { return };
        let id = |parameter| row.request.as_ref().and_then(|request| request.update.get(parameter));
        let record = Record {
            row: row.row,
            line: row.line,
            customer_id: id(Parameter::CustomerId).unwrap_or_default(),
            subscription_id: id(Parameter::SubscriptionId).unwrap_or_default(),
            status,
            http_status,
            attempts: row.attempts,
            duration,
            finished_at: SystemTime::now(),
            error,
            fingerprint: row.fingerprint,
        };
        record.write(&mut self.batch.lines);
        self.batch.rows.push((slot, status));
    }

    fn poll_durable(&mut self, context: &mut Context<'_>) -> bool {
        let Some(rows) = self.under_way.take() else { return false };
        match self.log.poll_durable(context) {
            Poll::Pending => {
                self.under_way = Some(rows);
                return false;
            }
            Poll::Ready(Err(error)) => {
                self.stop = Some(Stop::Storage(error));
                self.is_abandoned = true;
            }
            Poll::Ready(Ok(buffer)) => {
                rows.into_iter().for_each(|(slot, status)| self.close(slot, status));
                if self.batch.lines.is_empty() {
                    self.batch.lines = buffer;
                }
                self.observer.progressed(&self.tally);
            }
        }
        true
    }

    /// Frees the slot of a row whose record is durable; whoever waited for it has its turn.
    fn close(&mut self, slot: SlotId, status: Status) {
        self.tally.add(status);
        let Some(keys) = self.slots.close(slot).and_then(|row| row.keys) else { return };
        let (slots, ready) = (&mut self.slots, &mut self.ready);
        self.lanes.leave(keys, |next| {
            if let Some(row) = slots.get(next) {
                ready.push(Reverse((row.row, next)));
            }
        });
    }

    /// Opens rows while there is room.
    fn admit(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.stop.is_none() && self.slots.has_room() {
            if let Some(job) = self.jobs.pop_front() {
                self.open(job);
                moved = true;
                continue;
            }
            let Some(feed) = &mut self.feed else { break };
            match feed.poll_jobs(context) {
                Poll::Pending => break,
                Poll::Ready(None) => self.feed = None,
                Poll::Ready(Some(Ok(jobs))) => self.jobs.extend(jobs),
                Poll::Ready(Some(Err(error))) => self.stop = Some(Stop::Input(error)),
            }
            moved = true;
        }
        moved
    }

    fn open(&mut self, job: Job) {
        let Job { row, line, fingerprint, work } = job;
        let open =
            Open { row, line, fingerprint, keys: None, request: None, attempts: 0, maybe_applied: false };
        match work {
            Work::Send(request) => {
                let keys = self.keys.keys(&request.update);
                let open = Open { keys: Some(keys), request: Some(request), ..open };
                let Some(slot) = self.slots.open(open) else { return };
                if self.lanes.join(slot, keys) {
                    self.ready.push(Reverse((row, slot)));
                }
            }
            Work::Invalid { customer_id, subscription_id, error } => {
                let Some(slot) = self.slots.open(open) else { return };
                let record = Record {
                    row,
                    line,
                    customer_id: &customer_id,
                    subscription_id: &subscription_id,
                    status: Status::Invalid,
                    http_status: None,
                    attempts: 0,
                    duration: Duration::ZERO,
                    finished_at: SystemTime::now(),
                    error: &error,
                    fingerprint,
                };
                record.write(&mut self.batch.lines);
                self.batch.rows.push((slot, Status::Invalid));
            }
        }
    }

    /// Moves rows whose pause is over to those whose turn it is.
    fn wake(&mut self, now: Instant) {
        self.hold = self.hold.filter(|until| *until > now);
        while let Some(Reverse((_, slot))) =
            self.waiting.peek().filter(|Reverse((at, _))| *at <= now).copied()
        {
            self.waiting.pop();
            if let Some(row) = self.slots.get(slot) {
                self.ready.push(Reverse((row.row, slot)));
            }
        }
    }

    /// Starts what may be started. Says whether anything was, and when to look again.
    fn start(&mut self, now: Instant) -> (bool, Option<Instant>) {
        let mut started = false;
        if self.stop.is_some() {
            return (started, None);
        }
        let next_retry = self.waiting.peek().map(|Reverse((at, _))| *at);
        if self.hold.is_some() {
            return (started, self.hold);
        }
        while self.in_flight.len() < self.settings.concurrency.get() {
            let Some(Reverse((_, slot))) = self.ready.peek().copied() else { break };
            if let Err(at) = self.pacer.permit(now - self.began) {
                let permit_at = self.began + at;
                return (started, Some(next_retry.map_or(permit_at, |retry| retry.min(permit_at))));
            }
            self.ready.pop();
            self.send(slot);
            started = true;
        }
        (started, next_retry)
    }

    fn send(&mut self, slot: SlotId) {
        let Some(row) = self.slots.get(slot) else { return };
        let Some(request) = row.request.take() else { return };
        row.attempts += 1;
        self.tally.attempts += 1;
        self.tally.retries += u64::from(row.attempts > 1);
        let transport = self.transport;
        self.in_flight.push(Box::pin(async move {
            let attempt = transport.attempt(&request).await;
            (slot, request, attempt)
        }));
    }

    /// Sends the gathered batch on its way if none is.
    fn submit(&mut self) -> bool {
        if self.under_way.is_some() || self.batch.rows.is_empty() {
            return false;
        }
        let batch = std::mem::take(&mut self.batch);
        self.log.submit(batch.lines);
        self.under_way = Some(batch.rows);
        true
    }

    /// True if the time to look again has come already.
    fn poll_timer(&mut self, wake_at: Option<Instant>, context: &mut Context<'_>) -> bool {
        let Some(wake_at) = wake_at else { return false };
        if self.timer.deadline() != wake_at {
            self.timer.as_mut().reset(wake_at);
        }
        self.timer.as_mut().poll(context).is_ready()
    }
}
