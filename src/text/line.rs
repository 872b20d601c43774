//! Text on one line, without control characters of a terminal or an editor.

use std::fmt::Write;

/// The mark at the end of a text that was cut.
pub const CUT_MARK: &str = "… (cut)";

/// The most characters of a text from outside in a message. Chosen: a screen of a terminal.
const LONGEST: usize = 1000;

/// The most characters of a column's name in a message. Chosen: half a line.
const LONGEST_NAME: usize = 60;

/// `text` on one line. Control characters, line and paragraph separators and marks of writing direction become escapes.
#[must_use]
pub fn escape_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if is_escaped(letter) => line.extend(letter.escape_unicode()),
            _ => line.push(letter),
        }
    }
    line
}

/// Every line of `text` by [`escape_line`]. Its line breaks stay.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape_line).collect::<Vec<_>>().join("\n")
}

/// [`escape_line`] with at most 1,000 characters: a text from outside in a message.
#[must_use]
pub fn escape_and_shorten(text: &str) -> String {
    shorten(escape_line(text), LONGEST)
}

/// A column's name for a message, where it is in quotes: escaped by the rules of Rust, with at most 60 characters.
#[must_use]
pub fn escape_name(name: &str) -> String {
    let end = end_of(name, LONGEST_NAME);
    let mark = if end.is_some() { "…" } else { "" };
    name[..end.unwrap_or(name.len())].escape_debug().chain(mark.chars()).collect()
}

/// JSON in which the characters that [`escape_line`] escapes are `\u` escapes, which a JSON parser decodes. Line breaks stay,
/// because JSON has them only between its values.
#[must_use]
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_escaped(letter) && letter != '\n' {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Whether a terminal or an editor acts on a character instead of showing it.
#[must_use]
pub fn is_escaped(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with at most `longest` characters. [`CUT_MARK`] follows if characters were cut off.
#[must_use]
pub fn shorten(mut text: String, longest: usize) -> String {
    if let Some(end) = end_of(&text, longest) {
        text.truncate(end);
        text.push_str(CUT_MARK);
    }
    text
}

/// The byte offset of the end of the first `longest` characters, if there are more of them.
fn end_of(text: &str, longest: usize) -> Option<usize> {
    text.char_indices().nth(longest).map(|(end, _)| end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOSTILE: &str = "a\u{1b}[2Jb\u{7}c\r\nd\te\u{202e}f\u{9b}g\u{2028}h";

    #[test]
    fn a_line_escapes_control_characters() {
        let escaped = r"a\u{1b}[2Jb\u{7}c\r\nd\te\u{202e}f\u{9b}g\u{2028}h";
        assert_eq!(escape_line(HOSTILE), escaped);
        assert_eq!(escape_line("Ærø, 東京 🙂 é"), "Ærø, 東京 🙂 é");
        assert_eq!(escape_lines("a\u{1b}\nb\r\n"), "a\\u{1b}\nb\\r\n");
    }

    #[test]
    fn a_cut_is_marked_and_never_within_a_character() {
        assert_eq!(shorten("ééé".to_owned(), 2), "éé… (cut)");
        assert_eq!(shorten("ééé".to_owned(), 3), "ééé");
        assert_eq!(escape_name(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(escape_name(&"é".repeat(61)), "é".repeat(60) + "…");
        assert_eq!(escape_name("it's\u{1b}\u{202e}"), r"it\'s\u{1b}\u{202e}");
    }

    proptest! {
        #[test]
        fn no_text_leaves_a_control_character(text in any::<String>()) {
            prop_assert!(!escape_line(&text).chars().any(is_escaped));
            prop_assert!(!escape_lines(&text).chars().any(|letter| is_escaped(letter) && letter != '\n'));
        }

        /// A text from a result file may be escaped and shortened again.
        #[test]
        fn a_text_that_was_escaped_and_shortened_stays_the_same(text in any::<String>(), longest in 0_usize..40) {
            let once = shorten(escape_line(&text), longest);
            prop_assert_eq!(&shorten(escape_line(&once), longest), &once);
        }

        #[test]
        fn escaped_json_reads_back_and_leaves_no_control_character(text in any::<String>()) {
            let text = format!("{text}{HOSTILE}\u{e0001}");
            let json = escape_json(&serde_json::json!([text]).to_string());
            prop_assert!(!json.chars().any(is_escaped));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
        }
    }
}
