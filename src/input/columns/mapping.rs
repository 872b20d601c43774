//! What was asked for about columns: which holds which parameter, what becomes of its cells, what is the same for
//! every row. Right in itself, and not yet held against a header.

use super::transform::{Empty, Transform};
use crate::customer::Parameter;
use std::fmt;

/// The columns as they are wanted. The default wants columns that are named after parameters.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// Columns about which something was said, each name once.
    pub columns: Vec<ColumnRule>,
    /// What is the same for every row, each parameter once.
    pub constants: Vec<Constant>,
    /// Names of columns that are left out.
    pub ignored: Vec<String>,
    /// Whether columns that are no parameter are left out.
    pub ignores_unknown: bool,
    /// What empty cells do where nothing else was said.
    pub empty: Empty,
    /// What becomes of rows that have nothing to send.
    pub empty_rows: EmptyRows,
    /// Whether columns of `columns` may be missing.
    pub may_lack_columns: bool,
    /// Options that were typed and do not apply to a plan, to show.
    pub typed: Vec<String>,
    /// Keys of a configuration file that do not apply to a plan.
    pub from_file: Vec<&'static str>,
}

/// What becomes of a row that has nothing to send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmptyRows {
    /// It is invalid.
    #[default]
    Invalid,
    /// It is passed over: not sent and recorded as `unchanged`.
    Skip,
}

/// What was said about one column.
#[derive(Debug, Clone)]
pub struct ColumnRule {
    /// Its name, as it was typed.
    pub name: String,
    /// Where it was said, to show.
    pub origin: String,
    /// What it holds.
    pub parameter: Parameter,
    /// What becomes of its cells.
    pub transform: Transform,
}

/// A value for every row. Its `Debug` does not hold it.
#[derive(Clone)]
pub struct Constant {
    /// What is set.
    pub parameter: Parameter,
    /// To what.
    pub value: String,
    /// Where it was said, to show.
    pub origin: String,
}

impl fmt::Debug for Constant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Constant({} from {})", self.parameter.name(), self.origin)
    }
}

/// A column's name as it is compared: case and surrounding blanks are forgiven.
#[must_use]
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}
