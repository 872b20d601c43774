//! TLS: which servers are trusted, and that HTTP/1.1 is spoken where the server offers HTTP/2 as well.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use crate::support::{self, KEY, Offerit, USERNAME};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

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

    /// A server's TLS settings with a certificate for `name`, offering HTTP/2 too.
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

/// A server's TLS settings with this certificate, offering HTTP/2 too.
fn server_with(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// A TLS server on a thread of its own, until it is dropped. It answers every request with `true`, over HTTP/1.1.
struct TlsServer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsServer {
    fn start(config: ServerConfig) -> TlsServer {
        let requests = Arc::new(AtomicUsize::new(0));
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let account = Arc::clone(&requests);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, TlsAcceptor::from(Arc::new(config)), account) => {}
                    _ = ended => {}
                }
            });
        });
        TlsServer { address: told.recv().unwrap(), requests, end: Some(end), thread: Some(thread) }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.end.take().map(|end| end.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, requests: Arc<AtomicUsize>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, requests) = (tls.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            // A client that trusts us not ends the handshake; that is its right.
            let Ok(stream) = tls.accept(stream).await else { return };
            let _ = serve(stream, &requests).await;
        });
    }
}

/// Answers the requests of a connection one after the other.
async fn serve(stream: TlsStream<TcpStream>, requests: &AtomicUsize) -> io::Result<()> {
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]), "HTTP/2 is not spoken");
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut key) = (0, String::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("api-key", value)) => key = value.to_owned(),
                _ if line == "\r\n" => break,
                _ => {}
            }
        }
        assert_eq!(key, KEY);
        stream.read_exact(&mut vec![0; length]).await?;
        requests.fetch_add(1, Ordering::SeqCst);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue").await?;
        stream.flush().await?;
    }
}

fn table(rows: usize) -> String {
    let rows = (1..=rows).map(|row| format!("{row},a{row}@example.com\n"));
    format!("customer_id,email\n{}", rows.collect::<String>())
}

/// A folder with a table and the authority's certificate, pointed at the server by this host name.
fn job(server: &TlsServer, authority: &Authority, host: &str, rows: usize) -> (Offerit, PathBuf) {
    let offerit = Offerit::new()
        .env("OFFERIT_URL", format!("https://{host}:{}", server.address.port()))
        .env("OFFERIT_API_USERNAME", USERNAME)
        .env("OFFERIT_API_KEY", KEY);
    offerit.input("customers.csv", table(rows));
    let certificate = offerit.input("ca.pem", &authority.pem);
    (offerit, certificate)
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named() {
    let authority = Authority::new();
    let server = TlsServer::start(authority.server("localhost", false));
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
        (its_own, &itself, "CaUsedAsEndEntity"),
        (authority.server("localhost", true), &authority, "expired"),
        (authority.server("another.example", false), &authority, "not valid for name"),
        (authority.server("localhost", false), &stranger, "invalid peer certificate"),
    ];
    for (config, trusted, why) in cases {
        let server = TlsServer::start(config);
        let (offerit, certificate) = job(&server, trusted, "localhost", 5);
        let certificate = certificate.to_str().unwrap();
        // Waiting does not heal it: after three probes the run gives up.
        let output = offerit.run(&["run", "customers.csv", "--ca-cert", certificate]).expect_code(6);
        assert!(output.stderr.contains("--url"), "{}", output.stderr);
        assert!(output.stderr.to_lowercase().contains(&why.to_lowercase()), "{}", output.stderr);
        assert_eq!(server.requests(), 0);
        assert_eq!(support::result::read(offerit.path("customers.result.csv")).len(), 0);
    }
}

#[test]
fn a_server_that_speaks_no_tls_or_no_http_ends_the_run_with_6() {
    let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = plain.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let mut stream = stream.expect("a connection");
            // Whatever comes, the answer is the greeting of another protocol.
            let _ = io::Read::read(&mut stream, &mut [0; 512]);
            let _ = io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.6\r\n");
        }
    });
    for (scheme, why) in [("https", "does not speak TLS"), ("http", "does not speak HTTP")] {
        let offerit = Offerit::new()
            .env("OFFERIT_URL", format!("{scheme}://localhost:{port}"))
            .env("OFFERIT_API_USERNAME", USERNAME)
            .env("OFFERIT_API_KEY", KEY);
        offerit.input("customers.csv", table(3));
        let output = offerit.run(&["run", "customers.csv"]).expect_code(6);
        assert!(output.stderr.contains(why), "{}", output.stderr);
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
