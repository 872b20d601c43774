//! Refusals stay readable, and no text leaves anything but listed words, ids and numbers.

use super::*;
use crate::customer::{Update, Values};
use proptest::prelude::*;
use proptest::sample::select;

const KEY: &str = "44b5498dbcb4";

fn update(values: &[(Parameter, &str)]) -> Update {
    let mut row = Values::default();
    values.iter().for_each(|(parameter, value)| row.set(*parameter, value));
    Update::new(row, &mut Vec::new()).unwrap()
}

fn kept(text: &str, values: &[(Parameter, &str)]) -> String {
    let values = [&[(Parameter::CustomerId, "10254"), (Parameter::Custom5, "-")], values].concat();
    WordFilter::new(&update(&values), &ApiKey::new(KEY).unwrap()).keep_words(text)
}

/// Refusals as servers word them, with `@` for the row's e-mail address, and what is kept of them.
const REFUSALS: [(&str, &str); 20] = [
    ("customer not found", "customer not found"),
    ("Customer 10254 does not exist.", "Customer 10254 does not exist."),
    ("The e-mail address '@' is already in use.", "The e-mail address '…' is already in use."),
    ("username @ has already been taken", "username … has already been taken"),
    (
        "This customer is locked and can't be edited by Offerit",
        "This customer is locked and can't be … by Offerit",
    ),
    ("Missing required parameter: firstname", "Missing required parameter: firstname"),
    ("password is too short (minimum is 6 characters)", "password is too short (minimum is 6 characters)"),
    (
        "SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '@' for key 'customers.email_unique'",
        "SQLSTATE[…]: Integrity constraint violation: … Duplicate entry '…' for key 'customers.email_unique'",
    ),
    ("Rate limit exceeded. Retry after 60 seconds.", "Rate limit exceeded. Retry after 60 seconds."),
    ("Invalid value for parameter zip", "Invalid value for parameter zip"),
    ("You don't have permission to update this account", "You don't have permission to update this account"),
    ("CUSTOMER_NOT_FOUND", "CUSTOMER_NOT_FOUND"),
    ("invalid parameter \"fistname\"", "invalid parameter \"…\""),
    ("address1 must be at most 100 characters long", "address1 must be at most 100 characters long"),
    ("country must be a valid ISO 3166 code", "country must be a valid … code"),
    ("Your IP address 203.0.113.7 is not allowed", "Your IP address … is not allowed"),
    (
        r#"{"errors":{"email":["has already been taken"]}}"#,
        r#"{"errors":{"email":["has already been taken"]}}"#,
    ),
    (r#"{"code":400,"errors":[{"email":"@"}]}"#, r#"{"code":400,"errors":[{"email":"…"}]}"#),
    (
        "<html>\n<head><title>502 Bad Gateway</title></head>\n<hr><center>nginx/1.24.0</center>",
        "<html> <head><title>502 Bad Gateway</title></head> <hr><center>…</center>",
    ),
    ("internal error, ticket 3fa85f64-5717", "internal error, …"),
];

#[test]
fn refusals_stay_readable_and_are_the_same_text_for_every_row() {
    for (text, expected) in REFUSALS {
        for (email, address, zip, password) in [
            ("anna.berzina@pasts.lv", "Brīvības iela 47-3", "LV-1011", "S3cr!et<>\"'"),
            ("o'neil+1@post.example", "12, O'Connell Sq.", "D01 F5P2", "p&ss w%rd"),
            ("q.r+tag@x.museum", "Chaussée \"d'Ixelles\" (22)", "1040", "x.y.z.w"),
        ] {
            let fields = [
                (Parameter::Email, email),
                (Parameter::Address1, address),
                (Parameter::Zip, zip),
                (Parameter::Password, password),
            ];
            assert_eq!(kept(&text.replace('@', email), &fields), expected, "{fields:?}");
        }
    }
}

#[test]
fn words_of_a_value_do_not_stay_though_they_are_listed() {
    let values =
        [(Parameter::City, "Not Customer-Town"), (Parameter::Password, "zip"), (Parameter::State, REMOVE)];
    assert_eq!(kept("NOT found: customer's city; zip code", &values), "… found: … city; … code");
    assert_eq!(kept("cannot remove customer_id", &values), "cannot remove …");
}

#[test]
fn numbers_stay_unless_they_may_be_of_a_value() {
    let values = [(Parameter::Zip, "01067"), (Parameter::SubscriptionId, "26")];
    for (text, expected) in [
        ("at most 64 characters", "at most 64 characters"),
        ("code 106 of row 67", "code … of row …"),
        ("no number 1234, none", "no number …, none"),
        ("70 26 73 73 is bad", "… is bad"),
        ("2026-11-30: date", "…: date"),
        ("subscription 26 is not of customer/10254", "subscription 26 is not of customer/10254"),
        ("customer 102541, id=10254;10254", "customer …, id=…"),
        ("&#65;&#66; &#x63; \\u0041 %41", "…"),
    ] {
        assert_eq!(kept(text, &values), expected, "{text}");
    }
}

#[test]
fn signs_of_a_value_do_not_stay() {
    for (text, password, expected) in [
        ("password '***' is weak", "***", "password '…' is weak"),
        ("password ?! is weak", "?!", "password … is weak"),
        ("password '?!' is weak", "?!", "password … is weak"),
        ("password '!?!?!?' is weak", "!?!?!?!?", "password … is weak"),
        ("password <(a)!>> is weak", "(a)!>", "password <(… is weak"),
        ("password \"ab'\"!\". Why?", "ab'\"!", "password \"…\". Why?"),
        ("password .a b. is weak", ".a b.", "password .…. is weak"),
    ] {
        assert_eq!(kept(text, &[(Parameter::Password, password)]), expected, "{text}");
    }
}

#[test]
fn blanks_are_folded_and_a_long_text_is_cut_at_a_word() {
    assert_eq!(kept(" \t not\r\n\r\nfound \u{2028}", &[]), "not found");
    assert_eq!(kept("", &[]), "");
    let long = kept(&"not found ".repeat(10_000), &[]);
    assert!(long.len() < 300 && long.ends_with("not …"), "{long}");
    assert_eq!(kept(&"x ".repeat(10_000), &[]), "…");
    // The end of what is read may lie within a value.
    assert_eq!(kept(&format!("{} notebook", "x".repeat(1995)), &[]), "…");
}

#[test]
fn the_list_contains_only_plain_words() {
    let words: Vec<&str> = include_str!("../words.txt").split_whitespace().collect();
    assert!((400..=1000).contains(&words.len()), "{}", words.len());
    assert!(words.is_sorted_by(|one, next| one < next), "sorted, each once");
    let is_plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    assert!(words.iter().all(|word| is_plain(word) && word.len() <= MAX_LISTED));
    assert!(Parameter::ALL.iter().all(|parameter| parameter.name().split('_').all(is_listed)));
}

#[test]
fn the_host_of_a_redirect_is_searched_for_whole_values() {
    let (update, key) =
        (update(&[(Parameter::CustomerId, "1"), (Parameter::City, "Riga")]), ApiKey::new(KEY).unwrap());
    let row = WordFilter::new(&update, &key);
    assert!(row.has_value_in("rigA.example") && row.has_value_in(KEY) && !row.has_value_in("rig.example"));
}

/// Words of a list, values, and how servers spell and cut both.
fn piece() -> impl Strategy<Value = String> {
    let spelt = |(text, way): (String, u8)| match way {
        0 => text.to_uppercase(),
        1 => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        2 => text.bytes().map(|byte| format!("{byte:02x} ")).collect(),
        3 => text.chars().map(|letter| format!("&#{};", u32::from(letter))).collect(),
        4 => text.chars().skip(1).collect(),
        5 => text.chars().take(4).collect(),
        6 => text.escape_unicode().to_string(),
        _ => text,
    };
    let words = select(vec![
        "customer", "not", "found", "?!", "(a)!>", "Anna", "Ünot", "p&ss", "01067", "12", "email", KEY,
        "***", "a@b.zip",
    ]);
    let text = prop_oneof![words.prop_map(str::to_owned), any::<String>(), "[ -~]{0,12}"];
    (text, 0..12_u8).prop_map(spelt)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// For any text, the result consists of listed words, the row's ids, short numbers and signs, and contains no word or
    /// number of a value.
    #[test]
    fn nothing_but_listed_words_ids_and_numbers_is_kept(
        pieces in prop::collection::vec((piece(), select(vec![" ", "", "'", ": ", "-", "\n"])), 0..12),
        values in prop::collection::vec(piece(), 3),
        id in "[a-z0-9-]{1,8}",
    ) {
        let mut text: String = pieces.iter().map(|(piece, sign)| format!("{piece}{sign}")).collect();
        let fields = [Parameter::City, Parameter::Zip, Parameter::Password];
        let values: Vec<String> = values.iter().map(|value| value.replace('\0', "").replace(REMOVE, "")).collect();
        values.iter().for_each(|value| text.push_str(&format!(" not {value} found {value}")));
        let mut row = vec![(Parameter::CustomerId, id.as_str()), (Parameter::Country, "not-here")];
        row.extend(fields.into_iter().zip(values.iter().map(String::as_str)));
        let kept = WordFilter::new(&update(&row), &ApiKey::new(KEY).unwrap()).keep_words(&text);

        let list: HashSet<&str> =
            include_str!("../words.txt").split_whitespace().chain(Parameter::ALL.map(Parameter::name)).collect();
        let secrets: Vec<String> = row[1..].iter().map(|(_, value)| value.to_lowercase()).chain([KEY.to_owned()]).collect();
        let is_of_value = |word: &str| {
            secrets.iter().any(|value| value.split(|letter: char| !letter.is_alphanumeric()).any(|one| one == word))
        };
        let has_signs = |value: &str| {
            let pairs = value.as_bytes().windows(2).filter(|pair| pair.iter().all(|sign| is_sign(char::from(*sign))));
            pairs.into_iter().any(|pair| kept.as_bytes().windows(2).any(|signs| signs == pair))
        };
        prop_assert!(!secrets.iter().any(|value| has_signs(value)), "two signs of {kept:?} are of a value");
        for word in kept.split(|letter: char| letter == MASK || ".,:;!?'\"()[]{}<>=/-_ ".contains(letter)) {
            let lower = word.to_ascii_lowercase();
            let is_number = word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit());
            let is_of_id = id.contains(word);
            prop_assert!(list.contains(&lower[..]) || is_number || is_of_id, "{word:?} of {kept:?} of {text:?}");
            prop_assert!(is_of_id || !is_of_value(&lower), "{word:?} of {kept:?} is of a value");
            let is_in_value = is_number && !list.contains(word) && secrets.iter().any(|value| value.contains(word));
            prop_assert!(is_of_id || !is_in_value, "{word:?} of {kept:?} is in a value");
        }
    }
}
