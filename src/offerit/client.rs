//! Sends attempts with [reqwest](https://docs.rs/reqwest) and reports what their replies mean.

use super::body::{ReplyBody, RequestBody};
use super::failure::{Failure, innermost};
use super::reply::{Class, asked_pause, class, meaning};
use super::words::WordFilter;
use super::{Attempt, AttemptEvents, Credentials, Endpoint, Reply, Request, Route, Transport};
use crate::customer::{Parameter, Update};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use reqwest::{Certificate, redirect, retry};
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

/// The longest time for a connection, within the attempt's own timeout. Chosen.
const MAX_CONNECT_TIME: Duration = Duration::from_secs(10);

/// The idle time after which a connection is closed. Chosen: many servers and load balancers close after 60 to 75 s.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// The longest wait for the body of a denial, whose status alone ends the run. Chosen.
const MAX_DENIAL_BODY_WAIT: Duration = Duration::from_secs(2);

/// The reason of `NotSent` after the timeout.
const NO_CONNECTION_IN_TIME: &str = "the connection timed out";

/// Replaces the API key and the password in texts of replies.
const MASK: &str = "***";

const CLIENT_NAME: &str = concat!("offerit-sync/", env!("CARGO_PKG_VERSION"));

/// The server, the credentials and the timeout.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL of the call.
    pub endpoint: Endpoint,
    /// The way to the server.
    pub route: Route,
    /// The values of the two headers.
    pub credentials: Credentials,
    /// Certificate authorities that are trusted besides the system's.
    pub authorities: Authorities,
    /// The longest time of one attempt, from its start to the end of its reply.
    pub timeout: Duration,
    /// Receives each reply that is no confirmation, for `--show-values`. Its text may hold values of the row; the API key and
    /// the password are masked where they are as they were sent.
    pub show_reply: Option<ShowReply>,
}

/// Shows the reply to an update: its status and its text.
pub type ShowReply = fn(&Update, u16, &str);

/// The certificate authorities of `--ca-cert`.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<Certificate>);

/// The text holds no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
pub struct BadCertificate;

impl Authorities {
    /// Reads a PEM file's content.
    ///
    /// # Errors
    /// If the file contains no certificate, or a broken certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Authorities, BadCertificate> {
        let certificates = Certificate::from_pem_bundle(pem).map_err(|_| BadCertificate)?;
        if certificates.is_empty() { Err(BadCertificate) } else { Ok(Authorities(certificates)) }
    }
}

/// The client cannot be made: the system's certificates or the TLS library cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client: {0}")]
pub struct ClientError(String);

/// The client of one run.
pub struct Client {
    /// Keeps connections for later requests.
    pooled: reqwest::Client,
    /// Opens a connection for each request, so that no failure comes from a connection that the server closed while idle.
    fresh: reqwest::Client,
    headers: HeaderMap,
    settings: Settings,
}

/// A reply that is not interpreted yet.
struct RawReply {
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
    /// The reason why the body is not whole.
    failure: Option<Failure>,
}

impl Client {
    /// Makes the client. Nothing is sent.
    ///
    /// # Errors
    /// If TLS cannot be set up, because the system's certificates are missing for example.
    pub fn new(settings: Settings) -> Result<Client, ClientError> {
        // An error means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |error: reqwest::Error| ClientError(innermost(&error));
        let pooled = builder(&settings).and_then(reqwest::ClientBuilder::build).map_err(setup)?;
        let fresh = builder(&settings).and_then(|builder| builder.pool_max_idle_per_host(0).build());
        let fresh = fresh.map_err(setup)?;
        let headers = headers(&settings.credentials);
        Ok(Client { pooled, fresh, headers, settings })
    }

    async fn send(&self, request: &Request, start: Instant, events: &dyn AttemptEvents) -> Reply {
        match self.exchange(request, start + self.settings.timeout, events).await {
            // A broken body matters only for 2xx; any other status is meaningful without it.
            Ok(RawReply { status, failure: Some(failure), .. })
                if class(status.as_u16()) == Class::Success =>
            {
                self.failed(failure, request)
            }
            Ok(RawReply { status, headers, body, .. }) => {
                let (update, key) = (&request.update, self.settings.credentials.key());
                let body = body.decompress(&headers);
                let reply = meaning(status, &headers, &body, || WordFilter::new(update, key));
                if let (Some(show), false) =
                    (self.settings.show_reply, matches!(reply, Reply::Confirmed { .. }))
                {
                    show(update, status.as_u16(), &self.without_secrets(&body.to_text(), update));
                }
                reply
            }
            Err(failure) => self.failed(failure, request),
        }
    }

    fn without_secrets(&self, text: &str, update: &Update) -> String {
        let text = text.replace(self.settings.credentials.key().secret(), MASK);
        match update.get(Parameter::Password) {
            Some(password) => text.replace(password, MASK),
            None => text,
        }
    }

    /// Sends the request once and reads the reply, before the deadline.
    async fn exchange(
        &self,
        request: &Request,
        deadline: Instant,
        events: &dyn AttemptEvents,
    ) -> Result<RawReply, Failure> {
        let client = if request.needs_fresh_connection { &self.fresh } else { &self.pooled };
        let mut patch = reqwest::Request::new(Method::PATCH, self.settings.endpoint.url().clone());
        *patch.headers_mut() = self.headers.clone();
        let (body, sent) = RequestBody::new(request.body.clone());
        *patch.body_mut() = Some(reqwest::Body::wrap(body));
        let response = within(deadline, client.execute(patch));
        let mut response = match report_sent(response, sent, events).await {
            (Some(response), _) => response.map_err(|error| Failure::before_reply(&error))?,
            (None, true) => return Err(Failure::TimedOut),
            (None, false) => return Err(Failure::NotSent(NO_CONNECTION_IN_TIME.to_owned(), None)),
        };
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        if let Some(wait) = asked_pause(status, &headers, SystemTime::now) {
            events.retry_after(wait);
        }
        let deadline = match class(status.as_u16()) {
            Class::Denial => deadline.min(Instant::now() + MAX_DENIAL_BODY_WAIT),
            _ => deadline,
        };
        let mut reply = RawReply { status, headers, body: ReplyBody::default(), failure: None };
        // The body of a redirect is not needed.
        while class(status.as_u16()) != Class::Redirect && !reply.body.is_cut && reply.failure.is_none() {
            match within(deadline, response.chunk()).await {
                Some(Ok(Some(chunk))) => reply.body.add(&chunk),
                Some(Ok(None)) => break,
                Some(Err(error)) => reply.failure = Some(Failure::BrokenReply(innermost(&error), None)),
                None => reply.failure = Some(Failure::TimedOut),
            }
        }
        Ok(reply)
    }

    /// The meaning of an attempt without a whole reply.
    fn failed(&self, failure: Failure, request: &Request) -> Reply {
        let lost = |why| format!("the connection broke before the complete reply: {why}");
        match failure {
            Failure::ProxyDenied(why) => Reply::Denied { status: 407, text: why },
            Failure::NotSent(why, fault) => Reply::NotSent { text: self.not_connected(&why), fault },
            Failure::TimedOut => {
                let timeout = humantime::format_duration(self.settings.timeout);
                Reply::Lost { text: format!("no complete reply within {timeout}"), fault: None }
            }
            Failure::Ended(why) if !request.needs_fresh_connection => Reply::Stale { text: lost(why) },
            Failure::Ended(why) => Reply::Lost { text: lost(why), fault: None },
            Failure::BrokenReply(why, fault) => Reply::Lost { text: lost(why), fault },
        }
    }

    /// The text of a failed connection. It names a proxy by its variable, as the value may hold a password.
    fn not_connected(&self, why: &str) -> String {
        let origin = self.settings.endpoint.origin();
        match &self.settings.route {
            Route::Direct => format!("cannot connect to {origin}: {why}"),
            Route::Proxy(proxy) => {
                let variable = proxy.variable();
                format!("cannot connect to {origin} through the proxy in {variable}: {why}")
            }
        }
    }
}

/// The settings that both clients have in common.
fn builder(settings: &Settings) -> reqwest::Result<reqwest::ClientBuilder> {
    let builder = reqwest::Client::builder()
        .http1_only()
        // A redirect would carry the key and the row to another place.
        .redirect(redirect::Policy::none())
        // Delivery counts and paces every attempt.
        .retry(retry::never())
        .referer(false)
        // RFC 9112, section 5.2: old servers fold header lines.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .tcp_nodelay(true)
        .connect_timeout(settings.timeout.min(MAX_CONNECT_TIME))
        .pool_idle_timeout(MAX_IDLE)
        // Only `Route` reads the variables.
        .no_proxy();
    let builder = match &settings.route {
        Route::Direct => builder,
        Route::Proxy(proxy) => builder.proxy(reqwest::Proxy::all(proxy.url().clone())?),
    };
    Ok(if settings.endpoint.is_https() {
        builder.tls_certs_merge(settings.authorities.0.clone())
    } else {
        // No certificate is needed, and the machine may have no certificates.
        builder.tls_certs_only([])
    })
}

/// The headers of every request (API page, "Headers").
fn headers(credentials: &Credentials) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(HeaderName::from_static("api-key"), credentials.key_header());
    headers.insert(HeaderName::from_static("api-username"), credentials.username_header());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(CLIENT_NAME));
    headers
}

/// Waits for `response` and reports to `events` when the request is sent. Returns whether the request was sent.
async fn report_sent<F: Future>(
    response: F,
    sent: oneshot::Receiver<()>,
    events: &dyn AttemptEvents,
) -> (F::Output, bool) {
    let mut response = pin!(response);
    let (mut sent, mut is_sent) = (Some(sent), false);
    let output = poll_fn(|context| {
        let polled = response.as_mut().poll(context);
        if let Some(Poll::Ready(report)) = sent.as_mut().map(|sent| Pin::new(sent).poll(context)) {
            sent = None;
            // An error means that the request was dropped before it was sent.
            is_sent = report.is_ok();
            report.iter().for_each(|()| events.request_sent());
        }
        polled
    })
    .await;
    (output, is_sent)
}

/// Waits for a future until the deadline. reqwest's own timeout looks at the clock first, so that a process which was stopped
/// (SIGSTOP) would lose the replies that came meanwhile. Here the tasks of the connections read first.
async fn within<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Ok(output) = timeout_at(deadline, future.as_mut()).await {
        return Some(output);
    }
    // The first yield polls the sockets, the second runs the tasks of the connections.
    yield_now().await;
    yield_now().await;
    timeout_at(deadline, future).await.ok()
}

impl Transport for Client {
    async fn attempt(&self, request: &Request, events: &dyn AttemptEvents) -> Attempt {
        let start = Instant::now();
        let reply = self.send(request, start, events).await;
        Attempt { reply, duration: start.elapsed() }
    }
}

#[cfg(test)]
mod tests;
