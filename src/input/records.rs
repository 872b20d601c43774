//! The records of a CSV as RFC 4180 has them, read from a buffer of our own. The `csv` crate takes every text for a
//! record, tells neither the physical line nor where in the text a field began, and cannot be held to a field's
//! length, so that a quote which is opened and not closed would send all that lies behind as one value. Here quotes
//! are strict, lines are counted, fields are limited; where the text is well formed, the fields are those of the
//! `csv` crate, which is the measure in the tests below.

use super::limits::{Limit, Limits, TooLong};
use super::lines::{self, LineEnd, LineEnds};
use super::plain::Plain;
use super::record::Record;
use super::scan::{Current, End, Scan};
use super::simple::divide;
use std::io::{self, Read};

/// How much is read at a time, in bytes.
const BUFFER: usize = 64 * 1024;

/// A record may be as long as this many of the longest fields.
const FIELDS_A_RECORD: usize = 4;

/// Why there is no next record.
#[derive(Debug)]
pub(super) enum Fault {
    /// The source failed.
    Io(io::Error),
    /// Something never seems to end.
    TooLong(TooLong),
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
    /// How the record before `current` ends.
    line_end_before: LineEnd,
    /// Those of all records before `current`.
    line_ends: LineEnds,
    /// Whether each record must end in a CRLF.
    demands_crlf: bool,
    /// Whether the end of a record is read whole before the record is given.
    awaits_line_end: bool,
    plain: Plain,
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
            line_end_before: LineEnd::Missing,
            line_ends: LineEnds::default(),
            demands_crlf: false,
            awaits_line_end: true,
            plain: Plain::default(),
        }
    }

    /// Passes lines, whatever they hold: fewer where the input ends.
    pub(super) fn skip_lines(&mut self, lines: u64) -> io::Result<()> {
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

    /// Whether the record read last is known to be UTF-8 without a NUL. One that is both may not be known to be.
    pub(super) fn is_plain(&self) -> bool {
        self.plain.covers(&self.current.text)
    }

    /// How the record read last ends. A CR of a stream may be the first half of a CRLF unless each record must end in one.
    pub(super) fn line_end(&self) -> LineEnd {
        self.current.line_end
    }

    /// Whether records have ended in different ways, that of the record read last aside.
    pub(super) fn has_mixed_line_ends(&self) -> bool {
        self.line_ends.are_mixed()
    }

    /// Whether each record from here on must end in a CRLF. Where not, the next byte of a slow stream is not waited for
    /// behind a CR.
    pub(super) fn demand_crlf(&mut self, demands_crlf: bool) {
        (self.demands_crlf, self.awaits_line_end) = (demands_crlf, demands_crlf);
        (self.line_end_before, self.line_ends) = (LineEnd::Missing, LineEnds::default());
    }

    /// Whether each record must end in a CRLF.
    pub(super) fn demands_crlf(&self) -> bool {
        self.demands_crlf
    }

    /// Whether the record read last stands on one of the sides of a lone LF or CR where each record must end in a CRLF:
    /// most likely a line break of a value that is not in quotes.
    pub(super) fn is_broken(&self) -> bool {
        self.demands_crlf && (self.current.line_end.is_bare() || self.line_end_before.is_bare())
    }

    /// Takes the record read last for a blank line: the next one stands beside the line end before it too.
    pub(super) fn pass_over(&mut self) {
        if self.line_end_before.is_bare() {
            self.current.line_end = self.line_end_before;
        }
    }

    /// Reads the next record; `false` at the end. Blank lines are none. Nothing comes behind an error.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        let found = self.find();
        if found.is_err() {
            (self.has_ended, self.start) = (true, self.end);
            // Those of a record that was not passed lie beyond the text of the one before.
            self.current.fields.clear();
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
        loop {
            if let Some(length) = self.scan().map_err(Fault::TooLong)? {
                let is_cut = self.start + length + 1 == self.end && self.buffer[self.end - 1] == b'\r';
                if is_cut && self.awaits_line_end {
                    self.fill().map_err(Fault::Io)?;
                }
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
            self.plain.move_down(self.start);
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
        self.plain.extend(&self.buffer[..self.end], self.start);
        Ok(read > 0)
    }

    /// Finds the fields of the record that begins the buffer, and its length without the line end. `None`: its end
    /// has not come yet.
    fn scan(&mut self) -> Result<Option<usize>, TooLong> {
        let bytes = &self.buffer[self.start..self.end];
        self.current.fields.clear();
        self.current.doubled.clear();
        self.current.is_well_quoted = true;
        let Current { fields, doubled, .. } = &mut self.current;
        let simple = divide(bytes, self.delimiter, self.has_ended, fields, doubled);
        // The common case, and so short that no field can be too long.
        if let Some(length) = simple.filter(|length| *length <= self.limits.bytes) {
            (self.current.line, self.current.last_line) = (self.line, self.line);
            return Ok(Some(length));
        }
        self.current.fields.clear();
        self.current.doubled.clear();
        let mut scan =
            Scan { bytes, has_ended: self.has_ended, delimiter: self.delimiter, current: &mut self.current };
        let end = scan.record();
        let lines = self.lines_within_limits(end)?;
        (self.current.line, self.current.last_line) = (self.line, self.line + lines);
        Ok(match end {
            End::Behind(length) => Some(length),
            End::Unknown { .. } => None,
        })
    }

    /// How many lines end in the record, as far as it is there, if it keeps to the limits.
    fn lines_within_limits(&self, end: End) -> Result<u64, TooLong> {
        let bytes = &self.buffer[self.start..self.end];
        let (length, open) = match end {
            End::Behind(length) => (length, None),
            End::Unknown { field } => (bytes.len(), Some(field..bytes.len())),
        };
        let lines = lines::ended(&bytes[..length]);
        let (is_long, is_tall) = (length > self.limits.bytes, lines >= self.limits.lines);
        if !is_long && !is_tall {
            return Ok(lines);
        }
        for (index, field) in self.current.fields.iter().cloned().chain(open).enumerate() {
            let too_long = |limit| TooLong {
                line: self.line + lines::ended(&bytes[..field.start]),
                column: Some(index + 1),
                limit,
                is_padding: bytes[field.start] == 0,
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
            let is_padding = bytes[0] == 0;
            return Err(TooLong { line: self.line, column: None, limit: Limit::Bytes(most), is_padding });
        }
        Ok(lines)
    }

    /// Passes the record that was found, and its line end as far as it is there.
    fn take(&mut self, length: usize) {
        let end = self.start + length;
        self.current.text = self.start..end;
        // Where quotes are not where they must be, the text is more than its fields.
        if self.current.is_well_quoted {
            for index in self.current.doubled.drain(..) {
                let field = &mut self.current.fields[index];
                let text = &mut self.buffer[self.start..end][field.clone()];
                let kept = undouble(text);
                // As many characters as before, for the places of those behind it.
                text[kept..].fill(b'"');
                field.end = field.start + kept;
            }
        }
        self.line = self.current.last_line;
        self.current.line_end = LineEnd::of(&self.buffer[end..self.end]);
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

#[cfg(test)]
mod tests;
