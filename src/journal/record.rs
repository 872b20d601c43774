//! Writes one line of the result file.

use crate::customer::Fingerprint;
use crate::text::{disarm_formula, escape_line, push_csv_field, shorten};
use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::time::{Duration, SystemTime};

/// The first line of every result file.
pub const HEADER: &str = "row,line,customer_id,subscription_id,status,http_status,attempts,duration_ms,finished_at,error,fingerprint\n";

/// The number of fields of a record.
pub(super) const FIELDS: usize = 11;

/// The most characters of an id in a record. Chosen. A longer id is cut with a mark.
const LONGEST_ID: usize = 200;

/// The most characters of an `error` in a record. Chosen: a few sentences. A longer text is cut with a mark.
const LONGEST_ERROR: usize = 600;

/// The outcome of a row in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// The server confirmed the update.
    Updated = 1,
    /// Not sent: an earlier run delivered the same update.
    Unchanged = 2,
    /// Never sent: the row is wrong.
    Invalid = 3,
    /// The server refused the update.
    Rejected = 4,
    /// Every attempt failed, and no attempt can have been applied.
    Failed = 5,
    /// Sent, and never confirmed.
    Unknown = 6,
}

impl Status {
    /// Every status, in the order of reports.
    pub const ALL: [Status; 6] = [
        Status::Updated,
        Status::Unchanged,
        Status::Invalid,
        Status::Rejected,
        Status::Failed,
        Status::Unknown,
    ];

    /// The word in the file.
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

    /// Whether the customer has the update.
    #[must_use]
    pub fn is_in_sync(self) -> bool {
        matches!(self, Status::Updated | Status::Unchanged)
    }

    pub(super) fn from_name(name: &[u8]) -> Option<Status> {
        Self::ALL.into_iter().find(|status| status.name().as_bytes() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The outcome of one row. Its texts may come from outside, so [`Record::write`] escapes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'text> {
    /// The row's number, from 1.
    pub row: u64,
    /// The physical line the row starts on, from 1.
    pub line: u64,
    /// Empty if the row has no `customer_id`.
    pub customer_id: &'text str,
    /// Empty if the row has no `subscription_id`.
    pub subscription_id: &'text str,
    /// The outcome.
    pub status: Status,
    /// The last attempt's HTTP status, if there was a reply.
    pub http_status: Option<u16>,
    /// Attempts in this run.
    pub attempts: u32,
    /// The duration of the last attempt; zero without an attempt.
    pub duration: Duration,
    /// The time of the outcome.
    pub finished_at: SystemTime,
    /// The reason why the row is not in sync; empty if the row is in sync.
    pub error: &'text str,
    /// The fingerprint of the row in this run.
    pub fingerprint: Fingerprint,
}

impl Record<'_> {
    /// Appends the record as one line with its line feed.
    pub fn write(&self, line: &mut Vec<u8>) {
        push_number(line, self.row);
        line.push(b',');
        push_number(line, self.line);
        line.push(b',');
        push_csv_field(line, &shown_id(self.customer_id));
        line.push(b',');
        push_csv_field(line, &shown_id(self.subscription_id));
        line.push(b',');
        line.extend_from_slice(self.status.name().as_bytes());
        line.push(b',');
        if let Some(http_status) = self.http_status {
            push_number(line, http_status.into());
        }
        line.push(b',');
        push_number(line, self.attempts.into());
        line.push(b',');
        push_number(line, u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX));
        line.push(b',');
        push_time(line, self.finished_at);
        line.push(b',');
        if !self.error.is_empty() {
            push_csv_field(line, &safe_error(self.error.into()));
        }
        line.push(b',');
        line.extend_from_slice(self.fingerprint.to_string().as_bytes());
        line.push(b'\n');
    }
}

fn push_number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a time in RFC 3339, UTC, with milliseconds. A time before 1970 or after 9999 (a wrong clock) becomes the nearest
/// time in this range.
fn push_time(line: &mut Vec<u8>, time: SystemTime) {
    // 9999-12-31T23:59:59.999Z, the last time of RFC 3339.
    const LATEST: Duration = Duration::from_millis(253_402_300_799_999);
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LATEST);
    let time = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since_1970);
    // Writing to a vector cannot fail.
    let _ = write!(line, "{time}");
}

/// An id for display. A signed number is not a formula and stays unchanged.
#[must_use]
pub fn shown_id(id: &str) -> Cow<'_, str> {
    // Fast path: nearly all ids are letters and digits.
    if id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    let unsigned = id.strip_prefix(['+', '-']).unwrap_or(id);
    let is_number = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    let id = escape_line(id);
    Cow::Owned(shorten(if is_number { id } else { disarm_formula(id) }, LONGEST_ID))
}

/// An error for the file. Also applied to an error that was read, because an edited file may contain any text.
pub(super) fn safe_error(error: Cow<'_, str>) -> Cow<'_, str> {
    let safe = shorten(disarm_formula(escape_line(&error)), LONGEST_ERROR);
    if *error == safe { error } else { Cow::Owned(safe) }
}

/// The hash of a row's ids in the form that its record shows. It can be compared without the API key.
#[must_use]
pub fn identity(customer_id: &str, subscription_id: &str) -> Fingerprint {
    let mut fields = Vec::new();
    push_csv_field(&mut fields, &shown_id(customer_id));
    fields.push(b',');
    push_csv_field(&mut fields, &shown_id(subscription_id));
    hash(&fields)
}

pub(super) fn hash(bytes: &[u8]) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    Fingerprint(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn write_line(record: &Record<'_>) -> String {
        let mut line = Vec::new();
        record.write(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_the_columns_of_the_header() {
        let line = write_line(&record("00191", "server said: no, \"never\"\nagain"));
        let expected = "12,15,00191,,rejected,400,2,61,2026-11-18T11:06:40.123Z,\
                        \"server said: no, \"\"never\"\"\\nagain\",0000000000000abc\n";
        assert_eq!(line, expected);
        assert_eq!(HEADER.trim_end().split(',').count(), FIELDS);
    }

    #[test]
    fn a_time_out_of_range_becomes_the_nearest_time_in_range() {
        for (time, expected) in [
            (SystemTime::UNIX_EPOCH - Duration::from_secs(9), "1970-01-01T00:00:00.000Z"),
            (SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40), "9999-12-31T23:59:59.999Z"),
        ] {
            let line = write_line(&Record { finished_at: time, ..record("1", "no") });
            assert_eq!(line.split(',').nth(8), Some(expected));
        }
    }

    #[test]
    fn an_error_never_starts_a_formula_and_has_a_maximum_length() {
        for text in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "  =1", "＝1"] {
            let line = write_line(&record("1", text));
            let error = line.split(',').nth(9).unwrap();
            assert!(error.trim_start_matches('"').starts_with('\''), "{line}");
        }
        for (id, shown) in
            [("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"), ("+49151", "+49151"), ("-7", "-7"), ("@x", "'@x")]
        {
            assert_eq!(write_line(&record(id, "no")).split(',').nth(2), Some(shown));
        }
        let line = write_line(&record("1", &"é".repeat(1_000_000)));
        assert!(line.len() < 2000 && line.contains("… (cut),"), "{}", line.len());
    }
}
