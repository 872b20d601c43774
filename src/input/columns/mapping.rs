//! The settings for columns: their parameters, their transforms, and the constants of every row. Valid in themselves, and
//! not yet compared with a header.

use super::transform::{Empty, Transform};
use crate::customer::Parameter;
use std::fmt;

/// The settings for columns. By default, columns are named after parameters.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// The rules for columns, each name once.
    pub columns: Vec<ColumnRule>,
    /// The constants of every row, each parameter once.
    pub constants: Vec<Constant>,
    /// Names of columns that are left out.
    pub ignored: Vec<String>,
    /// Whether columns that are no parameter are left out.
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
    /// It is passed over: not sent and recorded as `unchanged`.
    Skip,
}

/// The rule for one column.
#[derive(Debug, Clone)]
pub struct ColumnRule {
    /// Its name, as it was typed.
    pub name: String,
    /// Where it was said, to show.
    pub origin: String,
    /// The parameter that it holds.
    pub parameter: Parameter,
    /// The transform of its cells.
    pub transform: Transform,
}

/// A value for every row. Its `Debug` does not hold it.
#[derive(Clone)]
pub struct Constant {
    /// The parameter that is set.
    pub parameter: Parameter,
    /// The value that it is set to.
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
