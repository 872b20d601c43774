//! One connection and what moves it: the attempt that uses it.

use super::Course;
use super::exchange::{Broken, LONGEST_BODY, Received, innermost};
use super::reply::{Class, class};
use bytes::Bytes;
use futures::task::AtomicWaker;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// What came of a request: a reply, or an error that may give the request back.
type Sent = Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>;

/// One connection.
pub(super) struct Line {
    pub(super) sender: SendRequest<Full<Bytes>>,
    /// Boxed, as a line is moved from attempt to attempt.
    pub(super) drive: Box<Drive>,
}

/// What moves a connection: whoever waits for something on it.
pub(super) struct Drive {
    /// `None` once it has ended. It must be gone then: a request that it did not take is given back only by its end.
    connection: Option<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
    /// When the attempt has lasted too long. It stays with the connection: to set it to a later time costs nothing,
    /// to enter and remove one for each attempt wakes the runtime each time.
    timer: Pin<Box<Sleep>>,
    /// Whether it has rung.
    is_late: bool,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
}

/// Wakes the attempt that uses a connection. It stays with the connection: a waker of each attempt's own would have to be
/// told to all that can wake it, each time.
#[derive(Default)]
struct Bell {
    /// Whether the connection was moved since it was last given something to do: else it is going to be.
    is_on: AtomicBool,
    attempt: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_on.load(Ordering::Relaxed) {
            self.attempt.wake();
        }
    }
}

impl Drive {
    pub(super) fn new(connection: Connection<TokioIo<TcpStream>, Full<Bytes>>, deadline: Instant) -> Drive {
        let bell = Arc::<Bell>::default();
        Drive {
            connection: Some(connection),
            timer: Box::pin(sleep_until(deadline)),
            is_late: false,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
        }
    }

    /// No attempt uses it for now. False if it has ended.
    pub(super) fn rests(&self) -> bool {
        self.bell.is_on.store(false, Ordering::Relaxed);
        self.connection.is_some()
    }

    /// Moves the connection as far as it goes. Why it ended, those who wait for something on it learn too.
    fn go_on(&mut self, attempt: &Waker) {
        self.bell.attempt.register(attempt);
        self.bell.is_on.store(true, Ordering::Relaxed);
        let mut context = Context::from_waker(&self.waker);
        if self
            .connection
            .as_mut()
            .is_some_and(|connection| Pin::new(connection).poll(&mut context).is_ready())
        {
            self.connection = None;
        }
    }

    /// Waits for `future` and moves the connection meanwhile.
    fn poll<F: Future>(
        &mut self,
        mut future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Broken>> {
        // Neither needs to wake the other, as both are asked here in turn. A budget that is used up would wake, so there is
        // none; the connection has one.
        let quiet = &mut Context::from_waker(Waker::noop());
        self.bell.is_on.store(false, Ordering::Relaxed);
        // Often the connection has brought already what is waited for.
        if let Poll::Ready(output) = pin!(unconstrained(future.as_mut())).poll(quiet) {
            return Poll::Ready(Ok(output));
        }
        self.go_on(context.waker());
        if let Poll::Ready(output) = pin!(unconstrained(future.as_mut())).poll(quiet) {
            return Poll::Ready(Ok(output));
        }
        // A server that never stops sending uses up the task's budget, without which a timer never rings.
        let timer = pin!(unconstrained(self.timer.as_mut()));
        if timer.poll(context).is_pending() {
            return Poll::Pending;
        }
        if !mem::replace(&mut self.is_late, true) {
            // A process that was stopped learns of the time before it learns of what has come meanwhile.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Err(Broken::TimedOut))
    }

    /// Sets the time by which the attempt has lasted too long.
    pub(super) fn ring_at(&mut self, deadline: Instant) {
        self.timer.as_mut().reset(deadline);
        self.is_late = false;
    }

    /// Waits for the head of the reply to a request. It comes back with the error if nothing of it was written: the server
    /// may have closed the connection while it was idle, may have said something that nobody asked for, which must not be
    /// taken for the reply, or may not have read the last request to its end.
    pub(super) async fn sent(
        &mut self,
        mut response: Pin<&mut impl Future<Output = Sent>>,
        course: &dyn Course,
    ) -> Result<Sent, Broken> {
        let mut is_first = true;
        poll_fn(|context| {
            let polled = self.poll(response.as_mut(), context);
            // The connection takes it at the first poll, or gives it back.
            let is_back = matches!(&polled, Poll::Ready(Ok(Err(error))) if error.message().is_some());
            if mem::take(&mut is_first) && !is_back {
                course.leaves();
            }
            polled
        })
        .await
    }

    /// Reads the body of a reply up to the limit; says whether that was all of it, so that the connection can be used again.
    pub(super) async fn read(&mut self, incoming: &mut Incoming, received: &mut Received) -> bool {
        // Of a redirect the head says it all.
        let is_wanted = class(received.status.as_u16()) != Class::Redirect;
        let mut is_whole = incoming.is_end_stream();
        while is_wanted && !is_whole && !received.body.is_cut && received.broken.is_none() {
            let frame = poll_fn(|context| self.poll(pin!(incoming.frame()), context)).await;
            match frame {
                Ok(None) => is_whole = true,
                Ok(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        received.body.add(&chunk, LONGEST_BODY);
                    }
                    is_whole = incoming.is_end_stream();
                }
                Ok(Some(Err(error))) => received.broken = Some(Broken::Lost(innermost(&error))),
                Err(timed_out) => received.broken = Some(timed_out),
            }
        }
        is_whole && !received.body.is_cut
    }
}
