//! An input against a baseline, a CSV of what the customers have: only what differs is planned, with the value from before
//! beside it, so that it can be approved, sent like any input, and undone.
//!
//! | file | question |
//! | --- | --- |
//! | `spool`, `baseline` | What does the baseline say of the customer that a row names? |
//! | `differences` | Which fields of a row differ, and how is that counted? |
//! | `table` | How is a plan written? |
//! | `undo` | Which values from before does a run of a plan leave to be written back? |

mod baseline;
mod differences;
mod spool;
mod table;
mod undo;

use crate::customer::Parameter;

#[cfg(test)]
mod tests;

pub use baseline::{Baseline, BaselineWriter, Customer, EmptyCell, Found, Links, Past};
pub use differences::{BaselineCounts, Change, Differences, FieldCounts, Kind, PlanCounts, SHOWN, ShownRow};
pub use table::{PlanLine, PlanTable};
pub use undo::{Undo, UndoCounts, UndoRow};

/// The values of a row by parameter; a parameter without one has an empty one.
pub type Fields<'row> = [&'row [u8]; Parameter::COUNT];
