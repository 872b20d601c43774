//! The linter: values that the API takes and that are hardly meant, customers that several rows name, ids unlike the others,
//! and the report of what was found. It sends nothing and keeps no row from being sent.

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
pub use mask::masked;
pub use notes::{finished, passed_over};
pub use output::CheckFormat;
pub use report::{
    CheckReport, CheckedRows, Duplicates, Example, Finding, MOST_EXAMPLES, Note, Pace, Repeated, Severity,
};
pub use suspicion::Suspicion;
