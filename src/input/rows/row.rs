//! One row as it was read: a customer update, or what is wrong with it.

use crate::customer::{Fingerprint, FingerprintKey, Parameter, Update, Values};
use crate::input::csv::Record;
use std::fmt;

/// One data record of the input.
#[derive(Debug)]
pub struct Row {
    /// Its number, from 1, the header not counted.
    pub number: u64,
    /// The physical line it starts on, from 1.
    pub line: u64,
    /// Whether it comes from a file of `failures`: its `_status` is not empty.
    pub has_status: bool,
    /// What it asks for.
    pub content: Result<Update, Invalid>,
}

impl Row {
    /// The row's fingerprint, valid or not. `scratch` is reused from row to row.
    pub fn fingerprint(&self, key: &FingerprintKey, scratch: &mut Vec<u8>) -> Fingerprint {
        match &self.content {
            Ok(update) => key.of_update(update, scratch),
            Err(invalid) => invalid.fingerprint(key, scratch),
        }
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

    fn fingerprint(&self, key: &FingerprintKey, scratch: &mut Vec<u8>) -> Fingerprint {
        let values = self.values.iter().map(|(parameter, value)| (*parameter, &**value));
        match self.is_passed_over {
            true => key.of_passed_over(values, scratch),
            false => key.of_invalid(values, scratch),
        }
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
    /// Whether it is an update. What is wrong is boxed, as a row is handed on that mostly has none of it.
    pub content: Result<(), Box<Invalid>>,
    /// Its values, as they would be sent. Of a row that is wrong as a whole they mean nothing.
    pub values: Values<'rows>,
    pub(super) record: Record<'rows>,
}

impl Checked<'_> {
    /// The row's fingerprint, valid or not: that of [`Row::fingerprint`]. `scratch` is reused from row to row.
    pub fn fingerprint(&self, key: &FingerprintKey, scratch: &mut Vec<u8>) -> Fingerprint {
        match &self.content {
            Ok(()) => key.of_values(self.values, scratch),
            Err(invalid) => invalid.fingerprint(key, scratch),
        }
    }

    /// Its `customer_id` and its `subscription_id`, valid or not.
    #[must_use]
    pub fn ids(&self) -> [Option<&str>; 2] {
        match &self.content {
            Ok(()) => [Parameter::CustomerId, Parameter::SubscriptionId].map(|parameter| {
                let id = std::str::from_utf8(self.values.get(parameter)).ok();
                id.filter(|id| !id.is_empty())
            }),
            Err(invalid) => [invalid.customer_id.as_deref(), invalid.subscription_id.as_deref()],
        }
    }

    /// Whether it is neither an update nor passed over.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.content.as_ref().is_err_and(|invalid| !invalid.is_passed_over)
    }

    /// What stands in a column (from 1), with the blanks around it.
    #[must_use]
    pub fn cell(&self, column: usize) -> Option<&[u8]> {
        self.record.field(column.checked_sub(1)?).map(|(_, cell)| cell)
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{EmptyRows, Input, Mapping, Reading};
    use proptest::prelude::*;

    /// What is to be known of a row.
    type Known = (u64, u64, Option<Vec<Problem>>, [Option<String>; 2], Fingerprint);

    fn by_updates(input: &Input, key: &FingerprintKey) -> Vec<Known> {
        let (mut rows, mut scratch, mut all) = (input.rows().unwrap(), Vec::new(), Vec::new());
        while let Some(row) = rows.next_row().unwrap() {
            let print = row.fingerprint(key, &mut scratch);
            let ids = match &row.content {
                Ok(update) => [Parameter::CustomerId, Parameter::SubscriptionId]
                    .map(|parameter| update.get(parameter).map(str::to_owned)),
                Err(invalid) => [invalid.customer_id.clone(), invalid.subscription_id.clone()],
            };
            all.push((row.number, row.line, row.content.err().map(|invalid| invalid.problems), ids, print));
        }
        all
    }

    fn by_checks(input: &Input, key: &FingerprintKey) -> Vec<Known> {
        let (mut rows, mut scratch, mut all) = (input.rows().unwrap(), Vec::new(), Vec::new());
        while let Some(row) = rows.check_next().unwrap() {
            let print = row.fingerprint(key, &mut scratch);
            let ids = row.ids().map(|id| id.map(str::to_owned));
            all.push((row.number, row.line, row.content.err().map(|invalid| invalid.problems), ids, print));
        }
        all
    }

    proptest! {
        /// What a row is held against must not depend on whether it is only looked at or sent.
        #[test]
        fn a_row_that_is_only_checked_is_the_row_that_is_sent(
            cells in proptest::collection::vec(
                proptest::collection::vec("[1a ]{0,3}|é|\"[,\"\"\n ]{0,2}\"|REMOVE|\t|\u{0}|\"", 4..6), 1..30),
            skips in any::<bool>(),
        ) {
            let lines: Vec<String> = cells.iter().map(|cells| cells.join(",")).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("in.csv");
            let text = format!("customer_id,subscription_id,city,password\n1,,Riga,\n{}\n", lines.join("\n"));
            std::fs::write(&path, text).unwrap();
            let empty_rows = if skips { EmptyRows::Skip } else { EmptyRows::default() };
            let mapping = Mapping { empty_rows, ..Mapping::default() };
            let input = Input::open(&path, Reading::default()).unwrap().mapped(mapping);
            let key = FingerprintKey::from_secret(b"key");
            prop_assert_eq!(by_checks(&input, &key), by_updates(&input, &key));
        }
    }
}
