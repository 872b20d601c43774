//! What becomes of a cell before it is a value: trimmed, its letters changed, looked up in a table, filled in.
//! One transform a column, made once; the common one, which trims and no more, copies nothing.

use crate::customer::{Parameter, REMOVE, Rule, UpdateBuilder};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// What an empty cell does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Empty {
    /// It leaves the field as it is.
    #[default]
    Keep,
    /// It removes the field, if the API lets it be removed.
    Remove,
}

/// What becomes of the letters of a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Letters {
    /// Nothing.
    #[default]
    Keep,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// Only the digits 0 to 9 are left.
    Digits,
}

impl Letters {
    /// The text with these letters. Doing it twice is doing it once.
    #[must_use]
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Letters::Keep => Cow::Borrowed(text),
            Letters::Lower => Cow::Owned(text.to_lowercase()),
            Letters::Upper => Cow::Owned(text.to_uppercase()),
            Letters::Digits => Cow::Owned(text.chars().filter(char::is_ascii_digit).collect()),
        }
    }
}

/// What becomes of a value that a table does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// It is sent as it is.
    #[default]
    Keep,
    /// The row is invalid.
    Invalid,
}

/// A table of values. Its `Debug` holds none of them.
#[derive(Clone, Default)]
pub struct Table {
    /// What stands in the cell, trimmed and its letters changed, and what to make of it.
    pub values: HashMap<String, String>,
    /// For all other values.
    pub otherwise: Otherwise,
}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Table({} values, otherwise {:?})", self.values.len(), self.otherwise)
    }
}

/// What becomes of the cells of a column, in the order of the fields. `REMOVE` passes through untouched. Its `Debug`
/// holds no value.
#[derive(Clone)]
pub struct Transform {
    /// Whether blanks around the cell are dropped.
    pub trim: bool,
    /// What becomes of its letters.
    pub letters: Letters,
    /// What it is looked up in.
    pub table: Option<Table>,
    /// What stands in for an empty one.
    pub default: Option<String>,
    /// What one does that is empty still.
    pub empty: Empty,
}

impl fmt::Debug for Transform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transform { trim, letters, table, default, empty } = self;
        let default = default.as_ref().map(|_| "***");
        write!(formatter, "Transform({trim} {letters:?} {table:?} {default:?} {empty:?})")
    }
}

impl Transform {
    /// That of a column about which nothing else was said. Passwords are not trimmed: a blank may belong to one, and
    /// nobody would see that it is gone. Ids and passwords cannot be removed (API page): an empty one stays empty.
    #[must_use]
    pub fn of(parameter: Parameter, empty: Empty) -> Transform {
        Transform {
            trim: parameter != Parameter::Password,
            letters: Letters::Keep,
            table: None,
            default: None,
            empty: if parameter.is_removable() { empty } else { Empty::Keep },
        }
    }

    /// Whether it does nothing but trim.
    pub(super) fn only_trims(&self) -> bool {
        self.trim && self.only_borrows()
    }

    /// Whether what becomes of a cell is the cell or a part of it.
    pub(super) fn only_borrows(&self) -> bool {
        self.letters == Letters::Keep
            && self.table.is_none()
            && self.default.is_none()
            && self.empty == Empty::Keep
    }

    /// Sets a parameter to what becomes of a cell. Gives whether there is anything in the cell.
    pub(super) fn apply(&self, parameter: Parameter, cell: &[u8], builder: &mut UpdateBuilder) -> bool {
        let cell = if self.trim || is_blank_password(parameter, cell) { trimmed(cell) } else { cell };
        self.apply_rest(parameter, cell, builder);
        !cell.is_empty()
    }

    fn apply_rest(&self, parameter: Parameter, cell: &[u8], builder: &mut UpdateBuilder) {
        let mut value = match std::str::from_utf8(cell) {
            // Not text, which the builder says.
            Err(_) => return builder.set(parameter, cell),
            Ok(REMOVE) => return builder.set(parameter, cell),
            Ok(text) => self.letters.apply(text),
        };
        if value == REMOVE {
            builder.set(parameter, cell);
            return builder.refuse(parameter, BECOMES_REMOVE);
        }
        if let Some(table) = self.table.as_ref().filter(|_| !value.is_empty()) {
            match table.values.get(value.as_ref()) {
                Some(found) => value = Cow::Borrowed(found),
                None if table.otherwise == Otherwise::Invalid => {
                    builder.refuse(parameter, NOT_IN_TABLE);
                }
                None => {}
            }
        }
        let default = self.default.as_deref().filter(|_| value.is_empty());
        let value = default.unwrap_or(&value);
        let is_removed = value.is_empty() && self.empty == Empty::Remove;
        builder.set(parameter, if is_removed { REMOVE } else { value }.as_bytes());
    }
}

const NOT_IN_TABLE: Rule = Rule {
    name: "not-in-table",
    message: "is not in the column's table of values, and otherwise = \"invalid\" is in force: add it to the table or \
              correct the cell",
};

const BECOMES_REMOVE: Rule = Rule {
    name: "becomes-remove",
    message: "would be REMOVE in upper case, which removes the field: write REMOVE if that is meant",
};

/// Whether a cell is empty although a blank may belong to a password: one of nothing else is what exports with columns
/// of one width write where there is none.
#[inline]
pub(super) fn is_blank_password(parameter: Parameter, cell: &[u8]) -> bool {
    parameter == Parameter::Password && trimmed(cell).is_empty()
}

/// A cell without the blanks around it: every white space of Unicode, the no-break space of Excel too.
#[inline]
pub(super) fn trimmed(cell: &[u8]) -> &[u8] {
    trimmed_at(cell).1
}

/// The same, with the number of bytes before it.
#[inline]
pub(super) fn trimmed_at(cell: &[u8]) -> (usize, &[u8]) {
    match cell {
        [] => (0, cell),
        [first, .., last] | [first @ last] if first.is_ascii_graphic() && last.is_ascii_graphic() => {
            (0, cell)
        }
        _ => trimmed_with_care(cell),
    }
}

fn trimmed_with_care(cell: &[u8]) -> (usize, &[u8]) {
    // Every blank beyond ASCII begins with one of these bytes in UTF-8.
    let may_begin =
        |byte: &u8| !byte.is_ascii_graphic() && (*byte < 0xc2 || matches!(byte, 0xc2 | 0xe1..=0xe3));
    let may_end = match cell {
        [.., 0xc3..=0xdf, 0x80..=0xbf] => false,
        [.., last] => !last.is_ascii_graphic(),
        [] => false,
    };
    if !may_end && !cell.first().is_some_and(may_begin) {
        return (0, cell);
    }
    let value = trimmed_slowly(cell);
    let is_at_end = value.is_empty();
    (if is_at_end { cell.len() } else { cell.len() - start_trimmed(cell).len() }, value)
}

/// A cell without the blanks before it.
fn start_trimmed(cell: &[u8]) -> &[u8] {
    match std::str::from_utf8(cell) {
        Ok(text) => text.trim_start().as_bytes(),
        Err(_) => cell.trim_ascii_start(),
    }
}

fn trimmed_slowly(cell: &[u8]) -> &[u8] {
    match std::str::from_utf8(cell) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => cell.trim_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(
        transform: &Transform,
        parameter: Parameter,
        cell: &str,
    ) -> Result<Option<String>, &'static str> {
        let mut builder = UpdateBuilder::default();
        builder.set(Parameter::CustomerId, b"1");
        builder.set(Parameter::Zip, b"1");
        transform.apply(parameter, cell.as_bytes(), &mut builder);
        match builder.build() {
            Ok(update) => Ok(update.get(parameter).map(str::to_owned)),
            Err(violations) => Err(violations[0].rule.message),
        }
    }

    fn country(values: &[(&str, &str)], otherwise: Otherwise) -> Transform {
        let values = values.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        Transform {
            table: Some(Table { values, otherwise }),
            ..Transform::of(Parameter::Country, Empty::Keep)
        }
    }

    #[test]
    fn blanks_around_a_cell_are_dropped_but_not_those_of_a_password() {
        let plain = |parameter| Transform::of(parameter, Empty::Keep);
        for (cell, expected) in [
            ("  Riga\t", Some("Riga")),
            ("\u{a0}São Paulo\u{3000}\r\n", Some("São Paulo")),
            (" \t ", None),
            ("Å", Some("Å")),
        ] {
            let found = value(&plain(Parameter::City), Parameter::City, cell);
            assert_eq!(found.unwrap().as_deref(), expected, "{cell:?}");
        }
        let kept = value(&plain(Parameter::Password), Parameter::Password, " s3cret ");
        assert_eq!(kept.unwrap().as_deref(), Some(" s3cret "));
        let blank = value(&plain(Parameter::Password), Parameter::Password, " \u{a0} ");
        assert_eq!(blank.unwrap(), None, "a cell of blanks is empty");
    }

    #[test]
    fn the_order_is_trim_letters_table_default_empty() {
        let mut transform = country(&[("UNITED STATES", "us"), ("N/A", "")], Otherwise::Keep);
        transform.letters = Letters::Upper;
        transform.default = Some("LV".to_owned());
        for (cell, expected) in [(" United States ", "us"), ("de", "DE"), ("n/a", "LV"), ("", "LV")] {
            assert_eq!(value(&transform, Parameter::Country, cell).unwrap().as_deref(), Some(expected));
        }
        transform.default = None;
        transform.empty = Empty::Remove;
        for cell in ["n/a", "", "  ", "REMOVE", " REMOVE "] {
            assert_eq!(value(&transform, Parameter::Country, cell).unwrap().as_deref(), Some(REMOVE));
        }
    }

    #[test]
    fn what_a_table_does_not_have_passes_or_makes_the_row_invalid() {
        let values = [("United States", "US")];
        let keep = country(&values, Otherwise::Keep);
        assert_eq!(value(&keep, Parameter::Country, "Latvia").unwrap().as_deref(), Some("Latvia"));
        let strict = country(&values, Otherwise::Invalid);
        assert_eq!(value(&strict, Parameter::Country, "Latvia"), Err(NOT_IN_TABLE.message));
        assert_eq!(value(&strict, Parameter::Country, "").unwrap(), None);
        assert_eq!(value(&strict, Parameter::Country, "REMOVE").unwrap().as_deref(), Some(REMOVE));
    }

    #[test]
    fn no_transform_makes_or_unmakes_a_removal_by_accident() {
        let with = |letters| Transform { letters, ..Transform::of(Parameter::Lastname, Empty::Keep) };
        for letters in [Letters::Lower, Letters::Upper, Letters::Digits] {
            let found = value(&with(letters), Parameter::Lastname, "REMOVE");
            assert_eq!(found.unwrap().as_deref(), Some(REMOVE));
        }
        assert_eq!(value(&with(Letters::Upper), Parameter::Lastname, "Remove"), Err(BECOMES_REMOVE.message));
    }

    #[test]
    fn what_cannot_be_removed_is_left_alone_when_it_is_empty() {
        for parameter in Parameter::ALL {
            let transform = Transform::of(parameter, Empty::Remove);
            assert_eq!(transform.empty == Empty::Remove, parameter.is_removable(), "{}", parameter.name());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_left_to_the_builder() {
        let mut transform = Transform::of(Parameter::City, Empty::Remove);
        transform.letters = Letters::Lower;
        let mut builder = UpdateBuilder::default();
        assert!(transform.apply(Parameter::City, b" M\xfcnchen ", &mut builder));
        assert!(builder.build().unwrap_err()[0].rule.message.contains("not valid UTF-8"));
    }

    #[test]
    fn debug_shows_no_value() {
        let mut transform = country(&[("hunter1", "hunter2")], Otherwise::Keep);
        transform.default = Some("hunter3".to_owned());
        assert!(!format!("{transform:?}").contains("hunter"));
    }

    #[test]
    fn no_letter_changes_again() {
        for letter in char::MIN..=char::MAX {
            let text = letter.to_string();
            for letters in [Letters::Lower, Letters::Upper, Letters::Digits] {
                let once = letters.apply(&text).into_owned();
                assert_eq!(letters.apply(&once), once, "{letter:?} {letters:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn trimming_twice_is_trimming_once(cell in proptest::collection::vec(any::<u8>(), 0..12)) {
            let once = trimmed(&cell);
            prop_assert_eq!(trimmed(once), once);
        }

        #[test]
        fn trimming_drops_blanks_and_nothing_else(
            before in "[ \t\r\n\u{a0}\u{2003}]{0,4}", text in "\\PC{0,8}", behind in "[ \t\r\n\u{a0}\u{2003}]{0,4}",
        ) {
            let cell = format!("{before}{text}{behind}");
            prop_assert_eq!(trimmed(cell.as_bytes()), text.trim().as_bytes());
        }

        #[test]
        fn letters_changed_twice_are_letters_changed_once(text in any::<String>()) {
            for letters in [Letters::Keep, Letters::Lower, Letters::Upper, Letters::Digits] {
                let once = letters.apply(&text).into_owned();
                prop_assert_eq!(letters.apply(&once).into_owned(), once.clone());
            }
        }
    }
}
