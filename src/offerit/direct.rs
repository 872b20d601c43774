//! The PATCH over plain HTTP/1.1 without a proxy, with hyper: one connection for each request in flight, driven
//! by the attempt that uses it. It does without a pool shared by tasks, a task for each connection and a URL parsed
//! anew for each request, which together are more than half of what a row costs.

use super::client::Settings;
use super::exchange::{Broken, Exchange, LATE, Received, body_until, headers, innermost, tell_of_wish};
use super::line::{Drive, Line};
use super::{Course, Route};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::HttpConnector;
use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

/// How much of a reply's head is read, in bytes, and of anything at a time.
const LONGEST_HEAD: usize = 128 * 1024;

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
                line.drive.ring_at(deadline);
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
                line.drive.ring_at(until);
            }
            let is_whole = line.drive.read(&mut incoming, &mut received).await;
            if line.drive.rests() && is_whole {
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
