//! One client connection of the server: reads requests, asks the script, and answers as it says.

use super::reply::{Gate, Kind, Reply, encode};
use super::request::{self, Parsed};
use super::server::Shared;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a reply that is held back looks whether the client is still there.
const GLANCE: Duration = Duration::from_millis(20);

/// One client connection and its thread.
pub(super) struct Connection {
    number: usize,
    stream: Arc<TcpStream>,
    shared: Arc<Shared>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The server's handle goes first, so that the socket closes with this connection, now.
        self.shared.forget(self.number);
    }
}

/// A request that arrived and is not answered; dropping it notes the answer.
struct Unanswered<'a> {
    shared: &'a Shared,
    number: usize,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.shared.account().answer(self.number);
    }
}

/// What becomes of the connection after a reply.
enum After {
    Next,
    End,
}

impl Connection {
    pub(super) fn new(number: usize, stream: Arc<TcpStream>, shared: Arc<Shared>) -> Self {
        Self { number, stream, shared }
    }

    /// Answers requests until one side ends the connection.
    pub(super) fn serve(self) {
        while let Some((parsed, arrived)) = self.read() {
            let asked_to_close = parsed.headers.iter().any(closes);
            let request = self.shared.arrive(parsed, arrived, self.number);
            let unanswered = Unanswered { shared: &self.shared, number: request.number };
            let reply = (self.shared.script)(&request, request.number);
            match self.answer(reply, unanswered) {
                After::Next if !asked_to_close => {}
                _ => return,
            }
        }
    }

    /// Reads one request but for its last byte, which it leaves with the kernel: closing a socket with
    /// unread data sends a reset, and std has no other way to send one. `None` once the client is gone.
    fn read(&self) -> Option<(Parsed, Instant)> {
        let mut stream = &*self.stream;
        let mut chunk = vec![0; 64 * 1024];
        let mut taken = Vec::new();
        let mut arrived = None;
        loop {
            let count = stream.peek(&mut chunk).ok().filter(|count| *count > 0)?;
            let arrived = *arrived.get_or_insert_with(Instant::now);
            let before = taken.len();
            taken.extend_from_slice(&chunk[..count]);
            match request::parse(&taken) {
                Ok(Some(parsed)) => {
                    stream.read_exact(&mut chunk[..parsed.length - 1 - before]).ok()?;
                    return Some((parsed, arrived));
                }
                Ok(None) => stream.read_exact(&mut chunk[..count]).ok()?,
                Err(complaint) => {
                    self.shared.account().complaints.push(complaint);
                    return None;
                }
            }
        }
    }

    /// Sends a reply. A request counts as answered just before the byte that completes its reply: noted
    /// after it, a quick client's next request could arrive first.
    fn answer(&self, reply: Reply, unanswered: Unanswered<'_>) -> After {
        let Reply { kind, gate, pause } = reply;
        let is_reset = matches!(kind, Kind::Reset);
        if !is_reset && (&*self.stream).read_exact(&mut [0]).is_err() {
            return After::End;
        }
        let may_go = gate.is_none_or(|gate| self.hold(&gate, None))
            && pause.is_none_or(|pause| self.hold(&Gate::new(), Some(pause)));
        if !may_go {
            return After::End;
        }
        match kind {
            Kind::Answer { status, headers, body, cut } => {
                let mut bytes = encode(status, &headers, &body);
                if let Some(length) = cut {
                    bytes.truncate(bytes.len() - body.len().saturating_sub(length));
                }
                drop(unanswered);
                if self.send(&bytes) && cut.is_none() && !headers.iter().any(closes) {
                    return After::Next;
                }
            }
            Kind::Raw(bytes) => {
                drop(unanswered);
                self.send(&bytes);
            }
            // Dropping the connection does it: with a reset where a byte is unread, with a FIN otherwise.
            Kind::Reset | Kind::Close => drop(unanswered),
            Kind::Never => {
                self.hold(&Gate::new(), None);
            }
            Kind::Drip { bytes, every } => self.drip(&bytes, every, unanswered),
            Kind::Endless { head, piece } => {
                self.send(&head);
                while self.send(&piece) {}
            }
        }
        After::End
    }

    /// Writes, and says whether the client is still there to write to.
    fn send(&self, bytes: &[u8]) -> bool {
        (&*self.stream).write_all(bytes).is_ok()
    }

    fn drip(&self, bytes: &[u8], every: Duration, unanswered: Unanswered<'_>) {
        let mut unanswered = Some(unanswered);
        for (index, byte) in bytes.iter().enumerate() {
            if index + 1 == bytes.len() {
                unanswered.take();
            }
            if !self.send(&[*byte]) || !self.hold(&Gate::new(), Some(every)) {
                return;
            }
        }
        self.hold(&Gate::new(), None);
    }

    /// Waits for the gate, or for the pause to pass. Says no when the client closed its end or the
    /// server stops: there is nobody left to answer.
    fn hold(&self, gate: &Gate, pause: Option<Duration>) -> bool {
        let started = Instant::now();
        loop {
            let left = pause.map_or(GLANCE, |pause| pause.saturating_sub(started.elapsed()));
            if gate.wait(left.min(GLANCE)) || left.is_zero() {
                return true;
            }
            if self.shared.is_stopping() || self.is_gone() {
                return false;
            }
        }
    }

    fn is_gone(&self) -> bool {
        let glance = || -> io::Result<usize> {
            self.stream.set_nonblocking(true)?;
            let seen = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            seen
        };
        match glance() {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}

fn closes((name, value): &(String, String)) -> bool {
    name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
}
