//! Connections that can be reset at will.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How many connections may wait to be accepted. Chosen: several times the highest concurrency of a client.
const BACKLOG: u32 = 1024;

/// The pause after a connection that cannot be accepted, most likely as there is no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections.
#[derive(Debug)]
pub(super) struct Listener(TcpListener);

impl Listener {
    /// Opens a port. Must be called within a runtime.
    pub(super) fn open(address: SocketAddr) -> io::Result<Listener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Otherwise a port stays taken for a minute after the last run.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Listener(socket.listen(BACKLOG)?))
    }

    /// The address it listens at, with the port that was really taken.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> Connection {
        loop {
            if let Ok((stream, _)) = self.0.accept().await {
                // Without it a small reply waits for more to come; where it cannot be set, the server is merely slower.
                let _ = stream.set_nodelay(true);
                return Connection { stream, reset: Reset::default() };
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Lets a request reset the connection it came in by.
#[derive(Clone, Debug, Default)]
pub(super) struct Reset(Arc<AtomicBool>);

impl Reset {
    /// Breaks the connection off with a TCP reset as soon as the server touches it again.
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    reset: Reset,
}

impl Connection {
    /// The handle that resets this connection.
    pub(super) fn reset(&self) -> Reset {
        self.reset.clone()
    }

    /// Fails if the connection is to be reset.
    fn check(&self) -> io::Result<()> {
        if self.reset.0.load(Ordering::Relaxed) {
            // Closing a socket that must not linger sends a reset instead of a FIN.
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
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
    use std::io::Read;

    use super::*;

    #[tokio::test]
    async fn a_reset_is_a_reset() {
        let listener = Listener::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut client = std::net::TcpStream::connect(listener.address().unwrap()).unwrap();
        let mut server = listener.accept().await;
        server.reset().reset();
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = poll_fn(|context| Pin::new(&mut server).poll_read(context, &mut buffer)).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let written = poll_fn(|context| Pin::new(&mut server).poll_write(context, b"x")).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        drop(server);
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
