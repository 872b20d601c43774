//! The PATCH over plain HTTP/1.1 without a proxy, with hyper: one connection for each request in flight, driven
//! by the attempt that uses it. It does without a pool shared by tasks, a task for each connection and a URL parsed
//! anew for each request, which together are more than half of what a row costs.

use super::exchange::{Broken, Exchange, LONGEST_BODY, Received, innermost};
use super::reply::Body;
use super::{Credentials, Endpoint};
use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connections to one server.
pub(super) struct Direct {
    host: String,
    port: u16,
    /// The path, as it stands in the request line.
    path: Uri,
    headers: HeaderMap,
    longest_connect: Duration,
    /// Those that no attempt uses at present, the one used last on top.
    idle: RefCell<Vec<Line>>,
}

impl Direct {
    /// `None` if this server takes more than plain HTTP/1.1: TLS, or a proxy that the environment names.
    pub(super) fn new(
        endpoint: &Endpoint,
        credentials: &Credentials,
        longest_connect: Duration,
    ) -> Option<Direct> {
        let url = endpoint.url();
        let uri = url.as_str().parse().ok()?;
        if endpoint.is_https()
            || (!endpoint.is_loopback() && Matcher::from_system().intercept(&uri).is_some())
        {
            return None;
        }
        let host = url.host_str()?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let mut headers = super::exchange::headers(credentials)?;
        headers.insert(HOST, HeaderValue::from_str(&authority).ok()?);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        Some(Direct {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default()?,
            path: url.path().parse().ok()?,
            headers,
            longest_connect,
            idle: RefCell::default(),
        })
    }

    fn request(&self, body: &Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::PATCH;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    async fn connect(&self) -> Result<Line, Broken> {
        let connecting = timeout(self.longest_connect, TcpStream::connect((self.host.as_str(), self.port)));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Broken::NotSent(error.to_string())),
            Err(_) => return Err(Broken::NotSent("no answer to the attempt to connect".to_owned())),
        };
        let ready = async {
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| innermost(&error))
        };
        let (sender, connection) = ready.await.map_err(Broken::NotSent)?;
        Ok(Line { sender, connection, is_over: false })
    }
}

impl Exchange for Direct {
    async fn exchange(&self, body: &Bytes) -> Result<Received, Broken> {
        let mut request = self.request(body);
        loop {
            // Not within the match: the guard must not be held over an await.
            let idle = self.idle.borrow_mut().pop();
            let (mut line, is_fresh) = match idle {
                Some(line) => (line, false),
                None => (self.connect().await?, true),
            };
            let mut error = match line.send(request).await {
                Ok(response) => {
                    let (received, is_whole) = line.read(response).await?;
                    if is_whole && !line.is_over {
                        self.idle.borrow_mut().push(line);
                    }
                    return Ok(received);
                }
                Err(error) => error,
            };
            match error.take_message() {
                // The server had closed the connection while it was idle, and nothing went out on it.
                Some(unsent) if !is_fresh => request = unsent,
                Some(_) => return Err(Broken::NotSent(innermost(error.error()))),
                None => return Err(Broken::Lost(innermost(error.error()))),
            }
        }
    }
}

/// One connection.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<TcpStream>, Full<Bytes>>,
    /// Whether it has ended.
    is_over: bool,
}

impl Line {
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        // An idle connection may have been closed by the server: that shows here, before anything is sent. If
        // it is over, `try_send_request` gives the request back.
        let Line { sender, connection, is_over } = self;
        let _ = driven(connection, is_over, poll_fn(|context| sender.poll_ready(context))).await;
        let response = sender.try_send_request(request);
        driven(connection, is_over, response).await
    }

    /// Reads a reply up to the limit; says whether that was all of it, so that the connection can be used again.
    async fn read(&mut self, response: Response<Incoming>) -> Result<(Received, bool), Broken> {
        let (head, mut incoming) = response.into_parts();
        let Line { connection, is_over, .. } = self;
        let mut body = Body::default();
        let mut broken = None;
        while !incoming.is_end_stream() && !body.is_cut && broken.is_none() {
            match driven(connection, is_over, incoming.frame()).await {
                None => break,
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        body.add(&chunk, LONGEST_BODY);
                    }
                }
                Some(Err(error)) => broken = Some(innermost(&error)),
            }
        }
        let is_whole = broken.is_none() && !body.is_cut;
        Ok((Received { status: head.status, headers: head.headers, body, broken }, is_whole))
    }
}

/// Waits for `future` and moves the connection that feeds it meanwhile.
async fn driven<F: Future>(
    connection: &mut Connection<TokioIo<TcpStream>, Full<Bytes>>,
    is_over: &mut bool,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        // Why it ended, the future learns too.
        if !*is_over && Pin::new(&mut *connection).poll(context).is_ready() {
            *is_over = true;
        }
        future.as_mut().poll(context)
    })
    .await
}
