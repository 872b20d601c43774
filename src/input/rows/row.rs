//! One row of the input: a customer update, or a list of its faults.

use crate::customer::{Fingerprint, FingerprintKey, Parameter, Update, Values};
use crate::input::csv::Record;
use std::fmt;

/// One data record of the input.
pub struct Row<'rows> {
    /// Its number, from 1, the header not counted.
    pub number: u64,
    /// The physical line it starts on, from 1.
    pub line: u64,
    /// The line it ends on.
    pub last_line: u64,
    /// Whether the row comes from a file of `failures`: its `_status` is not empty.
    pub has_status: bool,
    /// The update of the row, or its faults.
    pub content: Result<Update, Box<Invalid>>,
    pub(super) record: Record<'rows>,
}

/// A row as it is written in the input, valid or not, in UTF-8; invalid bytes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Original<'rows> {
    /// The cells, without the quotes around them. Their number may differ from that of the columns.
    Cells(Vec<&'rows [u8]>),
    /// The whole text: quotes, line breaks or delimiters are misplaced, so the cells are unknown.
    Text(&'rows [u8]),
}

/// The rules of rows whose cells are unknown or may be in a wrong column.
const UNKNOWN_CELLS: [&str; 3] = ["stray-quote", "broken-line", "unnamed-column"];

impl<'rows> Row<'rows> {
    /// The row's fingerprint, valid or not. `scratch` is reused from row to row.
    pub fn fingerprint(&self, key: &FingerprintKey, scratch: &mut Vec<u8>) -> Fingerprint {
        match &self.content {
            Ok(update) => key.of_update(update, scratch),
            Err(invalid) if invalid.is_passed_over => key.of_passed_over(&invalid.values, scratch),
            Err(invalid) => key.of_invalid(&invalid.values, scratch),
        }
    }

    /// Its `customer_id` and its `subscription_id`, valid or not.
    #[must_use]
    pub fn ids(&self) -> [Option<&str>; 2] {
        match &self.content {
            Ok(update) => {
                [Parameter::CustomerId, Parameter::SubscriptionId].map(|parameter| update.get(parameter))
            }
            Err(invalid) => [invalid.customer_id.as_deref(), invalid.subscription_id.as_deref()],
        }
    }

    /// Whether the row is neither an update nor skipped.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.content.as_ref().is_err_and(|invalid| !invalid.is_passed_over)
    }

    /// The cell of a column (from 1), with the blanks around it.
    #[must_use]
    pub fn cell(&self, column: usize) -> Option<&'rows [u8]> {
        self.record.cell(column.checked_sub(1)?)
    }

    /// The place in the file where a column (from 1) begins: the line, and the character in it, from 1.
    #[must_use]
    pub fn place(&self, column: usize) -> Option<(u64, usize)> {
        let (below, before) = self.record.place(column.checked_sub(1)?)?;
        Some((self.line + below, before + 1))
    }

    /// The row as it is written in the input.
    #[must_use]
    pub fn original(&self) -> Original<'rows> {
        let problems = self.content.as_ref().err().map_or(&[][..], |invalid| &invalid.problems);
        match problems.iter().any(|problem| UNKNOWN_CELLS.contains(&problem.rule)) {
            true => Original::Text(self.record.text()),
            false => Original::Cells(self.record.iter().collect()),
        }
    }
}

/// Shows no value.
impl fmt::Debug for Row<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Row({} {} {:?})", self.number, self.line, self.content)
    }
}

/// A row that is no update. `Debug` and the problems show none of its values.
pub struct Invalid {
    /// All faults, at least one.
    pub problems: Vec<Problem>,
    /// Whether the only fault is that the row has nothing to send, and such rows are skipped: the row is recorded as
    /// `unchanged`.
    pub is_passed_over: bool,
    /// The `customer_id`, if the cells are in their columns.
    pub customer_id: Option<String>,
    /// The `subscription_id`, if the cells are in their columns.
    pub subscription_id: Option<String>,
    /// The values, valid or not. In a row that is wrong as a whole, they may belong to other columns.
    pub(super) values: Values,
}

impl Invalid {
    /// The bytes of the row's value of a parameter, if it has one.
    #[must_use]
    pub fn value(&self, parameter: Parameter) -> Option<&[u8]> {
        Some(self.values.bytes(parameter)).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Invalid").field(&self.problems).finish()
    }
}

/// One fault of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The column, from 1, and its parameter; none if it concerns the row as a whole.
    pub column: Option<(usize, Parameter)>,
    /// A short name of the rule that was broken, which never changes.
    pub rule: &'static str,
    /// The fault, and what to do. Never holds a value.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some((column, parameter)) => {
                write!(formatter, "column {column} ({}): {}", parameter.name(), self.message)
            }
            None => formatter.write_str(&self.message),
        }
    }
}
