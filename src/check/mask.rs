//! Masks values before they are printed. Values are personal data, and they come from outside: characters that a terminal or
//! a CI interprets are always escaped.

use crate::customer::{Parameter, REMOVE};
use crate::text::{escape_line, shorten};

/// The mask of a value that is never shown.
const SECRET: &str = "***";

/// The longest value that is shown, in characters.
const LONGEST: usize = 80;

/// The longest id that is shown unmasked, in characters.
const LONGEST_ID: usize = 64;

/// Masks a value for a report. A password is always hidden. Other values are shown if `show` is set; otherwise only ids are,
/// which the result file has too, and of other values the first letter and the length.
#[must_use]
pub fn mask_value(parameter: Parameter, value: &[u8], show: bool) -> String {
    if parameter == Parameter::Password {
        return SECRET.to_owned();
    }
    let text = String::from_utf8_lossy(value);
    if show {
        // `##[` begins an old kind of command of GitHub Actions, anywhere in a line.
        return format!("'{}'", shorten(escape_line(&text), LONGEST).replace("##[", "## ["));
    }
    if is_harmless(parameter, &text) { format!("'{text}'") } else { mask_text(&text) }
}

/// Whether a value is not personal: an id, or the word that removes a field.
pub(super) fn is_harmless(parameter: Parameter, text: &str) -> bool {
    let is_of_id = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+');
    let is_id = parameter.is_lookup() && text.len() <= LONGEST_ID && text.chars().all(is_of_id);
    is_id || text.eq_ignore_ascii_case(REMOVE) && parameter != Parameter::Password
}

/// `j…@e…` of an e-mail address, `G… (7 characters)` of anything else.
pub(super) fn mask_text(text: &str) -> String {
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
    fn values_are_masked_by_their_parameter() {
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
            assert_eq!(mask_value(parameter, value.as_bytes(), false), masked_value);
            assert_eq!(mask_value(parameter, value.as_bytes(), true), shown);
        }
        assert!(mask_value(Parameter::City, &[b'x'; 500], true).chars().count() < 100);
    }

    proptest! {
        #[test]
        fn a_masked_value_is_short_and_does_not_show_the_value(value in "\\PC{4,40}") {
            prop_assume!(!value.eq_ignore_ascii_case(REMOVE));
            let masked = mask_value(Parameter::Lastname, value.as_bytes(), false);
            prop_assert!(!masked.contains(&value) && masked.chars().count() < 24, "{}", masked);
        }
    }
}
