//! CSV in, in four steps: `source` gives the text of a file or stream, `csv` divides it into records, `columns` maps the header
//! to parameters, and `rows` makes a customer update of each record. Every row keeps its number and the physical line it
//! starts on. A fault of a row is data; a fault of the file is an [`Error`].

mod columns;
mod csv;
mod error;
mod rows;
mod source;
mod unopened;

use source::SteadyFile;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub use columns::{
    CHANGE, CHECK, ColumnRule, Constant, Empty, EmptyRows, HeaderFault, LINE, Letters, Mapping, OF_FAILURES,
    Otherwise, PlanCells, PlanColumns, ROW, SET, SkippedColumns, Table, Transform, WAS, find_nearest,
    normalize_name,
};
pub(crate) use csv::quoted_length;
pub use csv::{Limit, Limits, TooLong};
pub use error::Error;
pub use rows::{Invalid, Original, Problem, Row, Rows};
pub use source::{Charset, Compression, Delimiter, Format, Reading, Snapshot};
pub use unopened::{cannot_open, cannot_overwrite, near_file};

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
    /// Opens `path`, to be read by the settings `reading`; `-` is standard input.
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
                Err(Error::NotCsv { path, what: "is a folder. Choose the CSV file in it".to_owned() })
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

    /// The mapping of its columns.
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

    /// Whether this path leads to the file that is read, also through a link.
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

    /// Reads the header and returns the rows, from the start of a file, or from where a stream is.
    ///
    /// # Errors
    /// If this is no CSV, or its header cannot be mapped.
    pub fn rows(&self) -> Result<Rows, Error> {
        Rows::start(self.path.clone(), self.opened()?, &self.reading, &self.mapping)
    }

    /// Counts its rows, whatever its header is.
    ///
    /// # Errors
    /// If this is no CSV, or cannot be read to its end.
    pub fn count_rows(&self) -> Result<u64, Error> {
        rows::count(&self.path, self.opened()?, self.reading.limits)
    }

    fn opened(&self) -> Result<source::Opened, Error> {
        let reader: Box<dyn Read + Send> = match &self.source {
            Source::File(file, snapshot) => Box::new(SteadyFile::new(self.cloned(file)?, *snapshot)),
            Source::Stream(Some(file)) => Box::new(self.cloned(file)?),
            Source::Stream(None) => Box::new(io::stdin()),
        };
        source::open(reader, self.is_stream(), &self.reading)
            .map_err(|unusable| Error::of_source(&self.path, unusable))
    }

    fn cloned(&self, file: &File) -> Result<File, Error> {
        file.try_clone().map_err(|source| Error::Open { path: self.path.clone(), source })
    }
}
