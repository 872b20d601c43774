//! Reads a result file from its start: every whole record, and where the torn tail of a crash begins. Holds
//! one line at a time.

use super::record::{HEADER, ParseFault, Parsed};
use super::{Error, Marks};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Longer than any record that is written: what is longer is no record.
const LONGEST_LINE: usize = 64 * 1024;

/// How much is read at a time.
const BUFFER: usize = 256 * 1024;

/// How a result file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The byte offset behind the last whole record.
    pub whole: u64,
    /// How many bytes of a torn record stand behind it.
    pub torn: u64,
    /// How many records there are.
    pub records: u64,
}

/// What a mark keeps of a record, to be compared with the input's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its fingerprint, which takes the key to compare.
    Fingerprint,
    /// Its ids ([`super::identity`]).
    Identity,
}

/// Reads every record into marks. The file itself is not touched.
///
/// # Errors
/// [`Error::Damaged`] if anything but the tail is no record, [`Error::Io`] if it cannot be read.
pub fn scan(path: &Path, file: impl Read, keep: Keep) -> Result<(Marks, Tail), Error> {
    let reader = BufReader::with_capacity(BUFFER, file);
    let mut lines = Lines { path, reader, buffer: Vec::new(), offset: 0, line: 1 };
    let mut marks = Marks::default();
    let mut records = 0;
    let torn = match lines.read()? {
        End::LineFeed if lines.buffer == HEADER.as_bytes() => loop {
            lines.pass();
            if let End::OfFile { torn } = lines.read()? {
                break torn;
            }
            match Parsed::from_line(&lines.buffer[..lines.buffer.len() - 1]) {
                Ok(record) => {
                    let kept = if keep == Keep::Identity { record.identity } else { record.fingerprint };
                    marks.set(record.row, record.status, kept);
                }
                // An unfinished last line is torn even with a line feed; with records behind it, it is damage.
                Err(ParseFault::Unfinished) if lines.is_at_end()? => break lines.buffer.len() as u64,
                Err(fault) => return Err(lines.damaged(fault)),
            }
            records += 1;
        },
        // Not even the header is whole: a crash in the very first write.
        End::OfFile { torn } if HEADER.as_bytes().starts_with(&lines.buffer) => torn,
        _ => return Err(lines.damaged(ParseFault::Header)),
    };
    Ok((marks, Tail { whole: lines.offset, torn, records }))
}

/// What ended a line.
enum End {
    LineFeed,
    /// Nothing did: the file ended, after so many bytes.
    OfFile {
        torn: u64,
    },
}

struct Lines<'path, R> {
    path: &'path Path,
    reader: BufReader<R>,
    buffer: Vec<u8>,
    /// Where the line in the buffer begins.
    offset: u64,
    /// Its number.
    line: u64,
}

impl<R: Read> Lines<'_, R> {
    /// Reads the next line with its line feed into the buffer.
    fn read(&mut self) -> Result<End, Error> {
        self.buffer.clear();
        let limit = LONGEST_LINE as u64;
        let mut torn = match self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer) {
            Err(error) => return Err(self.io(error)),
            Ok(_) if self.buffer.last() == Some(&b'\n') => return Ok(End::LineFeed),
            Ok(read) => read as u64,
        };
        // Too long for a record: damage, unless nothing but the torn tail of a large write is left.
        while !self.is_at_end()? {
            let ahead = self.reader.buffer();
            if memchr::memchr(b'\n', ahead).is_some() {
                return Err(self.damaged(ParseFault::TooLong));
            }
            let length = ahead.len();
            torn += length as u64;
            self.reader.consume(length);
        }
        Ok(End::OfFile { torn })
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        match self.reader.fill_buf() {
            Ok(ahead) => Ok(ahead.is_empty()),
            Err(error) => Err(self.io(error)),
        }
    }

    /// Goes on behind the line in the buffer.
    fn pass(&mut self) {
        self.offset += self.buffer.len() as u64;
        self.line += 1;
    }

    fn damaged(&self, fault: ParseFault) -> Error {
        Error::Damaged { path: self.path.to_path_buf(), line: self.line, offset: self.offset, fault }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io { path: self.path.to_path_buf(), doing: "cannot read the result file", source }
    }
}
