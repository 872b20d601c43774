//! Values as they may be shown. They are personal, and they come from outside: what a terminal or a CI obeys is made
//! harmless in any case.

use crate::customer::{Parameter, REMOVE};
use crate::text::{escape_line, shorten};

/// Stands for what is never shown.
const SECRET: &str = "***";

/// The longest value that is shown, in characters.
const LONGEST: usize = 80;

/// The longest id that is shown as it is, in characters.
const LONGEST_ID: usize = 64;

/// A value as it is shown: a password never; other values as they are if that is wanted; else ids, which the result
/// file holds too, and of the rest its first letter and its length.
#[must_use]
pub fn masked(parameter: Parameter, value: &[u8], show: bool) -> String {
    if parameter == Parameter::Password {
        return SECRET.to_owned();
    }
    let text = String::from_utf8_lossy(value);
    if show {
        // The sign opens an old kind of command of GitHub Actions, anywhere in a line.
        return format!("'{}'", shorten(escape_line(&text), LONGEST).replace("##[", "## ["));
    }
    if is_harmless(parameter, &text) { format!("'{text}'") } else { mask(&text) }
}

/// Whether nothing personal is in it: an id, or what removes a field.
pub(super) fn is_harmless(parameter: Parameter, text: &str) -> bool {
    let is_of_id = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+');
    let is_id = parameter.is_lookup() && text.len() <= LONGEST_ID && text.chars().all(is_of_id);
    is_id || text.eq_ignore_ascii_case(REMOVE) && parameter != Parameter::Password
}

/// `j…@e…` of an e-mail address, `G… (7 characters)` of anything else.
pub(super) fn mask(text: &str) -> String {
    let first = |text: &str| {
        let letter = text.chars().next().filter(|letter| letter.is_alphanumeric());
        letter.map_or("…".to_owned(), |letter| format!("{letter}…"))
    };
    let count = text.chars().count();
    match text.split_once('@') {
        Some((name, domain)) if name.chars().nth(1).is_some() && domain.chars().nth(1).is_some() => {
            format!("{}@{}", first(name), first(domain))
        }
        _ if count > 3 => format!("{} ({count} characters)", first(text)),
        _ if count == 1 => "… (1 character)".to_owned(),
        _ => format!("… ({count} characters)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_masked_by_what_they_are() {
        for (parameter, value, masked_value, shown) in [
            (Parameter::Password, "hunter2", "***", "***"),
            (Parameter::Password, "REMOVE", "***", "***"),
            (Parameter::Email, "jose@example.org", "j…@e…", "'jose@example.org'"),
            (Parameter::Email, "j@example.org", "j… (13 characters)", "'j@example.org'"),
            (Parameter::City, "München", "M… (7 characters)", "'München'"),
            (Parameter::City, "$(x)y", "… (5 characters)", "'$(x)y'"),
            (Parameter::City, "abc", "… (3 characters)", "'abc'"),
            (Parameter::City, "remove", "'remove'", "'remove'"),
            (Parameter::CustomerId, "1.23E+11", "'1.23E+11'", "'1.23E+11'"),
            (Parameter::CustomerId, "jose@example.org", "j…@e…", "'jose@example.org'"),
            (
                Parameter::City,
                "a\u{1b}[2J\n##[error]\u{202e}",
                "a… (16 characters)",
                "'a\\u{1b}[2J\\n## [error]\\u{202e}'",
            ),
        ] {
            assert_eq!(masked(parameter, value.as_bytes(), false), masked_value);
            assert_eq!(masked(parameter, value.as_bytes(), true), shown);
        }
        assert!(masked(Parameter::City, &[b'x'; 500], true).chars().count() < 100);
    }

    proptest! {
        #[test]
        fn a_masked_value_is_short_and_cannot_be_told(value in "\\PC{4,40}") {
            prop_assume!(!value.eq_ignore_ascii_case(REMOVE));
            let masked = masked(Parameter::Lastname, value.as_bytes(), false);
            prop_assert!(!masked.contains(&value) && masked.chars().count() < 24, "{}", masked);
        }
    }
}
