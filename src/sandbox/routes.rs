//! The endpoints of the server.

use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Path, State as Shared};
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch};
use axum::{Json, Router};
use http_body_util::LengthLimitError;
use tokio::sync::watch;

use super::customers::Matches;
use super::faults::Faults;
use super::form;
use super::options::{Credentials, Options};
use super::reply::{Refusal, Reset};
use super::state::{Outcome, State, Stats};

/// The call of the API.
pub(super) const CALL: &str = "/api/customer/set_customer_details";

/// The most bytes of a body. Chosen: many times a row with every field.
const MAX_BODY: usize = 1 << 20;

/// The most time that a body may take to arrive. Chosen.
const MAX_BODY_WAIT: Duration = Duration::from_secs(30);

/// The seconds of the `Retry-After` of a 429: the limit holds in any second, so the wait is never longer.
const THROTTLE_SECONDS: u64 = 1;

/// The text of `GET /`.
const ABOUT: &str = "This is a sandbox that behaves like the Offerit API, for made-up data only.\n\
\n\
PATCH /api/customer/set_customer_details   the API's call, with its headers and its form body\n\
GET   /sandbox/customers/{id}              the values of a customer, by customer or subscription id\n\
GET   /sandbox/stats                       the counters of the server\n";

/// The page that a proxy in front of the API may send in place of the API's reply.
const MAINTENANCE_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>\
<body><h1>We will be back soon</h1><p>Scheduled maintenance is in progress.</p></body></html>\n";

/// The part of a server that all requests share.
#[derive(Debug)]
pub(super) struct Server {
    credentials: Option<Credentials>,
    faults: Faults,
    state: Mutex<State>,
    is_closing: watch::Sender<bool>,
}

impl Server {
    /// A server that no request has reached.
    pub(super) fn new(options: Options) -> Server {
        Server {
            credentials: options.credentials,
            faults: options.faults.clone(),
            state: Mutex::new(State::new(options.faults, options.customers)),
            is_closing: watch::Sender::new(false),
        }
    }

    /// The state, also after a panic elsewhere: the worst effect is a counter that is wrong by one.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the server stop.
    pub(super) fn close(&self) {
        self.is_closing.send_replace(true);
    }

    /// Waits until the server is to stop.
    pub(super) async fn closed(&self) {
        // An error means that the sender is gone, and the sender is in `self`.
        let _ = self.is_closing.subscribe().wait_for(|is_closing| *is_closing).await;
    }

    /// Checks the two headers of the API page.
    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.faults.unauthorized {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "this account may not use the API"));
        }
        let unauthorized = |message| Err(Refusal::new(StatusCode::UNAUTHORIZED, message));
        let header = |name| headers.get(name).map_or(&b""[..], |value| value.as_bytes());
        let (key, username) = (header("api-key"), header("api-username"));
        if key.is_empty() || username.is_empty() {
            return unauthorized("api-key and api-username are required");
        }
        // The comparison takes no constant time: nothing here is worth guessing.
        match &self.credentials {
            Some(demanded)
                if (demanded.api_key.as_bytes(), demanded.api_username.as_bytes()) != (key, username) =>
            {
                unauthorized("wrong api-key or api-username")
            }
            _ => Ok(()),
        }
    }
}

/// All endpoints.
pub(super) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route(CALL, only("PATCH", patch(set_customer_details)))
        .route("/sandbox/customers/{id}", only("GET, HEAD", get(customer)))
        .route("/sandbox/stats", only("GET, HEAD", get(stats)))
        .route("/", only("GET, HEAD", get(ABOUT)))
        .fallback(|| async { Refusal::not_found("no such endpoint") })
        .with_state(server)
}

/// Refuses every other method with a 405.
fn only(allowed: &'static str, route: MethodRouter<Arc<Server>>) -> MethodRouter<Arc<Server>> {
    let message = format!("wrong method, use {allowed}");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message);
    route.fallback(move || async move { ([(ALLOW, allowed)], refusal) })
}

/// Shows a customer.
async fn customer(Shared(server): Shared<Arc<Server>>, id: Option<Path<String>>) -> Response {
    let Some(Path(id)) = id else {
        return Refusal::bad_request("the id is not valid UTF-8").into_response();
    };
    let state = server.state();
    state.customer(&id).map(Json).ok_or_else(|| Refusal::not_found("customer not found")).into_response()
}

/// Shows the counters.
async fn stats(Shared(server): Shared<Arc<Server>>) -> Json<Stats> {
    Json(server.state().stats())
}

/// A request in flight. Dropping the value ends the request, also where its client has left.
struct Attempt<'a> {
    server: &'a Server,
    matches: Matches,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.server.state().leave(self.matches);
    }
}

/// The API's call.
async fn set_customer_details(
    Shared(server): Shared<Arc<Server>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let is_served = server.state().arrive(Instant::now());
    let mut attempt = Attempt { server: &server, matches: Matches::default() };
    if !is_served {
        return Reset.into_response();
    }
    let body = read_body(body).await;
    let update = body
        .as_ref()
        .map_err(Refusal::clone)
        .and_then(|body| is_form(&headers).and_then(|()| form::parse(body)));
    let (outcome, matches) = server.state().decide(Instant::now(), server.authorize(&headers), update);
    attempt.matches = matches;
    // Even a timeout of 0 s may take until the next millisecond.
    if !server.faults.latency.is_zero() {
        let _ = tokio::time::timeout(server.faults.latency, server.closed()).await;
    }
    match outcome {
        Outcome::Updated => Json(true).into_response(),
        Outcome::Refused(refusal) | Outcome::Unauthorized(refusal) => refusal.into_response(),
        Outcome::Throttled => {
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests");
            ([(RETRY_AFTER, HeaderValue::from(THROTTLE_SECONDS))], refusal).into_response()
        }
        Outcome::Failed => {
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "service temporarily unavailable");
            let retry_after =
                server.faults.retry_after.map(|seconds| [(RETRY_AFTER, HeaderValue::from(seconds))]);
            (retry_after, refusal).into_response()
        }
        Outcome::Html => Html(MAINTENANCE_PAGE).into_response(),
        Outcome::Stalled => {
            server.closed().await;
            Reset.into_response()
        }
        Outcome::Reset => Reset.into_response(),
    }
}

/// Checks the content type of a body.
fn is_form(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err(Refusal::bad_request("the body must be application/x-www-form-urlencoded"))
    }
}

/// Reads a whole body, within bounds. A body whose announced length is too large is refused unread.
async fn read_body(body: Body) -> Result<Bytes, Refusal> {
    let too_large = || Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB"));
    if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > MAX_BODY) {
        return too_large();
    }
    match tokio::time::timeout(MAX_BODY_WAIT, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.source().is_some_and(|cause| cause.is::<LengthLimitError>()) => too_large(),
        Ok(Err(_)) => Err(Refusal::bad_request("the body is broken")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::super::client::{BODY, Client, GOOD, Reply, request};
    use super::super::{Customers, Sandbox};
    use super::*;

    fn start() -> (Sandbox, Client) {
        let sandbox = Sandbox::start(Options::default()).unwrap();
        let client = Client::connect(sandbox.address());
        (sandbox, client)
    }

    fn is_error(reply: &Reply, status: u16, message: &str) {
        let body = format!(r#"{{"result":"error","message":"{message}"}}"#);
        assert_eq!((reply.status, reply.body.as_str()), (status, body.as_str()));
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }

    #[test]
    fn the_call_of_the_api_page_is_answered_with_true() {
        let (sandbox, mut client) = start();
        let reply = client.patch(BODY).unwrap();
        assert_eq!((reply.status, reply.body.as_str()), (200, "true"));
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let shown = client.get("/sandbox/customers/191");
        assert_eq!(
            shown.body,
            r#"{"customer_id":"191","subscription_id":null,"fields":{"country":"US","email":"test@testmail.com","firstname":"Test","zip":"66666"},"updates":1}"#
        );
        assert_eq!(sandbox.stats().updated, 1);
    }

    #[test]
    fn wrong_addresses_are_not_found() {
        let (sandbox, mut client) = start();
        for path in [
            "/api/customer/set_customer_details/",
            "/api/customer",
            "/API/customer/set_customer_details",
            "/x",
        ] {
            let head = format!("PATCH {path} HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n");
            client.write(head.as_bytes()).unwrap();
            is_error(&client.read().unwrap(), 404, "no such endpoint");
        }
        assert_eq!(sandbox.stats().requests, 0);
    }

    #[test]
    fn the_refusal_of_a_wrong_method_names_the_right_one() {
        let (sandbox, mut client) = start();
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PURGE"] {
            client.write(format!("{method} {CALL} HTTP/1.1\r\nHost: s\r\n\r\n").as_bytes()).unwrap();
            let reply = client.read().unwrap();
            is_error(&reply, 405, "wrong method, use PATCH");
            assert_eq!(reply.header("allow"), Some("PATCH"));
        }
        client.write(b"POST /sandbox/stats HTTP/1.1\r\nHost: s\r\n\r\n").unwrap();
        assert_eq!(client.read().unwrap().header("allow"), Some("GET, HEAD"));
        assert_eq!(sandbox.stats().requests, 0);
    }

    #[test]
    fn credentials_are_required() {
        let (sandbox, mut client) = start();
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        for headers in [
            "",
            "api-key: k\r\n",
            "api-username: u\r\n",
            "api-key:\r\napi-username: u\r\n",
            "api-key: k\r\napi-username: \r\n",
        ] {
            let reply = client.call(&format!("{headers}{form}"), BODY.as_bytes()).unwrap();
            is_error(&reply, 401, "api-key and api-username are required");
        }
        assert_eq!(client.get("/sandbox/customers/191").status, 404);
        assert_eq!(sandbox.stats().unauthorized, 5);
    }

    #[test]
    fn the_demanded_credentials_are_compared() {
        let credentials = Some(Credentials { api_username: "u".to_owned(), api_key: "k".to_owned() });
        let sandbox = Sandbox::start(Options { credentials, ..Options::default() }).unwrap();
        let mut client = Client::connect(sandbox.address());
        assert_eq!(client.patch(BODY).unwrap().body, "true");
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        for headers in [
            "api-key: K\r\napi-username: u\r\n",
            "api-key: k\r\napi-username: k\r\n",
            "api-key: kk\r\napi-username: u\r\n",
        ] {
            let reply = client.call(&format!("{headers}{form}"), BODY.as_bytes()).unwrap();
            is_error(&reply, 401, "wrong api-key or api-username");
        }
    }

    #[test]
    fn the_body_must_be_a_form() {
        let (_sandbox, mut client) = start();
        let credentials = "api-key: k\r\napi-username: u\r\n";
        for content_type in
            ["", "Content-Type: application/json\r\n", "Content-Type: multipart/form-data; boundary=x\r\n"]
        {
            let reply = client.call(&format!("{credentials}{content_type}"), BODY.as_bytes()).unwrap();
            is_error(&reply, 400, "the body must be application/x-www-form-urlencoded");
        }
        let headers =
            format!("{credentials}content-TYPE: Application/X-WWW-Form-UrlEncoded ; charset=utf-8\r\n");
        assert_eq!(client.call(&headers, BODY.as_bytes()).unwrap().body, "true");
    }

    #[test]
    fn malformed_bodies_are_refused() {
        let (sandbox, mut client) = start();
        for (body, status, message) in [
            ("customer_id=1&city=%4", 400, "malformed percent-encoding"),
            ("customer_id=1&city=%ff", 400, "a parameter is not valid UTF-8"),
            ("customer_id=1&town=x", 404, "invalid parameter: town"),
            ("customer_id=1&city=x&city=y", 400, "duplicate parameter: city"),
            ("city=x", 400, "customer_id or subscription_id is required"),
            ("customer_id=&city=x", 400, "customer_id or subscription_id is required"),
            ("customer_id=1", 400, "at least one field is required"),
            ("customer_id=1&password=REMOVE", 400, "password cannot be removed"),
            ("", 400, "customer_id or subscription_id is required"),
        ] {
            is_error(&client.patch(body).unwrap(), status, message);
        }
        assert_eq!(sandbox.stats().refused, 9);
        assert_eq!(client.get("/sandbox/customers/1").status, 404);
    }

    #[test]
    fn a_200_can_refuse() {
        let customers =
            Some(Customers::read(&b"customer_id,subscription_id\n1,A\n2,B\n"[..], "c.csv").unwrap());
        let sandbox = Sandbox::start(Options { customers, ..Options::default() }).unwrap();
        let mut client = Client::connect(sandbox.address());
        is_error(&client.patch("customer_id=3&city=x").unwrap(), 200, "customer not found");
        let different = "customer_id and subscription_id name different customers";
        is_error(&client.patch("customer_id=1&subscription_id=B&city=x").unwrap(), 200, different);
        assert_eq!(client.patch("subscription_id=B&city=x").unwrap().body, "true");
        assert_eq!((sandbox.stats().customers, sandbox.stats().refused), (2, 2));
    }

    #[test]
    fn values_arrive_byte_for_byte() {
        let (_sandbox, mut client) = start();
        let body = "subscription_id=a%2Fb+c&custom1=%2B49%26%3D%25%2B+x&custom2=%F0%9F%91%8De%CC%81&password=p%0D%0A%00";
        assert_eq!(client.patch(body).unwrap().body, "true");
        let shown: serde_json::Value =
            serde_json::from_str(&client.get("/sandbox/customers/a%2Fb%20c").body).unwrap();
        assert_eq!(shown["fields"]["custom1"], "+49&=%+ x");
        assert_eq!(shown["fields"]["custom2"], "\u{1f44d}e\u{301}");
        assert_eq!(shown["fields"]["password"], "p\r\n\0");
        assert_eq!(client.get("/sandbox/customers/%ff").status, 400);
        assert_eq!(client.get("/sandbox/customers/").status, 404);
    }

    #[test]
    fn a_body_has_a_limit() {
        let (sandbox, mut client) = start();
        let with_size = |size: usize| format!("customer_id=1&city={}", "x".repeat(size - 19));
        assert_eq!(client.patch(&with_size(MAX_BODY)).unwrap().body, "true");
        // A body whose announced length is too large is refused unread.
        let head =
            format!("PATCH {CALL} HTTP/1.1\r\nHost: s\r\n{GOOD}Content-Length: {}\r\n\r\n", MAX_BODY + 1);
        client.write(head.as_bytes()).unwrap();
        let reply = client.read().unwrap();
        is_error(&reply, 413, "the body is larger than 1 MiB");
        assert_eq!(reply.header("connection"), Some("close"));
        // A body in chunks is refused when it gets too large.
        let mut client = Client::connect(sandbox.address());
        let head = format!("PATCH {CALL} HTTP/1.1\r\nHost: s\r\n{GOOD}Transfer-Encoding: chunked\r\n\r\n");
        client.write(head.as_bytes()).unwrap();
        client.write(format!("{:x}\r\n{}\r\n", MAX_BODY + 1, with_size(MAX_BODY + 1)).as_bytes()).unwrap();
        assert_eq!(client.read().unwrap().status, 413);
        assert_eq!(sandbox.stats().refused, 2);
    }

    #[test]
    fn a_body_may_come_in_pieces() {
        let (_sandbox, mut client) = start();
        let head = format!("PATCH {CALL} HTTP/1.1\r\nHost: s\r\n{GOOD}Transfer-Encoding: chunked\r\n\r\n");
        client.write(head.as_bytes()).unwrap();
        for piece in ["5\r\ncusto\r\n", "e\r\nmer_id=7&city=\r\n", "1\r\ny\r\n0\r\n\r\n"] {
            client.write(piece.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(client.read().unwrap().body, "true");
        assert!(client.get("/sandbox/customers/7").body.contains(r#"{"city":"y"}"#));
    }

    #[test]
    fn garbage_does_not_harm_others() {
        let (sandbox, mut client) = start();
        for garbage in
            [&b"\0\0\0\0"[..], b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", &[b'A'; 1 << 20]]
        {
            let mut other = Client::connect(sandbox.address());
            // The server may close the connection before it has read everything.
            let _ = other.write(garbage);
            drop(other);
        }
        let broken = request(&format!("{GOOD}Transfer-Encoding: chunked\r\n"), b"zz\r\n");
        let mut other = Client::connect(sandbox.address());
        other.write(&broken).unwrap();
        assert!(
            other
                .read()
                .map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |reply| reply.status == 400)
        );
        assert_eq!(client.patch(BODY).unwrap().body, "true");
    }

    #[test]
    fn a_client_that_leaves_in_the_middle_ends_its_attempt() {
        let (sandbox, mut client) = start();
        for _ in 0..3 {
            let mut other = Client::connect(sandbox.address());
            other.write(&request(GOOD, BODY.as_bytes())[..230]).unwrap();
            drop(other);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(client.patch(BODY).unwrap().body, "true");
        let stats = sandbox.stats();
        assert_eq!((stats.updated, stats.requests, stats.most_in_flight), (1, 4, 1));
    }

    #[test]
    fn pipelined_requests_are_answered_in_order() {
        let (_sandbox, mut client) = start();
        let requests: Vec<u8> =
            (0..20).flat_map(|id| request(GOOD, format!("customer_id={id}&city=x").as_bytes())).collect();
        client.write(&requests).unwrap();
        for _ in 0..20 {
            assert_eq!(client.read().unwrap().body, "true");
        }
    }

    #[test]
    fn the_sandbox_explains_itself() {
        let (_sandbox, mut client) = start();
        let about = client.get("/");
        assert!(about.body.contains(CALL) && about.body.contains("/sandbox/stats"));
        let stats: Stats = serde_json::from_str(&client.get("/sandbox/stats").body).unwrap();
        assert_eq!(stats, Stats::default());
    }
}
