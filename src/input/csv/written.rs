//! The fields of a record as they are written, quotes included: for strict quotes, for the limits on a field and for the
//! place of a value in the file. csv-core gives the cells without quotes and accepts any quoting.

use std::ops::Range;

/// Iterates over the fields of a record without its line end, or of its beginning: then the last field is still open. Each
/// is the range of its bytes in the record.
pub struct WrittenFields<'text> {
    text: &'text [u8],
    delimiter: u8,
    next: Option<usize>,
}

impl<'text> WrittenFields<'text> {
    pub fn new(text: &'text [u8], delimiter: u8) -> WrittenFields<'text> {
        WrittenFields { text, delimiter, next: Some(0) }
    }
}

impl Iterator for WrittenFields<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.next?;
        let field = &self.text[start..];
        // A delimiter in quotes divides nothing, and a quote that is not closed runs to the end.
        let quoted = match field.first() {
            Some(b'"') => quoted_length(field).unwrap_or(field.len()),
            _ => 0,
        };
        let length = memchr::memchr(self.delimiter, &field[quoted..]).map(|length| quoted + length);
        self.next = length.map(|length| start + length + 1);
        Some(start..start + length.unwrap_or(field.len()))
    }
}

/// Whether every quote of a record encloses a whole field or is doubled in one (RFC 4180, section 2, rules 5 to 7).
pub fn is_well_quoted(text: &[u8], delimiter: u8) -> bool {
    let mut at = 0;
    while let Some(before) = memchr::memchr(b'"', &text[at..]) {
        let start = at + before;
        let Some(length) = quoted_length(&text[start..]) else { return false };
        at = start + length;
        let is_first = start == 0 || text[start - 1] == delimiter;
        let is_last = text.get(at).is_none_or(|next| *next == delimiter);
        if !is_first || !is_last {
            return false;
        }
    }
    true
}

/// How long the quoted field is that begins `text`, both quotes included; `None` if it is not closed.
pub fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr(b'"', text.get(at..)?)? + 1;
        if text.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_quote_does_not_end_a_field() {
        assert_eq!(quoted_length(b"\"a\",b"), Some(3));
        assert_eq!(quoted_length(b"\"a\"\"b\""), Some(6));
        assert_eq!(quoted_length(b"\"\""), Some(2));
        assert_eq!(quoted_length(b"\"a\"\""), None);
        assert_eq!(quoted_length(b"\""), None);
    }

    #[test]
    fn fields_keep_their_quotes_and_only_bare_delimiters_divide_them() {
        let fields = |text: &'static str| -> (Vec<&str>, bool) {
            let fields = WrittenFields::new(text.as_bytes(), b',').map(|range| &text[range]);
            (fields.collect(), is_well_quoted(text.as_bytes(), b','))
        };
        assert_eq!(fields(""), (vec![""], true));
        assert_eq!(fields("a,,"), (vec!["a", "", ""], true));
        assert_eq!(fields("\"a,\"\"b\n\",\"\",c"), (vec!["\"a,\"\"b\n\"", "\"\"", "c"], true));
        assert_eq!(fields("\"a\" ,b,c"), (vec!["\"a\" ", "b", "c"], false));
        assert_eq!(fields("a,b\",c"), (vec!["a", "b\"", "c"], false));
        assert_eq!(fields("a,\"c,d"), (vec!["a", "\"c,d"], false));
    }
}
