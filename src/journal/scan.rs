//! Reads a result file from its start: every whole record, and where the torn tail of a crash begins. Holds
//! one line at a time.

use super::record::{HEADER, ParseFault, Parsed};
use super::rest::{self, Rest};
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

/// Reads every record into marks. The file itself is not touched. A power cut can have taken the records of
/// `open_rows` rows at most.
///
/// # Errors
/// [`Error::Damaged`] if anything but the tail is no record, [`Error::Io`] if it cannot be read.
pub fn scan(path: &Path, file: impl Read, keep: Keep, open_rows: u64) -> Result<(Marks, Tail), Error> {
    let reader = BufReader::with_capacity(BUFFER, file);
    let mut lines = Lines { path, reader, open_rows, buffer: Vec::new(), offset: 0, line: 1 };
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
                Err(fault) => break lines.unsynced(fault)?,
            }
            records += 1;
        },
        // Not even the header is whole: a crash in the very first write.
        End::OfFile { torn } if is_torn_header(&lines.buffer) => torn,
        _ => return Err(lines.damaged(ParseFault::Header)),
    };
    Ok((marks, Tail { whole: lines.offset, torn, records }))
}

/// Whether a crash can have left this of the header: its start, or its length and no data.
fn is_torn_header(start: &[u8]) -> bool {
    let is_hole = start.len() <= HEADER.len() && start.iter().all(|byte| *byte == 0);
    is_hole || HEADER.as_bytes().starts_with(start)
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
    open_rows: u64,
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
        match self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer) {
            Err(error) => Err(self.io(error)),
            Ok(_) if self.buffer.last() == Some(&b'\n') => Ok(End::LineFeed),
            // Too long for a record: damage, unless nothing but what a crash can leave is behind it.
            Ok(_) => Ok(End::OfFile { torn: self.unsynced(ParseFault::TooLong)? }),
        }
    }

    /// The length of the rest of the file from the line in the buffer on, if a power cut can have left it like that.
    fn unsynced(&mut self, fault: ParseFault) -> Result<u64, Error> {
        match Rest::read(&self.buffer, self.offset, &mut self.reader) {
            Ok(rest) if rest.is_unsynced(self.open_rows) => Ok(rest.bytes),
            Ok(_) => Err(self.damaged(fault)),
            Err(error) => Err(self.io(error)),
        }
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        rest::is_at_end(&mut self.reader).map_err(|error| self.io(error))
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
