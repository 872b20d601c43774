//! The loop: rows in, attempts out, replies in, records out. It is the only concurrent place of the program,
//! and everything in it happens on one task.
//!
//! A row that is to be sent holds its slot from its admission until its record is durable. So it does with its
//! customer's lane: were the next row of a customer sent before, a crash could make a resumed run send the older row
//! after the newer. A row that is not sent has neither; its record goes to the disk before those of later rows.

use super::attempts::earliest;
use super::batch::{Batch, Recorded};
use super::brakes::{FailureBrake, RowLimit};
use super::departures::{Departures, Wish};
use super::lanes::Lanes;
use super::outage::Suspended;
use super::queue::Queue;
use super::slots::{SlotId, Slots};
use super::traffic::{Standstill, Traffic};
use super::{Ending, Feed, Interrupt, Job, Limit, Observer, Settings, Stop, Tally};
use crate::journal::Log;
use crate::offerit::{Attempt, Request, Transport};
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
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
    let began = Instant::now();
    let mut pipeline = Pipeline {
        settings,
        transport,
        log,
        feed: Some(feed),
        interrupts: Some(interrupts),
        observer,
        lanes: Lanes::default(),
        slots: Slots::new(settings.open_rows()),
        queue: Queue::default(),
        traffic: Traffic::new(settings),
        random: settings.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
        began,
        failures: settings.brakes.max_failures.map(FailureBrake::new),
        row_limit: settings.brakes.limit.map(RowLimit::new),
        jobs: VecDeque::new(),
        started: Duration::ZERO,
        departures: Rc::new(Departures::new(began)),
        in_flight: FuturesUnordered::new(),
        suspended: Vec::new(),
        has_saved: false,
        blamed_at: None,
        given_up: 0,
        batch: Batch::default(),
        gathering_since: None,
        under_way: None,
        unsent: 0,
        timer: Box::pin(sleep_until(began)),
        is_abandoned: false,
        told_standstill: None,
        stop: None,
        drained_at: None,
        tally: Tally::default(),
    };
    poll_fn(|context| pipeline.poll(context)).await;
    // What has not left by the end never will.
    pipeline.tally.attempts -= pipeline.departures.waiting() as u64;
    let stop = pipeline.stop.or_else(|| pipeline.row_limit.as_ref().and_then(RowLimit::stop));
    Ending { tally: pipeline.tally, stop }
}

/// What is known of an attempt from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub slot: SlotId,
    pub at: Duration,
}

/// An attempt that has ended, with its request back.
pub(super) struct Ended {
    pub start: Start,
    pub request: Request,
    /// `None`: it was called back before its request left.
    pub attempt: Option<Attempt>,
    /// When its request left; `None` if no connection came about before.
    pub left_at: Option<Duration>,
    /// The pause that the server asked for, if it did.
    pub wish: Option<Wish>,
}

pub(super) struct Pipeline<'run, T, L, F, O> {
    pub(super) settings: &'run Settings,
    pub(super) transport: &'run T,
    pub(super) log: L,
    /// `None` behind its end.
    pub(super) feed: Option<F>,
    /// `None` once nobody can interrupt any more.
    pub(super) interrupts: Option<UnboundedReceiver<Interrupt>>,
    pub(super) observer: O,
    pub(super) lanes: Lanes,
    pub(super) slots: Slots,
    pub(super) queue: Queue,
    pub(super) traffic: Traffic,
    pub(super) random: fastrand::Rng,
    pub(super) began: Instant,
    pub(super) failures: Option<FailureBrake>,
    pub(super) row_limit: Option<RowLimit>,
    /// Rows that were handed over and have no slot yet.
    pub(super) jobs: VecDeque<Job>,
    /// When the last attempt started, since the run began.
    pub(super) started: Duration,
    pub(super) departures: Rc<Departures>,
    pub(super) in_flight: FuturesUnordered<LocalBoxFuture<'run, Ended>>,
    /// Rows that have spent their attempts while nothing got through.
    pub(super) suspended: Vec<Suspended>,
    /// Whether a row waits that is saved up until something gets through.
    pub(super) has_saved: bool,
    /// How many attempts had got through when a row was last blamed for a standstill.
    pub(super) blamed_at: Option<u64>,
    /// How many rows were given up since the last attempt that got through.
    pub(super) given_up: usize,
    /// Gathers while another batch is on its way to the disk, and a little longer.
    pub(super) batch: Batch,
    /// When its first record came.
    pub(super) gathering_since: Option<Duration>,
    /// The rows of the batch that is on its way.
    pub(super) under_way: Option<Recorded>,
    /// How many rows that were not sent have their records on the disk.
    pub(super) unsent: u64,
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) is_abandoned: bool,
    /// The one that the observer knows of.
    told_standstill: Option<Standstill>,
    pub(super) stop: Option<Stop>,
    /// After a stop, until when the attempts in flight are waited for.
    pub(super) drained_at: Option<Duration>,
    pub(super) tally: Tally,
}

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Does whatever can be done, until the run is over or there is nothing left but to wait.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut moved = self.poll_interrupts(context);
            self.keep_deadline();
            moved |= self.poll_replies(context);
            moved |= self.poll_durable(context);
            if self.is_abandoned {
                return Poll::Ready(());
            }
            moved |= self.admit(context);
            let now = self.now();
            let (started, wake_at) = self.start(now);
            moved |= started;
            moved |= self.submit(now);
            if self.is_over(now) {
                if self.record_left_over() {
                    continue;
                }
                return Poll::Ready(());
            }
            if moved || self.resolve_standstill() || self.give_up(now) {
                continue;
            }
            self.tell_pause(now);
            if !self.poll_timer(earliest(wake_at, self.gathers_until(now)), context) {
                return Poll::Pending;
            }
        }
    }

    /// Time since the run began.
    pub(super) fn now(&self) -> Duration {
        Instant::now() - self.began
    }

    fn is_over(&self, now: Duration) -> bool {
        let all_recorded = self.batch.is_empty() && self.under_way.is_none();
        let nothing_left = self.is_last_of_input() && self.slots.is_empty();
        let is_drained =
            self.in_flight.len() == self.departures.waiting() || self.drained_at.is_some_and(|at| at <= now);
        all_recorded && if self.stop.is_some() { is_drained } else { nothing_left }
    }

    /// Ends the run early, unless it is ending already.
    pub(super) fn stop(&mut self, stop: Stop) {
        if self.stop.is_none() {
            self.drained_at = Some(self.now() + self.settings.drain_timeout);
            self.stop = Some(stop);
        }
    }

    /// Tells of a standstill that began, changed or ended since it was last told of.
    fn tell_pause(&mut self, now: Duration) {
        let standstill = self.traffic.standstill(now).filter(|_| self.stop.is_none());
        if standstill != self.told_standstill {
            self.told_standstill = standstill;
            self.observer.paused(standstill.map(|standstill| standstill.told(now)));
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

    /// Ends the run when its time is up. What is in flight by then is waited for as after an interrupt.
    fn keep_deadline(&mut self) {
        if self.settings.brakes.deadline.is_some_and(|at| at <= Instant::now()) {
            self.stop(Stop::Reached(Limit::Deadline));
        }
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
