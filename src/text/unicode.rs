//! Properties of characters by Unicode that the standard library lacks.

use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, JoinControl, Script, VariationSelector,
};
use icu_properties::{CodePointMapData, CodePointSetData};

fn category(letter: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(letter)
}

/// The value of a decimal digit of any script: 3 of `3`, `３` and `٣`. The ten digits of a script have consecutive code points
/// (The Unicode Standard, section 4.6).
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

/// Whether people write a character between the digits of one number: a blank, dash, bracket or slash, a point, comma, plus,
/// colon or apostrophe.
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

/// Whether a character is invisible, or looks like a common blank: default ignorable, format or separator by Unicode's
/// properties.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
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

/// Whether a character joins or varies the character before, as in many emoji and in Persian.
#[must_use]
pub fn is_joiner(letter: char) -> bool {
    CodePointSetData::new::<JoinControl>().contains(letter)
        || CodePointSetData::new::<VariationSelector>().contains(letter)
}

/// Whether the bytes of a word are UTF-8 that other encodings do not produce by chance: two letters or more of one script.
#[must_use]
pub fn is_word_of_utf_8(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|word| {
        word.contains(is_sign_of_utf_8)
            && word.chars().filter(|letter| letter.is_alphabetic()).count() > 1
            && has_one_script(word)
    })
}

/// Whether a character indicates UTF-8: letters beyond ASCII, the signs of Latin-1, and characters of three bytes or more. Rare
/// letters and marks (U+01C0 to U+037F) are excluded, because `CHLOÉ’S`, `«École»` and `LIBERTÉ…` would be damaged.
#[must_use]
pub fn is_sign_of_utf_8(letter: char) -> bool {
    match letter {
        '\0'..='\u{7f}' | '\u{1c0}'..='\u{37f}' => false,
        '\u{80}'..='\u{bf}' | '\u{2000}'.. => true,
        letter => letter.is_alphabetic(),
    }
}

/// Whether all letters of one or two bytes are of one script. Letters of three bytes are ignored, because they do not occur by
/// chance and Japanese mixes scripts.
#[must_use]
pub fn has_one_script(word: &str) -> bool {
    let scripts = CodePointMapData::<Script>::new();
    let short = word.chars().filter(|letter| *letter < '\u{800}').map(|letter| scripts.get(letter));
    let mut known = short.filter(|script| *script != Script::Common);
    let first = known.next();
    known.all(|script| Some(script) == first)
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
    fn an_invisible_character_is_recognized_by_its_property() {
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
