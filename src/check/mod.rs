//! The linter: finds values that the API accepts and that are probably mistakes, customers that several rows name, and ids
//! unlike all others, and reports the findings. It sends nothing, and no finding of it keeps a row from being sent.

mod cell;
mod damage;
mod duplicates;
mod findings;
mod linter;
mod mask;
mod notes;
mod output;
mod report;
mod shapes;
mod suspicion;

pub use cell::{Cell, find_suspicious};
pub use linter::{Linter, Terms, lint};
pub use mask::mask_value;
pub use notes::{describe_ignored_keys, describe_no_rows};
pub use output::CheckFormat;
pub use report::{
    CheckReport, CheckedRows, Duplicates, Example, Finding, MOST_EXAMPLES, Note, Pace, RepeatedCustomer,
    Severity,
};
pub use suspicion::Suspicion;
