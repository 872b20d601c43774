//! What the server says to a request, in ways HTTP libraries refuse to say it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// One reply, made by the script for one request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) kind: Kind,
    pub(super) gate: Option<Gate>,
    pub(super) pause: Option<Duration>,
}

/// The shapes a reply can take on the wire.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A well-formed reply, its body cut after so many bytes if asked to.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8>, cut: Option<usize> },
    /// These bytes and the end of the connection.
    Raw(Vec<u8>),
    /// A TCP reset.
    Reset,
    /// The end of the connection, without a byte.
    Close,
    /// Silence on an open connection.
    Never,
    /// These bytes, one at a time, then silence.
    Drip { bytes: Vec<u8>, every: Duration },
    /// A head, then the same bytes until the client goes.
    Endless { head: Vec<u8>, piece: Vec<u8> },
}

impl Reply {
    fn of(kind: Kind) -> Self {
        Self { kind, gate: None, pause: None }
    }

    /// The documented success: 200 with JSON `true`.
    pub fn updated() -> Self {
        Self::json(200, "true")
    }

    /// A reply with a JSON body.
    pub fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::new(status).header("content-type", "application/json").body(body)
    }

    /// A reply without a body; [`Reply::header`] and [`Reply::body`] fill it.
    pub fn new(status: u16) -> Self {
        Self::of(Kind::Answer { status, headers: Vec::new(), body: Vec::new(), cut: None })
    }

    /// These bytes, verbatim, then the connection is closed.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self::of(Kind::Raw(bytes.as_ref().to_vec()))
    }

    /// A TCP reset (RST) after the whole request was read.
    pub fn reset() -> Self {
        Self::of(Kind::Reset)
    }

    /// The connection is closed (FIN) without a byte.
    pub fn close() -> Self {
        Self::of(Kind::Close)
    }

    /// The connection stays open and silent until the client or the server goes.
    pub fn never() -> Self {
        Self::of(Kind::Never)
    }

    /// These bytes, verbatim, one at a time, then silence until the client or the server goes.
    pub fn drip(bytes: impl AsRef<[u8]>, every: Duration) -> Self {
        Self::of(Kind::Drip { bytes: bytes.as_ref().to_vec(), every })
    }

    /// A head, verbatim, then the same piece again and again until the client or the server goes: a
    /// body of any size without the memory for it.
    pub fn endless(head: impl AsRef<[u8]>, piece: impl AsRef<[u8]>) -> Self {
        let (head, piece) = (head.as_ref().to_vec(), piece.as_ref().to_vec());
        assert!(!piece.is_empty(), "an endless body needs a piece to repeat");
        Self::of(Kind::Endless { head, piece })
    }

    /// Adds a header; the same name may come twice. `content-length` is added by itself unless this
    /// gives one or a `transfer-encoding`; `connection: close` closes the connection afterwards.
    #[track_caller]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let Kind::Answer { headers, .. } = &mut self.kind else {
            panic!("only an ordinary reply has headers");
        };
        headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[track_caller]
    pub fn body(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let Kind::Answer { body, .. } = &mut self.kind else {
            panic!("only an ordinary reply has a body");
        };
        *body = bytes.as_ref().to_vec();
        self
    }

    /// Announces the whole body, sends its first `length` bytes and closes the connection.
    #[track_caller]
    pub fn truncated_after(mut self, length: usize) -> Self {
        let Kind::Answer { cut, .. } = &mut self.kind else {
            panic!("only an ordinary reply can be truncated");
        };
        *cut = Some(length);
        self
    }

    /// Holds the reply back until the gate is open.
    pub fn gated(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Holds the reply back for a while, after its gate if it has one.
    pub fn after(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }
}

/// The head and the body of an ordinary reply, as they go on the wire.
pub(super) fn encode(status: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let framed = ["content-length", "transfer-encoding"];
    let is_framed = headers.iter().any(|(name, _)| framed.iter().any(|one| name.eq_ignore_ascii_case(one)));
    if !is_framed && status != 204 && status != 304 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Reply",
    }
}

/// A gate that holds replies back until a test opens it; its clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every reply behind the gate go, now and later.
    pub fn open(&self) {
        let (is_open, changed) = &*self.state;
        *is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Waits until the gate is open, at most for `patience`; says whether it is.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let (is_open, changed) = &*self.state;
        let guard = is_open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, patience, |is_open| !*is_open);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
