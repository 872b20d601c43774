//! The PATCH with reqwest, which speaks TLS, HTTP/2 and proxies.

use super::client::{ClientError, Settings};
use super::exchange::{
    Broken, Exchange, LATE, LONGEST_BODY, Received, body_until, headers, innermost, tell_of_wish,
};
use super::reply::{Class, class};
use super::{Course, Route};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::{Method, redirect, retry};
use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::iter::successors;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// A client with a pool of connections.
pub(super) struct Pooled {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
}

impl Pooled {
    pub(super) fn new(settings: &Settings) -> Result<Pooled, ClientError> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            // A redirect would carry the key and the row to another place.
            .redirect(redirect::Policy::none())
            // Every attempt is paced and counted by delivery.
            .retry(retry::never())
            .referer(false)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .tcp_nodelay(true)
            .timeout(settings.timeout)
            .connect_timeout(settings.longest_connect());
        if settings.route == Route::Straight {
            builder = builder.no_proxy();
        }
        builder = if settings.endpoint.is_https() {
            builder.tls_certs_merge(settings.authorities.certificates())
        } else {
            // No certificate can be needed: a machine without any must still be able to go through a proxy.
            builder.tls_certs_only([])
        };
        let client = builder.build().map_err(|error| ClientError::Setup(innermost(&error)))?;
        let headers = headers(&settings.credentials).ok_or(ClientError::Credentials)?;
        let url = settings.endpoint.url().clone();
        Ok(Pooled { client, url, headers, timeout: settings.timeout })
    }
}

impl Exchange for Pooled {
    async fn exchange(&self, body: &Bytes, course: &dyn Course) -> Result<Received, Broken> {
        let deadline = Instant::now() + self.timeout;
        let mut patch = reqwest::Request::new(Method::PATCH, self.url.clone());
        *patch.headers_mut() = self.headers.clone();
        let (body, is_taken) = Telling::new(body.clone());
        *patch.body_mut() = Some(reqwest::Body::wrap(body));
        let (response, has_left) = telling(self.client.execute(patch), is_taken, course).await;
        let mut response = response.map_err(|error| match why(&error) {
            // TLS, or a proxy, that does not get on.
            Broken::TimedOut if !has_left => Broken::NotSent(LATE.to_owned()),
            other => other,
        })?;
        tell_of_wish(response.status(), response.headers(), course);
        let mut received = Received::new(response.status(), std::mem::take(response.headers_mut()));
        let until = body_until(received.status, deadline);
        // Of a redirect the head says it all.
        while class(received.status.as_u16()) != Class::Redirect && !received.body.is_cut {
            let broken = match timeout_at(until, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    received.body.add(&chunk, LONGEST_BODY);
                    continue;
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => match why(&error) {
                    // Whose reply has begun was taken, whatever is said behind it.
                    Broken::NotTaken(text) => Broken::Lost(text),
                    other => other,
                },
                Err(_) => Broken::TimedOut,
            };
            received.broken = Some(broken);
            break;
        }
        Ok(received)
    }
}

/// Waits for `response`, and tells `course` when the request's body is taken. Says whether it was.
async fn telling<F: Future>(
    response: F,
    is_taken: oneshot::Receiver<()>,
    course: &dyn Course,
) -> (F::Output, bool) {
    let mut response = pin!(response);
    let (mut is_taken, mut has_left) = (Some(is_taken), false);
    let output = poll_fn(|context| {
        let polled = response.as_mut().poll(context);
        let taken = is_taken.as_mut().map(|taken| Pin::new(taken).poll(context));
        if let Some(Poll::Ready(taken)) = taken {
            is_taken = None;
            // An error means that it was given up before.
            has_left = taken.is_ok();
            taken.iter().for_each(|()| course.leaves());
        }
        polled
    })
    .await;
    (output, has_left)
}

/// A body that tells when it is taken, which a client does once it has a connection to write it to.
struct Telling {
    body: Full<Bytes>,
    taken: Option<oneshot::Sender<()>>,
}

impl Telling {
    fn new(body: Bytes) -> (Telling, oneshot::Receiver<()>) {
        let (taken, is_taken) = oneshot::channel();
        (Telling { body: Full::new(body), taken: Some(taken) }, is_taken)
    }
}

impl Body for Telling {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(taken) = self.taken.take() {
            // Nobody listens any more if the attempt is over.
            let _ = taken.send(());
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn why(error: &reqwest::Error) -> Broken {
    if let Some(reason) = not_taken(error) {
        return Broken::NotTaken(reason);
    }
    let text = innermost(error);
    // hyper-util's words for a 407 to CONNECT; there is no other sign of it.
    if text.contains("proxy authorization required") {
        Broken::Proxy(text)
    } else if text.contains("tunnel error: unsuccessful") {
        // Its words for any other answer but a 200.
        Broken::NotSent("it refuses to".to_owned())
    } else if error.is_connect() {
        Broken::NotSent(explained(text))
    } else if error.is_timeout() {
        Broken::TimedOut
    } else {
        Broken::Lost(text)
    }
}

/// What the TLS library has no words for, in some.
fn explained(text: String) -> String {
    if text.contains("CaUsedAsEndEntity") {
        return "the server shows the certificate of an authority as its own (CaUsedAsEndEntity): it needs one that the \
                authority has signed, and --ca-cert takes the authority's"
            .to_owned();
    }
    text
}

/// How the server says over HTTP/2 that it has not processed the request, if it does: the stream is above the last one
/// of its GOAWAY (RFC 9113, 6.8), or was reset with REFUSED_STREAM (8.7). `h2` gives the GOAWAY to such streams only, and
/// to requests that came too late to be sent; the streams up to the last go on, and meet the end of the connection
/// if they are not done by then. What the server adds in its own words is left out: nothing redacts it.
fn not_taken(error: &(dyn Error + 'static)) -> Option<String> {
    let mut causes = successors(Some(error), |&error| error.source());
    let error =
        causes.find_map(|cause| cause.downcast_ref::<h2::Error>()).filter(|error| error.is_remote())?;
    let reason = error.reason()?;
    if error.is_go_away() {
        return Some(match reason {
            h2::Reason::NO_ERROR => "it is closing the connection".to_owned(),
            other => format!("it is closing the connection: {other}"),
        });
    }
    (error.is_reset() && reason == h2::Reason::REFUSED_STREAM).then(|| reason.to_string())
}
