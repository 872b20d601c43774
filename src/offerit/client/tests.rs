//! Requests to servers that fail, over the pool and over a fresh connection.

use super::super::ApiKey;
use super::*;
use crate::customer::{Parameter, Update, Values};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

const TIMEOUT: Duration = Duration::from_millis(300);

fn request() -> Request {
    let mut values = Values::default();
    values.set(Parameter::City, "a&b=c d+e%\u{e9}\n");
    values.set(Parameter::CustomerId, "007");
    Request::from(Update::new(values, &mut Vec::new()).unwrap())
}

#[test]
fn the_body_is_a_form_in_the_order_of_the_page() {
    assert_eq!(&request().body[..], b"customer_id=007&city=a%26b%3Dc+d%2Be%25%C3%A9%0A");
}

/// The behaviour of a server after a whole request.
#[derive(Debug, Clone, Copy)]
enum Server {
    /// No server listens at the port.
    Absent,
    /// No such name.
    Nameless,
    /// Sends this and closes.
    Sends(&'static str),
    /// Closes with something unread, which resets the connection.
    Resets,
    /// Sends this and never anything else.
    SendsAndHangs(&'static str),
    /// Speaks no TLS, although the client begins with TLS.
    Plain,
}

impl Server {
    /// Its base URL. Its threads end with the test's process.
    fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        match self {
            Server::Nameless => return "http://nobody.invalid".to_owned(),
            Server::Absent => drop(listener),
            _ => drop(thread::spawn(move || {
                let mut kept = Vec::new();
                for mut stream in listener.incoming().map_while(Result::ok) {
                    let mut request = [0; 4096];
                    let most = if matches!(self, Server::Resets) { 10 } else { 4096 };
                    let _ = stream.read(&mut request[..most]);
                    if let Server::Sends(text) | Server::SendsAndHangs(text) = self {
                        let _ = stream.write_all(text.as_bytes());
                    }
                    if matches!(self, Server::SendsAndHangs(_)) {
                        kept.push(stream);
                    }
                }
            })),
        }
        let scheme = if matches!(self, Server::Plain) { "https" } else { "http" };
        format!("{scheme}://{address}")
    }
}

/// The events of an attempt.
#[derive(Default)]
struct Events {
    departures: Cell<u32>,
    asked: Cell<Option<Duration>>,
}

impl AttemptEvents for Events {
    fn request_sent(&self) {
        self.departures.set(self.departures.get() + 1);
    }

    fn retry_after(&self, wait: Duration) {
        self.asked.set(Some(wait));
    }
}

/// A client, a request that goes over its pool, and a request that goes over a fresh connection.
fn ways(server: Server, timeout: Duration) -> [(Client, Request); 2] {
    let url = server.start();
    let mut over_fresh = request();
    over_fresh.use_fresh_connection();
    [request(), over_fresh].map(|request| (client(&url, timeout), request))
}

/// The reply to one attempt and its events, over the pool and over a fresh connection.
fn replies(server: Server) -> [(Reply, Events); 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    ways(server, TIMEOUT).map(|(client, request)| {
        let events = Events::default();
        let attempt = runtime.block_on(client.attempt(&request, &events));
        (attempt.reply, events)
    })
}

const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 9\r\nretry-after: 7\r\n\r\nlate";

#[test]
fn a_retry_after_is_reported_before_the_body_of_its_reply() {
    for (client, request) in ways(Server::SendsAndHangs(BUSY), Duration::from_secs(60)) {
        let events = Events::default();
        let mut attempt = Box::pin(client.attempt(&request, &events));
        block_on(poll_fn(|context| match attempt.as_mut().poll(context) {
            Poll::Ready(attempt) => panic!("over before the report: {attempt:?}"),
            Poll::Pending if events.asked.get().is_some() => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }));
        assert_eq!(events.asked.get(), Some(Duration::from_secs(7)));
    }
}

#[test]
fn a_denial_does_not_wait_for_its_words() {
    let hangs = Server::SendsAndHangs("HTTP/1.1 401 No\r\ncontent-length: 99\r\n\r\nunknown key");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (client, request) in ways(hangs, Duration::from_secs(86_400)) {
        let attempt = runtime.block_on(async {
            let events = Events::default();
            tokio::time::timeout(Duration::from_secs(60), client.attempt(&request, &events)).await
        });
        let denied = Reply::Denied { status: 401, text: "unknown key".to_owned() };
        assert_eq!(attempt.unwrap().reply, denied);
    }
}

#[test]
fn a_folded_header_breaks_no_reply() {
    let server =
        Server::Sends("HTTP/1.1 200 OK\r\nset-cookie: a=b;\r\n path=/\r\ncontent-length: 4\r\n\r\ntrue");
    for (reply, _) in replies(server) {
        assert_eq!(reply, Reply::Confirmed { status: 200 });
    }
}

#[test]
fn every_failure_shows_whether_the_request_can_have_left() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ntrue";
    let (not_sent, lost) = ("cannot connect to", "the connection broke before the complete reply: ");
    let slow = "no complete reply within 300ms";
    let expected: [(Server, &str, &[&str]); 11] = [
        (Server::Absent, not_sent, &["refused"]),
        (Server::Nameless, not_sent, &["not found", "resolution"]),
        (Server::Plain, not_sent, &["tls", "InvalidContentType", "corrupt", "eof", "closed"]),
        (Server::Resets, lost, &["reset"]),
        (Server::Sends(""), lost, &["closed", "reset"]),
        (Server::Sends("HTTP/1.1 200 OK\r\ncontent-"), lost, &["closed", "incomplete", "eof"]),
        (Server::Sends("220 mail.example ESMTP\r\n\r\n"), lost, &["invalid HTTP"]),
        (Server::Sends(HEAD), lost, &["closed", "incomplete", "end of file", "eof"]),
        (Server::SendsAndHangs(""), slow, &[""]),
        (Server::SendsAndHangs("HTTP/1.1 200 OK\r\n"), slow, &[""]),
        (Server::SendsAndHangs(HEAD), slow, &[""]),
    ];
    for (server, start, causes) in expected {
        // Over the pool, a connection that ends without the head of a reply is stale.
        let is_headless =
            matches!(server, Server::Resets | Server::Sends("" | "HTTP/1.1 200 OK\r\ncontent-"));
        for ((reply, events), is_pooled) in replies(server).into_iter().zip([true, false]) {
            let is_stale = matches!(reply, Reply::Stale { .. });
            assert_eq!(is_stale, is_headless && is_pooled, "{server:?}: {reply:?}");
            let (is_sent, text) = match reply {
                Reply::NotSent { text, .. } => (false, text),
                Reply::Stale { text } | Reply::Lost { text, .. } => (true, text),
                other => panic!("{server:?}: {other:?}"),
            };
            assert_eq!(is_sent, start != not_sent, "{server:?}: {text}");
            assert_eq!(events.departures.get(), u32::from(is_sent), "{server:?}: {text}");
            assert!(text.starts_with(start), "{server:?}: {text}");
            // The innermost cause: the errors above it only repeat that something failed.
            let lower = text.to_lowercase();
            assert!(causes.iter().any(|cause| lower.contains(&cause.to_lowercase())), "{server:?}: {text}");
        }
    }
    // The status and Retry-After count even if the body is broken.
    for server in [Server::Sends(BUSY), Server::SendsAndHangs(BUSY)] {
        for (reply, events) in replies(server) {
            assert!(matches!(reply, Reply::Overloaded { status: 503, .. }), "{reply:?}");
            assert_eq!(events.departures.get(), 1);
            assert_eq!(events.asked.get(), Some(Duration::from_secs(7)));
        }
    }
}

fn client(url: &str, timeout: Duration) -> Client {
    let credentials = Credentials::new("admin", ApiKey::new("s3cret").unwrap()).unwrap();
    let endpoint = Endpoint::new(url, true).unwrap();
    Client::new(Settings {
        endpoint,
        route: Route::Direct,
        credentials,
        authorities: Authorities::default(),
        timeout,
        show_reply: None,
    })
    .unwrap()
}

/// A server that serves one connection after the other with `serve`, which can wait for a signal of the test.
fn scripted(
    connections: usize,
    serve: impl Fn(usize, &mut TcpStream, &dyn Fn()) + Send + 'static,
) -> (String, impl Fn()) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (go_on, signal) = mpsc::channel::<()>();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        for number in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            serve(number, &mut stream, &|| signal.recv().unwrap());
            drop(stream);
            done.send(()).unwrap();
        }
    });
    // Signals the server and waits until the server has ended the connection.
    let turn = move || {
        go_on.send(()).unwrap();
        is_done.recv().unwrap();
    };
    (url, turn)
}

/// Reads a request to its end. Every request is [`request`], whose end is known.
fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"%0A") {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0, "the client closed before its request was whole");
        request.extend_from_slice(&some[..count]);
    }
}

const TRUE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue";
const CONFIRMED: Reply = Reply::Confirmed { status: 200 };

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_connection_is_reused_and_a_connection_closed_while_idle_costs_no_attempt() {
    let (url, close) = scripted(3, |_, stream, wait| {
        for _ in 0..2 {
            read_request(stream);
            stream.write_all(TRUE).unwrap();
        }
        wait();
    });
    // Far longer than the test: an attempt over a dead connection would last as long as the timeout.
    let client = client(&url, Duration::from_secs(60));
    block_on(async {
        for _ in 0..3 {
            assert_eq!(client.attempt(&request(), &Events::default()).await.reply, CONFIRMED);
            assert_eq!(client.attempt(&request(), &Events::default()).await.reply, CONFIRMED);
            close();
            // Lets the runtime notice the end of the connection.
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn an_unrequested_reply_is_not_treated_as_the_next_reply() {
    let (url, speak) = scripted(2, |number, stream, wait| {
        read_request(stream);
        if number == 0 {
            stream.write_all(TRUE).unwrap();
            wait();
            stream.write_all(TRUE).unwrap();
        } else {
            stream.write_all(b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\nno").unwrap();
        }
    });
    let client = client(&url, Duration::from_secs(60));
    block_on(async {
        assert_eq!(client.attempt(&request(), &Events::default()).await.reply, CONFIRMED);
        speak();
        tokio::task::yield_now().await;
        let reply = client.attempt(&request(), &Events::default()).await.reply;
        assert_eq!(reply, Reply::Refused { status: 400, text: "no".to_owned() });
    });
}

#[test]
fn a_connection_is_not_reused_if_the_server_did_not_read_the_whole_request() {
    let (url, _turn) = scripted(2, |number, stream, wait| {
        let mut some = [0; 100];
        stream.read_exact(&mut some).unwrap();
        stream.write_all(TRUE).unwrap();
        if number == 0 {
            // The rest of the request is never read, though the connection stays open.
            std::mem::forget(stream.try_clone().unwrap());
        } else {
            wait();
        }
    });
    let mut values = Values::default();
    values.set(Parameter::CustomerId, "007");
    // More than the buffers of a connection take.
    values.set(Parameter::City, &"a".repeat(64 << 20));
    let long = Request::from(Update::new(values, &mut Vec::new()).unwrap());
    let client = client(&url, Duration::from_secs(60));
    block_on(async {
        assert_eq!(client.attempt(&long, &Events::default()).await.reply, CONFIRMED);
        assert_eq!(client.attempt(&request(), &Events::default()).await.reply, CONFIRMED);
    });
}

#[test]
fn a_server_that_never_stops_talking_does_not_outlast_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // A reply that is sent before the request would belong to no request.
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
        // Until the client disconnects, or far longer than the timeout.
        (0..20_000).all(|_| stream.write_all(&endless).is_ok())
    });
    let reply = block_on(async { client(&url, TIMEOUT).attempt(&request(), &Events::default()).await.reply });
    assert_eq!(reply, Reply::Lost { text: "no complete reply within 300ms".to_owned(), fault: None });
    assert!(!server.join().unwrap(), "the server had said all it had to say");
}

#[test]
fn the_headers_mask_the_key() {
    let credentials = Credentials::new("admin", ApiKey::new("s3cret").unwrap()).unwrap();
    let headers = headers(&credentials);
    assert_eq!(headers["api-key"], "s3cret");
    assert_eq!(headers["api-username"], "admin");
    assert!(!format!("{headers:?}").contains("s3cret"));
}

#[test]
fn a_compressed_reply_is_read_up_to_the_limit() {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    type Compress = fn(&[u8]) -> Vec<u8>;
    let codings: [(&str, Compress); 4] = [
        ("gzip", |text| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }),
        ("deflate", |text| {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }),
        ("Deflate", |text| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }),
        ("identity", <[u8]>::to_vec),
    ];
    for (coding, compress) in codings {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", HeaderValue::from_str(coding).unwrap());
        let decompressed = |text: &[u8]| {
            let mut body = ReplyBody::default();
            body.add(&compress(text));
            let body = body.decompress(&headers);
            (body.bytes, body.is_cut)
        };
        assert_eq!(decompressed(b"true"), (b"true".to_vec(), false), "{coding}");
        assert_eq!(decompressed(&vec![b' '; 1 << 20]), (vec![b' '; 1 << 16], true), "{coding}");
        assert_eq!(decompressed(&vec![b' '; 1 << 16]), (vec![b' '; 1 << 16], false), "{coding}");
    }
    // A body that is not compressed stays unchanged even if its header claims a compression.
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    let mut body = ReplyBody::default();
    body.add(b"true");
    assert_eq!(body.decompress(&headers).bytes, b"true");
}
