//! Detects a result file of another input by the ids in its records.

use crate::exit::Failure;
use crate::input::Input;
use crate::journal::{Keep, ResultFile};
use crate::resume::identity_of;
use std::fmt;
use std::path::Path;

/// The rows in sync that name other customers than before. Other differences are unknown: the result file
/// holds the ids, but no fields.
pub(super) struct Others {
    pub(super) count: u64,
    /// All rows in sync that the input has.
    pub(super) in_sync: u64,
    /// The first one's row and line.
    pub(super) first: Option<(u64, u64)>,
}

impl Others {
    /// Holds the input against the ids in a result file.
    pub(super) fn find(input: &Input, result: &Path) -> Result<Others, Failure> {
        let (marks, _) = ResultFile::read(result, Keep::Identity)?;
        let mut others = Others { count: 0, in_sync: 0, first: None };
        let mut rows = input.rows()?;
        while let Some(row) = rows.next_row()? {
            let Some(mark) = marks.get(row.number).filter(|mark| mark.status.is_in_sync()) else { continue };
            others.in_sync += 1;
            if !mark.is_of(identity_of(&row)) {
                others.count += 1;
                others.first.get_or_insert((row.number, row.line));
            }
        }
        Ok(others)
    }
}

impl fmt::Display for Others {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first {
            None => formatter.write_str(
                "the customers are the same as before, so the fields, the mapping or the API key have changed since (a \
                 new API key looks just like changed fields)",
            ),
            Some((row, line)) => write!(
                formatter,
                "{} of them are of other customers than before, the first is row {row} (line {line}). It is another \
                 input, or rows were inserted, deleted or sorted",
                self.count
            ),
        }
    }
}

/// Row numbers in the result file of another input mean other rows here, so that no count would be right.
pub(super) fn refuse_other_input(input: &Input, result: &Path) -> Result<(), Failure> {
    let Others { count, in_sync, first } = Others::find(input, result)?;
    match first {
        Some((row, line)) if count * 2 > in_sync => Err(Failure::usage(format!(
            "{} does not belong to this input: {count} of its {in_sync} rows in sync are of other customers, the first is \
             row {row} (line {line}). It is another input, or rows were inserted, deleted or sorted. Use the right \
             --result",
            result.display()
        ))),
        _ => Ok(()),
    }
}
