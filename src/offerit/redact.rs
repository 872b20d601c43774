//! Takes the API key and the row's values out of what a server says: servers echo what they were sent.

use super::ApiKey;
use crate::customer::{Parameter, REMOVE, Update};

/// Stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// How much of a text is looked at, in characters. More than is ever shown.
const LOOKED_AT: usize = 4096;

/// Field values shorter than this are taken out only where they stand alone: "US" is part of many words.
const SHORT: usize = 4;

/// `text` without the key and without any value of the row but its ids, which the record names anyway. Values
/// are also found as a form, JSON or HTML would spell them, in upper or lower case.
pub(super) fn redact(text: &str, update: &Update, key: &ApiKey) -> String {
    let needles = needles(update, key);
    let longest = needles.iter().map(|needle| needle.text.chars().count()).max().unwrap_or(0);
    let cut = text.char_indices().nth(LOOKED_AT + longest).map(|(end, _)| end);
    let mut clean = text[..cut.unwrap_or(text.len())].to_owned();
    for needle in &needles {
        clean = without(&clean, needle);
    }
    if cut.is_some() {
        // The cut may have gone through a value that is then no longer found.
        let keep = clean.chars().count().saturating_sub(longest);
        clean = clean.chars().take(keep).collect();
    }
    clean
}

struct Needle {
    text: String,
    anywhere: bool,
}

/// What to look for, longest first so that no part of a longer one is left over.
fn needles(update: &Update, key: &ApiKey) -> Vec<Needle> {
    let mut needles = Vec::new();
    push_spellings(&mut needles, key.secret(), true);
    for (parameter, value) in update.values() {
        if !parameter.is_lookup() && value != REMOVE {
            let anywhere = parameter == Parameter::Password || value.chars().count() >= SHORT;
            push_spellings(&mut needles, value, anywhere);
            push_spellings(&mut needles, value.trim(), anywhere);
        }
    }
    needles.sort_by_key(|needle: &Needle| std::cmp::Reverse(needle.text.len()));
    needles.dedup_by(|one, other| one.text == other.text && one.anywhere == other.anywhere);
    needles
}

fn push_spellings(needles: &mut Vec<Needle>, value: &str, anywhere: bool) {
    if value.is_empty() {
        return;
    }
    let form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let apostrophes = html.replace('\'', "&#039;");
    let percent = form.replace('+', "%20");
    let ascii: String = json.chars().flat_map(json_ascii).collect();
    let php = ascii.replace('/', "\\/");
    for text in [value.to_owned(), form, percent, json, ascii, php, html, apostrophes] {
        if !text.is_empty()
            && !needles.iter().any(|needle| needle.text == text && needle.anywhere == anywhere)
        {
            needles.push(Needle { text, anywhere });
        }
    }
}

/// A letter as JSON of ASCII alone spells it, PHP's for one.
fn json_ascii(letter: char) -> Vec<char> {
    if letter.is_ascii() {
        return vec![letter];
    }
    let units =
        letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    units.chars().collect()
}

fn without(text: &str, needle: &Needle) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let found = starts_with_any_case(rest, &needle.text);
        if let Some(length) = found.filter(|length| needle.anywhere || stands_alone(text, at, at + length)) {
            clean.push_str(REDACTED);
            at += length;
        } else {
            let letter = rest.chars().next().unwrap_or_default();
            clean.push(letter);
            at += letter.len_utf8().max(1);
        }
    }
    clean
}

/// How many bytes of `text` are `needle`, case aside.
fn starts_with_any_case(text: &str, needle: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    for wanted in needle.chars() {
        let (_, letter) = letters.next()?;
        if letter != wanted && !letter.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    Some(letters.offset())
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::UpdateBuilder;
    use proptest::prelude::*;

    fn update(values: &[(Parameter, &str)]) -> Update {
        let mut builder = UpdateBuilder::default();
        builder.set(Parameter::CustomerId, b"191");
        for (parameter, value) in values {
            builder.set(*parameter, value.as_bytes());
        }
        builder.build().unwrap()
    }

    fn redacted(text: &str, values: &[(Parameter, &str)]) -> String {
        redact(text, &update(values), &ApiKey::new("44b5498dbcb4").unwrap())
    }

    #[test]
    fn key_password_and_values_are_taken_out_however_they_are_spelt() {
        let values = [
            (Parameter::Password, "p&w"),
            (Parameter::City, "Łódź <x>"),
            (Parameter::Email, "Ann@Example.org"),
        ];
        for text in [
            "44B5498DBCB4",
            "p&w",
            "p%26w",
            "p&amp;w",
            "Łódź <x>",
            "łódź &lt;x&gt;",
            "ann@example.org",
            "Ann%40Example.org",
        ] {
            assert_eq!(redacted(&format!("no: '{text}'!"), &values), "no: '[redacted]'!");
        }
    }

    #[test]
    fn ids_stay_and_short_values_go_only_where_they_stand_alone() {
        let values = [(Parameter::Country, "US"), (Parameter::State, "REMOVE")];
        assert_eq!(
            redacted("customer 191: must not USE 'US', REMOVE", &values),
            "customer 191: must not USE '[redacted]', REMOVE"
        );
    }

    #[test]
    fn a_value_cut_in_two_by_the_limit_does_not_show() {
        let secret = "abcdefghij".repeat(30);
        let text = secret.repeat(100);
        let clean = redacted(&text, &[(Parameter::Password, &secret)]);
        assert!(!clean.contains("abcdefghij"), "{clean}");
    }

    proptest! {
        #[test]
        fn a_password_never_shows(before in "[ -~]{0,20}", password in "[!-~]{8,12}", after in "[ -~]{0,20}") {
            prop_assume!(!REDACTED.contains(&password) && password != REMOVE);
            let clean = redacted(&format!("{before}{password}{after}"), &[(Parameter::Password, &password)]);
            prop_assert!(!clean.contains(&password));
        }
    }
}
