//! Text from outside made harmless: for the result file, the terminal and the log alike.

/// Stands at the end of a text that was cut.
pub const CUT_MARK: &str = "… (cut)";

/// `text` on one line, without a character that a terminal or an editor would obey: control characters, line
/// and paragraph separators and bidirectional marks are written as escapes.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if is_obeyed(letter) => line.extend(letter.escape_unicode()),
            _ => line.push(letter),
        }
    }
    line
}

/// Whether a character acts on what stands around it rather than being shown.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with at most `longest` characters; a cut one ends with [`CUT_MARK`] beyond them.
#[must_use]
pub fn shorten(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push_str(CUT_MARK);
    }
    text
}

/// Whether a spreadsheet would take a cell that begins like this for a formula.
pub(super) fn starts_formula(text: &str) -> bool {
    text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%'])
}

/// Appends one CSV field, quoted where RFC 4180 asks for it. `text` is on one line already.
pub(super) fn push_field(line: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'"')) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    line.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let hostile = "a\u{1b}[2Jb\u{7}c\r\nd\te\u{202e}f\u{9b}g\u{2028}h";
        assert_eq!(one_line(hostile), r"a\u{1b}[2Jb\u{7}c\r\nd\te\u{202e}f\u{9b}g\u{2028}h");
        assert_eq!(one_line("Ærø, 東京 🙂 é"), "Ærø, 東京 🙂 é");
    }

    #[test]
    fn a_cut_is_marked_and_never_within_a_character() {
        assert_eq!(shorten("ééé".to_owned(), 2), "éé… (cut)");
        assert_eq!(shorten("ééé".to_owned(), 3), "ééé");
    }

    proptest! {
        #[test]
        fn no_text_leaves_a_control_character(text in any::<String>()) {
            prop_assert!(!one_line(&text).chars().any(is_obeyed));
        }
    }
}
