//! The loop: rows in, attempts out, replies in, records out. Everything happens on one task.

use super::admission::Admission;
use super::aimd::ServerLoad;
use super::brakes::{CountedOutcome, FailureBrake, RowLimit};
use super::breaker::{CircuitBreaker, HOPELESS_PATIENCE};
use super::ending::{Brake, Ending, Interrupt, Refusal, Stop, Tally};
use super::flights::{AttemptEnd, AttemptStart, FlightEvent, Flights};
use super::intake::Intake;
use super::job::{Feed, Job, Work};
use super::observer::{Notice, Observer, Pause, Retry};
use super::patience::{Judgement, Patience, Situation};
use super::queue::{AttemptKind, RowKey};
use super::recorder::{Outcome, Recorder};
use super::retry::{AttemptFailure, RetryDecision, Verdict, classify};
use super::rows::{GivenUp, LastFailure, OpenRows};
use super::settings::Settings;
use super::shutdown::Shutdown;
use super::time::{Clock, Time, earliest};
use crate::journal::{Log, Status, reason_key};
use crate::offerit::{Attempt, Transport};
use std::future::poll_fn;
use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Sends every row of `feed` and records each outcome in `log`, until no row is left or the run has a reason to stop.
/// After a stop no attempt starts; attempts in flight end and are recorded. A second interrupt ends the run at once.
pub async fn deliver<T: Transport, L: Log, F: Feed, O: Observer>(
    settings: &Settings,
    transport: &T,
    log: L,
    feed: F,
    interrupts: UnboundedReceiver<Interrupt>,
    observer: O,
) -> Ending {
    let mut dispatcher = Dispatcher::new(settings, transport, log, feed, interrupts, observer);
    poll_fn(|context| dispatcher.poll(context)).await;
    let is_done = dispatcher.intake.has_ended() && dispatcher.rows.is_empty();
    // A brake that only the last row triggered has stopped nothing.
    let reason = dispatcher.shutdown.into_reason().filter(|reason| !(is_done && reason.is_for_failures()));
    let stop = reason.or_else(|| dispatcher.intake.stop());
    Ending { tally: dispatcher.tally, stop }
}

struct Dispatcher<'run, T, L, F, O> {
    settings: &'run Settings,
    observer: O,
    intake: Intake<F>,
    rows: OpenRows,
    admission: Admission,
    breaker: CircuitBreaker,
    patience: Patience,
    recorder: Recorder<L>,
    failures: FailureBrake,
    random: fastrand::Rng,
    flights: Flights<'run, T>,
    clock: Clock,
    shutdown: Shutdown,
    /// The last failure of any row.
    last_failure: Option<AttemptFailure>,
    /// Rows that were sent and have an outcome, and the number of them that are `failed` or `unknown`.
    ended: u64,
    lost: u64,
    /// The pause that was reported to the observer: whether it is a hold, and its end.
    reported_pause: Option<(bool, Time)>,
    /// Whether `record_leftovers` has run. It runs again when its records are durable, but records one blocker only.
    has_sought_blocker: bool,
    tally: Tally,
}

impl<'run, T: Transport, L: Log, F: Feed, O: Observer> Dispatcher<'run, T, L, F, O> {
    fn new(
        settings: &'run Settings,
        transport: &'run T,
        log: L,
        feed: F,
        interrupts: UnboundedReceiver<Interrupt>,
        observer: O,
    ) -> Self {
        let clock = Clock::start();
        let deadline = settings.brakes.deadline.map(|at| at.saturating_duration_since(clock.began()));
        Dispatcher {
            settings,
            observer,
            intake: Intake::new(feed, settings.brakes.limit.map(RowLimit::new)),
            rows: OpenRows::new(settings.open_rows()),
            admission: Admission::new(settings),
            breaker: CircuitBreaker::new(),
            patience: Patience::new(settings.max_outage),
            recorder: Recorder::new(log),
            failures: FailureBrake::new(&settings.brakes),
            random: settings.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
            flights: Flights::new(transport, clock.began()),
            clock,
            shutdown: Shutdown::new(settings, deadline, interrupts),
            last_failure: None,
            ended: 0,
            lost: 0,
            reported_pause: None,
            has_sought_blocker: false,
            tally: Tally::default(),
        }
    }

    /// Makes progress until the run is over or every part waits.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut moved = self.poll_interrupts(context);
            self.shutdown.keep_deadline(self.now());
            moved |= self.poll_replies(context);
            moved |= self.poll_durable(context);
            if self.shutdown.is_immediate() {
                return Poll::Ready(());
            }
            moved |= self.take_rows(context);
            let now = self.now();
            let (has_started, wake_at) = self.start_attempts(now);
            moved |= has_started;
            let (go_on, enough) = (self.can_send_others(now), 2 * self.settings.concurrency.get());
            moved |= self.recorder.submit(now, go_on, enough);
            if self.is_over(now) {
                if self.record_leftovers(now) {
                    continue;
                }
                return Poll::Ready(());
            }
            if moved || self.open_if_stuck(now) {
                continue;
            }
            self.report_pause(now);
            let gathered_at = self.recorder.gathers_until(now, go_on, enough);
            if !self.clock.is_past(earliest(wake_at, gathered_at), context) {
                return Poll::Pending;
            }
        }
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    /// Whether other rows can be sent while records gather.
    fn can_send_others(&self, now: Time) -> bool {
        let is_paused = self.admission.held_until(now).is_some() || !self.breaker.is_closed();
        self.rows.queue().has_untried() && !is_paused && !self.shutdown.has_begun()
    }

    fn is_over(&self, now: Time) -> bool {
        // After a stop, an attempt that waits for a connection never sends its request.
        let is_drained = self.flights.count() == self.admission.waiting();
        let is_drained = is_drained || self.shutdown.is_drained(now);
        let is_done = self.intake.has_ended() && self.rows.is_empty();
        self.recorder.is_idle() && if self.shutdown.has_begun() { is_drained } else { is_done }
    }

    fn can_open_more(&self) -> bool {
        !self.intake.has_ended() && self.rows.has_room()
    }

    fn stop(&mut self, reason: Stop) {
        self.shutdown.begin(reason, self.clock.now());
    }

    fn poll_interrupts(&mut self, context: &mut Context<'_>) -> bool {
        let polled = self.shutdown.poll_interrupt(self.clock.now(), context);
        if let Poll::Ready(Some(wait)) = polled {
            let in_flight = self.flights.count() - self.admission.waiting();
            self.observer.noticed(&Notice::Stopping { in_flight, wait });
        }
        polled.is_ready()
    }

    /// Reports a pause that began, changed or ended.
    fn report_pause(&mut self, now: Time) {
        let held = self.admission.held_until(now).map(|until| (true, until));
        let pause = held.or_else(|| self.breaker.next_probe().map(|at| (false, at)));
        let pause = pause.filter(|_| !self.shutdown.has_begun());
        if pause != self.reported_pause {
            self.reported_pause = pause;
            self.observer.paused(pause.map(|(is_held, until)| {
                let left = until.saturating_sub(now);
                if is_held { Pause::Held { left } } else { Pause::Outage { left } }
            }));
        }
    }

    /// Opens rows while there is room.
    fn take_rows(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while !self.shutdown.has_begun() {
            let (rows, recorder) = (&self.rows, &self.recorder);
            let fits = |job: &Job| {
                let has_slot = rows.has_room() || matches!(job.work, Work::Record { .. });
                has_slot && recorder.has_room_for_unsent(rows.free())
            };
            let had_ended = self.intake.has_ended();
            match self.intake.poll_next(context, fits) {
                Poll::Pending => break,
                Poll::Ready(None) => return moved || !had_ended,
                Poll::Ready(Some(Ok(job))) if matches!(job.work, Work::Send(..)) => {
                    self.patience.set_idle(false, self.now());
                    self.rows.open(job);
                }
                Poll::Ready(Some(Ok(job))) => self.recorder.add_unsent(job, self.now()),
                Poll::Ready(Some(Err(error))) => self.stop(Stop::Input(error)),
            }
            moved = true;
        }
        moved
    }

    /// Starts attempts while they are permitted. Returns whether an attempt started, and the time of the next try.
    fn start_attempts(&mut self, now: Time) -> (bool, Option<Time>) {
        let mut has_started = false;
        let mut wake_at = self.shutdown.wakes_at(now);
        if self.shutdown.has_begun() {
            return (has_started, wake_at);
        }
        wake_at = earliest(wake_at, self.rows.queue_mut().wake(now));
        while self.flights.count() < self.settings.concurrency.get() {
            match self.next_row(now) {
                Ok((key, kind)) => self.send(key, kind, now),
                Err(at) => {
                    wake_at = earliest(wake_at, at);
                    break;
                }
            }
            has_started = true;
        }
        (has_started, wake_at)
    }

    /// The row to send next, with its permit taken. Else the error is the time of the next try.
    fn next_row(&mut self, now: Time) -> Result<(RowKey, AttemptKind), Option<Time>> {
        match self.breaker.next_probe() {
            None => {
                let kind = self.admission.admit(now, self.rows.queue())?;
                Ok((self.rows.queue_mut().pop(kind), kind))
            }
            Some(_) if self.flights.count() > 0 => Err(None),
            Some(at) if at > now => Err(Some(at)),
            Some(_) => self.next_probe(now),
        }
    }

    /// The row to probe with. This is the newest row that was never sent, because rows that always fail often follow each
    /// other in the input; else the parked row with the fewest attempts, and a suspect row last.
    fn next_probe(&mut self, now: Time) -> Result<(RowKey, AttemptKind), Option<Time>> {
        let parked = self.rows.least_tried_parked(|log| self.breaker.is_suspect(log));
        if !self.rows.queue().has_untried() && parked.is_none() {
            return Err(None);
        }
        self.admission.admit_probe(now)?;
        let queue = self.rows.queue_mut();
        let probe = queue.pop_newest_untried().or(parked).expect("there is a row to probe with");
        queue.unpark(probe);
        self.breaker.probe_started();
        Ok((probe, AttemptKind::Probe))
    }

    fn send(&mut self, key: RowKey, kind: AttemptKind, now: Time) {
        let mut request = self.rows.take_request(key);
        if kind == AttemptKind::Probe {
            // A stale connection would be no evidence about the server.
            request.use_fresh_connection();
        }
        let log = &mut self.rows.get_mut(key).log;
        log.tries += 1;
        let is_retry = log.sent > 0;
        let start = AttemptStart { key, kind, at: now, pace: self.admission.pace(now) };
        self.flights.start(start, request, is_retry);
    }

    fn poll_replies(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        loop {
            // Evaluated for each reply, because the reply before may have asked for a pause.
            let is_closed = self.shutdown.has_begun() || self.admission.held_until(self.now()).is_some();
            let polled = self.flights.poll_end(is_closed, context);
            moved |= self.process_events();
            let Poll::Ready(ended) = polled else { return moved };
            moved = true;
            self.finish_attempt(ended);
        }
    }

    /// Processes departures and requests for a pause. True if there were any.
    fn process_events(&mut self) -> bool {
        let mut has_any = false;
        while let Some(event) = self.flights.next_event() {
            has_any = true;
            match event {
                FlightEvent::RequestLeft { at, is_retry } => {
                    self.admission.request_left(at);
                    self.tally.attempts += 1;
                    self.tally.retries += u64::from(is_retry);
                }
                FlightEvent::RetryAfter { at, wait: asked } => match self.admission.hold(asked, at) {
                    Ok(is_new) => {
                        self.patience.add_hold(at, at + asked);
                        if is_new {
                            self.tally.holds += 1;
                            self.observer.noticed(&Notice::Held { asked });
                        }
                    }
                    Err(_) => {
                        let most = self.settings.max_retry_after;
                        self.stop(Stop::Brake(Brake::RetryAfter { asked, most }));
                    }
                },
            }
        }
        has_any
    }

    fn finish_attempt(&mut self, ended: AttemptEnd) {
        let AttemptEnd { start, request, attempt, has_left } = ended;
        let now = self.now();
        self.rows.return_request(start.key, request);
        let Some(Attempt { reply, duration }) = attempt else { return self.call_back(start, now) };
        if has_left {
            self.rows.get_mut(start.key).log.sent += 1;
            self.observer.attempted(duration);
        } else {
            // The attempt got no connection. It still counts against the rate.
            self.admission.request_left(now);
        }
        match classify(reply) {
            Verdict::Success { status, http_status, error } => {
                let outcome = Outcome { status, http_status: Some(http_status), duration, error };
                self.handle_success(start, &outcome, now);
            }
            Verdict::Failure(failure) => self.handle_failure(start, failure, duration, now),
            Verdict::Stale { why } => self.handle_stale(start, duration, &why),
            Verdict::Refused(refusal) => self.stop(Stop::Refused(refusal)),
        }
    }

    /// Requeues a row whose request did not leave before the server asked for a pause or the run ended.
    fn call_back(&mut self, start: AttemptStart, now: Time) {
        let AttemptStart { key, kind, .. } = start;
        self.admission.call_back(kind);
        if kind == AttemptKind::Probe {
            self.breaker.probe_called_back(now);
        }
        let log = &mut self.rows.get_mut(key).log;
        log.tries -= 1;
        match log.tries {
            0 => self.rows.queue_mut().push_untried(key),
            _ if self.breaker.is_closed() => self.rows.queue_mut().push_again(key),
            _ => self.rows.queue_mut().park(key),
        }
    }

    fn handle_success(&mut self, start: AttemptStart, outcome: &Outcome, now: Time) {
        self.admission.refund(start.kind);
        if self.breaker.is_closed() {
            self.learn_load(ServerLoad::Normal, start, now);
        }
        let down_since = self.breaker.down_since();
        let closes = self.breaker.add_success(start.at);
        self.record(start.key, outcome, now);
        if !self.breaker.is_closed() {
            return;
        }
        self.patience.add_success();
        if closes {
            self.rows.queue_mut().unpark_all();
            self.observer.noticed(&Notice::Recovered { after: now.saturating_sub(down_since) });
        } else {
            self.release_suspect_parked(now);
        }
    }

    /// Records or requeues the parked rows that a success has made suspect: the server is up.
    fn release_suspect_parked(&mut self, now: Time) {
        let most = self.settings.max_attempts.get();
        let is_suspect = |key: &RowKey| self.breaker.is_suspect(&self.rows.get(*key).log);
        let suspect: Vec<_> = self.rows.queue().parked().filter(is_suspect).collect();
        for key in suspect {
            self.rows.queue_mut().unpark(key);
            if self.rows.get(key).log.is_used_up(most) {
                self.record_lost(key, now, GivenUp::AfterAttempts);
            } else {
                self.rows.queue_mut().push_again(key);
            }
        }
    }

    fn handle_failure(&mut self, start: AttemptStart, failure: AttemptFailure, took: Duration, now: Time) {
        let was_closed = self.breaker.is_closed();
        let row = self.rows.get_mut(start.key);
        let is_suspect = self.breaker.is_suspect(&row.log);
        row.log.add_failure(&failure, was_closed, now);
        let (http_status, why) = (failure.http_status(), failure.why.clone());
        row.last_failure = Some(LastFailure { http_status, duration: took, why });
        self.last_failure = Some(failure.clone());
        self.patience.add_failure(now);
        if was_closed
            && !(is_suspect && failure.is_charged())
            && let Some(load) = failure.load()
        {
            self.learn_load(load, start, now);
        }
        let evidence = failure.evidence(is_suspect, self.breaker.has_succeeded());
        let opens = self.breaker.add_failure(start.at, evidence, now);
        if self.breaker.is_closed() {
            self.retry_or_give_up(start.key, &failure, is_suspect, now);
        } else {
            self.rows.queue_mut().park(start.key);
        }
        if opens {
            self.begin_outage();
        }
        if self.breaker.hopeless().is_some() {
            self.stop(Stop::Refused(Refusal::Unusable { why: failure.why }));
        }
        self.judge(now);
    }

    /// Retries, parks or records a row whose attempt failed while the breaker is closed.
    fn retry_or_give_up(&mut self, key: RowKey, failure: &AttemptFailure, is_suspect: bool, now: Time) {
        let (row, most) = (self.rows.get(key), self.settings.max_attempts.get());
        let is_last = !self.can_open_more();
        match row.log.decide(failure, (is_suspect, is_last), most, &mut self.random) {
            RetryDecision::Record => self.record_lost(key, now, GivenUp::AfterAttempts),
            RetryDecision::Park => self.rows.queue_mut().park(key),
            RetryDecision::Retry(pause) => {
                let (number, line, attempts, why) = (row.row, row.line, row.log.tries, &failure.why);
                self.observer.retrying(&Retry { row: number, line, attempts, why, pause });
                self.rows.queue_mut().push_backoff(now + pause, key);
            }
        }
    }

    /// Sends a row again at once, paced, over a fresh connection. Its pooled connection ended without a reply, and neither the
    /// row nor the server is at fault.
    fn handle_stale(&mut self, start: AttemptStart, duration: Duration, why: &str) {
        let key = start.key;
        self.admission.refund(start.kind);
        let row = self.rows.get_mut(key);
        row.log.is_maybe_applied = true;
        row.last_failure = Some(LastFailure { http_status: None, duration, why: why.to_owned() });
        let (number, line, attempts, pause) = (row.row, row.line, row.log.tries, Duration::ZERO);
        self.observer.retrying(&Retry { row: number, line, attempts, why, pause });
        self.rows.use_fresh_connection(key);
        if self.breaker.is_closed() {
            self.rows.queue_mut().push_again(key);
        } else {
            self.rows.queue_mut().park(key);
        }
    }

    fn learn_load(&mut self, load: ServerLoad, start: AttemptStart, now: Time) {
        if let Some(rate) = self.admission.learn(load, start.at, start.pace, now) {
            self.observer.noticed(&Notice::SlowedDown { rate });
        }
    }

    /// Opens the breaker if a row is parked, nothing is in flight and no other row could be sent now. Rows in backoff are
    /// ignored: two customers that fail together would use up their attempts before ten failures are counted.
    fn open_if_stuck(&mut self, now: Time) -> bool {
        let is_stuck = !self.shutdown.has_begun()
            && self.breaker.is_closed()
            && self.flights.count() == 0
            && self.recorder.is_idle()
            && self.rows.queue().is_stuck()
            && !self.can_open_more();
        if is_stuck {
            self.breaker.open(now);
            self.begin_outage();
        }
        is_stuck
    }

    /// Parks the rows after the breaker has opened. Failures that were charged to rows that are not suspect are the server's.
    fn begin_outage(&mut self) {
        for row in self.rows.iter_mut() {
            if !self.breaker.is_suspect(&row.log) {
                row.log.forgive();
            }
        }
        self.rows.queue_mut().park_all();
        if self.shutdown.has_begun() {
            return;
        }
        self.tally.outages += 1;
        let failure = self.last_failure.as_ref().expect("the breaker opens after a failure");
        let is_hopeless = failure.is_hopeless(self.breaker.has_succeeded());
        let patience = if is_hopeless { HOPELESS_PATIENCE } else { self.patience.limit(&self.situation()) };
        self.observer.noticed(&Notice::Outage { why: failure.why.clone(), patience });
    }

    fn situation(&self) -> Situation {
        let logs = || self.rows.in_trouble().map(|row| &row.log);
        let has_untried = self.rows.queue().has_untried() || self.rows.behind() > 0;
        Situation {
            is_tail: self.intake.has_ended() && !has_untried,
            has_succeeded: self.breaker.has_succeeded(),
            waiting_unsuspected: logs().filter(|log| !self.breaker.is_suspect(log)).count(),
            is_new_waiting: logs().any(|log| !log.has_failed_before),
            ended: self.ended,
            lost: self.lost,
            is_name_unknown: self.last_failure.as_ref().is_some_and(AttemptFailure::is_name_unknown),
        }
    }

    /// Decides whether the server has been down for too long.
    fn judge(&mut self, now: Time) {
        if self.shutdown.has_begun() {
            return;
        }
        let situation = self.situation();
        match self.patience.judge(now, &situation) {
            Judgement::Wait => {}
            Judgement::RecordWaiting => {
                for key in self.rows.queue_mut().take_waiting() {
                    self.record_lost(key, now, GivenUp::AfterAttempts);
                }
            }
            Judgement::Stop(lasted) => {
                let failure = self.last_failure.as_ref().expect("the patience ends with a failure");
                let rows = || self.rows.queue().waiting().map(|key| key.row);
                let left = rows().min().zip(rows().max());
                let left = left.filter(|_| situation.is_tail && failure.is_charged());
                let why = failure.why.clone();
                self.stop(Stop::Brake(Brake::Outage { lasted, why, left }));
            }
        }
    }

    /// Records the open rows that may have been applied as `unknown`, after an outage has ended the run. If all open rows
    /// belong to one or two customers, the oldest row that others wait for is recorded too, so that the next run gets past
    /// that row. True if any row was recorded.
    fn record_leftovers(&mut self, now: Time) -> bool {
        if !self.shutdown.reason().is_some_and(Stop::is_for_outage) {
            return false;
        }
        let has_few_customers = self.rows.with_turn() < 3;
        let is_first = !mem::replace(&mut self.has_sought_blocker, true);
        let blocker = self.rows.oldest_blocker().filter(|_| has_few_customers && is_first);
        let rows = &self.rows;
        let is_left = |key: &RowKey| {
            let row = rows.get(*key);
            row.last_failure.is_some() && (row.log.is_maybe_applied || Some(*key) == blocker)
        };
        let left: Vec<_> = rows.queue().waiting().filter(is_left).collect();
        self.rows.queue_mut().remove(&left);
        for key in &left {
            self.record_lost(*key, now, GivenUp::AtTheEnd);
        }
        !left.is_empty()
    }

    fn record_lost(&mut self, key: RowKey, now: Time, given_up: GivenUp) {
        let outcome = self.rows.get(key).lost_outcome(given_up);
        self.record(key, &outcome, now);
    }

    fn record(&mut self, key: RowKey, outcome: &Outcome, now: Time) {
        let row = self.rows.get(key);
        self.recorder.add(key, row, outcome, now);
        self.ended += 1;
        self.lost += u64::from(matches!(outcome.status, Status::Failed | Status::Unknown));
        let counted = CountedOutcome {
            status: outcome.status,
            http_status: outcome.http_status,
            error: &reason_key(&outcome.error),
            was_not_in_sync: row.was_not_in_sync,
        };
        if let Some(brake) = self.failures.count(counted) {
            self.stop(Stop::Brake(brake));
        }
    }

    fn poll_durable(&mut self, context: &mut Context<'_>) -> bool {
        let recorded = match self.recorder.poll_durable(context) {
            Poll::Pending => return false,
            Poll::Ready(Err(error)) => {
                self.shutdown.abandon(error);
                return true;
            }
            Poll::Ready(Ok(recorded)) => recorded,
        };
        let now = self.now();
        for (key, status) in recorded.sent {
            self.rows.close(key);
            self.tally.sent += 1;
            self.tally.add(status);
        }
        self.patience.set_idle(self.rows.is_empty(), now);
        recorded.unsent.into_iter().for_each(|status| self.tally.add(status));
        self.tally.effective_rate = self.admission.effective_rate(now);
        recorded.failed.iter().for_each(|row| self.observer.failed(row));
        self.observer.progressed(&self.tally);
        true
    }
}
