//! Makes one self-contained HTML page of a result file: outcomes, reasons and speed. Needs neither network nor script. The
//! same file gives the same page.
//!
//! All text of the file is untrusted: `html` escapes every text, and control characters and bidirectional marks are
//! written out before.

mod charts;
mod html;
mod reasons;
mod rows;
mod runs;
mod scale;
mod survey;
mod tally;
mod words;

use crate::journal::{Error, Records, Tail};
use std::io::Read;
use std::path::Path;

pub use html::OPENING;
pub use survey::PageError;

/// A page and the end of the file that it was made from.
#[derive(Debug)]
pub struct Page {
    /// The whole document.
    pub html: String,
    /// The number of rows with a record.
    pub rows: u64,
    /// The end of the result file when it was read.
    pub tail: Tail,
}

/// Makes the page of the result file at `path`, which `open` opens at its start, twice. The file is not locked: a run may
/// be writing it. `input_rows` is the number of rows of the input, if it was counted.
///
/// # Errors
/// If the file is damaged, cannot be read, is replaced meanwhile, or has rows beyond those of the input.
pub fn page<R: Read>(
    path: &Path,
    input_rows: Option<u64>,
    open: impl FnMut() -> Result<Records<R>, Error>,
) -> Result<Page, PageError> {
    let mut survey = survey::Survey::of(path, open)?;
    if let Some(rows) = input_rows {
        survey = survey.with_input_rows(path, rows)?;
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Ok(Page { html: html::document(&name, &survey), rows: survey.rows.total(), tail: survey.tail })
}

#[cfg(test)]
mod tests;
