//! Reads a result file from its start to its end: every whole record, and the start of the torn tail of a crash. The memory is
//! one buffer for a file of any length.

use super::parse::{ParseFault, ParsedLine, RecordPosition, RecordRef};
use super::record::HEADER;
use super::unreadable_tail::{LONGEST_RECORD, MOST_LOST_RECORDS, UnreadableTail};
use super::{CANNOT_READ, Error};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The most bytes of a line, its line feed included. Chosen: longer than any record.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// Bytes of the buffer. Chosen: several times the longest line.
const BUFFER: usize = 256 * 1024;

/// The end of a result file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tail {
    /// The byte offset of the end of the last whole record.
    pub whole: u64,
    /// The bytes of a torn record after the last whole record.
    pub torn: u64,
    /// The number of whole records.
    pub records: u64,
}

/// The records of a result file in the order of writing, each checked strictly. A row may have several records; its last
/// record counts.
///
/// All code that reads a result file (resume, `verify` and others) uses this reader. [`super::ResultFile::records`] opens a
/// file.
///
/// ```
/// use offerit_sync::journal::{Error, HEADER, Records};
///
/// let file = format!("{HEADER}1,2,10241,,updated,200,1,84,2026-11-23T01:30:01.061Z,,eb265bfa80c45b6d\n2,3,102");
/// let mut records = Records::new("in.result.csv".as_ref(), file.as_bytes());
/// while let Some(record) = records.next_record()? {
///     assert_eq!((record.row(), record.customer_id().as_ref()), (1, "10241"));
/// }
/// assert_eq!((records.tail().records, records.tail().torn), (1, 7));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Records<R> {
    path: PathBuf,
    file: R,
    /// The most records that a power cut can have taken.
    most_lost: u64,
    buffer: Box<[u8]>,
    /// The part of the buffer that was read from the file and is not consumed yet.
    ahead: Range<usize>,
    /// The position of the start of `ahead`.
    position: RecordPosition,
    /// The bytes of the longest record so far.
    longest: u64,
    tail: Tail,
    is_done: bool,
}

/// Whether a crash can have left this file: the start of the header, or NULs in place of the header.
pub(super) fn is_torn_header(file: &[u8]) -> bool {
    let is_empty = file.len() <= HEADER.len() && file.iter().all(|byte| *byte == 0);
    HEADER.as_bytes().starts_with(file) || is_empty
}

/// The end of a line.
enum LineEnd {
    /// A line feed, after this number of bytes.
    LineFeed(usize),
    /// The file ends after this number of bytes, without a line feed.
    OfFile { torn: u64 },
    /// The line is longer than any record.
    TooLong,
}

impl<R: Read> Records<R> {
    /// Reads `file`, which must be at its start. `path` is for errors.
    pub fn new(path: &Path, file: R) -> Records<R> {
        Records::with_most_lost(path, file, MOST_LOST_RECORDS)
    }

    /// Reads `file`, of which a power cut can have taken at most `most_lost` records.
    pub(super) fn with_most_lost(path: &Path, file: R, most_lost: u64) -> Records<R> {
        Records {
            path: path.to_path_buf(),
            file,
            most_lost,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            ahead: 0..0,
            position: RecordPosition { line: 1, offset: 0 },
            longest: 0,
            tail: Tail::default(),
            is_done: false,
        }
    }

    /// The next whole record, or `None` after the last; then [`Records::tail`] is the end of the file.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a line before the tail is not a record, [`Error::Io`] if the file cannot be read.
    pub fn next_record(&mut self) -> Result<Option<RecordRef<'_>>, Error> {
        if self.is_done || (self.position.offset == 0 && !self.pass_header()?) {
            return Ok(None);
        }
        let length = match self.read_line()? {
            LineEnd::LineFeed(length) => length,
            LineEnd::OfFile { torn: 0 } => {
                self.end(0);
                return Ok(None);
            }
            LineEnd::OfFile { .. } => return self.end_unsynced(ParseFault::Unfinished),
            LineEnd::TooLong => return self.end_unsynced(ParseFault::TooLong),
        };
        let line = self.ahead.start..self.ahead.start + length;
        let position = self.position;
        let parsed = match ParsedLine::from_line(&self.buffer[line.clone()]) {
            Ok(parsed) => parsed,
            // An unfinished last line is torn even with a line feed. An unfinished line before other records is damage.
            Err(ParseFault::Unfinished) if self.is_torn_record(length)? => {
                self.end(length as u64 + 1);
                return Ok(None);
            }
            Err(fault) => return self.end_unsynced(fault),
        };
        self.pass(length + 1);
        self.longest = self.longest.max(length as u64 + 1);
        self.tail.records += 1;
        Ok(Some(RecordRef { text: &self.buffer[line], parsed, position }))
    }

    /// The end of the file. Valid after [`Records::next_record`] has returned `None`.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Consumes the header. False if the header is torn, so that the file has no records.
    fn pass_header(&mut self) -> Result<bool, Error> {
        let header = HEADER.as_bytes();
        let end = self.read_line()?;
        let held = &self.buffer[self.ahead.clone()];
        match end {
            LineEnd::LineFeed(length) if &held[..=length] == header => self.pass(header.len()),
            // The first write of the file was interrupted by a crash.
            LineEnd::OfFile { torn } if is_torn_header(held) => {
                self.end(torn);
                return Ok(false);
            }
            _ => return Err(self.damaged(ParseFault::Header)),
        }
        Ok(true)
    }

    fn end(&mut self, torn: u64) {
        self.tail = Tail { whole: self.position.offset, torn, ..self.tail };
        self.is_done = true;
    }

    /// Fills the buffer up to the end of the next line, and returns that end.
    fn read_line(&mut self) -> Result<LineEnd, Error> {
        let mut seen = 0;
        loop {
            let held = &self.buffer[self.ahead.clone()];
            if let Some(found) = memchr::memchr(b'\n', &held[seen..]) {
                return match seen + found {
                    length if length < LONGEST_LINE => Ok(LineEnd::LineFeed(length)),
                    _ => Ok(LineEnd::TooLong),
                };
            }
            seen = held.len();
            if seen >= LONGEST_LINE {
                return Ok(LineEnd::TooLong);
            }
            if self.fill()? == 0 {
                return Ok(LineEnd::OfFile { torn: seen as u64 });
            }
        }
    }

    /// Ends the reading at the present line, if a crash explains the rest of the file. Else the line is damage.
    fn end_unsynced(&mut self, fault: ParseFault) -> Result<Option<RecordRef<'_>>, Error> {
        let mut tail = UnreadableTail::at(self.position.offset);
        loop {
            tail.add(&self.buffer[self.ahead.clone()]);
            self.ahead = 0..0;
            if self.fill()? == 0 {
                break;
            }
        }
        if !tail.is_unsynced(self.most_lost, self.longest) {
            return Err(self.damaged(fault));
        }
        self.end(tail.bytes());
        Ok(None)
    }

    /// Moves the unconsumed bytes to the start of the buffer and reads more bytes after them; 0 at the end of the file. Only
    /// called with fewer unconsumed bytes than the longest line.
    fn fill(&mut self) -> Result<usize, Error> {
        self.buffer.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        loop {
            match self.file.read(&mut self.buffer[self.ahead.end..]) {
                Ok(read) => {
                    self.ahead.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Io { path: self.path.clone(), doing: CANNOT_READ, source });
                }
            }
        }
    }

    /// Whether the buffered line of this length may be an incomplete record, and the file ends after its line feed.
    fn is_torn_record(&mut self, length: usize) -> Result<bool, Error> {
        let line = &self.buffer[self.ahead.start..self.ahead.start + length];
        let may_be = (length as u64) < LONGEST_RECORD && memchr::memchr(0, line).is_none();
        Ok(may_be && self.ahead.len() == length + 1 && self.fill()? == 0)
    }

    /// Consumes a buffered line.
    fn pass(&mut self, length: usize) {
        self.ahead.start += length;
        self.position.offset += length as u64;
        self.position.line += 1;
    }

    fn damaged(&self, fault: ParseFault) -> Error {
        let RecordPosition { line, offset } = self.position;
        Error::Damaged { path: self.path.clone(), line, offset, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns at most `most` bytes per read, and an interrupt before each read.
    struct SlowReader<'file> {
        rest: &'file [u8],
        most: usize,
        is_interrupted: bool,
    }

    impl Read for SlowReader<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = buffer.len().min(self.most);
            self.rest.read(&mut buffer[..length])
        }
    }

    /// The number of a row, the length of its line, and the position of the line.
    type Seen = (u64, usize, RecordPosition);

    fn all(file: impl Read) -> Result<(Vec<Seen>, Tail), String> {
        let mut records = Records::with_most_lost("in.result.csv".as_ref(), file, 0);
        let mut all = Vec::new();
        while let Some(record) = records.next_record().map_err(|error| error.to_string())? {
            all.push((record.row(), record.text.len() + 1, record.position()));
        }
        assert!(records.next_record().unwrap().is_none(), "the end stays the end");
        Ok((all, records.tail()))
    }

    fn file(errors: &[usize], tail: &str) -> Vec<u8> {
        let mut file = HEADER.to_owned();
        for (index, length) in errors.iter().enumerate() {
            let (row, error) = (index + 1, "e".repeat(*length));
            let line = row + 1;
            file +=
                &format!("{row},{line},7,,failed,,0,0,2026-11-23T01:30:01.061Z,{error},eb265bfa80c45b6d\n");
        }
        file += tail;
        file.into_bytes()
    }

    #[test]
    fn the_longest_line_is_read_and_a_longer_one_is_damage() {
        let fixed = file(&[0], "").len() - HEADER.len();
        for before in [0, 7, 200_000 - HEADER.len()] {
            let whole = file(&[before.min(60_000), before.min(60_000), LONGEST_LINE - fixed, 3], "");
            let (read, tail) = all(whole.as_slice()).unwrap();
            assert_eq!((read.len(), read[2].1, tail.torn), (4, LONGEST_LINE, 0));
            assert_eq!(read[3].2.offset, tail.whole - fixed as u64 - 3);
        }
        let error = all(file(&[0, LONGEST_LINE - fixed + 1], "").as_slice()).unwrap_err();
        assert!(error.contains("line 3") && error.contains("longer than any record"), "{error}");
    }

    proptest! {
        #[test]
        fn the_records_do_not_depend_on_the_size_of_the_reads(
            errors in proptest::collection::vec(prop_oneof![0_usize..40, 30_000_usize..66_000], 0..8),
            tail in prop_oneof![Just(String::new()), "[0-9,\n\"]{1,30}", (60_000_usize..300_000).prop_map(|length| "0".repeat(length))],
            cut in any::<prop::sample::Index>(),
            most in prop_oneof![1_usize..9, 4_000_usize..100_000],
        ) {
            let mut file = file(&errors, &tail);
            file.truncate(cut.index(file.len() * 2).min(file.len()));
            let slow = SlowReader { rest: &file, most, is_interrupted: false };
            prop_assert_eq!(all(slow), all(file.as_slice()));
        }
    }
}
