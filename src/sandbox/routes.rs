//! The addresses of the server and what each one does.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State as Shared};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, get, patch};
use axum::{Extension, Router};
use http_body_util::LengthLimitError;
use tokio::sync::watch;

use super::connection::Reset;
use super::customers::Named;
use super::reply::{self, Refusal};
use super::state::{Outcome, State, Stats};
use super::{Credentials, Faults, form};

/// The one call of the API.
pub(super) const CALL: &str = "/api/customer/set_customer_details";

/// The most bytes of a body. Chosen: many times a row with every field.
const MAX_BODY: usize = 1 << 20;

/// The most time a body may take to arrive. Chosen.
const MAX_BODY_WAIT: Duration = Duration::from_secs(30);

/// The seconds that a throttled caller is told to wait: the limit is one of any second, so never more.
const THROTTLE_SECONDS: u64 = 1;

/// What `GET /` says.
const ABOUT: &str = "This is a sandbox that behaves like the Offerit API, for made-up data only.\n\
\n\
PATCH /api/customer/set_customer_details   the API's call, with its headers and its form body\n\
GET   /sandbox/customers/{id}              what is on file for a customer or subscription id\n\
GET   /sandbox/stats                       what has been seen so far\n";

/// What all requests share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) credentials: Option<Credentials>,
    pub(super) faults: Faults,
    pub(super) state: Mutex<State>,
    /// Turns true when the server is to stop.
    pub(super) closing: watch::Receiver<bool>,
}

impl Server {
    /// The state, also after a panic elsewhere: counters are the worst that can be off by one.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the server is to stop.
    pub(super) async fn closed(&self) {
        // An error means that nobody is left to say so.
        let _ = self.closing.clone().wait_for(|closing| *closing).await;
    }

    /// What has been seen so far.
    pub(super) fn stats(&self) -> Stats {
        self.state().stats()
    }

    /// Holds a reply back, but not the end of the server.
    async fn delay(&self) {
        if !self.faults.latency.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(self.faults.latency) => {}
                () = self.closed() => {}
            }
        }
    }

    /// Checks the two headers of the API page.
    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.faults.unauthorized {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "this account may not use the API"));
        }
        let header = |name| headers.get(name).map_or(&b""[..], |value| value.as_bytes());
        let (key, username) = (header("api-key"), header("api-username"));
        if key.is_empty() || username.is_empty() {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "api-key and api-username are required"));
        }
        match &self.credentials {
            Some(demanded) if !demanded.are(username, key) => {
                Err(Refusal::new(StatusCode::UNAUTHORIZED, "wrong api-key or api-username"))
            }
            _ => Ok(()),
        }
    }
}

/// All addresses.
pub(super) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route(CALL, only("PATCH", patch(set_customer_details)))
        .route("/sandbox/customers/{id}", only("GET, HEAD", get(customer)))
        .route("/sandbox/stats", only("GET, HEAD", get(stats)))
        .route("/", only("GET, HEAD", get(|| async { reply::text(ABOUT) })))
        .fallback(|| async { reply::refused(&Refusal::not_found("no such endpoint")) })
        .with_state(server)
}

/// Answers every other method with a 405.
fn only(allowed: &'static str, route: MethodRouter<Arc<Server>>) -> MethodRouter<Arc<Server>> {
    route.fallback(move || async move { reply::wrong_method(allowed) })
}

/// Shows a customer.
async fn customer(Shared(server): Shared<Arc<Server>>, id: Option<Path<String>>) -> Response {
    let Some(Path(id)) = id else {
        return reply::refused(&Refusal::bad_request("the id is not valid UTF-8"));
    };
    match server.state().customer(&id) {
        Some(view) => reply::json(StatusCode::OK, &view),
        None => reply::refused(&Refusal::not_found("customer not found")),
    }
}

/// Shows the counters.
async fn stats(Shared(server): Shared<Arc<Server>>) -> Response {
    reply::json(StatusCode::OK, &server.stats())
}

/// A request that is being dealt with; it ends when this is dropped, also because its client has left.
struct Attempt<'a> {
    server: &'a Server,
    named: Named,
}

impl<'a> Attempt<'a> {
    /// Begins an attempt, unless it meets the outage.
    fn begin(server: &'a Server) -> (Attempt<'a>, bool) {
        let served = server.state().arrive(Instant::now());
        (Attempt { server, named: Named::default() }, served)
    }

    /// Decides what the request gets.
    fn decide(&mut self, headers: &HeaderMap, body: Result<Bytes, Refusal>) -> Outcome {
        let credentials = self.server.authorize(headers);
        let body = body.and_then(|body| is_form(headers).map(|()| body));
        let update = match &body {
            Ok(body) => form::parse(body),
            Err(refusal) => Err(Refusal::new(refusal.status, refusal.message.clone())),
        };
        let (outcome, named) = self.server.state().decide(Instant::now(), credentials, update);
        self.named = named;
        outcome
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.server.state().leave(self.named);
    }
}

/// The API's call.
async fn set_customer_details(
    Shared(server): Shared<Arc<Server>>,
    Extension(connection): Extension<Reset>,
    request: Request,
) -> Response {
    let (mut attempt, served) = Attempt::begin(&server);
    if !served {
        connection.reset();
        return reply::updated();
    }
    let (head, body) = request.into_parts();
    let body = read_body(&head.headers, body).await;
    let outcome = attempt.decide(&head.headers, body);
    server.delay().await;
    match outcome {
        Outcome::Updated => reply::updated(),
        Outcome::Refused(refusal) | Outcome::Unauthorized(refusal) => reply::refused(&refusal),
        Outcome::Throttled => reply::throttled(THROTTLE_SECONDS),
        Outcome::Failed => reply::failed(server.faults.retry_after),
        Outcome::Html => reply::maintenance(),
        Outcome::Stalled => {
            server.closed().await;
            connection.reset();
            reply::failed(None)
        }
        Outcome::Reset => {
            // Whatever is answered here never gets out.
            connection.reset();
            reply::failed(None)
        }
    }
}

/// Checks that the body is what it has to be.
fn is_form(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err(Refusal::bad_request("the body must be application/x-www-form-urlencoded"))
    }
}

/// Reads a whole body, within bounds.
async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > MAX_BODY)) {
        return Err(too_large());
    }
    match tokio::time::timeout(MAX_BODY_WAIT, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::bad_request("the body is broken")),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}

/// Whether a body is longer than the limit and not merely broken.
fn is_too_large(error: &axum::Error) -> bool {
    error.source().is_some_and(|cause| cause.is::<LengthLimitError>())
}

/// The refusal of a body that does not fit.
fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB")
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::super::client::{BODY, Client, GOOD, Reply, request};
    use super::super::{Customers, Options, Sandbox};
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
    fn wrong_methods_are_told_the_right_one() {
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
    fn demanded_credentials_are_compared() {
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
        // Announced: refused unread.
        let head =
            format!("PATCH {CALL} HTTP/1.1\r\nHost: s\r\n{GOOD}Content-Length: {}\r\n\r\n", MAX_BODY + 1);
        client.write(head.as_bytes()).unwrap();
        let reply = client.read().unwrap();
        is_error(&reply, 413, "the body is larger than 1 MiB");
        assert_eq!(reply.header("connection"), Some("close"));
        // In chunks: refused when it gets too large.
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
            // The server may hang up before it has read everything.
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
