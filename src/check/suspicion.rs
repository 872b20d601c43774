//! Values that the API takes and that are hardly meant: what exports, spreadsheets and wrong encodings leave behind.
//! These are guesses. None of them keeps a row from being sent.

/// Why a value is suspicious.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each has its name and its message below")]
pub enum Suspicion {
    AlmostRemove,
    SpreadsheetError,
    Null,
    Scientific,
    DecimalPoint,
    NumberSpelling,
    OddId,
    DateForNumber,
    Formula,
    Apostrophe,
    LeadingZeroLost,
    NoAt,
    EmailShape,
    Country,
    Blanks,
    LineBreak,
    Control,
    Mojibake,
    Replacement,
    Invisible,
    Entity,
}

impl Suspicion {
    /// A short name that never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        TEXTS[self as usize].1
    }

    /// The message: the fault, and what to do.
    #[must_use]
    pub fn message(self) -> &'static str {
        TEXTS[self as usize].2
    }
}

use Suspicion as S;

/// The name and the message of each, in the order of the enum.
#[rustfmt::skip]
const TEXTS: [(Suspicion, &str, &str); Suspicion::Entity as usize + 1] = [
    (S::AlmostRemove, "almost-remove",
        "is almost REMOVE, and is set as a value: write REMOVE alone to remove a field (a password cannot be removed)"),
    (S::SpreadsheetError, "spreadsheet-error", "is an error of a spreadsheet, such as #N/A: correct its formula there"),
    (S::Null, "null", "stands for no value, such as NULL or -: leave the cell empty, or write REMOVE"),
    (S::Scientific, "scientific",
        "is a number as 1.23E+11, whose last digits are lost: format the column as text in the original"),
    (S::DecimalPoint, "decimal-point", "is a number with decimals that an export added, such as 10241.0: export it as text"),
    (S::NumberSpelling, "number-spelling",
        "is a number in another spelling, such as 1,024,100 or digits of another script: export it in plain digits"),
    (S::OddId, "odd-id",
        "looks unlike nearly all other ids, as a total, a footer or a damaged id: delete the row, or correct the id"),
    (S::DateForNumber, "date", "is a date such as 5-Jul, made of 5/7: format the column as text in the original"),
    (S::Formula, "formula", "is written as a formula, such as =\"0123\": export the value alone"),
    (S::Apostrophe, "apostrophe", "begins with the apostrophe that marks text in a spreadsheet: export the value alone"),
    (S::LeadingZeroLost, "zero-lost",
        "has four digits where the country has five, as a leading zero is lost: format the column as text in the original"),
    (S::NoAt, "email-without-at", "has no @: it is no e-mail address"),
    (S::EmailShape, "email-shape",
        "is no single e-mail address: a part is missing, or there is a blank, comma or second @"),
    (S::Country, "country", "is not two letters, as country codes are (ISO 3166: US, DE)"),
    (S::Blanks, "blanks", "has blanks around it, which are sent with it: nobody would see them"),
    (S::LineBreak, "line-break", "holds a line break"),
    (S::Control, "control", "holds a control character, so the text or its encoding is damaged: type the value anew"),
    (S::Mojibake, "mojibake", "holds letters like Ã¼ for ü: the file was read in a wrong encoding before it was saved"),
    (S::Replacement, "replacement", "holds the character \u{fffd}, which stands for letters that an earlier program lost"),
    (S::Invisible, "invisible",
        "holds a character that nobody sees (zero width, direction, a rare blank), or is an id with a blank: type it anew"),
    (S::Entity, "entity", "holds an HTML entity such as &amp;: export plain text"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_suspicion_has_a_name_of_its_own() {
        assert!(TEXTS.iter().enumerate().all(|(index, (suspicion, ..))| *suspicion as usize == index));
        let names: BTreeSet<_> = TEXTS.iter().map(|(suspicion, ..)| suspicion.name()).collect();
        assert_eq!(names.len(), TEXTS.len());
    }
}
