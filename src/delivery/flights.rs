//! Attempts in flight. An attempt reports to the dispatcher that its request left, once a connection exists, and that the
//! server asks for a pause, before the whole reply is there. The dispatcher closes the gate while no request may leave.

use super::queue::{AttemptKind, RowKey};
use super::time::Time;
use crate::offerit::{Attempt, AttemptEvents, Request, Transport};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// The start of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptStart {
    /// The row of the attempt.
    pub key: RowKey,
    /// The reason for the attempt.
    pub kind: AttemptKind,
    /// The time of the start. No two attempts start at the same time.
    pub at: Time,
    /// Attempts that started in the second up to `at`.
    pub pace: usize,
}

/// The end of an attempt, with its request.
pub(super) struct AttemptEnd {
    pub start: AttemptStart,
    pub request: Request,
    /// `None`: the attempt was called back before its request left.
    pub attempt: Option<Attempt>,
    /// Whether the request left.
    pub has_left: bool,
}

/// An event of an attempt in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlightEvent {
    /// The request left.
    RequestLeft { at: Time, is_retry: bool },
    /// The server asks for a pause.
    RetryAfter { at: Time, wait: Duration },
}

/// All attempts in flight.
pub(super) struct Flights<'run, T> {
    transport: &'run T,
    gate: Rc<DepartureGate>,
    in_flight: FuturesUnordered<LocalBoxFuture<'run, AttemptEnd>>,
    last_start: Time,
}

/// The gate that every request passes when it leaves.
struct DepartureGate {
    began: Instant,
    /// Whether no request may leave.
    is_closed: Cell<bool>,
    /// Events that the dispatcher has not taken yet, oldest first.
    events: RefCell<VecDeque<FlightEvent>>,
}

impl<'run, T: Transport> Flights<'run, T> {
    /// No attempts yet, in a run that began at `began`.
    pub(super) fn new(transport: &'run T, began: Instant) -> Self {
        let gate = DepartureGate { began, is_closed: Cell::default(), events: RefCell::default() };
        let in_flight = FuturesUnordered::new();
        Flights { transport, gate: Rc::new(gate), in_flight, last_start: Time::ZERO }
    }

    /// Attempts that have started and not ended.
    pub(super) fn count(&self) -> usize {
        self.in_flight.len()
    }

    /// Starts an attempt. `is_retry`: a request of the row left before.
    pub(super) fn start(&mut self, start: AttemptStart, request: Request, is_retry: bool) {
        // Distinct start times: the breaker compares them with the time of its opening.
        self.last_start = start.at.max(self.last_start + Duration::from_nanos(1));
        let start = AttemptStart { at: self.last_start, ..start };
        let (transport, gate) = (self.transport, Rc::clone(&self.gate));
        self.in_flight.push(Box::pin(async move {
            let flight = Flight { gate: &gate, is_retry, has_left: Cell::default() };
            let attempt = flight.drive(pin!(transport.attempt(&request, &flight))).await;
            let has_left = flight.has_left.get();
            AttemptEnd { start, request, attempt, has_left }
        }));
    }

    /// The next attempt that has ended. `is_closed`: no request may leave, and an attempt whose request has not left is
    /// called back, because a connection can take longer than the server takes to ask for a pause.
    pub(super) fn poll_end(&mut self, is_closed: bool, context: &mut Context<'_>) -> Poll<AttemptEnd> {
        self.gate.is_closed.set(is_closed);
        match self.in_flight.poll_next_unpin(context) {
            Poll::Ready(Some(ended)) => Poll::Ready(ended),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Removes the oldest event.
    pub(super) fn next_event(&self) -> Option<FlightEvent> {
        self.gate.events.borrow_mut().pop_front()
    }
}

impl DepartureGate {
    fn now(&self) -> Time {
        Instant::now() - self.began
    }
}

/// One attempt in flight.
struct Flight<'run> {
    gate: &'run DepartureGate,
    is_retry: bool,
    has_left: Cell<bool>,
}

impl Flight<'_> {
    /// Drives the attempt to its end; `None` if the attempt was called back before its request left.
    async fn drive<A: Future>(&self, mut attempt: Pin<&mut A>) -> Option<A::Output> {
        let is_called_back = || self.gate.is_closed.get() && !self.has_left.get();
        let mut is_begun = false;
        let attempt = poll_fn(|context| {
            if !mem::replace(&mut is_begun, true) && is_called_back() {
                return Poll::Ready(None);
            }
            // The connection may have sent the request on another task. The poll of the attempt reveals that.
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
            let event = FlightEvent::RequestLeft { at: self.gate.now(), is_retry: self.is_retry };
            self.gate.events.borrow_mut().push_back(event);
        }
    }

    fn retry_after(&self, wait: Duration) {
        let event = FlightEvent::RetryAfter { at: self.gate.now(), wait };
        self.gate.events.borrow_mut().push_back(event);
        // The gate closes now and not when the dispatcher takes the event: other requests may be about to leave.
        self.gate.is_closed.set(true);
    }
}
