//! What a reply means. Pure: a status, headers and a body in, a [`Reply`] out.

use super::retry_after::retry_after;
use http::StatusCode;
use http::header::{HeaderMap, LOCATION};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// How much of a body without a message is quoted, in characters.
const SNIPPET: usize = 200;

/// What one attempt came to. Texts are the server's own, redacted, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 2xx and the JSON value `true` (documented): the update is done.
    Confirmed {
        /// The HTTP status.
        status: u16,
    },
    /// The server said no to this row; asking again will not help.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why, in the server's words.
        text: String,
    },
    /// 2xx, but empty, HTML or otherwise not the API's answer (inferred: a maintenance page, a proxy).
    Unconfirmed {
        /// The HTTP status.
        status: u16,
        /// What came instead.
        text: String,
    },
    /// Overload or outage: asking again later may help (inferred: the page lists no such status).
    Overloaded {
        /// The HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The key, the user or the caller's address is refused, or a proxy wants credentials: every row would
    /// fail.
    Denied {
        /// The HTTP status.
        status: u16,
        /// Why, in the server's words.
        text: String,
    },
    /// A redirect, which is never followed: it would carry the key and the row to another place.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to, without its query.
        target: String,
    },
    /// The request never left: no connection, no TLS, no name.
    NotSent {
        /// Why.
        text: String,
    },
    /// The request left and the server says that it has not been processed: it is asked again, and the update cannot
    /// have been applied (RFC 9113, 6.8: a stream above the last one of a GOAWAY; 8.7: REFUSED_STREAM).
    NotTaken {
        /// Why.
        text: String,
    },
    /// The request left and no whole reply came: the update may have been applied or not.
    Lost {
        /// Why.
        text: String,
    },
}

impl Reply {
    /// The HTTP status, if there was a reply.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Reply::Confirmed { status }
            | Reply::Refused { status, .. }
            | Reply::Unconfirmed { status, .. }
            | Reply::Overloaded { status, .. }
            | Reply::Denied { status, .. }
            | Reply::Redirected { status, .. } => Some(*status),
            Reply::NotSent { .. } | Reply::NotTaken { .. } | Reply::Lost { .. } => None,
        }
    }
}

/// What a body is, as far as it was read. No compression is offered to the server, so that what is counted is
/// what came.
#[derive(Default)]
pub(super) struct Body {
    pub bytes: Vec<u8>,
    /// Whether there was more than is ever read.
    pub is_cut: bool,
}

impl Body {
    /// Takes the next piece, up to `most` bytes in all; the rest is left, however much it is.
    pub(super) fn add(&mut self, piece: &[u8], most: usize) {
        let room = most - self.bytes.len();
        self.is_cut |= piece.len() > room;
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

/// What a status means before its body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Success,
    Redirect,
    Denial,
    Overload,
    Refusal,
}

/// The status table of the project's reading of the API; documented are 200, 400, 404 and 405.
pub(super) fn class(status: u16) -> Class {
    match status {
        200..=299 => Class::Success,
        300..=399 => Class::Redirect,
        401 | 403 | 407 | 511 => Class::Denial,
        408 | 425 | 429 | 500 | 502 | 503 | 504 | 520..=529 => Class::Overload,
        _ => Class::Refusal,
    }
}

/// The meaning of a whole reply. `redact` takes secrets out of whatever text is kept.
pub(super) fn meaning(
    status: StatusCode,
    headers: &HeaderMap,
    body: &Body,
    redact: impl Fn(&str) -> String,
) -> Reply {
    let code = status.as_u16();
    match class(code) {
        Class::Success => success(code, body, redact),
        Class::Redirect => Reply::Redirected { status: code, target: redact(&target(headers)) },
        Class::Denial => Reply::Denied { status: code, text: text(status, body, redact) },
        Class::Refusal => Reply::Refused { status: code, text: text(status, body, redact) },
        Class::Overload => Reply::Overloaded { status: code, text: text(status, body, redact) },
    }
}

/// How long the server asks to be left alone, as the head of a reply says it. RFC 9110 knows a wish to ask later for 503,
/// RFC 6585 for 429.
pub(super) fn asked_pause(
    status: StatusCode,
    headers: &HeaderMap,
    now: impl FnOnce() -> SystemTime,
) -> Option<Duration> {
    if matches!(status.as_u16(), 429 | 503) { retry_after(headers, now()) } else { None }
}

/// 2xx: `true` confirms (documented), other JSON refuses, anything else confirms nothing (both inferred).
fn success(status: u16, body: &Body, redact: impl Fn(&str) -> String) -> Reply {
    if body.bytes == b"true" {
        return Reply::Confirmed { status };
    }
    if body.is_cut {
        let text = "the reply is far longer than the API's 'true'".to_owned();
        return Reply::Unconfirmed { status, text };
    }
    match serde_json::from_slice::<Value>(&body.bytes) {
        Ok(Value::Bool(true)) => Reply::Confirmed { status },
        Ok(other) => Reply::Refused { status, text: redact(&said(&other)) },
        // JSON by its grammar, though it is more than can be held: half a letter, a number without end, much in each other.
        Err(_) if serde_json::from_slice::<IgnoredAny>(&body.bytes).is_ok() => {
            Reply::Refused { status, text: snippet(&redact(&lossy(body))) }
        }
        Err(_) if body.bytes.iter().all(u8::is_ascii_whitespace) => {
            Reply::Unconfirmed { status, text: "the reply is empty, not the API's 'true'".to_owned() }
        }
        Err(_) => {
            let text = format!("the reply is not the API's 'true' but: {}", snippet(&redact(&lossy(body))));
            Reply::Unconfirmed { status, text }
        }
    }
}

fn text(status: StatusCode, body: &Body, redact: impl Fn(&str) -> String) -> String {
    let said = match serde_json::from_slice::<Value>(&body.bytes) {
        Ok(value) => redact(&said(&value)),
        Err(_) => redact(&lossy(body)),
    };
    match snippet(&said) {
        said if said.is_empty() => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        said => said,
    }
}

/// The error body of sister calls (documented for them): the text under `message`, once under `data`.
#[derive(Deserialize)]
struct ErrorBody {
    message: Option<Value>,
    data: Option<Value>,
}

/// What a JSON reply says: its message, else its data, else itself.
fn said(value: &Value) -> String {
    let error = value.is_object().then(|| ErrorBody::deserialize(value).ok()).flatten();
    let told =
        error.and_then(|error| error.message.into_iter().chain(error.data).find(|text| !text.is_null()));
    match told.as_ref().unwrap_or(value) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What is no UTF-8 is taken for Latin-1, which many old servers speak, and only that: what they echo of a row is UTF-8
/// still, and has to be found.
fn lossy(body: &Body) -> String {
    let mut text = String::with_capacity(body.bytes.len());
    for chunk in body.bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    text
}

/// The start of a text, white space folded.
fn snippet(text: &str) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match folded.char_indices().nth(SNIPPET) {
        Some((end, _)) => format!("{}…", &folded[..end]),
        None => folded,
    }
}

/// Where a redirect leads, without query and fragment.
fn target(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match location {
        Some(location) => location.split(['?', '#']).next().unwrap_or_default().to_owned(),
        None => "an unnamed place".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderValue, RETRY_AFTER};

    fn reply(status: u16, body: &str) -> Reply {
        let body = Body { bytes: body.as_bytes().to_vec(), is_cut: false };
        let status = StatusCode::from_u16(status).unwrap();
        meaning(status, &HeaderMap::new(), &body, str::to_owned)
    }

    #[test]
    fn a_stray_byte_does_not_change_the_text_around_it() {
        let bytes = [&b"Ung\xfcltig: "[..], "München".as_bytes(), b" \xe9"].concat();
        assert_eq!(lossy(&Body { bytes, is_cut: false }), "Ungültig: München é");
    }

    #[test]
    fn every_status_has_its_class() {
        let mut table = Vec::new();
        for status in 100..=599 {
            let class = class(status);
            match table.last_mut() {
                Some((_, last, known)) if *known == class => *last = status,
                _ => table.push((status, status, class)),
            }
        }
        use Class::{Denial, Overload, Redirect, Refusal, Success};
        let expected = [
            (100, 199, Refusal),
            (200, 299, Success),
            (300, 399, Redirect),
            (400, 400, Refusal),
            (401, 401, Denial),
            (402, 402, Refusal),
            (403, 403, Denial),
            (404, 406, Refusal),
            (407, 407, Denial),
            (408, 408, Overload),
            (409, 424, Refusal),
            (425, 425, Overload),
            (426, 428, Refusal),
            (429, 429, Overload),
            (430, 499, Refusal),
            (500, 500, Overload),
            (501, 501, Refusal),
            (502, 504, Overload),
            (505, 510, Refusal),
            (511, 511, Denial),
            (512, 519, Refusal),
            (520, 529, Overload),
            (530, 599, Refusal),
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn only_true_confirms() {
        for body in ["true", " true\r\n"] {
            assert_eq!(reply(200, body), Reply::Confirmed { status: 200 });
        }
        let deep = format!("{{\"result\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let half = r#"{"result":"error","message":"\ud83d"}"#;
        for body in [
            "false",
            "1",
            "\"true\"",
            "{}",
            "[true]",
            "null",
            r#"{"result":"success"}"#,
            &deep,
            half,
            "[1e400]",
        ] {
            assert!(matches!(reply(200, body), Reply::Refused { .. }), "{body}");
        }
        for body in [
            "",
            "  \n",
            "<html>maintenance</html>",
            "tru",
            "True",
            "true true",
            "\u{feff}true",
            "{\"result\":",
        ] {
            assert!(matches!(reply(200, body), Reply::Unconfirmed { .. }), "{body}");
        }
        let deep = "[".repeat(10_000);
        assert!(matches!(reply(200, &deep), Reply::Unconfirmed { .. }));
    }

    #[test]
    fn the_servers_reason_is_found_where_its_calls_put_it() {
        for (body, expected) in [
            (r#"{"result":"error","message":"customer not found"}"#, "customer not found"),
            (r#"{"result":"error","data":"no such id"}"#, "no such id"),
            (r#"{"message":null,"data":["a","b"]}"#, r#"["a","b"]"#),
            ("\"plain\"", "plain"),
            ("<b>Bad\n  Request</b>", "<b>Bad Request</b>"),
            ("", "Bad Request"),
        ] {
            assert_eq!(reply(400, body), Reply::Refused { status: 400, text: expected.to_owned() });
        }
    }

    #[test]
    fn a_retry_after_counts_for_429_and_503_only() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("9"));
        for (status, expected) in [(429, Some(9)), (503, Some(9)), (500, None), (502, None)] {
            let asked = asked_pause(StatusCode::from_u16(status).unwrap(), &headers, SystemTime::now);
            assert_eq!(asked.map(|wait| wait.as_secs()), expected, "{status}");
        }
    }
}
