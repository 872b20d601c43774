//! `report`: one self-contained HTML page of a result file. Reads it without a lock, so that a run may go on.

use super::check::cannot_print;
use crate::exit::{ExitCode, Failure};
use crate::journal::{self, ResultFile};
use crate::report::{PAGE_OPENING, Page, PageError, page, put, say};
use std::fs::{self, File};
use std::io::{self, Read, Write};
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
    if let Output::File(path) = &settings.output {
        refuse_foreign(path)?;
    }
    let Page { html, tail } =
        page(&settings.result, || ResultFile::records(&settings.result, settings.open_rows))
            .map_err(|error| told(error, &settings.result))?;
    if tail.torn > 0 {
        say(format_args!(
            "the result file ends in a torn record of {} bytes, which does not count",
            tail.torn
        ));
    }
    match &settings.output {
        Output::Stdout => put(html.trim_end()).map_err(cannot_print)?,
        Output::File(path) => {
            replace(path, html.as_bytes()).map_err(cannot_write(path))?;
            say(format_args!("{}: the page of {} records", path.display(), tail.records));
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

/// What is replaced must be such a page: a mistyped path must not cost an export. No link is followed.
fn refuse_foreign(path: &Path) -> Result<(), Failure> {
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot_write(path)(error)),
        Ok(metadata) => metadata.file_type(),
    };
    let refused = |why: &str| Failure::usage(format!("--output: {} {why}", path.display()));
    if !kind.is_file() {
        return Err(refused("is no regular file: name another one, or - for standard output"));
    }
    let mut start = Vec::new();
    let opened =
        File::open(path).and_then(|file| file.take(PAGE_OPENING.len() as u64).read_to_end(&mut start));
    opened.map_err(cannot_write(path))?;
    if start.is_empty() || start == PAGE_OPENING.as_bytes() {
        return Ok(());
    }
    Err(refused("is there and is not a page of this program: it is not overwritten, name another file"))
}

/// Puts a whole file in the place of what is there, or leaves that as it is. Its mode is 0600.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".offerit-sync-").suffix(".html").tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_path_buf();
    move |error| Failure::fault(format!("{}: cannot write the page: {error}", path.display()))
}
