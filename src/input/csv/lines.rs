//! Physical lines: LF, CRLF and CR alone each end one.

/// The line end behind a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// The end of the input, or there is no record yet.
    #[default]
    Missing,
    Lf,
    CrLf,
    Cr,
}

impl LineEnd {
    /// The line end with which `rest` begins: the bytes behind a record.
    pub fn of(rest: &[u8]) -> LineEnd {
        match rest {
            [] => LineEnd::Missing,
            [b'\r', b'\n', ..] => LineEnd::CrLf,
            [b'\r', ..] => LineEnd::Cr,
            [..] => LineEnd::Lf,
        }
    }

    /// Whether it is only half of a CRLF.
    pub fn is_bare(self) -> bool {
        matches!(self, LineEnd::Lf | LineEnd::Cr)
    }
}

/// The line ends of several records.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineEnds {
    has_lf: bool,
    has_crlf: bool,
    has_cr: bool,
}

impl LineEnds {
    pub fn add(&mut self, end: LineEnd) {
        match end {
            LineEnd::Missing => {}
            LineEnd::Lf => self.has_lf = true,
            LineEnd::CrLf => self.has_crlf = true,
            LineEnd::Cr => self.has_cr = true,
        }
    }

    pub fn are_mixed(self) -> bool {
        u8::from(self.has_lf) + u8::from(self.has_crlf) + u8::from(self.has_cr) > 1
    }
}

/// The text behind its first lines.
pub fn behind_lines(text: &str, lines: u64) -> &str {
    let mut rest = text;
    for _ in 0..lines {
        let Some(at) = rest.find(['\r', '\n']) else { return "" };
        let end = if rest[at..].starts_with("\r\n") { at + 2 } else { at + 1 };
        rest = &rest[end..];
    }
    rest
}

/// Counts the lines that end in `text`. A CRLF that is cut in two counts with its CR.
pub fn ended(text: &[u8]) -> u64 {
    let mut count = 0;
    let mut behind_cr = None;
    for at in memchr::memchr2_iter(b'\r', b'\n', text) {
        let is_lf = text[at] == b'\n';
        count += u64::from(!(is_lf && behind_cr == Some(at)));
        behind_cr = (!is_lf).then_some(at + 1);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_line_end_counts_once() {
        assert_eq!(ended(b"a\r\nb\rc\n\n\r\nd"), 5);
        assert_eq!(ended(b"\n\r"), 2);
        assert_eq!(ended(b"a"), 0);
    }

    proptest! {
        #[test]
        fn it_agrees_with_ends_made_one_by_one(text in "[a\r\n]{0,60}") {
            let plain = text.replace("\r\n", "\n").replace('\r', "\n");
            let lines = plain.matches('\n').count() as u64;
            prop_assert_eq!(ended(text.as_bytes()), lines);
            for skipped in 0..lines + 2 {
                prop_assert_eq!(ended(behind_lines(&text, skipped).as_bytes()), lines.saturating_sub(skipped));
            }
        }
    }
}
