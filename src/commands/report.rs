//! `report`: one self-contained HTML page of a result file. Reads it without a lock: a run may be writing it.

use super::Output;
use super::comparison::{is_result, missing_result};
use super::output::Existing;
use crate::exit::{ExitCode, Failure};
use crate::input::{Input, Reading};
use crate::journal::{self, ResultFile};
use crate::report::{PAGE_OPENING, Page, PageError, page, say};
use crate::text::counted;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Settings of a report.
#[derive(Debug)]
pub struct Settings {
    /// The result file.
    pub result: PathBuf,
    /// The CSV whose rows are counted, and how to read it.
    pub input: Option<(PathBuf, Reading)>,
    /// Where the page goes.
    pub output: Output,
}

/// Writes the page.
///
/// # Errors
/// If the result file cannot be used or the page cannot be written.
pub fn report(settings: &Settings) -> Result<ExitCode, Failure> {
    let is_page = |head: &[u8]| head.starts_with(PAGE_OPENING.as_bytes());
    let mut kept = vec![settings.result.as_path()];
    kept.extend(settings.input.iter().map(|(path, _)| path.as_path()));
    let mut sink = settings.output.begin(Existing::Replace, &kept, "a page of this program", is_page)?;
    let count_rows = |(path, reading): &(PathBuf, Reading)| Input::open(path, *reading)?.count_rows();
    let input_rows = settings.input.as_ref().map(count_rows).transpose()?;
    let records = || ResultFile::records(&settings.result);
    let Page { html, rows, tail } =
        page(&settings.result, input_rows, records).map_err(|error| failure(error, &settings.result))?;
    if tail.torn > 0 {
        say(format_args!(
            "The last record of the result file is incomplete ({}) and does not count.",
            counted(tail.torn, "byte")
        ));
    }
    writeln!(sink, "{}", html.trim_end()).map_err(|error| sink.fault(error))?;
    sink.finish()?;
    if let Output::File(path) = &settings.output {
        let (rows, records) = (counted(rows, "row"), counted(tail.records, "record"));
        say(format_args!("Wrote {} ({rows}, {records}).", path.display()));
    }
    Ok(ExitCode::InSync)
}

/// The failure of the command.
fn failure(error: PageError, result: &Path) -> Failure {
    match error {
        PageError::Journal(journal::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Failure::usage(missing_result(result, &source, "Run the job first"))
        }
        PageError::Journal(error @ journal::Error::Damaged { line: 1, .. }) => {
            let meant = result.with_extension("result.csv");
            match is_result(&meant) {
                true => Failure::usage(format!(
                    "{} is not a result file. Did you mean offerit-sync report {}?",
                    result.display(),
                    meant.display()
                )),
                false => error.into(),
            }
        }
        PageError::Journal(error) => error.into(),
        error @ PageError::Beyond { .. } => Failure::usage(error),
        error @ PageError::Changed { .. } => Failure::fault(error),
    }
}
