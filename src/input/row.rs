//! One row as it was read: a customer update, or what is wrong with it.

use super::record::Record;
use crate::customer::{Fingerprint, FingerprintKey, Parameter, Update, Values};
use std::fmt;

/// One data record of the input.
#[derive(Debug)]
pub struct Row {
    /// Its number, from 1, the header not counted.
    pub number: u64,
    /// The physical line it starts on, from 1.
    pub line: u64,
    /// What it asks for.
    pub content: Result<Update, Invalid>,
}

impl Row {
    /// The row's fingerprint, valid or not. `scratch` is reused from row to row.
    pub fn fingerprint(&self, key: &FingerprintKey, scratch: &mut Vec<u8>) -> Fingerprint {
        match &self.content {
            Ok(update) => key.of_update(update, scratch),
            Err(invalid) => {
                let values = invalid.values.iter().map(|(parameter, value)| (*parameter, &**value));
                match invalid.is_passed_over {
                    true => key.of_passed_over(values, scratch),
                    false => key.of_invalid(values, scratch),
                }
            }
        }
    }

    /// Whether it is neither an update nor passed over.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.content.as_ref().is_err_and(|invalid| !invalid.is_passed_over)
    }
}

/// A row that is no update. Its `Debug` and its problems hold none of its values.
pub struct Invalid {
    /// Everything that is wrong with it, at least one.
    pub problems: Vec<Problem>,
    /// Whether nothing is wrong with it but that there is nothing to send, and such rows are to be passed over: it
    /// is recorded as `unchanged`.
    pub is_passed_over: bool,
    /// Its `customer_id`, if that much can be trusted.
    pub customer_id: Option<String>,
    /// Its `subscription_id`, if that much can be trusted.
    pub subscription_id: Option<String>,
    /// Its values, valid or not.
    pub(super) values: Vec<(Parameter, Box<[u8]>)>,
}

impl Invalid {
    /// What the row has for a parameter, if anything.
    #[must_use]
    pub fn value(&self, parameter: Parameter) -> Option<&[u8]> {
        self.values.iter().find(|(known, _)| *known == parameter).map(|(_, value)| &**value)
    }
}

impl fmt::Debug for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Invalid").field(&self.problems).finish()
    }
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The column, from 1, and its parameter; none if it concerns the row as a whole.
    pub column: Option<(usize, Parameter)>,
    /// A short name of the rule that was broken, which never changes.
    pub rule: &'static str,
    /// What is wrong and what to do. Never holds a value.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some((column, parameter)) => {
                write!(formatter, "column {column} ({}) {}", parameter.name(), self.message)
            }
            None => write!(formatter, "the row {}", self.message),
        }
    }
}

/// A row that was only read and checked. Its values lie where they were read.
pub struct Checked<'rows> {
    /// Its number, from 1, the header not counted.
    pub number: u64,
    /// The physical line it starts on, from 1.
    pub line: u64,
    /// The line it ends on.
    pub last_line: u64,
    /// Whether it is an update.
    pub content: Result<(), Invalid>,
    /// Its values, as they would be sent. Of a row that is wrong as a whole they mean nothing.
    pub values: Values<'rows>,
    /// If more was read for this row: a text that holds it, and of which the rows that follow are parts until one has
    /// such a text again. For a look at many rows at once.
    pub fresh_text: Option<&'rows [u8]>,
    pub(super) record: Record<'rows>,
}

impl Checked<'_> {
    /// Where in the file a column (from 1) begins: the line, and the character in it, from 1.
    #[must_use]
    pub fn place(&self, column: usize) -> Option<(u64, usize)> {
        let (below, before) = self.record.place(column.checked_sub(1)?)?;
        Some((self.line + below, before + 1))
    }
}

/// No value.
impl fmt::Debug for Checked<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Checked({} {} {:?} {:?})", self.number, self.line, self.content, self.values)
    }
}
