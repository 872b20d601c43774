//! The two readings of a result file: the first finds the runs and the records that count, the second measures. Two, because
//! only at its end a file says how long it is and which of a row's records is the last.

use super::reasons::Reasons;
use super::rows::{Last, Rows};
use super::runs::{Moment, Run, Runs};
use super::tally::{Plan, Tally};
use crate::journal::{Error, RecordRef, Records, Tail};
use crate::report::Counts;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How many reasons are shown one by one.
const SHOWN_REASONS: usize = 20;

/// How many of the rows of a reason are named.
const NAMED_ROWS: usize = 5;

/// A row that is not in sync, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub row: u64,
    pub line: u64,
    pub customer_id: String,
    pub subscription_id: String,
    /// What its record says.
    pub error: String,
}

/// What a result file says.
#[derive(Debug)]
pub(super) struct Survey {
    pub tail: Tail,
    /// Rows by their last record.
    pub rows: Counts,
    /// How many rows the input has, where it was counted. The result file does not know.
    pub input_rows: Option<u64>,
    /// The highest row that has a record.
    pub last_row: u64,
    pub runs: Vec<Run>,
    pub reasons: Reasons,
    pub tally: Tally,
    /// Rows of the most frequent reasons, by the reasons' numbers.
    pub named: HashMap<u16, Vec<Named>>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The result file cannot be read.
    #[error(transparent)]
    Journal(#[from] Error),
    /// The input is shorter than the result file says.
    #[error(
        "{} has a result for row {row}, but the input has only {rows} rows. Use the input of this result file, or remove \
         --input",
        path.display()
    )]
    Beyond {
        /// The result file.
        path: PathBuf,
        /// The highest row that has a record.
        row: u64,
        /// The rows of the input.
        rows: u64,
    },
    /// It was emptied or replaced between the two readings.
    #[error("{}: the file was replaced while it was read. Run the same command again", path.display())]
    Changed {
        /// The result file.
        path: PathBuf,
    },
}

impl Survey {
    /// Reads a result file, which `open` opens at its start. A run may be appending to it: what comes after the
    /// first reading does not count.
    pub fn of<R: Read>(
        path: &Path,
        mut open: impl FnMut() -> Result<Records<R>, Error>,
    ) -> Result<Survey, PageError> {
        let First { rows, runs, reasons, tail } = First::of(open()?)?;
        let mut counts = Counts::default();
        rows.iter().for_each(|(_, last)| counts.add(last.status));
        let mut wanted = wanted(&rows, &reasons);
        let mut tally = Tally::new(Plan::of(&runs));
        let mut records = open()?;
        for ordinal in 0..tail.records {
            let changed = || PageError::Changed { path: path.to_path_buf() };
            let record = records.next_record()?.ok_or_else(changed)?;
            tally.add(ordinal, &record, milliseconds_since_1970(&record));
            if !record.status().is_in_sync()
                && let Some((_, named)) = wanted.get_mut(&record.row())
            {
                *named = Some(Named::of(&record));
            }
        }
        let mut named: HashMap<u16, Vec<Named>> = HashMap::new();
        for (reason, row) in wanted.into_values() {
            named.entry(reason).or_default().extend(row);
        }
        named.values_mut().for_each(|rows| rows.sort_by_key(|row| row.row));
        let last_row = rows.last_row();
        Ok(Survey { tail, rows: counts, input_rows: None, last_row, runs, reasons, tally, named })
    }

    /// The same with the rows of the input, which were counted.
    pub fn with_input_rows(self, path: &Path, rows: u64) -> Result<Survey, PageError> {
        if self.last_row > rows {
            return Err(PageError::Beyond { path: path.to_path_buf(), row: self.last_row, rows });
        }
        Ok(Survey { input_rows: Some(rows), ..self })
    }

    /// Rows of the input without a record, where these are known.
    pub fn still_to_come(&self) -> Option<u64> {
        self.input_rows.map(|rows| rows - self.rows.total())
    }

    /// Reasons to show one by one, with their numbers, and how many rows have others.
    pub fn shown_reasons(&self) -> (Vec<(u16, &super::reasons::Reason)>, u64) {
        let mut shown = self.reasons.by_rows();
        let more = shown.split_off(shown.len().min(SHOWN_REASONS));
        (shown, more.iter().map(|(_, reason)| reason.rows).sum::<u64>() + self.reasons.others())
    }
}

impl Named {
    fn of(record: &RecordRef<'_>) -> Named {
        Named {
            row: record.row(),
            line: record.line(),
            customer_id: record.customer_id().into_owned(),
            subscription_id: record.subscription_id().into_owned(),
            error: reason_of(record).into_owned(),
        }
    }
}

/// What the first reading finds.
struct First {
    rows: Rows,
    runs: Vec<Run>,
    reasons: Reasons,
    tail: Tail,
}

impl First {
    fn of<R: Read>(mut records: Records<R>) -> Result<First, PageError> {
        let (mut rows, mut runs, mut reasons) = (Rows::default(), Runs::default(), Reasons::default());
        while let Some(record) = records.next_record()? {
            let finished_at = milliseconds_since_1970(&record);
            let moment = Moment {
                row: record.row(),
                status: record.status(),
                reason: reasons.add(&record, finished_at),
                attempts: record.attempts(),
                finished_at,
                duration: milliseconds(&record),
            };
            runs.add(moment, &mut rows, |former: Last| reasons.replace(former.reason));
        }
        let runs = runs.finish(&mut rows, |former| reasons.replace(former.reason));
        Ok(First { rows, runs, reasons, tail: records.tail() })
    }
}

/// The first rows of each reason that is shown, with its number; what is named of them comes later.
fn wanted(rows: &Rows, reasons: &Reasons) -> HashMap<u64, (u16, Option<Named>)> {
    let mut free: HashMap<u16, usize> =
        reasons.by_rows().into_iter().take(SHOWN_REASONS).map(|(number, _)| (number, NAMED_ROWS)).collect();
    let mut wanted = HashMap::new();
    for (row, last) in rows.iter() {
        if free.is_empty() {
            break;
        }
        let Some(left) = free.get_mut(&last.reason) else {
            continue;
        };
        wanted.insert(row, (last.reason, None));
        *left -= 1;
        if *left == 0 {
            free.remove(&last.reason);
        }
    }
    wanted
}

/// When a record was finished, in milliseconds since 1970.
fn milliseconds_since_1970(record: &RecordRef<'_>) -> u64 {
    let since_1970 = record.finished_at().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// Why a row is not in sync, without the line number at the beginning.
pub(super) fn reason_of<'file>(record: &RecordRef<'file>) -> Cow<'file, str> {
    let text = record.error();
    let place = format!("line {}: ", record.line());
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix(&place).unwrap_or(text)),
        Cow::Owned(text) => Cow::Owned(text.strip_prefix(&place).map(str::to_owned).unwrap_or(text)),
    }
}

/// How long the last attempt of a record took.
pub(super) fn milliseconds(record: &RecordRef<'_>) -> u64 {
    u64::try_from(record.duration().as_millis()).unwrap_or(u64::MAX)
}
