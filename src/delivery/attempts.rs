//! Attempts: which row goes next, and when.

use super::pipeline::{Ended, Pipeline, Start};
use super::slots::SlotId;
use super::traffic::Gate;
use super::{Feed, Observer};
use crate::journal::Log;
use crate::offerit::Transport;
use futures::StreamExt;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

impl<T: Transport, L: Log, F: Feed, O: Observer> Pipeline<'_, T, L, F, O> {
    /// Starts what may be started. Says whether anything was, and when to look again.
    pub(super) fn start(&mut self, now: Duration) -> (bool, Option<Duration>) {
        self.departures.hand_over(|at| self.traffic.left(at));
        let mut started = false;
        if self.stop.is_some() {
            return (started, self.drained_at.filter(|at| *at > now));
        }
        let next_retry = self.queue.wake(now, &self.slots);
        let deadline = self.settings.brakes.deadline.map(|at| at.saturating_duration_since(self.began));
        // While an attempt is in flight, its end is waited for: a time that has passed would be no time to wait for.
        let gives_up_at = self.traffic.gives_up_at().filter(|_| self.in_flight.is_empty());
        let mut wake_at = earliest(earliest(next_retry, gives_up_at), deadline);
        while self.in_flight.len() < self.settings.concurrency.get() {
            let gate = self.traffic.gate(now, self.in_flight.len());
            let wait = match gate {
                Gate::Closed(at) => at,
                Gate::Open | Gate::Probe => match self.next(gate, now) {
                    Ok(slot) => {
                        // What starts together starts one after the other all the same.
                        self.started = now.max(self.started + Duration::from_nanos(1));
                        self.send(Start { slot, at: self.started }, gate);
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

    /// The row to send next, a permit and its place in the retry budget taken; or when to look again.
    fn next(&mut self, gate: Gate, now: Duration) -> Result<SlotId, Option<Duration>> {
        let is_probe = gate == Gate::Probe;
        let has_again = self.queue.has_again();
        let may_retry = has_again && (is_probe || self.traffic.budget.has_token());
        // Rows that always fail must not take all places: then none would be left to see by that the server is up.
        let is_crowded = 2 * self.queue.retries() >= self.settings.open_rows();
        let may_begin = self.queue.has_fresh() && (is_probe || !is_crowded);
        if !may_begin && !may_retry {
            return Err(has_again.then(|| self.traffic.budget.idle(now)));
        }
        self.traffic.permit(now, self.departures.waiting())?;
        let slot = match (is_probe, may_retry) {
            (true, _) => {
                self.queue.take_probe(&self.slots, &self.traffic.health, self.settings.max_attempts.get())
            }
            (false, true) => self.queue.take_again(),
            (false, false) => self.queue.take_fresh(),
        };
        slot.ok_or(None)
    }

    fn send(&mut self, start: Start, gate: Gate) {
        let Some(row) = self.slots.get_mut(start.slot) else { return };
        let Some(mut request) = row.request.take() else { return };
        let is_first = row.attempts + row.not_sent == 0;
        self.tally.retries += u64::from(!is_first);
        match gate {
            // Probes are few by themselves; what they cost must not be missing when the server is back. A stale connection
            // would say nothing of the server.
            Gate::Probe => request.use_fresh_connection(),
            _ if is_first => self.traffic.budget.first_attempt(),
            _ => self.traffic.budget.retry(),
        }
        row.began_at.get_or_insert(start.at);
        row.attempts += 1;
        self.tally.attempts += 1;
        self.departures.start();
        let (transport, departures) = (self.transport, Rc::clone(&self.departures));
        self.in_flight.push(Box::pin(async move {
            let departure = departures.departure();
            let attempt = departure.accompany(pin!(transport.attempt(&request, &departure))).await;
            Ended { start, request, attempt, left_at: departure.left_at(), wish: departure.wish() }
        }));
    }

    pub(super) fn poll_replies(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        loop {
            // Anew after each reply: it may have asked for a pause.
            let is_held = self.traffic.is_held(|| self.now());
            self.departures.set_closed(self.stop.is_some() || is_held);
            let polled = self.in_flight.poll_next_unpin(context);
            moved |= self.take_wishes();
            let Poll::Ready(Some(ended)) = polled else { return moved };
            moved = true;
            self.ended(ended);
        }
    }
}

pub(super) fn earliest(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
