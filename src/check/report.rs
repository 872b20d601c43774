//! What a check found, whatever the format it is printed in.

use crate::customer::{Parameter, Update};
use crate::input::{Format, LeftOut};
use std::path::PathBuf;
use std::time::Duration;

/// Examples of a kind of finding that are shown with their places. Chosen: they fit on a screen together.
pub const SHOWN: usize = 5;

/// Columns that are left out and named in a sentence. Chosen: a few lines.
const COLUMNS: usize = 30;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The row cannot be sent.
    Error,
    /// It will be sent, and is hardly meant so.
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

/// All that was found of one kind.
#[derive(Debug)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// A short name that never changes.
    pub kind: &'static str,
    /// What is wrong and what to do. Holds no value.
    pub message: String,
    /// How often it was found.
    pub count: u64,
    /// The first ones, at most [`SHOWN`]; none if it concerns the input as a whole.
    pub examples: Vec<Example>,
}

/// One place where something was found.
#[derive(Debug)]
pub struct Example {
    /// Number of the row, from 1, the header not counted.
    pub row: u64,
    /// The line it begins on.
    pub line: u64,
    /// The column, from 1, and its parameter; none if it concerns the row as a whole.
    pub column: Option<(usize, Parameter)>,
    /// Where the column begins: the line, and the character in it, from 1.
    pub place: Option<(u64, usize)>,
    /// What is wrong just here, where that says more than the message of its kind.
    pub message: Option<String>,
    /// The value there, masked.
    pub value: Option<String>,
}

/// Rows, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckedRows {
    /// Rows that would be sent.
    pub valid: u64,
    /// Rows that cannot be sent.
    pub invalid: u64,
    /// Rows with nothing to send that are passed over.
    pub passed_over: u64,
    /// What is wrong with the rows that cannot be sent.
    pub problems: u64,
    /// What is suspicious.
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
    /// How many.
    pub customers: u64,
    /// Rows that name a customer which a row before them named.
    pub rows: u64,
    /// Whether all rows were looked at: memory is bounded.
    pub is_complete: bool,
    /// How many ids are remembered at most.
    pub looked_at: u64,
    /// The first of them, at most [`SHOWN`].
    pub examples: Vec<Repeated>,
}

/// A customer that several rows name.
#[derive(Debug)]
pub struct Repeated {
    /// By which id.
    pub parameter: Parameter,
    /// The id.
    pub id: Vec<u8>,
    /// How many rows name it.
    pub rows: u64,
    /// The lines of the first of them, at most [`SHOWN`].
    pub lines: Vec<u64>,
}

/// What is worth knowing and neither wrong nor suspicious.
#[derive(Debug)]
pub struct Note {
    /// A short name that never changes.
    pub kind: &'static str,
    /// Holds no value.
    pub message: String,
}

/// The rate of the run to come.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// As it is typed.
    pub name: String,
    /// Attempts a second; `None` is without a limit.
    pub per_second: Option<f64>,
}

/// The result of a check.
#[derive(Debug)]
pub struct CheckReport {
    /// What was checked.
    pub input: PathBuf,
    /// What it was found to be.
    pub format: Format,
    /// Its rows.
    pub rows: CheckedRows,
    /// What is wrong and what is suspicious, the worst first.
    pub findings: Vec<Finding>,
    /// What is worth knowing about the input as a whole.
    pub notes: Vec<Note>,
    /// Columns that are not sent.
    pub left_out: Vec<LeftOut>,
    /// Customers that come again.
    pub duplicates: Duplicates,
    /// The first updates.
    pub first: Vec<Update>,
    /// The rate of the run to come.
    pub pace: Pace,
    /// Whether warnings count.
    pub is_strict: bool,
    /// Whether values are shown, passwords aside.
    pub show_values: bool,
}

impl CheckReport {
    /// Whether no row is invalid, and, if warnings count, none is suspicious.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.rows.invalid == 0 && !(self.is_strict && self.rows.warnings > 0)
    }

    /// How long a run that sends every valid row takes at least; `None` without a limit of the rate.
    #[must_use]
    pub fn least_duration(&self) -> Option<Duration> {
        let seconds = self.rows.valid as f64 / self.pace.per_second?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The counts in one line.
    pub(super) fn summary(&self) -> String {
        let CheckedRows { valid, invalid, passed_over, problems, warnings } = self.rows;
        let problems = if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") };
        let passed_over = match passed_over {
            0 => String::new(),
            count => format!(", {count} with nothing to send"),
        };
        let warnings = match warnings {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            count => format!(", {count} warnings"),
        };
        let (total, format) = (self.rows.total(), self.format);
        format!(
            "{total} rows ({format}): {valid} valid, {invalid} invalid ({problems}){passed_over}{warnings}"
        )
    }

    /// What is worth knowing in sentences, each with a name of its kind: the columns that are left out, and the notes.
    pub(super) fn information(&self) -> Vec<(&'static str, String)> {
        let mut all: Vec<_> = self.notes.iter().map(|note| (note.kind, note.message.clone())).collect();
        if !self.left_out.is_empty() {
            let columns = self.left_out.iter().take(COLUMNS).map(|column| match column {
                LeftOut { first, last, .. } if first < last => format!("{first} to {last} (without a name)"),
                LeftOut { first, name, .. } if name.is_empty() => format!("{first} (without a name)"),
                LeftOut { first, name, .. } => format!("{first} ('{name}')"),
            });
            let columns = columns.collect::<Vec<_>>().join(", ");
            let more = if self.left_out.len() > COLUMNS { ", …" } else { "" };
            all.push(("columns-left-out", format!("columns that are left out: {columns}{more}")));
        }
        all
    }

    /// What is to be said about customers that come again.
    pub(super) fn about_duplicates(&self) -> Vec<String> {
        let Duplicates { customers, rows, is_complete, looked_at, .. } = &self.duplicates;
        let mut told = Vec::new();
        if *customers > 0 {
            let customers = if *customers == 1 {
                "1 customer is".to_owned()
            } else {
                format!("{customers} customers are")
            };
            let rows = if *rows == 1 { "1 more row".to_owned() } else { format!("{rows} more rows") };
            told.push(format!(
                "{customers} named again, by {rows}: their rows go out one after the other, in this order"
            ));
        }
        if !is_complete {
            told.push(format!(
                "customers were only compared with the first {looked_at} different ids: there may be more of these"
            ));
        }
        told
    }
}
