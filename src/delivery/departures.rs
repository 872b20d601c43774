//! What attempts on their way and the loop tell each other: when a request leaves, which is once a connection has
//! come about, and whether any may leave at present.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
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
}

impl Departures {
    pub(super) fn new(began: Instant) -> Departures {
        Departures { began, is_closed: Cell::default(), waiting: Cell::default(), left: RefCell::default() }
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

    /// An attempt starts, though not its request yet.
    pub(super) fn start(&self) {
        self.waiting.set(self.waiting.get() + 1);
    }

    /// Drives an attempt that has [started](Departures::start) to its end; `None` if it was called back before its
    /// request left.
    pub(super) async fn accompany<A: Future>(
        &self,
        left_at: &Cell<Option<Time>>,
        mut attempt: Pin<&mut A>,
    ) -> Option<A::Output> {
        let attempt = poll_fn(|context| {
            if self.is_closed.get() && left_at.get().is_none() {
                return Poll::Ready(None);
            }
            attempt.as_mut().poll(context).map(Some)
        });
        let output = attempt.await;
        if left_at.get().is_none() {
            self.waiting.set(self.waiting.get() - 1);
        }
        output
    }

    /// The request of an attempt leaves, which has `left_at` for noting when.
    pub(super) fn leave(&self, left_at: &Cell<Option<Time>>) {
        if left_at.get().is_none() {
            let now = Instant::now() - self.began;
            left_at.set(Some(now));
            self.left.borrow_mut().push(now);
            self.waiting.set(self.waiting.get() - 1);
        }
    }
}
