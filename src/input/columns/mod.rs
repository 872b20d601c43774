//! The columns of a header: which parameter each of them holds, and what becomes of its cells.

mod fault;
mod header;
mod known;
mod mapping;
mod nearest;
mod planned;
mod transform;

pub use crate::text::escape_name as shown;
pub use fault::{DelimiterSource, HeaderFault, quote_advice, quote_fault};
pub use header::{Header, LeftOut};
pub use known::{KnownColumns, OF_FAILURES};
pub use mapping::{ColumnRule, Constant, EmptyRows, Mapping, folded};
pub use nearest::nearest;
pub use planned::{CHANGE, CHECK, LINE, PlanCells, PlanColumns, PlanFault, PlanWatch, ROW, SET, WAS};
pub use transform::{Empty, Letters, Otherwise, Table, Transform};
