//! Finds values that are hardly meant. Most are seen to be plain at a glance; only the others cost a closer look.

use super::damage::within;
use super::{Parameter, REMOVE, Suspicion, Values};
use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// Tells what is suspicious about the values of some parameters, of each the worst. `may_be_damaged`: what
/// [`super::may_be_damaged`] says of the values or of a text that holds them.
pub fn look<Column: Copy>(
    parameters: &[(Column, Parameter)],
    values: &Values<'_>,
    may_be_damaged: bool,
    mut found: impl FnMut((Column, Parameter), Suspicion),
) {
    for (column, parameter) in parameters {
        let value = values.get(*parameter);
        if !value.is_empty()
            && (may_be_damaged || !is_plain(*parameter, value))
            && let Some(suspicion) = suspicion(*parameter, values, may_be_damaged)
        {
            found((*column, *parameter), suspicion);
        }
    }
}

/// Whether a value is easily seen to be no suspicious one, damage within aside: nearly all are.
#[inline]
fn is_plain(parameter: Parameter, value: &[u8]) -> bool {
    let (first, last) = (value[0], value[value.len() - 1]);
    let is_no_word = match first {
        b'0'..=b'9' => match value {
            [.., one, two, three, last] => {
                *one != b'+'
                    && *two != b'+'
                    && *three != b'.'
                    && (!last.is_ascii_lowercase() || value.len() > 8)
            }
            [.., b'.', _] => false,
            _ => true,
        },
        _ if LENGTHS[usize::from(first)] >> value.len().min(15) & 1 == 0 => true,
        // Of the words as long as Jan-12, all but REMOVE and some that begin with a sign have its hyphen.
        _ => value.len() == 6 && first.is_ascii_alphabetic() && first | 0x20 != b'r' && value[3] != b'-',
    };
    is_no_word
        && match parameter {
            Parameter::Email => is_plain_email(value),
            Parameter::Country => value.len() == 2 && value.iter().all(u8::is_ascii_alphabetic),
            Parameter::Zip if value.len() == 4 => false,
            // Not trimmed.
            Parameter::Password => false,
            _ => !is_blank(first) && !is_blank(last),
        }
}

/// What a byte counts in an e-mail address. An address has one `@`, and nothing that stands between two of them.
const IN_EMAIL: [u8; 256] = {
    let mut counts = [0; 256];
    counts[b'@' as usize] = 1;
    let between = b" ,;";
    let mut at = 0;
    while at < between.len() {
        counts[between[at] as usize] = 2;
        at += 1;
    }
    counts
};

/// Whether it is easily seen that [`email`] finds nothing.
#[inline]
fn is_plain_email(value: &[u8]) -> bool {
    let (at, is_one) = match (value.first_chunk::<BLOCK>(), value.last_chunk::<BLOCK>()) {
        // Most are so long that two looks take in all of them.
        (Some(first), Some(last)) if value.len() <= 2 * BLOCK => {
            let (first, last, behind) = (u8x16::new(*first), u8x16::new(*last), value.len() - BLOCK);
            let both = |look: fn(u8x16) -> u32| look(first) | look(last) << behind;
            let ats = both(|block| block.simd_eq(u8x16::splat(b'@')).to_bitmask());
            let between = both(|block| {
                let is = |byte| block.simd_eq(u8x16::splat(byte));
                (is(b' ') | is(b',') | is(b';')).to_bitmask()
            });
            (ats.trailing_zeros() as usize, ats.is_power_of_two() && between == 0)
        }
        _ => {
            // Of so many bytes the sum is one of this type.
            let sum = || value.iter().map(|byte| IN_EMAIL[usize::from(*byte)]).sum::<u8>();
            (memchr::memchr(b'@', value).unwrap_or(0), value.len() < 128 && sum() == 1)
        }
    };
    is_one && at > 0 && !matches!(value[at + 1..], [] | [b'.', ..] | [.., b'.'])
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn suspicion(parameter: Parameter, values: &Values<'_>, may_be_damaged: bool) -> Option<Suspicion> {
    let value = values.get(parameter);
    let (Some(first), Some(last)) = (value.first(), value.last()) else { return None };
    let found = if first.is_ascii_digit() { number(parameter, value, *last) } else { word(value) };
    let found = found.or_else(|| own_rule(parameter, values)).or_else(|| around(parameter, value));
    if found.is_none() && may_be_damaged { within(value) } else { found }
}

/// By its first byte, how long a value is that may be one of the words: a bit for each length, the highest for 15 and
/// more.
const LENGTHS: [u16; 256] = {
    const MONTH: u16 = 1 << 6; // as Jan-12
    let mut lengths = [0; 256];
    let letters: [(&[u8], u16); 4] = [
        // Null, none, nil, n/a, nan.
        (b"nN", 1 << 3 | 1 << 4 | MONTH),
        // REMOVE.
        (b"rR", 1 << 6),
        // Undefined.
        (b"uU", 1 << 9),
        (b"jJfFmMaAsSoOdD", MONTH),
    ];
    let mut group = 0;
    while group < letters.len() {
        let mut at = 0;
        while at < letters[group].0.len() {
            lengths[letters[group].0[at] as usize] = letters[group].1;
            at += 1;
        }
        group += 1;
    }
    let signs = b"#(<[\\='-+?";
    let mut at = 0;
    while at < signs.len() {
        lengths[signs[at] as usize] = u16::MAX;
        at += 1;
    }
    lengths
};

/// Words for no value, in lower case, as whole values. Not `NA`, the code of Namibia.
const NULLS: [&[u8]; 14] = [
    b"null",
    b"(null)",
    b"<null>",
    b"[null]",
    b"\\n",
    b"nil",
    b"none",
    b"nan",
    b"n/a",
    b"undefined",
    b"[object object]",
    b"-",
    b"--",
    b"?",
];

/// Errors of spreadsheets: Excel in English and German, LibreOffice.
const ERRORS: [&[u8]; 14] = [
    b"#n/a",
    b"#nv",
    b"#ref!",
    b"#bezug!",
    b"#name?",
    b"#value!",
    b"#wert!",
    b"#div/0!",
    b"#null!",
    b"#num!",
    b"#zahl!",
    b"#spill!",
    b"#calc!",
    b"#getting_data",
];

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

fn is_any_of(value: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(value))
}

/// A value that begins like one of the words.
fn word(value: &[u8]) -> Option<Suspicion> {
    // Those that can be longer are told by their ends.
    match value {
        [b'=', b'"', .., b'"'] => return Some(Suspicion::Formula),
        [b'\'', b'0'..=b'9' | b'+', ..] => return Some(Suspicion::Apostrophe),
        [b'-' | b'+', rest @ ..] if is_scientific(rest) => return Some(Suspicion::Scientific),
        _ if value.len() > 16 => return None,
        _ => {}
    }
    if value == REMOVE.as_bytes() {
        None
    } else if value.trim_ascii().eq_ignore_ascii_case(REMOVE.as_bytes()) {
        Some(Suspicion::AlmostRemove)
    } else if is_any_of(value, &ERRORS) || value.len() > 1 && value.iter().all(|byte| *byte == b'#') {
        Some(Suspicion::SpreadsheetError)
    } else if is_any_of(value, &NULLS) {
        Some(Suspicion::Null)
    } else if let [month @ .., b'-', b'0'..=b'9', b'0'..=b'9'] = value
        && is_any_of(month, &MONTHS)
    {
        Some(Suspicion::DateForNumber)
    } else {
        None
    }
}

/// A value that begins with a digit.
fn number(parameter: Parameter, value: &[u8], last: u8) -> Option<Suspicion> {
    if is_scientific(value) {
        return Some(Suspicion::Scientific);
    }
    let is_code = parameter.is_lookup() || parameter == Parameter::Zip;
    if last == b'0'
        && is_code
        && matches!(value, [digits @ .., b'.', b'0'] if digits.iter().all(u8::is_ascii_digit))
    {
        return Some(Suspicion::DecimalPoint);
    }
    // Only addresses and codes are ever written as 5/7.
    let day = match value {
        [b'0'..=b'9', rest @ ..] if last.is_ascii_lowercase() && rest.len() < 7 => rest,
        _ => return None,
    };
    let day = if let [b'0'..=b'9', rest @ ..] = day { rest } else { day };
    let month = match day {
        [b'-', month @ ..] | [b'.', b' ', month @ ..] => month,
        _ => return None,
    };
    is_any_of(month, &MONTHS).then_some(Suspicion::DateForNumber)
}

/// Digits, a point or comma, and `E+` with two or three digits.
fn is_scientific(value: &[u8]) -> bool {
    let (digits, exponent) = match value {
        [digits @ .., b'E' | b'e', b'+', one, two] => (digits, [*one, *two]),
        [digits @ .., b'E' | b'e', b'+', _, one, two] => (digits, [*one, *two]),
        _ => return false,
    };
    !digits.is_empty()
        && digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        && exponent.iter().all(u8::is_ascii_digit)
}

/// What only this parameter is held to.
fn own_rule(parameter: Parameter, values: &Values<'_>) -> Option<Suspicion> {
    let value = values.get(parameter);
    match parameter {
        Parameter::Email if value != REMOVE.as_bytes() => email(value),
        Parameter::Country => {
            let is_code =
                matches!(value, [one, two] if one.is_ascii_alphabetic() && two.is_ascii_alphabetic());
            (!is_code && value != REMOVE.as_bytes()).then_some(Suspicion::Country)
        }
        Parameter::Zip if value.len() == 4 => {
            let has_five = matches!(values.get(Parameter::Country), b"US" | b"DE" | b"FR" | b"IT" | b"ES");
            (has_five && value.iter().all(u8::is_ascii_digit)).then_some(Suspicion::LeadingZeroLost)
        }
        _ => None,
    }
}

fn email(value: &[u8]) -> Option<Suspicion> {
    let Some(at) = memchr::memchr(b'@', value) else { return Some(Suspicion::NoAt) };
    let domain = &value[at + 1..];
    let is_one = at > 0
        && !matches!(domain, [] | [b'.', ..] | [.., b'.'])
        && memchr::memchr(b'@', domain).is_none()
        && memchr::memchr3(b' ', b',', b';', value).is_none();
    (!is_one).then_some(Suspicion::EmailShape)
}

/// Blanks that are left: of a password every kind, of other values, which are nearly always trimmed, the usual ones.
fn around(parameter: Parameter, value: &[u8]) -> Option<Suspicion> {
    let is_blank = if parameter == Parameter::Password {
        std::str::from_utf8(value).is_ok_and(|text| text.trim().len() < text.len())
    } else {
        [value.first(), value.last()].into_iter().flatten().any(|byte| is_blank(*byte))
    };
    is_blank.then_some(Suspicion::Blanks)
}

#[cfg(test)]
mod tests {
    use super::super::{UpdateBuilder, may_be_damaged};
    use super::*;
    use proptest::prelude::*;

    fn row(values: &[(Parameter, &str)]) -> UpdateBuilder {
        let mut builder = UpdateBuilder::default();
        values.iter().for_each(|(parameter, value)| builder.set(*parameter, value.as_bytes()));
        builder
    }

    fn look(values: &[(Parameter, &str)]) -> Option<Suspicion> {
        let (parameter, value) = values[0];
        let mut found = None;
        let may_be_damaged = may_be_damaged(value.as_bytes());
        super::look(&[((), parameter)], &row(values).values(), may_be_damaged, |_, one| found = Some(one));
        found
    }

    #[test]
    fn what_exports_and_spreadsheets_leave_behind_is_found() {
        for (parameter, value, expected) in [
            (Parameter::City, "remove", Suspicion::AlmostRemove),
            (Parameter::Password, "Remove ", Suspicion::AlmostRemove),
            (Parameter::City, "#N/A", Suspicion::SpreadsheetError),
            (Parameter::City, "#REF!", Suspicion::SpreadsheetError),
            (Parameter::City, "#BEZUG!", Suspicion::SpreadsheetError),
            (Parameter::City, "########", Suspicion::SpreadsheetError),
            (Parameter::City, "NULL", Suspicion::Null),
            (Parameter::City, "\\N", Suspicion::Null),
            (Parameter::State, "n/a", Suspicion::Null),
            (Parameter::CustomerId, "1.23E+11", Suspicion::Scientific),
            (Parameter::Custom1, "4,9176E+012", Suspicion::Scientific),
            (Parameter::Custom1, "-1E+15", Suspicion::Scientific),
            (Parameter::CustomerId, "10241.0", Suspicion::DecimalPoint),
            (Parameter::Address1, "5-Jul", Suspicion::DateForNumber),
            (Parameter::Address1, "05. Mar", Suspicion::DateForNumber),
            (Parameter::Address1, "Jan-12", Suspicion::DateForNumber),
            (Parameter::Zip, "=\"01067\"", Suspicion::Formula),
            (Parameter::Zip, "'01067", Suspicion::Apostrophe),
            (Parameter::Email, "anna.example.org", Suspicion::NoAt),
            (Parameter::Email, "a@example.org; b@example.org", Suspicion::EmailShape),
            (Parameter::Email, "@example.org", Suspicion::EmailShape),
            (Parameter::Email, "a@b@example.org", Suspicion::EmailShape),
            (Parameter::Email, "a@example.", Suspicion::EmailShape),
            (Parameter::Country, "Germany", Suspicion::Country),
            (Parameter::Country, "U1", Suspicion::Country),
            (Parameter::Password, " s3cret", Suspicion::Blanks),
            (Parameter::Password, "s3cret\u{a0}", Suspicion::Blanks),
            (Parameter::City, "MÃ¼nchen", Suspicion::Mojibake),
            (Parameter::City, "GdaÅ„sk Ã…s", Suspicion::Mojibake),
            (Parameter::City, "Oâ€™Neill", Suspicion::Mojibake),
            (Parameter::City, "M\u{fffd}nchen", Suspicion::Replacement),
            (Parameter::City, "Ri\u{200b}ga", Suspicion::Invisible),
            (Parameter::City, "Ri\u{202e}ga", Suspicion::Invisible),
            (Parameter::City, "Smith &amp; Sons", Suspicion::Entity),
            (Parameter::City, "&quot;Nord&quot;", Suspicion::Entity),
            (Parameter::City, "RÄ«ga", Suspicion::Mojibake),
            (Parameter::City, "Sa&#771;o Paulo", Suspicion::Entity),
        ] {
            assert_eq!(look(&[(parameter, value)]), Some(expected), "{} {value:?}", parameter.name());
        }
        let zip = |zip, country| look(&[(Parameter::Zip, zip), (Parameter::Country, country)]);
        assert_eq!(zip("1067", "DE"), Some(Suspicion::LeadingZeroLost));
        assert_eq!((zip("1067", "AT"), zip("01067", "DE"), zip("106A", "US")), (None, None, None));
    }

    #[test]
    fn what_people_really_are_called_is_left_alone() {
        for (parameter, value) in [
            (Parameter::City, "REMOVE"),
            (Parameter::Email, "REMOVE"),
            (Parameter::Country, "REMOVE"),
            (Parameter::Country, "na"),
            (Parameter::Country, "NO"),
            (Parameter::Lastname, "Nulla"),
            (Parameter::Lastname, "Ng"),
            (Parameter::Lastname, "O’Neill"),
            (Parameter::City, "São Paulo"),
            (Parameter::City, "SÃO PAULO"),
            (Parameter::City, "Ærøskøbing"),
            (Parameter::Address1, "12 July Street"),
            (Parameter::Address1, "1-Julianastraat"),
            (Parameter::Custom1, "=1+1"),
            (Parameter::Custom1, "+49 170 1234567"),
            (Parameter::Custom1, "E+12"),
            (Parameter::Custom1, "10.0"),
            (Parameter::Custom1, "Tom & Jerry"),
            (Parameter::Firstname, "👩\u{200d}🔬"),
            (Parameter::Email, "jose.ñ@exämple.org"),
            (Parameter::CustomerId, "007"),
            (Parameter::Zip, "1012AB"),
            (Parameter::City, "AT&T; Ärzte, Ångström"),
        ] {
            assert_eq!(look(&[(parameter, value)]), None, "{} {value:?}", parameter.name());
        }
    }

    #[test]
    fn every_name_is_there_once() {
        let all = [
            Suspicion::AlmostRemove,
            Suspicion::SpreadsheetError,
            Suspicion::Null,
            Suspicion::Scientific,
            Suspicion::DecimalPoint,
            Suspicion::DateForNumber,
            Suspicion::Formula,
            Suspicion::Apostrophe,
            Suspicion::LeadingZeroLost,
            Suspicion::NoAt,
            Suspicion::EmailShape,
            Suspicion::Country,
            Suspicion::Blanks,
            Suspicion::LineBreak,
            Suspicion::Mojibake,
            Suspicion::Replacement,
            Suspicion::Invisible,
            Suspicion::Entity,
        ];
        let names: std::collections::BTreeSet<_> = all.iter().map(|suspicion| suspicion.name()).collect();
        assert_eq!(names.len(), all.len());
    }

    proptest! {
        /// Looked at together with its neighbours, a value is found to be what it is by itself.
        #[test]
        fn a_look_at_the_whole_text_misses_nothing(
            before in "\\PC{0,8}", value in "[a-cÃ¼Å„â€™&amp;#\u{fffd}\u{200b}\u{feff}]{1,6}", after in "\\PC{0,8}",
        ) {
            let whole = format!("{before},{value},{after}");
            let row = row(&[(Parameter::City, &value)]);
            let together = suspicion(Parameter::City, &row.values(), may_be_damaged(whole.as_bytes()));
            prop_assert_eq!(together, suspicion(Parameter::City, &row.values(), true));
        }

        /// Of an address of any length the same is found.
        #[test]
        fn an_address_of_any_length_is_looked_at_to_its_end(value in "[a-z]{0,20}[a@. ,;]{0,3}[a-z.]{0,20}[@.;]{0,2}") {
            if !value.is_empty() {
                prop_assert_eq!(is_plain_email(value.as_bytes()), email(value.as_bytes()).is_none());
            }
        }

        /// What is easily seen to be plain is.
        #[test]
        fn the_quick_look_misses_nothing(
            parameter in proptest::sample::select(Parameter::ALL.to_vec()),
            value in "[0-9]{0,3}[.,]?[0-9]{0,3}(E[+][0-9]{2,3}|[.]0|[-. ]{0,2}(Jul|jan|Mar))?|(Jan|dec|May)-[0-9]{2}|\
                      [ ]?(NULL|none|#N/A|n/a|remove|REMOVE|undefined|-|--|[?]|=\"1\"|'1|#+)[ ]?|[a@. ,]{0,6}|[A-Za-z]{1,3}",
        ) {
            if !value.is_empty() && is_plain(parameter, value.as_bytes()) {
                prop_assert_eq!(suspicion(parameter, &row(&[(parameter, &value)]).values(), false), None);
            }
        }
    }
}
