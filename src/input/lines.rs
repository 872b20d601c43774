//! Physical lines: LF, CRLF and CR alone each end one.

/// How many lines end in `text`. A CRLF that is cut in two counts with its CR.
pub(super) fn ended(text: &[u8]) -> u64 {
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
            prop_assert_eq!(ended(text.as_bytes()), plain.matches('\n').count() as u64);
        }
    }
}
