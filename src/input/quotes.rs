//! Whether the quotes of a record stand where RFC 4180 has them. The parser itself takes every text for a record,
//! so that a quote which is opened and not closed, or closed by a stray one far below, would send all that lies
//! between as one value.

/// Whether quotes are well placed in a record (RFC 4180, section 2, rules 5 to 7): they enclose a whole field, or
/// stand doubled in an enclosed one.
pub(super) fn are_well_placed(record: &[u8], delimiter: u8) -> bool {
    let mut rest = record;
    while let Some(at) = memchr::memchr(b'"', rest) {
        let opens_field = match at.checked_sub(1) {
            None => rest.len() == record.len(),
            Some(before) => rest[before] == delimiter,
        };
        if !opens_field {
            return false;
        }
        let Some(behind) = quoted_length(&rest[at..]).map(|length| &rest[at + length..]) else {
            return false;
        };
        match behind.first() {
            None | Some(b'\r' | b'\n') => return true,
            // The delimiter stays: the next quote may stand right behind it.
            Some(byte) if *byte == delimiter => rest = behind,
            Some(_) => return false,
        }
    }
    true
}

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
    use proptest::prelude::*;

    fn check(record: &str) -> bool {
        are_well_placed(record.as_bytes(), b',')
    }

    #[test]
    fn quotes_enclose_whole_fields_or_are_doubled() {
        for good in
            ["a,b\n", "\"a\",b\r\n", "a,\"b,c\"", "\"\",\"\"\n", "\"a\"\"b\",\"\"\"\"", "a,\"b\nc\",d", ""]
        {
            assert!(check(good), "{good:?}");
        }
        for bad in [
            "a,\"b\n",
            "a\"b",
            "a,b\"\n",
            "\"a\"b,c",
            "a,\"b\n3,c\n4,d\"e\n",
            "\"a\" ,b",
            "a, \"b\"",
            "a,\"\"\"\n",
            "\"",
        ] {
            assert!(!check(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_writer_writes_is_well_placed(fields in proptest::collection::vec(any::<String>(), 1..6)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(&fields).unwrap();
            prop_assert!(are_well_placed(&writer.into_inner().unwrap(), b','));
        }
    }
}
