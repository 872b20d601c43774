//! CSV in: opens the input, unpacks and decodes it, maps its header to parameters and streams its rows as customer
//! updates. Every row
//! keeps its number and the physical line it starts on; what is wrong with a row is data, what is wrong with
//! the file is an [`Error`].

mod compression;
mod encoding;
mod fault;
mod format;
mod header;
mod judge;
mod known;
mod limits;
mod lines;
mod mapping;
mod nearest;
mod opening;
mod original;
mod quotes;
mod record;
mod records;
mod row;
mod rows;
mod sniff;
mod steady;
mod transform;

use compression::Broken;
use header::Header;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use steady::{Changed, SteadyFile};

pub use compression::Compression;
pub use encoding::Charset;
pub use fault::HeaderFault;
pub use format::{Delimiter, Format, Reading};
pub use header::{LeftOut, OF_FAILURES};
pub use limits::{Limit, Limits, TooLong};
pub use mapping::{ColumnRule, Constant, EmptyRows, Mapping, folded};
pub use nearest::nearest;
pub use original::Original;
pub(crate) use quotes::quoted_length;
pub use row::{Checked, Invalid, Problem, Row};
pub use rows::Rows;
pub use steady::Snapshot;
pub use transform::{Empty, Letters, Otherwise, Table, Transform};

/// Why the input as a whole cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is something that holds no CSV.
    #[error("{}: {what}", path.display())]
    NotCsv {
        /// What was asked for.
        path: PathBuf,
        /// What it looks like, and what to do.
        what: String,
    },
    /// Its header does not map to the API's parameters.
    #[error("{}", header_messages(path, *line, faults).join("; "))]
    Header {
        /// The input.
        path: PathBuf,
        /// The header's line.
        line: u64,
        /// Everything that is wrong, at least one.
        faults: Vec<HeaderFault>,
    },
    /// It cannot be read on.
    #[error("{}: cannot read on after line {line}: {source}", path.display())]
    Read {
        /// The input.
        path: PathBuf,
        /// The last line that was read whole.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what it was when it was opened.
    #[error(
        "{}: the file has changed while it was read, at about line {line}: nothing more is read from it. Let it be \
         written to its end first, then run again with --resume",
        path.display()
    )]
    Changed {
        /// The input.
        path: PathBuf,
        /// How far it was read.
        line: u64,
    },
    /// It is compressed, and cannot be unpacked to its end.
    #[error("{}: behind line {line}: {what}. Get it once more, and test it with gzip -t or zstd -t", path.display())]
    Archive {
        /// The input.
        path: PathBuf,
        /// The last line that was read whole.
        line: u64,
        /// What is wrong, and how much could be unpacked.
        what: String,
    },
    /// A field or record that never seems to end.
    #[error("{}: {fault}", path.display())]
    TooLong {
        /// The input.
        path: PathBuf,
        /// Where it begins, and the limit.
        fault: TooLong,
    },
}

impl Error {
    /// Whether the machine failed rather than the file being wrong.
    #[must_use]
    pub fn is_fault_of_machine(&self) -> bool {
        matches!(self, Error::Read { .. } | Error::Changed { .. })
    }

    /// What there is to say, each fault of a header by itself.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        match self {
            Error::Header { path, line, faults } => header_messages(path, *line, faults),
            error => vec![error.to_string()],
        }
    }

    /// The line it is about, if it is about one.
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

    /// What an error of one of our readers means, when `line` was reached.
    fn of_io(path: &Path, line: u64, source: io::Error) -> Error {
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

/// An input that was opened once: a file, which can be read again from its start, or a stream, which cannot.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    source: Source,
    reading: Reading,
    mapping: Mapping,
}

#[derive(Debug)]
enum Source {
    File(File, Snapshot),
    Stream(Option<File>),
}

impl Input {
    /// Opens `path`, to be read as `reading` says; `-` is standard input.
    ///
    /// # Errors
    /// [`Error::Open`] if it cannot be opened, [`Error::NotCsv`] if it is a directory.
    pub fn open(path: &Path, reading: Reading) -> Result<Input, Error> {
        if path == Path::new("-") {
            let (path, source) = (PathBuf::from("standard input"), Source::Stream(None));
            return Ok(Input { path, source, reading, mapping: Mapping::default() });
        }
        let path = path.to_path_buf();
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Err(source) => Err(Error::Open { path, source }),
            Ok((metadata, _)) if metadata.is_dir() => {
                Err(Error::NotCsv { path, what: "is a directory: name the CSV file in it".to_owned() })
            }
            Ok((metadata, file)) if metadata.is_file() => {
                let source = Source::File(file, Snapshot::of(&metadata));
                Ok(Input { path, source, reading, mapping: Mapping::default() })
            }
            Ok((_, file)) => {
                Ok(Input { path, source: Source::Stream(Some(file)), reading, mapping: Mapping::default() })
            }
        }
    }

    /// The same with its columns mapped.
    #[must_use]
    pub fn mapped(self, mapping: Mapping) -> Input {
        Input { mapping, ..self }
    }

    /// What its columns hold.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Its path or name, to show.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be read only once.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream(_))
    }

    /// Whether this path leads to the very file that is read, however it is spelled: also through a link.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        let opened = match &self.source {
            Source::File(file, _) | Source::Stream(Some(file)) => file.metadata(),
            Source::Stream(None) => {
                io::stdin().as_fd().try_clone_to_owned().and_then(|input| File::from(input).metadata())
            }
        };
        let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (opened, fs::metadata(path)) {
            (Ok(opened), Ok(there)) => place(opened) == place(there),
            _ => false,
        }
    }

    /// Whether the path still leads to the file that was opened, and nobody has written to it since. Always so of a stream.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        match &self.source {
            Source::File(_, opened) => {
                fs::metadata(&self.path).is_ok_and(|there| Snapshot::of(&there) == *opened)
            }
            Source::Stream(_) => true,
        }
    }

    /// Reads the header and gives the rows, from the start of a file, or from where a stream is.
    ///
    /// # Errors
    /// If this is no CSV, or its header cannot be mapped.
    pub fn rows(&self) -> Result<Rows, Error> {
        Rows::start(self.path.clone(), self.opened()?, &self.reading, &self.mapping)
    }

    /// How many rows it has, whatever their columns are called and hold.
    ///
    /// # Errors
    /// If this is no CSV, or cannot be read to its end.
    pub fn count_rows(&self) -> Result<u64, Error> {
        rows::count(&self.path, self.opened()?, self.reading.limits)
    }

    fn opened(&self) -> Result<opening::Opened, Error> {
        let reader: Box<dyn Read + Send> = match &self.source {
            Source::File(file, snapshot) => Box::new(SteadyFile::new(self.cloned(file)?, *snapshot)),
            Source::Stream(Some(file)) => Box::new(self.cloned(file)?),
            Source::Stream(None) => Box::new(io::stdin()),
        };
        opening::open(&self.path, reader, self.is_stream(), &self.reading)
    }

    fn cloned(&self, file: &File) -> Result<File, Error> {
        file.try_clone().map_err(|source| Error::Open { path: self.path.clone(), source })
    }
}
