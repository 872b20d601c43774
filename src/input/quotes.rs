//! Quoted fields, the one rule for how long they are.

/// How long the quoted field is that begins `text`, both quotes included; `None` if it is not closed.
pub(crate) fn quoted_length(text: &[u8]) -> Option<usize> {
    quoted(text).map(|(length, _)| length)
}

/// How long the quoted field is that begins `text`, and whether there are doubled quotes in it.
pub(super) fn quoted(text: &[u8]) -> Option<(usize, bool)> {
    let (mut at, mut has_doubled) = (1, false);
    loop {
        at += memchr::memchr(b'"', text.get(at..)?)? + 1;
        if text.get(at) != Some(&b'"') {
            return Some((at, has_doubled));
        }
        at += 1;
        has_doubled = true;
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
