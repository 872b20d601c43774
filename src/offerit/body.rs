//! Bodies of requests and replies: a request body that reports when it is sent, and a reply body that is read, and
//! decompressed, up to a limit.

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body::{Body, Frame, SizeHint};
use std::borrow::Cow;
use std::convert::Infallible;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The most bytes of a body that are read, and that it may decompress to. Chosen: the API's answer has four.
const MAX_REPLY_BODY: usize = 64 * 1024;

/// A request body that reports when the client takes it, which is when there is a connection to write to.
pub(super) struct RequestBody {
    bytes: Option<Bytes>,
    sent: Option<oneshot::Sender<()>>,
}

impl RequestBody {
    /// The body, and the receiver of the report.
    pub(super) fn new(bytes: Bytes) -> (RequestBody, oneshot::Receiver<()>) {
        let (sent, is_sent) = oneshot::channel();
        (RequestBody { bytes: Some(bytes), sent: Some(sent) }, is_sent)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(sent) = self.sent.take() {
            // The receiver is gone after the attempt.
            let _ = sent.send(());
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// The body of a reply, as far as it was read.
#[derive(Default)]
pub(super) struct ReplyBody {
    /// The bytes up to the limit.
    pub bytes: Vec<u8>,
    /// Whether the body is longer than the limit.
    pub is_cut: bool,
}

impl ReplyBody {
    /// Appends the next piece, up to the limit.
    pub(super) fn add(&mut self, piece: &[u8]) {
        let room = MAX_REPLY_BODY - self.bytes.len();
        self.is_cut |= piece.len() > room;
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// The body as text, for people.
    pub(super) fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Decompresses gzip and deflate, up to the limit: some servers compress although no compression is asked for. A body that
    /// cannot be decompressed stays as it is.
    pub(super) fn decompress(self, headers: &HeaderMap) -> ReplyBody {
        let coding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bytes = &self.bytes[..];
        let decompressed = match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => read_up_to_limit(MultiGzDecoder::new(bytes)),
            // Some servers omit the zlib format around deflate (RFC 9110, section 8.4.1.2).
            "deflate" => read_up_to_limit(ZlibDecoder::new(bytes))
                .or_else(|| read_up_to_limit(DeflateDecoder::new(bytes))),
            _ => None,
        };
        match decompressed {
            Some(body) => ReplyBody { is_cut: body.is_cut || self.is_cut, ..body },
            None => self,
        }
    }
}

/// Returns `None` if the body is damaged within the limit.
fn read_up_to_limit(decoder: impl Read) -> Option<ReplyBody> {
    let mut bytes = Vec::new();
    decoder.take(MAX_REPLY_BODY as u64 + 1).read_to_end(&mut bytes).ok()?;
    let is_cut = bytes.len() > MAX_REPLY_BODY;
    bytes.truncate(MAX_REPLY_BODY);
    Some(ReplyBody { bytes, is_cut })
}
