//! One self-contained HTML page of a result file, drawn from that file alone: what became of the rows, why, how
//! fast it went. Needs neither network nor script. The same file gives the same page.
//!
//! Whatever stands in the file is hostile here: `html` escapes every text as it goes into the page, and control
//! characters and bidirectional marks are spelled out before.

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

/// A page and what it rests on.
#[derive(Debug)]
pub struct Page {
    /// The whole document.
    pub html: String,
    /// How the result file ended when it was read.
    pub tail: Tail,
}

/// Makes the page of the result file at `path`, which `open` opens at its start, twice. Nothing is locked: a run may
/// be writing it. `input_rows` is how many rows the input has, where it was counted.
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
    Ok(Page { html: html::document(&name, &survey), tail: survey.tail })
}

#[cfg(test)]
mod tests;
