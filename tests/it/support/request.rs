//! What a client sent: strict reading of one HTTP/1.1 request, and of the form in its body.

use std::time::Instant;

/// The most bytes a request line with its headers may take.
const LONGEST_HEAD: usize = 64 * 1024;
/// The most bytes a whole request may take: beyond it the client is out of control.
const LONGEST_REQUEST: usize = 64 * 1024 * 1024;

/// One request as it arrived, nothing normalised.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its place in the order of arrival, from 0.
    pub number: usize,
    /// The method, `PATCH`.
    pub method: String,
    /// The request target as sent, a query included.
    pub path: String,
    /// The headers in their order, with the case of their names as sent.
    pub headers: Vec<(String, String)>,
    /// The body, chunks already joined.
    pub body: Vec<u8>,
    /// When its first bytes were seen.
    pub arrived: Instant,
    /// The connection it came on, from 0 in the order they were accepted.
    pub connection: usize,
}

impl Request {
    /// The value of a header, whatever the case of its name. Panics if it was sent more than once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        only_header(&self.headers, name).unwrap_or_else(|complaint| panic!("{complaint}"))
    }

    /// The form fields of the body in their order. Panics on a body that is no strict
    /// `application/x-www-form-urlencoded`.
    #[track_caller]
    pub fn fields(&self) -> Vec<(String, Vec<u8>)> {
        let kind = self.header("content-type").unwrap_or_default();
        assert_eq!(kind, "application/x-www-form-urlencoded", "the content type");
        form_fields(&self.body).unwrap_or_else(|complaint| panic!("{complaint}"))
    }

    /// The value of a form field. Panics if it was sent more than once or is not UTF-8.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<String> {
        let fields = self.fields();
        let mut values = fields.into_iter().filter(|(field, _)| field == name);
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "the field {name} was sent twice");
        Some(String::from_utf8(value).expect("a field in UTF-8"))
    }
}

/// A complete request at the start of the bytes read.
pub(super) struct Parsed {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// How many bytes it took.
    pub(super) length: usize,
}

/// Reads the request at the start of `bytes`: `None` while it is incomplete, the reason once it is wrong.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Parsed>, String> {
    if bytes.len() > LONGEST_REQUEST {
        return Err("the request is too long".to_owned());
    }
    let Some(head_length) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return head_can_go_on(bytes).map(|()| None);
    };
    let head = std::str::from_utf8(&bytes[..head_length]).map_err(|_| "the head is not UTF-8".to_owned())?;
    let mut lines = head.split("\r\n");
    let (method, path) = request_line(lines.next().unwrap_or_default())?;
    let headers = lines.map(header_line).collect::<Result<Vec<_>, _>>()?;
    if only_header(&headers, "host")?.is_none() {
        return Err("there is no host header".to_owned());
    }
    let rest = &bytes[head_length + 4..];
    let Some((body, body_length)) = body(&headers, rest)? else {
        return Ok(None);
    };
    Ok(Some(Parsed { method, path, headers, body, length: head_length + 4 + body_length }))
}

/// Whether an unfinished head may still become a good one: a wrong one must not wait for ever.
fn head_can_go_on(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > LONGEST_HEAD {
        return Err("the head is too long".to_owned());
    }
    let bare =
        (0..bytes.len()).any(|index| bytes[index] == b'\n' && (index == 0 || bytes[index - 1] != b'\r'));
    if bare {
        return Err("a line of the head ends in a bare line feed".to_owned());
    }
    Ok(())
}

fn request_line(line: &str) -> Result<(String, String), String> {
    let parts: Vec<&str> = line.split(' ').collect();
    let &[method, path, "HTTP/1.1"] = parts.as_slice() else {
        return Err(format!("not a request line: {line:?}"));
    };
    let good_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let good_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if good_method && good_path {
        Ok((method.to_owned(), path.to_owned()))
    } else {
        Err(format!("not a request line: {line:?}"))
    }
}

fn header_line(line: &str) -> Result<(String, String), String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let wrong = || format!("not a header: {line:?}");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(wrong());
    }
    if value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(wrong());
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn only_header<'a>(headers: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, String> {
    let mut found = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let first = found.next().map(|(_, value)| value.as_str());
    match found.next() {
        None => Ok(first),
        Some(_) => Err(format!("the header {name} was sent twice")),
    }
}

/// The body at the start of `rest` and how many bytes it took there; `None` while it is incomplete.
fn body(headers: &[(String, String)], rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let length = only_header(headers, "content-length")?;
    match (length, only_header(headers, "transfer-encoding")?) {
        (None, None) => Ok(Some((Vec::new(), 0))),
        (Some(length), None) => {
            let length = number(length, 10)?;
            Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
        }
        (None, Some("chunked")) => chunks(rest),
        (length, encoding) => {
            Err(format!("a body announced by content-length {length:?} and transfer-encoding {encoding:?}"))
        }
    }
}

fn chunks(rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let mut joined = Vec::new();
    let mut position = 0;
    loop {
        let Some(line_length) = rest[position..].windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&rest[position..position + line_length]);
        let size = number(&line, 16)?;
        let start = position + line_length + 2;
        let Some(chunk) = rest.get(start..start + size + 2) else {
            return Ok(None);
        };
        if !chunk.ends_with(b"\r\n") {
            return Err("a chunk does not end where its size says".to_owned());
        }
        position = start + size + 2;
        if size == 0 {
            return Ok(Some((joined, position)));
        }
        joined.extend_from_slice(&chunk[..size]);
    }
}

/// A length written with digits only: `from_str_radix` alone would take a sign.
fn number(text: &str, radix: u32) -> Result<usize, String> {
    let wrong = || format!("not a length: {text:?}");
    if !text.chars().all(|character| character.is_digit(radix)) {
        return Err(wrong());
    }
    usize::from_str_radix(text, radix).ok().filter(|length| *length <= LONGEST_REQUEST).ok_or_else(wrong)
}

fn form_fields(body: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    body.split(|byte| *byte == b'&').map(form_field).collect()
}

fn form_field(pair: &[u8]) -> Result<(String, Vec<u8>), String> {
    let wrong = || format!("not a form field: {:?}", String::from_utf8_lossy(pair));
    let equals = pair.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
    let name = form_text(&pair[..equals]).ok_or_else(wrong)?;
    let value = form_text(&pair[equals + 1..]).ok_or_else(wrong)?;
    let name = String::from_utf8(name).map_err(|_| wrong())?;
    if name.is_empty() { Err(wrong()) } else { Ok((name, value)) }
}

/// Decodes one side of a field; `None` for a byte that had to be escaped or a broken escape.
fn form_text(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter();
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(*bytes.next()?)? * 16 + hex_digit(*bytes.next()?)?,
            _ if byte.is_ascii_alphanumeric() || b"*-._~".contains(&byte) => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
