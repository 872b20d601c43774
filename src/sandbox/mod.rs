//! A local server that behaves as the API page of `set_customer_details` says, for tests, trials and
//! demonstrations, and that can misbehave on request.
//!
//! It shares no code with the client: what one of them gets wrong, the other does not get wrong the same way.
//! Where the API page is silent (error bodies, two ids that disagree, limits) it does what the vendor's pages
//! for the sister calls suggest. Everything lives in memory and ends with the server. It is for made-up data:
//! what arrived, passwords included, can be read back without credentials at `/sandbox/customers/{id}`. The API
//! key is neither kept nor shown.

#[cfg(test)]
mod client;
mod connection;
mod customers;
mod faults;
mod form;
mod load;
mod reply;
mod routes;
mod second;
mod state;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Extension;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub use customers::Customers;
pub use faults::Faults;
pub use load::load_customers;
pub use state::Stats;

use connection::Listener;
use routes::Server;
use state::State;

/// The most time a client may take for the head of its next request. Chosen: longer than any client keeps an idle connection.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(60);

/// How long open connections have to come to an end when the server stops. Chosen.
const GRACE: Duration = Duration::from_secs(1);

/// What kept the server from running.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The machine refuses a thread or what it needs.
    #[error("cannot start the sandbox: {0}")]
    Start(#[source] io::Error),
    /// The fault settings make no sense.
    #[error("{0}")]
    Faults(&'static str),
    /// The file of customers can't be opened.
    #[error("cannot open {file}: {source}")]
    Open {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A line of the file of customers is wrong.
    #[error("{file}, line {line}{column}: {reason}")]
    Customers {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// `, column NAME` where one is to blame, else empty.
        column: String,
        /// What is wrong.
        reason: String,
    },
}

/// The user and the key that requests must show.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The value of the header `api-username`.
    pub api_username: String,
    /// The value of the header `api-key`.
    pub api_key: String,
}

impl Credentials {
    /// Whether these are the ones. Not in constant time: nothing here is worth guessing.
    fn are(&self, api_username: &[u8], api_key: &[u8]) -> bool {
        self.api_username.as_bytes() == api_username && self.api_key.as_bytes() == api_key
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("api_username", &self.api_username)
            .finish_non_exhaustive()
    }
}

/// How the server is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// The credentials to demand; without them any pair will do that is not empty.
    pub credentials: Option<Credentials>,
    /// The customers there are; without them every id is known.
    pub customers: Option<Customers>,
    /// What to do wrong.
    pub faults: Faults,
}

impl Default for Options {
    /// A free port of this machine only, any credentials, every customer, no faults.
    fn default() -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            credentials: None,
            customers: None,
            faults: Faults::default(),
        }
    }
}

/// A running server, on a thread of its own. Dropping it stops it.
pub struct Sandbox {
    address: SocketAddr,
    server: Arc<Server>,
    closing: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a server; when this returns, it accepts connections.
    ///
    /// # Errors
    /// The address is taken or not this machine's, the fault settings make no sense, or the machine refuses a
    /// thread.
    pub fn start(options: Options) -> Result<Sandbox, Error> {
        if let Some(problem) = options.faults.problem() {
            return Err(Error::Faults(problem));
        }
        let (closing, watch_closing) = watch::channel(false);
        let server = Arc::new(Server {
            credentials: options.credentials,
            faults: options.faults.clone(),
            state: Mutex::new(State::new(options.faults, options.customers)),
            closing: watch_closing,
        });
        let (tell, told) = mpsc::channel();
        let served = Arc::clone(&server);
        let run = move || match open(options.listen) {
            Ok((runtime, listener, address)) => {
                // The caller waits for this, so it is there to hear it.
                let _ = tell.send(Ok(address));
                serve(runtime, listener, served);
            }
            Err(error) => drop(tell.send(Err(error))),
        };
        let thread =
            std::thread::Builder::new().name("sandbox".to_owned()).spawn(run).map_err(Error::Start)?;
        let address = told.recv().map_err(|gone| Error::Start(io::Error::other(gone)))??;
        Ok(Sandbox { address, server, closing, thread: Some(thread) })
    }

    /// The address it listens at, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far.
    pub fn stats(&self) -> Stats {
        self.server.stats()
    }

    /// Stops it: no new connections, replies held back go out at once, stalled ones are reset. Returns when the
    /// thread has ended, after about a second at the latest.
    pub fn stop(mut self) {
        self.close();
    }

    /// Tells the thread to end and waits for it.
    fn close(&mut self) {
        self.closing.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // If it panicked, it has ended all the same.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.close();
    }
}

/// Opens the port. Done on the server's thread, as a runtime that comes to nothing must not be dropped on a
/// caller's that is itself part of one.
fn open(listen: SocketAddr) -> Result<(Runtime, Listener, SocketAddr), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(Error::Start)?;
    let refused = |source| Error::Listen { address: listen, source };
    let listener = {
        let _within = runtime.enter();
        Listener::open(listen).map_err(refused)?
    };
    let address = listener.address().map_err(refused)?;
    Ok((runtime, listener, address))
}

/// Serves until the server is to stop.
fn serve(runtime: Runtime, listener: Listener, server: Arc<Server>) {
    runtime.block_on(async {
        let connections = GracefulShutdown::new();
        tokio::select! {
            () = accept(listener, &connections, MAX_HEAD_WAIT, Arc::clone(&server)) => {}
            () = server.closed() => {}
        }
        // Connections that are still open after the grace are dropped with the runtime.
        let _ = tokio::time::timeout(GRACE, connections.shutdown()).await;
    });
    runtime.shutdown_background();
}

/// Serves every connection on a task of its own. Never ends.
async fn accept(
    listener: Listener,
    connections: &GracefulShutdown,
    max_head_wait: Duration,
    server: Arc<Server>,
) {
    let routes = routes::router(server);
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(max_head_wait);
    loop {
        let connection = listener.accept().await;
        let service = TowerToHyperService::new(routes.clone().layer(Extension(connection.reset())));
        let served = connections.watch(builder.serve_connection(TokioIo::new(connection), service));
        // An error is one of the connection, and its client has seen it.
        tokio::spawn(async move { drop(served.await) });
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Instant;

    use super::client::{BODY, Client, GOOD, request};
    use super::*;

    fn start(faults: Faults) -> Sandbox {
        Sandbox::start(Options { faults, ..Options::default() }).unwrap()
    }

    fn outcome(sandbox: &Sandbox) -> Result<u16, ErrorKind> {
        let reply = Client::connect(sandbox.address()).patch(BODY);
        reply.map(|reply| reply.status).map_err(|error| error.kind())
    }

    #[test]
    fn starts_and_stops_and_frees_the_port() {
        let sandbox = start(Faults::default());
        let listen = sandbox.address();
        let mut idle = Client::connect(listen);
        assert_eq!(idle.patch(BODY).unwrap().body, "true");
        let begin = Instant::now();
        sandbox.stop();
        assert!(begin.elapsed() < GRACE, "idle connections do not hold it up");
        assert!(idle.patch(BODY).is_err());
        let again = Sandbox::start(Options { listen, ..Options::default() }).unwrap();
        assert_eq!(again.address(), listen);
        assert_eq!(outcome(&again), Ok(200));
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_also_within_a_runtime() {
        let sandbox = start(Faults::default());
        let options = Options { listen: sandbox.address(), ..Options::default() };
        let error = Sandbox::start(options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen at {}: ", sandbox.address())), "{error}");
    }

    #[test]
    fn senseless_faults_are_an_error() {
        let faults = Faults { fail_percent: 101.0, ..Faults::default() };
        let options = Options { faults, ..Options::default() };
        assert!(matches!(Sandbox::start(options), Err(Error::Faults(_))));
    }

    #[test]
    fn stopping_is_bounded_whatever_is_open() {
        let sandbox = start(Faults { stall_percent: 100.0, ..Faults::default() });
        let mut stalled = Client::connect(sandbox.address());
        stalled.write(&request(GOOD, BODY.as_bytes())).unwrap();
        let mut half_a_head = Client::connect(sandbox.address());
        half_a_head.write(b"PATCH /api").unwrap();
        let mut half_a_body = Client::connect(sandbox.address());
        half_a_body.write(&request(GOOD, BODY.as_bytes())[..200]).unwrap();
        let _silent = Client::connect(sandbox.address());
        while sandbox.stats().stalled == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let begin = Instant::now();
        drop(sandbox);
        assert!(begin.elapsed() < GRACE + Duration::from_secs(1));
        assert_eq!(stalled.read().unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_connection_without_a_whole_head_times_out() {
        let sandbox = start(Faults::default());
        let listener = Listener::open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.address().unwrap();
        let serving = Arc::clone(&sandbox.server);
        let connections = GracefulShutdown::new();
        let clients = tokio::task::spawn_blocking(move || {
            // Silent, half a head, and idle after a request.
            let silent = Client::connect(address);
            let mut half = Client::connect(address);
            half.write(b"PATCH /api").unwrap();
            let mut idle = Client::connect(address);
            assert_eq!(idle.patch(BODY).unwrap().body, "true");
            [silent, half, idle].map(|mut client| client.read().is_err())
        });
        tokio::select! {
            () = accept(listener, &connections, Duration::from_millis(50), serving) => {}
            closed = clients => assert_eq!(closed.unwrap(), [true; 3]),
        }
    }

    #[test]
    fn stopping_does_not_wait_for_the_latency() {
        let sandbox = start(Faults { latency: Duration::from_secs(60), ..Faults::default() });
        let mut client = Client::connect(sandbox.address());
        client.write(&request(GOOD, BODY.as_bytes())).unwrap();
        while sandbox.stats().updated == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        sandbox.stop();
        assert_eq!(client.read().unwrap().body, "true");
    }

    #[test]
    fn latency_delays_every_reply() {
        let sandbox = start(Faults { latency: Duration::from_millis(100), ..Faults::default() });
        let begin = Instant::now();
        assert_eq!(outcome(&sandbox), Ok(200));
        assert_eq!(Client::connect(sandbox.address()).patch("").unwrap().status, 400);
        assert!(begin.elapsed() >= Duration::from_millis(200));
    }

    #[test]
    fn the_limit_throttles_and_says_when_to_come_back() {
        let sandbox = start(Faults { limit: Some(2), ..Faults::default() });
        let mut client = Client::connect(sandbox.address());
        let statuses: Vec<u16> = (0..4).map(|_| client.patch(BODY).unwrap().status).collect();
        assert_eq!(statuses, [200, 200, 429, 429]);
        assert_eq!(client.patch(BODY).unwrap().header("retry-after"), Some("1"));
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(client.patch(BODY).unwrap().status, 200);
        assert!(client.get("/sandbox/customers/191").body.ends_with("\"updates\":3}"));
        assert_eq!(sandbox.stats().throttled, 3);
    }

    #[test]
    fn a_failure_is_a_503_that_changes_nothing() {
        let sandbox = start(Faults { fail_percent: 100.0, retry_after: Some(7), ..Faults::default() });
        let mut client = Client::connect(sandbox.address());
        let reply = client.patch(BODY).unwrap();
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("7")));
        assert_eq!(reply.body, r#"{"result":"error","message":"service temporarily unavailable"}"#);
        assert_eq!(client.get("/sandbox/customers/191").status, 404);
    }

    #[test]
    fn a_reset_comes_after_the_request_and_may_have_changed_something() {
        let sandbox = start(Faults { reset_percent: 100.0, ..Faults::default() });
        for _ in 0..40 {
            assert_eq!(outcome(&sandbox), Err(ErrorKind::ConnectionReset));
        }
        assert_eq!((sandbox.stats().reset, sandbox.stats().requests), (40, 40));
        let shown = Client::connect(sandbox.address()).get("/sandbox/customers/191").body;
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert!((1..40).contains(&shown["updates"].as_u64().unwrap()), "{shown}");
    }

    #[test]
    fn a_stall_lasts_until_the_client_leaves() {
        let sandbox = start(Faults { stall_percent: 100.0, ..Faults::default() });
        let mut client = Client::connect(sandbox.address());
        client.patience(Duration::from_millis(200));
        let kind = client.patch(BODY).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind:?}");
        drop(client);
        std::thread::sleep(Duration::from_millis(100));
        let mut second = Client::connect(sandbox.address());
        second.patience(Duration::from_millis(100));
        assert!(second.patch(BODY).is_err());
        let stats = sandbox.stats();
        assert_eq!((stats.stalled, stats.most_in_flight, stats.same_customer_overlaps), (2, 1, 0));
    }

    #[test]
    fn a_maintenance_page_is_a_200_that_changes_nothing() {
        let sandbox = start(Faults { html_percent: 100.0, ..Faults::default() });
        let mut client = Client::connect(sandbox.address());
        let reply = client.patch(BODY).unwrap();
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(reply.body.starts_with("<!DOCTYPE html>"));
        assert_eq!(client.get("/sandbox/customers/191").status, 404);
    }

    #[test]
    fn an_outage_resets_everything_and_passes() {
        let outage = Some((Duration::ZERO, Duration::from_millis(300)));
        let sandbox = start(Faults { outage, ..Faults::default() });
        assert_eq!(outcome(&sandbox), Err(ErrorKind::ConnectionReset));
        // Watching it goes on.
        assert_eq!(Client::connect(sandbox.address()).get("/sandbox/stats").status, 200);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(outcome(&sandbox), Ok(200));
        assert_eq!((sandbox.stats().outage, sandbox.stats().updated), (1, 1));
    }

    #[test]
    fn unauthorized_is_a_403_for_everybody() {
        let sandbox = start(Faults { unauthorized: true, ..Faults::default() });
        assert_eq!(outcome(&sandbox), Ok(403));
        assert_eq!(sandbox.stats().unauthorized, 1);
    }

    #[test]
    fn an_overlap_of_two_connections_is_counted() {
        let sandbox = start(Faults { latency: Duration::from_millis(600), ..Faults::default() });
        let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(sandbox.address())).collect();
        for (client, body) in
            clients.iter_mut().zip(["customer_id=1&city=a", "customer_id=2&city=a", "customer_id=1&city=b"])
        {
            client.write(&request(GOOD, body.as_bytes())).unwrap();
        }
        for client in &mut clients {
            assert_eq!(client.read().unwrap().body, "true");
        }
        let stats = sandbox.stats();
        assert_eq!((stats.same_customer_overlaps, stats.most_in_flight, stats.busiest_second), (1, 3, 3));
        assert_eq!(Client::connect(sandbox.address()).patch("customer_id=1&city=c").unwrap().status, 200);
        assert_eq!(sandbox.stats().same_customer_overlaps, 1);
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials { api_username: "u".to_owned(), api_key: "secret".to_owned() };
        let customers = Customers::read(&b"customer_id,password\n1,secret\n"[..], "c.csv").unwrap();
        let options =
            Options { credentials: Some(credentials), customers: Some(customers), ..Options::default() };
        assert!(!format!("{options:?}").contains("secret"));
        let sandbox = Sandbox::start(options).unwrap();
        assert!(!format!("{sandbox:?}").contains("secret"));
    }
}
