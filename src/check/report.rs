//! The result of a check, independent of the format in which it is printed.

use crate::customer::{Parameter, Update};
use crate::input::{Format, SkippedColumns};
use crate::text::{counted, grouped};
use std::path::PathBuf;
use std::time::Duration;

/// The most examples of a kind of finding. Chosen: the examples of all kinds fit on a screen.
pub const MOST_EXAMPLES: usize = 5;

/// The most skipped columns that a sentence names. Chosen: a few lines.
const MOST_COLUMNS: usize = 30;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The row cannot be sent.
    Error,
    /// The row is sent, but probably contains a mistake.
    Warning,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// All findings of one kind.
#[derive(Debug)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// A short name that never changes.
    pub kind: &'static str,
    /// The fault, and what to do. Holds no value.
    pub message: String,
    /// The number of places where it was found.
    pub count: u64,
    /// The first places, at most [`MOST_EXAMPLES`]; none if it concerns the input as a whole.
    pub examples: Vec<Example>,
}

/// One place of a finding.
#[derive(Debug)]
pub struct Example {
    /// Number of the row, from 1, the header not counted.
    pub row: u64,
    /// The line it begins on.
    pub line: u64,
    /// The column, from 1, and its parameter; none if it concerns the row as a whole.
    pub column: Option<(usize, Parameter)>,
    /// The place where the column begins: the line, and the character in it, from 1.
    pub place: Option<(u64, usize)>,
    /// The fault at this place, if the message says more than that of the kind.
    pub message: Option<String>,
    /// The value there, masked.
    pub value: Option<String>,
}

/// The counts of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckedRows {
    /// Rows that would be sent.
    pub valid: u64,
    /// Rows that cannot be sent.
    pub invalid: u64,
    /// Rows with nothing to send that are skipped.
    pub passed_over: u64,
    /// The faults of the rows that cannot be sent.
    pub problems: u64,
    /// The suspicious values, and the warnings about the input as a whole.
    pub warnings: u64,
}

impl CheckedRows {
    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.valid + self.invalid + self.passed_over
    }
}

/// Customers that several rows name.
#[derive(Debug, Default)]
pub struct Duplicates {
    /// The number of such customers.
    pub customers: u64,
    /// Rows that name a customer which a row before them named.
    pub rows: u64,
    /// Whether all rows were compared: memory is bounded.
    pub is_complete: bool,
    /// The most ids that are remembered.
    pub most_ids: u64,
    /// The first of these customers, at most [`MOST_EXAMPLES`].
    pub examples: Vec<RepeatedCustomer>,
}

/// A customer that several rows name.
#[derive(Debug)]
pub struct RepeatedCustomer {
    /// The parameter of the id that names the customer.
    pub parameter: Parameter,
    /// The id.
    pub id: Vec<u8>,
    /// The number of rows that name the customer.
    pub rows: u64,
    /// The lines of the first of these rows, at most [`MOST_EXAMPLES`].
    pub lines: Vec<u64>,
}

/// A note on the input that is neither an error nor a warning.
#[derive(Debug)]
pub struct Note {
    /// A short name that never changes.
    pub kind: &'static str,
    /// The note. Holds no value.
    pub message: String,
}

/// The rate of the run to come.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// The rate as it is typed.
    pub name: String,
    /// Attempts a second; `None` is without a limit.
    pub per_second: Option<f64>,
}

/// The result of a check.
#[derive(Debug)]
pub struct CheckReport {
    /// The path or name of the input.
    pub input: PathBuf,
    /// Its format, given or detected.
    pub format: Format,
    /// The names of its columns, made harmless.
    pub names: Vec<String>,
    /// Its rows.
    pub rows: CheckedRows,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    /// The notes on the input as a whole.
    pub notes: Vec<Note>,
    /// Columns that are not sent.
    pub skipped_columns: Vec<SkippedColumns>,
    /// Customers that several rows name.
    pub duplicates: Duplicates,
    /// The first updates, as example requests.
    pub first: Vec<Update>,
    /// The rate of the run to come.
    pub pace: Pace,
    /// Whether a warning makes the exit code 3.
    pub is_strict: bool,
    /// Whether values are printed unmasked, except passwords.
    pub show_values: bool,
    /// Whether the report for people has example requests.
    pub show_requests: bool,
}

impl CheckReport {
    /// Whether no row is invalid and, if warnings count, no value is suspicious.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.rows.invalid == 0 && !(self.is_strict && self.rows.warnings > 0)
    }

    /// The least duration of a run that sends every valid row; `None` without a limit of the rate.
    #[must_use]
    pub fn least_duration(&self) -> Option<Duration> {
        let seconds = self.rows.valid as f64 / self.pace.per_second?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The counts in one line.
    pub(super) fn summary(&self) -> String {
        let CheckedRows { valid, invalid, passed_over, warnings, .. } = self.rows;
        let parts = [(invalid, "invalid"), (passed_over, "empty")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: String = parts.map(|(count, what)| format!(", {} {what}", grouped(*count))).collect();
        let warnings =
            if warnings > 0 { format!("; {}", counted(warnings, "warning")) } else { String::new() };
        let total = counted(self.rows.total(), "row");
        format!("{total}: {} ready to send{parts}{warnings}", grouped(valid))
    }

    /// The notes in sentences, each with the name of its kind: those on the input, and the columns that are not sent.
    pub(super) fn information(&self) -> Vec<(&'static str, String)> {
        let mut all: Vec<_> = self.notes.iter().map(|note| (note.kind, note.message.clone())).collect();
        if !self.skipped_columns.is_empty() {
            let columns = self.skipped_columns.iter().take(MOST_COLUMNS).map(|column| match column {
                SkippedColumns { first, last, .. } if first < last => {
                    format!("{first} to {last} (without a name)")
                }
                SkippedColumns { first, name, .. } if name.is_empty() => format!("{first} (without a name)"),
                SkippedColumns { first, name, .. } => format!("{first} '{name}'"),
            });
            let columns = columns.collect::<Vec<_>>().join(", ");
            let more = if self.skipped_columns.len() > MOST_COLUMNS { ", …" } else { "" };
            all.push(("columns-left-out", format!("columns that are not sent: {columns}{more}")));
        }
        all
    }

    /// The sentences about customers that several rows name.
    pub(super) fn about_duplicates(&self) -> Vec<String> {
        let Duplicates { customers, rows, is_complete, most_ids, .. } = &self.duplicates;
        let mut sentences = Vec::new();
        if *customers > 0 {
            let verb = if *customers == 1 { "appears" } else { "appear" };
            sentences.push(format!(
                "{} {verb} more than once, in {}: the rows of one customer are sent in file order",
                counted(*customers, "customer"),
                counted(*rows, "further row")
            ));
        }
        if !is_complete {
            sentences.push(format!(
                "only the first {} were compared, so more customers may appear more than once",
                counted(*most_ids, "different id")
            ));
        }
        sentences
    }
}
