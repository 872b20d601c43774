//! The end of a run before its last row: signals, the deadline, and the drain, in which attempts in flight may still end.

use super::ending::{Interrupt, Limit, Stop};
use super::settings::Settings;
use super::time::Time;
use std::io;
use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// The early end of a run.
pub(super) struct Shutdown {
    /// `None` once the sender is gone.
    interrupts: Option<UnboundedReceiver<Interrupt>>,
    drain_timeout: Duration,
    deadline: Option<Time>,
    reason: Option<Stop>,
    /// The end of the drain.
    drained_at: Option<Time>,
    is_interrupted: bool,
    is_immediate: bool,
}

impl Shutdown {
    /// For a run with this deadline.
    pub(super) fn new(
        settings: &Settings,
        deadline: Option<Time>,
        interrupts: UnboundedReceiver<Interrupt>,
    ) -> Shutdown {
        Shutdown {
            interrupts: Some(interrupts),
            drain_timeout: settings.drain_timeout,
            deadline,
            reason: None,
            drained_at: None,
            is_interrupted: false,
            is_immediate: false,
        }
    }

    /// Whether no attempt may start any more.
    pub(super) fn has_begun(&self) -> bool {
        self.reason.is_some()
    }

    /// Whether the run waits for nothing any more: after a second interrupt, or once a record is lost.
    pub(super) fn is_immediate(&self) -> bool {
        self.is_immediate
    }

    /// The reason of the early end.
    pub(super) fn reason(&self) -> Option<&Stop> {
        self.reason.as_ref()
    }

    /// The reason of the early end, once the run is over.
    pub(super) fn into_reason(self) -> Option<Stop> {
        self.reason
    }

    /// The time of the next change: the deadline, or the end of the drain.
    pub(super) fn wakes_at(&self, now: Time) -> Option<Time> {
        if self.has_begun() { self.drained_at.filter(|at| *at > now) } else { self.deadline }
    }

    /// Whether the drain is over.
    pub(super) fn is_drained(&self, now: Time) -> bool {
        self.drained_at.is_some_and(|at| at <= now)
    }

    /// Ends the run early. The first reason stays.
    pub(super) fn begin(&mut self, reason: Stop, now: Time) {
        if self.reason.is_none() {
            self.drained_at = Some(now + self.drain_timeout);
            self.reason = Some(reason);
        }
    }

    /// Ends the run at once, because a record could not be made durable. This reason replaces any other.
    pub(super) fn abandon(&mut self, error: io::Error) {
        self.reason = Some(Stop::Storage(error));
        self.is_immediate = true;
    }

    /// Ends the run at the deadline. Attempts in flight are drained as after an interrupt.
    pub(super) fn keep_deadline(&mut self, now: Time) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.begin(Stop::Reached(Limit::Deadline), now);
        }
    }

    /// Takes the next interrupt, if there is one. Returns the rest of the drain at the first interrupt; the run may be ending
    /// for another reason already.
    pub(super) fn poll_interrupt(&mut self, now: Time, context: &mut Context<'_>) -> Poll<Option<Duration>> {
        let Some(interrupts) = &mut self.interrupts else { return Poll::Pending };
        match interrupts.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.interrupts = None;
                Poll::Pending
            }
            Poll::Ready(Some(interrupt)) => {
                self.is_immediate |= mem::replace(&mut self.is_interrupted, true);
                self.begin(Stop::Interrupted(interrupt), now);
                let wait = self.drained_at.filter(|_| !self.is_immediate).map(|at| at.saturating_sub(now));
                Poll::Ready(wait)
            }
        }
    }
}
