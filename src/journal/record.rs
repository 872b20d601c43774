//! One line of the result file: how it is written and how strictly it is read.

use super::text::{one_line, push_field, shorten, starts_formula};
use crate::customer::Fingerprint;
use crate::input::quoted_length;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// The first line of every result file.
pub const HEADER: &str = "row,line,customer_id,subscription_id,status,http_status,attempts,duration_ms,finished_at,error,fingerprint\n";

/// How many fields a record has.
pub(super) const FIELDS: usize = 11;

/// The longest id that is written, in characters. Longer ones are cut with a mark.
const LONGEST_ID: usize = 200;

/// The longest `error` that is written, in characters. Longer ones are cut with a mark.
const LONGEST_ERROR: usize = 600;

/// What finally became of a row in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// The server confirmed the update.
    Updated = 1,
    /// Not sent: this very update was delivered by an earlier run.
    Unchanged = 2,
    /// Never sent: the row is wrong.
    Invalid = 3,
    /// The server said no.
    Rejected = 4,
    /// No attempt got through.
    Failed = 5,
    /// Sent, and never confirmed.
    Unknown = 6,
}

impl Status {
    /// Every status, in the order people are told of them.
    pub const ALL: [Status; 6] = [
        Status::Updated,
        Status::Unchanged,
        Status::Invalid,
        Status::Rejected,
        Status::Failed,
        Status::Unknown,
    ];

    /// As it stands in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::Updated => "updated",
            Status::Unchanged => "unchanged",
            Status::Invalid => "invalid",
            Status::Rejected => "rejected",
            Status::Failed => "failed",
            Status::Unknown => "unknown",
        }
    }

    /// Whether the row needs nothing more.
    #[must_use]
    pub fn is_in_sync(self) -> bool {
        matches!(self, Status::Updated | Status::Unchanged)
    }

    fn from_name(name: &[u8]) -> Option<Status> {
        Self::ALL.into_iter().find(|status| status.name().as_bytes() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One row's outcome. Texts may come from outside: they are made harmless when the line is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'text> {
    /// The row's number, from 1.
    pub row: u64,
    /// The physical line the row starts on, from 1.
    pub line: u64,
    /// Empty if the row has none.
    pub customer_id: &'text str,
    /// Empty if the row has none.
    pub subscription_id: &'text str,
    /// What became of it.
    pub status: Status,
    /// The last attempt's HTTP status, if there was a reply.
    pub http_status: Option<u16>,
    /// How many attempts were made in this run.
    pub attempts: u32,
    /// How long the last attempt took; zero if there was none.
    pub duration: Duration,
    /// When the outcome was known.
    pub finished_at: SystemTime,
    /// Why the row is not in sync; empty if it is.
    pub error: &'text str,
    /// Of the row as it was in this run.
    pub fingerprint: Fingerprint,
}

impl Record<'_> {
    /// Appends the record as one line with its line feed.
    pub fn write(&self, line: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(line, "{},{},", self.row, self.line);
        push_field(line, &shown_id(self.customer_id));
        line.push(b',');
        push_field(line, &shown_id(self.subscription_id));
        let _ = write!(line, ",{},", self.status.name());
        if let Some(http_status) = self.http_status {
            let _ = write!(line, "{http_status}");
        }
        let finished_at = humantime::format_rfc3339_millis(self.finished_at);
        let _ = write!(line, ",{},{},{finished_at},", self.attempts, self.duration.as_millis());
        if !self.error.is_empty() {
            push_field(line, &no_formula(shorten(one_line(self.error), LONGEST_ERROR)));
        }
        let _ = writeln!(line, ",{}", self.fingerprint);
    }
}

/// An id as it is written. A signed number is no formula and stays what it is.
fn shown_id(id: &str) -> String {
    let unsigned = id.strip_prefix(['+', '-']).unwrap_or(id);
    let is_number = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    let id = shorten(one_line(id), LONGEST_ID);
    if is_number { id } else { no_formula(id) }
}

/// A text that a spreadsheet does not take for a formula.
fn no_formula(mut text: String) -> String {
    if starts_formula(&text) {
        text.insert(0, '\'');
    }
    text
}

/// What is read back from a record. The rest of it is checked and not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parsed {
    pub row: u64,
    pub line: u64,
    pub status: Status,
    pub fingerprint: Fingerprint,
    /// Stands for the ids, see [`identity`].
    pub identity: Fingerprint,
}

/// Stands for a row's ids as its record shows them: what can be compared without the key.
#[must_use]
pub fn identity(customer_id: &str, subscription_id: &str) -> Fingerprint {
    let mut fields = Vec::new();
    push_field(&mut fields, &shown_id(customer_id));
    fields.push(b',');
    push_field(&mut fields, &shown_id(subscription_id));
    hash(&fields)
}

fn hash(bytes: &[u8]) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    Fingerprint(hasher.finish())
}

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseFault {
    /// The first line is another.
    #[error(
        "this is not the header of a result file (was it saved by a spreadsheet, or is it another file?)"
    )]
    Header,
    /// It does not end in a fingerprint.
    #[error("the record does not end in a fingerprint of 16 hex digits")]
    Unfinished,
    /// Fields are missing, or there are too many.
    #[error("the record does not have 11 fields")]
    Fields,
    /// A field holds what it cannot hold.
    #[error("the field '{0}' does not hold what it must")]
    Field(&'static str),
    /// A control character, or bytes that are no UTF-8.
    #[error("the record holds a control character or is not valid UTF-8")]
    Text,
    /// A line that no record can be.
    #[error("the line is longer than any record")]
    TooLong,
}

impl Parsed {
    /// Whether a line, its line feed cut off, ends as a whole record does.
    pub(super) fn is_finished(line: &[u8]) -> bool {
        let digits = line.len().saturating_sub(Fingerprint::DIGITS);
        digits > 0 && line[digits - 1] == b',' && Fingerprint::parse(&line[digits..]).is_some()
    }

    /// Reads one line, its line feed cut off. Strict: what this program does not write is a fault.
    pub(super) fn from_line(line: &[u8]) -> Result<Parsed, ParseFault> {
        if !Self::is_finished(line) {
            return Err(ParseFault::Unfinished);
        }
        if line.iter().any(u8::is_ascii_control) || std::str::from_utf8(line).is_err() {
            return Err(ParseFault::Text);
        }
        let fields = split(line).ok_or(ParseFault::Fields)?;
        let field = |index: usize| &line[fields[index].clone()];
        let number = |index, name| number(field(index)).ok_or(ParseFault::Field(name));
        let row = number(0, "row")?;
        let line_number = number(1, "line")?;
        // Row 1 starts behind the header, and every row takes a line at least.
        if row == 0 || line_number <= row {
            return Err(ParseFault::Field("line"));
        }
        let status = Status::from_name(field(4)).ok_or(ParseFault::Field("status"))?;
        if !field(5).is_empty() && !(100..=999).contains(&number(5, "http_status")?) {
            return Err(ParseFault::Field("http_status"));
        }
        number(6, "attempts")?;
        number(7, "duration_ms")?;
        if !is_time(field(8)) {
            return Err(ParseFault::Field("finished_at"));
        }
        let fingerprint = Fingerprint::parse(field(10)).ok_or(ParseFault::Field("fingerprint"))?;
        let identity = hash(&line[fields[2].start..fields[3].end]);
        Ok(Parsed { row, line: line_number, status, fingerprint, identity })
    }
}

/// Where the fields of a line lie, quotes included; `None` unless there are exactly as many as there must be
/// and every quote stands where RFC 4180 has one.
fn split(line: &[u8]) -> Option<[Range<usize>; FIELDS]> {
    let mut fields = [const { 0..0 }; FIELDS];
    let mut start = 0;
    for (index, field) in fields.iter_mut().enumerate() {
        let length = if line.get(start) == Some(&b'"') {
            quoted_length(&line[start..])?
        } else {
            let rest = &line[start..];
            let length = memchr::memchr(b',', rest).unwrap_or(rest.len());
            if memchr::memchr(b'"', &rest[..length]).is_some() {
                return None;
            }
            length
        };
        *field = start..start + length;
        start += length;
        let is_last = index == FIELDS - 1;
        match line.get(start) {
            Some(b',') if !is_last => start += 1,
            None if is_last => {}
            _ => return None,
        }
    }
    Some(fields)
}

/// A decimal number as this program writes it: digits only, no leading zero.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits.len() > 1 && digits[0] == b'0') {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        digit.is_ascii_digit().then_some(())?;
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// `2026-11-23T17:24:05.123Z`, by its shape.
fn is_time(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00.000Z";
    text.len() == SHAPE.len()
        && text.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record<'text>(customer_id: &'text str, error: &'text str) -> Record<'text> {
        Record {
            row: 12,
            line: 15,
            customer_id,
            subscription_id: "",
            status: Status::Rejected,
            http_status: Some(400),
            attempts: 2,
            duration: Duration::from_micros(61_900),
            finished_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_123),
            error,
            fingerprint: Fingerprint(0xabc),
        }
    }

    fn written(record: &Record<'_>) -> String {
        let mut line = Vec::new();
        record.write(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_the_columns_of_the_header() {
        let line = written(&record("00191", "server said: no, \"never\"\nagain"));
        let expected = "12,15,00191,,rejected,400,2,61,2026-11-18T11:06:40.123Z,\
                        \"server said: no, \"\"never\"\"\\nagain\",0000000000000abc\n";
        assert_eq!(line, expected);
        assert_eq!(HEADER.trim_end().split(',').count(), FIELDS);
    }

    #[test]
    fn no_error_starts_a_formula_and_none_is_endless() {
        for text in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "  =1", "＝1"] {
            let line = written(&record("1", text));
            let error = line.split(',').nth(9).unwrap();
            assert!(error.trim_start_matches('"').starts_with('\''), "{line}");
        }
        for (id, shown) in
            [("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"), ("+49151", "+49151"), ("-7", "-7"), ("@x", "'@x")]
        {
            assert_eq!(written(&record(id, "no")).split(',').nth(2), Some(shown));
        }
        let line = written(&record("1", &"é".repeat(1_000_000)));
        assert!(line.len() < 2000 && line.contains("… (cut),"), "{}", line.len());
    }

    proptest! {
        #[test]
        fn any_texts_are_one_line_that_reads_back(id in any::<String>(), error in any::<String>()) {
            let line = written(&record(&id, &error));
            let line = line.strip_suffix('\n').unwrap().as_bytes();
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            let (fingerprint, identity) = (Fingerprint(0xabc), identity(&id, ""));
            let parsed = Parsed { row: 12, line: 15, status: Status::Rejected, fingerprint, identity };
            prop_assert_eq!(Parsed::from_line(line), Ok(parsed));
        }

        #[test]
        fn a_strict_prefix_is_never_a_record(id in any::<String>(), error in any::<String>()) {
            let line = written(&record(&id, &error));
            let line = line.strip_suffix('\n').unwrap().as_bytes();
            // An error that itself ends in a comma and 16 hex digits still leaves fields missing.
            for end in 0..line.len() {
                prop_assert!(Parsed::from_line(&line[..end]).is_err());
            }
        }

        #[test]
        fn garbage_is_a_fault_and_no_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parsed::from_line(&line);
            let mut finished = line;
            finished.extend_from_slice(b",0123456789abcdef");
            let _ = Parsed::from_line(&finished);
        }
    }

    #[test]
    fn what_this_program_never_writes_is_a_fault() {
        let good = written(&record("1", "no"));
        let good = good.trim_end();
        assert!(Parsed::from_line(good.as_bytes()).is_ok());
        for (old, new) in [
            ("12,15", "012,15"),
            ("12,15", "+12,15"),
            ("12,15", "0,15"),
            ("12,15", "12,12"),
            ("12,15", ",15"),
            ("12,15", "99999999999999999999,15"),
            ("rejected", "reject"),
            (",400,", ",40,"),
            (",2,", ",two,"),
            ("T11", " 11"),
            ("no", "\"no"),
            ("no", "n\"o"),
            ("no", "\"no\"x"),
            ("no,", "no,,"),
            ("no", "n\0o"),
            ("0abc", "0ABC"),
        ] {
            let bad = good.replacen(old, new, 1);
            assert_ne!(bad, good, "{old}");
            assert!(Parsed::from_line(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
