//! Transforms a cell into a value: trims it, changes its letters, looks it up in a table, fills it in. Each column has one
//! transform.

use crate::customer::{Parameter, REMOVE, Rule};
use crate::text::{decimal_digit, is_digit_separator};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// The effect of an empty cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Empty {
    /// The field keeps its value.
    #[default]
    Keep,
    /// The field is removed, if the API can remove it.
    Remove,
}

/// A change of the letters of a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Letters {
    /// No change.
    #[default]
    Keep,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// Only the digits of the cell, of any script, as 0 to 9.
    Digits,
}

impl Letters {
    /// The text with its letters changed. `None` for a text of more than digits and separators, if only its digits are wanted.
    /// Idempotent: a second call changes nothing.
    #[must_use]
    pub fn apply(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Letters::Keep => Some(Cow::Borrowed(text)),
            Letters::Lower => Some(Cow::Owned(text.to_lowercase())),
            Letters::Upper => Some(Cow::Owned(text.to_uppercase())),
            Letters::Digits => digits(text).map(Cow::Owned),
        }
    }
}

/// The digits of a text of digits and separators. `None` for a text with other characters, without a digit, or with decimals,
/// whose digits would be another number.
fn digits(text: &str) -> Option<String> {
    let mut digits = String::with_capacity(text.len());
    for letter in text.chars() {
        match decimal_digit(letter).and_then(|value| char::from_digit(value, 10)) {
            Some(digit) => digits.push(digit),
            None if is_digit_separator(letter) => {}
            None => return None,
        }
    }
    let is_separated =
        text.is_empty() || !digits.is_empty() && are_ends_of_number(text) && !has_decimals(text);
    is_separated.then_some(digits)
}

/// Whether a number begins and ends as people write numbers: without a minus or another separator before or after it.
fn are_ends_of_number(text: &str) -> bool {
    let is_digit = |letter: char| decimal_digit(letter).is_some();
    text.starts_with(|letter: char| is_digit(letter) || matches!(letter, '+' | '(' | '（'))
        && text.ends_with(|letter: char| is_digit(letter) || matches!(letter, ')' | '）'))
}

/// Whether a point or comma may begin decimals. It is a separator only if it has at least two digits on both sides and occurs
/// again, or if the text begins with 0 and at least three digits follow.
fn has_decimals(text: &str) -> bool {
    let Some(mark) = text.chars().find(|letter| matches!(letter, '.' | ',')) else { return false };
    let parts: Vec<&str> = text.split(['.', ',']).collect();
    let is_digit = |letter: &char| decimal_digit(*letter).is_some();
    let digits_behind = |part: &str| part.chars().take_while(is_digit).count();
    let digits_before = |part: &str| part.chars().rev().take_while(is_digit).count();
    let sides = parts.iter().zip(&parts[1..]);
    let are_groups =
        sides.clone().all(|(before, behind)| digits_before(before) > 1 && digits_behind(behind) > 1);
    let is_of_phone =
        || text.chars().next().and_then(decimal_digit) == Some(0) && digits_behind(parts[1]) > 2;
    let is_one_mark = text.chars().filter(|letter| matches!(letter, '.' | ',')).all(|other| other == mark);
    !are_groups || !is_one_mark || parts.len() == 2 && !is_of_phone()
}

/// The treatment of a value that a table lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// The value is sent unchanged.
    #[default]
    Keep,
    /// The row is invalid.
    Invalid,
}

/// A table of values. `Debug` shows none of the values.
#[derive(Clone, Default)]
pub struct Table {
    /// The values by cell, where the cell is trimmed and its letters are changed.
    pub values: HashMap<String, String>,
    /// The treatment of all other values.
    pub otherwise: Otherwise,
}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Table({} values, otherwise {:?})", self.values.len(), self.otherwise)
    }
}

/// The steps from the cells of a column to its values, in the order of the fields. `REMOVE` stays unchanged. `Debug`
/// shows no value.
#[derive(Clone)]
pub struct Transform {
    /// Whether blanks around the cell are dropped.
    pub trim: bool,
    /// The change of the cell's letters.
    pub letters: Letters,
    /// The table in which the cell is looked up.
    pub table: Option<Table>,
    /// The value of an empty cell.
    pub default: Option<String>,
    /// The effect of a cell that is still empty.
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
    /// The transform of a column without a rule. Passwords are not trimmed: a blank may belong to a password, and nobody
    /// would see that it is gone. Ids and passwords cannot be removed (API page): an empty cell stays empty.
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

    /// Whether cells are sent as they are, except for their blanks: most columns are.
    fn is_plain(&self) -> bool {
        let Transform { letters, table, default, empty, .. } = self;
        *letters == Letters::Keep && table.is_none() && default.is_none() && *empty == Empty::Keep
    }

    /// Whether the table has a translation of a cell.
    #[must_use]
    pub fn translates(&self, cell: &str) -> bool {
        let Some(table) = &self.table else { return false };
        let cell = if self.trim { cell.trim() } else { cell };
        self.letters.apply(cell).is_some_and(|cell| table.values.contains_key(&*cell))
    }

    /// Whether blanks around a cell are dropped. Blanks may belong to a password, but a cell of blanks is no password:
    /// exports with columns of fixed width write it.
    pub fn trims(&self, parameter: Parameter, cell: &str) -> bool {
        self.trim || parameter == Parameter::Password && cell.trim().is_empty()
    }

    /// The value of a cell whose blanks are dropped.
    ///
    /// # Errors
    /// The rule that the cell breaks, with the value that a report shows.
    pub fn apply<'cell>(&'cell self, cell: &'cell str) -> Result<Cow<'cell, str>, (Rule, Cow<'cell, str>)> {
        if cell == REMOVE || self.is_plain() {
            return Ok(cell.into());
        }
        let Some(value) = self.letters.apply(cell) else { return Err((NOT_DIGITS, cell.into())) };
        if value == REMOVE {
            return Err((BECOMES_REMOVE, cell.into()));
        }
        let value = match &self.table {
            Some(table) if !value.is_empty() => match table.values.get(&*value) {
                Some(found) => found.into(),
                None if table.otherwise == Otherwise::Invalid => return Err((NOT_IN_TABLE, value)),
                None => value,
            },
            _ => value,
        };
        let value = match &self.default {
            Some(default) if value.is_empty() => default.into(),
            _ => value,
        };
        match () {
            () if !value.is_empty() || self.empty == Empty::Keep => Ok(value),
            () if cell.is_empty() => Ok(REMOVE.into()),
            () => Err((BECOMES_EMPTY, REMOVE.into())),
        }
    }
}

const NOT_IN_TABLE: Rule = Rule {
    name: "not-in-table",
    message: "the value is not in the column's table of values (otherwise = \"invalid\"). Add it to the table, or correct the cell",
};

const NOT_DIGITS: Rule = Rule {
    name: "not-digits",
    message: "the value has letters, decimals or an exponent, so digits = true would change the number. Correct the cell",
};

const BECOMES_EMPTY: Rule = Rule {
    name: "becomes-empty",
    message: "the column's table of values makes this cell empty, and empty = \"remove\" would then remove the field. If \
              that is intended, write REMOVE in the table",
};

const BECOMES_REMOVE: Rule = Rule {
    name: "becomes-remove",
    message: "upper = true makes this cell REMOVE, which removes the field. If that is intended, write REMOVE in the cell",
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(
        transform: &Transform,
        parameter: Parameter,
        cell: &str,
    ) -> Result<Option<String>, &'static str> {
        let cell = if transform.trims(parameter, cell) { cell.trim() } else { cell };
        match transform.apply(cell) {
            Ok(value) => Ok(Some(value.into_owned()).filter(|value| !value.is_empty())),
            Err((rule, _)) => Err(rule.message),
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
        for cell in ["", "  ", "REMOVE", " REMOVE "] {
            assert_eq!(value(&transform, Parameter::Country, cell).unwrap().as_deref(), Some(REMOVE));
        }
        assert_eq!(value(&transform, Parameter::Country, "n/a"), Err(BECOMES_EMPTY.message));
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
                let Some(once) = letters.apply(&text).map(Cow::into_owned) else { continue };
                assert_eq!(letters.apply(&once).as_deref(), Some(&*once), "{letter:?} {letters:?}");
            }
        }
    }

    #[test]
    fn digits_are_taken_from_digits_and_separators_alone() {
        let transform =
            Transform { letters: Letters::Digits, ..Transform::of(Parameter::Custom1, Empty::Remove) };
        let found = |cell| value(&transform, Parameter::Custom1, cell);
        for (cell, digits) in [
            ("+49 (0)170 123-456/7", "4901701234567"),
            ("０１７０－１２３", "0170123"),
            ("٠١٧٠\u{a0}١٢٣", "0170123"),
            ("01.23.45.67.00", "0123456700"),
            ("030.1234567", "0301234567"),
            ("1’024’100", "1024100"),
            ("REMOVE", REMOVE),
            ("", REMOVE),
        ] {
            assert_eq!(found(cell), Ok(Some(digits.to_owned())), "{cell}");
        }
        for cell in [
            "491701234567.0",
            "491701234567.",
            "4.917E+11",
            "4917E11",
            "1067.00",
            "1,067.00",
            "1.067,5",
            "10,241",
            "1.5",
            "#REF!",
            "n/a",
            "--",
            "+",
            "030 12 ext. 5",
            "12\u{200b}3",
            "½",
            "-1067.0",
            "(10241.0)",
            "10241.0-",
            "10241. 0",
            "1.0241.0",
            "10.5 20.5",
            "-5",
            "()",
        ] {
            assert_eq!(found(cell), Err(NOT_DIGITS.message), "{cell}");
        }
    }

    proptest! {
        /// Whatever the cell and the transform: one that was not empty removes nothing, but by the word.
        #[test]
        fn a_cell_that_was_not_empty_is_never_a_removal(
            cell in "\\PC{1,6}|[0-9 .,+-]{1,8}",
            letters in proptest::sample::select(vec![Letters::Keep, Letters::Lower, Letters::Upper, Letters::Digits]),
            has_table: bool,
        ) {
            let values = [("A", ""), ("-", ""), ("1", "2")].map(|(from, to)| (from.to_owned(), to.to_owned()));
            let table = Table { values: values.into(), otherwise: Otherwise::Keep };
            let transform = Transform {
                letters,
                table: has_table.then_some(table),
                ..Transform::of(Parameter::City, Empty::Remove)
            };
            let found = value(&transform, Parameter::City, &cell);
            let is_removal = found.is_ok_and(|value| value.as_deref() == Some(REMOVE));
            prop_assert!(!is_removal || cell.trim().is_empty() || cell.trim() == REMOVE);
        }

        /// Digits with separators are those digits, in whatever script; with anything else the row is invalid.
        #[test]
        fn digits_are_all_digits_of_the_cell_or_none(
            parts in proptest::collection::vec(("[0-9]{3,5}", "[ /()\u{a0}\u{2013}-]{1,2}"), 1..5),
            zero in proptest::sample::select(vec!['0', '０', '٠', '०']),
            other in proptest::option::of("[A-Za-z#½\u{200b}é]"),
        ) {
            let spelt = |digits: &str| -> String {
                digits.bytes().filter_map(|byte| char::from_u32(u32::from(zero) + u32::from(byte - b'0'))).collect()
            };
            let mut cell: String = parts.iter().map(|(digits, sign)| spelt(digits) + sign).collect();
            cell.push_str(&spelt("7"));
            let plain = parts.iter().map(|(digits, _)| &**digits).collect::<String>() + "7";
            cell.push_str(other.as_deref().unwrap_or_default());
            let expected = other.is_none().then_some(plain);
            prop_assert_eq!(Letters::Digits.apply(cell.trim()).map(Cow::into_owned), expected);
        }

        #[test]
        fn letters_changed_twice_are_letters_changed_once(text in any::<String>()) {
            for letters in [Letters::Keep, Letters::Lower, Letters::Upper, Letters::Digits] {
                let Some(once) = letters.apply(&text).map(Cow::into_owned) else { continue };
                let twice = letters.apply(&once).map(Cow::into_owned);
                prop_assert_eq!(twice, Some(once.clone()));
            }
        }
    }
}
