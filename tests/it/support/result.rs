//! A strict reader of result files, written from their description alone: it shares no code with the
//! crate, so that a bug there is not mirrored here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The header, to the letter.
pub const HEADER: &str = "row,line,customer_id,subscription_id,status,http_status,attempts,duration_ms,finished_at,error,fingerprint";

const STATUSES: [&str; 6] = ["updated", "unchanged", "invalid", "rejected", "failed", "unknown"];

/// One line of a result file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The row's number in the input, from 1.
    pub row: u64,
    /// The physical line of the input it starts on.
    pub line: u64,
    /// The customer id; empty where the row has none.
    pub customer_id: String,
    /// The subscription id; empty where the row has none.
    pub subscription_id: String,
    /// What became of the row.
    pub status: String,
    /// The status of the last reply; none where there was no reply.
    pub http_status: Option<u16>,
    /// How many attempts were made; an empty field is 0.
    pub attempts: u32,
    /// How long the last attempt took; none where there was none.
    pub duration_ms: Option<u64>,
    /// When the row was done, RFC 3339 in UTC with milliseconds.
    pub finished_at: String,
    /// Why the row is not in sync.
    pub error: String,
    /// 16 hexadecimal digits.
    pub fingerprint: String,
}

impl Record {
    /// Whether the row needs no sending any more.
    pub fn is_in_sync(&self) -> bool {
        matches!(self.status.as_str(), "updated" | "unchanged")
    }
}

/// Reads a result file and panics on anything its description does not allow, a torn end included.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Vec<Record> {
    let path = path.as_ref();
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    parse(&bytes).unwrap_or_else(|complaint| panic!("{}: {complaint}", path.display()))
}

/// Reads the bytes of a result file, or says what is wrong with them.
pub fn parse(bytes: &[u8]) -> Result<Vec<Record>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    if text.contains('\r') {
        return Err("there is a carriage return".to_owned());
    }
    let whole = text.strip_suffix('\n').ok_or("the last line has no line feed")?;
    let mut lines = whole.split('\n');
    if lines.next() != Some(HEADER) {
        return Err("the header is another one".to_owned());
    }
    let read = |(index, line)| record(line).map_err(|why| format!("line {}: {why}: {line}", index + 2));
    lines.enumerate().map(read).collect()
}

/// The last record of each row: the one that counts.
pub fn last_by_row(records: &[Record]) -> BTreeMap<u64, Record> {
    records.iter().map(|record| (record.row, record.clone())).collect()
}

fn record(line: &str) -> Result<Record, String> {
    let fields = fields(line)?;
    let found = fields.len();
    let [
        row,
        position,
        customer_id,
        subscription_id,
        status,
        http_status,
        attempts,
        duration_ms,
        finished_at,
        error,
        fingerprint,
    ] = <[String; 11]>::try_from(fields).map_err(|_| format!("{found} fields instead of 11"))?;
    let record = Record {
        row: required(number(&row)?, "row")?,
        line: required(number(&position)?, "line")?,
        customer_id,
        subscription_id,
        status,
        http_status: number(&http_status)?,
        attempts: number(&attempts)?.unwrap_or(0),
        duration_ms: number(&duration_ms)?,
        finished_at,
        error,
        fingerprint,
    };
    check(&record, line).map(|()| record)
}

fn check(record: &Record, line: &str) -> Result<(), String> {
    let is_hex = |byte: u8| byte.is_ascii_hexdigit();
    let end = line.len().checked_sub(16).map(|start| &line.as_bytes()[start..]);
    let faults = [
        (record.row == 0, "rows count from 1"),
        (record.line <= record.row, "a row starts below the header and the rows before it"),
        (!STATUSES.contains(&record.status.as_str()), "no such status"),
        (!is_timestamp(&record.finished_at), "not a time in UTC with milliseconds"),
        (record.fingerprint.len() != 16, "the fingerprint has another length"),
        (!end.is_some_and(|end| end.iter().copied().all(is_hex)), "no 16 hex digits at the end"),
        (line.chars().any(is_unsafe), "there is a control character or a bidirectional mark"),
        (record.error.trim_start().starts_with(['=', '+', '-', '@']), "the error starts like a formula"),
    ];
    match faults.iter().find(|(is_wrong, _)| *is_wrong) {
        Some((_, fault)) => Err((*fault).to_owned()),
        None => Ok(()),
    }
}

/// Whether a character could drive a terminal or reorder a line.
fn is_unsafe(character: char) -> bool {
    let bidirectional = ['\u{61C}', '\u{200E}', '\u{200F}'];
    character.is_control()
        || bidirectional.contains(&character)
        || ('\u{202A}'..='\u{202E}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}

fn is_timestamp(text: &str) -> bool {
    let shape = "0000-00-00T00:00:00.000Z";
    let fits = |(one, other): (char, char)| if one == '0' { other.is_ascii_digit() } else { one == other };
    text.len() == shape.len() && shape.chars().zip(text.chars()).all(fits)
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("no {name}"))
}

/// A number without sign or leading zero; an empty field is none.
fn number<T: std::str::FromStr>(text: &str) -> Result<Option<T>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let value = text.parse().ok().filter(|_| is_plain);
    value.map(Some).ok_or_else(|| format!("not a number: {text:?}"))
}

/// Splits one line as strict CSV: quotes stand around a whole field, or doubled inside such a one.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => plain_field(rest)?,
        };
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(fields),
            None => return Err("text behind a closing quote".to_owned()),
        }
    }
}

fn plain_field(rest: &str) -> Result<(String, &str), String> {
    let (field, behind) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    if field.contains('"') {
        return Err("a quote in an unquoted field".to_owned());
    }
    Ok((field.to_owned(), behind))
}

/// The field behind an opening quote, and what follows its closing one.
fn quoted_field(quoted: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (before, behind) = rest.split_once('"').ok_or("a quote that is never closed")?;
        field.push_str(before);
        match behind.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, behind)),
        }
    }
}
