//! Text as a cell of a CSV ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)) that a spreadsheet may open.

/// A text that a spreadsheet does not evaluate as a formula: a text that begins like a formula gets an apostrophe in front.
#[must_use]
pub fn disarm_formula(mut text: String) -> String {
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']) {
        text.insert(0, '\'');
    }
    text
}

/// Appends one field, in quotes if RFC 4180 requires them. `text` must be one line.
pub fn push_csv_field(line: &mut Vec<u8>, text: &str) {
    if !text.contains([',', '"']) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    line.push(b'"');
    line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_field_reads_back(fields in proptest::collection::vec("[a-z,\" =]{0,6}", 2..5)) {
            let mut line = Vec::new();
            for field in &fields {
                push_csv_field(&mut line, field);
                line.push(b',');
            }
            line.pop();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), fields);
        }

        #[test]
        fn a_disarmed_formula_stays_the_same(text in "[ =+@|%a-z-]{0,4}") {
            let once = disarm_formula(text);
            prop_assert_eq!(&disarm_formula(once.clone()), &once);
        }
    }
}
