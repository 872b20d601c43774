//! Text in quotes: a word of a shell, a string of TOML.

use super::line::{escape_line, is_escaped};
use std::fmt::Write;

/// `text` as one word of a shell on one line, in quotes if necessary.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { quote_for_shell(text) }
}

/// `text` as one word of a shell on one line: in single quotes, or, with a control character, in `$'…'`
/// ([POSIX.1-2024, 2.2.4](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html); bash, ksh and zsh
/// support `$'…'`). `##[` is split, because it begins an old kind of command of GitHub Actions anywhere in a line.
#[must_use]
pub fn quote_for_shell(text: &str) -> String {
    if escape_line(text) == text {
        return format!("'{}'", text.replace('\'', r"'\''").replace("##[", "##''["));
    }
    let mut word = "$'".to_owned();
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => word.extend(['\\', letter]),
            '\n' => word.push_str("\\n"),
            // Always three octal digits per byte, because a shell would include a following digit in a shorter escape.
            _ if is_escaped(letter) => letter.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                let _ = write!(word, "\\{byte:03o}");
            }),
            _ => word.push(letter),
        }
    }
    word.push('\'');
    word.replace("##[", r"##\133")
}

/// `text` as a basic string of [TOML](https://toml.io/en/v1.0.0#string); a number without quotes.
#[must_use]
pub fn quote_for_toml(text: &str) -> String {
    if text.parse::<u64>().is_ok_and(|number| number.to_string() == text) {
        return text.to_owned();
    }
    let mut quoted = "\"".to_owned();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if is_escaped(letter) => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(letter));
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn a_plain_word_needs_no_quotes() {
        let words = ["a.csv", "--map=E-Mail=email", "", "a b", "it's", "$x", "a\u{1b}1"].map(shell_word);
        assert_eq!(words, ["a.csv", "--map=E-Mail=email", "''", "'a b'", r"'it'\''s'", "'$x'", r"$'a\0331'"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(
            words in prop::collection::vec("([\\PC'\"$`!\\\\\n\r\t\u{1b}\u{202e}0-9]|##\\[|[^\0]){0,12}", 1..5),
        ) {
            let quoted: Vec<_> = words.iter().flat_map(|word| [shell_word(word), quote_for_shell(word)]).collect();
            let line = quoted.join(" ");
            prop_assert!(line.lines().count() == 1 && !line.contains("##["), "{}", line);
            prop_assert!(!line.chars().any(is_escaped), "{}", line);
            let script = format!("printf '%s\\0' {line}");
            let printed = Command::new("bash").args(["-c", &script]).output().unwrap().stdout;
            let expected: Vec<u8> = words.iter().flat_map(|word| [word.as_bytes(), b"\0", word.as_bytes(), b"\0"].concat()).collect();
            prop_assert_eq!(printed, expected);
        }

        #[test]
        fn toml_reads_back_what_was_quoted(text in any::<String>()) {
            let quoted = quote_for_toml(&format!("{text}\u{202e}\u{9b}"));
            prop_assert!(!quoted.chars().any(is_escaped), "{}", quoted);
            let document = format!("key = {quoted}");
            let table = toml::de::DeTable::parse(&document).unwrap().into_inner();
            prop_assert_eq!(table["key"].get_ref().as_str().unwrap(), format!("{text}\u{202e}\u{9b}"));
        }
    }
}
