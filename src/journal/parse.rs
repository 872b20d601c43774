//! Parses one line of the result file, strictly: a line that this program never writes is a fault.

use super::record::{FIELDS, Status, hash, safe_error, shown_id};
use crate::customer::Fingerprint;
use crate::input::quoted_length;
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

/// The reason why a line is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseFault {
    /// The first line is not the header.
    #[error("is not a result file, or was saved by a spreadsheet")]
    Header,
    /// The line does not end in a fingerprint.
    #[error("the record does not end in a fingerprint of 16 hex digits")]
    Unfinished,
    /// The number of fields is wrong.
    #[error("the record does not have 11 fields")]
    Fields,
    /// The value of a field is not valid.
    #[error("the field '{0}' is not valid")]
    Field(&'static str),
    /// The line contains a control character or invalid UTF-8.
    #[error("the record contains a control character or is not valid UTF-8")]
    Text,
    /// The line is longer than any record.
    #[error("the line is longer than any record")]
    TooLong,
}

/// The position of a record: the start of its line in the result file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordPosition {
    /// The physical line, from 1; the header is line 1.
    pub line: u64,
    /// The byte offset.
    pub offset: u64,
}

/// A record of the result file with checked fields. Its texts are as safe as [`super::Record`] writes them, even in an edited
/// file: each is one line, without a control character or a spreadsheet formula.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'file> {
    pub(super) text: &'file [u8],
    pub(super) parsed: ParsedLine,
    pub(super) position: RecordPosition,
}

/// The fields of a line that are parsed at once; texts are parsed on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParsedLine {
    row: u64,
    line: u64,
    status: Status,
    http_status: Option<u16>,
    attempts: u64,
    duration_ms: u64,
    finished_at: SystemTime,
    fingerprint: Fingerprint,
    ends: FieldEnds,
}

/// The end of each field. The next field begins after the comma at this index.
type FieldEnds = [usize; FIELDS];

impl<'file> RecordRef<'file> {
    /// The row's number in the input, from 1.
    #[must_use]
    pub fn row(&self) -> u64 {
        self.parsed.row
    }

    /// The physical line of the input on which the row starts, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.parsed.line
    }

    /// The row's `customer_id` for display; empty if the row has no `customer_id`.
    #[must_use]
    pub fn customer_id(&self) -> Cow<'file, str> {
        safe_id(self.unquoted(2))
    }

    /// The row's `subscription_id` for display; empty if the row has no `subscription_id`.
    #[must_use]
    pub fn subscription_id(&self) -> Cow<'file, str> {
        safe_id(self.unquoted(3))
    }

    /// The outcome of the row.
    #[must_use]
    pub fn status(&self) -> Status {
        self.parsed.status
    }

    /// The last attempt's HTTP status, 100 to 999; `None` if there was no reply.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.parsed.http_status
    }

    /// Attempts in the run that wrote the record.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.parsed.attempts
    }

    /// The duration of the last attempt, in whole milliseconds; zero without an attempt.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.parsed.duration_ms)
    }

    /// The time of the outcome.
    #[must_use]
    pub fn finished_at(&self) -> SystemTime {
        self.parsed.finished_at
    }

    /// The reason why the row is not in sync, or was not sent; empty for `updated`.
    #[must_use]
    pub fn error(&self) -> Cow<'file, str> {
        safe_error(self.unquoted(9))
    }

    /// The fingerprint of the row in the run that wrote the record.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.parsed.fingerprint
    }

    /// The hash of the ids, see [`super::identity`].
    #[must_use]
    pub fn identity(&self) -> Fingerprint {
        hash(&self.text[self.parsed.ends[1] + 1..self.parsed.ends[3]])
    }

    /// The position of the record in the result file.
    #[must_use]
    pub fn position(&self) -> RecordPosition {
        self.position
    }

    fn field(&self, index: usize) -> &'file [u8] {
        field(self.text, &self.parsed.ends, index)
    }

    /// A text field without its CSV quotes. The text is UTF-8, because the line was checked.
    fn unquoted(&self, index: usize) -> Cow<'file, str> {
        let text = self.field(index);
        match text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) {
            None => String::from_utf8_lossy(text),
            Some(inner) if !inner.contains(&b'"') => String::from_utf8_lossy(inner),
            Some(inner) => Cow::Owned(String::from_utf8_lossy(inner).replace("\"\"", "\"")),
        }
    }
}

/// Applies [`shown_id`] again, because an edited file may contain any text.
fn safe_id(id: Cow<'_, str>) -> Cow<'_, str> {
    match id {
        Cow::Borrowed(id) => shown_id(id),
        Cow::Owned(id) => Cow::Owned(shown_id(&id).into_owned()),
    }
}

fn field<'line>(line: &'line [u8], ends: &FieldEnds, index: usize) -> &'line [u8] {
    let start = if index == 0 { 0 } else { ends[index - 1] + 1 };
    &line[start..ends[index]]
}

impl ParsedLine {
    /// Parses one line without its line feed.
    pub(super) fn from_line(line: &[u8]) -> Result<ParsedLine, ParseFault> {
        let fingerprint = final_fingerprint(line).ok_or(ParseFault::Unfinished)?;
        if line.iter().any(u8::is_ascii_control) || std::str::from_utf8(line).is_err() {
            return Err(ParseFault::Text);
        }
        let ends = find_field_ends(line).ok_or(ParseFault::Fields)?;
        let field = |index: usize| field(line, &ends, index);
        let number = |index, name| number(field(index)).ok_or(ParseFault::Field(name));
        let row = number(0, "row")?;
        let line_number = number(1, "line")?;
        // Row 1 follows the header, and every row has at least one line.
        if row == 0 || line_number <= row {
            return Err(ParseFault::Field("line"));
        }
        let status = Status::from_name(field(4)).ok_or(ParseFault::Field("status"))?;
        let http_status = match field(5) {
            b"" => None,
            _ => match u16::try_from(number(5, "http_status")?) {
                Ok(http_status @ 100..=999) => Some(http_status),
                _ => return Err(ParseFault::Field("http_status")),
            },
        };
        let attempts = number(6, "attempts")?;
        let duration_ms = number(7, "duration_ms")?;
        let finished_at = time(field(8)).ok_or(ParseFault::Field("finished_at"))?;
        Ok(ParsedLine {
            row,
            line: line_number,
            status,
            http_status,
            attempts,
            duration_ms,
            finished_at,
            fingerprint,
            ends,
        })
    }
}

/// The fingerprint at the end of a whole record. The comma before the fingerprint is required, so that the fingerprint is the
/// whole last field: a field in quotes would end in a quote.
fn final_fingerprint(line: &[u8]) -> Option<Fingerprint> {
    let (rest, digits) = line.split_at_checked(line.len().checked_sub(Fingerprint::DIGITS)?)?;
    (rest.last() == Some(&b',')).then(|| Fingerprint::parse(digits))?
}

/// The ends of the fields of a line, quotes included; `None` if the number of fields is wrong or a quote is at a place that
/// RFC 4180 forbids.
fn find_field_ends(line: &[u8]) -> Option<FieldEnds> {
    let mut ends = [0; FIELDS];
    let mut start = 0;
    for (index, end) in ends.iter_mut().enumerate() {
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
        start += length;
        *end = start;
        let is_last = index == FIELDS - 1;
        match line.get(start) {
            Some(b',') if !is_last => start += 1,
            None if is_last => {}
            _ => return None,
        }
    }
    Some(ends)
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

/// A time as this program writes it: `2026-11-23T17:24:05.123Z`.
fn time(text: &[u8]) -> Option<SystemTime> {
    const LENGTH: usize = "2026-11-23T17:24:05.123Z".len();
    // `humantime` accepts fractions of any length, and a leap second, which it reads as the second before.
    let is_written = text.len() == LENGTH && &text[17..19] != b"60";
    humantime::parse_rfc3339(std::str::from_utf8(text).ok().filter(|_| is_written)?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Record, identity};
    use super::*;
    use proptest::prelude::*;
    use std::time::SystemTime;

    const FINISHED_AT: u64 = 1_795_000_000_123;

    fn record<'text>(customer_id: &'text str, error: &'text str) -> Record<'text> {
        Record {
            row: 12,
            line: 15,
            customer_id,
            subscription_id: "s, 1",
            status: Status::Rejected,
            http_status: Some(400),
            attempts: 2,
            duration: Duration::from_micros(61_900),
            finished_at: SystemTime::UNIX_EPOCH + Duration::from_millis(FINISHED_AT),
            error,
            fingerprint: Fingerprint(0xabc),
        }
    }

    /// The line of a record, without its line feed.
    fn write_line(record: &Record<'_>) -> Vec<u8> {
        let mut line = Vec::new();
        record.write(&mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        line
    }

    fn read(text: &[u8]) -> Result<RecordRef<'_>, ParseFault> {
        Ok(RecordRef { text, parsed: ParsedLine::from_line(text)?, position: RecordPosition::default() })
    }

    #[test]
    fn every_field_reads_back_unchanged() {
        let line = write_line(&record("00191", "server said: no, \"never\"\nagain"));
        let read = read(&line).unwrap();
        assert_eq!((read.row(), read.line(), read.status()), (12, 15, Status::Rejected));
        assert_eq!((&*read.customer_id(), &*read.subscription_id()), ("00191", "s, 1"));
        assert_eq!((read.http_status(), read.attempts()), (Some(400), 2));
        assert_eq!(read.duration(), Duration::from_millis(61));
        assert_eq!(read.finished_at(), SystemTime::UNIX_EPOCH + Duration::from_millis(FINISHED_AT));
        assert_eq!(read.error(), "server said: no, \"never\"\\nagain");
        assert_eq!((read.fingerprint(), read.identity()), (Fingerprint(0xabc), identity("00191", "s, 1")));
        let line = write_line(&Record { http_status: None, error: "", ..record("", "") });
        assert_eq!((super::tests::read(&line).unwrap().http_status()), None);
    }

    proptest! {
        #[test]
        fn any_texts_are_one_line_that_reads_back(id in any::<String>(), error in any::<String>()) {
            let line = write_line(&record(&id, &error));
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            let read = read(&line).unwrap();
            prop_assert_eq!(read.identity(), identity(&id, "s, 1"));
            prop_assert_eq!((read.row(), read.line(), read.fingerprint()), (12, 15, Fingerprint(0xabc)));
        }

        #[test]
        fn a_strict_prefix_is_never_a_record(id in any::<String>(), error in any::<String>()) {
            let line = write_line(&record(&id, &error));
            // Fields are missing even if the error ends in a comma and 16 hex digits.
            for end in 0..line.len() {
                prop_assert!(read(&line[..end]).is_err());
            }
        }

        #[test]
        fn garbage_is_a_fault_and_causes_no_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&line);
            let mut finished = line;
            finished.extend_from_slice(b",0123456789abcdef");
            let _ = read(&finished);
        }
    }

    #[test]
    fn a_line_that_this_program_never_writes_is_a_fault() {
        let good =
            String::from_utf8(write_line(&Record { subscription_id: "", ..record("1", "no") })).unwrap();
        assert!(read(good.as_bytes()).is_ok());
        for (old, new) in [
            ("12,15", "012,15"),
            ("12,15", "+12,15"),
            ("12,15", "0,15"),
            ("12,15", "12,12"),
            ("12,15", ",15"),
            ("12,15", "99999999999999999999,15"),
            ("rejected", "reject"),
            (",400,", ",40,"),
            (",400,", ",1000,"),
            (",400,", ",65936,"),
            (",2,", ",two,"),
            ("T11", " 11"),
            ("T11", "T1:"),
            ("T11", "T1/"),
            ("T11", "T24"),
            ("-11-18", "-02-30"),
            ("2026-11-18T11:06:40.123Z", "9999-99-99T99:99:99.999Z"),
            ("06:40", "06:60"),
            (".123Z", ".12Z"),
            (".123Z", ".1234Z"),
            (".123Z", ".123z"),
            ("no", "\"no"),
            ("no", "n\"o"),
            ("no", "\"no\"x"),
            ("no,", "no,,"),
            (",,rejected", ",rejected"),
            ("no", "n\0o"),
            ("no", "n\x7fo"),
            ("0abc", "0ABC"),
            ("0abc", "0ab/"),
            ("0abc", "0ab:"),
            ("0abc", "0ab`"),
            ("0abc", "0abg"),
        ] {
            let bad = good.replacen(old, new, 1);
            assert_ne!(bad, good, "{old}");
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
