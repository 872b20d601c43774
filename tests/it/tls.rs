//! TLS and HTTP/2: who is trusted, and what refused streams come to. The server is a small one of its own, made
//! of the protocol libraries, so that it can break off where HTTP servers do not.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use crate::support::{self, KEY, Offerit, USERNAME};
use bytes::Bytes;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A private certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A server's TLS settings with a certificate for `name`, offering HTTP/2.
    fn server(&self, name: &str, is_expired: bool) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if is_expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        server_with(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }
}

/// An authority that shows its own certificate as that of a server, and that server's TLS settings.
fn that_serves_itself(name: &str) -> (Authority, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let config = server_with(&certificate, &key);
    (Authority { issuer: Issuer::new(params, key), pem: certificate.pem() }, config)
}

/// A server's TLS settings with this certificate, offering HTTP/2.
fn server_with(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// What becomes of the n-th request, counted from 0.
#[derive(Clone, Copy)]
enum Answer {
    Updated,
    /// RST_STREAM with REFUSED_STREAM: the request was not looked at.
    RefusedStream,
    /// The same, behind the head of a reply.
    RefusedBehindHead,
    /// GOAWAY, and the connection is gone.
    GoAway,
}

/// What a server does with its connections.
#[derive(Clone, Copy)]
enum Manner {
    /// It answers the n-th request like this.
    Answering(fn(usize) -> Answer),
    /// See [`close_in_good_order`].
    ClosingInGoodOrder,
}

/// An HTTP/2 server on a thread of its own, until it is dropped.
struct Http2 {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    /// The customer of every request that was answered with `true`.
    updated: Arc<Mutex<Vec<String>>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Http2 {
    fn start(config: ServerConfig, script: fn(usize) -> Answer) -> Http2 {
        Http2::with(config, Manner::Answering(script))
    }

    fn with(config: ServerConfig, manner: Manner) -> Http2 {
        let (requests, updated) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let account = (Arc::clone(&requests), Arc::clone(&updated));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, TlsAcceptor::from(Arc::new(config)), manner, account) => {}
                    _ = ended => {}
                }
            });
        });
        Http2 { address: told.recv().unwrap(), requests, updated, end: Some(end), thread: Some(thread) }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        let _ = self.end.take().map(|end| end.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

type Account = (Arc<AtomicUsize>, Arc<Mutex<Vec<String>>>);

async fn accept(listener: TcpListener, tls: TlsAcceptor, manner: Manner, account: Account) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, account) = (tls.clone(), account.clone());
        tokio::spawn(async move {
            // A client that trusts us not ends the handshake; that is its right.
            let Ok(stream) = tls.accept(stream).await else { return };
            let Manner::Answering(script) = manner else {
                let _ = close_in_good_order(stream, &account).await;
                return;
            };
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                let answer = script(account.0.fetch_add(1, Ordering::SeqCst));
                if matches!(answer, Answer::GoAway) {
                    connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
                    continue;
                }
                let updated = Arc::clone(&account.1);
                tokio::spawn(reply(answer, request, respond, updated));
            }
        });
    }
}

async fn reply(
    answer: Answer,
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    updated: Arc<Mutex<Vec<String>>>,
) {
    assert_eq!(request.headers()["api-key"], KEY);
    if matches!(answer, Answer::RefusedStream) {
        return respond.send_reset(h2::Reason::REFUSED_STREAM);
    }
    if matches!(answer, Answer::RefusedBehindHead) {
        let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
        // Both at once would leave the reset only.
        tokio::time::sleep(Duration::from_millis(100)).await;
        return stream.send_reset(h2::Reason::REFUSED_STREAM);
    }
    let mut body = request.into_body();
    let mut form = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        form.extend_from_slice(&chunk);
    }
    let customer = customer(form);
    updated.lock().unwrap().push(customer);
    let head = http::Response::builder().header("content-type", "application/json").body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    stream.send_data(Bytes::from_static(b"true"), true).unwrap();
}

fn customer(form: Vec<u8>) -> String {
    let form = String::from_utf8(form).unwrap();
    form.split('&').find_map(|pair| pair.strip_prefix("customer_id=")).unwrap().to_owned()
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The kind, the flags, the stream and the payload of the next frame.
async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, stream_id @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await?;
    Ok((kind, flags, u32::from_be_bytes(stream_id), payload))
}

// Frames and a flag of HTTP/2 (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;

/// So many requests of a connection are taken by a server that closes in good order.
const TAKEN: usize = 20;

/// So many come behind them before its word has arrived.
const LATE: usize = 12;

/// As much HTTP/2 as it takes to close a connection as nginx does, which the `h2` crate's server cannot: a GOAWAY names
/// the last request that is taken while others are on their way behind it. They are never answered.
async fn close_in_good_order(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    (requests, updated): &Account,
) -> io::Result<()> {
    let (mut taken, mut late, mut last) = (0, 0, None);
    stream.read_exact(&mut [0; 24]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        // At the end of the job there are no more behind the last.
        let next = tokio::time::timeout(Duration::from_millis(300), next_frame(&mut stream)).await;
        match next {
            Ok(Ok((DATA, flags, id, form))) if flags & END_STREAM != 0 => {
                requests.fetch_add(1, Ordering::SeqCst);
                if taken == TAKEN {
                    late += 1;
                } else {
                    taken += 1;
                    let customer = customer(form);
                    updated.lock().unwrap().push(customer);
                    last = (taken == TAKEN).then_some(id);
                    // The last one is answered behind the GOAWAY.
                    if last.is_none() {
                        // 0x88: status 200 (RFC 7541, appendix A).
                        let answer = [frame(HEADERS, 4, id, &[0x88]), frame(DATA, END_STREAM, id, b"true")];
                        stream.write_all(&answer.concat()).await?;
                    }
                }
            }
            Ok(other) => drop(other?),
            Err(_) if last.is_none() && taken == TAKEN => return Ok(()),
            Err(_) => late = LATE,
        }
        if let Some(id) = last.take_if(|_| late >= LATE) {
            let answer = [
                frame(GOAWAY, 0, 0, &[id.to_be_bytes(), [0; 4]].concat()),
                frame(HEADERS, 4, id, &[0x88]),
                frame(DATA, END_STREAM, id, b"true"),
            ];
            stream.write_all(&answer.concat()).await?;
        }
    }
}

fn table(rows: usize) -> String {
    let rows = (1..=rows).map(|row| format!("{row},a{row}@example.com\n"));
    format!("customer_id,email\n{}", rows.collect::<String>())
}

/// A folder with a table and the authority's certificate, pointed at the server by this host name.
fn job(server: &Http2, authority: &Authority, host: &str, rows: usize) -> (Offerit, PathBuf) {
    let offerit = Offerit::new()
        .env("OFFERIT_URL", format!("https://{host}:{}", server.address.port()))
        .env("OFFERIT_API_USERNAME", USERNAME)
        .env("OFFERIT_API_KEY", KEY);
    offerit.input("customers.csv", table(rows));
    let certificate = offerit.input("ca.pem", &authority.pem);
    (offerit, certificate)
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named_and_http2_is_spoken() {
    let authority = Authority::new();
    let server = Http2::start(authority.server("localhost", false), |_| Answer::Updated);
    let (offerit, certificate) = job(&server, &authority, "localhost", 50);
    let certificate = certificate.to_str().unwrap();
    offerit.run(&["run", "customers.csv", "--rate", "unlimited", "--ca-cert", certificate]).expect_code(0);
    assert_eq!(server.requests(), 50);
}

#[test]
fn whoever_cannot_prove_to_be_the_server_sees_no_request() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (itself, its_own) = that_serves_itself("localhost");
    let cases = [
        (its_own, &itself, "the certificate of an authority as its own"),
        (authority.server("localhost", true), &authority, "expired"),
        (authority.server("another.example", false), &authority, "not valid for name"),
        (authority.server("localhost", false), &stranger, "invalid peer certificate"),
    ];
    for (config, trusted, why) in cases {
        let server = Http2::start(config, |_| Answer::Updated);
        let (offerit, certificate) = job(&server, trusted, "localhost", 5);
        let certificate = certificate.to_str().unwrap();
        let arguments = ["run", "customers.csv", "--max-outage", "1s", "--ca-cert", certificate];
        let output = offerit.run(&arguments).expect_code(4);
        assert!(output.stderr.to_lowercase().contains(&why.to_lowercase()), "{}", output.stderr);
        assert_eq!(server.requests(), 0);
        assert_eq!(support::result::read(offerit.path("customers.result.csv")).len(), 0);
    }
}

#[test]
fn a_certificate_file_that_holds_none_is_refused() {
    let offerit = Offerit::new()
        .env("OFFERIT_URL", "https://localhost:1")
        .env("OFFERIT_API_USERNAME", USERNAME)
        .env("OFFERIT_API_KEY", KEY);
    offerit.input("customers.csv", table(1));
    offerit.input("ca.pem", "no certificate");
    let output = offerit.run(&["run", "customers.csv", "--ca-cert", "ca.pem"]).expect_code(2);
    assert!(output.stderr.contains("--ca-cert: ca.pem: holds no certificate"), "{}", output.stderr);
}

#[test]
fn refused_streams_and_goaway_are_our_own_retries() {
    let authority = Authority::new();
    let scripts: [fn(usize) -> Answer; 2] = [
        |request| if request % 7 == 3 { Answer::RefusedStream } else { Answer::Updated },
        |request| if request % 20 == 9 { Answer::GoAway } else { Answer::Updated },
    ];
    for script in scripts {
        let server = Http2::start(authority.server("localhost", false), script);
        let (offerit, certificate) = job(&server, &authority, "localhost", 60);
        let certificate = certificate.to_str().unwrap();
        let arguments =
            ["run", "customers.csv", "--rate", "200", "--concurrency", "4", "--ca-cert", certificate];
        offerit.run(&arguments).expect_code(0);
        let outcomes =
            support::result::last_by_row(&support::result::read(offerit.path("customers.result.csv")));
        let attempts: usize = outcomes.values().map(|record| record.attempts as usize).sum();
        assert!(outcomes.len() == 60 && outcomes.values().all(|record| record.status == "updated"));
        assert!(attempts > 60, "{attempts}");
        // Requests on a connection that was going away may not have been seen by the server; none were seen
        // that we do not count.
        assert!(server.requests() <= attempts, "{} seen, {attempts} counted", server.requests());
        let mut updated = server.updated.lock().unwrap().clone();
        updated.sort();
        updated.dedup();
        assert_eq!(updated.len(), 60);
    }
}

#[test]
fn a_connection_that_is_closed_in_good_order_is_no_outage_and_nothing_is_sent_twice() {
    let authority = Authority::new();
    for most_attempts in ["5", "1"] {
        let server = Http2::with(authority.server("localhost", false), Manner::ClosingInGoodOrder);
        let (offerit, certificate) = job(&server, &authority, "localhost", 100);
        let certificate = certificate.to_str().unwrap();
        let arguments = [
            "run",
            "customers.csv",
            "--rate",
            "1000",
            "--max-attempts",
            most_attempts,
            "--ca-cert",
            certificate,
        ];
        let output = offerit.run(&arguments).expect_code(if most_attempts == "1" { 3 } else { 0 });
        assert!(!output.stderr.contains("nothing gets through"), "{}", output.stderr);
        let records = support::result::read(offerit.path("customers.result.csv"));
        let attempts: usize = records.iter().map(|record| record.attempts as usize).sum();
        let count = |status| records.iter().filter(|record| record.status == status).count();
        let mut updated = server.updated.lock().unwrap().clone();
        let answered = updated.len();
        updated.sort();
        updated.dedup();
        assert_eq!((updated.len(), count("updated")), (answered, answered), "{}", output.stderr);
        assert_eq!(records.len(), 100);
        // What was not taken cannot have been applied.
        assert_eq!(count("failed"), if most_attempts == "1" { 100 - answered } else { 0 });
        assert!(attempts >= answered + LATE && server.requests() <= attempts, "{attempts}");
    }
}

#[test]
fn a_server_that_refuses_every_stream_is_down_and_no_row_has_a_record() {
    let authority = Authority::new();
    let server = Http2::start(authority.server("localhost", false), |_| Answer::RefusedStream);
    let (offerit, certificate) = job(&server, &authority, "localhost", 30);
    let certificate = certificate.to_str().unwrap();
    let arguments = ["run", "customers.csv", "--rate", "200", "--max-outage", "1s", "--ca-cert", certificate];
    let output = offerit.run(&arguments).expect_code(4);
    assert!(output.stderr.contains("the server did not take the request"), "{}", output.stderr);
    assert_eq!(support::result::read(offerit.path("customers.result.csv")).len(), 0);
}

#[test]
fn a_refused_stream_has_failed_unless_its_reply_had_begun() {
    let authority = Authority::new();
    let refused: fn(usize) -> Answer =
        |request| if request == 9 { Answer::RefusedStream } else { Answer::Updated };
    let behind_head: fn(usize) -> Answer =
        |request| if request == 9 { Answer::RefusedBehindHead } else { Answer::Updated };
    for (script, status) in [(refused, "failed"), (behind_head, "unknown")] {
        let server = Http2::start(authority.server("localhost", false), script);
        let (offerit, certificate) = job(&server, &authority, "localhost", 20);
        let certificate = certificate.to_str().unwrap();
        let arguments =
            ["run", "customers.csv", "--rate", "200", "--max-attempts", "1", "--ca-cert", certificate];
        offerit.run(&arguments).expect_code(3);
        let records = support::result::read(offerit.path("customers.result.csv"));
        let others: Vec<_> = records.iter().filter(|record| record.status != "updated").collect();
        assert_eq!((records.len(), others.len()), (20, 1));
        assert_eq!(others[0].status, status, "{}", others[0].error);
    }
}
