//! Finds values that are probably not meant, in the cell and in the value that is sent.

use super::damage::{has_c1_control, has_control, has_entity, has_unseen, is_misread};
use super::suspicion::Suspicion;
use crate::customer::{Parameter, REMOVE};
use crate::text::{decimal_digit, is_unseen};

/// One cell of a row, to look at.
#[derive(Clone, Copy)]
pub struct Cell<'row> {
    /// The parameter of its column.
    pub parameter: Parameter,
    /// The cell as it is written in the file.
    pub raw: &'row str,
    /// The value that is sent. If a table translates the cell, `raw` is this value too: the translation is meant.
    pub value: &'row str,
    /// The country of the row, as it is written in the file and as it is sent.
    pub countries: [&'row str; 2],
}

/// A suspicion, the kinds of bytes of which a suspicious text has at least one, and the check.
type Rule = (Suspicion, u8, fn(&str) -> bool);

/// Kinds of bytes. Nearly all texts lack most of these kinds, so that most checks are skipped.
const SIGN: u8 = 1;
const BLANK: u8 = 2;
const CONTROL: u8 = 4;
const BEYOND_ASCII: u8 = 8;
const ANY: u8 = 16;
/// A byte with which UTF-8 begins a character that nobody sees, or other rare ones: not the letters of the Latin, Greek,
/// Cyrillic, Armenian and Hebrew scripts, and no ideograph.
const RARE: u8 = 32;
const AMPERSAND: u8 = 64;
const PLUS: u8 = 128;

/// The kinds of every byte. [`ANY`] belongs to each.
const KINDS: [u8; 256] = {
    let mut kinds = [ANY; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] |= match byte as u8 {
            b' ' => BLANK,
            b'&' => SIGN | AMPERSAND,
            b'+' => SIGN | PLUS,
            0xc2 | 0xcd | 0xd8..=0xe3 | 0xef.. => BEYOND_ASCII | RARE,
            0x80.. => BEYOND_ASCII,
            byte if byte.is_ascii_control() => CONTROL,
            byte if byte.is_ascii_punctuation() => SIGN,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// The rules for every cell. The first that holds is reported.
const RULES: [Rule; 14] = [
    (Suspicion::AlmostRemove, ANY, is_almost_remove),
    (Suspicion::SpreadsheetError, SIGN, is_spreadsheet_error),
    (Suspicion::Null, ANY, is_null),
    (Suspicion::Formula, SIGN, is_formula),
    (Suspicion::Apostrophe, SIGN, has_apostrophe),
    (Suspicion::Scientific, PLUS, is_scientific),
    (Suspicion::DateForNumber, SIGN | BLANK, is_day_of_month),
    (Suspicion::Replacement, RARE, |text| text.contains('\u{fffd}')),
    (Suspicion::Mojibake, BEYOND_ASCII, is_misread),
    (Suspicion::Mojibake, RARE, has_c1_control),
    (Suspicion::Control, CONTROL, has_control),
    (Suspicion::Invisible, RARE, has_unseen),
    (Suspicion::Entity, AMPERSAND, has_entity),
    (Suspicion::LineBreak, CONTROL, |text| text.contains(['\r', '\n'])),
];

/// Finds the worst suspicion about a cell: first about the value that is sent, then about the cell in the file.
#[must_use]
pub fn find_suspicious(cell: &Cell<'_>) -> Option<Suspicion> {
    let Cell { parameter, raw, value, .. } = *cell;
    if value == REMOVE {
        return None;
    }
    let found = by_rules(parameter, value).or_else(|| by_parameter(cell));
    if found.is_some() || raw == value {
        return found;
    }
    let bare = raw.trim();
    let of_cell = if bare == value.trim() { None } else { by_rules(parameter, bare) };
    // The last byte of a letter may be a blank in the wrong encoding, which is trimmed.
    of_cell
        .or_else(|| (raw != bare && (is_misread(raw) || has_c1_control(raw))).then_some(Suspicion::Mojibake))
}

fn by_rules(parameter: Parameter, text: &str) -> Option<Suspicion> {
    let kinds = text.bytes().fold(0, |kinds, byte| kinds | KINDS[usize::from(byte)]);
    let found = RULES.iter().find(|(_, needed, holds)| kinds & needed != 0 && holds(text));
    match found {
        // Signs alone may be somebody's password.
        Some((Suspicion::Null, ..)) if parameter == Parameter::Password && is_of_signs(text) => None,
        Some((suspicion, ..)) => Some(*suspicion),
        None if kinds & (SIGN | BLANK | BEYOND_ASCII) == 0 => None,
        // Within an id any blank and any joiner is damage.
        None if parameter.is_lookup() && text.contains(|letter| letter == ' ' || is_unseen(letter)) => {
            Some(Suspicion::Invisible)
        }
        None if parameter.is_lookup() || parameter == Parameter::Zip => respelled_number(text),
        None => None,
    }
}

/// The suspicion about a value that only its parameter has.
fn by_parameter(cell: &Cell<'_>) -> Option<Suspicion> {
    let value = cell.value;
    match cell.parameter {
        _ if value.is_empty() => None,
        Parameter::Email => match value.split_once('@') {
            None => Some(Suspicion::NoAt),
            Some((name, domain)) => {
                let is_one = !name.is_empty()
                    && !domain.is_empty()
                    && !domain.starts_with('.')
                    && !domain.ends_with('.')
                    && !domain.contains('@')
                    && !value.bytes().any(|byte| matches!(byte, b' ' | b',' | b';'));
                (!is_one).then_some(Suspicion::EmailShape)
            }
        },
        Parameter::Country => {
            let is_code = value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic());
            (!is_code).then_some(Suspicion::Country)
        }
        Parameter::Zip if value.len() == 4 && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            let has_five =
                |country: &str| FIVE_DIGITS.iter().any(|five| five.eq_ignore_ascii_case(country.trim()));
            cell.countries.into_iter().any(has_five).then_some(Suspicion::LeadingZeroLost)
        }
        _ => (value.starts_with(char::is_whitespace) || value.ends_with(char::is_whitespace))
            .then_some(Suspicion::Blanks),
    }
}

/// Countries whose zip codes have five digits, of which the first may be 0.
const FIVE_DIGITS: [&str; 5] = ["US", "DE", "FR", "IT", "ES"];

fn is_almost_remove(text: &str) -> bool {
    text.trim_start().starts_with(['R', 'r']) && text.trim().eq_ignore_ascii_case(REMOVE)
}

/// `#VALUE!`, `#¿NOMBRE?`, `#N/A`, `####`, `Err:502`: in all languages, a spreadsheet begins an error with a hash and ends
/// it with `!` or `?`; "not available" is two letters around a slash.
fn is_spreadsheet_error(text: &str) -> bool {
    if let Some(number) = text.get(..4).filter(|word| word.eq_ignore_ascii_case("Err:")).map(|_| &text[4..]) {
        return !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    let Some(word) = text.strip_prefix('#') else { return false };
    let is_of_word =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '/' | '_' | '¡' | '¿' | ' ' | '.');
    let is_marked =
        word.strip_suffix(['!', '?']).is_some_and(|word| !word.is_empty() && word.chars().all(is_of_word));
    let letters: Vec<char> = word.chars().take(4).collect();
    let is_unavailable =
        matches!(letters[..], [one, '/', other] if one.is_alphabetic() && other.is_alphabetic());
    is_marked
        || is_unavailable
        || ["NV", "GETTING_DATA"].contains(&word)
        || !word.is_empty() && word.bytes().all(|byte| byte == b'#')
}

/// Words that programs write for no value, bare or in brackets, and signs alone. Not `NA`, the code of Namibia.
fn is_null(text: &str) -> bool {
    let is_any_of = |text: &str, words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    let is_bracketed =
        matches!(text.as_bytes(), [b'(', .., b')'] | [b'<', .., b'>'] | [b'[', .., b']'] | [b'{', .., b'}']);
    let inner = is_bracketed.then(|| &text[1..text.len() - 1]);
    is_any_of(inner.unwrap_or(text), &["null", "nil", "none", "nan", "n/a", "undefined", "object Object"])
        || inner.is_some_and(|inner| is_any_of(inner, &["na", "empty", "blank"]))
        || ["\\N", "NaT"].contains(&text)
        || is_of_signs(text)
}

fn is_of_signs(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_punctuation() || matches!(letter, ' ' | '–' | '—'))
}

/// `="0123"`, `=VLOOKUP(…`.
fn is_formula(text: &str) -> bool {
    let Some(formula) = text.strip_prefix('=') else { return false };
    let is_call = || {
        let name = formula.split_once('(').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '_'))
    };
    formula.len() > 1 && formula.starts_with('"') && formula.ends_with('"') || is_call()
}

/// The apostrophe by which spreadsheets mark text that would be a number or formula.
fn has_apostrophe(text: &str) -> bool {
    matches!(text.as_bytes(), [b'\'', b'0'..=b'9' | b'=' | b'+' | b'-' | b'@', ..])
}

fn is_of_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// As spreadsheets write long numbers: `1.23E+11`.
fn is_scientific(text: &str) -> bool {
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some((number, exponent)) = number.split_once('+') else { return false };
    let Some(mantissa) = number.strip_suffix(['E', 'e']) else { return false };
    let (whole, part) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    is_of_digits(whole) && is_of_digits(part) && (2..4).contains(&exponent.len()) && is_of_digits(exponent)
}

/// How a number is spelt that is not written in plain digits: with an exponent (E, or D as SAS and Fortran write it), with
/// decimals, or with a sign, groups of digits or digits of another script. Not `12E7`, which may be an id in
/// hexadecimal digits.
fn respelled_number(text: &str) -> Option<Suspicion> {
    if text.chars().any(|letter| !letter.is_ascii() && decimal_digit(letter).is_some()) {
        return Some(Suspicion::NumberSpelling);
    }
    let unsigned = text.strip_prefix(['+', '-']).or_else(|| text.strip_suffix('-')).unwrap_or(text);
    let (number, exponent) = unsigned.split_once(['E', 'e', 'D', 'd']).unwrap_or((unsigned, ""));
    let groups: Vec<&str> = number.split(['.', ',', '\'', '’', '٬']).collect();
    let (first, others) = groups.split_first()?;
    if !is_of_digits(first) || !others.iter().all(|group| group.is_empty() || is_of_digits(group)) {
        return None;
    }
    if !exponent.is_empty() {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let is_one = is_of_digits(digits) && digits.len() < 4 && (digits != exponent || others.len() == 1);
        return is_one.then_some(Suspicion::Scientific);
    }
    // Groups have three digits; in India two, except for the last. Decimals may follow.
    let is_group = |group: &&str| group.len() == 3 || group.len() == 2 && number.contains(',');
    let is_grouped = |groups: &[&str]| {
        first.len() < 4 && groups.iter().all(is_group) && groups.last().is_some_and(|last| last.len() == 3)
    };
    match others {
        [] => (unsigned.len() < text.len()).then_some(Suspicion::NumberSpelling),
        [_] if number.contains(['.', ',']) => Some(Suspicion::DecimalPoint),
        [groups @ .., _] if is_grouped(others) || is_grouped(groups) => Some(Suspicion::NumberSpelling),
        _ => None,
    }
}

/// The months in the languages that most spreadsheets speak; a short form is the beginning of a name.
const MONTHS: &str = "\
    january february march april may june july august september october november december \
    januar februar märz mai juni juli oktober dezember \
    janvier février mars avril juin juillet août septembre octobre novembre décembre \
    enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre \
    gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre \
    janeiro fevereiro março maio junho julho setembro outubro novembro dezembro \
    januari februari maart mrt mei juni juli augustus oktober december \
    styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień \
    январь февраль март апрель май мая июнь июль август сентябрь октябрь ноябрь декабрь \
    ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık";

/// Three letters or more with which a month begins.
fn is_month(word: &str) -> bool {
    // Most addresses end here. Without this, the search in `MONTHS` takes a tenth of the CPU of a run.
    if word.contains(' ') {
        return false;
    }
    let word = word.trim_end_matches('.').to_lowercase();
    word.chars().nth(2).is_some() && MONTHS.split(' ').any(|month| month.starts_with(&word))
}

/// A day with a month, as `5-Jul` and `05. Mai`, or a month with two digits, as `Jan-12`.
fn is_day_of_month(text: &str) -> bool {
    let is_two_digits =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(at) = text.bytes().position(|byte| matches!(byte, b'-' | b'.' | b' ' | b'/')) else {
        return false;
    };
    let (before, behind) = (&text[..at], &text[at + 1..]);
    is_two_digits(before) && is_month(behind.trim_start())
        || text[at..].starts_with(['-', '.'])
            && behind.len() == 2
            && is_two_digits(behind)
            && is_month(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn look_in(country: &str, parameter: Parameter, raw: &str, value: &str) -> Option<Suspicion> {
        find_suspicious(&Cell { parameter, raw, value, countries: [country, ""] })
    }

    fn look(parameter: Parameter, value: &str) -> Option<Suspicion> {
        look_in("", parameter, value, value.trim())
    }

    const DAMAGED: &[(Parameter, &str, Suspicion)] = &[
        (Parameter::City, "remove", Suspicion::AlmostRemove),
        (Parameter::Password, "Remove ", Suspicion::AlmostRemove),
        (Parameter::City, "#N/A", Suspicion::SpreadsheetError),
        (Parameter::City, "#REF!", Suspicion::SpreadsheetError),
        (Parameter::City, "#BEZUG!", Suspicion::SpreadsheetError),
        (Parameter::City, "#VALEUR!", Suspicion::SpreadsheetError),
        (Parameter::City, "#¿NOMBRE?", Suspicion::SpreadsheetError),
        (Parameter::City, "#Н/Д", Suspicion::SpreadsheetError),
        (Parameter::City, "#ИМЯ?", Suspicion::SpreadsheetError),
        (Parameter::City, "#DIV/0!", Suspicion::SpreadsheetError),
        (Parameter::City, "########", Suspicion::SpreadsheetError),
        (Parameter::City, "Err:502", Suspicion::SpreadsheetError),
        (Parameter::City, "NULL", Suspicion::Null),
        (Parameter::City, "\\N", Suspicion::Null),
        (Parameter::City, "<NA>", Suspicion::Null),
        (Parameter::City, "NaT", Suspicion::Null),
        (Parameter::City, "-----", Suspicion::Null),
        (Parameter::State, "n/a", Suspicion::Null),
        (Parameter::CustomerId, "1.23E+11", Suspicion::Scientific),
        (Parameter::CustomerId, "1.0241234E7", Suspicion::Scientific),
        (Parameter::Zip, "1.07e3", Suspicion::Scientific),
        (Parameter::Custom1, "4,9176E+012", Suspicion::Scientific),
        (Parameter::Custom1, "-1E+15", Suspicion::Scientific),
        (Parameter::CustomerId, "10241.0", Suspicion::DecimalPoint),
        (Parameter::CustomerId, "10,241", Suspicion::DecimalPoint),
        (Parameter::Zip, "1067.00", Suspicion::DecimalPoint),
        (Parameter::CustomerId, "1,024,100", Suspicion::NumberSpelling),
        (Parameter::CustomerId, "1.024.100,00", Suspicion::NumberSpelling),
        (Parameter::CustomerId, "10'241", Suspicion::NumberSpelling),
        (Parameter::CustomerId, "１０２４１", Suspicion::NumberSpelling),
        (Parameter::CustomerId, "12,34,567", Suspicion::NumberSpelling),
        (Parameter::CustomerId, "-10241.0", Suspicion::DecimalPoint),
        (Parameter::CustomerId, "10241.", Suspicion::DecimalPoint),
        (Parameter::CustomerId, "10241-", Suspicion::NumberSpelling),
        (Parameter::Zip, "+1067", Suspicion::NumberSpelling),
        (Parameter::CustomerId, "1.0241D+04", Suspicion::Scientific),
        (Parameter::CustomerId, "客户\u{200d}1", Suspicion::Invisible),
        (Parameter::CustomerId, "Ä\u{fe0f}241", Suspicion::Invisible),
        (Parameter::Address1, "5-Jul", Suspicion::DateForNumber),
        (Parameter::Address1, "05. Mar", Suspicion::DateForNumber),
        (Parameter::Address1, "05. Mai", Suspicion::DateForNumber),
        (Parameter::Address1, "12-juil.", Suspicion::DateForNumber),
        (Parameter::Address1, "5.июл", Suspicion::DateForNumber),
        (Parameter::Address1, "Jan-12", Suspicion::DateForNumber),
        (Parameter::Zip, "=\"01067\"", Suspicion::Formula),
        (Parameter::City, "=VLOOKUP(A2,B:C,2,0)", Suspicion::Formula),
        (Parameter::City, "=SVERWEIS(A2)", Suspicion::Formula),
        (Parameter::Zip, "'01067", Suspicion::Apostrophe),
        (Parameter::City, "'=1+1", Suspicion::Apostrophe),
        (Parameter::Email, "anna.example.org", Suspicion::NoAt),
        (Parameter::Email, "a@example.org; b@example.org", Suspicion::EmailShape),
        (Parameter::Email, "@example.org", Suspicion::EmailShape),
        (Parameter::Email, "a@b@example.org", Suspicion::EmailShape),
        (Parameter::Email, "a@example.", Suspicion::EmailShape),
        (Parameter::Country, "Germany", Suspicion::Country),
        (Parameter::Country, "U1", Suspicion::Country),
        (Parameter::City, "MÃ¼nchen", Suspicion::Mojibake),
        (Parameter::City, "GdaÅ„sk Ã…s", Suspicion::Mojibake),
        (Parameter::City, "Oâ€™Neill", Suspicion::Mojibake),
        (Parameter::City, "O¬íNeill", Suspicion::Mojibake),
        (Parameter::City, "æ±äº¬", Suspicion::Mojibake),
        (Parameter::City, "citÃ\u{a0}", Suspicion::Mojibake),
        (Parameter::City, "O\u{92}Neill", Suspicion::Mojibake),
        (Parameter::City, "M√ºnchen", Suspicion::Mojibake),
        (Parameter::City, "M├╝nchen", Suspicion::Mojibake),
        (Parameter::City, "ÐœÐ¾ÑÐºÐ²Ð°", Suspicion::Mojibake),
        (Parameter::City, "Р РёРіР°", Suspicion::Mojibake),
        (Parameter::City, "M\u{fffd}nchen", Suspicion::Replacement),
        (Parameter::City, "\u{1b}$BEl5~\u{1b}(B", Suspicion::Control),
        (Parameter::City, "Riga\u{7f}", Suspicion::Control),
        (Parameter::City, "Ri\u{200b}ga", Suspicion::Invisible),
        (Parameter::City, "Ri\u{202e}ga", Suspicion::Invisible),
        (Parameter::City, "Mün\u{ad}chen", Suspicion::Invisible),
        (Parameter::City, "Sankt\u{a0}Gallen", Suspicion::Invisible),
        (Parameter::CustomerId, "10241\u{2060}", Suspicion::Invisible),
        (Parameter::CustomerId, "10 241", Suspicion::Invisible),
        (Parameter::City, "Smith &amp; Sons", Suspicion::Entity),
        (Parameter::City, "O&rsquo;Neill", Suspicion::Entity),
        (Parameter::City, "RÄ«ga", Suspicion::Mojibake),
        (Parameter::City, "Sa&#771;o Paulo", Suspicion::Entity),
    ];

    #[test]
    fn every_unseen_character_begins_with_a_rare_byte() {
        let begins_rare = |letter: &char| KINDS[usize::from(letter.to_string().as_bytes()[0])] & RARE != 0;
        assert!(
            ('\u{80}'..=char::MAX).filter(|letter| is_unseen(*letter)).all(|letter| begins_rare(&letter))
        );
        assert!(begins_rare(&'\u{fffd}') && !"äŁλЖԱא京한".chars().any(|letter| begins_rare(&letter)));
    }

    #[test]
    fn what_exports_and_spreadsheets_leave_behind_is_found() {
        for (parameter, value, expected) in DAMAGED {
            assert_eq!(look(*parameter, value), Some(*expected), "{} {value:?}", parameter.name());
        }
        for blanks in [" s3cret", "s3cret\u{a0}", "s3cret\t"] {
            let found = look_in("", Parameter::Password, blanks, blanks);
            assert!(matches!(found, Some(Suspicion::Blanks | Suspicion::Invisible)), "{blanks:?} {found:?}");
        }
    }

    #[test]
    fn a_lost_zero_is_found_by_the_country_of_the_row() {
        let zip = |zip, country| look_in(country, Parameter::Zip, zip, zip);
        assert_eq!([zip("1067", "DE"), zip("1067", " de ")], [Some(Suspicion::LeadingZeroLost); 2]);
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
            (Parameter::Address1, "Rue de l’Église"),
            (Parameter::Address1, "L’École"),
            (Parameter::Lastname, "CHLOÉ’S"),
            (Parameter::City, "«École»"),
            (Parameter::City, "Gasthaus »Öko«"),
            (Parameter::City, "RUE DE LA LIBERTÉ…"),
            (Parameter::Firstname, "Nat"),
            (Parameter::City, "São Paulo"),
            (Parameter::City, "SÃO PAULO"),
            (Parameter::City, "Ærøskøbing"),
            (Parameter::City, "Łódź"),
            (Parameter::City, "Санкт-Петербург"),
            (Parameter::City, "Αθήνα"),
            (Parameter::City, "東京都"),
            (Parameter::Address1, "12 July Street"),
            (Parameter::Address1, "1-Julianastraat"),
            (Parameter::Address1, "12-Marienplatz"),
            (Parameter::Custom1, "=1+1"),
            (Parameter::Custom1, "+49 170 1234567"),
            (Parameter::Custom1, "E+12"),
            (Parameter::Custom1, "10.0"),
            (Parameter::Custom1, "Tom & Jerry"),
            (Parameter::Custom1, "#1"),
            (Parameter::Custom1, "'t Hooft"),
            (Parameter::Firstname, "👩\u{200d}🔬"),
            (Parameter::Firstname, "علی\u{200c}رضا"),
            (Parameter::Email, "jose.ñ@exämple.org"),
            (Parameter::CustomerId, "007"),
            (Parameter::CustomerId, "12E45"),
            (Parameter::CustomerId, "AB-10241"),
            (Parameter::CustomerId, "10.0.12.7"),
            (Parameter::Zip, "1012AB"),
            (Parameter::Zip, "123 45"),
            (Parameter::Password, "!?&%-"),
            (Parameter::City, "AT&T; Ärzte, Ångström"),
        ] {
            assert_eq!(look(parameter, value), None, "{} {value:?}", parameter.name());
        }
    }

    #[test]
    fn the_cell_is_looked_at_as_well_as_what_becomes_of_it() {
        assert_eq!(look_in("", Parameter::Custom1, "NULL", "none of these"), Some(Suspicion::Null));
        assert_eq!(look_in("", Parameter::City, "MÃ¼nchen", "mã¼nchen"), Some(Suspicion::Mojibake));
        assert_eq!(look_in("", Parameter::Country, "germany", "DE"), None);
        assert_eq!(look_in("", Parameter::City, "", "REMOVE"), None);
    }

    /// A text in UTF-8 that is read in a single-byte encoding.
    fn misread(text: &str, encoding: Option<&'static encoding_rs::Encoding>) -> String {
        match encoding {
            Some(encoding) => encoding.decode_without_bom_handling(text.as_bytes()).0.into_owned(),
            None => super::super::damage::read_as_cp437(text.as_bytes()),
        }
    }

    proptest! {
        #[test]
        fn text_of_any_script_that_was_misread_is_found(
            words in proptest::sample::select(vec!["[a-z]{1,5}[äöüßéèñçåøłśżčřőğ][a-z]{0,5}", "[а-я]{2,9}", "[α-ω]{2,9}", "[ぁ-ん一-龠A-C]{0,4}[ぁ-ん一-龠]{1,3}", "[א-ת]{2,8}"])
                .prop_flat_map(|word| proptest::collection::vec(word, 1..4)),
            encoding in proptest::sample::select(vec![
                Some(encoding_rs::WINDOWS_1252), Some(encoding_rs::WINDOWS_1251), Some(encoding_rs::MACINTOSH), None,
            ]),
        ) {
            let text = words.join(" ");
            prop_assert_eq!(look(Parameter::City, &text), None, "{}", text);
            let found = look(Parameter::City, &misread(&text, encoding));
            prop_assert!(matches!(found, Some(Suspicion::Mojibake | Suspicion::Replacement)), "{:?}", found);
        }

        /// However a program spells it, a number that is no plain one is found as an id and as a zip code.
        #[test]
        fn a_number_in_another_spelling_is_found(number in 10_000_u64..10_u64.pow(12), way in 0_usize..8) {
            let plain = number.to_string();
            let grouped = |sign: &str| {
                let mut groups: Vec<String> = plain.as_bytes().rchunks(3).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
                groups.reverse();
                groups.join(sign)
            };
            let spelt = match way {
                0 => format!("{plain}.0"),
                1 => format!("{plain},00"),
                2 => format!("{:E}", number as f64 + 0.5),
                3 => format!("{:e}", number as f64 + 0.5).replace('e', "e+"),
                4 => grouped(","),
                5 => grouped("."),
                6 => grouped("'"),
                _ => plain.bytes().filter_map(|byte| char::from_u32(0xff10 + u32::from(byte - b'0'))).collect(),
            };
            for parameter in [Parameter::CustomerId, Parameter::SubscriptionId, Parameter::Zip] {
                prop_assert_eq!(look(parameter, &plain), None);
                let found = look(parameter, &spelt);
                let is_number = matches!(
                    found,
                    Some(Suspicion::Scientific | Suspicion::DecimalPoint | Suspicion::NumberSpelling)
                );
                prop_assert!(is_number, "{} {:?}", spelt, found);
            }
        }

        /// In an id nothing stays that is not seen.
        #[test]
        fn what_is_not_seen_in_an_id_is_found(before in "[0-9]{1,4}", unseen in "[\\p{Cf}\\p{Zs}\\u{115f}\\u{3164}\\u{fe0f}]", behind in "[0-9]{1,4}") {
            let id = format!("{before}{unseen}{behind}");
            prop_assert_eq!(look(Parameter::CustomerId, &id), Some(Suspicion::Invisible), "{:?}", id);
        }
    }
}
