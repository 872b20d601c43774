//! Groups errors by their reason.

use crate::customer::Parameter;

/// Replaces the parts of an error that differ from row to row.
const BLANK: char = '…';

/// Appends an error to `key` without the parts that differ from row to row: each number, each id with a digit and each mask
/// becomes `…`. Several with only blanks and signs between them become one `…`. Errors with equal keys have one reason.
pub fn push_reason_key(key: &mut String, error: &str) {
    let mut rest = error;
    while let Some(letter) = rest.chars().next() {
        let length = rest.find(|letter| !is_of_word(letter)).filter(|length| *length > 0);
        let (word, behind) = match length {
            Some(length) => rest.split_at(length),
            None if is_of_word(letter) => (rest, ""),
            None => rest.split_at(letter.len_utf8()),
        };
        rest = behind;
        let is_number = word.contains(|letter: char| letter.is_ascii_digit());
        // The HTTP status and the parameter belong to the reason.
        let is_known = || key.ends_with("HTTP ") || Parameter::from_name(word).is_some();
        if letter == BLANK || is_number && !is_known() {
            push_blank(key);
        } else {
            key.push_str(word);
        }
    }
}

fn push_blank(key: &mut String) {
    let end = key.trim_end_matches(|letter: char| letter != BLANK && !letter.is_alphanumeric()).len();
    if key[..end].ends_with(BLANK) {
        key.truncate(end);
    } else {
        key.push(BLANK);
    }
}

/// The reason key of an error, by [`push_reason_key`].
#[must_use]
pub fn reason_key(error: &str) -> String {
    let mut key = String::with_capacity(error.len());
    push_reason_key(&mut key, error);
    key
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_differ_in_numbers_ids_and_masks_have_one_reason() {
        for (one, other, key) in [
            ("customer 123 not found", "customer 45678 not found", "customer … not found"),
            ("no id 3fa85f64-5717-4562", "no id 00000000-0000-4562", "no id …"),
            ("C-10254 is locked", "C-7 is locked", "… is locked"),
            ("at least 8 characters", "at least … characters", "at least … characters"),
            ("HTTP 404: from 10.0.0.1 12", "HTTP 404: from …", "HTTP 404: from …"),
            (
                r#"{"message":"customer 1 is gone"}"#,
                r#"{"message":"customer 2 is gone"}"#,
                r#"{"message":"customer … is gone"}"#,
            ),
        ] {
            assert_eq!((&reason_key(one)[..], &reason_key(other)[..]), (key, key));
        }
    }

    #[test]
    fn errors_that_differ_in_words_have_different_reasons() {
        for (one, other) in [
            ("customer 123 not found", "customer 123 not allowed"),
            (r#"{"message":"not found"}"#, r#"{"message":"not allowed"}"#),
            ("facade", "decade"),
            ("address1 is too long", "address2 is too long"),
            ("HTTP 400: no", "HTTP 404: no"),
            ("", "…"),
        ] {
            assert_ne!(reason_key(one), reason_key(other));
        }
        assert_eq!(reason_key("can't read, 'quoted' 日本 7é"), "can't read, 'quoted' 日本 …");
        assert_eq!(reason_key("é7 HTTP 404: customer 404"), "… HTTP 404: customer …");
    }
}
