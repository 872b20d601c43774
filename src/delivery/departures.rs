//! What attempts on their way and the loop tell each other: when a request leaves, which is once a connection has
//! come about, whether any may leave at present, and what the server asks for before its reply is whole.

use crate::offerit::AttemptEvents;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// Time since the run began.
type Time = Duration;

/// The attempts of a run that have started and not left, and when the others left.
pub(super) struct Departures {
    began: Instant,
    /// Whether the server asked to be left alone, or the run is about to end.
    is_closed: Cell<bool>,
    waiting: Cell<usize>,
    /// When requests left, oldest first, until the loop takes note.
    left: RefCell<Vec<Time>>,
    /// The pauses that the server asked for, until the loop takes note.
    asked: RefCell<Vec<Wish>>,
}

/// A pause that the server asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// When.
    pub at: Time,
    /// For how long.
    pub wait: Duration,
}

impl Wish {
    /// Until when.
    pub(super) fn until(self) -> Time {
        self.at.saturating_add(self.wait)
    }
}

/// One attempt on its way.
pub(super) struct Departure<'run> {
    departures: &'run Departures,
    left_at: Cell<Option<Time>>,
    wish: Cell<Option<Wish>>,
}

impl Departures {
    pub(super) fn new(began: Instant) -> Departures {
        Departures {
            began,
            is_closed: Cell::default(),
            waiting: Cell::default(),
            left: RefCell::default(),
            asked: RefCell::default(),
        }
    }

    /// Whether requests may leave. What has not left when they may not is called back: a connection can take longer
    /// to come about than it takes the server to ask for a pause.
    pub(super) fn set_closed(&self, is_closed: bool) {
        self.is_closed.set(is_closed);
    }

    /// How many attempts have started and not left.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.get()
    }

    /// Hands over the departures that the loop has not taken note of.
    pub(super) fn hand_over(&self, note: impl FnMut(Time)) {
        self.left.borrow_mut().drain(..).for_each(note);
    }

    /// A pause that the server asked for and that the loop has not taken note of.
    pub(super) fn next_wish(&self) -> Option<Wish> {
        self.asked.borrow_mut().pop()
    }

    /// An attempt starts, though not its request yet.
    pub(super) fn start(&self) {
        self.waiting.set(self.waiting.get() + 1);
    }

    /// What an attempt that has [started](Departures::start) is accompanied by.
    pub(super) fn departure(&self) -> Departure<'_> {
        Departure { departures: self, left_at: Cell::default(), wish: Cell::default() }
    }

    fn now(&self) -> Time {
        Instant::now() - self.began
    }
}

impl Departure<'_> {
    /// Drives the attempt to its end; `None` if it was called back before its request left.
    pub(super) async fn accompany<A: Future>(&self, mut attempt: Pin<&mut A>) -> Option<A::Output> {
        let Departure { departures, left_at, .. } = self;
        let is_called_back = || departures.is_closed.get() && left_at.get().is_none();
        let mut is_begun = false;
        let attempt = poll_fn(|context| {
            if !mem::replace(&mut is_begun, true) && is_called_back() {
                return Poll::Ready(None);
            }
            // Its connection may have sent the request on a task of its own, which only a poll shows.
            match attempt.as_mut().poll(context) {
                Poll::Pending if is_called_back() => Poll::Ready(None),
                polled => polled.map(Some),
            }
        });
        let output = attempt.await;
        if left_at.get().is_none() {
            departures.waiting.set(departures.waiting.get() - 1);
        }
        output
    }

    /// When the request left; `None` if no connection came about before.
    pub(super) fn left_at(&self) -> Option<Time> {
        self.left_at.get()
    }

    /// The pause that the server asked for.
    pub(super) fn wish(&self) -> Option<Wish> {
        self.wish.get()
    }
}

impl AttemptEvents for Departure<'_> {
    fn request_sent(&self) {
        if self.left_at.get().is_none() {
            let (now, departures) = (self.departures.now(), self.departures);
            self.left_at.set(Some(now));
            departures.left.borrow_mut().push(now);
            departures.waiting.set(departures.waiting.get() - 1);
        }
    }

    fn retry_after(&self, wait: Duration) {
        let wish = Wish { at: self.departures.now(), wait };
        self.wish.set(Some(wish));
        self.departures.asked.borrow_mut().push(wish);
        // At once, and not when the loop takes note: others may be about to leave.
        self.departures.is_closed.set(true);
    }
}
