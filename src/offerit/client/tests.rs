//! What becomes of a request when the server, or the way to it, fails: the same whichever way it is sent.

use super::super::ApiKey;
use super::*;
use crate::customer::{Parameter, UpdateBuilder};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

const TIMEOUT: Duration = Duration::from_millis(300);

fn request() -> Request {
    let mut builder = UpdateBuilder::default();
    builder.set(Parameter::City, "a&b=c d+e%\u{e9}\n".as_bytes());
    builder.set(Parameter::CustomerId, b"007");
    Request::new(builder.build().unwrap())
}

#[test]
fn the_body_is_a_form_in_the_order_of_the_page() {
    assert_eq!(&request().body[..], b"customer_id=007&city=a%26b%3Dc+d%2Be%25%C3%A9%0A");
}

/// What a server does with a connection on which a whole request has come.
#[derive(Debug, Clone, Copy)]
enum Server {
    /// Nobody listens.
    Absent,
    /// No such name.
    Nameless,
    /// Says this and closes.
    Says(&'static str),
    /// Closes with something unread, which resets the connection.
    Resets,
    /// Says this and then nothing, for good.
    SaysAndHangs(&'static str),
    /// Speaks no TLS, though it is asked to.
    Plain,
}

impl Server {
    /// Its base URL. What it does ends with the test's process.
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
                    if let Server::Says(text) | Server::SaysAndHangs(text) = self {
                        let _ = stream.write_all(text.as_bytes());
                    }
                    if matches!(self, Server::SaysAndHangs(_)) {
                        kept.push(stream);
                    }
                }
            })),
        }
        let scheme = if matches!(self, Server::Plain) { "https" } else { "http" };
        format!("{scheme}://{address}")
    }
}

/// The reply to one attempt, over each way to send that there is to this server.
fn replies(server: Server) -> Vec<Reply> {
    let credentials = Credentials::new("admin", ApiKey::new("s3cret").unwrap()).unwrap();
    let endpoint = Endpoint::new(&server.start(), true).unwrap();
    let settings = Settings { endpoint, credentials, authorities: Authorities::default(), timeout: TIMEOUT };
    let pooled = Client { wire: Wire::Pooled(Pooled::new(&settings).unwrap()), settings: settings.clone() };
    let usual = Client::new(settings).unwrap();
    assert_eq!(matches!(usual.wire, Wire::Direct(_)), !matches!(server, Server::Plain));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = |client: &Client| runtime.block_on(client.attempt(&request())).reply;
    vec![reply(&pooled), reply(&usual)]
}

#[test]
fn every_failure_on_the_way_tells_whether_the_request_can_have_left() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ntrue";
    const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 9\r\nretry-after: 7\r\n\r\nlate";
    let (not_sent, lost) = ("cannot connect to", "the connection broke before the reply was whole: ");
    let slow = "no whole reply within 300ms";
    let expected: [(Server, &str, &[&str]); 11] = [
        (Server::Absent, not_sent, &["refused"]),
        (Server::Nameless, not_sent, &["lookup", "resolution", "not known", "resolve"]),
        (Server::Plain, not_sent, &["tls", "InvalidContentType", "corrupt", "eof", "closed"]),
        (Server::Resets, lost, &["reset"]),
        (Server::Says(""), lost, &["closed", "reset"]),
        (Server::Says("HTTP/1.1 200 OK\r\ncontent-"), lost, &["closed", "incomplete", "eof"]),
        (Server::Says("220 mail.example ESMTP\r\n\r\n"), lost, &["invalid HTTP"]),
        (Server::Says(HEAD), lost, &["closed", "incomplete", "end of file", "eof"]),
        (Server::SaysAndHangs(""), slow, &[""]),
        (Server::SaysAndHangs("HTTP/1.1 200 OK\r\n"), slow, &[""]),
        (Server::SaysAndHangs(HEAD), slow, &[""]),
    ];
    for (server, start, causes) in expected {
        for reply in replies(server) {
            let (is_sent, text) = match reply {
                Reply::NotSent { text } => (false, text),
                Reply::Lost { text } => (true, text),
                other => panic!("{server:?}: {other:?}"),
            };
            assert_eq!(is_sent, start != not_sent, "{server:?}: {text}");
            assert!(text.starts_with(start), "{server:?}: {text}");
            // The cause at the bottom, not one of the errors above it, which say only that something failed.
            let told = text.to_lowercase();
            assert!(causes.iter().any(|cause| told.contains(&cause.to_lowercase())), "{server:?}: {text}");
        }
    }
    // The status was said: whatever becomes of the body, it counts, and the wish with it.
    for server in [Server::Says(BUSY), Server::SaysAndHangs(BUSY)] {
        for reply in replies(server) {
            let Reply::Overloaded { status: 503, retry_after, .. } = reply else { panic!("{reply:?}") };
            assert_eq!(retry_after, Some(Duration::from_secs(7)));
        }
    }
}

#[test]
fn a_connection_is_used_again_and_a_stale_one_costs_no_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Two replies a connection; it is closed behind the second, which the client cannot foresee.
    let (closed, is_closed) = mpsc::channel();
    let server = thread::spawn(move || {
        let answer = |stream: &mut TcpStream| {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].ends_with(b"%0A"), "one request at a time, and whole");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue").unwrap();
        };
        (0..3).map(|_| listener.accept().unwrap().0).for_each(|mut stream| {
            answer(&mut stream);
            answer(&mut stream);
            drop(stream);
            closed.send(()).unwrap();
        });
    });
    let credentials = Credentials::new("admin", ApiKey::new("s3cret").unwrap()).unwrap();
    let endpoint = Endpoint::new(&url, false).unwrap();
    let client = Client::new(Settings {
        endpoint,
        credentials,
        authorities: Authorities::default(),
        timeout: Duration::from_secs(30),
    });
    let (client, request) = (client.unwrap(), request());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..3 {
            assert_eq!(client.attempt(&request).await.reply, Reply::Confirmed { status: 200 });
            assert_eq!(client.attempt(&request).await.reply, Reply::Confirmed { status: 200 });
            is_closed.recv().unwrap();
            // The runtime hears of it, as it does between requests of any run.
            tokio::task::yield_now().await;
        }
    });
    server.join().unwrap();
}
