//! Single records of a result file, read once more by their place.

use super::Error;
use super::file::{io_error, open_to_read};
use super::parse::{ParseFault, Parsed, Place, RecordRef};
use super::reader::LONGEST_LINE;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Gives records by their place. Places that grow cost hardly a read each.
#[derive(Debug)]
pub struct Lookup {
    path: PathBuf,
    file: BufReader<File>,
    /// The byte offset of the next read.
    offset: u64,
    line: Vec<u8>,
}

impl Lookup {
    /// Opens a result file, without a lock.
    ///
    /// # Errors
    /// If there is none or it is no regular file.
    pub fn open(path: &Path) -> Result<Lookup, Error> {
        let file = BufReader::new(open_to_read(path)?);
        Ok(Lookup { path: path.to_path_buf(), file, offset: 0, line: Vec::new() })
    }

    /// The record that was found at a place before.
    ///
    /// # Errors
    /// If none is there any more, or the file cannot be read.
    pub fn record(&mut self, place: Place) -> Result<RecordRef<'_>, Error> {
        let cannot_read = || io_error(&self.path, "cannot read the result file");
        let distance = i64::try_from(i128::from(place.offset) - i128::from(self.offset)).unwrap_or(i64::MAX);
        self.file.seek_relative(distance).map_err(cannot_read())?;
        self.line.clear();
        let limit = LONGEST_LINE as u64;
        let read = self.file.by_ref().take(limit).read_until(b'\n', &mut self.line);
        self.offset = place.offset + read.map_err(cannot_read())? as u64;
        let damaged =
            |fault| Error::Damaged { path: self.path.clone(), line: place.line, offset: place.offset, fault };
        let text = self.line.strip_suffix(b"\n").ok_or_else(|| damaged(ParseFault::Unfinished))?;
        let parsed = Parsed::from_line(text).map_err(damaged)?;
        Ok(RecordRef { text, parsed, place })
    }
}
