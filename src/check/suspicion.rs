//! The kinds of values that the API accepts and that are probably mistakes, left by exports, spreadsheets and wrong encodings.
//! Each is a guess, so no suspicion keeps a row from being sent.

/// A reason why a value is suspicious.
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

    /// The message: the fault, and what to do. It stands alone.
    #[must_use]
    pub fn message(self) -> &'static str {
        TEXTS[self as usize].2
    }
}

use Suspicion as S;

/// The name and the message of each, in the order of the enum.
const TEXTS: [(Suspicion, &str, &str); Suspicion::Entity as usize + 1] = [
    (
        S::AlmostRemove,
        "almost-remove",
        "'remove' is stored as text. To remove the field, write exactly REMOVE (a password cannot be removed)",
    ),
    (
        S::SpreadsheetError,
        "spreadsheet-error",
        "spreadsheet error such as #N/A. Correct the formula, and export again",
    ),
    (
        S::Null,
        "null",
        "placeholder such as NULL, n/a or -. Leave the cell empty to keep the field, or write REMOVE to remove it",
    ),
    (
        S::Scientific,
        "scientific",
        "number in scientific notation such as 1.23E+11, which loses digits. Export the column as text",
    ),
    (S::DecimalPoint, "decimal-point", "number with decimals such as 10241.0. Export the column as text"),
    (
        S::NumberSpelling,
        "number-spelling",
        "number with a sign, separators or unusual digits, such as 1,024,100. Export it in plain digits",
    ),
    (
        S::OddId,
        "odd-id",
        "id unlike nearly all others: a total, a footer or a damaged id? Delete the row, or correct the id",
    ),
    (S::DateForNumber, "date", "date such as 5-Jul, as spreadsheets write 5/7. Export the column as text"),
    (S::Formula, "formula", "spreadsheet formula such as =\"0123\". Export values instead of formulas"),
    (
        S::Apostrophe,
        "apostrophe",
        "leading apostrophe, by which spreadsheets mark text. Export the value without it",
    ),
    (
        S::LeadingZeroLost,
        "zero-lost",
        "zip code with 4 digits, expected 5: a spreadsheet probably dropped a leading zero. Export the column as text",
    ),
    (S::NoAt, "email-without-at", "e-mail address without an @. Correct it"),
    (
        S::EmailShape,
        "email-shape",
        "not one valid e-mail address: a part is missing, or it contains a blank, a comma or a second @. Correct it",
    ),
    (
        S::Country,
        "country",
        "country is not a two-letter code such as DE or US. Correct it, or map it with a table of values",
    ),
    (
        S::Blanks,
        "blanks",
        "leading or trailing blanks, which would be stored too. Remove them unless they are intended",
    ),
    (S::LineBreak, "line-break", "line break in the value. Remove it unless it is intended"),
    (
        S::Control,
        "control",
        "control character: the text is damaged, or was read in a wrong encoding. Enter the value again",
    ),
    (
        S::Mojibake,
        "mojibake",
        "letters such as Ã¼ in place of ü: an earlier program read the file in a wrong encoding. Export it again as UTF-8",
    ),
    (
        S::Replacement,
        "replacement",
        "the character \u{fffd} in place of letters that an earlier program lost. Enter the value again",
    ),
    (
        S::Invisible,
        "invisible",
        "invisible character (zero width, text direction, unusual blank), or a blank in an id. Enter the value again",
    ),
    (S::Entity, "entity", "HTML entity such as &amp;. Export plain text"),
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
