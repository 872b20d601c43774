//! A local server that behaves as the API page of `set_customer_details` specifies, for tests, trials and
//! demonstrations. On request it makes faults.
//!
//! The server shares no code with the client, so that a bug of the client is not mirrored here. Where the API page
//! is silent (error bodies, two ids that disagree, limits), the server does what the vendor's pages for the sister
//! calls suggest. Everything lives in memory and ends with the server. The server is for made-up data:
//! `/sandbox/customers/{id}` shows every value that arrived, passwords included, without credentials. The API key
//! is neither kept nor shown.

#[cfg(test)]
mod client;
mod connection;
mod customers;
mod error;
mod faults;
mod form;
mod load;
mod options;
mod reply;
mod routes;
mod state;
mod window;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

pub use customers::Customers;
pub use error::Error;
pub use faults::Faults;
pub use load::load_customers;
pub use options::{Credentials, Options};
pub use state::Stats;

use routes::Server;

/// The most time a client may take for the head of its next request. Chosen: longer than any client keeps an idle
/// connection.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(60);

/// A running server, on a thread of its own. Dropping the value stops the server.
pub struct Sandbox {
    address: SocketAddr,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a server. The server accepts connections when this returns.
    ///
    /// # Errors
    /// The address is taken or belongs to another machine, the fault settings contradict each other, or the machine
    /// refuses a thread.
    pub fn start(options: Options) -> Result<Sandbox, Error> {
        if let Some(problem) = options.faults.problem() {
            return Err(Error::Faults(problem));
        }
        let address = options.listen;
        let server = Arc::new(Server::new(options));
        let served = Arc::clone(&server);
        let (opened, wait_for_opened) = mpsc::channel();
        // The caller waits for the channel, so no `send` can fail.
        let run = move || match open(address) {
            Ok((runtime, listener)) => {
                let _ = opened.send(listener.local_addr());
                runtime.block_on(connection::serve(listener, MAX_HEAD_WAIT, served));
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let thread = thread::Builder::new().name("sandbox".to_owned()).spawn(run).map_err(Error::Start)?;
        match wait_for_opened.recv().map_err(io::Error::other).flatten() {
            Ok(address) => Ok(Sandbox { address, server, thread: Some(thread) }),
            Err(source) => Err(Error::Listen { address, source }),
        }
    }

    /// The address that the server listens at, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counters of the server.
    pub fn stats(&self) -> Stats {
        self.server.state().stats()
    }

    /// Stops the server: it accepts no connection, sends delayed replies at once and resets stalled connections.
    /// Returns when the thread has ended, after about 1 s at the latest.
    pub fn stop(self) {
        drop(self);
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sandbox at {}", self.address)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.close();
        // A thread that panicked has ended too.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Opens the port. Runs on the server's thread: a runtime must not be dropped on the caller's thread where that is
/// part of another runtime.
fn open(address: SocketAddr) -> io::Result<(Runtime, TcpListener)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(async { connection::listen(address) })?;
    Ok((runtime, listener))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::Ipv4Addr;
    use std::time::Instant;

    use super::client::{BODY, Client, GOOD, request};
    use super::connection::GRACE;
    use super::*;

    fn start(faults: Faults) -> Sandbox {
        Sandbox::start(Options { faults, ..Options::default() }).unwrap()
    }

    fn outcome(sandbox: &Sandbox) -> Result<u16, ErrorKind> {
        let reply = Client::connect(sandbox.address()).patch(BODY);
        reply.map(|reply| reply.status).map_err(|error| error.kind())
    }

    #[test]
    fn a_server_that_stops_frees_its_port() {
        let sandbox = start(Faults::default());
        let listen = sandbox.address();
        let mut idle = Client::connect(listen);
        assert_eq!(idle.patch(BODY).unwrap().body, "true");
        let begin = Instant::now();
        sandbox.stop();
        assert!(begin.elapsed() < GRACE, "idle connections do not delay the stop");
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
    fn contradictory_faults_are_an_error() {
        let faults = Faults { fail_percent: 101.0, ..Faults::default() };
        let options = Options { faults, ..Options::default() };
        assert!(matches!(Sandbox::start(options), Err(Error::Faults(_))));
    }

    #[test]
    fn open_connections_delay_a_stop_by_the_grace_at_most() {
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
        let listener = connection::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(Server::new(Options::default()));
        let clients = tokio::task::spawn_blocking(move || {
            // One client is silent, one sends half a head, one is idle after a request.
            let silent = Client::connect(address);
            let mut half = Client::connect(address);
            half.write(b"PATCH /api").unwrap();
            let mut idle = Client::connect(address);
            assert_eq!(idle.patch(BODY).unwrap().body, "true");
            [silent, half, idle].map(|mut client| client.read().is_err())
        });
        tokio::select! {
            () = connection::serve(listener, Duration::from_millis(50), server) => {}
            closed = clients => assert_eq!(closed.unwrap(), [true; 3]),
        }
    }

    #[test]
    fn a_stop_does_not_wait_for_the_latency() {
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
    fn the_limit_throttles_with_a_retry_after() {
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
        client.set_timeout(Duration::from_millis(200));
        let kind = client.patch(BODY).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind:?}");
        drop(client);
        std::thread::sleep(Duration::from_millis(100));
        let mut second = Client::connect(sandbox.address());
        second.set_timeout(Duration::from_millis(100));
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
    fn an_outage_resets_every_connection_and_ends() {
        let outage = Some((Duration::ZERO, Duration::from_millis(300)));
        let sandbox = start(Faults { outage, ..Faults::default() });
        assert_eq!(outcome(&sandbox), Err(ErrorKind::ConnectionReset));
        // The counters can be read during the outage.
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
