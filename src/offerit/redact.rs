//! Takes the API key and the row's values out of what a server says: servers echo what they were sent.

use super::ApiKey;
use crate::customer::{Parameter, REMOVE, Update};

/// Stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// How much of a text is looked at, in characters. More than is ever shown.
const LOOKED_AT: usize = 1500;

/// Field values shorter than this are taken out only where they stand alone: "US" is part of many words.
const SHORT: usize = 4;

/// So many characters of the key or the password in a row are taken out too: servers cut what they echo.
const PART: usize = 6;

/// More of a value is not compared: what begins like it for so long is it.
const LONGEST_COMPARED: usize = 128;

/// The start of `text` without the key and without any value of the row but its ids, which the record names anyway.
/// Values are also found as forms, JSON, HTML, SQL and Base64 spell them, in upper or lower case.
pub(super) fn redact(text: &str, update: &Update, key: &ApiKey) -> String {
    let needles = needles(update, key);
    let end = text.char_indices().nth(LOOKED_AT).map_or(text.len(), |(end, _)| end);
    let mut clean = text[..end].to_owned();
    for needle in &needles {
        clean = without(&clean, needle);
    }
    for secret in update.get(Parameter::Password).into_iter().chain([key.secret()]) {
        clean = without_parts(&clean, secret);
    }
    let twice = format!("{REDACTED}{REDACTED}");
    while clean.contains(&twice) {
        clean = clean.replace(&twice, REDACTED);
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
        if parameter.is_lookup() || value == REMOVE {
            continue;
        }
        let is_password = parameter == Parameter::Password;
        let anywhere = is_password || value.chars().count() >= SHORT;
        push_spellings(&mut needles, value, anywhere);
        push_spellings(&mut needles, value.trim(), anywhere);
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
    let percent = form.replace('+', "%20");
    let every_byte: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(&json).to_owned();
    let ascii: String = json.chars().map(json_ascii).collect();
    let php = ascii.replace('/', "\\/");
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let apostrophes = ["&#039;", "&#39;", "&#x27;", "&apos;"].map(|entity| html.replace('\'', entity));
    let entities: String = value.chars().map(|letter| format!("&#{};", u32::from(letter))).collect();
    let doubled = value.replace('\'', "''");
    let slashes = value.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"");
    let spellings = [
        value.to_owned(),
        form,
        percent,
        every_byte,
        hex,
        json,
        ascii,
        php,
        html,
        entities,
        doubled,
        slashes,
    ];
    for text in spellings.into_iter().chain(apostrophes).chain([base64(value.as_bytes())]) {
        if !text.is_empty()
            && !needles.iter().any(|needle| needle.text == text && needle.anywhere == anywhere)
        {
            needles.push(Needle { text, anywhere });
        }
    }
}

/// `text` without any stretch of [`PART`] characters or more of a secret.
fn without_parts(text: &str, secret: &str) -> String {
    let folded = |text: &str| text.chars().map(|letter| letter.to_lowercase().next()).collect::<Vec<_>>();
    let (letters, secret) = (folded(text), folded(secret));
    let mut is_secret = vec![false; letters.len()];
    for (at, stretch) in letters.windows(PART).enumerate() {
        if secret.windows(PART).take(LONGEST_COMPARED).any(|part| part == stretch) {
            is_secret[at..at + PART].fill(true);
        }
    }
    let mut clean = String::with_capacity(text.len());
    for (index, (letter, hide)) in text.chars().zip(&is_secret).enumerate() {
        if !hide {
            clean.push(letter);
        } else if index == 0 || !is_secret[index - 1] {
            clean.push_str(REDACTED);
        }
    }
    clean
}

/// A letter as JSON of ASCII alone spells it, PHP's for one.
fn json_ascii(letter: char) -> String {
    if letter.is_ascii() {
        return letter.to_string();
    }
    letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Base64 (RFC 4648, section 4) without its padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |word, (index, byte)| word | u32::from(*byte) << (16 - 8 * index));
        let digits = (0..=chunk.len()).map(|digit| ALPHABET[(word >> (18 - 6 * digit) & 63) as usize]);
        text.extend(digits.map(char::from));
    }
    text
}

fn without(text: &str, needle: &Needle) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        // Never within what stands for something taken out: a part of a value may be spelt like it.
        if rest.starts_with(REDACTED) {
            clean.push_str(REDACTED);
            at += REDACTED.len();
            continue;
        }
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

/// How many bytes of `text` are `needle`, case aside. A long needle is found by its beginning, and by the part of
/// it that stands at the end of a text that was cut.
fn starts_with_any_case(text: &str, needle: &str) -> Option<usize> {
    let mut letters = text.chars();
    let mut length = 0;
    for (count, wanted) in needle.chars().enumerate() {
        match letters.next() {
            Some(letter) if letter == wanted || letter.to_lowercase().eq(wanted.to_lowercase()) => {
                length += letter.len_utf8();
            }
            Some(_) if count < LONGEST_COMPARED => return None,
            None if count < PART => return None,
            Some(_) | None => break,
        }
    }
    Some(length)
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
    fn secrets_are_found_as_servers_spell_and_cut_them() {
        let password = "p'w\"‹é/&x> 9Zq";
        for echo in [
            "p&#x27;w&quot;‹é/&amp;x&gt; 9Zq",
            "p''w\"‹é/&x> 9Zq",
            "p\\'w\\\"‹é/&x> 9Zq",
            "cCd3IuKAucOpLyZ4PiA5WnE=",
            "p'w\"‹é/&x",
            "é/&x> 9Zq",
        ] {
            let clean = redacted(&format!("no: {echo}"), &[(Parameter::Password, password)]);
            assert!(!clean.contains("é/&x") && !clean.contains("9Zq") && !clean.contains("cCd3"), "{clean}");
        }
        assert_eq!(redacted("key 44b5498db", &[(Parameter::City, "Riga")]), "key [redacted]");
    }

    #[test]
    fn a_long_value_against_a_long_text_is_soon_done() {
        let value = "a".repeat(60_000) + "b";
        let values = Parameter::ALL.map(|parameter| (parameter, value.as_str()));
        let fields: Vec<_> = values.into_iter().filter(|(parameter, _)| !parameter.is_lookup()).collect();
        assert_eq!(redacted(&"a".repeat(65_000), &fields), REDACTED);
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
