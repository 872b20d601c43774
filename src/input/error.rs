//! The faults for which an input as a whole cannot be used.

use super::columns::HeaderFault;
use super::csv::TooLong;
use super::source::{Broken, Changed, Unusable};
use super::unopened::cannot_open;
use std::io;
use std::path::{Path, PathBuf};

/// A fault for which the input as a whole cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened.
    #[error("{}", cannot_open(path, source))]
    Open {
        /// The path that was given.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// It is not a CSV.
    #[error("{} {what}", path.display())]
    NotCsv {
        /// The path that was given.
        path: PathBuf,
        /// The kind of file, and what to do.
        what: String,
    },
    /// Its header does not map to the API's parameters.
    #[error("{}", header_messages(path, *line, faults).join("; "))]
    Header {
        /// The input.
        path: PathBuf,
        /// The header's line.
        line: u64,
        /// All faults, at least one.
        faults: Vec<HeaderFault>,
    },
    /// It cannot be read further.
    #[error("{}: cannot read further than line {line}: {source}", path.display())]
    Read {
        /// The input.
        path: PathBuf,
        /// The last line that was read whole.
        line: u64,
        /// The error of the system.
        source: io::Error,
    },
    /// It changed since it was opened.
    #[error(
        "{}: the file changed while it was being read, near line {line}. Wait until it is written completely, then try \
         again; continue a run with --resume",
        path.display()
    )]
    Changed {
        /// The input.
        path: PathBuf,
        /// The last line that was read.
        line: u64,
    },
    /// It is compressed, and cannot be unpacked to its end.
    #[error("{}: after line {line}: {what}. Fetch the file again, and test it with gzip -t or zstd -t", path.display())]
    Archive {
        /// The input.
        path: PathBuf,
        /// The last line that was read whole.
        line: u64,
        /// The fault, and how much could be unpacked.
        what: String,
    },
    /// A field or record is too long.
    #[error("{}: {fault}", path.display())]
    TooLong {
        /// The input.
        path: PathBuf,
        /// The place where the field or record begins, and the limit.
        fault: TooLong,
    },
}

impl Error {
    /// Whether the machine failed rather than the file being wrong.
    #[must_use]
    pub fn is_fault_of_machine(&self) -> bool {
        matches!(self, Error::Read { .. } | Error::Changed { .. })
    }

    /// The messages, each fault of a header by itself.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        match self {
            Error::Header { path, line, faults } => header_messages(path, *line, faults),
            error => vec![error.to_string()],
        }
    }

    /// The line of the fault, if it has one.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Error::Open { .. } | Error::NotCsv { .. } => None,
            Error::TooLong { fault, .. } => Some(fault.line),
            Error::Header { line, .. }
            | Error::Read { line, .. }
            | Error::Changed { line, .. }
            | Error::Archive { line, .. } => Some(*line),
        }
    }

    /// The error of a source that is no CSV or cannot be read.
    pub fn of_source(path: &Path, unusable: Unusable) -> Error {
        match unusable {
            Unusable::Io(error) => Error::of_io(path, 1, error),
            Unusable::NotCsv(what) => Error::NotCsv { path: path.to_path_buf(), what },
        }
    }

    /// Interprets an error of one of our readers that reached `line`.
    pub fn of_io(path: &Path, line: u64, source: io::Error) -> Error {
        let path = path.to_path_buf();
        match source.get_ref() {
            Some(inner) if inner.is::<Changed>() => Error::Changed { path, line },
            Some(inner) if inner.is::<Broken>() => Error::Archive { path, line, what: inner.to_string() },
            _ => Error::Read { path, line, source },
        }
    }
}

fn header_messages(path: &Path, line: u64, faults: &[HeaderFault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{}: line {line}: {fault}", path.display())).collect()
}
