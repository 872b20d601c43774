//! `report`: one self-contained HTML page of a result file. Reads it without a lock, so that a run may go on.

use super::check::cannot_print;
use crate::exit::{ExitCode, Failure};
use crate::journal::{self, ResultFile};
use crate::report::{Access, PAGE_OPENING, Page, PageError, Replacement, page, put, say};
use std::io;
use std::path::{Path, PathBuf};

/// Settings of a report.
#[derive(Debug)]
pub struct Settings {
    /// The result file.
    pub result: PathBuf,
    /// Where the page goes.
    pub output: Output,
    /// The most rows whose records a power cut can have taken.
    pub open_rows: u64,
}

/// Where a page goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// To standard output.
    Stdout,
    /// Into a file, which only its owner may read: it names customers.
    File(PathBuf),
}

/// Writes the page.
///
/// # Errors
/// If the result file cannot be used or the page cannot be written.
pub fn report(settings: &Settings) -> Result<ExitCode, Failure> {
    let page_file = match &settings.output {
        Output::Stdout => None,
        Output::File(path) => Some(
            // It names customers.
            Replacement::new(path, PAGE_OPENING, Access::Owner)
                .map_err(|error| Failure::usage(format!("--output: {error}")))?,
        ),
    };
    let Page { html, tail } =
        page(&settings.result, || ResultFile::records(&settings.result, settings.open_rows))
            .map_err(|error| told(error, &settings.result))?;
    if tail.torn > 0 {
        say(format_args!(
            "the result file ends in a torn record of {} bytes, which does not count",
            tail.torn
        ));
    }
    match page_file {
        None => put(html.trim_end()).map_err(cannot_print)?,
        Some(file) => {
            file.write(html.as_bytes()).map_err(cannot_write(file.path()))?;
            say(format_args!("{}: the page of {} records", file.path().display(), tail.records));
        }
    }
    Ok(ExitCode::InSync)
}

fn told(error: PageError, result: &Path) -> Failure {
    match error {
        PageError::Journal(journal::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Failure::usage(format!("{}: there is no such result file: run the job first", result.display()))
        }
        PageError::Journal(error) => error.into(),
        error @ PageError::Changed { .. } => Failure::fault(error),
    }
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_path_buf();
    move |error| Failure::fault(format!("{}: cannot write the page: {error}", path.display()))
}
