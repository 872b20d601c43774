//! The records of a CSV (RFC 4180). [csv-core](https://docs.rs/csv-core), the engine of the `csv` crate, divides the text into
//! records and cells. It accepts any quoting, knows no physical lines and has no limits, so this reader keeps the text of
//! the record and judges on its bytes: strict quotes, lines, line ends, and limits that stop at a quote which is never
//! closed. Where the text is well formed, the cells are those of the `csv` crate: the tests compare them.

use super::limits::{Limit, Limits, TooLong};
use super::lines::{self, LineEnd, LineEnds};
use super::record::Record;
use super::written::{WrittenFields, is_well_quoted};
use csv_core::ReadRecordResult;
use std::io::{self, Read};
use std::ops::Range;

/// The bytes that are read at a time.
const BUFFER: usize = 64 * 1024;

/// The longest record, in fields of the greatest length.
const FIELDS_A_RECORD: usize = 4;

/// Why there is no next record.
#[derive(Debug)]
pub enum Fault {
    /// The source failed.
    Io(io::Error),
    /// A field or record exceeds its limit.
    TooLong(TooLong),
}

/// Reads records. Its buffers grow to the longest record.
pub struct Records<R> {
    source: R,
    engine: csv_core::Reader,
    delimiter: u8,
    limits: Limits,
    buffer: Vec<u8>,
    /// The bytes that are read and not yet passed: `buffer[start..end]`.
    start: usize,
    end: usize,
    has_ended: bool,
    /// The line of `buffer[start]`, from 1.
    line: u64,
    /// Whether the byte before was a CR: an LF then ends no further line.
    after_cr: bool,
    current: Current,
    /// The cells of the record read last, and where each of them ends; both are longer than the record.
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// The line end of the record before `current`.
    line_end_before: LineEnd,
    /// The line ends of all records before `current`.
    line_ends: LineEnds,
    /// Whether each record must end in a CRLF.
    demands_crlf: bool,
    /// Whether a record is given only once its line end is read whole.
    awaits_line_end: bool,
}

/// The record read last.
#[derive(Default)]
struct Current {
    /// Its text in the buffer, without the line end.
    text: Range<usize>,
    fields: usize,
    line: u64,
    last_line: u64,
    line_end: LineEnd,
    is_well_quoted: bool,
}

impl<R: Read> Records<R> {
    pub fn new(source: R, delimiter: u8, limits: Limits) -> Self {
        let mut engine = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        // csv-core drops a byte order mark at its first call, unless it arrives in pieces. The marks are dropped when
        // the encoding is found; a further one is part of the text.
        engine.read_record(b"\n", &mut [0], &mut [0]);
        Records {
            source,
            engine,
            delimiter,
            limits,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            has_ended: false,
            line: 1,
            after_cr: false,
            current: Current::default(),
            cells: vec![0; BUFFER],
            ends: vec![0; 64],
            line_end_before: LineEnd::Missing,
            line_ends: LineEnds::default(),
            demands_crlf: false,
            awaits_line_end: true,
        }
    }

    /// Passes lines, whatever they hold: fewer where the input ends.
    pub fn skip_lines(&mut self, lines: u64) -> io::Result<()> {
        let first = self.line.saturating_add(lines);
        loop {
            while self.start < self.end {
                let byte = self.buffer[self.start];
                if self.line == first && !(self.after_cr && byte == b'\n') {
                    return Ok(());
                }
                self.count_line(byte);
                self.start += 1;
            }
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// The record read last.
    pub fn record(&self) -> Record<'_> {
        let ends = &self.ends[..self.current.fields];
        Record {
            text: &self.buffer[self.current.text.clone()],
            delimiter: self.delimiter,
            cells: &self.cells[..ends.last().copied().unwrap_or(0)],
            ends,
        }
    }

    /// The line on which the record read last begins.
    pub fn line(&self) -> u64 {
        self.current.line
    }

    /// The line on which the record read last ends.
    pub fn last_line(&self) -> u64 {
        self.current.last_line
    }

    /// Whether the record read last begins with a quote.
    pub fn is_quoted(&self) -> bool {
        self.record().text().first() == Some(&b'"')
    }

    /// The line behind all records so far.
    pub fn reached(&self) -> u64 {
        self.line
    }

    /// Whether every quote of the record read last encloses a whole field or is doubled in one (RFC 4180, section
    /// 2, rules 5 to 7). If not, its cells are a guess and must not be sent.
    pub fn is_well_quoted(&self) -> bool {
        self.current.is_well_quoted
    }

    /// The line end of the record read last. A CR of a stream may be the first half of a CRLF unless each record must end in one.
    pub fn line_end(&self) -> LineEnd {
        self.current.line_end
    }

    /// Whether the records before the record read last have different line ends.
    pub fn has_mixed_line_ends(&self) -> bool {
        self.line_ends.are_mixed()
    }

    /// Sets whether each record from here on must end in a CRLF. If not, a CR ends a record at once: the next byte of a slow
    /// stream may come late.
    pub fn demand_crlf(&mut self, demands_crlf: bool) {
        (self.demands_crlf, self.awaits_line_end) = (demands_crlf, demands_crlf);
        (self.line_end_before, self.line_ends) = (LineEnd::Missing, LineEnds::default());
    }

    /// Whether each record must end in a CRLF.
    pub fn demands_crlf(&self) -> bool {
        self.demands_crlf
    }

    /// Whether a lone LF or CR precedes or follows the record read last, where each record must end in a CRLF: most likely a
    /// line break of a value that is not in quotes.
    pub fn is_broken(&self) -> bool {
        self.demands_crlf && (self.current.line_end.is_bare() || self.line_end_before.is_bare())
    }

    /// Treats the record read last as a blank line: the line end before it precedes the next record too.
    pub fn pass_over(&mut self) {
        if self.line_end_before.is_bare() {
            self.current.line_end = self.line_end_before;
        }
    }

    /// Reads the next record; `false` at the end. Blank lines are no records. Nothing comes behind an error.
    pub fn advance(&mut self) -> Result<bool, Fault> {
        let found = self.find();
        if found.is_err() {
            (self.has_ended, self.start) = (true, self.end);
            self.current.fields = 0;
        }
        found
    }

    fn find(&mut self) -> Result<bool, Fault> {
        let is_more = self.skip_line_ends().map_err(Fault::Io)?;
        self.line_end_before = std::mem::take(&mut self.current.line_end);
        self.line_ends.add(self.line_end_before);
        if !is_more {
            return Ok(false);
        }
        let length = self.divide()?;
        let is_cut = self.start + length + 1 == self.end && self.buffer[self.end - 1] == b'\r';
        if is_cut && self.awaits_line_end {
            self.fill().map_err(Fault::Io)?;
        }
        self.take(length).map_err(Fault::TooLong)?;
        Ok(true)
    }

    /// Divides the record that begins the buffer into cells, and returns its length without the line end.
    fn divide(&mut self) -> Result<usize, Fault> {
        let (mut length, mut written, mut checked) = (0, 0, 0);
        self.current.fields = 0;
        loop {
            let unread = &self.buffer[self.start + length..self.end];
            let is_at_end = unread.is_empty();
            // An empty input is the end of the CSV to csv-core.
            if is_at_end && self.fill().map_err(Fault::Io)? {
                continue;
            }
            let (result, read, copied, ended) = self.engine.read_record(
                &self.buffer[self.start + length..self.end],
                &mut self.cells[written..],
                &mut self.ends[self.current.fields..],
            );
            length += read;
            written += copied;
            self.current.fields += ended;
            match result {
                // csv-core returns at the LF or at the CR.
                ReadRecordResult::Record => return Ok(length - usize::from(!is_at_end)),
                ReadRecordResult::End => return Ok(length),
                ReadRecordResult::OutputFull => self.cells.resize(2 * self.cells.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                // Checked whenever it has doubled, so that a slow stream costs no more than a fast one.
                ReadRecordResult::InputEmpty if length >= 2 * checked => {
                    checked = length;
                    self.lines_within_limits(length).map_err(Fault::TooLong)?;
                }
                ReadRecordResult::InputEmpty => {}
            }
        }
    }

    fn skip_line_ends(&mut self) -> io::Result<bool> {
        let mut is_behind_record = true;
        loop {
            while self.start < self.end {
                let byte = self.buffer[self.start];
                if byte == b'\n' && self.after_cr && is_behind_record && !self.awaits_line_end {
                    self.current.line_end = LineEnd::CrLf;
                }
                is_behind_record = false;
                self.count_line(byte);
                if !matches!(byte, b'\r' | b'\n') {
                    return Ok(true);
                }
                self.start += 1;
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// Counts the line that this byte ends, if it ends one.
    fn count_line(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\r' || byte == b'\n' && !self.after_cr);
        self.after_cr = byte == b'\r';
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

    /// The lines that end in the first `length` bytes of the record, if its fields keep to the limits.
    fn lines_within_limits(&self, length: usize) -> Result<u64, TooLong> {
        let text = &self.buffer[self.start..self.start + length];
        let lines = lines::ended(text);
        if length <= self.limits.bytes && lines < self.limits.lines {
            return Ok(lines);
        }
        for (index, Range { start, end }) in WrittenFields::new(text, self.delimiter).enumerate() {
            let limit = if end - start > self.limits.bytes {
                Limit::Bytes(self.limits.bytes)
            } else if lines::ended(&text[start..end]) >= self.limits.lines {
                Limit::Lines(self.limits.lines)
            } else {
                continue;
            };
            let line = self.line + lines::ended(&text[..start]);
            return Err(TooLong { line, column: Some(index + 1), limit, is_padding: text[start] == 0 });
        }
        let most = self.limits.bytes.saturating_mul(FIELDS_A_RECORD);
        if length > most {
            let is_padding = text[0] == 0;
            return Err(TooLong { line: self.line, column: None, limit: Limit::Bytes(most), is_padding });
        }
        Ok(lines)
    }

    /// Passes the record of this length, and its line end as far as it is read.
    fn take(&mut self, length: usize) -> Result<(), TooLong> {
        let end = self.start + length;
        let text = &self.buffer[self.start..end];
        let has_quote = memchr::memchr(b'"', text).is_some();
        // Only quotes enclose line ends.
        let is_within_limits = !has_quote && length <= self.limits.bytes;
        let lines = if is_within_limits { 0 } else { self.lines_within_limits(length)? };
        self.current.is_well_quoted = is_well_quoted(text, self.delimiter);
        self.current.text = self.start..end;
        self.current.line = self.line;
        self.current.last_line = self.line + lines;
        self.current.line_end = LineEnd::of(&self.buffer[end..self.end]);
        self.line = self.current.last_line;
        self.start = end;
        if end < self.end {
            self.after_cr = self.buffer[end] == b'\r';
            self.line += 1;
            self.start += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
