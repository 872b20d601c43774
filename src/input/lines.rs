//! Physical line numbers. The `csv` crate counts line feeds up to where its parser stands, which is one line
//! early after CRLF, counts nothing for CR alone and takes the blank line before a record for its start. So the
//! bytes are watched on their way into the parser, and the parser's byte offsets are looked up here.

use std::io::{self, Read};

/// A reader that knows which line a byte offset lies on.
pub(super) struct LineCounter<R> {
    inner: R,
    /// What was read and not yet passed by a look-up.
    kept: Vec<u8>,
    /// How much of `kept` was passed.
    passed: usize,
    /// The byte offset of `kept[passed]` in the whole.
    offset: u64,
    /// The line of `kept[passed]`, from 1.
    line: u64,
    /// Whether the byte before was a CR, so that an LF ends no further line.
    after_cr: bool,
    /// How long one record may be.
    limit: usize,
}

impl<R> LineCounter<R> {
    /// Counts from line 1. Reading fails once `limit` bytes went by without a look-up: the record is endless.
    pub(super) fn new(inner: R, limit: usize) -> Self {
        LineCounter { inner, kept: Vec::new(), passed: 0, offset: 0, line: 1, after_cr: false, limit }
    }

    /// The line of the first byte at or after `offset` that does not end a line. Offsets only grow.
    pub(super) fn line_at(&mut self, offset: u64) -> u64 {
        let ahead = usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let end = self.passed.saturating_add(ahead).min(self.kept.len());
        self.pass(end);
        let rest = &self.kept[end..];
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.pass(end + blank);
        self.line
    }

    /// The bytes from the last look-up to the byte offset `end`: one record with what ends it.
    pub(super) fn record(&self, end: u64) -> &[u8] {
        let length = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let end = self.passed.saturating_add(length).min(self.kept.len());
        &self.kept[self.passed..end]
    }

    fn pass(&mut self, end: usize) {
        let mut start = self.passed;
        while let Some(found) = memchr::memchr2(b'\r', b'\n', &self.kept[start..end]) {
            let at = start + found;
            let is_lf = self.kept[at] == b'\n';
            let ends_crlf = is_lf && self.after_cr && at == start;
            self.line += u64::from(!ends_crlf);
            self.after_cr = !is_lf;
            start = at + 1;
        }
        if start < end {
            self.after_cr = false;
        }
        self.offset += (end - self.passed) as u64;
        self.passed = end;
    }
}

/// Marks the error of a record beyond the limit among the reader's own errors.
#[derive(Debug, thiserror::Error)]
#[error("endless record")]
pub(super) struct EndlessRecord;

impl<R: Read> Read for LineCounter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.kept.drain(..self.passed);
        self.passed = 0;
        if self.kept.len() > self.limit {
            return Err(io::Error::other(EndlessRecord));
        }
        let read = self.inner.read(buffer)?;
        self.kept.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_line_end_counts_once() {
        let mut counter = LineCounter::new(&b"a\r\nb\rc\n\n\r\nd"[..], 1000);
        io::copy(&mut counter, &mut io::sink()).unwrap();
        assert_eq!(counter.line_at(0), 1);
        // From the LF of the CRLF, where the csv parser believes the second record to begin.
        assert_eq!(counter.line_at(2), 2);
        assert_eq!(counter.line_at(5), 3);
        // Over two blank lines.
        assert_eq!(counter.line_at(7), 6);
    }

    proptest! {
        #[test]
        fn it_agrees_with_counting_from_the_start(text in "[a\r\n]{0,60}", chunk in 1_usize..7) {
            let bytes = text.as_bytes();
            let mut counter = LineCounter::new(bytes, 1000);
            let mut buffer = vec![0; chunk];
            while counter.read(&mut buffer).unwrap() > 0 {}
            let mut line = 1;
            for (offset, byte) in bytes.iter().enumerate() {
                if *byte == b'a' {
                    prop_assert_eq!(counter.line_at(offset as u64), line);
                } else if *byte == b'\r' || offset == 0 || bytes[offset - 1] != b'\r' {
                    line += 1;
                }
            }
        }
    }

    #[test]
    fn a_record_without_end_is_stopped() {
        let mut counter = LineCounter::new(io::repeat(b'x'), 10_000);
        let error = io::copy(&mut counter, &mut io::sink()).unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<EndlessRecord>()));
    }
}
