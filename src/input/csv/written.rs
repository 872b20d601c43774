//! The fields of a record as they are written, quotes included: for strict quotes, for the limits on a field and for the
//! place of a value in the file. csv-core gives the cells without quotes and accepts any quoting.

use std::ops::Range;

/// A field as it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct WrittenField {
    /// Its bytes in the record.
    pub range: Range<usize>,
    /// Whether its quotes enclose all of it or are doubled inside (RFC 4180, section 2, rules 5 to 7).
    pub is_well_quoted: bool,
}

/// Iterates over the fields of a record without its line end, or of its beginning: then the last field is still open.
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
    type Item = WrittenField;

    fn next(&mut self) -> Option<WrittenField> {
        let start = self.next?;
        let field = &self.text[start..];
        let is_quoted = field.first() == Some(&b'"');
        let quoted = if is_quoted { quoted_length(field) } else { Some(0) };
        // A delimiter in quotes divides nothing, and a quote that is not closed runs to the end.
        let behind_quotes = quoted.unwrap_or(field.len());
        let rest = &field[behind_quotes..];
        let length = memchr::memchr(self.delimiter, rest);
        self.next = length.map(|length| start + behind_quotes + length + 1);
        let rest = &rest[..length.unwrap_or(rest.len())];
        let is_well_quoted = match is_quoted {
            true => quoted.is_some() && rest.is_empty(),
            false => memchr::memchr(b'"', rest).is_none(),
        };
        Some(WrittenField { range: start..start + behind_quotes + rest.len(), is_well_quoted })
    }
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
        let fields = |text: &'static str| -> Vec<(&str, bool)> {
            let fields = WrittenFields::new(text.as_bytes(), b',');
            fields.map(|field| (&text[field.range], field.is_well_quoted)).collect()
        };
        assert_eq!(fields(""), [("", true)]);
        assert_eq!(fields("a,,"), [("a", true), ("", true), ("", true)]);
        assert_eq!(fields("\"a,\"\"b\n\",\"\",c"), [("\"a,\"\"b\n\"", true), ("\"\"", true), ("c", true)]);
        assert_eq!(fields("\"a\" ,b\",\"c,d"), [("\"a\" ", false), ("b\"", false), ("\"c,d", false)]);
    }
}
