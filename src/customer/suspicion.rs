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
    DateForNumber,
    Formula,
    Apostrophe,
    LeadingZeroLost,
    NoAt,
    EmailShape,
    Country,
    Blanks,
    LineBreak,
    Mojibake,
    Replacement,
    Invisible,
    Entity,
    RepeatedHeader,
}

impl Suspicion {
    /// A short name that never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// What is suspicious and what to do.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Suspicion::AlmostRemove => ("almost-remove", ALMOST_REMOVE),
            Suspicion::SpreadsheetError => {
                ("spreadsheet-error", "is an error of a spreadsheet, such as #N/A: correct its formula there")
            }
            Suspicion::Null => (
                "null",
                "is a word that programs write for no value, such as NULL: leave the cell empty, or write REMOVE",
            ),
            Suspicion::Scientific => (
                "scientific",
                "is a number as 1.23E+11, whose last digits are lost: format the column as text in the original",
            ),
            Suspicion::DecimalPoint => (
                "decimal-point",
                "is a number with .0 behind it, which an export has added: export it as text",
            ),
            Suspicion::DateForNumber => (
                "date",
                "is a date such as 5-Jul, which spreadsheets make of 5/7: format the column as text in the original",
            ),
            Suspicion::Formula => {
                ("formula", "is written as a formula, such as =\"0123\": export the value alone")
            }
            Suspicion::Apostrophe => (
                "apostrophe",
                "begins with the apostrophe by which spreadsheets mark text: export the value alone",
            ),
            Suspicion::LeadingZeroLost => (
                "zero-lost",
                "has four digits where the country has five: a leading zero is lost; format the column as text in \
                 the original",
            ),
            Suspicion::NoAt => ("email-without-at", "has no @: it is no e-mail address"),
            Suspicion::EmailShape => (
                "email-shape",
                "is no single e-mail address: a part is missing, or there is a blank, comma or second @",
            ),
            Suspicion::Country => ("country", "is not two letters, as country codes are (ISO 3166: US, DE)"),
            Suspicion::Blanks => {
                ("blanks", "has blanks around it, which are sent with it: nobody would see them")
            }
            Suspicion::LineBreak => ("line-break", "holds a line break"),
            Suspicion::Mojibake => (
                "mojibake",
                "holds letters like Ã¼ for ü: the file was read in a wrong encoding before it was saved",
            ),
            Suspicion::Replacement => (
                "replacement",
                "holds the character \u{fffd}, which stands for letters that an earlier program lost",
            ),
            Suspicion::Invisible => {
                ("invisible", "holds a character that nobody sees (zero width, direction, byte order mark)")
            }
            Suspicion::RepeatedHeader => ("repeated-header", REPEATED_HEADER),
            Suspicion::Entity => ("entity", "holds an HTML entity such as &amp;: export plain text"),
        }
    }
}

const ALMOST_REMOVE: &str = "is almost REMOVE: for small letters or blanks it would be set as a value; write REMOVE \
                             alone to remove a field (a password cannot be removed)";

const REPEATED_HEADER: &str =
    "is the name of its column: a second header, as of two files put together; delete that line";
