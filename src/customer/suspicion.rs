//! Values that the API takes and that are hardly meant: what exports, spreadsheets and wrong encodings leave behind.
//! These are guesses. None of them keeps a row from being sent.

/// What makes a value suspicious.
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

    /// What is suspicious and what to do.
    #[must_use]
    pub fn message(self) -> &'static str {
        TEXTS[self as usize].2
    }
}

/// The name and the message of each, in the order of the enum.
const TEXTS: [(Suspicion, &str, &str); Suspicion::Entity as usize + 1] = [
    (
        Suspicion::AlmostRemove,
        "almost-remove",
        "is almost REMOVE: for small letters or blanks it would be set as a value; write REMOVE alone to remove a field \
         (a password cannot be removed)",
    ),
    (
        Suspicion::SpreadsheetError,
        "spreadsheet-error",
        "is an error of a spreadsheet, such as #N/A: correct its formula there",
    ),
    (
        Suspicion::Null,
        "null",
        "is a word or sign that programs write for no value, such as NULL or -: leave the cell empty, or write REMOVE",
    ),
    (
        Suspicion::Scientific,
        "scientific",
        "is a number as 1.23E+11, whose last digits are lost: format the column as text in the original",
    ),
    (
        Suspicion::DecimalPoint,
        "decimal-point",
        "is a number with decimals, such as 10241.0, which an export has added: export it as text",
    ),
    (
        Suspicion::NumberSpelling,
        "number-spelling",
        "is a number in another spelling, such as 1,024,100 or digits of another script: export it as text, in plain \
         digits",
    ),
    (
        Suspicion::OddId,
        "odd-id",
        "does not look like nearly all other ids of its column: it may be a total, a footer or a damaged id; delete the \
         row or correct the id",
    ),
    (
        Suspicion::DateForNumber,
        "date",
        "is a date such as 5-Jul, which spreadsheets make of 5/7: format the column as text in the original",
    ),
    (Suspicion::Formula, "formula", "is written as a formula, such as =\"0123\": export the value alone"),
    (
        Suspicion::Apostrophe,
        "apostrophe",
        "begins with the apostrophe by which spreadsheets mark text: export the value alone",
    ),
    (
        Suspicion::LeadingZeroLost,
        "zero-lost",
        "has four digits where the country has five: a leading zero is lost; format the column as text in the original",
    ),
    (Suspicion::NoAt, "email-without-at", "has no @: it is no e-mail address"),
    (
        Suspicion::EmailShape,
        "email-shape",
        "is no single e-mail address: a part is missing, or there is a blank, comma or second @",
    ),
    (Suspicion::Country, "country", "is not two letters, as country codes are (ISO 3166: US, DE)"),
    (Suspicion::Blanks, "blanks", "has blanks around it, which are sent with it: nobody would see them"),
    (Suspicion::LineBreak, "line-break", "holds a line break"),
    (
        Suspicion::Control,
        "control",
        "holds a control character: the text is damaged, or in an encoding that switches by such characters",
    ),
    (
        Suspicion::Mojibake,
        "mojibake",
        "holds letters like Ã¼ for ü: the file was read in a wrong encoding before it was saved",
    ),
    (
        Suspicion::Replacement,
        "replacement",
        "holds the character \u{fffd}, which stands for letters that an earlier program lost",
    ),
    (
        Suspicion::Invisible,
        "invisible",
        "holds a character that nobody sees (zero width, direction, a blank other than the common one), or is an id with \
         a blank in it: type the value anew",
    ),
    (Suspicion::Entity, "entity", "holds an HTML entity such as &amp;: export plain text"),
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
