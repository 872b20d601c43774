//! A proxy of the environment: used for other machines, never for this one, and never trusted with the key.

use crate::support::{INPUT, KEY, Offerit, Output, RESULT, USERNAME, table};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Little patience for what will not get better.
const SHORT: &[&str] = &["--max-outage", "100ms"];

/// A proxy that notes everything it is told and gives the same answer to every head.
struct Proxy {
    address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let told = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&told);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let notes = Arc::clone(&notes);
                thread::spawn(move || serve(stream, answer, &notes));
            }
        });
        Self { address, told }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().expect("no panic").clone()
    }
}

fn serve(mut stream: TcpStream, answer: &str, notes: &Mutex<Vec<String>>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(count @ 1..) => bytes.extend_from_slice(&chunk[..count]),
            _ => break,
        }
    }
    notes.lock().expect("no panic").push(String::from_utf8_lossy(&bytes).into_owned());
    // Fails only where the client went first.
    let _ = stream.write_all(answer.as_bytes());
    if answer.contains(" 200 ") {
        let mut rest = Vec::new();
        let _ = stream.take(64 * 1024).read_to_end(&mut rest);
        notes.lock().expect("no panic").push(String::from_utf8_lossy(&rest).into_owned());
    }
}

/// Runs a job for a server that is not on this machine, with the proxy under the given name.
fn run(variable: &str, proxy: &Proxy, url: &str, arguments: &[&str]) -> (Offerit, Output) {
    let offerit = Offerit::with_credentials(url).env(variable, proxy.url());
    offerit.input(INPUT, table(1..=30));
    let output = offerit.send(&[&["--concurrency", "3"], arguments].concat());
    (offerit, output)
}

#[track_caller]
fn assert_no_secret(told: &[String]) {
    for text in told {
        assert!(!text.contains(KEY) && !text.contains(USERNAME) && !text.contains("City"), "{text}");
    }
}

#[test]
fn a_proxy_gets_a_connect_and_neither_key_nor_row() {
    for variable in ["HTTPS_PROXY", "ALL_PROXY"] {
        let proxy = Proxy::start("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
        let (offerit, output) = run(variable, &proxy, "https://offerit.test", SHORT);
        let output = output.expect_code(4);
        let told = proxy.told();
        assert!(!told.is_empty(), "{variable} is not used");
        assert!(
            told.iter().all(|head| head.starts_with("CONNECT offerit.test:443 HTTP/1.1\r\n")),
            "{told:?}"
        );
        assert_no_secret(&told);
        assert_eq!(offerit.records(), [], "no row pays for it");
        let why = format!("through the proxy in {variable}: the proxy refused");
        assert!(output.stderr.contains(&why), "{}", output.stderr);
    }
}

#[test]
fn a_proxy_that_is_not_there_is_told_from_a_server_that_is_not() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let offerit = Offerit::with_credentials("https://offerit.test")
        .env("HTTPS_PROXY", format!("http://someone:word@127.0.0.1:{port}"));
    offerit.input(INPUT, table(1..=3));
    let output = offerit.send(SHORT).expect_code(4);
    assert!(output.stderr.contains("through the proxy in HTTPS_PROXY: "), "{}", output.stderr);
    assert!(!output.stderr.contains("word@") && !output.stderr.contains("someone"), "{}", output.stderr);
}

#[test]
fn a_proxy_that_plays_the_server_itself_sees_no_request() {
    // It grants the tunnel and waits at its other end: without the server's certificate it learns nothing.
    let proxy = Proxy::start("HTTP/1.1 200 OK\r\n\r\n");
    let (offerit, output) =
        run("HTTPS_PROXY", &proxy, "https://offerit.test", &["--max-outage", "100ms", "--timeout", "200ms"]);
    output.expect_code(4);
    assert_no_secret(&proxy.told());
    assert_eq!(offerit.records(), [], "no request can have been seen");
}

#[test]
fn a_proxy_that_wants_credentials_stops_the_run_at_once() {
    let proxy = Proxy::start(
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n",
    );
    let (offerit, output) = run("HTTPS_PROXY", &proxy, "https://offerit.test", &["--max-outage", "3s"]);
    assert_no_secret(&proxy.told());
    assert_eq!(offerit.records(), [], "no row pays for it");
    assert!(output.stderr.contains("proxy"), "{}", output.stderr);
    // As in the table of replies: every row would fail, and no patience helps.
    output.expect_code(6);
    assert!(proxy.told().len() <= 3, "{} tunnels asked for", proxy.told().len());
}

#[test]
fn a_proxy_that_cannot_be_used_is_not_passed_by() {
    for (value, told) in [("http://:se cret@", "URL of a proxy"), ("socks5://x:secret@127.0.0.1:9", "SOCKS")]
    {
        let offerit = Offerit::with_credentials("https://offerit.test").env("HTTPS_PROXY", value);
        offerit.input(INPUT, table(1..=3));
        let output = offerit.send(SHORT).expect_code(2);
        assert!(output.stderr.contains("HTTPS_PROXY") && output.stderr.contains(told), "{}", output.stderr);
        assert!(!output.stderr.contains("cret"), "{}", output.stderr);
        assert!(!offerit.path(RESULT).exists());
        // Where it is not used, it does no harm.
        let offerit = offerit.env("NO_PROXY", "offerit.test");
        offerit.send(SHORT).expect_code(4);
    }
}

#[test]
fn no_name_of_this_machine_is_reached_through_a_proxy() {
    for host in ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"] {
        let proxy = Proxy::start("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue");
        // Nobody listens there: what matters is who is asked.
        let mut offerit = Offerit::with_credentials(&format!("http://{host}:1"));
        for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            offerit = offerit.env(variable, proxy.url());
        }
        offerit.input(INPUT, table(1..=30));
        offerit.send(&["--max-outage", "100ms"]).expect_code(4);
        assert_eq!(proxy.told(), Vec::<String>::new(), "{host}");
    }
}

#[test]
fn no_proxy_with_a_star_holds_for_addresses_too() {
    for host in ["offerit.test", "192.0.2.1", "[2001:db8::1]"] {
        let proxy = Proxy::start("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue");
        let offerit = Offerit::with_credentials(&format!("http://{host}:1"))
            .env("HTTP_PROXY", proxy.url())
            .env("NO_PROXY", "*");
        offerit.input(INPUT, table(1..=3));
        let output = offerit.send(&["--allow-http", "--max-outage", "100ms", "--timeout", "200ms"]);
        output.expect_code(4);
        assert_eq!(proxy.told(), Vec::<String>::new(), "{host}");
    }
}

#[test]
fn plain_http_goes_to_the_proxy_with_its_credentials() {
    let proxy = Proxy::start("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue");
    let url = proxy.url().replace("http://", "http://user:pass%40word@");
    let offerit = Offerit::with_credentials("http://offerit.test").env("HTTP_PROXY", url);
    offerit.input(INPUT, table(1..=3));
    offerit.send(&["--allow-http", "--concurrency", "1"]).expect_code(0);
    let told = proxy.told();
    let head = told.first().expect("the proxy is asked");
    assert!(head.starts_with("PATCH http://offerit.test/api/"), "{head}");
    // user:pass@word in Base64.
    assert!(head.contains("proxy-authorization: Basic dXNlcjpwYXNzQHdvcmQ="), "{head}");
}
