//! The PATCH over plain HTTP/1.1 without a proxy, with hyper: one connection for each request in flight, driven
//! by the attempt that uses it. It does without a pool shared by tasks, a task for each connection and a URL parsed
//! anew for each request, which together are more than half of what a row costs.

use super::client::Settings;
use super::exchange::{
    Broken, Exchange, LATE, LONGEST_BODY, Received, body_until, headers, innermost, tell_of_wish,
};
use super::reply::{Class, class};
use super::{Course, Route};
use bytes::Bytes;
use futures::task::AtomicWaker;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower_service::Service;

/// How much of a reply's head is read, in bytes, and of anything at a time.
const LONGEST_HEAD: usize = 128 * 1024;

/// What came of a request: a reply, or an error that may give the request back.
type Sent = Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>;

/// Connections to one server.
pub(super) struct Direct {
    connector: HttpConnector,
    /// Scheme, host and port.
    server: Uri,
    /// The path, as it stands in the request line.
    path: Uri,
    headers: HeaderMap,
    timeout: Duration,
    /// Those that no attempt uses at present, the one used last on top.
    idle: RefCell<Vec<Line>>,
}

impl Direct {
    /// `None` if this server takes more than plain HTTP/1.1: TLS, or a proxy.
    pub(super) fn new(settings: &Settings) -> Option<Direct> {
        let endpoint = &settings.endpoint;
        let url = endpoint.url();
        if endpoint.is_https() || settings.route != Route::Straight {
            return None;
        }
        let host = url.host_str()?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let mut headers = headers(&settings.credentials)?;
        headers.insert(HOST, HeaderValue::from_str(&authority).ok()?);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(settings.longest_connect()));
        Some(Direct {
            connector,
            server: format!("http://{authority}").parse().ok()?,
            path: url.path().parse().ok()?,
            headers,
            timeout: settings.timeout,
            idle: RefCell::default(),
        })
    }

    fn request(&self, body: &Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::PATCH;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        *headers = self.headers.clone();
        // In its place already: hyper would add it, for which the copy had to grow.
        if let Ok(length) = HeaderValue::from_str(itoa::Buffer::new().format(body.len())) {
            headers.insert(CONTENT_LENGTH, length);
        }
        request
    }

    async fn connect(&self, deadline: Instant) -> Result<Line, Broken> {
        let mut connector = self.connector.clone();
        // Its own timeout does not count what it takes to find the name.
        let io = timeout_at(deadline, connector.call(self.server.clone())).await;
        let io = io.map_err(|_| Broken::NotSent(LATE.to_owned()))?;
        let io = io.map_err(|error| Broken::NotSent(innermost(&error)))?;
        let mut builder = http1::Builder::new();
        // RFC 9112, 5.2: a header line may be folded, as old servers do.
        builder.max_buf_size(LONGEST_HEAD).allow_obsolete_multiline_headers_in_responses(true);
        let handshake = builder.handshake(io).await;
        let (sender, connection) = handshake.map_err(|error| Broken::NotSent(innermost(&error)))?;
        let drive = Drive::new(connection, deadline);
        Ok(Line { sender, drive: Box::new(drive) })
    }

    /// A connection that no attempt uses, or a new one; and whether it is a new one.
    async fn line(&self, deadline: Instant) -> Result<(Line, bool), Broken> {
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(mut line) => {
                line.drive.timer.as_mut().reset(deadline);
                Ok((line, false))
            }
            None => Ok((self.connect(deadline).await?, true)),
        }
    }
}

impl Exchange for Direct {
    async fn exchange(&self, body: &Bytes, course: &dyn Course) -> Result<Received, Broken> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let (mut line, is_new) = self.line(deadline).await?;
            // Of what stands here across a wait, room is kept for every attempt: as little as can be.
            let (mut received, mut incoming) = {
                let response = pin!(line.sender.try_send_request(self.request(body)));
                match line.drive.sent(response, course).await? {
                    Ok(response) => begun(response, course),
                    // Nothing went out on a connection that was idle before: another one will do.
                    Err(error) if error.message().is_some() && !is_new => continue,
                    Err(error) if error.message().is_some() => {
                        return Err(Broken::NotSent(innermost(error.error())));
                    }
                    Err(error) => return Err(Broken::Lost(innermost(error.error()))),
                }
            };
            let until = body_until(received.status, deadline);
            if until < deadline {
                line.drive.timer.as_mut().reset(until);
            }
            let is_whole = line.drive.read(&mut incoming, &mut received).await;
            line.drive.bell.is_on.store(false, Ordering::Relaxed);
            if is_whole && line.drive.connection.is_some() {
                self.idle.borrow_mut().push(line);
            }
            return Ok(received);
        }
    }
}

/// A reply whose head is there.
fn begun(response: Response<Incoming>, course: &dyn Course) -> (Received, Incoming) {
    let (head, incoming) = response.into_parts();
    tell_of_wish(head.status, &head.headers, course);
    (Received::new(head.status, head.headers), incoming)
}

/// One connection.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// Boxed, as a line is moved from attempt to attempt.
    drive: Box<Drive>,
}

/// What moves a connection: whoever waits for something on it.
struct Drive {
    /// `None` once it has ended. It must be gone then: a request that it did not take is given back only by its end.
    connection: Option<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
    /// When the attempt has lasted too long. It stays with the connection: to set it to a later time costs nothing,
    /// to enter and remove one for each attempt wakes the runtime each time.
    timer: Pin<Box<Sleep>>,
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
    fn new(connection: Connection<TokioIo<TcpStream>, Full<Bytes>>, deadline: Instant) -> Drive {
        let bell = Arc::<Bell>::default();
        Drive {
            connection: Some(connection),
            timer: Box::pin(sleep_until(deadline)),
            waker: Waker::from(Arc::clone(&bell)),
            bell,
        }
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
        timer.poll(context).map(|()| Err(Broken::TimedOut))
    }

    /// Waits for the head of the reply to a request. It comes back with the error if nothing of it was written: the server
    /// may have closed the connection while it was idle, may have said something that nobody asked for, which must not be
    /// taken for the reply, or may not have read the last request to its end.
    async fn sent(
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
    async fn read(&mut self, incoming: &mut Incoming, received: &mut Received) -> bool {
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
