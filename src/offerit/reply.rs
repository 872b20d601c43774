//! What a reply means. Pure: a status, headers and a body in, a [`Reply`] out.

use super::body::ReplyBody;
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
    /// The connection, which was one of the pool, ended before the head of a reply. Most likely the server had closed it
    /// while it was idle, so this says nothing of the server (hyper issues 2136 and 3553). The update may have been applied.
    Stale {
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
            Reply::NotSent { .. } | Reply::Stale { .. } | Reply::Lost { .. } => None,
        }
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
        408 | 425 | 429 | 500 | 502 | 503 | 504 | 509 | 520..=530 => Class::Overload,
        _ => Class::Refusal,
    }
}

/// The meaning of a whole reply. `redact` takes secrets out of whatever text is kept.
pub(super) fn meaning(
    status: StatusCode,
    headers: &HeaderMap,
    body: &ReplyBody,
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
fn success(status: u16, body: &ReplyBody, redact: impl Fn(&str) -> String) -> Reply {
    let json = without_byte_order_mark(&body.bytes);
    if json == b"true" {
        return Reply::Confirmed { status };
    }
    if body.is_cut {
        let text = "the reply is far longer than the API's 'true'".to_owned();
        return Reply::Unconfirmed { status, text };
    }
    match serde_json::from_slice::<Value>(json) {
        Ok(Value::Bool(true)) => Reply::Confirmed { status },
        Ok(other) => Reply::Refused { status, text: refusal(&other, redact) },
        // JSON by its grammar, though it is more than can be held: half a letter, a number without end, much in each other.
        Err(_) if serde_json::from_slice::<IgnoredAny>(json).is_ok() => {
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

/// RFC 8259, section 8.1: a parser may ignore a byte order mark.
fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Why a 2xx reply with JSON other than `true` is a refusal: its message, else what came instead of `true`.
fn refusal(value: &Value, redact: impl Fn(&str) -> String) -> String {
    match (message(value), value) {
        (Some(Value::String(text)), _) => redact(&text),
        (_, Value::String(text)) => format!("expected true, got the string \"{}\"", redact(text)),
        (_, other) => format!("expected true, got {}", redact(&other.to_string())),
    }
}

fn text(status: StatusCode, body: &ReplyBody, redact: impl Fn(&str) -> String) -> String {
    let said = match serde_json::from_slice::<Value>(without_byte_order_mark(&body.bytes)) {
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

/// The message of a JSON object, else its data.
fn message(value: &Value) -> Option<Value> {
    let error = value.is_object().then(|| ErrorBody::deserialize(value).ok()).flatten()?;
    error.message.into_iter().chain(error.data).find(|text| !text.is_null())
}

/// What a JSON reply says: its message, its data or the whole of it.
fn said(value: &Value) -> String {
    match message(value).as_ref().unwrap_or(value) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What is no UTF-8 is taken for Latin-1, which many old servers speak, and only that: what they echo of a row is UTF-8
/// still, and has to be found.
fn lossy(body: &ReplyBody) -> String {
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
        let body = ReplyBody { bytes: body.as_bytes().to_vec(), is_cut: false };
        let status = StatusCode::from_u16(status).unwrap();
        meaning(status, &HeaderMap::new(), &body, str::to_owned)
    }

    #[test]
    fn a_stray_byte_does_not_change_the_text_around_it() {
        let bytes = [&b"Ung\xfcltig: "[..], "München".as_bytes(), b" \xe9"].concat();
        assert_eq!(lossy(&ReplyBody { bytes, is_cut: false }), "Ungültig: München é");
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
            (505, 508, Refusal),
            (509, 509, Overload),
            (510, 510, Refusal),
            (511, 511, Denial),
            (512, 519, Refusal),
            (520, 530, Overload),
            (531, 599, Refusal),
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn only_true_confirms() {
        for body in ["true", " true\r\n", "\u{feff}true", "\u{feff} true"] {
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
        for body in ["", "  \n", "<html>maintenance</html>", "tru", "True", "true true", "{\"result\":"] {
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
            ("\u{feff}\"marked\"", "marked"),
            ("<b>Bad\n  Request</b>", "<b>Bad Request</b>"),
            ("", "Bad Request"),
        ] {
            assert_eq!(reply(400, body), Reply::Refused { status: 400, text: expected.to_owned() });
        }
    }

    #[test]
    fn a_2xx_refusal_says_what_came_instead_of_true() {
        for (body, expected) in [
            (r#""true""#, r#"expected true, got the string "true""#),
            (r#"{"data":true}"#, r#"expected true, got {"data":true}"#),
            ("false", "expected true, got false"),
            ("[true]", "expected true, got [true]"),
            (r#"{"result":"error","message":"customer not found"}"#, "customer not found"),
            ("\u{feff}{\"data\":\"no such id\"}", "no such id"),
        ] {
            assert_eq!(reply(200, body), Reply::Refused { status: 200, text: expected.to_owned() });
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
