//! Quoted fields, the one rule for how long they are.

/// How long the quoted field is that begins `text`, both quotes included; `None` if it is not closed.
pub(crate) fn quoted_length(text: &[u8]) -> Option<usize> {
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
}
