//! The settings for columns: their parameters, their transforms, and the constants of every row. Valid in themselves, and
//! not yet compared with a header.

use super::transform::{Empty, Transform};
use crate::customer::Parameter;
use std::fmt;

/// The settings for columns. By default, a column has the name of its parameter.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// The rules for columns, each name once.
    pub columns: Vec<ColumnRule>,
    /// The constants of every row, each parameter once.
    pub constants: Vec<Constant>,
    /// The names of columns that are skipped.
    pub ignored: Vec<String>,
    /// Whether columns that are no parameter are skipped.
    pub ignores_unknown: bool,
    /// The effect of empty cells in columns without a rule.
    pub empty: Empty,
    /// The treatment of rows that have nothing to send.
    pub empty_rows: EmptyRows,
    /// Whether columns of `columns` may be missing.
    pub may_lack_columns: bool,
    /// Options that were typed and do not apply to a plan, to show.
    pub typed: Vec<String>,
    /// Keys of a configuration file that do not apply to a plan.
    pub from_file: Vec<&'static str>,
}

/// The treatment of a row that has nothing to send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmptyRows {
    /// It is invalid.
    #[default]
    Invalid,
    /// It is skipped: not sent and recorded as `unchanged`.
    Skip,
}

/// The rule for one column.
#[derive(Debug, Clone)]
pub struct ColumnRule {
    /// The column's name as it was typed.
    pub name: String,
    /// The option or the place in a file that sets the rule, for a message.
    pub origin: String,
    /// The parameter of the column.
    pub parameter: Parameter,
    /// The transform of the column's cells.
    pub transform: Transform,
}

/// A value for every row. `Debug` does not show the value.
#[derive(Clone)]
pub struct Constant {
    /// The parameter that is set.
    pub parameter: Parameter,
    /// The value of the parameter.
    pub value: String,
    /// The option or the place in a file that sets the constant, for a message.
    pub origin: String,
}

impl fmt::Debug for Constant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Constant({} from {})", self.parameter.name(), self.origin)
    }
}

/// The form of a column's name in which names are compared: without surrounding blanks, in lower case.
#[must_use]
pub fn normalize_name(name: &str) -> String {
    name.trim().to_lowercase()
}
