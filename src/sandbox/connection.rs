//! Connections that can be reset at will, and that do not stay open for nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Sleep;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long a connection may take for the head of its next request, be it silent, slow or full of garbage.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait where a connection can't be accepted, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
}

impl Door {
    /// Opens a port. Must be called within a runtime.
    pub(super) fn open(address: SocketAddr) -> io::Result<Door> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Else a port stays taken for a minute after the last run.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Door { listener: socket.listen(BACKLOG)? })
    }

    /// The address it listens at, with the port that was really taken.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // A small reply must not wait for more to come; where that can't be set, it is merely slower.
                    let _ = stream.set_nodelay(true);
                    return (Connection::new(stream, PATIENCE), address);
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address()
    }
}

/// What a request can see of, and do to, the connection it came in by.
#[derive(Clone, Debug)]
pub(super) struct Line(Arc<LineState>);

#[derive(Debug)]
struct LineState {
    reset: AtomicBool,
    open_requests: AtomicU32,
    accepted: Instant,
    /// When the last request ended, in milliseconds after `accepted`.
    last_ended: AtomicU64,
}

impl Line {
    /// The line of a connection that was just accepted.
    fn new() -> Line {
        Line(Arc::new(LineState {
            reset: AtomicBool::new(false),
            open_requests: AtomicU32::new(0),
            accepted: Instant::now(),
            last_ended: AtomicU64::new(0),
        }))
    }

    /// Breaks the connection off with a TCP reset as soon as the server touches it again.
    pub(super) fn reset(&self) {
        self.0.reset.store(true, Ordering::Relaxed);
    }

    /// Notes that a request begins.
    pub(super) fn begin(&self) {
        self.0.open_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request ended.
    pub(super) fn end(&self) {
        self.0.last_ended.store(self.milliseconds(), Ordering::Relaxed);
        self.0.open_requests.fetch_sub(1, Ordering::Relaxed);
    }

    /// How long nothing has been asked.
    fn idle(&self) -> Duration {
        if self.0.open_requests.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        let last_ended = self.0.last_ended.load(Ordering::Relaxed);
        Duration::from_millis(self.milliseconds().saturating_sub(last_ended))
    }

    /// Milliseconds since the connection was accepted.
    fn milliseconds(&self) -> u64 {
        u64::try_from(self.0.accepted.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Line {
        stream.io().line.clone()
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    line: Line,
    patience: Duration,
    /// Set once there is something to wait for, and moved on only when it rings: that costs nothing a request.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    /// Wraps a stream.
    fn new(stream: TcpStream, patience: Duration) -> Connection {
        Connection { stream, line: Line::new(), patience, alarm: None }
    }

    /// Fails if the connection is to be reset.
    fn check(&self) -> io::Result<()> {
        if self.line.0.reset.load(Ordering::Relaxed) {
            // Closing a socket that must not linger sends a reset instead of a farewell.
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    /// Passes on what the stream said; where that is to wait, fails once nothing was asked for too long.
    fn or_timeout<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            return result;
        }
        let patience = self.patience;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        while alarm.as_mut().poll(context).is_ready() {
            let idle = self.line.idle();
            if idle >= patience {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            alarm.as_mut().reset(tokio::time::Instant::now() + (patience - idle));
        }
        Poll::Pending
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.or_timeout(result, context)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.or_timeout(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.or_timeout(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};

    use super::*;

    /// Both ends of a connection, the server's with that patience.
    async fn pair(patience: Duration) -> (Connection, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (Connection::new(server, patience), client)
    }

    /// Reads what there is and says how much it was.
    async fn read(server: &mut Connection) -> io::Result<usize> {
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|context| Pin::new(&mut *server).poll_read(context, &mut buffer)).await?;
        Ok(buffer.filled().len())
    }

    fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn a_reset_is_a_reset() {
        let (mut server, mut client) = pair(PATIENCE).await;
        server.line.reset();
        assert_eq!(kind(read(&mut server).await), Some(io::ErrorKind::ConnectionReset));
        let written = poll_fn(|context| Pin::new(&mut server).poll_write(context, b"x")).await;
        assert_eq!(kind(written), Some(io::ErrorKind::ConnectionReset));
        drop(server);
        assert_eq!(kind(client.read(&mut [0])), Some(io::ErrorKind::ConnectionReset));
    }

    #[tokio::test]
    async fn an_idle_connection_times_out() {
        let (mut server, mut client) = pair(Duration::from_millis(50)).await;
        // Bytes that never become a request do not help.
        client.write_all(b"xx").unwrap();
        assert_eq!(read(&mut server).await.unwrap(), 2);
        let begin = Instant::now();
        assert_eq!(kind(read(&mut server).await), Some(io::ErrorKind::TimedOut));
        assert!(begin.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_request_that_takes_long_does_not_time_out() {
        let (mut server, _client) = pair(Duration::from_millis(50)).await;
        let line = server.line.clone();
        line.begin();
        let waited = tokio::time::timeout(Duration::from_millis(200), read(&mut server)).await;
        assert!(waited.is_err(), "still waiting");
        line.end();
        assert_eq!(kind(read(&mut server).await), Some(io::ErrorKind::TimedOut));
    }
}
