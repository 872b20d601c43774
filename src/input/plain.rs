//! Which part of a buffer is known to be UTF-8 without a NUL: found out once for all that was read, which is several
//! times as fast as record by record.

use std::ops::Range;

/// What is known of a buffer that is filled at its end and emptied at its start.
#[derive(Default)]
pub(super) struct Plain {
    known: Range<usize>,
    /// Whether the byte at the end of `known` is no text, rather than the next one not there yet.
    is_stopped: bool,
}

impl Plain {
    /// Whether all of this is known.
    pub(super) fn covers(&self, part: &Range<usize>) -> bool {
        self.known.start <= part.start && part.end <= self.known.end
    }

    /// Bytes were added to `buffer`; what stands before `start` is of no use any more, and a record begins there.
    pub(super) fn extend(&mut self, buffer: &[u8], start: usize) {
        if self.is_stopped && start <= self.known.end {
            return;
        }
        // Behind a fault, it begins anew with the first record there.
        if self.is_stopped {
            (self.known, self.is_stopped) = (start..start, false);
        }
        let unknown = &buffer[self.known.end..];
        let (mut length, mut is_stopped) = match simdutf8::compat::from_utf8(unknown) {
            Ok(_) => (unknown.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some()),
        };
        if let Some(at) = memchr::memchr(0, &unknown[..length]) {
            (length, is_stopped) = (at, true);
        }
        self.known.end += length;
        self.is_stopped = is_stopped;
    }

    /// The buffer's first bytes were dropped.
    pub(super) fn move_down(&mut self, by: usize) {
        self.known = self.known.start.saturating_sub(by)..self.known.end.saturating_sub(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_ends_before_what_is_no_text_and_begins_anew_behind_it() {
        let mut plain = Plain::default();
        plain.extend(b"ab\n\xffc\nd\xc3", 0);
        assert!(plain.covers(&(0..2)) && !plain.covers(&(3..5)) && !plain.covers(&(6..7)));
        plain.extend(b"ab\n\xffc\nd\xc3\xa9\n", 6);
        assert!(plain.covers(&(6..9)) && !plain.covers(&(3..5)));
        plain.move_down(6);
        assert!(plain.covers(&(0..3)));
        plain.extend("d\u{e9}\na\0".as_bytes(), 4);
        assert!(plain.covers(&(4..5)) && !plain.covers(&(4..6)));
    }

    proptest! {
        /// However the bytes come, nothing is known that does not hold.
        #[test]
        fn what_is_known_is_text(
            lines in proptest::collection::vec(
                proptest::string::bytes_regex("(?s-u:[a-c]|\\xc3\\xa9|\\xc3|\\x00|\\xff){0,6}\n").unwrap(), 1..12),
            step in 1..9_usize,
        ) {
            let text = lines.concat();
            let (mut plain, mut buffer, mut start) = (Plain::default(), Vec::new(), 0);
            for chunk in text.chunks(step) {
                buffer.extend_from_slice(chunk);
                plain.extend(&buffer, start);
                while let Some(length) = memchr::memchr(b'\n', &buffer[start..]) {
                    let line = start..start + length;
                    if plain.covers(&line) {
                        let known = std::str::from_utf8(&buffer[line]);
                        prop_assert!(known.is_ok_and(|known| !known.contains('\0')));
                    }
                    start += length + 1;
                }
                plain.move_down(start);
                buffer.drain(..start);
                start = 0;
            }
        }
    }
}
