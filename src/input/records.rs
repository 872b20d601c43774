//! The records of a CSV as RFC 4180 has them, read from a buffer of our own. The `csv` crate takes every text for a
//! record, tells neither the physical line nor where in the text a field began, and cannot be held to a field's
//! length, so that a quote which is opened and not closed would send all that lies behind as one value. Here quotes
//! are strict, lines are counted, fields are limited; where the text is well formed, the fields are those of the
//! `csv` crate, which is the measure in the tests below.

use super::{lines, quotes};
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

/// How much is read at a time, in bytes.
const BUFFER: usize = 64 * 1024;

/// A record may be as long as this many of the longest fields.
const FIELDS_A_RECORD: usize = 4;

/// How long a field may be: far above any customer, far below what a quote that is never closed would swallow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest field in bytes, its quotes included.
    pub bytes: usize,
    /// The most lines a field may span.
    pub lines: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 1024 * 1024, lines: 100 }
    }
}

/// Why there is no next record.
#[derive(Debug)]
pub(super) enum Fault {
    /// The source failed.
    Io(io::Error),
    /// Something never seems to end.
    TooLong(TooLong),
}

/// A field or record beyond the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong {
    /// The line on which it begins.
    pub line: u64,
    /// The column of the field, from 1; none if it is the record as a whole.
    pub column: Option<usize>,
    /// The limit it breaks.
    pub limit: Limit,
}

impl fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLong { line, column, limit } = self;
        match column {
            Some(column) => write!(formatter, "line {line}: column {column}: the field that begins here ")?,
            None => write!(formatter, "line {line}: the record that begins here ")?,
        }
        let option = match limit {
            Limit::Bytes(most) => {
                write!(formatter, "is longer than {most} bytes")?;
                "--max-field-size"
            }
            Limit::Lines(most) => {
                write!(formatter, "spans more than {most} lines")?;
                "--max-field-lines"
            }
        };
        write!(
            formatter,
            ": most likely a quote is opened there and not closed. Close it or double it. If the text is meant to be so \
             long, raise {option}"
        )
    }
}

/// A limit of a field or a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// In bytes.
    Bytes(usize),
    /// In lines.
    Lines(u64),
}

/// The record read last, as it lies in the buffer.
#[derive(Clone, Copy)]
pub(super) struct Record<'buffer> {
    text: &'buffer [u8],
    fields: &'buffer [Range<usize>],
}

impl<'buffer> Record<'buffer> {
    /// How many fields it has: at least one.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Its fields, without the quotes around them.
    pub(super) fn iter(self) -> impl Iterator<Item = &'buffer [u8]> {
        self.fields.iter().map(move |field| &self.text[field.clone()])
    }
}

/// Reads records. Holds one buffer, which grows to the longest record.
pub(super) struct Records<R> {
    source: R,
    delimiter: u8,
    limits: Limits,
    buffer: Vec<u8>,
    /// What is read and not yet passed: `buffer[start..end]`.
    start: usize,
    end: usize,
    has_ended: bool,
    /// The line of `buffer[start]`, from 1.
    line: u64,
    /// Whether the byte before was a CR, so that an LF ends no further line.
    after_cr: bool,
    current: Current,
}

/// Where the record read last lies.
#[derive(Default)]
struct Current {
    text: Range<usize>,
    line: u64,
    last_line: u64,
    is_well_quoted: bool,
    fields: Vec<Range<usize>>,
    /// Which of the fields hold doubled quotes.
    doubled: Vec<usize>,
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: R, delimiter: u8, limits: Limits) -> Self {
        Records {
            source,
            delimiter,
            limits,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            has_ended: false,
            line: 1,
            after_cr: false,
            current: Current::default(),
        }
    }

    /// The record read last.
    pub(super) fn record(&self) -> Record<'_> {
        Record { text: &self.buffer[self.current.text.clone()], fields: &self.current.fields }
    }

    /// The line on which the record read last begins.
    pub(super) fn line(&self) -> u64 {
        self.current.line
    }

    /// The line on which the record read last ends.
    pub(super) fn last_line(&self) -> u64 {
        self.current.last_line
    }

    /// Whether the record read last begins with a quote.
    pub(super) fn is_quoted(&self) -> bool {
        self.current.fields.first().is_some_and(|field| field.start > 0)
    }

    /// How far it was read: the line behind all records so far.
    pub(super) fn reached(&self) -> u64 {
        self.line
    }

    /// Whether every quote of the record read last encloses a whole field or is doubled in one (RFC 4180, section
    /// 2, rules 5 to 7). Where not, its fields are those of a lenient reader and not to be trusted.
    pub(super) fn is_well_quoted(&self) -> bool {
        self.current.is_well_quoted
    }

    /// Reads the next record; `false` at the end. Blank lines are none. Nothing comes behind an error.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        let found = self.find();
        if found.is_err() {
            (self.has_ended, self.start) = (true, self.end);
        }
        found
    }

    fn find(&mut self) -> Result<bool, Fault> {
        if !self.skip_line_ends().map_err(Fault::Io)? {
            return Ok(false);
        }
        loop {
            if let Some(length) = self.scan().map_err(Fault::TooLong)? {
                self.take(length);
                return Ok(true);
            }
            // Not scanned anew for every few bytes: only a line end can end a record.
            let scanned = self.end - self.start;
            loop {
                let is_more = self.fill().map_err(Fault::Io)?;
                let unseen = &self.buffer[self.start + scanned..self.end];
                if !is_more || unseen.len() >= scanned || memchr::memchr2(b'\r', b'\n', unseen).is_some() {
                    break;
                }
            }
        }
    }

    fn skip_line_ends(&mut self) -> io::Result<bool> {
        loop {
            while self.start < self.end {
                match self.buffer[self.start] {
                    b'\n' => {
                        self.line += u64::from(!self.after_cr);
                        self.after_cr = false;
                    }
                    b'\r' => {
                        self.line += 1;
                        self.after_cr = true;
                    }
                    _ => {
                        self.after_cr = false;
                        return Ok(true);
                    }
                }
                self.start += 1;
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// Reads once more into the buffer; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end > self.buffer.len() / 2 {
                self.buffer.resize(2 * self.buffer.len(), 0);
            }
        }
        let read = loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += read;
        self.has_ended = read == 0;
        Ok(read > 0)
    }

    /// Finds the fields of the record that begins the buffer, and its length without the line end. `None`: its end
    /// has not come yet.
    fn scan(&mut self) -> Result<Option<usize>, TooLong> {
        let bytes = &self.buffer[self.start..self.end];
        self.current.fields.clear();
        self.current.doubled.clear();
        self.current.is_well_quoted = true;
        let plain = match memchr::memchr3(b'\n', b'\r', b'"', bytes) {
            Some(at) => (bytes[at] != b'"').then_some(at),
            None => self.has_ended.then_some(bytes.len()),
        };
        // The common case: no quote, and so short that no field can be too long.
        if let Some(length) = plain.filter(|length| *length <= self.limits.bytes) {
            let mut start = 0;
            for at in memchr::memchr_iter(self.delimiter, &bytes[..length]) {
                self.current.fields.push(start..at);
                start = at + 1;
            }
            self.current.fields.push(start..length);
            (self.current.line, self.current.last_line) = (self.line, self.line);
            return Ok(Some(length));
        }
        let mut scan =
            Scan { bytes, has_ended: self.has_ended, delimiter: self.delimiter, current: &mut self.current };
        let end = scan.record();
        self.hold_to_limits(end)?;
        let End::Behind(length) = end else {
            return Ok(None);
        };
        self.current.line = self.line;
        self.current.last_line = self.line + lines::ended(&bytes[..length]);
        Ok(Some(length))
    }

    fn hold_to_limits(&self, end: End) -> Result<(), TooLong> {
        let bytes = &self.buffer[self.start..self.end];
        let (length, open) = match end {
            End::Behind(length) => (length, None),
            End::Unknown { field } => (bytes.len(), Some(field..bytes.len())),
        };
        let is_long = length > self.limits.bytes;
        let is_tall = lines::ended(&bytes[..length]) >= self.limits.lines;
        if !is_long && !is_tall {
            return Ok(());
        }
        for (index, field) in self.current.fields.iter().cloned().chain(open).enumerate() {
            let too_long = |limit| TooLong {
                line: self.line + lines::ended(&bytes[..field.start]),
                column: Some(index + 1),
                limit,
            };
            if field.len() > self.limits.bytes {
                return Err(too_long(Limit::Bytes(self.limits.bytes)));
            }
            if is_tall && lines::ended(&bytes[field.clone()]) >= self.limits.lines {
                return Err(too_long(Limit::Lines(self.limits.lines)));
            }
        }
        let most = self.limits.bytes.saturating_mul(FIELDS_A_RECORD);
        if length > most {
            return Err(TooLong { line: self.line, column: None, limit: Limit::Bytes(most) });
        }
        Ok(())
    }

    /// Passes the record that was found, and its line end as far as it is there.
    fn take(&mut self, length: usize) {
        let end = self.start + length;
        self.current.text = self.start..end;
        for index in self.current.doubled.drain(..) {
            let field = &mut self.current.fields[index];
            let kept = undouble(&mut self.buffer[self.start..end][field.clone()]);
            field.end = field.start + kept;
        }
        self.line = self.current.last_line;
        self.start = end;
        if end < self.end {
            self.after_cr = self.buffer[end] == b'\r';
            self.line += 1;
            self.start += 1;
        }
    }
}

/// Makes one quote of two, in place; gives the new length.
fn undouble(field: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while from < field.len() {
        let length = memchr::memchr(b'"', &field[from..]).map_or(field.len() - from, |at| at + 1);
        field.copy_within(from..from + length, to);
        to += length;
        // The second quote of the pair is left out.
        from += length + 1;
    }
    to
}

/// Where a record ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Behind this many bytes.
    Behind(usize),
    /// Not within what is there; the field that is open begins here.
    Unknown { field: usize },
}

/// Goes through one record, field by field.
struct Scan<'buffer> {
    bytes: &'buffer [u8],
    has_ended: bool,
    delimiter: u8,
    current: &'buffer mut Current,
}

impl Scan<'_> {
    fn record(&mut self) -> End {
        let mut start = 0;
        loop {
            let end = if self.bytes.get(start) == Some(&b'"') {
                self.quoted(start)
            } else {
                self.plain(start, start)
            };
            let Some(end) = end else {
                return End::Unknown { field: start };
            };
            if self.bytes.get(end) != Some(&self.delimiter) {
                return End::Behind(end);
            }
            start = end + 1;
        }
    }

    /// The end of a field that begins with a quote.
    fn quoted(&mut self, start: usize) -> Option<usize> {
        let Some(length) = quotes::quoted_length(&self.bytes[start..]) else {
            if self.has_ended {
                self.current.is_well_quoted = false;
                self.current.fields.push(start..self.bytes.len());
            }
            return self.has_ended.then_some(self.bytes.len());
        };
        let end = start + length;
        match self.bytes.get(end) {
            // The next byte may be a second quote.
            None if !self.has_ended => return None,
            None | Some(b'\r' | b'\n') => {}
            Some(byte) if *byte == self.delimiter => {}
            Some(_) => {
                self.current.is_well_quoted = false;
                return self.plain(start, end);
            }
        }
        let inside = start + 1..end - 1;
        if memchr::memchr(b'"', &self.bytes[inside.clone()]).is_some() {
            self.current.doubled.push(self.current.fields.len());
        }
        self.current.fields.push(inside);
        Some(end)
    }

    /// The end of a field whose text goes on at `from` outside quotes.
    fn plain(&mut self, start: usize, from: usize) -> Option<usize> {
        let found = memchr::memchr3(self.delimiter, b'\r', b'\n', &self.bytes[from..]).map(|at| from + at);
        let end = found.or(self.has_ended.then_some(self.bytes.len()))?;
        if memchr::memchr(b'"', &self.bytes[from..end]).is_some() {
            self.current.is_well_quoted = false;
        }
        self.current.fields.push(start..end);
        Some(end)
    }
}

#[cfg(test)]
mod tests;
