//! Single records of a result file, read again by their position.

use super::file::{io_error, open_to_read};
use super::parse::{ParseFault, ParsedLine, RecordPosition, RecordRef};
use super::reader::LONGEST_LINE;
use super::{CANNOT_READ, Error};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Reads records by their position. In ascending order, most records come from the buffer.
#[derive(Debug)]
pub struct RecordLookup {
    path: PathBuf,
    file: BufReader<File>,
    /// The byte offset of the next read.
    offset: u64,
    line: Vec<u8>,
}

impl RecordLookup {
    /// Opens a result file, without a lock.
    ///
    /// # Errors
    /// If the file does not exist or is not regular.
    pub fn open(path: &Path) -> Result<RecordLookup, Error> {
        let file = BufReader::new(open_to_read(path)?);
        Ok(RecordLookup { path: path.to_path_buf(), file, offset: 0, line: Vec::new() })
    }

    /// The record at a position that was found before.
    ///
    /// # Errors
    /// If the record is gone, or the file cannot be read.
    pub fn record(&mut self, position: RecordPosition) -> Result<RecordRef<'_>, Error> {
        let cannot_read = || io_error(&self.path, CANNOT_READ);
        let distance =
            i64::try_from(i128::from(position.offset) - i128::from(self.offset)).unwrap_or(i64::MAX);
        self.file.seek_relative(distance).map_err(cannot_read())?;
        self.line.clear();
        let limit = LONGEST_LINE as u64;
        let read = self.file.by_ref().take(limit).read_until(b'\n', &mut self.line);
        self.offset = position.offset + read.map_err(cannot_read())? as u64;
        let damaged = |fault| Error::Damaged {
            path: self.path.clone(),
            line: position.line,
            offset: position.offset,
            fault,
        };
        let text = self.line.strip_suffix(b"\n").ok_or_else(|| damaged(ParseFault::Unfinished))?;
        let parsed = ParsedLine::from_line(text).map_err(damaged)?;
        Ok(RecordRef { text, parsed, position })
    }
}
