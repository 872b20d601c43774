//! A raw TCP HTTP/1.1 server, one thread a connection, that says whatever a test's script tells it.

use super::account::Account;
use super::connection::Connection;
use super::reply::Reply;
use super::request::{Parsed, Request};
use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a wait goes on before the test is taken to hang.
const GUARD: Duration = Duration::from_secs(60);
/// How long to wait before a port that is taken is tried again.
const MOMENT: Duration = Duration::from_millis(20);

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// A server on a loopback port. Dropping it ends its threads, and fails the test if a client broke the
/// rules of HTTP or the script panicked.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

/// What the server's threads have in common.
pub(super) struct Shared {
    pub(super) script: Box<Script>,
    account: Mutex<Account>,
    arrival: Condvar,
    stopping: AtomicBool,
    streams: Mutex<HashMap<usize, Arc<TcpStream>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// A server on a free port. The script gets each request with its arrival number, from 0, and may
    /// run in several threads at once.
    #[track_caller]
    pub fn start(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script)
    }

    /// A server on a given address, to come back where another one was stopped.
    #[track_caller]
    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_on(listen(address), script)
    }

    /// A server that accepts what has connected to a listener already, and what does from now on.
    #[track_caller]
    pub fn start_on(
        listener: TcpListener,
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("the address listened on");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            account: Mutex::default(),
            arrival: Condvar::new(),
            stopping: AtomicBool::new(false),
            streams: Mutex::default(),
            threads: Mutex::default(),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &for_acceptor));
        Self { address, shared, acceptor: Mutex::new(Some(acceptor)) }
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address, for [`Server::start_at`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes down: new connections are refused, open ones closed, nothing more is answered. The account
    /// stays. Must not be called from the script.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let Some(acceptor) = lock(&self.acceptor).take() else {
            return;
        };
        // The acceptor sleeps in accept(): this connection wakes it. Where it fails, the queue is full
        // and the acceptor awake.
        let wake = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        let ended = acceptor.join();
        // A second panic while the test fails already would abort and hide the first.
        assert!(ended.is_ok() || thread::panicking(), "the accepting thread panicked");
        drop(wake);
        for stream in lock(&self.shared.streams).values() {
            // Fails only where the client went first.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Everything that arrived, in that order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.account().requests.clone()
    }

    /// How many requests arrived.
    pub fn count(&self) -> usize {
        self.shared.account().requests.len()
    }

    /// The most requests that were unanswered at once. A request the client gave up counts until the
    /// server has seen the connection close.
    pub fn most_in_flight(&self) -> usize {
        self.shared.account().most_in_flight
    }

    /// How many requests arrived while another with a key in common was unanswered. The server sees
    /// within some 20 ms that a client gave a request up: an earlier retry counts as an overlap.
    pub fn overlaps_of(&self, keys: impl Fn(&Request) -> Vec<String>) -> usize {
        self.shared.account().overlaps_of(keys)
    }

    /// The most arrivals in any sliding second, half-open.
    pub fn busiest_second(&self) -> usize {
        self.shared.account().busiest_second()
    }

    /// Waits until everything is taken in that clients have sent who are gone. Not while one is there.
    #[track_caller]
    pub fn settle(&self) {
        // Connections are accepted in their order: once this one is closed, those before it were accepted.
        let mut last = TcpStream::connect(self.address).expect("a connection");
        last.shutdown(Shutdown::Write).expect("its end said");
        let _ = last.read(&mut [0]);
        let started = Instant::now();
        while !lock(&self.shared.streams).is_empty() {
            assert!(started.elapsed() < GUARD, "a client is still there");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until `count` requests have arrived.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let too_few = |account: &mut Account| account.requests.len() < count;
        let waited = self.shared.arrival.wait_timeout_while(self.shared.account(), GUARD, too_few);
        let (account, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let arrived = account.requests.len();
        drop(account);
        assert!(!timeout.timed_out(), "{arrived} of {count} requests arrived in {GUARD:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let threads = std::mem::take(&mut *lock(&self.shared.threads));
        for ended in threads.into_iter().map(JoinHandle::join) {
            match ended {
                Err(panic) if !thread::panicking() => std::panic::resume_unwind(panic),
                _ => {}
            }
        }
        let complaints = std::mem::take(&mut self.shared.account().complaints);
        assert!(complaints.is_empty() || thread::panicking(), "bad requests: {complaints:#?}");
    }
}

impl Shared {
    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }

    /// Whether the server goes down: then nobody is answered any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Lets go of a connection's socket, so that it closes when the connection drops its own handle.
    pub(super) fn forget(&self, connection: usize) {
        lock(&self.streams).remove(&connection);
    }

    /// Gives a request its place in the order of arrival.
    pub(super) fn arrive(&self, parsed: Parsed, arrived: Instant, connection: usize) -> Request {
        let mut account = self.account();
        let Parsed { method, path, headers, body, .. } = parsed;
        let number = account.requests.len();
        let request = Request { number, method, path, headers, body, arrived, connection };
        account.arrive(request.clone());
        drop(account);
        self.arrival.notify_all();
        request
    }
}

/// A poisoned lock is no reason to hide the panic that poisoned it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Binds; a port just left may be taken for a moment by a client's outgoing connection.
#[track_caller]
fn listen(address: SocketAddr) -> TcpListener {
    let started = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse && started.elapsed() < GUARD => {
                thread::sleep(MOMENT);
            }
            Err(error) => panic!("cannot listen on {address}: {error}"),
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for number in 0.. {
        let (stream, _) = listener.accept().expect("a connection");
        if shared.is_stopping() {
            return;
        }
        // Fails only where the client went already, which reading finds out.
        let _ = stream.set_nodelay(true);
        let stream = Arc::new(stream);
        lock(&shared.streams).insert(number, Arc::clone(&stream));
        let connection = Connection::new(number, stream, Arc::clone(shared));
        let thread = thread::spawn(move || connection.serve());
        lock(&shared.threads).push(thread);
    }
}
