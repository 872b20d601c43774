//! The replies that several parts of the server give.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A request that was not carried out, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// The request is well formed and the API refuses it, with a status of 200.
    pub(super) fn of_the_call(message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(StatusCode::OK, message)
    }
}

impl IntoResponse for Refusal {
    /// The body has the shape that is documented for the sister calls.
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct ErrorBody {
            result: &'static str,
            message: Cow<'static, str>,
        }
        // The rest of such a body is not read, so the connection cannot carry another request.
        let is_unread = [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_TIMEOUT].contains(&self.status);
        let close = is_unread.then_some([(CONNECTION, "close")]);
        (self.status, close, Json(ErrorBody { result: "error", message: self.message })).into_response()
    }
}

/// Marks a reply that must not be sent: a TCP reset ends the connection instead.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is reset on purpose")]
pub(super) struct Reset;

impl IntoResponse for Reset {
    fn into_response(self) -> Response {
        let mut reply = Response::default();
        reply.extensions_mut().insert(self);
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_is_an_error_object() {
        let reply = Refusal::of_the_call("a \"quoted\" reason\u{1b}").into_response();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "application/json");
        assert!(!reply.headers().contains_key(CONNECTION));
        let body = axum::body::to_bytes(reply.into_body(), 10_000).await.unwrap();
        assert_eq!(body, r#"{"result":"error","message":"a \"quoted\" reason\u001b"}"#);
    }

    #[test]
    fn the_refusal_of_an_unread_body_closes_the_connection() {
        let reply = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too large").into_response();
        assert_eq!(reply.headers()[CONNECTION], "close");
    }
}
