//! Takes the API key and the row's values out of what a server says: servers echo what they were sent.

mod entities;
mod escapes;
mod letter;
mod mojibake;
mod packed;
mod view;

use super::ApiKey;
use crate::customer::{Parameter, REMOVE, Update};
use escapes::{LONGEST_ESCAPE, is_cut};
use foldhash::fast::RandomState;
use letter::Letter;
use memchr::memmem::Finder;
use std::collections::HashSet;
use view::{View, each_view, readings};

/// Stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// How much of a text is looked at, in characters. More than is ever shown.
const LOOKED_AT: usize = 1500;

/// Field values shorter than this are taken out only where they stand alone: "US" is part of many words.
const SHORT: usize = 4;

/// So many characters of the key or the password in a row are taken out too: servers cut what they echo.
const PART: usize = 6;

/// More of a value is not sought: what begins like it for so long is it.
const LONGEST_SOUGHT: usize = 128;

/// The start of `text` without the key and without any value of the row but its ids, which the record names anyway.
/// Values are found however forms, URLs, HTML, JSON, SQL, Base64 and hex spell them, one within the other too, in upper
/// or lower case, and as those have them who take UTF-8 for Latin-1 or have no letters but those of ASCII.
pub(super) fn redact(text: &str, update: &Update, key: &ApiKey) -> String {
    let sought = Sought::new(update, key);
    let end = text.char_indices().nth(LOOKED_AT).map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    let mut is_secret = vec![false; text.chars().count()];
    if each_view(text, |view| sought.mark(view, &mut is_secret)).is_err() {
        // Nobody means such a text, and nobody has read all of it.
        return REDACTED.to_owned();
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

struct Needle {
    letters: Vec<char>,
    /// Finds its beginning.
    head: Finder<'static>,
    head_length: usize,
    anywhere: bool,
}

/// What to look for, case aside.
#[derive(Default)]
struct Sought {
    needles: Vec<Needle>,
    parts: HashSet<[char; PART], RandomState>,
}

impl Sought {
    fn new(update: &Update, key: &ApiKey) -> Sought {
        let mut sought = Sought::default();
        sought.push_value(key.secret(), true);
        for (parameter, value) in update.values() {
            if parameter.is_lookup() || value == REMOVE {
                continue;
            }
            sought.push_value(value, parameter == Parameter::Password);
        }
        sought
    }

    fn push_value(&mut self, value: &str, is_secret: bool) {
        if !value.is_ascii() {
            self.push_in_ascii(value);
        }
        for value in [value, value.trim()] {
            let is_short = value.chars().count() < SHORT;
            for (nth, reading) in readings(value, LOOKED_AT).into_iter().enumerate() {
                let mut reading: Vec<char> = reading.into_iter().map(folded).collect();
                reading.dedup_by(|one, before| is_second_blank(*before, *one));
                if is_secret {
                    let parts = reading.windows(PART).filter(|part| part.iter().any(|letter| *letter != ' '));
                    self.parts.extend(parts.filter_map(|part| <[char; PART]>::try_from(part).ok()));
                }
                // A later reading may be a letter or a blank only, and a plus is read as a blank.
                let anywhere = reading.len() >= SHORT || is_secret && nth == 0;
                let is_blank = reading.iter().all(|letter| letter.is_whitespace());
                if !is_blank || anywhere && nth == 0 {
                    self.push(reading, anywhere);
                }
            }
            if is_short {
                // Among all that may be Base64 or hex there would be many.
                self.push(base64(value.as_bytes()).chars().map(folded).collect(), is_secret);
                let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
                self.push(hex.chars().collect(), is_secret);
            }
        }
    }

    /// As those write it who have none but the letters of ASCII: one sign for each of the others, or for each of its bytes.
    fn push_in_ascii(&mut self, value: &str) {
        for width in [|_| 1, char::len_utf8] {
            let spelt = |letter: char| match letter {
                _ if letter.is_ascii() => letter.to_string(),
                _ => "?".repeat(width(letter)),
            };
            let letters: Vec<char> = value
                .trim()
                .chars()
                .flat_map(|letter| spelt(letter).chars().collect::<Vec<_>>())
                .take(LONGEST_SOUGHT)
                .map(folded)
                .collect();
            if letters.iter().any(|letter| letter.is_alphanumeric()) {
                let anywhere = letters.len() >= SHORT;
                self.push(letters, anywhere);
            }
        }
    }

    fn push(&mut self, letters: Vec<char>, anywhere: bool) {
        let is_known = |needle: &Needle| needle.letters == letters && needle.anywhere >= anywhere;
        if letters.is_empty() || self.needles.iter().any(is_known) {
            return;
        }
        let head: String = letters.iter().take(LONGEST_SOUGHT).collect();
        let head_length = letters.len().min(LONGEST_SOUGHT);
        self.needles.push(Needle { letters, head: Finder::new(&head).into_owned(), head_length, anywhere });
    }

    /// Marks which letters of the server's text spell a secret, as one reader has it.
    fn mark(&self, view: &View, is_secret: &mut [bool]) {
        // Servers wrap what they say, and what is shown has no two blanks in a row: neither has what is looked at.
        let mut read: Vec<Letter> =
            view.letters.iter().map(|letter| Letter { letter: folded(letter.letter), ..*letter }).collect();
        read.dedup_by(|one, before| is_second_blank(before.letter, one.letter));
        let letters: Vec<char> = read.iter().map(|letter| letter.letter).collect();
        let (text, ends) = (letters.iter().collect::<String>(), ends(&letters));
        // With what stands between them: the blanks between hex digits.
        let mut hide = |found: &[Letter]| {
            if let (Some(first), Some(last)) = (found.first(), found.last()) {
                is_secret[first.start..last.end].fill(true);
            }
        };
        let mut index_of = vec![0; text.len()];
        for (index, (at, _)) in text.char_indices().enumerate() {
            index_of[at] = index;
        }
        for needle in self.needles.iter().filter(|needle| !view.is_packed || needle.letters.len() >= SHORT) {
            let mut seen = 0;
            for at in needle.head.find_iter(text.as_bytes()) {
                let start = index_of[at];
                let end = start + needle.length_at(&letters[start..]);
                if end > seen && (needle.anywhere || stands_alone(&letters, start, end)) {
                    hide(&read[start.max(seen)..end]);
                    seen = end;
                }
            }
            if let Some(start) = needle.begun_before(&ends, &letters) {
                hide(&read[start..]);
            }
        }
        for (start, part) in letters.windows(PART).enumerate() {
            if self.parts.contains(part) {
                hide(&read[start..start + PART]);
            }
        }
    }
}

impl Needle {
    /// How many letters are the needle, of which they begin with the head.
    fn length_at(&self, letters: &[char]) -> usize {
        letters.iter().zip(&self.letters).take_while(|(one, other)| one == other).count()
    }

    /// Where before one of these ends the beginning of the needle stands.
    fn begun_before(&self, ends: &[usize], letters: &[char]) -> Option<usize> {
        let starts = ends.iter().filter_map(|end| {
            let is_there = |length: &usize| letters[..*end].ends_with(&self.letters[..*length]);
            Some(end - (PART..self.head_length.min(end + 1)).rev().find(is_there)?)
        });
        starts.min()
    }
}

/// Where a text ends, and where it does without an escape that is not whole: it may be cut within either.
fn ends(letters: &[char]) -> Vec<usize> {
    let tail = letters.len().saturating_sub(LONGEST_ESCAPE);
    (tail..letters.len()).filter(|at| is_cut(&letters[*at..])).chain([letters.len()]).collect()
}

/// A letter with its case aside, blanks of any kind alike, and the plus with which a form spells one: servers break lines.
fn folded(letter: char) -> char {
    match letter {
        '+' => ' ',
        _ if letter.is_whitespace() => ' ',
        _ if letter.is_ascii() => letter.to_ascii_lowercase(),
        _ => letter.to_lowercase().next().unwrap_or(letter),
    }
}

fn is_second_blank(before: char, letter: char) -> bool {
    before == ' ' && letter == ' '
}

fn stands_alone(letters: &[char], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|before| letters.get(before));
    let is_of_word = |letter: Option<&char>| letter.is_some_and(|letter| letter.is_alphanumeric());
    !is_of_word(before) && !is_of_word(letters.get(end))
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

    type Spelling = (&'static str, fn(&str) -> String);

    /// Ways to spell a value that servers, and what stands before them, have.
    const SPELLINGS: [Spelling; 29] = [
        ("as it is", str::to_owned),
        ("a form", |value| form_urlencoded::byte_serialize(value.as_bytes()).collect()),
        ("a URL (RFC 3986)", |value| percent(value, b"-._~")),
        ("encodeURIComponent", |value| percent(value, b"-._~!*'()")),
        ("encodeURI", |value| percent(value, b"-._~!*'();/?:@&=+$,#")),
        ("every byte in percent", |value| bytes(value, |byte| format!("%{byte:02x}"))),
        ("HTML", |value| html(value).replace('\'', "&#039;")),
        ("Go's HTML", |value| html(value).replace("&quot;", "&#34;").replace('\'', "&#39;")),
        ("decimal references", |value| letters(value, |letter| format!("&#{};", u32::from(letter)))),
        ("hex references", |value| letters(value, |letter| format!("&#x{:X};", u32::from(letter)))),
        ("JSON", json),
        ("JSON in ASCII", |value| ascii(&json(value))),
        ("PHP's JSON", |value| ascii(&json(value)).replace('/', "\\/")),
        ("PHP's JSON, unescaped", |value| json(value).replace('/', "\\/")),
        ("JSON for HTML", |value| json(value).replace('&', "\\u0026").replace('<', "\\u003c")),
        ("bytes with \\x", |value| bytes(value, |byte| format!("\\x{byte:02X}"))),
        ("octal", |value| bytes(value, |byte| format!("\\{byte:03o}"))),
        ("JavaScript's escape", |value| value.encode_utf16().map(|unit| format!("%u{unit:04X}")).collect()),
        ("escapes in braces", |value| letters(value, |letter| format!("\\u{{{:x}}}", u32::from(letter)))),
        ("references without an end", |value| letters(value, |letter| format!("&#x{:x}", u32::from(letter)))),
        ("SQL", |value| value.replace('\'', "''")),
        ("CSV", |value| value.replace('"', "\"\"")),
        ("slashes", |value| value.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"")),
        ("hex", |value| bytes(value, |byte| format!("{byte:02x}"))),
        ("hex with blanks", |value| bytes(value, |byte| format!("{byte:02X} "))),
        ("UTF-8 taken for Latin-1", |value| value.bytes().map(char::from).collect()),
        ("Base64", |value| base64(value.as_bytes())),
        ("Base64 of x and it", |value| base64(format!("x{value}").as_bytes())),
        ("base64url of two and it", |value| {
            base64(format!("u:{value}").as_bytes()).replace('+', "-").replace('/', "_")
        }),
    ];

    fn bytes(value: &str, spell: fn(u8) -> String) -> String {
        value.bytes().map(spell).collect()
    }

    fn letters(value: &str, spell: fn(char) -> String) -> String {
        value.chars().map(spell).collect()
    }

    fn percent(value: &str, bare: &[u8]) -> String {
        let spell = |byte: u8| match byte {
            _ if byte.is_ascii_alphanumeric() || bare.contains(&byte) => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        value.bytes().map(spell).collect()
    }

    fn html(value: &str) -> String {
        value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    }

    fn json(value: &str) -> String {
        let quoted = serde_json::to_string(value).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    }

    fn ascii(json: &str) -> String {
        let spell = |letter: char| match letter {
            _ if letter.is_ascii() => letter.to_string(),
            _ => letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        };
        json.chars().map(spell).collect()
    }

    /// Asserts that nothing of a spelt value is left but what is not the value's alone: the first digits of Base64 that
    /// begins before it, and its padding.
    #[track_caller]
    fn assert_gone(clean: &str, spelt: &str) {
        let rest = clean.strip_prefix("no: >").and_then(|rest| rest.strip_suffix("< end"));
        let rest = rest.unwrap_or_else(|| panic!("the server's own words: {clean} of {spelt}"));
        assert!(rest.contains(REDACTED), "{clean} of {spelt}");
        assert!(rest.replace(REDACTED, "").len() <= MOST_LEFT, "{clean} of {spelt}");
    }
    const MOST_LEFT: usize = 12;

    #[test]
    fn what_was_found_to_get_past_does_not() {
        let password = "p!w d(x)~q";
        let spelt = [
            "p%21w+d%28x%29~q",
            "p%21w%20d%28x%29~q",
            "p!w%20d(x)~q",
            "cCF3IGQoeCl-cQ==",
            "cCF3IGQoeCl+cQ==",
            "eHAhdyBkKHgpfnE=",
            "p%2521w%2520d%2528x%2529~q",
            r"\x70\x21\x77\x20\x64\x28\x78\x29\x7e\x71",
            "&#x70;&#x21;&#x77;&#x20;&#x64;&#x28;&#x78;&#x29;&#x7E;&#x71;",
            "&#112;&#33;&#119;&#32;&#100;&#40;&#120;&#41;&#126;&#113;",
            "70 21 77 20 64 28 78 29 7e 71",
            "70:21:77:20:64:28:78:29:7E:71",
            "0x70, 0x21, 0x77, 0x20, 0x64, 0x28, 0x78, 0x29, 0x7e, 0x71",
            "0x70217720642878297E71",
            "p&excl;w d&lpar;x&rpar;~q",
            "p!w\n\td(x)~q",
            "p!w  d(x)~q",
            "p!w%20%0d%0a%20d(x)~q",
            "p!w\\r\\n   d(x)~q",
            r"\160\41\167\40\144\50\170\51\176\161",
            r"p\0!\0w\0 \0d\0(\0x\0)\0~\0q\0",
            r"\x{70}\x{21}\x{77}\x{20}\x{64}\x{28}\x{78}\x{29}\x{7e}\x{71}",
            "p!w\r\nd(x)~q",
            "p\0!\0w\0 \0d\0(\0x\0)\0~\0q\0",
            "700021007700200064002800780029007e007100",
            "cAAhAHcAIABkACgAeAApAH4AcQA=",
            "AHAAIQB3ACAAZAAoAHgAKQB+AHE=",
        ];
        for spelt in spelt {
            assert_gone(&redacted(&format!("no: >{spelt}< end"), &[(Parameter::Password, password)]), spelt);
        }
        for (value, spelt) in [
            (r#"o'neil+"x"@example.org"#, "o'neil%2B%22x%22%40example.org"),
            (r#"o'neil+"x"@example.org"#, "o&#39;neil+&#34;x&#34;@example.org"),
            ("M&ü/ller", r"M\\u0026\\u00fc\\/ller"),
            ("M&ü/ller", r"M&ü\/ller"),
            ("Élodie Müller", "&Eacute;lodie M&uuml;ller"),
            ("Élodie Müller", r"\xc3\x89lodie M\xfcller"),
            ("Élodie Müller", "%C9lodie+M%FCller"),
            ("Sankt Peter Ording", "Sankt\r\n    Peter   Ording"),
            ("Sankt  Peter \t Ording", "Sankt Peter Ording"),
            ("max.mustermann@example.de", "bWF4Lm11c3Rlcm1hbm\r\n5AZXhhbXBsZS5kZQ=="),
            ("AT&T <b> é", "AT&ampT &ltb&gt &eacute."),
            ("🙂 smile", r"\ud83d\ude42 smile"),
            ("🙂 smile", r"\U0001F642 smile"),
            ("Großmöllendorf", "GroÃŸmÃ¶llendorf"),
            ("Großmöllendorf", "Gro\u{c3}\u{9f}mÃ¶llendorf"),
            ("Großmöllendorf", r"Gro\u00c3\u009fm\u00c3\u00b6llendorf"),
            ("Großmöllendorf", "Gro&Atilde;&Yuml;m&Atilde;&para;llendorf"),
            ("Großmöllendorf", "Gro?m?llendorf"),
            ("Großmöllendorf", "gro??m??llendorf"),
            ("Łódź", "???d??"),
        ] {
            assert_gone(&redacted(&format!("no: >{spelt}< end"), &[(Parameter::Email, value)]), spelt);
        }
    }

    #[test]
    fn a_value_cut_anywhere_in_its_spelling_does_not_show() {
        let value = "Zoë & <Łukasz> 'O\\Neil' 🙂 \"x\"";
        // These spell letter by letter.
        let spellings = SPELLINGS[..20].iter().filter(|(name, _)| !name.starts_with("Go") && *name != "HTML");
        for (name, spell) in spellings {
            let (spelt, begun) = (spell(value), spell("Zoë & <").len());
            for end in (begun..spelt.len()).filter(|end| spelt.is_char_boundary(*end)) {
                let text = format!("no: >{}", &spelt[..end]);
                let clean = redacted(&text, &[(Parameter::Firstname, value)]);
                assert_eq!(clean, "no: >[redacted]", "{name}: {text}");
            }
        }
    }

    #[test]
    fn parts_of_the_key_are_found_however_they_are_spelt() {
        let key = "aB3!x&y~z9";
        for spelt in [
            "%21x%26y~z9",
            "eGFCMyF4Jnl+ejk=",
            r"\x61\x42\x33\x21\x78\x26\x79\x7e\x7a\x39",
            "&#x61;&#x42;&#x33;&#x21;&#x78;&#x26;&#x79;&#x7e;&#x7a;&#x39;",
            "6142332178",
            "3!x&amp;y~",
        ] {
            let text = format!("no: >{spelt}< end");
            let clean = redact(&text, &update(&[(Parameter::City, "Riga")]), &ApiKey::new(key).unwrap());
            if spelt.len() < 12 && spelt.starts_with("61") {
                assert_eq!(clean, text, "five letters");
            } else {
                assert_gone(&clean, spelt);
            }
        }
    }

    #[test]
    fn short_values_are_found_in_base64_and_hex_where_these_stand_alone() {
        let values = [(Parameter::Password, "x1"), (Parameter::Country, "US")];
        assert_eq!(
            redacted("'eDE=' 7831 'VVM=' 5553", &values),
            "'[redacted]=' [redacted] '[redacted]=' [redacted]"
        );
        assert_eq!(redacted("%22US%22, %55S", &values), "%22[redacted]%22, [redacted]");
    }

    #[test]
    fn text_without_any_of_it_is_left_alone() {
        let values = [
            (Parameter::Password, "p!w d(x)~q"),
            (Parameter::Firstname, "Anna"),
            (Parameter::Country, "US"),
            (Parameter::State, "%20%20"),
            (Parameter::Zip, "+"),
            (Parameter::Custom1, "&nbsp;&#32;"),
        ];
        for text in [
            "",
            "Customer not found",
            "The e-mail address is already in use by customer 44b54 (id 191)",
            r#"{"errors":[{"field":"custom1","hint":"at most 50 \u0026 no \"quotes\" \\ or \/"}]}"#,
            "<p>It&#39;s 100&nbsp;% &amp; more &eacute; &unknown; &#xZZ; &# %zz %4 \\u12 \\x \\</p>",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            "trace 4bf92f3577b34da6a3ce929d0e0e4736, 00:1A:2C:3D:4E:5F, 0x7ffd 0xdeadbeef 0x",
            "d41d8cd98f00b204e9800998ecf8427e 550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(redacted(text, &values), text);
        }
    }

    /// What makes as many readings as can be made costs no more than some, and shows nothing.
    #[test]
    fn a_text_that_is_everything_at_once_is_soon_done() {
        let value = "%25aB+".repeat(10_000);
        let values = Parameter::ALL.map(|parameter| (parameter, value.as_str()));
        let fields: Vec<_> = values.into_iter().filter(|(parameter, _)| !parameter.is_lookup()).collect();
        let packed = (0..6).fold("%25aB+".repeat(400), |text, _| base64(text.as_bytes())[..3000].to_owned());
        for text in
            ["%25".repeat(22_000), "%41\\x41&#65;".repeat(5_000), "0".repeat(65_536), packed, value.clone()]
        {
            let clean = redacted(&text, &fields);
            assert!(clean.chars().count() <= LOOKED_AT + REDACTED.len(), "{}", clean.len());
        }
    }

    proptest! {
        #[test]
        fn no_value_survives_in_any_spelling_of_any_spelling(
            value in "[ -~äéÜßŁ東🙂]{8,20}",
            first in 0..SPELLINGS.len(),
            second in 0..SPELLINGS.len(),
            parameter in prop::sample::select(vec![Parameter::Password, Parameter::Custom1]),
        ) {
            prop_assume!(value.trim().chars().count() >= 8);
            let spelt = SPELLINGS[second].1(&SPELLINGS[first].1(&value));
            let clean = redacted(&format!("no: >{spelt}< end"), &[(parameter, &value)]);
            assert_gone(&clean, &format!("{} of {}: {spelt}", SPELLINGS[second].0, SPELLINGS[first].0));
        }

        #[test]
        fn other_text_is_left_alone(text in "[a-m %&;#x0-9\\\\]{0,200}") {
            let values = [(Parameter::Password, "nopq-rst"), (Parameter::City, "Zürz wny")];
            prop_assert_eq!(redact(&text, &update(&values), &ApiKey::new("uvwz.uvwz").unwrap()), text);
        }
    }
}
