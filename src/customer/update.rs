//! A validated customer update: who (lookup) and what to set (fields).

use super::{Parameter, Place, Places, Values};
use std::fmt;

/// The value that removes a field (API page, "Parameters"). Exactly these six letters; `password` has no such
/// option.
pub const REMOVE: &str = "REMOVE";

/// What a row must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// A short name that never changes.
    pub name: &'static str,
    /// What is wrong with a value that breaks it, and what to do. Never holds the value.
    pub message: &'static str,
}

/// Its message.
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message)
    }
}

/// One rule that a row broke, with the parameter whose column shows it (none: the row as a whole).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the row.
    pub parameter: Option<Parameter>,
    /// What it should have kept to.
    pub rule: Rule,
}

/// A row turned into a customer update that the API can be asked to carry out: it names a customer and sets or
/// removes at least one field. Values are kept byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Update {
    /// All values, one behind the other, in the order of [`Parameter::ALL`].
    text: Box<str>,
    /// Where each parameter's value ends in `text`; it begins where the one before ends.
    ends: [u32; Parameter::COUNT],
}

impl Update {
    /// Of values that were checked, one behind the other, and where each ends.
    pub(super) fn new(text: Box<str>, ends: [u32; Parameter::COUNT]) -> Update {
        Update { text, ends }
    }

    /// The value of one parameter, if the row has one.
    #[must_use]
    pub fn get(&self, parameter: Parameter) -> Option<&str> {
        let index = parameter.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        let value = &self.text[start..self.ends[index] as usize];
        (!value.is_empty()).then_some(value)
    }

    /// Every parameter that has a value, in the order of the API page.
    pub fn values(&self) -> impl Iterator<Item = (Parameter, &str)> {
        Parameter::ALL.into_iter().filter_map(|parameter| Some((parameter, self.get(parameter)?)))
    }
}

/// Names only: values are personal data and may be passwords.
impl fmt::Debug for Update {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values().map(|(parameter, _)| parameter.name());
        formatter.debug_tuple("Update").field(&names.collect::<Vec<_>>()).finish()
    }
}

/// Collects a row's values until they are an [`Update`]. Reused from row to row.
#[derive(Default)]
pub struct UpdateBuilder {
    /// All values, one behind the other, in the order in which they came.
    text: Vec<u8>,
    /// Where each parameter's value lies in `text`.
    places: Places,
    /// Whether a value begins inside a UTF-8 sequence, so that the text tells nothing about the values.
    is_torn: bool,
    /// Whether a value was left out because there is no place behind the others.
    is_too_long: bool,
    violations: Vec<Violation>,
    /// Whether the values are known to make an update.
    is_checked: bool,
}

impl UpdateBuilder {
    /// Forgets the row before.
    pub fn clear(&mut self) {
        self.text.clear();
        self.places = [Place::default(); Parameter::COUNT];
        self.violations.clear();
        (self.is_torn, self.is_too_long, self.is_checked) = (false, false, false);
    }

    /// Sets a value as the row has it. An empty one leaves the field alone.
    pub fn set(&mut self, parameter: Parameter, value: &[u8]) {
        self.is_checked = false;
        self.is_torn |= value.first().is_some_and(|byte| byte & 0xc0 == 0x80);
        let start = self.text.len();
        match Place::new(start, start + value.len()) {
            Some(place) => {
                self.text.extend_from_slice(value);
                self.places[parameter.index()] = place;
            }
            None => self.is_too_long = true,
        }
    }

    /// Refuses a value for a reason that lies outside the API's rules: the row will be no update.
    pub fn refuse(&mut self, parameter: Parameter, rule: Rule) {
        self.violations.push(Violation { parameter: Some(parameter), rule });
    }

    /// Whether there is anything to set, ids aside.
    #[must_use]
    pub fn has_field(&self) -> bool {
        let (_, fields) = Parameter::ALL.split_at(Parameter::LOOKUPS);
        fields.iter().any(|parameter| !self.value(*parameter).is_empty())
    }

    fn value(&self, parameter: Parameter) -> &[u8] {
        self.places[parameter.index()].of(&self.text)
    }

    /// The values set so far, whether they are valid or not, for a fingerprint of a row that is no update.
    pub fn raw_values(&self) -> impl Iterator<Item = (Parameter, &[u8])> {
        Parameter::ALL
            .into_iter()
            .map(|parameter| (parameter, self.value(parameter)))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The update, or every rule the row broke.
    ///
    /// # Errors
    /// As [`UpdateBuilder::check`].
    pub fn build(&mut self) -> Result<Update, &[Violation]> {
        if self.check().is_ok()
            && let Some(update) = self.update()
        {
            return Ok(update);
        }
        Err(&self.violations)
    }

    /// The update of values that passed [`UpdateBuilder::check`]; `None` of others.
    #[must_use]
    pub fn update(&self) -> Option<Update> {
        if self.is_checked { self.values().update() } else { None }
    }

    /// Whether the values make an update. Nothing is allocated for one that does.
    ///
    /// # Errors
    /// All violations: values refused from outside, then in the order of the API page, the row's own last.
    pub fn check(&mut self) -> Result<(), &[Violation]> {
        if self.are_clean() {
            // Only these have rules of their own.
            for parameter in [Parameter::CustomerId, Parameter::SubscriptionId, Parameter::Password] {
                self.check_value(parameter);
            }
        } else {
            Parameter::ALL.into_iter().for_each(|parameter| self.check_value(parameter));
        }
        let (lookups, _) = Parameter::ALL.split_at(Parameter::LOOKUPS);
        if lookups.iter().all(|lookup| self.value(*lookup).is_empty()) {
            self.refuse_row(NO_CUSTOMER);
        }
        if !self.has_field() {
            self.refuse_row(NO_FIELD);
        }
        if self.is_too_long {
            self.refuse_row(TOO_LONG);
        }
        self.is_checked = self.violations.is_empty();
        if self.is_checked { Ok(()) } else { Err(&self.violations) }
    }

    /// Whether every value is UTF-8 without a NUL: looked at together, which is several times as fast as one by one.
    fn are_clean(&self) -> bool {
        // Where no value begins inside a character, none ends inside one.
        !self.is_torn && std::str::from_utf8(&self.text).is_ok() && memchr::memchr(0, &self.text).is_none()
    }

    fn check_value(&mut self, parameter: Parameter) {
        if let Some(rule) = value_fault(parameter, self.value(parameter)) {
            self.violations.push(Violation { parameter: Some(parameter), rule });
        }
    }

    fn refuse_row(&mut self, rule: Rule) {
        self.violations.push(Violation { parameter: None, rule });
    }

    /// The values as they lie here, valid or not.
    #[must_use]
    pub fn values(&self) -> Values<'_> {
        Values::new(&self.text, &self.places)
    }
}

/// A value that is no text. Who knows the file's encoding can say more.
pub const NOT_UTF_8: Rule = rule("not-text", "is not valid UTF-8: save the file as UTF-8");

const NO_CUSTOMER: Rule = rule("no-customer", "names no customer: fill in customer_id or subscription_id");
const NO_FIELD: Rule = rule("no-field", "has no field to set: fill in at least one column besides the ids");
const TOO_LONG: Rule = rule("too-long", "is longer than one request can be");
const NUL: Rule = rule("nul", "holds a NUL character: the file is damaged or not plain text");
const REMOVED_PASSWORD: Rule = rule(
    "remove-password",
    "is REMOVE, but a password cannot be removed (API page): set one or leave it empty",
);
const BLANK_ID: Rule = rule("blank-id", "is blank: an id must name a customer");
const CONTROL_IN_ID: Rule =
    rule("control-in-id", "holds a control character (a line break, a tab …): an id cannot have one");
const REMOVED_ID: Rule = rule("remove-id", "is REMOVE: an id names the customer and cannot be removed");

const fn rule(name: &'static str, message: &'static str) -> Rule {
    Rule { name, message }
}

/// What is wrong with one value. `None`: nothing, or there is no value.
#[must_use]
#[inline]
pub fn value_fault(parameter: Parameter, value: &[u8]) -> Option<Rule> {
    // Nearly all ids are digits.
    if value.is_empty() || parameter.is_lookup() && value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    closer_value_fault(parameter, value)
}

fn closer_value_fault(parameter: Parameter, value: &[u8]) -> Option<Rule> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Some(NOT_UTF_8);
    };
    if parameter.is_lookup() {
        return id_fault(text);
    }
    if text.contains('\0') {
        return Some(NUL);
    }
    if parameter == Parameter::Password && text == REMOVE {
        return Some(REMOVED_PASSWORD);
    }
    None
}

fn id_fault(text: &str) -> Option<Rule> {
    if text.trim().is_empty() {
        Some(BLANK_ID)
    } else if text.chars().any(char::is_control) {
        Some(CONTROL_IN_ID)
    } else if text == REMOVE {
        Some(REMOVED_ID)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(values: &[(Parameter, &[u8])]) -> Result<Update, Vec<Violation>> {
        let mut builder = UpdateBuilder::default();
        for (parameter, value) in values {
            builder.set(*parameter, value);
        }
        builder.build().map_err(<[Violation]>::to_vec)
    }

    fn first_fault(values: &[(Parameter, &[u8])]) -> (Option<Parameter>, &'static str) {
        let violations = build(values).unwrap_err();
        (violations[0].parameter, violations[0].rule.message)
    }

    #[test]
    fn values_come_back_as_they_went_in_and_in_the_order_of_the_page() {
        let update = build(&[
            (Parameter::Zip, b"01067"),
            (Parameter::City, "=1+1 & 100% \u{1f600}\n".as_bytes()),
            (Parameter::CustomerId, b"007"),
        ])
        .unwrap();
        let values: Vec<_> = update.values().collect();
        let expected = [
            (Parameter::CustomerId, "007"),
            (Parameter::City, "=1+1 & 100% \u{1f600}\n"),
            (Parameter::Zip, "01067"),
        ];
        assert_eq!(values, expected);
        assert_eq!(update.get(Parameter::Email), None);
    }

    #[test]
    fn either_id_or_both_name_the_customer() {
        let city = (Parameter::City, b"Riga".as_slice());
        for ids in [
            &[Parameter::CustomerId][..],
            &[Parameter::SubscriptionId],
            &[Parameter::CustomerId, Parameter::SubscriptionId],
        ] {
            let mut values: Vec<_> = ids.iter().map(|id| (*id, b"5".as_slice())).collect();
            values.push(city);
            assert!(build(&values).is_ok());
        }
        assert!(first_fault(&[city]).1.starts_with("names no customer"));
    }

    #[test]
    fn a_row_without_a_field_is_refused() {
        assert!(first_fault(&[(Parameter::CustomerId, b"5")]).1.starts_with("has no field"));
        assert_eq!(build(&[]).unwrap_err().len(), 2);
    }

    #[test]
    fn remove_is_a_value_for_every_field_but_the_password() {
        for parameter in Parameter::ALL.into_iter().filter(|parameter| !parameter.is_lookup()) {
            let row = build(&[(Parameter::CustomerId, b"5"), (parameter, b"REMOVE")]);
            assert_eq!(row.is_ok(), parameter != Parameter::Password, "{}", parameter.name());
        }
        assert!(build(&[(Parameter::CustomerId, b"5"), (Parameter::Password, b"remove")]).is_ok());
    }

    #[test]
    fn damaged_values_are_refused_where_they_stand() {
        let field = (Parameter::City, b"Riga".as_slice());
        let cases: [(Parameter, &[u8]); 5] = [
            (Parameter::CustomerId, b"1\n2"),
            (Parameter::CustomerId, b"  "),
            (Parameter::CustomerId, b"REMOVE"),
            (Parameter::Email, b"a\0b"),
            (Parameter::Lastname, b"M\xfcller"),
        ];
        for (parameter, value) in cases {
            let mut row = vec![(Parameter::SubscriptionId, b"5".as_slice()), field];
            row.push((parameter, value));
            assert_eq!(first_fault(&row).0, Some(parameter));
        }
    }

    /// A letter cut in two, each half the end or the beginning of another value.
    #[test]
    fn halves_of_a_letter_in_two_values_are_two_faults() {
        let values: [(Parameter, &[u8]); 3] =
            [(Parameter::CustomerId, b"5"), (Parameter::City, b"a\xc3"), (Parameter::Zip, b"\xa9b")];
        let violations = build(&values).unwrap_err();
        let places: Vec<_> = violations.iter().filter_map(|violation| violation.parameter).collect();
        assert_eq!(places, [Parameter::City, Parameter::Zip]);
    }

    proptest::proptest! {
        /// Looked at together or one by one, values have the same faults.
        #[test]
        fn the_fast_check_finds_what_the_slow_one_finds(
            cells in proptest::collection::vec(
                proptest::string::bytes_regex("(?s-u:[a0 \\x00\\xc3\\xa9\\x09]|REMOVE){0,4}").unwrap(), 18),
        ) {
            let mut builder = UpdateBuilder::default();
            for (parameter, cell) in Parameter::ALL.into_iter().zip(&cells) {
                builder.set(parameter, cell);
            }
            let slow: Vec<_> = Parameter::ALL
                .into_iter()
                .zip(&cells)
                .filter_map(|(parameter, cell)| Some((parameter, value_fault(parameter, cell)?)))
                .collect();
            let found = builder.check().err().unwrap_or_default();
            let fast: Vec<_> =
                found.iter().filter_map(|found| Some((found.parameter?, found.rule))).collect();
            proptest::prop_assert_eq!(fast, slow);
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let update = build(&[(Parameter::CustomerId, b"5"), (Parameter::Password, b"hunter2")]).unwrap();
        assert_eq!(format!("{update:?}"), r#"Update(["customer_id", "password"])"#);
    }
}
