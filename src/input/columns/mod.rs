//! The columns of a header: which parameter each of them holds, and what becomes of its cells.

mod fault;
mod header;
mod known;
mod mapping;
mod nearest;
mod planned;
mod transform;

pub use crate::text::escape_name;
pub use fault::{DelimiterSource, HeaderFault, advise_on_quote, describe_quote};
pub use header::{Header, SkippedColumns};
pub use known::{KnownColumns, OF_FAILURES};
pub use mapping::{ColumnRule, Constant, EmptyRows, Mapping, normalize_name};
pub use nearest::find_nearest;
pub use planned::{CHANGE, CHECK, LINE, PlanCells, PlanColumns, PlanFault, PlanWatch, ROW, SET, WAS};
pub use transform::{Empty, Letters, Otherwise, Table, Transform};
