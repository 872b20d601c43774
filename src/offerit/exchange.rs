//! What both ways to send a PATCH have in common: headers in, a reply or the lack of one out.

use super::reply::{Body, Class, asked_pause, class};
use super::{Course, Credentials};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use std::error::Error;
use std::future::Future;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How much of a body is read, in bytes. The API's answer is four.
pub(super) const LONGEST_BODY: usize = 64 * 1024;

/// How long the body of a denial is waited for. Its status alone ends the run, which must not wait for words.
const DENIALS_WORDS: Duration = Duration::from_secs(2);

const CLIENT_NAME: &str = concat!("offerit-sync/", env!("CARGO_PKG_VERSION"));

/// A reply as it came, not yet interpreted.
pub(super) struct Received {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Body,
    /// Why the body is not whole, if it is not.
    pub broken: Option<Broken>,
}

impl Received {
    /// A reply whose head is there.
    pub(super) fn new(status: StatusCode, headers: HeaderMap) -> Received {
        Received { status, headers, body: Body::default(), broken: None }
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Broken {
    /// No connection came about: nothing was sent.
    NotSent(String),
    /// The request may have gone out.
    Lost(String),
    /// The request went out, and the server says that it has not been processed.
    NotTaken(String),
    /// The time for one attempt is over.
    TimedOut,
    /// A proxy on the way wants credentials.
    Proxy(String),
}

/// Why nothing was sent, if it took too long.
pub(super) const LATE: &str = "no connection came about in time";

/// Sends one request's body with the headers of the run and reads the reply.
pub(super) trait Exchange {
    /// Sends it once, within the time of one attempt; nothing is repeated that may have gone out. Tells `course` what
    /// the head of the reply asks for before its body is read.
    fn exchange(&self, body: &Bytes, course: &dyn Course) -> impl Future<Output = Result<Received, Broken>>;
}

/// Tells of a wish to be left alone in the head of a reply.
pub(super) fn tell_of_wish(status: StatusCode, headers: &HeaderMap, course: &dyn Course) {
    if let Some(wait) = asked_pause(status, headers, SystemTime::now) {
        course.asks_for_pause(wait);
    }
}

/// Until when the body of a reply is waited for whose head has just come, of an attempt that may last until `deadline`.
pub(super) fn body_until(status: StatusCode, deadline: Instant) -> Instant {
    match class(status.as_u16()) {
        Class::Denial => deadline.min(Instant::now() + DENIALS_WORDS),
        _ => deadline,
    }
}

/// The headers of every request (API page, "Headers"). `None` if a credential is no header value.
pub(super) fn headers(credentials: &Credentials) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(HeaderName::from_static("api-key"), credentials.key_header()?);
    headers.insert(HeaderName::from_static("api-username"), credentials.username_header()?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(USER_AGENT, HeaderValue::from_static(CLIENT_NAME));
    Some(headers)
}

/// The cause at the bottom of an error: the ones above only repeat that something failed.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut bottom = error;
    while let Some(cause) = bottom.source() {
        bottom = cause;
    }
    bottom.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::ApiKey;
    use super::*;

    #[test]
    fn the_headers_mask_the_key() {
        let credentials = Credentials::new("admin", ApiKey::new("s3cret").unwrap()).unwrap();
        let headers = headers(&credentials).unwrap();
        assert_eq!(headers["api-key"], "s3cret");
        assert_eq!(headers["api-username"], "admin");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }
}
