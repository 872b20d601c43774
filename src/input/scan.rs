//! One record of a CSV, field by field, with its quotes held to RFC 4180.

use super::lines::LineEnd;
use super::quotes;
use std::ops::Range;

/// Where the record read last lies.
#[derive(Default)]
pub(super) struct Current {
    pub(super) text: Range<usize>,
    pub(super) line: u64,
    pub(super) last_line: u64,
    pub(super) line_end: LineEnd,
    pub(super) is_well_quoted: bool,
    pub(super) fields: Vec<Range<usize>>,
    /// Which of the fields hold doubled quotes.
    pub(super) doubled: Vec<usize>,
}

/// Where a record ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// Behind this many bytes.
    Behind(usize),
    /// Not within what is there; the field that is open begins here.
    Unknown { field: usize },
}

/// Goes through one record, field by field.
pub(super) struct Scan<'buffer> {
    pub(super) bytes: &'buffer [u8],
    pub(super) has_ended: bool,
    pub(super) delimiter: u8,
    pub(super) current: &'buffer mut Current,
}

impl Scan<'_> {
    pub(super) fn record(&mut self) -> End {
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
        let Some((length, has_doubled)) = quotes::quoted(&self.bytes[start..]) else {
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
        if has_doubled {
            self.current.doubled.push(self.current.fields.len());
        }
        self.current.fields.push(start + 1..end - 1);
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
