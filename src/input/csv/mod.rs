//! The text of a CSV as records of cells, each with the lines it spans.

mod limits;
mod lines;
mod record;
mod records;
mod written;

pub use limits::{Limit, Limits, TooLong};
pub use lines::{LineEnd, behind_lines};
pub use record::Record;
pub use records::{Fault, Records};
pub use written::quoted_length;
