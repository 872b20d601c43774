//! What Unicode says of single characters, where the standard library is silent.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, JoinControl, VariationSelector};
use icu_properties::{CodePointMapData, CodePointSetData};

fn category(letter: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(letter)
}

/// The value of a decimal digit of any script: 3 of `3`, `３` and `٣`. Unicode encodes the ten digits of a script in
/// order and side by side (The Unicode Standard, section 4.6).
#[must_use]
pub fn decimal_digit(letter: char) -> Option<u32> {
    if letter.is_ascii() {
        return letter.to_digit(10);
    }
    let is_digit = |code: u32| {
        char::from_u32(code).is_some_and(|letter| category(letter) == GeneralCategory::DecimalNumber)
    };
    let code = u32::from(letter);
    is_digit(code).then(|| (1..code).take_while(|before| is_digit(code - before)).count() as u32 % 10)
}

/// Whether people write it between the digits of one number: a blank, dash, bracket or slash, a point, comma, plus, colon
/// or apostrophe.
#[must_use]
pub fn is_digit_separator(letter: char) -> bool {
    matches!(letter, '.' | ',' | '/' | '+' | ':' | '\'' | '’')
        || matches!(
            category(letter),
            GeneralCategory::SpaceSeparator
                | GeneralCategory::DashPunctuation
                | GeneralCategory::OpenPunctuation
                | GeneralCategory::ClosePunctuation
        )
}

/// Whether nobody sees it, or sees it as a common blank: default ignorable, format or separator by Unicode's properties.
pub(super) fn is_unseen(letter: char) -> bool {
    let is_separator = || {
        matches!(
            category(letter),
            GeneralCategory::Format
                | GeneralCategory::SpaceSeparator
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
    };
    letter != ' '
        && !letter.is_ascii_graphic()
        && (is_separator() || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(letter))
}

/// Whether it joins or varies the character before it, as in many emoji and in Persian.
pub(super) fn is_joiner(letter: char) -> bool {
    CodePointSetData::new::<JoinControl>().contains(letter)
        || CodePointSetData::new::<VariationSelector>().contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_have_their_value() {
        for ten in ["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡"]
        {
            let values: Vec<_> = ten.chars().filter_map(decimal_digit).collect();
            assert_eq!(values, (0..10).collect::<Vec<_>>(), "{ten}");
        }
        assert!(['a', '½', 'Ⅷ', '²', '五'].into_iter().all(|letter| decimal_digit(letter).is_none()));
    }

    #[test]
    fn what_nobody_sees_is_known_by_its_property() {
        for unseen in
            "\u{a0}\u{ad}\u{34f}\u{115f}\u{180e}\u{2003}\u{200b}\u{202e}\u{2028}\u{2060}\u{3000}\u{feff}"
                .chars()
        {
            assert!(is_unseen(unseen), "{unseen:?}");
        }
        assert!(" -aÅ五👩".chars().all(|seen| !is_unseen(seen)));
        assert!("\u{200c}\u{200d}\u{fe0f}".chars().all(is_joiner) && !is_joiner('\u{200b}'));
    }
}
