//! Attempts in flight. They and the dispatcher signal each other when a request leaves, which is once a connection exists,
//! whether any may leave at present, and which pause the server asks for before its reply is whole.

use super::queue::{Kind, RowKey};
use super::time::Time;
use crate::offerit::{Attempt, AttemptEvents, Request, Transport};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// An attempt that was started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started {
    /// Its row.
    pub key: RowKey,
    /// Why it started.
    pub kind: Kind,
    /// When: no two attempts start at the same time.
    pub at: Time,
    /// How many attempts started in the second up to then.
    pub pace: usize,
}

/// An attempt that has ended, with its request back.
pub(super) struct Ended {
    pub started: Started,
    pub request: Request,
    /// `None`: it was called back before its request left.
    pub attempt: Option<Attempt>,
    /// Whether its request left.
    pub has_left: bool,
}

/// What happened to an attempt in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlightEvent {
    /// Its request left.
    Left { at: Time, is_retry: bool },
    /// The server asks for a pause.
    RetryAfter { at: Time, wait: Duration },
}

/// All attempts in flight.
pub(super) struct Flights<'run, T> {
    transport: &'run T,
    signals: Rc<Signals>,
    in_flight: FuturesUnordered<LocalBoxFuture<'run, Ended>>,
    last_start: Time,
}

/// What attempts and the dispatcher signal each other.
struct Signals {
    began: Instant,
    /// Whether no request may leave.
    is_closed: Cell<bool>,
    /// What the dispatcher has not seen yet, oldest first.
    events: RefCell<Vec<FlightEvent>>,
}

impl<'run, T: Transport> Flights<'run, T> {
    /// Of a run that began at that instant.
    pub(super) fn new(transport: &'run T, began: Instant) -> Self {
        let signals = Signals { began, is_closed: Cell::default(), events: RefCell::default() };
        let in_flight = FuturesUnordered::new();
        Flights { transport, signals: Rc::new(signals), in_flight, last_start: Time::ZERO }
    }

    /// How many attempts have started and not ended.
    pub(super) fn count(&self) -> usize {
        self.in_flight.len()
    }

    /// Starts an attempt. `is_retry`: a request of its row left before.
    pub(super) fn start(&mut self, started: Started, request: Request, is_retry: bool) {
        // What starts together starts one after the other all the same.
        self.last_start = started.at.max(self.last_start + Duration::from_nanos(1));
        let started = Started { at: self.last_start, ..started };
        let (transport, signals) = (self.transport, Rc::clone(&self.signals));
        self.in_flight.push(Box::pin(async move {
            let flight = Flight { signals: &signals, is_retry, has_left: Cell::default() };
            let attempt = flight.accompany(pin!(transport.attempt(&request, &flight))).await;
            let has_left = flight.has_left.get();
            Ended { started, request, attempt, has_left }
        }));
    }

    /// The next attempt that has ended. `is_closed`: no request may leave, and an attempt whose request has not left is
    /// called back. A connection can take longer than the server takes to ask for a pause.
    pub(super) fn poll_ended(&mut self, is_closed: bool, context: &mut Context<'_>) -> Poll<Ended> {
        self.signals.is_closed.set(is_closed);
        match self.in_flight.poll_next_unpin(context) {
            Poll::Ready(Some(ended)) => Poll::Ready(ended),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Takes what has happened since it was last asked.
    pub(super) fn take_events(&self) -> Vec<FlightEvent> {
        self.signals.events.take()
    }
}

impl Signals {
    fn now(&self) -> Time {
        Instant::now() - self.began
    }
}

/// One attempt in flight.
struct Flight<'run> {
    signals: &'run Signals,
    is_retry: bool,
    has_left: Cell<bool>,
}

impl Flight<'_> {
    /// Drives the attempt to its end; `None` if it was called back before its request left.
    async fn accompany<A: Future>(&self, mut attempt: Pin<&mut A>) -> Option<A::Output> {
        let is_called_back = || self.signals.is_closed.get() && !self.has_left.get();
        let mut is_begun = false;
        let attempt = poll_fn(|context| {
            if !mem::replace(&mut is_begun, true) && is_called_back() {
                return Poll::Ready(None);
            }
            // The connection may have sent the request on a task of its own, which shows when the attempt is polled.
            match attempt.as_mut().poll(context) {
                Poll::Pending if is_called_back() => Poll::Ready(None),
                polled => polled.map(Some),
            }
        });
        attempt.await
    }
}

impl AttemptEvents for Flight<'_> {
    fn request_sent(&self) {
        if !self.has_left.replace(true) {
            let event = FlightEvent::Left { at: self.signals.now(), is_retry: self.is_retry };
            self.signals.events.borrow_mut().push(event);
        }
    }

    fn retry_after(&self, wait: Duration) {
        let event = FlightEvent::RetryAfter { at: self.signals.now(), wait };
        self.signals.events.borrow_mut().push(event);
        // At once, and not when the dispatcher sees the event: others may be about to leave.
        self.signals.is_closed.set(true);
    }
}
