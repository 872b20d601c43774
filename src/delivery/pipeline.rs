//! The loop: rows in, attempts out, replies in, records out. It is the only concurrent place of the program,
//! and everything in it happens on one task.
//!
//! A row's slot is held from its admission until its record is durable. So is its customer's lane: were the
//! next row of a customer sent before, a crash could make a resumed run send the older row after the newer.

use super::batch::{Batch, Outcome};
use super::lanes::{KeyMaker, Lanes};
use super::queue::Queue;
use super::replies::Suspended;
use super::slots::{Open, SlotId, Slots};
use super::traffic::{Gate, Traffic};
use super::{
    Brake, Ending, Feed, Interrupt, Job, OPEN_ROWS_PER_REQUEST, Observer, Settings, Stop, Tally, Work,
};
use crate::journal::{Log, Status};
use crate::offerit::{Attempt, Request, Transport};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Sleep, sleep_until};

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
        queue: Queue::default(),
        traffic: Traffic::new(settings),
        random: settings.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
        began: Instant::now(),
        jobs: VecDeque::new(),
        in_flight: FuturesUnordered::new(),
        suspended: Vec::new(),
        batch: Batch::default(),
        under_way: None,
        timer: Box::pin(sleep_until(Instant::now())),
        is_abandoned: false,
        stop: None,
        drained_at: None,
        tally: Tally::default(),
    };
    poll_fn(|context| pipeline.poll(context)).await;
    Ending { tally: pipeline.tally, stop: pipeline.stop }
}

/// An attempt that has ended: of which row, with its request back, and when it started.
type Ended = (SlotId, Request, Attempt, Duration);

pub(super) struct Pipeline<'run, T, L, F, O> {
    pub(super) settings: &'run Settings,
    transport: &'run T,
    log: L,
    /// `None` behind its end.
    feed: Option<F>,
    /// `None` once nobody can interrupt any more.
    interrupts: Option<UnboundedReceiver<Interrupt>>,
    pub(super) observer: O,
    keys: KeyMaker,
    lanes: Lanes,
    pub(super) slots: Slots,
    pub(super) queue: Queue,
    pub(super) traffic: Traffic,
    pub(super) random: fastrand::Rng,
    began: Instant,
    /// Rows that were handed over and have no slot yet.
    jobs: VecDeque<Job>,
    in_flight: FuturesUnordered<LocalBoxFuture<'run, Ended>>,
    /// Rows that have spent their attempts while nothing got through.
    pub(super) suspended: Vec<Suspended>,
    /// Gathers while another batch is on its way to the disk.
    pub(super) batch: Batch,
    /// The rows of the batch that is on its way.
    under_way: Option<Vec<(SlotId, Status)>>,
    timer: Pin<Box<Sleep>>,
    is_abandoned: bool,
    stop: Option<Stop>,
    /// After a stop, until when the attempts in flight are waited for.
    drained_at: Option<Duration>,
    pub(super) tally: Tally,
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
            let now = self.now();
            let (started, wake_at) = self.start(now);
            moved |= started;
            moved |= self.submit();
            if self.is_over(now) {
                return Poll::Ready(());
            }
            if moved || self.resolve_standstill() || self.give_up(now) {
                continue;
            }
            if !self.poll_timer(wake_at, context) {
                return Poll::Pending;
            }
        }
    }

    /// Time since the run began.
    pub(super) fn now(&self) -> Duration {
        Instant::now() - self.began
    }

    fn is_over(&self, now: Duration) -> bool {
        let all_recorded = self.batch.rows.is_empty() && self.under_way.is_none();
        let nothing_left = self.is_last_of_input() && self.slots.is_empty();
        let is_drained = self.in_flight.is_empty() || self.drained_at.is_some_and(|at| at <= now);
        all_recorded && if self.stop.is_some() { is_drained } else { nothing_left }
    }

    /// Ends the run early, unless it is ending already.
    pub(super) fn stop(&mut self, stop: Stop) {
        if self.stop.is_none() {
            self.drained_at = Some(self.now() + self.settings.drain_timeout);
            self.stop = Some(stop);
        }
    }

    fn poll_interrupts(&mut self, context: &mut Context<'_>) -> bool {
        let Some(interrupts) = &mut self.interrupts else { return false };
        match interrupts.poll_recv(context) {
            Poll::Pending => return false,
            Poll::Ready(None) => self.interrupts = None,
            Poll::Ready(Some(interrupt)) => {
                self.is_abandoned = self.stop.is_some();
                self.stop(Stop::Interrupted(interrupt));
            }
        }
        true
    }

    fn poll_replies(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let Poll::Ready(Some((slot, request, attempt, started))) =
            self.in_flight.poll_next_unpin(context)
        {
            moved = true;
            self.replied(slot, request, attempt, started);
        }
        moved
    }

    /// Puts a row's record into the batch that gathers.
    pub(super) fn record(&mut self, slot: SlotId, outcome: &Outcome) {
        if let Some(row) = self.slots.get(slot) {
            self.batch.add(slot, row, outcome);
        }
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
                self.tally.effective_rate = self.traffic.effective_rate(self.now());
                self.observer.progressed(&self.tally);
            }
        }
        true
    }

    /// Frees the slot of a row whose record is durable; whoever waited for it has its turn.
    fn close(&mut self, slot: SlotId, status: Status) {
        self.tally.add(status);
        let Some(keys) = self.slots.close(slot).and_then(|row| row.keys) else { return };
        let (slots, queue) = (&self.slots, &mut self.queue);
        self.lanes.leave(keys, |next| {
            if let Some(row) = slots.get(next) {
                queue.turn(row.row, next);
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
                Poll::Ready(Some(Err(error))) => self.stop(Stop::Input(error)),
            }
            moved = true;
        }
        moved
    }

    fn open(&mut self, job: Job) {
        let (row, fingerprint) = (job.row, job.fingerprint);
        match job.work {
            Work::Send(request) => {
                let keys = self.keys.keys(&request.update);
                let open = Open::new(row, job.line, fingerprint, Some((keys, request)));
                let Some(slot) = self.slots.open(open) else { return };
                if self.lanes.join(slot, keys) {
                    self.queue.turn(row, slot);
                }
            }
            Work::Record { customer_id, subscription_id, status, error } => {
                let Some(slot) = self.slots.open(Open::new(row, job.line, fingerprint, None)) else { return };
                let outcome = Outcome::unsent(status, error);
                if let Some(open) = self.slots.get(slot) {
                    self.batch.add_with_ids(slot, open, [&customer_id, &subscription_id], &outcome);
                }
            }
        }
    }

    /// Starts what may be started. Says whether anything was, and when to look again.
    fn start(&mut self, now: Duration) -> (bool, Option<Duration>) {
        let mut started = false;
        if self.stop.is_some() {
            return (started, self.drained_at.filter(|at| *at > now));
        }
        let next_retry = self.queue.wake(now, &self.slots);
        let mut wake_at = earliest(next_retry, self.traffic.gives_up_at());
        while self.in_flight.len() < self.settings.concurrency.get() {
            let gate = self.traffic.gate(now, self.in_flight.len());
            let wait = match gate {
                Gate::Closed(at) => at,
                Gate::Open | Gate::Probe => match self.next(gate, now) {
                    Ok(slot) => {
                        self.send(slot, gate, now);
                        started = true;
                        continue;
                    }
                    Err(at) => at,
                },
            };
            wake_at = earliest(wake_at, wait);
            break;
        }
        (started, wake_at)
    }

    /// The row to send next, its permit and its place in the retry budget taken; or when to look again.
    fn next(&mut self, gate: Gate, now: Duration) -> Result<SlotId, Option<Duration>> {
        let is_probe = gate == Gate::Probe;
        let has_again = self.queue.has_again();
        let may_retry = has_again && (is_probe || self.traffic.budget.has_token());
        if !self.queue.has_fresh() && !may_retry {
            return Err(has_again.then(|| self.traffic.budget.idle(now)));
        }
        self.traffic.permit(now).map_err(Some)?;
        let slot = match (is_probe, may_retry) {
            (true, _) => self.queue.take_probe(&self.slots),
            (false, true) => self.queue.take_again(),
            (false, false) => self.queue.take_fresh(),
        };
        slot.ok_or(None)
    }

    fn send(&mut self, slot: SlotId, gate: Gate, now: Duration) {
        let Some(row) = self.slots.get_mut(slot) else { return };
        let Some(request) = row.request.take() else { return };
        let is_first = row.attempts + row.not_sent == 0;
        self.tally.retries += u64::from(!is_first);
        match gate {
            // Probes are few by themselves; what they cost must not be missing when the server is back.
            Gate::Probe => {}
            _ if is_first => self.traffic.budget.first_attempt(),
            _ => self.traffic.budget.retry(),
        }
        row.attempts += 1;
        self.tally.attempts += 1;
        let transport = self.transport;
        self.in_flight.push(Box::pin(async move {
            let attempt = transport.attempt(&request).await;
            (slot, request, attempt, now)
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

    /// Whether every open row has spent its attempts while nothing got through, so that no reply, no pause and
    /// no new row will ever change anything.
    pub(super) fn stands_still(&self) -> bool {
        let no_more_rows = self.is_last_of_input() || !self.slots.has_room();
        let nothing_under_way = self.in_flight.is_empty()
            && self.batch.rows.is_empty()
            && self.under_way.is_none()
            && self.queue.is_empty();
        self.stop.is_none() && !self.suspended.is_empty() && nothing_under_way && no_more_rows
    }

    /// Whether every row that is left has a slot.
    pub(super) fn is_last_of_input(&self) -> bool {
        self.feed.is_none() && self.jobs.is_empty()
    }

    /// Stops when the patience for an outage is at its end.
    fn give_up(&mut self, now: Duration) -> bool {
        let Some(at) = self.traffic.gives_up_at().filter(|at| *at <= now && self.stop.is_none()) else {
            return false;
        };
        let lasted = now.saturating_sub(at) + self.settings.max_outage;
        self.record_unknown();
        self.brake_for_outage(lasted);
        true
    }

    pub(super) fn brake_for_outage(&mut self, lasted: Duration) {
        let why = self.traffic.last_failure().to_owned();
        self.stop(Stop::Brake(Brake::Outage { lasted, why }));
    }

    /// True if the time to look again has come already.
    fn poll_timer(&mut self, wake_at: Option<Duration>, context: &mut Context<'_>) -> bool {
        let Some(wake_at) = wake_at.map(|at| self.began + at) else { return false };
        if self.timer.deadline() != wake_at {
            self.timer.as_mut().reset(wake_at);
        }
        self.timer.as_mut().poll(context).is_ready()
    }
}

fn earliest(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
