//! Interprets replies. Pure: a status, headers and a body in, a [`Reply`] out.

use super::body::ReplyBody;
use super::retry_after::retry_after;
use super::words::WordFilter;
use http::StatusCode;
use http::header::{HeaderMap, LOCATION};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::time::{Duration, SystemTime};
use url::Url;

/// The result of one attempt. Texts of the server hold only listed words; they are not escaped yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 2xx and the JSON value `true` (documented): the update is done.
    Confirmed {
        /// The HTTP status.
        status: u16,
    },
    /// The server refuses this row; a retry will not help.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The reason, in the server's words.
        text: String,
    },
    /// 2xx, but empty, HTML or otherwise not the API's answer (inferred: a maintenance page, a proxy).
    Unconfirmed {
        /// The HTTP status.
        status: u16,
        /// The reply in place of `true`.
        text: String,
    },
    /// Overload or outage: a retry later may help (inferred: the page lists no such status).
    Overloaded {
        /// The HTTP status.
        status: u16,
        /// The reason, in the server's words.
        text: String,
    },
    /// The key, the user or the caller's address is refused, or a proxy demands credentials: every row would fail.
    Denied {
        /// The HTTP status.
        status: u16,
        /// The reason, in the server's words.
        text: String,
    },
    /// A redirect. It is never followed, as that would carry the key and the row to another place.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// The target, without its query.
        target: String,
    },
    /// The request never left: the name, the connection or TLS failed.
    NotSent {
        /// The reason.
        text: String,
        /// The permanent fault, if it is one.
        fault: Option<Fault>,
    },
    /// A connection of the pool ended before the head of a reply. Most likely the server had closed it while it was idle, so
    /// this is no sign of an outage (hyper issues 2136 and 3553). The update may have been applied.
    Stale {
        /// The reason.
        text: String,
    },
    /// The request left and no whole reply came: the update may have been applied.
    Lost {
        /// The reason.
        text: String,
        /// The permanent fault, if it is one.
        fault: Option<Fault>,
    },
}

/// A permanent fault, mostly a wrong address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server's certificate cannot be trusted.
    Certificate,
    /// The server speaks no TLS that the client speaks.
    NoTls,
    /// The server speaks no HTTP.
    NoHttp,
    /// The resolver reports that the host name does not exist.
    UnknownName,
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

/// The meaning of a status, without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Success,
    Redirect,
    Denial,
    Overload,
    Refusal,
}

/// The class of a status. Documented are 200, 400, 404 and 405; the other classes are inferred.
pub(super) fn class(status: u16) -> Class {
    match status {
        200..=299 => Class::Success,
        300..=399 => Class::Redirect,
        401 | 403 | 407 | 511 => Class::Denial,
        408 | 425 | 429 | 500 | 502 | 503 | 504 | 509 | 520..=530 => Class::Overload,
        _ => Class::Refusal,
    }
}

/// The meaning of a whole reply. `row` decides which of the server's words are kept; a success keeps no words.
pub(super) fn meaning<'row>(
    status: StatusCode,
    headers: &HeaderMap,
    body: &ReplyBody,
    row: impl FnOnce() -> WordFilter<'row>,
) -> Reply {
    let (code, class) = (status.as_u16(), class(status.as_u16()));
    if class == Class::Success && is_confirmation(body) {
        return Reply::Confirmed { status: code };
    }
    let row = row();
    match class {
        Class::Success => unconfirmed_or_refused(code, body, &row),
        Class::Redirect => Reply::Redirected { status: code, target: target(headers, &row) },
        Class::Denial => Reply::Denied { status: code, text: text(status, body, &row) },
        Class::Refusal => Reply::Refused { status: code, text: text(status, body, &row) },
        Class::Overload => Reply::Overloaded { status: code, text: text(status, body, &row) },
    }
}

/// The pause that the head of a reply asks for: with 503 (RFC 9110, section 15.6.4) and 429 (RFC 6585, section 4).
pub(super) fn asked_pause(
    status: StatusCode,
    headers: &HeaderMap,
    now: impl FnOnce() -> SystemTime,
) -> Option<Duration> {
    if matches!(status.as_u16(), 429 | 503) { retry_after(headers, now()) } else { None }
}

/// Whether the body is the JSON value `true` (documented).
fn is_confirmation(body: &ReplyBody) -> bool {
    !body.is_cut && matches!(serde_json::from_slice(json(body)), Ok(true))
}

/// 2xx without `true`: JSON refuses, anything else confirms nothing (both inferred).
fn unconfirmed_or_refused(status: u16, body: &ReplyBody, row: &WordFilter<'_>) -> Reply {
    let unconfirmed = |text: &str| Reply::Unconfirmed { status, text: text.to_owned() };
    if body.is_cut {
        return unconfirmed("expected true, got a long reply");
    }
    match serde_json::from_slice::<Value>(json(body)) {
        Ok(value) => Reply::Refused { status, text: refusal(&value, row) },
        // Valid JSON that `Value` cannot hold: an unpaired surrogate, a number above 1e308, deep nesting.
        Err(_) if serde_json::from_slice::<IgnoredAny>(json(body)).is_ok() => {
            Reply::Refused { status, text: row.keep_words(&body.to_text()) }
        }
        Err(_) if body.bytes.trim_ascii().is_empty() => unconfirmed("expected true, got an empty reply"),
        Err(_) => unconfirmed(&format!("expected true, got: {}", words(body, row))),
    }
}

/// The body without a byte order mark, which a parser may ignore (RFC 8259, section 8.1).
fn json(body: &ReplyBody) -> &[u8] {
    body.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body.bytes)
}

/// The reason of a 2xx reply with JSON other than `true`: its message may read as if all were well.
fn refusal(value: &Value, row: &WordFilter<'_>) -> String {
    match (message(value), value) {
        (Some(Value::String(text)), _) if !text.is_empty() => {
            format!("expected true, got: {}", row.keep_words(text))
        }
        (_, Value::String(text)) => format!("expected true, got the string \"{}\"", row.keep_words(text)),
        (_, other) => format!("expected true, got {}", row.keep_words(&other.to_string())),
    }
}

/// The message of a JSON reply, its data or the whole of it, else the body as text, else the meaning of the status.
fn text(status: StatusCode, body: &ReplyBody, row: &WordFilter<'_>) -> String {
    let text = match serde_json::from_slice::<Value>(json(body)) {
        Ok(value) => match message(&value).unwrap_or(&value) {
            Value::String(text) => row.keep_words(text),
            other => row.keep_words(&other.to_string()),
        },
        Err(_) => words(body, row),
    };
    match text {
        text if text.is_empty() => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        text => text,
    }
}

/// The words of a reply that is no JSON. A web page is known by its title.
fn words(body: &ReplyBody, row: &WordFilter<'_>) -> String {
    let text = body.to_text();
    match title(&text) {
        Some("") => "a web page".to_owned(),
        Some(title) => format!("a web page ({})", row.keep_words(title)),
        None => row.keep_words(&text),
    }
}

fn title(page: &str) -> Option<&str> {
    // Only the letters of ASCII change, so positions stay.
    let tags = page.to_ascii_lowercase();
    let tag = tags.find("<title")?;
    let start = tag + tags[tag..].find('>')? + 1;
    let end = start + tags[start..].find("</title>")?;
    Some(page[start..end].trim())
}

/// The reason in the error body of sister calls: under `message`, once under `data` (documented for them).
fn message(value: &Value) -> Option<&Value> {
    let mut texts = ["message", "data"].into_iter().filter_map(|name| value.get(name));
    texts.find(|text| !text.is_null())
}

/// The target of a redirect, without query and fragment; empty if the reply names none. Its host is not a word of the server but shown as it is, as the base
/// URL has to be corrected to it.
fn target(headers: &HeaderMap, row: &WordFilter<'_>) -> String {
    let Some(location) = headers.get(LOCATION) else { return String::new() };
    let location = String::from_utf8_lossy(location.as_bytes());
    let location = location.split(['?', '#']).next().unwrap_or_default();
    match Url::parse(location).ok().filter(|url| url.has_host() && !row.has_value_in(url.authority())) {
        Some(url) => url.origin().ascii_serialization() + &row.keep_words(url.path()),
        None => row.keep_words(location),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ApiKey;
    use super::*;
    use crate::customer::{Parameter, Update, Values};
    use http::header::{HeaderValue, RETRY_AFTER};

    fn reply(status: u16, body: &str) -> Reply {
        let body = ReplyBody { bytes: body.as_bytes().to_vec(), is_cut: false };
        let status = StatusCode::from_u16(status).unwrap();
        let mut values = Values::default();
        values.set(Parameter::CustomerId, "191");
        values.set(Parameter::City, "Riga");
        let (update, key) =
            (Update::new(values, &mut Vec::new()).unwrap(), ApiKey::new("44b5498dbcb4").unwrap());
        meaning(status, &HeaderMap::new(), &body, || WordFilter::new(&update, &key))
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
            ("\"locked\"", "locked"),
            ("\u{feff}\"unique\"", "unique"),
            ("<b>Bad\n  Request</b>", "<b>Bad Request</b>"),
            ("<html><head><TITLE> 404 Not Found </TITLE></head><hr>", "a web page (404 Not Found)"),
            ("<title lang=\"en\">Bad Request</title>", "a web page (Bad Request)"),
            ("<title></title>", "a web page"),
            ("<title>Bad Request", "<title>Bad Request"),
            ("", "Bad Request"),
        ] {
            assert_eq!(reply(400, body), Reply::Refused { status: 400, text: expected.to_owned() });
        }
    }

    #[test]
    fn a_2xx_refusal_names_the_reply_instead_of_true() {
        for (body, expected) in [
            (r#""true""#, r#"expected true, got the string "true""#),
            (r#"{"data":true}"#, r#"expected true, got {"data":true}"#),
            ("false", "expected true, got false"),
            ("[true]", "expected true, got [true]"),
            (
                r#"{"result":"error","message":"customer not found"}"#,
                "expected true, got: customer not found",
            ),
            ("\u{feff}{\"data\":\"no such id\"}", "expected true, got: no such id"),
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
