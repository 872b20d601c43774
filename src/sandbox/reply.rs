//! What the server says: the one success, the refusals, the pages of its faults.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What a proxy in front of the API may show instead of its answer.
const MAINTENANCE_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>\
<body><h1>We will be back soon</h1><p>Scheduled maintenance is in progress.</p></body></html>\n";

/// A request that was not carried out, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status of the reply; the API can also refuse with a 200.
    pub(super) status: StatusCode,
    /// The reason, for the caller.
    pub(super) message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with any status.
    pub(super) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { status, message: message.into() }
    }

    /// The request is malformed.
    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    /// The parameter or the endpoint does not exist.
    pub(super) fn not_found(message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, message)
    }

    /// The request is well formed and the API says no: with a status of 200.
    pub(super) fn of_the_call(message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(StatusCode::OK, message)
    }
}

/// The shape of a refusal, as documented for the sister calls.
#[derive(Serialize)]
struct ErrorBody<'a> {
    result: &'static str,
    message: &'a str,
}

/// The update was made.
pub(super) fn updated() -> Response {
    body(StatusCode::OK, "application/json", "true")
}

/// The request was refused.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let mut response = json(refusal.status, &ErrorBody { result: "error", message: &refusal.message });
    if refusal.status == StatusCode::PAYLOAD_TOO_LARGE || refusal.status == StatusCode::REQUEST_TIMEOUT {
        // The rest of the body is not read, so the connection can't carry another request.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The address exists, the method is not for it.
pub(super) fn wrong_method(allowed: &'static str) -> Response {
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("wrong method, use {allowed}"));
    let mut response = refused(&refusal);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The call limit is reached; try again after so many seconds.
pub(super) fn throttled(retry_after: u64) -> Response {
    let mut response = refused(&Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests"));
    insert_retry_after(response.headers_mut(), retry_after);
    response
}

/// The service fails for the moment.
pub(super) fn failed(retry_after: Option<u64>) -> Response {
    let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "service temporarily unavailable");
    let mut response = refused(&refusal);
    if let Some(seconds) = retry_after {
        insert_retry_after(response.headers_mut(), seconds);
    }
    response
}

/// A page for people where JSON was due.
pub(super) fn maintenance() -> Response {
    body(StatusCode::OK, "text/html; charset=utf-8", MAINTENANCE_PAGE)
}

/// Plain text.
pub(super) fn text(content: &'static str) -> Response {
    body(StatusCode::OK, "text/plain; charset=utf-8", content)
}

/// Any value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(content) => body(status, "application/json", content),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A reply made of its parts.
fn body(status: StatusCode, content_type: &'static str, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Says when to come back.
fn insert_retry_after(headers: &mut HeaderMap, seconds: u64) {
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn content(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn success_is_exactly_true() {
        let response = updated();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(content(response).await, "true");
    }

    #[tokio::test]
    async fn a_refusal_is_an_error_object() {
        let response = refused(&Refusal::of_the_call("a \"quoted\" reason\u{1b}"));
        assert_eq!(response.status(), 200);
        assert_eq!(content(response).await, r#"{"result":"error","message":"a \"quoted\" reason\u001b"}"#);
    }

    #[test]
    fn a_wrong_method_is_told_the_right_one() {
        let response = wrong_method("PATCH");
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()[ALLOW], "PATCH");
    }

    #[test]
    fn retry_after_is_sent_where_it_belongs() {
        assert_eq!(throttled(1).headers()[RETRY_AFTER], "1");
        assert_eq!(failed(Some(120)).headers()[RETRY_AFTER], "120");
        assert!(failed(None).headers().get(RETRY_AFTER).is_none());
        assert_eq!(failed(None).status(), 503);
    }

    #[test]
    fn a_reply_to_an_unread_body_closes_the_connection() {
        let response = refused(&Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too large"));
        assert_eq!(response.headers()[CONNECTION], "close");
    }
}
